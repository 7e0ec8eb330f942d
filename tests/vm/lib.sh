# shellcheck shell=bash
# What the guest tests share that have systemd itself for their subject; sourced by
# each, which ends with "finish". What needs no systemd but a pod uses
# ../integration/lib.sh instead, whose tests have a root of their own.
#
# Nothing here sleeps: until_ok and until_show bound each wait to two minutes, which a
# run that passes never waits for.
set -u
# shellcheck source=tests/jq.sh
. "$(dirname "${BASH_SOURCE[0]}")/../jq.sh"
n=0 failed=0 dest=build/dest

# check NAME COMMAND...: one test, in a subshell; its output is told when it fails.
check() {
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

# skip NAME REASON: a test that this machine cannot do, by its name.
skip() {
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}

# until_ok COMMAND...: again until it succeeds; its last output is told when it never does.
until_ok() {
	local out until=$((SECONDS + 120))
	while [ $SECONDS -lt $until ]; do
		! out=$("$@" 2>&1) || return 0
		read -r -t 0.2 <> <(:) || true
	done
	echo "never came true: $*"
	echo "$out"
	return 1
}

# show PROPERTY [UNIT]: of the unit, or of that in $unit
show() { systemctl show -P "$1" "${2:-$unit}"; }
# until_show PROPERTY VALUE [UNIT]
until_show() { until_ok shows "$@"; }
shows() {
	local is
	is=$(show "$1" "${3:-}")
	echo "$1 is '$is', not '$2'"
	[ "$is" = "$2" ]
}
# The control group of a pod: in its unit's where systemd can have podd beside it (254).
group_of() { podctl inspect "$1" | jq -r .cgroup.path; }
active() { systemctl is-active --quiet "$@"; }

finish() { exit $failed; }
