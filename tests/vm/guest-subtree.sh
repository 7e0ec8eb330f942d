#!/usr/bin/env bash
# systemd takes controllers away from the root's cgroup.subtree_control that none of its
# units wants. Pods are beside its tree, or in a unit that wants all: their limits are to stay.
. "$(dirname "$0")/lib.sh"
unit=bound.pod root=/sys/fs/cgroup

limits() {
	local f group
	group=$(group_of bound)
	for f in memory.max memory.high cpu.max cpu.weight pids.max cpuset.cpus; do
		echo "$f=$(cat "$group/$f") $(cat "$group/c-app/$f")"
	done
}
controllers() { tr ' ' '\n' <$root/cgroup.subtree_control | sort | tr '\n' ' '; }

# What makes systemd look again at what it wants there.
systemd_thinks() {
	local p
	for p in CPUQuota=50% AllowedCPUs=0 IOWeight=50; do
		systemd-run --quiet --wait -p "$p" true || return 1
		systemd-run --quiet --slice=think.slice --wait -p "$p" true || return 1
	done
	systemd-run --quiet --unit=thinks -p CPUQuota=50% -p AllowedCPUs=0 sleep infinity &&
		systemctl set-property --runtime thinks.service CPUQuota= AllowedCPUs= &&
		systemctl daemon-reload && systemctl stop thinks.service && systemctl daemon-reexec
}

# The lab's own unit is delegated, which keeps every controller on.
delegate() {
	mkdir -p /run/systemd/system/vmlab.service.d
	printf '[Service]\nDelegate=%s\n' "$1" >/run/systemd/system/vmlab.service.d/subtree.conf
	systemctl daemon-reload
}
# Without a pod, so that it is known what is to be feared.
is_taken_away() {
	systemd_thinks && controllers
	systemd-run --quiet --unit=wants -p CPUQuota=50% -p AllowedCPUs=0 sleep infinity && controllers &&
		grep -qw cpu $root/cgroup.subtree_control && systemctl stop wants.service && systemd_thinks &&
		controllers && ! grep -qw cpuset $root/cgroup.subtree_control
}
starts() {
	local group
	systemctl start $unit || journalctl -q -o cat -u $unit -n 20
	group=$(group_of bound)
	controllers; cat "$group/../cgroup.subtree_control"; limits; is_bounded
}
is_bounded() {
	local group
	group=$(group_of bound)
	[ "$(cat $group/memory.max) $(cat $group/c-app/memory.max)" = '67108864 33554432' ] &&
		[ "$(cat $group/cpu.max) $(cat $group/c-app/cpu.max)" = '50000 100000 20000 100000' ] &&
		[ "$(cat $group/c-app/pids.max) $(cat $group/c-app/cpu.weight)" = '50 33' ] &&
		[ "$(cat $group/c-app/cpuset.cpus)" = 0 ]
}
stay() {
	local before before_of_root
	before=$(limits) before_of_root=$(controllers)
	systemd_thinks && diff <(echo "$before") <(limits) && is_bounded || return 1
	echo "before: $before_of_root; after: $(controllers)"
	systemctl status --no-pager $unit && ! podctl status bound | grep -i 'limit.*not'
}
# A later pod, and a change of the one that runs, find the controllers.
are_changed() {
	local group
	group=$(group_of bound)
	sed -i s/CPUQuota=20%/CPUQuota=30%/ /etc/podd/bound.pod
	systemctl reload $unit && [ "$(cat $group/c-app/cpu.max)" = '30000 100000' ] &&
		systemctl restart $unit && [ "$(cat $group/c-app/cpu.max)" = '30000 100000' ]
}

cp -r $dest/. / && mkdir -p /etc/podd
printf '%s\n' '[Pod]' MemoryMax=64M CPUQuota=50% '[Network]' Mode=none '[Container app]' Rootfs=/ \
	'Exec=sleep infinity' MemoryMax=32M CPUQuota=20% CPUWeight=33 TasksMax=50 AllowedCPUs=0 >/etc/podd/bound.pod
delegate no
check "subtree: without a pod systemd takes away what it does not want" is_taken_away
check "subtree: a pod with limits starts" starts
check "subtree: its limits stay whatever systemd wants" stay
check "subtree: and are changed" are_changed
systemctl stop $unit && rm /etc/podd/bound.pod
delegate yes
finish
