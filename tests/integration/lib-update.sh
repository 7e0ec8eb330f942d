# shellcheck shell=bash
# A pod, a registry that its image is from, and updates of it.
if ! command -v docker-registry >/dev/null; then
	echo "ok 1 - ${0##*/} # SKIP no docker-registry"
	exit 0
fi
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lib-image.sh"
unset REGISTRY_AUTH_FILE http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY
export HOME=$tmp/home
mkdir -p "$HOME"
at=127.0.0.1:5000 # this file's network is its own

run='trap "exit 0" TERM; cat /srv/version; while :; do sleep 1000 & wait; done'
for v in old new; do
	derive base $v --config.cmd sh --config.cmd -c --config.cmd "$run"
	layer $v "echo $v >srv/version"
done
derive base third --config.cmd sh --config.cmd -c --config.cmd "$run"
layer third 'echo third >srv/version'
derive new bad --config.cmd sh --config.cmd -c --config.cmd 'exit 7'
derive new gone --config.cmd /bin/nothing

cat >"$tmp/registry.yml" <<END
version: 0.1
log: { level: error }
storage: { filesystem: { rootdirectory: $tmp/registry } }
http: { addr: $at }
END
registry_up() {
	docker-registry serve "$tmp/registry.yml" >"$dir/registry.log" 2>&1 &
	registry=$!
	until (: <"/dev/tcp/${at/:/\/}") 2>/dev/null; do kill -0 $registry; done
}
registry_down() { kill $registry; wait $registry || true; rm -rf "$tmp/registry"; }
# up TITLE FUNCTION: it(), with a registry
up() { with=$2; it "$1" with_registry; }
with_registry() { registry_up; $with; registry_down; }
push() { skopeo copy -q --dest-tls-verify=false "oci:$oci:$1" "docker://$at/app:latest"; }

name=$at/app:latest
settle=300ms
web() { { printf '%s\n' '[Pod]' UpdateSettleSec=$settle; image_app "$name" RestartSec=10ms "$@"; } | pod web; }

# A pod that runs the old image, and a registry that has another one
begin() {
	push old
	image pull "$name" >/dev/null
	web "${@:2}"
	pod_start web
	push "$1"
}
runs() { podctl exec web app -- cat /srv/version; }
named() { image list --json | jq -r --arg n "$name" '.images[] | select(.name == $n).digest'; }
update_of() { podctl status --json web | jq -r ".update.$1"; }
file() { jq -r "$1" "$root/var/lib/podd/generations/web"; }
# until_settled: the store's names are as the update has left them
until_settled() {
	local end=$((SECONDS + limit))
	until [ "$(file .state)" = settled ]; do [ $SECONDS -lt $end ] || fail "it is $(file .)"; done
}
until_runs() {
	local end=$((SECONDS + limit))
	until [ "$(runs 2>/dev/null)" = "$1" ]; do [ $SECONDS -lt $end ] || fail "$1 does not run"; done
}
sound() { like "$(image fsck)" 'all whole'; }
