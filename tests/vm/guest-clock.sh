#!/usr/bin/env bash
# The clock set ten years forward and back under a running pod: only in a machine
# of its own can that be done.
. "$(dirname "$0")/lib.sh"
root=$(mktemp -d)
mkdir -p "$root/etc/podd"
export PATH=$PWD/build:$PATH

podctl() { command podctl --root "$root" "$@"; }
# In a subshell of check(): its pid is kept in a file.
launch() {
	command podd --root "$root" "$root/etc/podd/clock.pod" >"$root/said" 2>&1 &
	echo $! >"$root/pid"
}
said() { timeout 60 tail -F -n +1 "$root/said" 2>/dev/null | grep -q -m 1 "$1"; }
gone() { timeout 60 tail --pid="$(cat "$root/pid")" -f /dev/null; }

facts() {
	podctl status --json clock | jq -c '[.state, (.containers[] | [.name, .state, .pid, .restarts])]'
}

starts() {
	cat >"$root/etc/podd/clock.pod" <<-END
		[Network]
		Mode=none
		[Container stays]
		Rootfs=/
		Exec=sh -c 'i=0; while :; do read -r x </fifo || continue; i=\$((i + 1)); echo line \$i; done'
		Volume=$root/fifo:/fifo
		[Container fails]
		Rootfs=/
		Exec=sh -c 'exit 3'
		RestartSec=2s
		RestartMaxSec=2s
	END
	mkfifo "$root/fifo"
	launch
	said "'fails': backoff"
}

restarted_after() { [ "$(podctl status --json clock | jq '.containers[1].restarts')" -gt "$1" ]; }
# step_to TIME: the clock, and then all goes on: log, events, backoff, status.
step_to() {
	local before ends
	before=$(facts | jq -c '.[1]')
	ends=$(podctl status --json clock | jq '.containers[1].restarts')
	date -s "$1" >/dev/null || return 1
	echo >"$root/fifo"
	# Its restart is 2 s from its end, whatever the clock says.
	until_ok restarted_after "$ends" || return 1
	facts
	[ "$(facts | jq -c '.[1]')" = "$before" ]
}

logs_go_on() { [ "$(podctl logs -c stays clock | tr '\n' ' ')" = 'line 1 line 2 ' ]; }

# Another podd, when the clock says that the pod was started in the future.
adopted() {
	local before
	before=$(facts | jq -c '.[1]')
	kill -KILL "$(cat "$root/pid")" && gone || return 1
	launch
	said "'clock': adopted" || return 1
	[ "$(facts | jq -c '.[1]')" = "$before" ]
}

stops() { podctl stop clock && gone; }

now=$(date +%s)
check "clock: a pod starts" starts
check "clock: ten years forward: the backoff ends in time, what runs runs on" \
	step_to "@$((now + 315360000))"
check "clock: ten years back: the same" step_to "@$((now - 315360000))"
check "clock: every line is in the log" logs_go_on
check "clock: podd killed, another one adopts" adopted
date -s "@$((now + 60))" >/dev/null
check "clock: a stop" stops
rm -rf "$root"
finish
