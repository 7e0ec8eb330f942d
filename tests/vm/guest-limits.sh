#!/usr/bin/env bash
# Limits with the real controllers, and how an end by the OOM killer is told.
if [ -z "${INVOCATION_ID_OF_LIMITS:-}" ]; then
	# Outside of the lab's own unit, which is delegated.
	exec systemd-run --quiet --wait --pipe --same-dir --setenv=INVOCATION_ID_OF_LIMITS=1 \
		--setenv=PODD_TEST_LIMIT="${PODD_TEST_LIMIT:-60}" bash "$0"
fi
. "$(dirname "$0")/../integration/lib.sh"

hog='Exec=dd if=/dev/zero of=/dev/null bs=200M'

# two HOG_LINE...: the containers "hog" and "good"
two() {
	printf '%s\n' '[Container good]' "Rootfs=$rootfs" 'Exec=sleep 1000' \
		'[Container hog]' "Rootfs=$rootfs" "$hog" "$@"
}

# last CONTAINER: how it ended, as status has it
last() {
	podctl status --json web | jq -c ".containers[] | select(.name == \"$1\") | .last |
		[.exit_code, .signal, .reason]"
}

wait_for_oom() {
	follow web
	event_wait '.container == "hog" and .reason == "OOMKilled"'
	unfollow
}

container_oom() {
	two MemoryMax=24M RestartPolicy=never | pod web
	pod_start web
	wait_for_oom
	is "$(last hog)" '[null,9,"OOMKilled"]'
	is "$(podctl status --json web | jq -c '.containers[0] | [.state, .restarts]')" '["running",0]'
	is "$(wc -l <"$group/web/c-hog/cgroup.procs")" 0 "the whole container is killed"
	pod_stop web
	like "$(<"$dir/said/web")" "'hog': ended by signal 9.*memory|OOM"
}
t "MemoryMax of a container: OOMKilled, and only that one" container_oom

pod_oom() {
	{ printf '%s\n' '[Pod]' MemoryMax=32M RestartPolicy=never; two; } | pod web
	pod_start web
	wait_for_oom
	is "$(podctl status --json web | jq -c '.containers[0] | [.state, .restarts]')" '["running",0]'
	pod_stop web
}
t "MemoryMax of the pod: the container that took the memory is OOMKilled" pod_oom

oom_restarts() {
	two MemoryMax=24M | pod web
	pod_start web
	follow web
	event_wait '.kind == "container-exit" and .reason == "OOMKilled"'
	event_wait '.container == "hog" and .state == "running" and .restarts == 1'
	event_wait '.kind == "container-exit" and .reason == "OOMKilled"'
	event_wait '.container == "hog" and .state == "backoff"'
	unfollow
	is "$(last hog)" '[null,9,"OOMKilled"]'
	pod_stop web
}
t "a container that was OOMKilled is restarted in the same group" oom_restarts

no_oom() {
	two MemoryMax=24M RestartPolicy=never | sed 's/^Exec=dd .*/Exec=sh -c "kill -KILL $$"/' | pod web
	pod_start web
	follow web
	event_wait '.container == "hog" and .state == "failed"'
	unfollow
	is "$(last hog)" '[null,9,"Error"]'
	pod_stop web
}
t "a SIGKILL that is not the OOM killer's is an Error" no_oom

# Whose child was OOM-killed, and who lives on: the end that follows is another's doing.
killed_later() {
	{
		printf '%s\n' '[Pod]' TimeoutStopSec=1s
		hog="Exec=sh -c 'trap : TERM; dd if=/dev/zero of=/dev/null bs=200M; s=\$?; echo >>/srv/runs; "
		hog+="echo run \$(wc -l </srv/runs), status \$s; while :; do sleep 1000; done'"
		two MemoryMax=24M OOMPolicy=continue RestartSec=0
	} | pod web
	pod_start web
	log_wait web 'run 1, status 137'
	follow web
	podctl restart web hog
	event_wait '.kind == "container-exit" and .container == "hog"'
	is "$(jq -c '[.signal, .reason]' <<<"$event")" '[9,null]' 'after the stop signal'
	log_wait web 'run 2, status 137'
	podctl kill -s KILL web hog
	event_wait '.kind == "container-exit" and .container == "hog"'
	is "$(jq -c '[.signal, .reason]' <<<"$event")" '[9,null]' 'by podctl kill'
	unfollow
	is "$(last hog)" '[null,9,"Error"]'
	pod_stop web
	unlike "$(<"$dir/said/web")" 'out of memory'
}
t "a container killed after a child of it was OOM-killed: an Error" killed_later

too_small() {
	two "MemoryMax=$size" RestartPolicy=never | pod web
	pod_launch web
	pod_wait web 'hog|running'
	kill -TERM "${pod_pid[web]}" 2>/dev/null || true
	pod_end web '0|1'
	unlike "$(<"$dir/said/web")" 'Sanitizer|assert'
	unlike "$(<"$dir/said/web")" "'good': ended by signal (9|1[1-4])"
}
for size in 64K 256K 1M; do
	t "MemoryMax=$size is too small for any program: told, and podd unharmed" too_small
done

pod_too_small() {
	{ printf '%s\n' '[Pod]' MemoryMax=64K; app 'exec sleep 1000'; } | pod web
	refused 1 "/web.pod:2:1: pod 'web': out of memory: see MemoryMax= of the pod and its containers"
}
t "[Pod] MemoryMax=64K is too small for a start: told with its line" pod_too_small

container_too_small() {
	{ printf '%s\n' '[Pod]' MemoryMax=1G; app 'exec sleep 1000' MemoryMax=64K; } | pod web
	refused 1 "/web.pod:$(grep -n =64K "$root/etc/podd/web.pod" | cut -d : -f 1):1: pod 'web': out of memory: .*container 'app'"
}
t "[Container] MemoryMax=64K is too small for a start: told with its line" container_too_small

few_tasks() {
	{ printf '%s\n' '[Pod]' TasksMax=2; app 'exec sleep 1000'; } | pod web
	pod_start web
	pod_stop web
	{ printf '%s\n' '[Pod]' TasksMax=2; two | sed 's/^Exec=dd .*/Exec=sleep 1000/'; } | pod web
	refused 1 "/web.pod:2:1: pod 'web': .*TasksMax= of "
	{ printf '%s\n' '[Pod]' TasksMax=1; app 'exec sleep 1000'; } | pod web
	refused 2 "/web.pod:2:10: TasksMax=: '1' is less than 2"
}
t "[Pod] TasksMax=: the pause and one process; too few are told with the line" few_tasks

# Children of podd are in the group while its OOM killer works, on podd's memory.
oom_storm() {
	local i
	two MemoryMax=16M RestartSec=1ms RestartMaxSec=1ms | pod web
	pod_start web
	for i in {1..40}; do podctl exec web hog -- true >/dev/null 2>&1 || true; done
	is "$(podctl status --json web | jq -c '.containers[0] | [.state, .restarts]')" '["running",0]'
	[ "$(podctl status --json web | jq '.containers[1].restarts')" -ge 3 ]
	is "$(last hog)" '[null,9,"OOMKilled"]'
	pod_stop web
}
t "exec and restarts in the midst of OOM kills: podd is not among the killed" oom_storm

# What is in the root's tmpfs stays in the group's memory over a restart.
full_of_files() {
	two MemoryMax=16M RestartSec=1ms RestartMaxSec=1ms |
		sed "s|^Exec=dd .*|Exec=sh -c 'cat /dev/zero >>/srv/f'|" | pod web
	pod_start web
	follow web
	for _ in 1 2 3; do event_wait '.kind == "container-exit" or .state == "backoff"'; done
	unfollow
	is "$(podctl status --json web | jq -c '.containers[0] | [.state, .restarts]')" '["running",0]'
	pod_stop web
}
t "a container whose files fill its memory: podd goes on, the stop takes all" full_of_files

tasks() {
	local n
	two TasksMax=10 | sed "s|^Exec=dd .*|Exec=sh -c 'for i in \$(seq 30); do sleep 1000 \& done; echo over; wait'|" | pod web
	pod_start web
	pod_log_or_failure
	n=$(wc -l <"$group/web/c-hog/cgroup.procs")
	[ "$n" -le 10 ] || fail "$n processes"
	is "$(<"$group/web/c-hog/pids.max")" 10
	is "$(podctl status --json web | jq -c '.containers[0] | [.state, .restarts]')" '["running",0]'
	pod_stop web
}
# ash ends when it cannot fork, and says so; then the backoff begins.
pod_log_or_failure() { log_wait web "can't fork|over"; }
t "TasksMax: no more processes than that; the others are not touched" tasks

# A bomb of so many has nothing left of one emulated CPU: that the kernel holds one, others show.
tasks_by_default() {
	local g=$group/web
	two | sed "s|^Exec=dd .*|Exec=sleep 1000|" | pod web
	pod_start web
	is "$(<"$g/c-hog/pids.max") $(<"$g/c-good/pids.max") $(<"$g/pids.max")" '2048 2048 max'
	is "$(podctl inspect web | jq -c '[.containers[].limits.tasks_max, .limits.tasks_max]')" '[2048,2048,null]'
	pod_stop web
}
t "TasksMax is 2048 for a container that says nothing" tasks_by_default

tasks_live() {
	local g=$group/web
	still() { two "$@" | sed "s|^Exec=dd .*|Exec=sleep 1000|" | pod web; }
	still TasksMax=20
	pod_start web
	is "$(<"$g/c-hog/pids.max")" 20
	still
	podctl reload web
	is "$(<"$g/c-hog/pids.max")" 2048
	still TasksMax=1
	podctl reload web
	refused 125 "clone the process: TasksMax= of the container or the pod is reached" \
		"$BUILD/podctl" --root "$root" exec web hog -- true
	still TasksMax=infinity
	podctl reload web
	is "$(<"$g/c-hog/pids.max")" max
	pod_stop web
}
t "TasksMax= taken out of the file is 2048 again; infinity is none" tasks_live

fork_bomb() {
	two TasksMax=40 RestartSec=0 | sed "s|^Exec=dd .*|Exec=sh -c 'f() { f \| f \& }; f; echo bomb; sleep 1000'|" | pod web
	pod_start web
	log_wait web bomb
	podctl exec web good -- true
	pod_stop web
}
t "a fork bomb within TasksMax: podd and the others go on, the stop ends it" fork_bomb

read_back() {
	local g=$group/web
	{
		printf '%s\n' '[Pod]' MemoryMax=200M MemoryHigh=150M CPUQuota=150% CPUWeight=300 TasksMax=100
		app 'exec sleep 1000' MemoryMax=64M MemoryHigh=48M CPUQuota=25% CPUWeight=50 TasksMax=20
	} | pod web
	pod_start web
	is "$(cat "$g"/{memory.max,memory.high,cpu.max,cpu.weight,pids.max} | tr '\n' ' ')" \
		'209715200 157286400 150000 100000 300 100 '
	is "$(cat "$g"/c-app/{memory.max,memory.high,cpu.max,cpu.weight,pids.max} | tr '\n' ' ')" \
		'67108864 50331648 25000 100000 50 20 '
	is "$(podctl inspect web | jq -c '.limits | [.memory_max_bytes, .cpu_weight]')" '[209715200,300]'
	like "$(podctl inspect web | jq .containers[0].cgroup.memory_bytes)" '^[1-9]'
	pod_stop web
}
t "every limit is in the kernel, on pod and container" read_back

# limits: of the pod's group and its container's
limits() { cat "$group"/web/{memory.max,pids.max} "$group"/web/c-app/{memory.max,cpu.max} | tr '\n' ' '; }

# kill_podd: the pod runs on
kill_podd() {
	kill -KILL "${pod_pid[web]}"
	wait "${pod_pid[web]}" || true
	exec {pod_fd[web]}<&-
}

# file POD_LINES CONTAINER_LINES
file() {
	{ printf '%s\n' '[Pod]' $1; one_app 'echo up; exec sleep 1000' $2; } | pod web
}

# A podd that refuses a pod takes none of its limits away.
adoption_refused() {
	local before
	file 'MemoryMax=200M TasksMax=100' 'MemoryMax=64M CPUQuota=25%'
	pod_start web
	log_wait web up
	before=$(limits)
	is "$before" '209715200 100 67108864 25000 100000 '
	kill_podd
	file '' ''
	mv "$root/run/podd/web/control" "$dir/control"
	mkdir -p "$root/run/podd/web/control/full"
	refused 1 control
	is "$(limits)" "$before"
	rm -r "$root/run/podd/web/control"
	mv "$dir/control" "$root/run/podd/web/control"
	if [ ! -e "$cgroups/init.scope/io.weight" ]; then
		file 'IOWeight=200' ''
		refused 3 "IOWeight needs .*io"
		is "$(limits)" "$before"
		file '' 'IOWeight=200'
		refused 3 "IOWeight needs .*io"
		is "$(limits)" "$before"
	fi
	file 'MemoryMax=100M' 'CPUWeight=50'
	pod_launch web
	pod_wait web adopted
	podctl status web
	is "$(limits)" '104857600 max max max 100000 '
	is "$(<"$group/web/c-app/cpu.weight")" 50
	pod_stop web
}
t "an adoption that is refused leaves all limits; one that is not sets the file's" adoption_refused

cpu_quota() {
	local end=$((SECONDS + limit))
	app 'while :; do :; done' CPUQuota=10% | pod web
	pod_start web
	until [ "$(awk '/nr_throttled/ { print $2 }' "$group/web/c-app/cpu.stat")" -gt 2 ]; do
		[ $SECONDS -lt $end ]
	done
	[ "$(podctl inspect web | jq '.containers[0].cgroup.throttled_usec')" -gt 0 ]
	pod_stop web
}
t "CPUQuota: a loop is throttled, which inspect tells" cpu_quota

io_weight() {
	app 'exec sleep 1000' IOWeight=200 | pod web
	if [ ! -e "$(dirname "$cgroups/init.scope")/init.scope/io.weight" ]; then
		refused 3 "IOWeight.*io"
		return
	fi
	pod_start web
	is "$(<"$group/web/c-app/io.weight")" 'default 200'
	pod_stop web
}
t "IOWeight: in the kernel, or refused by its name" io_weight

finish
