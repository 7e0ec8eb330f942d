#!/usr/bin/env bash
# Limits that only real controllers show: measured, read back, changed under what runs.
if [ -z "${INVOCATION_ID_OF_LIMITS:-}" ]; then
	# Outside of the lab's own unit, which is delegated.
	exec systemd-run --quiet --wait --pipe --same-dir --setenv=INVOCATION_ID_OF_LIMITS=1 \
		--setenv=PODD_TEST_LIMIT="${PODD_TEST_LIMIT:-60}" --setenv=ONLY="${ONLY:-}" bash "$0"
fi
. "$(dirname "$0")/../integration/lib.sh"

present=$(</sys/devices/system/cpu/present) nodes=$(</sys/devices/system/node/has_memory)
loop='while :; do :; done'
files='memory.max memory.high cpu.max cpu.weight pids.max cpuset.cpus cpuset.mems
	hugetlb.2MB.max hugetlb.2MB.rsvd.max'

# section NAME SCRIPT [LINE...]: a container that runs a script of one line
section() { printf '%s\n' "[Container $1]" "Rootfs=$rootfs" "Exec=sh -c '$2'" "${@:3}"; }
# until_true WORD...: a test of integers, again until it holds
until_true() {
	local end=$((SECONDS + limit))
	until [ "$(eval "$1")" "${@:2}" ]; do
		[ $SECONDS -lt $end ] || { fail "'$1' is $(eval "$1"), not ${*:2}"; return 1; }
	done
}
stat_of() { awk -v key="$2" '$1 == key { print $2 }' "$group/web/$1"; }
# of GROUP: all its limits in one line
of() { (cd "$group/web/$1" && for f in $files; do echo "$f=$(<"$f")"; done | tr '\n' ' '); }
# The same of one that is to have none: a cpuset in which processes live may not be
# emptied by Linux 6.1, and has all then.
rest_of() { of "$1" | sed -E "s/(cpuset.cpus)=$present /\1= /; s/(cpuset.mems)=$nodes /\1= /"; }

# file POD_LINES CONTAINER_LINES
file() {
	{ printf '%s\n' '[Pod]' $1; one_app 'echo up; exec sleep 1000' $2; } | pod web
}

cpuset() {
	file 'AllowedCPUs=0 AllowedMemoryNodes=0' 'AllowedCPUs=0'
	pod_start web
	is "$(cat "$group"/web/{,c-app/}cpuset.cpus "$group/web/cpuset.mems" | tr '\n' ' ')" '0 0 0 '
	is "$(podctl exec web app -- grep -h _list /proc/self/status | tr -s '\t\n' ' ')" \
		'Cpus_allowed_list: 0 Mems_allowed_list: 0 '
	is "$(podctl inspect web | jq -c '.limits, .containers[0].limits | del(.tasks_max)')" \
		$'{"allowed_cpus":"0","allowed_memory_nodes":"0"}\n{"allowed_cpus":"0"}'
	file '' ''
	podctl reload web
	like "$(<"$group/web/c-app/cpuset.cpus")" "^($present|)\$"
	is "$(<"$group/web/c-app/cpuset.cpus.effective")" "$(<"$cgroups/cpuset.cpus.effective")"
	pod_stop web
}
t "cpuset: of pod and container, taken back by a reload" cpuset

# The kernel takes such a set, and does as if there were none.
above_has_only_0() {
	mkdir -p "$group"
	echo +cpuset >"$cgroups/cgroup.subtree_control"
	echo 0 >"$group/cpuset.cpus"
}
cpuset_without_effect() {
	above_has_only_0
	file '' 'AllowedCPUs=1'
	refused 3 "AllowedCPUs: 1 is not for cgroup '.*/web/c-app', which the groups above leave only 0"
	above_has_only_0
	file 'Limits=best-effort' 'AllowedCPUs=1'
	pod_start web
	like "$(podctl status web)" 'warning: AllowedCPUs: 1 is not for cgroup'
	pod_stop web
}
if [ "$(nproc)" -gt 1 ]; then
	t "cpuset: one that the groups above do not leave us is refused" cpuset_without_effect
else
	echo "ok - cpuset: one that the groups above do not leave us is refused # SKIP one CPU"
fi

bad_lists() {
	file '' 'AllowedCPUs=0-x'
	refused 2 "AllowedCPUs=: '0-x' is no list of numbers"
	file 'AllowedCPUs=0' 'AllowedCPUs=0-1'
	refused 2 "AllowedCPUs=: 1 is not the pod's, which has 0"
	file '' 'AllowedCPUs=900'
	refused 3 "AllowedCPUs: 900 is not on this host, which has 0"
	file 'AllowedMemoryNodes=7' ''
	refused 3 "AllowedMemoryNodes: 7 is not on this host, which has 0"
	file '' 'HugetlbMax=4M:8M'
	refused 3 'HugetlbMax: this host has no huge pages of 4M, but of .*2M'
	file 'Limits=best-effort' 'AllowedCPUs=900 HugetlbMax=4M:8M'
	pod_start web
	like "$(podctl status web)" 'warning: AllowedCPUs: 900 is not on this host'
	like "$(podctl status web)" 'warning: HugetlbMax: this host has no huge pages of 4M'
	pod_stop web
}
t "CPUs, nodes and pages that the host has not: refused by name, or a warning" bad_lists

all='MemoryMax=200M MemoryHigh=150M CPUQuota=150% CPUWeight=300 TasksMax=100 AllowedCPUs=0
	AllowedMemoryNodes=0 HugetlbMax=2M:64M'
all_is='memory.max=209715200 memory.high=157286400 cpu.max=150000 100000 cpu.weight=300 pids.max=100 '
all_is+='cpuset.cpus=0 cpuset.mems=0 hugetlb.2MB.max=67108864 hugetlb.2MB.rsvd.max=67108864 '
none_is='memory.max=max memory.high=max cpu.max=max 100000 cpu.weight=100 pids.max=max '
none_is+='cpuset.cpus= cpuset.mems= hugetlb.2MB.max=max hugetlb.2MB.rsvd.max=max '
standard_is=${none_is/pids.max=max/pids.max=2048} # of a container

live() {
	local before pid
	file '' ''
	pod_start web
	pid=$(podctl status --json web | jq .containers[0].pid)
	file "$all" "$all"
	podctl reload web
	is "$(of .)" "$all_is"
	is "$(of c-app)" "$all_is"
	# One that is refused changes none.
	file 'TasksMax=7 AllowedCPUs=900' 'MemoryMax=7M'
	like "$(! podctl reload web 2>&1)" 'AllowedCPUs: 900 is not on this host'
	is "$(of .)" "$all_is"
	is "$(of c-app)" "$all_is"
	file '' ''
	podctl reload web
	is "$(rest_of .)" "$none_is"
	is "$(rest_of c-app)" "$standard_is"
	is "$(podctl status --json web | jq .containers[0].pid)" "$pid" 'nothing was restarted'
	pod_stop web
}
t "every limit is changed by a reload, on pod and container, and taken back" live

# Less than what is in use would have the kernel kill who uses it.
lower_than_use() {
	local how
	file '' 'MemoryMax=100M'
	sed -i 's/^Exec=.*/Exec=sh -c "x=$(yes | head -c 8000000); echo up; while :; do sleep 1; done"/' \
		"$root/etc/podd/web.pod"
	pod_start web
	log_wait web up
	sed -i s/MemoryMax=100M/MemoryMax=2M/ "$root/etc/podd/web.pod"
	for how in --dry-run ''; do
		like "$(! podctl reload $how web 2>&1)" "web.pod:[0-9]+:1: reload: container 'app': MemoryMax=: 2097152 bytes are less"
	done
	is "$(<"$group/web/c-app/memory.max")" 104857600
	sed -i s/MemoryMax=2M/MemoryMax=50M/ "$root/etc/podd/web.pod"
	podctl reload web
	is "$(<"$group/web/c-app/memory.max")" 52428800
	is "$(podctl status --json web | jq .containers[0].restarts)" 0
	pod_stop web
}
t "a MemoryMax= below what is in use is refused by a reload" lower_than_use

# The next podd does not know what was in force.
adopted() {
	file "$all" "$all"
	pod_start web
	kill -KILL "${pod_pid[web]}"
	wait "${pod_pid[web]}" || true
	exec {pod_fd[web]}<&-
	is "$(of c-app)" "$all_is"
	file '' 'OOMPolicy=continue'
	pod_launch web
	pod_wait web adopted
	podctl status web
	is "$(rest_of .)" "$none_is"
	is "$(rest_of c-app)" "$standard_is"
	is "$(<"$group/web/c-app/memory.oom.group")" 0
	pod_stop web
}
t "an adoption takes back what the file does not say any more" adopted

# share GROUP: percent of one CPU that it had in its periods of 100 ms, at least 30 of them
share() {
	local periods usec
	until_true "stat_of $1/cpu.stat nr_periods" -ge 30
	periods=$(stat_of "$1/cpu.stat" nr_periods) usec=$(stat_of "$1/cpu.stat" usage_usec)
	echo $((usec / (periods * 1000)))
}

quota() {
	local is
	one_app "$loop" CPUQuota=20% | pod web
	pod_start web
	is=$(share c-app)
	echo "$is% of a CPU, throttled in $(stat_of c-app/cpu.stat nr_throttled) of" \
		"$(stat_of c-app/cpu.stat nr_periods) periods"
	[ "$is" -le 24 ] && [ "$is" -ge 10 ] || fail "$is%, not 20%"
	[ "$(stat_of c-app/cpu.stat nr_throttled)" -ge 10 ] || fail 'not throttled'
	# More of it, at once.
	one_app "$loop" CPUQuota=infinity | pod web
	podctl reload web
	is=$(stat_of c-app/cpu.stat nr_throttled)
	until_true "stat_of c-app/cpu.stat usage_usec" -ge $(($(stat_of c-app/cpu.stat usage_usec) + 500000))
	[ "$(stat_of c-app/cpu.stat nr_throttled)" -le $((is + 1)) ] || fail 'throttled still'
	pod_stop web
}
t "CPUQuota=20%: a loop gets that share of a CPU, and more after a reload" quota

quota_of_pod() {
	local is
	{
		printf '%s\n' '[Pod]' CPUQuota=20% '[Network]' Mode=none
		section a "$loop" CPUQuota=80%
		section b "$loop"
	} | pod web
	pod_start web
	is=$(share .)
	[ "$is" -le 24 ] && [ "$is" -ge 10 ] || fail "$is%, not 20%"
	pod_stop web
}
t "CPUQuota of the pod: its containers together get no more" quota_of_pod

# On one CPU; on several each would have its own.
weights() {
	local a b
	{
		printf '%s\n' '[Pod]' AllowedCPUs=0 '[Network]' Mode=none
		section a "$loop" CPUWeight=100
		section b "$loop" CPUWeight=400
	} | pod web
	pod_start web
	a=$(stat_of c-a/cpu.stat usage_usec) b=$(stat_of c-b/cpu.stat usage_usec)
	until_true "stat_of c-a/cpu.stat usage_usec" -ge $((a + 1000000))
	a=$(($(stat_of c-a/cpu.stat usage_usec) - a)) b=$(($(stat_of c-b/cpu.stat usage_usec) - b))
	echo "$a and $b us"
	[ $((b * 10 / a)) -ge 25 ] && [ $((b * 10 / a)) -le 60 ] || fail "$a and $b us, not 1 to 4"
	pod_stop web
}
t "CPUWeight 100 and 400 on one CPU: shares of 1 to 4" weights

tasks_of_pod() {
	{
		printf '%s\n' '[Pod]' TasksMax=40 RestartPolicy=never '[Network]' Mode=none
		section good 'exec sleep 1000'
		section bomb 'f() { f | f & }; f; exec sleep 1000'
	} | pod web
	pod_start web
	# Counted where the one is that may not fork; since Linux 6.11 where the limit is.
	until_true "awk '{ n += \$2 } END { print n }' $group/web/pids.events $group/web/c-bomb/pids.events" -ge 20
	[ "$(<"$group/web/pids.current")" -le 40 ] || fail "$(<"$group/web/pids.current") tasks"
	is "$(podctl status --json web | jq -c '.containers[0] | [.state, .restarts]')" '["running",0]'
	pod_stop web
}
t "TasksMax of the pod holds a fork bomb in one of its containers" tasks_of_pod

memory_high() {
	one_app 'dd if=/dev/zero of=/dev/null bs=32M count=1; exec sleep 1000' MemoryHigh=16M | pod web
	pod_start web
	until_true "stat_of c-app/memory.events high" -ge 10
	is "$(stat_of c-app/memory.events oom_kill)" 0
	is "$(podctl status --json web | jq -c '.containers[0] | [.state, .restarts]')" '["running",0]'
	until_true "podctl status --json web | jq .containers[0].pressure.memory.some_usec" -ge 1
	pod_stop web
}
t "MemoryHigh: slowed down, not killed, and the pressure says so" memory_high

pressure() {
	local status
	{ printf '%s\n' '[Pod]' CPUQuota=10%; one_app "$loop"; } | pod web
	pod_start web
	until_true "podctl status --json web | jq '.containers[0].pressure.cpu.some_avg10 | floor'" -ge 5
	status=$(podctl status --long web)
	like "$status" 'PRESSURE +CPU% +MEMORY% +IO%'
	like "$status" '\(pod\) +[0-9]+\.[0-9]{2}/[0-9]+\.[0-9]{2} '
	like "$status" 'app +[1-9][0-9]*\.[0-9]{2}/'
	unlike "$(podctl status web)" PRESSURE
	is "$(podctl inspect web | jq -c '.pressure, .containers[0].pressure | keys')" \
		$'["cpu","io","memory"]\n["cpu","io","memory"]'
	pod_stop web
}
t "a throttled pod is under pressure, in status --long and --json, and inspect" pressure

# The shell outlives its child; the same with OOMPolicy=kill is the end of both.
oom_policy() {
	{
		printf '%s\n' '[Pod]' RestartPolicy=never '[Network]' Mode=none
		section app 'dd if=/dev/zero of=/dev/null bs=200M; echo status $?; read x </fifo; exit 3' \
			MemoryMax=24M OOMPolicy=continue "Volume=$dir/fifo:/fifo"
		section good 'exec sleep 1000'
	} | pod web
	mkfifo "$dir/fifo"
	pod_start web
	log_wait web 'status 137'
	is "$(<"$group/web/c-app/memory.oom.group")" 0
	[ "$(stat_of c-app/memory.events oom_kill)" -ge 1 ] || fail 'no OOM kill'
	is "$(podctl status --json web | jq -c '.containers[0] | [.state, .last]')" '["running",null]'
	podctl exec web app -- true
	is "$(<"$group/web/c-app/memory.oom.group")" 0 'after an exec'
	is "$(podctl inspect web | jq -r .containers[0].oom_policy)" continue
	sed -i s/OOMPolicy=continue/OOMPolicy=kill/ "$root/etc/podd/web.pod"
	podctl reload web
	is "$(<"$group/web/c-app/memory.oom.group")" 1
	sed -i s/OOMPolicy=kill/OOMPolicy=continue/ "$root/etc/podd/web.pod"
	podctl reload web
	is "$(<"$group/web/c-app/memory.oom.group")" 0
	follow web
	echo >"$dir/fifo"
	# Its end, later, is its own.
	event_wait '.kind == "container-exit"'
	is "$(jq -c '[.exit_code, .reason]' <<<"$event")" '[3,null]'
	unfollow
	is "$(podctl status --json web | jq -r .containers[0].last.reason)" Error
	pod_stop web
}
t "OOMPolicy=continue: one process is killed, the container runs on; changed by a reload" oom_policy

# What a program sees; pages are the machine's, which is thrown away.
huge_pages() {
	echo 8 >/proc/sys/vm/nr_hugepages
	[ "$(</proc/sys/vm/nr_hugepages)" = 8 ] || fail 'no room for 8 huge pages'
	"$BUILD/tests/kernel/test_cgroup_limits" >"$dir/tap" 2>&1 || { cat "$dir/tap"; return 1; }
	cat "$dir/tap"
	grep -q 'OK.*hugetlb_max__passed' "$dir/tap"
	echo 0 >/proc/sys/vm/nr_hugepages
}
t "HugetlbMax: mmap() of more is refused" huge_pages

finish
