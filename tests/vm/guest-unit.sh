#!/usr/bin/env bash
# The unit pod@.service under a real systemd, with podd installed.
set -u
n=0 failed=0 dest=build/dest unit=pod@tiny.service

check() {  # check NAME COMMAND...
	local name=$1 out; shift
	n=$((n + 1))
	if out=$("$@" 2>&1); then
		echo "ok $n - $name"
	else
		failed=1
		echo "not ok $n - $name"
		sed 's/^/# /' <<<"$out"
	fi
}

show() { systemctl show -P "$1" $unit; }
container_pid() { podctl inspect tiny | grep -m 1 '"pid"'; }

unit_is_right() {
	local said
	said=$(systemd-analyze verify --man=no $unit 2>&1) && ! grep -i 'pod@' <<<"$said"
}

# systemctl comes back when podd has said READY=1.
starts() {
	systemctl start $unit && [ "$(show ActiveState)" = active ] &&
		podctl status tiny | grep '^app .* running '
}

# Killed, podd is started again and takes over what runs on.
killed_podd_adopts() {
	local before main seen
	before=$(container_pid) main=$(show MainPID) || return 1
	[ -n "$before" ] || return 1
	kill -KILL "$main"
	seen=$(timeout 60 journalctl -u $unit -f -n +1 -o cat | grep -m 1 ': adopted')
	echo "$seen, before: $before, after: $(container_pid)"
	[ -n "$seen" ] && [ "$(container_pid)" = "$before" ] && [ "$(show MainPID)" != "$main" ] &&
		[ "$(show NRestarts)" = 1 ]
}

stops() {
	systemctl stop $unit && [ "$(show Result)" = success ] && [ "$(show ExecMainStatus)" = 0 ]
}

nothing_left() {
	! pgrep -l 'podd|pod-pause' && ! compgen -G '/sys/fs/cgroup/podd*' && [ ! -e /run/podd/tiny ] &&
		! ip link show podd0
}

wrong_file_is_not_tried_again() {
	printf '[Pod]\nMemoryMx=1\n' >/etc/podd/wrong.pod
	! systemctl start pod@wrong.service && [ "$(systemctl show -P ExecMainStatus pod@wrong)" = 2 ] &&
		[ "$(systemctl show -P NRestarts pod@wrong)" = 0 ] &&
		journalctl -u pod@wrong -o cat | grep "^/etc/podd/wrong.pod:2:1: unknown key 'MemoryMx'"
}

cp -r $dest/. / && systemctl daemon-reload && mkdir -p /etc/podd
printf '%s\n' '[Container app]' 'Rootfs=/' 'Exec=sleep infinity' MemoryMax=32M >/etc/podd/tiny.pod
check "unit: systemd has nothing to say about it" unit_is_right
check "unit: starts, and is ready when the pod runs" starts
check "unit: a podd that was killed comes back and adopts its pod" killed_podd_adopts
check "unit: stops in order" stops
check "unit: leaves nothing" nothing_left
check "unit: a wrong pod file ends in status 2, once" wrong_file_is_not_tried_again
exit $failed
