#!/usr/bin/env bash
# podd-generator under a real systemd: pod files as units, their order, their faults.
. "$(dirname "$0")/lib.sh"
etc=/etc/podd usr=/usr/share/podd

# pod FILE LINE...: a pod file that is right, with these lines at its end.
pod() {
	local file=$1; shift
	printf '%s\n' '[Network]' Mode=none '[Container app]' 'Rootfs=/' 'Exec=sleep infinity' "$@" >"$file"
}
podd_of() { show MainPID "$1.pod"; }
generator_says() { timeout 60 journalctl -t podd-generator -f -n +1 -o cat | grep -m 1 -F -- "$1"; }

write_files() {
	cp -r $dest/. / && mkdir -p $etc $usr && systemctl preset pods.target || return 1
	pod $etc/db.pod '[Install]' WantedBy=pods.target
	pod $usr/web.pod '[Unit]' 'Description=The shop' Requires=db.pod After=db.pod '[Install]' \
		WantedBy=pods.target
	pod $etc/kiosk@.pod '[Install]' WantedBy=pods.target DefaultInstance=left
	pod $etc/idle.pod
	printf '[Pod]\nMemoryMx=1\n[Install]\nWantedBy=pods.target\n' >$etc/bad.pod
	systemctl daemon-reload
	systemctl list-unit-files --no-legend --no-pager '*.pod.service'
	[ "$(show LoadState web.pod)" = loaded ] && [ "$(show UnitFileState web.pod)" = generated ] &&
		[ "$(show Description web.pod)" = 'The shop' ] && [ "$(show SourcePath web.pod)" = $usr/web.pod ]
}

# What the start of a machine does. One broken file keeps nobody else from starting.
target_starts_them() {
	show Wants multi-user.target | grep -w pods.target || return 1
	systemctl start multi-user.target && active pods.target db.pod web.pod kiosk@left.pod && ! active idle.pod
}

# As an administrator has it who wants no pods with the machine; the preset is for once.
disabled_target() {
	systemctl stop db.pod web.pod kiosk@left.pod pods.target && systemctl disable pods.target || return 1
	show Wants multi-user.target
	[ "$(show UnitFileState pods.target)" = disabled ] && ! show Wants multi-user.target | grep -w pods.target &&
		systemctl start multi-user.target && ! active pods.target && ! active web.pod || return 1
	systemctl preset pods.target && target_starts_them
}

# A pod that requires another one starts after it is ready, and ends before it does.
in_order() {
	local db web
	db=$(show ActiveEnterTimestampMonotonic db.pod) web=$(show ExecMainStartTimestampMonotonic web.pod)
	echo "db ready at $db, web started at $web"
	[ "$db" -le "$web" ] || return 1
	systemctl stop db.pod && ! active web.pod || return 1
	db=$(show InactiveExitTimestampMonotonic db.pod) web=$(show ExecMainExitTimestampMonotonic web.pod)
	[ "$web" -le "$(show ExecMainExitTimestampMonotonic db.pod)" ] &&
		systemctl start web.pod && active db.pod web.pod
}

broken_file_is_told() {
	generator_says "$etc/bad.pod:2:1: unknown key 'MemoryMx'"
	[ "$(show ActiveState bad.pod)" = failed ] && [ "$(show ExecMainStatus bad.pod)" = 2 ] &&
		[ "$(show NRestarts bad.pod)" = 0 ] || return 1
	systemctl status --no-pager bad.pod
	systemctl status --no-pager bad.pod | grep "$etc/bad.pod:2:1: unknown key 'MemoryMx' in \[Pod\]"
}

mended_file_starts() {
	pod $etc/bad.pod && systemctl start bad.pod && active bad.pod && systemctl stop bad.pod
}

# The volume's file system cannot be mounted: the pod fails with the line of its file, and has
# not got the directory that is there instead.
missing_volume() {
	mkdir -p /mnt/never/data
	pod $etc/vol.pod Volume=/mnt/never/data:/data:noidmap
	printf '/dev/disk/by-label/never /mnt/never ext4 x-systemd.device-timeout=1s,nofail 0 0\n' >>/etc/fstab
	systemctl daemon-reload
	! systemctl start vol.pod || return 1
	systemctl status --no-pager vol.pod
	systemctl status --no-pager vol.pod |
		grep "Status: .*$etc/vol.pod:6:1: .*'/mnt/never' is not mounted, and '/etc/fstab' says" &&
		[ "$(show ExecMainStatus vol.pod)" = 1 ] && ! pgrep -f 'pod-pause vol' && active web.pod
}

# It is tried again, so it starts as soon as the file system is there; and ends with it.
late_volume() {
	mount -t tmpfs none /mnt/never && mkdir /mnt/never/data || return 1
	until_ok active vol.pod && systemctl restart vol.pod && podctl exec vol app -- ls -d /data || return 1
	systemctl stop mnt-never.mount && ! active vol.pod && ! mountpoint /mnt/never
}

# An automount is asked for what it mounts, also by a unit that does not want that. What it
# cannot mount is not there: that is told with the line, and tried again.
auto_volume() {
	local units=/run/systemd/system
	printf '[Mount]\nWhere=/mnt/auto\nWhat=none\nType=tmpfs\n' >$units/mnt-auto.mount
	printf '[Automount]\nWhere=/mnt/auto\n' >$units/mnt-auto.automount
	pod $etc/auto.pod Volume=/mnt/auto:/data:noidmap && systemctl daemon-reload &&
		systemctl start mnt-auto.automount && systemctl start pod@auto || return 1
	[ "$(podctl exec auto app -- stat -f -c %T /data)" = tmpfs ] || return 1
	# The unit that wants the mount does not end with it: an automount lets go of what is idle.
	systemctl stop pod@auto && systemctl start auto.pod && systemctl stop mnt-auto.mount &&
		active auto.pod && [ "$(podctl exec auto app -- stat -f -c %T /data)" = tmpfs ] &&
		systemctl stop auto.pod || return 1
	systemctl stop mnt-auto.mount && sed -i s/tmpfs/nofs/ $units/mnt-auto.mount &&
		sed -i s,/mnt/auto:,/mnt/auto/below:, $etc/auto.pod && systemctl daemon-reload &&
		systemctl reset-failed mnt-auto.mount && active mnt-auto.automount || return 1
	! systemctl start pod@auto
	systemctl status --no-pager pod@auto
	systemctl status --no-pager pod@auto | grep "Status: .*$etc/auto.pod:6:1: .*'/mnt/auto/below': No such device" &&
		[ "$(show ExecMainStatus pod@auto)/$(show SubState pod@auto)" = 1/auto-restart ] &&
		systemctl stop pod@auto mnt-auto.automount && rm $units/mnt-auto.*mount
}

# A source that is only not there: podd says so.
missing_source() {
	pod $etc/src.pod Volume=/srv/nothing:/data
	systemctl daemon-reload
	! systemctl start src.pod || return 1
	systemctl status --no-pager src.pod | grep "$etc/src.pod:6:1: .*/srv/nothing" || return 1
	[ "$(show Result src.pod)" != success ] && systemctl stop src.pod && active web.pod
}

# An image that is not there: its unit fails and tells the line, and tries again, but not
# for ever; others go on.
missing_image() {
	pod $etc/img.pod '[Unit]' StartLimitBurst=2 && sed -i 's,^Rootfs=.*,Image=nothing:1,' $etc/img.pod
	systemctl daemon-reload
	! systemctl start img.pod || return 1
	systemctl status --no-pager img.pod
	systemctl status --no-pager img.pod | grep "Status: .*$etc/img.pod:4:1: .*image 'nothing:1'" || return 1
	[ "$(show StartLimitIntervalUSec web.pod)/$(show StartLimitBurst web.pod)" = 5min/30 ] || return 1
	for _ in $(seq 120); do
		[ "$(show ActiveState img.pod)" != failed ] || break
		timeout 1 journalctl -u img.pod -f -n 0 >/dev/null || true
	done
	systemctl --failed --no-legend --no-pager | grep 'img\.pod' &&
		systemctl status --no-pager img.pod | grep "Status: .*$etc/img.pod:4:1: " &&
		systemctl reset-failed img.pod && active web.pod
}

# No room for what a container writes: its unit fails, one that writes nothing starts.
full_disk() {
	mkdir -p /var/lib/podd/pods && mount -t tmpfs -o nr_inodes=1 none /var/lib/podd/pods || return 1
	pod $etc/full.pod Writable=yes && systemctl daemon-reload
	! systemctl start full.pod || return 1
	systemctl status --no-pager full.pod
	systemctl status --no-pager full.pod | grep 'Status: .*No space left on device' &&
		systemctl restart idle.pod && active idle.pod && systemctl stop full.pod idle.pod &&
		umount /var/lib/podd/pods && systemctl start full.pod && active full.pod
}

# pod@web runs the file of /etc, so it is another one's turn there.
other_name_takes_turns() {
	systemctl start pod@db && active pod@db && ! active db.pod || return 1
	systemctl start db.pod && active db.pod && ! active pod@db
}

# The podd of the one name is dead for good, and one of the other name has adopted the pod: a stop
# of the former's units is none of the pod, and no failure.
other_name_adopts() {
	local before left=/run/systemd/system/pod@db.service.d
	mkdir -p $left && printf '[Service]\nRestart=no\n' >$left/once.conf
	systemctl daemon-reload && systemctl start pod@db || return 1
	before=$(podctl inspect db | grep -m 1 '"pid"')
	kill -KILL "$(show MainPID pod@db)" && until_show ActiveState failed pod@db &&
		active pod-orphan@db || return 1
	systemctl start db.pod && journalctl -u db.pod -o cat | grep "pod 'db': adopted" || return 1
	systemctl stop pod@db
	systemctl status --no-pager pod@db pod-orphan@db db.pod
	echo "before: $before, after: $(podctl inspect db | grep -m 1 '"pid"')"
	[ "$(show ActiveState pod-orphan@db)" = inactive ] && active db.pod &&
		[ -n "$before" ] && [ "$(podctl inspect db | grep -m 1 '"pid"')" = "$before" ] &&
		systemctl stop db.pod && [ ! -e /run/podd/db ] && ! pgrep -f 'pod-pause db' || return 1
	rm -r $left && systemctl daemon-reload
	systemctl reset-failed pod@db 2>/dev/null || true
}

drop_in_of_etc() {
	mkdir -p $etc/web.pod.d
	printf '%s\n' '[Pod]' TimeoutStopSec=7 '[Install]' WantedBy= >$etc/web.pod.d/ours.conf
	systemctl start web.pod && systemctl daemon-reload
	systemctl show -p TimeoutStopUSec,WantedBy,ActiveState web.pod
	[ "$(show TimeoutStopUSec web.pod)" = 17s ] && [ -z "$(show WantedBy web.pod)" ] && active web.pod
}

new_instance() {
	mkdir $etc/kiosk@right.pod.d && systemctl daemon-reload &&
		systemctl start kiosk@right.pod && active kiosk@right.pod kiosk@left.pod &&
		podctl status kiosk@right | grep '^app .* running '
}

# Its unit, too, has another one beside it for a stop without a podd (guest-unit.sh).
orphan_is_stopped() {
	kill -KILL "$(podd_of web)" && until_show SubState auto-restart web.pod && systemctl stop web.pod &&
		journalctl -u web.pod-orphan -o cat | grep "pod 'web': stopped" && [ ! -e /run/podd/web ] &&
		systemctl start web.pod && active web.pod web.pod-orphan
}

# Nor does it take the file, which may be broken by now: what runs is what is stopped.
broken_orphan_is_stopped() {
	systemctl start idle.pod && cp $etc/idle.pod /run/idle.pod && echo MemoryMx=1 >>$etc/idle.pod &&
		kill -KILL "$(podd_of idle)" && until_show ActiveState failed idle.pod &&
		pgrep -f 'pod-pause idle' && systemctl stop idle.pod || return 1
	systemctl status --no-pager idle.pod idle.pod-orphan
	[ "$(show ActiveState idle.pod-orphan)" = inactive ] && [ ! -e /run/podd/idle ] &&
		! pgrep -f 'pod-pause idle' || return 1
	# With nothing to stop it is no failure either.
	! systemctl start idle.pod && active idle.pod-orphan && systemctl stop idle.pod &&
		[ "$(show ActiveState idle.pod-orphan)" = inactive ] && mv /run/idle.pod $etc/idle.pod
}

# The unit of a pod that runs stays what it is, until that is stopped.
file_goes() {
	local pid is
	is=$(show KillMode web.pod)/$(show Delegate web.pod)
	pid=$(podctl inspect web | grep -m 1 '"pid"' | tr -dc 0-9)
	mv $usr/web.pod $usr/web.gone && systemctl daemon-reload &&
		[ "$(show Description web.pod)" = "Pod web, whose file is gone" ] &&
		[ "$(show KillMode web.pod)/$(show Delegate web.pod)" = "$is" ] || return 1
	kill -KILL "$(podd_of web)"
	# It is not started again, but its pod runs, and is taken over when the file is back.
	until_show ActiveState failed web.pod && [ -e "/proc/$pid" ] || return 1
	mv $usr/web.gone $usr/web.pod && systemctl daemon-reload && systemctl restart web.pod &&
		podctl inspect web | grep "\"pid\": $pid\b" || return 1
	mv $usr/web.pod $usr/web.gone && systemctl daemon-reload && systemctl stop web.pod &&
		[ ! -e /run/podd/web ] && systemctl daemon-reload &&
		[ "$(show LoadState web.pod)" = not-found ] || return 1
	mv $usr/web.gone $usr/web.pod && systemctl daemon-reload && systemctl start web.pod && active web.pod
}

hidden_pod() {
	systemctl stop web.pod && ln -s /dev/null $etc/web.pod && systemctl daemon-reload
	[ "$(show LoadState web.pod)" = not-found ]
}

nothing_left() {
	systemctl stop '*.pod.service'
	systemctl disable --now pods.target || return 1
	rm -r $etc $usr && sed -i /never/d /etc/fstab && systemctl daemon-reload
	[ -z "$(systemctl list-unit-files --no-legend '*.pod.service')" ] || return 1
	! pgrep -l 'podd|pod-pause' && ! compgen -G '/sys/fs/cgroup/podd*'
}

check "generator: pod files become units" write_files
check "generator: multi-user.target starts those that [Install] names" target_starts_them
check "generator: a target that is disabled starts none" disabled_target
check "generator: a pod waits for the one that it requires" in_order
check "generator: a broken file is in the journal and in its unit's status" broken_file_is_told
check "generator: mended, it starts without a daemon-reload" mended_file_starts
check "generator: a volume that is never mounted holds its pod, no other" missing_volume
check "generator: it starts when that is there, and is stopped before it goes" late_volume
check "generator: a volume on an automount is what that mounts" auto_volume
check "generator: a volume's source that is not there is told by podd" missing_source
check "generator: an image that is not there is told by podd" missing_image
check "generator: a full disk is told by podd, and holds no other pod" full_disk
check "generator: NAME.pod and pod@NAME take turns" other_name_takes_turns
check "generator: a stop of the one leaves a pod that the other has adopted" other_name_adopts
check "generator: a drop-in of /etc for a file of /usr/share" drop_in_of_etc
check "generator: an instance by its directory" new_instance
check "generator: a pod whose podd was killed is stopped as well" orphan_is_stopped
check "generator: so it is when its file is broken by then" broken_orphan_is_stopped
check "generator: a pod that runs keeps its unit when its file goes" file_goes
check "generator: a hidden pod has no unit" hidden_pod
check "generator: leaves nothing" nothing_left
finish
