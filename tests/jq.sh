# shellcheck shell=bash
# jq for the tests; sourced by their libraries.
#
# jq 1.6 compiles a library of its own at each start, which takes ten times what most of
# podd's commands do: with it, a third of all time went there. gojq is the same language
# (it sorts the keys of an object: where their order is tested, "command jq").
! command -v gojq >/dev/null || jq() { gojq "$@"; }
