# shellcheck shell=bash
# What the integration tests share; sourced by each test-*.
#
# A test file runs again in network, mount and PID namespaces of its own. There
# it sees its own links, mounts and processes only: whatever a pod leaves
# behind is seen after each test, and nothing outlives the file. Control groups
# have no such walls; those of a test carry the tag of its root.
#
# Nothing here sleeps. Tests wait for what podd says on stderr, for its events,
# for a container's log, for the end of a process; $limit seconds bound each of
# these waits and are never waited for in a run that passes.
#
#   BUILD=dir   programs to test (default: build)     ONLY=REGEX   only such tests
set -u
shopt -s inherit_errexit

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=$(cd "$top" && realpath "${BUILD:-build}")
. "$top/tests/jq.sh"

if [ -z "${PODD_TEST_INSIDE:-}" ]; then
	if [ "$(id -u)" != 0 ]; then
		echo "ok 1 - ${0##*/} # SKIP not root"
		exit 0
	fi
	PODD_TEST_INSIDE=1 exec unshare --net --mount --propagation private --pid --fork \
		--kill-child --mount-proc -- bash "$0" "$@"
fi

# A sanitizer's finding must not look like one of podd's own exit statuses.
# podd is not dumpable, so that LeakSanitizer, a tracer, cannot look at it.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0:exitcode=99}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:exitcode=99:print_stacktrace=1}
unset PODD_LOOP PODD_DEBUG JOURNAL_STREAM NOTIFY_SOCKET

limit=${PODD_TEST_LIMIT:-30}
podd=$BUILD/podd
cgroups=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
ip link set lo up
tmp=$(mktemp -d /tmp/podd-test.XXXXXX)
# tmpfs has idmapped mounts, as a root of a pod needs, since Linux 6.3.
[ "$(printf '%s\n' 6.3 "$(uname -r)" | sort -V | head -n 1)" != 6.3 ] || mount -t tmpfs none "$tmp"
rootfs=$tmp/rootfs
tests=0 failed=0

make_rootfs() {
	mkdir -p "$rootfs"/{bin,etc,srv,tmp,root}
	cp "$(command -v busybox)" "$rootfs/bin/busybox"
	chroot "$rootfs" /bin/busybox --install -s /bin
	printf '%s\n' 'root:x:0:0:root:/root:/bin/sh' 'app:x:1000:1000::/srv:/bin/sh' \
		>"$rootfs/etc/passwd"
	printf '%s\n' 'root:x:0:' 'app:x:1000:' 'logs:x:2000:app' >"$rootfs/etc/group"
}

# The name of an instance's groups, as base/paths.c makes it: FNV-1a of its root.
tag_of() {
	local h=2166136261 i c
	for ((i = 0; i < ${#1}; i++)); do
		printf -v c %d "'${1:i:1}"
		h=$((((h ^ c) * 16777619) & 0xffffffff))
	done
	printf '%08x' $h
}

# ------------------------------------------------------------------- running tests

# t NAME FUNCTION: one test, in a subshell with set -e. Fails also when what it
# leaves behind is more than logs.
t() {
	local title=$1 result before after
	[[ $title =~ ${ONLY:-} ]] || return 0
	tests=$((tests + 1))
	dir=$tmp/$tests root=$tmp/$tests/root
	mkdir -p "$root/etc/podd" "$dir/said"
	group=$cgroups/podd-$(tag_of "$root")
	before=$(world)
	(
		set -eE
		trap tell_where ERR
		"$2"
	) >"$dir/out" 2>&1 </dev/null
	result=$?
	after=$(world)
	if [ $result = 0 ] && [ "$before" != "$after" ]; then
		result=1
		diff <(echo "$before") <(echo "$after") | sed -n 's/^>/left behind:/p' >>"$dir/out"
	fi
	case $result in
	0) echo "ok $tests - $title" ;;
	77) echo "ok $tests - $title # SKIP $(tail -n 1 "$dir/out")" ;;
	*)
		failed=$((failed + 1))
		echo "not ok $tests - $title"
		sed 's/^/#   /' "$dir/out" "$dir"/said/*
		clear_away
		;;
	esac 2>/dev/null
}

finish() {
	echo "1..$tests"
	umount -l "$tmp" 2>/dev/null # if it is a mount
	rm -rf --one-file-system "$tmp"
	[ $failed = 0 ]
	exit
}

# Whatever a pod might leave, one thing a line. What stays of podd itself are
# empty directories, and while the host forwards the table against routing.
world() {
	local p
	find "$root" -mindepth 1 -printf 'file %P\n' | grep -vE \
		'^file (etc(/.*)?|run(/podd(/\.net|/\.userns)?)?|var(/lib(/podd(/pods|/userns|/generations(/.*)?)?)?)?|var/log(/.*)?)$'
	ip -o link | awk '{ print "link " $2 }'
	nft list tables 2>/dev/null | sed '/^table ip podd$/d; s/^/nftables /'
	awk '{ print "mount " $5 }' /proc/self/mountinfo
	find "$cgroups" -maxdepth 1 -path "$group" -printf 'cgroup %p\n'
	for p in /proc/[0-9]*; do
		# PID 1 is this file's own shell, its children in here are world's.
		[ "${p#/proc/}" = 1 ] || [ "${p#/proc/}" -ge $BASHPID ] ||
			echo "process $(tr '\0' ' ' 2>/dev/null <"$p/cmdline")"
	done
}

# After a failure: end what the test started. All processes in this PID
# namespace are its own.
clear_away() {
	local p
	for p in /proc/[0-9]*; do
		[ "${p#/proc/}" = 1 ] || kill -KILL "${p#/proc/}"
	done
	ip -o link | awk -F ': ' '$2 != "lo" { sub("@.*", "", $2); print $2 }' |
		while read -r p; do ip link del "$p"; done
	nft flush ruleset
	# A group can be removed once the last of the killed is gone.
	for ((p = 0; p < 1000; p++)); do
		[ -d "$group" ] || break
		find "$group" -depth -type d -exec rmdir {} +
	done
} 2>/dev/null

tell_where() {
	local i
	for ((i = 1; i < ${#FUNCNAME[@]}; i++)); do
		[ "${BASH_SOURCE[i]}" != "$0" ] || echo "$0:${BASH_LINENO[i - 1]}: ${FUNCNAME[i]}"
	done
}

skip() { echo "$*"; exit 77; }
fail() { echo "${1:0:2000}"; return 1; }

# ------------------------------------------------------------------- expectations

is() { [ "$1" = "$2" ] || fail "'$1' is not '$2'${3:+: $3}"; }
like() { [[ $1 =~ $2 ]] || fail "'$1' does not match '$2'"; }
unlike() { [[ ! $1 =~ $2 ]] || fail "'$1' matches '$2'"; }
absent() { [ ! -e "$1" ] && [ ! -L "$1" ] || fail "'$1' is there"; }

# soon COMMAND...: until it succeeds
soon() {
	local end=$((SECONDS + limit))
	until "$@"; do [ $SECONDS -lt $end ] || fail "not within $limit s: $*"; done
}

# refused STATUS REGEX [COMMAND...]: it ends with that status and one line that
# says why. Without a command: podd on the pod "web". What ran until then may
# have been told.
refused() {
	local status=0 said
	[ $# -gt 2 ] || set -- "$@" "$podd" --root "$root" "$root/etc/podd/web.pod"
	said=$(timeout $limit "${@:3}" 2>&1 >/dev/null) || status=$?
	said=$(grep -v ': running' <<<"$said" || true)
	is "$status" "$1" "$said"
	like "$said" "$2"
	is "$(wc -l <<<"$said")" 1 "$said"
}

# ------------------------------------------------------------------- pods

declare -A pod_pid pod_fd

podctl() {
	local status=0
	timeout $limit "$BUILD/podctl" --root "$root" "$@" || status=$?
	[ $status != 124 ] || echo "podctl $*: not done after $limit s" >&2
	return $status
}

# pod NAME: its file, from stdin; $rootfs and the like are for the here-document.
pod() { cat >"$root/etc/podd/$1.pod"; }

# app SCRIPT [LINE...]: the section of a container that runs a shell script
app() {
	printf '%s\n' "$1" >"$dir/app.sh"
	echo '[Container app]'
	[[ "$*" == *Rootfs=* ]] || echo "Rootfs=$rootfs"
	printf '%s\n' 'Exec=sh /app.sh' "Volume=$dir/app.sh:/app.sh:ro" "${@:2}"
}

# one_app SCRIPT [LINE...]: a whole file, without a network
one_app() {
	printf '%s\n' '[Network]' 'Mode=none'
	app "$@"
}

# pod_launch NAME [VARIABLE=VALUE...]: podd in the background
pod_launch() {
	exec {pod_fd[$1]}< <(exec env "${@:2}" "$podd" --root "$root" "$root/etc/podd/$1.pod" 2>&1)
	pod_pid[$1]=$!
	: >"$dir/said/$1"
}

# pod_wait NAME REGEX: until podd says so
pod_wait() {
	local line
	while IFS= read -r -t $limit -u "${pod_fd[$1]}" line; do
		printf '%s\n' "$line" >>"$dir/said/$1"
		[[ ! $line =~ $2 ]] || return 0
	done
	fail "podd of '$1' did not say '$2'"
}

# pod_end NAME [STATUS]: until podd has ended, by itself; STATUS is a regex
pod_end() {
	local status=0
	timeout $limit cat <&"${pod_fd[$1]}" >>"$dir/said/$1"
	exec {pod_fd[$1]}<&-
	wait "${pod_pid[$1]}" || status=$?
	like "exit status of podd: $status" ": (${2:-0})$"
}

pod_start() { pod_launch "$@" && pod_wait "$1" "pod '$1': running"; }
pod_stop() { kill -TERM "${pod_pid[$1]}" && pod_end "$@"; }
pod_run() { pod_launch "$1" && pod_end "$@"; }

# report SCRIPT [LINE...]: what a container printed that runs SCRIPT and ends
report() {
	{
		printf '%s\n' '[Pod]' RestartPolicy=never '[Network]' "${network:-Mode=none}"
		app "$1"$'\n''exit 0' "${@:2}"
	} | pod report
	pod_run report
	log_text report
}

# address NAME: of a running pod
address() { podctl status --json "$1" | jq -r .address; }

# fds NAME: descriptors of podd, but for clients that come and go, and what it
# looks at for a moment: the least of some counts.
fds() {
	local i
	for i in 1 2 3 4 5; do
		podctl status "$1" >/dev/null
		find "/proc/${pod_pid[$1]}/fd" -mindepth 1 ! -lname 'socket:*' 2>/dev/null | wc -l
	done | sort -n | head -n 1
}

# log_text NAME [CONTAINER]: what it wrote, without time, stream and tag
log_text() { sed -E 's/^[^ ]+ (stdout|stderr) [FP] //' "$root/var/log/podd/$1/${2:-app}.log"; }

# log_wait NAME REGEX: until a container of the pod has written such a line
log_wait() {
	local logs status=0
	exec {logs}< <(exec timeout $limit "$BUILD/podctl" --root "$root" logs -f "$1")
	grep -q -m 1 -E "$2" <&$logs || status=$?
	kill $! 2>/dev/null || true
	wait $! || true
	exec {logs}<&-
	[ $status = 0 ] || fail "no container of '$1' has written '$2'"
}

# follow NAME: its events from now on, one JSON a line, for event_wait
follow() {
	exec {events}< <(exec timeout $limit "$BUILD/podctl" --root "$root" events -f --json "$1")
	events_pid=$!
}

# event_wait JQ: until an event is so; sets $event
event_wait() {
	while IFS= read -r -t $limit -u "$events" event; do
		[ "$(jq "$1" <<<"$event")" != true ] || return 0
	done
	fail "no event was '$1'"
}

unfollow() {
	kill "$events_pid" 2>/dev/null || true
	wait "$events_pid" || true
	exec {events}<&-
}

make_rootfs
