#!/usr/bin/env bash
# Control groups where systemd rules: inside a delegated unit, and beside it.
. "$(dirname "$0")/lib.sh"
fs=/sys/fs/cgroup unit=podd-test-delegated

# The module's tests once more, as the main process of a unit with Delegate=yes:
# there the groups are made in the unit, and the test moves to its leaf.
delegated_tests() {
	systemd-run --quiet --wait --pipe --unit=$unit -p Delegate=yes \
		--setenv=CMOCKA_MESSAGE_OUTPUT=TAP "$PWD/build/tests/kernel/test_cgroup" >"$log" 2>&1
}
all_controllers_tested() {
	cat "$log"
	grep -q '^ok [0-9]* - memory_max__' "$log" && grep -q '^ok [0-9]* - tasks_max__' "$log" &&
		grep -q '^ok [0-9]* - cgroup_limits_apply__all_controllers' "$log"
}

# What podd/NAME at the root of systemd's hierarchy relies on.
foreign_group_survives_reload() {
	echo "+cpuset +hugetlb" >$fs/cgroup.subtree_control
	mkdir $fs/podd-vm $fs/podd-vm/web &&
		echo "+memory +cpuset +hugetlb" >$fs/podd-vm/cgroup.subtree_control &&
		echo 64M >$fs/podd-vm/web/memory.max && echo 0 >$fs/podd-vm/web/cpuset.cpus &&
		echo 4M >$fs/podd-vm/web/hugetlb.2MB.max && systemctl daemon-reload &&
		systemd-run --quiet --wait -p AllowedCPUs=0 true && systemctl daemon-reexec &&
		[ "$(<$fs/podd-vm/web/memory.max)" = 67108864 ] &&
		[ "$(<$fs/podd-vm/web/cpuset.cpus)" = 0 ] &&
		[ "$(<$fs/podd-vm/web/hugetlb.2MB.max)" = 4194304 ] &&
		rmdir $fs/podd-vm/web $fs/podd-vm
}

# systemd owns the limits of the unit's own group: why a pod's are one below.
unit_limits_are_systemds() {
	systemd-run --quiet --unit=$unit-own -p Delegate=yes -p MemoryMax=100M sleep infinity || return 1
	local own=$fs/system.slice/$unit-own.service
	echo 50M >"$own/memory.max" && systemctl daemon-reload &&
		systemctl set-property --runtime $unit-own.service MemoryMax=80M &&
		[ "$(<"$own/memory.max")" = 83886080 ]
	local r=$?
	systemctl stop $unit-own.service
	return $r
}

nothing_left() {
	! compgen -G "$fs/podd*" && ! compgen -G "$fs/system.slice/$unit*"
}

log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
check "delegated unit: tests pass" delegated_tests
check "delegated unit: memory, pids and cpu were really tested" all_controllers_tested
check "foreign group at the root survives systemd's reload" foreign_group_survives_reload
check "limits of a delegated unit stay systemd's" unit_limits_are_systemds
check "no group is left" nothing_left
finish
