#!/usr/bin/env bash
# The core of the integration tests, on a pure cgroup v2 hierarchy and Linux 6.1.
set -u
cd "$(dirname "$0")/../.." || exit 1
failed=0
# run PROGRAM [VARIABLE=VALUE]
run() {
	echo "# $1"
	# Outside of the lab's own unit, which is delegated.
	systemd-run --quiet --wait --pipe --same-dir --setenv=PODD_TEST_LIMIT="${PODD_TEST_LIMIT:-120}" \
		${2:+--setenv="$2"} "$PWD/$1" || failed=1
}

for name in core process stop network pause identity limits landlock credentials labels; do
	run "tests/integration/test-$name"
done
# Of these what the kernel's version may change.
run tests/integration/test-caps 'ONLY=by default|AddCapability=all|ambient'
run tests/integration/test-seccomp 'ONLY=EPERM|ENOSYS|glibc|one filter'
# Each form of the filter's program: the verifier is another with each kernel.
run tests/integration/test-devices 'ONLY=^ro:|named twice|^UserNamespace=host and|cannot be made again'
# What the page shows of limits; the rest is the same everywhere.
run tests/docs/test-operations 'ONLY=throttled|memory'
exit $failed
