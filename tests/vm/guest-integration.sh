#!/usr/bin/env bash
# The core of the integration tests, on a pure cgroup v2 hierarchy and Linux 6.1.
set -u
cd "$(dirname "$0")/../.." || exit 1
failed=0
for name in integration/test-{core,process,restart,stop,network} docs/test-operations; do
	echo "# tests/$name"
	# Outside of the lab's own unit, which is delegated.
	systemd-run --quiet --wait --pipe --same-dir --setenv=PODD_TEST_LIMIT="${PODD_TEST_LIMIT:-120}" \
		"$PWD/tests/$name" || failed=1
done
exit $failed
