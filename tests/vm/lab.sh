# shellcheck shell=bash
# Which lab, and what its image has; sourced by run and boot.
#
# VMLAB names the lab, a program with the verbs
#   vmlab run --packages LIST --timeout S --share DIR --exclude PATTERN [--append ARGUMENTS] -- COMMAND
# that boots a VM, with these arguments more for its kernel, copies DIR into it, runs
# COMMAND there as root, streams its output and returns its status;
#   vmlab build --packages LIST
#   vmlab info --packages LIST
# of which the latter tells "image DIR, ..." and "accelerator tcg|kvm". In DIR are
# root.img (a Debian with systemd, ext4), vmlinuz and initrd.img.
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd) || exit 1
lab=${VMLAB:-$top/../shared/vmlab/vmlab}
# Run-time libraries of the tests and programs, real software for pods, and what makes a policy.
# shellcheck disable=SC2034 # used by who sources this
packages=libcmocka0,libjansson4,libarchive13,libcurl4,nginx-light,gojq,jq,secilc,apparmor

# need_lab NAME: without one the test of that name is skipped
need_lab() {
	command -v "$lab" >/dev/null && return
	echo "ok 1 - $1 # SKIP no VM lab: put the path of a vmlab program into VMLAB"
	exit 0
}
