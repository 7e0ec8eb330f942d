#!/usr/bin/env bash
# The unit pod@.service under a real systemd, with podd installed.
. "$(dirname "$0")/lib.sh"
unit=pod@tiny.service

container_pid() { podctl inspect tiny | grep -m 1 '"pid"'; }

unit_is_right() {
	local said
	said=$(systemd-analyze verify --man=no $unit 2>&1) && ! grep -i 'pod@' <<<"$said"
}

# systemctl comes back when podd has said READY=1.
# What podd may do is what it needs, and its containers have podd.pod(5)'s capabilities
# and one filter, which is podd's.
is_bounded() {
	local of_podd of_container
	of_podd=$(awk '/^CapBnd/ { print $2 }' "/proc/$(show MainPID)/status")
	of_container=$(podctl exec tiny app -- sed -n 's/^CapBnd:\t//p' /proc/self/status)
	echo "podd $of_podd, container $of_container"
	[ "$of_podd" = 0000000088ac15fb ] && [ "$of_container" = 00000000000004eb ] &&
		podctl exec tiny app -- grep -q '^Seccomp_filters:.2$' /proc/self/status # podd's and its own
}

starts() {
	systemctl start $unit && [ "$(show ActiveState)" = active ] &&
		podctl status tiny | grep '^app .* running '
}

status_names_containers() {
	systemctl status --no-pager $unit | grep 'Status: "running, 1 of 1 ready: app running"'
}

in_its_group() {
	local group
	group=$(group_of tiny)
	echo "in $group, podd in $(cat "/proc/$(show MainPID)/cgroup")"
	systemctl status --no-pager $unit
	[ "$(cat "$group/c-app/cgroup.procs")" = "$(container_pid | tr -dc 0-9)" ] || return 1
	if [ "$(show DelegateSubgroup)" != supervisor ]; then
		[ "$group/$(show Delegate)" = /sys/fs/cgroup/podd/tiny/no ]
		return
	fi
	[ "$(show Type)/$(show Delegate)/$(show KillMode)" = notify-reload/yes/process ] &&
		[ "$group" = "/sys/fs/cgroup$(show ControlGroup)/pod-tiny" ] &&
		[ "$(cat "$group/../supervisor/cgroup.procs")" = "$(show MainPID)" ] &&
		systemctl status --no-pager $unit | grep 'sleep infinity'
}

# systemctl waits for a reload, and says whether it was refused.
reloads() {
	local before status
	before=$(container_pid)
	sed -i s/MemoryMax=32M/MemoryMax=33M/ /etc/podd/tiny.pod
	systemctl reload $unit && [ "$(show ActiveState)/$(show SubState)" = active/running ] &&
		[ "$(cat "$(group_of tiny)/c-app/memory.max")" = 34603008 ] || return 1
	sed -i s/MemoryMax=33M/MemoryMx=33M/ /etc/podd/tiny.pod
	systemctl reload $unit; status=$?
	sed -i s/MemoryMx=33M/MemoryMax=33M/ /etc/podd/tiny.pod
	journalctl -u $unit -o cat | grep "tiny.pod:4:1: unknown key 'MemoryMx'" || return 1
	[ $status != 0 ] && [ "$(show ActiveState)/$(show SubState)" = active/running ] &&
		[ "$(container_pid)" = "$before" ]
}

# A restart of the pod by podctl is none of the unit, nor its end.
podctl_restarts() {
	local main before
	main=$(show MainPID) before=$(container_pid)
	podctl restart tiny && [ "$(show ActiveState)/$(show SubState)" = active/running ] &&
		[ "$(show MainPID)" = "$main" ] && [ "$(container_pid)" != "$before" ]
}

other_main() { [ "$(show MainPID)" != "$1" ]; }
# podd stands still: systemd kills it, and the next one adopts.
hung_podd_is_replaced() {
	local before main
	mkdir -p /run/systemd/system/$unit.d
	printf '[Service]\nWatchdogSec=10\n' >/run/systemd/system/$unit.d/soon.conf
	systemctl daemon-reload && systemctl restart $unit || return 1
	before=$(container_pid) main=$(show MainPID)
	kill -STOP "$main"
	until_ok other_main "$main"
	journalctl -u $unit -o cat | grep 'Watchdog timeout' || return 1
	until_show SubState running && until_show ActiveState active || return 1
	rm -r /run/systemd/system/$unit.d && systemctl daemon-reload
	echo "before: $before, after: $(container_pid), $main -> $(show MainPID)"
	[ "$(container_pid)" = "$before" ] && [ "$(show MainPID)" != "$main" ]
}

# A stop that podd does not do, since it stands still, is a stop all the same. It is frozen, in
# a group that systemd does not thaw: SIGCONT comes with SIGTERM.
hung_podd_is_stopped() {
	local still=/sys/fs/cgroup/still
	mkdir -p $still /run/systemd/system/$unit.d
	printf '[Service]\nTimeoutStopSec=5\n' >/run/systemd/system/$unit.d/soon.conf
	systemctl daemon-reload && show MainPID >$still/cgroup.procs && echo 1 >$still/cgroup.freeze &&
		systemctl stop $unit
	systemctl status --no-pager -n 20 $unit
	rm -r /run/systemd/system/$unit.d && systemctl daemon-reload && rmdir $still
	[ "$(show Result)" = timeout ] && ! pgrep -l 'podd|pod-pause' && [ ! -e /run/podd/tiny ] &&
		systemctl start $unit && [ "$(show NRestarts)" = 0 ]
}

# Its container ignores the signal for a stop, so that podd is killed while it waits.
killed_in_its_stop() {
	local pid verb
	printf '%s\n' '[Pod]' TimeoutStopSec=8s '[Container app]' Rootfs=/ \
		'Exec=sh -c "trap : TERM; while :; do sleep 1; done"' >/etc/podd/tiny.pod
	systemctl restart $unit || return 1
	for verb in stop restart; do
		pid=$(show MainPID)
		systemctl $verb --no-block $unit && until_show SubState stop-sigterm && kill -KILL "$pid" || return 1
		if [ $verb = stop ]; then
			until_show ActiveState failed && ! pgrep -l 'podd|pod-pause' && [ ! -e /run/podd/tiny ] &&
				systemctl start $unit || return 1
		else
			until_show SubState running && [ "$(show MainPID)" != "$pid" ] &&
				[ "$(show NRestarts)" = 0 ] && podctl status tiny | grep '^app .* running ' || return 1
		fi
	done
}

# In the unit's own group, where its limits and devices hold for the pod, too.
delegated() {
	local group=/sys/fs/cgroup/system.slice/system-pod.slice/$unit
	mkdir -p /run/systemd/system/$unit.d
	printf '[Service]\nDelegate=yes\nMemoryMax=64M\n' >/run/systemd/system/$unit.d/own.conf
	systemctl daemon-reload && systemctl restart $unit || return 1
	systemctl status --no-pager $unit
	[ "$(cat "$group/memory.max")" = 67108864 ] && [ -d "$group/pod-tiny/c-app" ] &&
		script -qec 'podctl exec -it tiny app -- tty' /dev/null </dev/null | grep /dev/pts/ &&
		podctl exec tiny app -- sh -c 'head -c 1 /dev/urandom >/dev/null && : </dev/zero >/dev/full' ||
		return 1
	rm -r /run/systemd/system/$unit.d && systemctl daemon-reload && systemctl restart $unit
}

restarts() {
	local before
	before=$(container_pid)
	systemctl restart $unit && [ "$(show ActiveState)" = active ] && [ "$(container_pid)" != "$before" ]
}

# SIGTERM to all of the unit's group: podd alone, or the pod as well (254).
killed_is_stopped() {
	systemctl kill $unit
	until_show ActiveState inactive && [ "$(show Result)" = success ] && systemctl start $unit
}

reloads_told() { journalctl -u $unit -o cat | grep -c "^pod 'tiny': reload: "; }
told_more_than() { [ "$(reloads_told)" -gt "$1" ]; }
is_new() { [ "$(container_pid)" != "$1" ] && podctl status tiny | grep '^app .* running '; }
in_unit() { [ "$(show DelegateSubgroup)" = supervisor ]; }
# SIGHUP to all: podd reloads; containers that it ends are started again, as their file says.
hangup_reloads() {
	local before main told
	before=$(container_pid) main=$(show MainPID) told=$(reloads_told)
	systemctl kill -s HUP $unit && until_ok told_more_than "$told" || return 1
	if in_unit; then
		until_ok is_new "$before" || return 1
	else
		[ "$(container_pid)" = "$before" ] || return 1
	fi
	systemctl status --no-pager $unit
	[ "$(show MainPID)" = "$main" ] && active $unit && [ "$(pgrep -c pod-pause)" = 1 ]
}

# SIGKILL to all: where podd is alone, its pod runs on; else that is made anew.
killed_is_back() {
	local before main
	before=$(container_pid) main=$(show MainPID)
	systemctl kill -s KILL $unit && until_ok other_main "$main" && until_show ActiveState active || return 1
	echo "before: $before, after: $(container_pid), $main -> $(show MainPID)"
	podctl status tiny | grep '^app .* running ' && [ "$(pgrep -c pod-pause)" = 1 ] || return 1
	if in_unit; then
		[ "$(container_pid)" != "$before" ]
	else
		[ "$(container_pid)" = "$before" ]
	fi
}

# To podd alone.
main_is_killed() {
	local before main
	before=$(container_pid) main=$(show MainPID)
	systemctl kill --kill-who=main -s KILL $unit && until_ok other_main "$main" &&
		until_show ActiveState active && [ "$(container_pid)" = "$before" ]
}

# Killed, podd is started again and takes over what runs on.
killed_podd_adopts() {
	local before main
	before=$(container_pid) main=$(show MainPID) || return 1
	[ -n "$before" ] || return 1
	kill -KILL "$main"
	until_ok eval "journalctl -u $unit -o cat | grep ': adopted'" || return 1
	echo "before: $before, after: $(container_pid)"
	[ "$(container_pid)" = "$before" ] && [ "$(show MainPID)" != "$main" ] &&
		[ "$(show NRestarts)" = 1 ]
}

# Pause, containers and podd at once, by the unit where the pod is in it: systemd has kept what
# the container wrote last.
counted() { [ "$(wc -l </srv/words/count)" -gt "$1" ]; }
killed_together() {
	local log=/var/log/podd/words/app.log main group n count said
	mkdir -m 777 /srv/words
	printf '%s\n' '[ ! -e /vol/again ] || { echo again; exec sleep infinity; }' \
		'i=0; while :; do i=$((i + 1)); echo $i; echo $i >&3; done 3>/vol/count' >/srv/words/run.sh
	printf '%s\n' '[Container app]' Rootfs=/ 'Exec=sh /vol/run.sh' Volume=/srv/words:/vol \
		LogMaxSize=infinity >/etc/podd/words.pod
	systemctl start pod@words && until_ok counted 1000 || return 1
	[ "$(show NFileDescriptorStore pod@words)" = 4 ] || return 1
	main=$(show MainPID pod@words) group=$(group_of words) || return 1
	kill -STOP "$main" && until_ok counted $(($(wc -l </srv/words/count) + 10000)) || return 1
	: >/srv/words/again
	if [ "$(show Delegate pod@words)" = yes ]; then
		systemctl kill -s KILL pod@words
	else
		echo 1 >"$group/cgroup.kill" && kill -KILL "$main"
	fi
	until_ok grep -q 'stdout F again' $log || return 1
	systemctl status --no-pager -n 20 pod@words
	said=$(cut -d ' ' -f 4- $log) n=$(grep -cE '^[0-9]+$' <<<"$said") count=$(wc -l </srv/words/count)
	echo "$n in the log, $count written"
	tail -n 2 <<<"$said"
	[[ $(tail -n 2 <<<"$said") == "podd: podd was killed, and the container with its pod: "*$'\n'again ]] &&
		[ "$(head -n -2 <<<"$said" | md5sum)" = "$(seq "$n" | md5sum)" ] &&
		((n == count || n == count + 1)) && [ "$(show NFileDescriptorStore pod@words)" = 4 ] &&
		[ "$(show NRestarts pod@words)" = 1 ] && systemctl stop pod@words &&
		[ "$(show NFileDescriptorStore pod@words)" = 0 ]
}

# There is no podd that could be told, yet a stop is a stop: in order, and done when
# systemctl comes back.
stops_an_orphan() {  # stops_an_orphan LINE STATE: with that line in [Service]
	local seen
	mkdir -p /run/systemd/system/$unit.d
	printf '[Service]\n%s\n' "$1" >/run/systemd/system/$unit.d/slow.conf
	systemctl daemon-reload && systemctl start $unit && kill -KILL "$(show MainPID)" &&
		until_show SubState "$2" && pgrep pod-pause || return 1
	seen=$(journalctl -u pod-orphan@tiny -o cat | grep -c "'tiny': stopped")
	systemctl stop $unit
	journalctl -u $unit -u pod-orphan@tiny -o cat | tail -n 12
	! pgrep -l 'podd|pod-pause' && [ ! -e /run/podd/tiny ] && ! active $unit pod-orphan@tiny &&
		[ "$(journalctl -u pod-orphan@tiny -o cat | grep -c "'tiny': stopped")" = $((seen + 1)) ] ||
		return 1
	rm -r /run/systemd/system/$unit.d
	systemctl daemon-reload && systemctl reset-failed $unit 2>/dev/null || true
}

# The next podd has failed (there is no file), and what ends its unit takes its time.
stops_in_stop_post() {
	mkdir -p /run/systemd/system/$unit.d
	printf '[Service]\n%s\n' RestartSec=100ms 'ExecStopPost=sleep 5' >/run/systemd/system/$unit.d/slow.conf
	systemctl daemon-reload && systemctl restart $unit && mv /etc/podd/tiny.pod /run/gone.pod &&
		kill -KILL "$(show MainPID)" && until_show NRestarts 1 && until_show ExecMainStatus 2 &&
		until_ok eval "pgrep -x sleep && shows SubState stop-post" && until_ok active pod-orphan@tiny && pgrep pod-pause || return 1
	systemctl stop $unit
	journalctl -u $unit -u pod-orphan@tiny -o cat | tail -n 12
	mv /run/gone.pod /etc/podd/tiny.pod && rm -r /run/systemd/system/$unit.d && systemctl daemon-reload
	systemctl reset-failed $unit 2>/dev/null || true
	! pgrep -l 'podd|pod-pause' && [ ! -e /run/podd/tiny ] && ! active $unit pod-orphan@tiny
}

# The file asks for more time than its unit has, since systemd has not read it again: podd --stop
# takes the time of the file, whichever unit runs it.
stops_in_the_files_time() {
	local of=$1 main said
	mkdir -p /run/systemd/system/$unit.d /run/systemd/system/pod-orphan@tiny.service.d
	printf '[Service]\n%s\n' TimeoutStopSec=5 RestartSec=600 |
		tee /run/systemd/system/$unit.d/slow.conf >/run/systemd/system/pod-orphan@tiny.service.d/slow.conf
	printf '%s\n' '[Pod]' TimeoutStopSec=15 '[Container app]' 'Rootfs=/' 'Exec=sh -c "trap : TERM; while :; do sleep 1; done"' \
		>/etc/podd/tiny.pod
	systemctl daemon-reload && systemctl restart $unit && main=$(show MainPID) || return 1
	said=$(journalctl -u "$of" -o cat | grep -c "'tiny': stopped")
	if [ "$of" = $unit ]; then
		kill -STOP "$main"
		systemctl stop $unit
	else
		kill -KILL "$main" && until_show SubState auto-restart && systemctl stop $unit
	fi
	journalctl -u $unit -u pod-orphan@tiny -o cat | tail -n 12
	! pgrep -l 'podd|pod-pause' && [ "$(journalctl -u "$of" -o cat | grep -c "'tiny': stopped")" = $((said + 1)) ] ||
		return 1
	rm -r /run/systemd/system/$unit.d /run/systemd/system/pod-orphan@tiny.service.d
	cp /run/tiny.pod /etc/podd/tiny.pod
	systemctl daemon-reload && systemctl reset-failed $unit 2>/dev/null || true
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
	! systemctl start pod@wrong.service && [ "$(show ExecMainStatus pod@wrong)" = 2 ] &&
		[ "$(show NRestarts pod@wrong)" = 0 ] &&
		journalctl -u pod@wrong -p err -o cat | grep "^/etc/podd/wrong.pod:2:1: unknown key 'MemoryMx'"
}

cp -r $dest/. / && systemctl daemon-reload && mkdir -p /etc/podd
printf '%s\n' '[Container app]' 'Rootfs=/' 'Exec=sleep infinity' MemoryMax=32M >/etc/podd/tiny.pod
check "unit: systemd has nothing to say about it" unit_is_right
check "unit: starts, and is ready when the pod runs" starts
check "unit: podd is bounded, its containers have what they have elsewhere" is_bounded
check "unit: its status names the containers" status_names_containers
check "unit: the pod is in its group, in the unit where it can be" in_its_group
in_unit || skip "unit: notify-reload, podd's leaf and the pod in the unit's group" \
	"systemd 254 can do that, this is $(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')"
check "unit: reload puts the file into force, or fails" reloads
check "unit: a restart by podctl is not the unit's end" podctl_restarts
check "unit: a podd that was killed comes back and adopts its pod" killed_podd_adopts
check "unit: pod and podd killed at once: what the pod wrote last is in its log" killed_together
check "unit: a podd that hangs is replaced, its pod runs on" hung_podd_is_replaced
check "unit: a stop of a podd that hangs stops the pod" hung_podd_is_stopped
cp /etc/podd/tiny.pod /run/tiny.pod
check "unit: a podd that is killed in its stop leaves nothing, in a restart neither" killed_in_its_stop
cp /run/tiny.pod /etc/podd/tiny.pod
systemctl restart $unit
check "unit: with Delegate= the pod is in it" delegated
check "unit: restart makes the pod anew" restarts
check "unit: a stop while systemd waits to start the next podd stops the pod" \
	stops_an_orphan RestartSec=600 auto-restart
check "unit: so it does when there will be no next podd" stops_an_orphan Restart=no failed
check "unit: so it does when the next podd has failed just now" stops_in_stop_post
check "unit: without a podd the stop has the time that the file gives" stops_in_the_files_time pod-orphan@tiny.service
check "unit: so it has after a podd that hangs" stops_in_the_files_time $unit
check "unit: starts again" starts
check "unit: kill with SIGHUP reloads, and reaches all of the unit's group" hangup_reloads
check "unit: kill with SIGKILL ends all of the unit's group, and the pod runs again" killed_is_back
check "unit: kill with SIGKILL to podd alone leaves the pod" main_is_killed
check "unit: kill stops the pod" killed_is_stopped
check "unit: stops in order" stops
check "unit: leaves nothing" nothing_left
check "unit: a wrong pod file ends in status 2, once" wrong_file_is_not_tried_again
finish
