# shellcheck shell=bash
# Registries for the integration tests: Debian's, and one of bad manners; sourced
# after lib.sh. Images to push are tags of one OCI layout, $layout.
if [ "$(command -v docker-registry umoci skopeo openssl | wc -l)" != 4 ]; then
	echo "1..0 # SKIP no docker-registry, umoci, skopeo or openssl: tools/deps check"
	umount -l "$tmp"
	rmdir "$tmp"
	exit
fi

unset REGISTRY_AUTH_FILE http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY
export HOME=$tmp/home
mkdir -p "$HOME"
hostile=$BUILD/tests/integration/hostile_registry
alice=YWxpY2U6b3Blbg== # alice:open
# This file's network is its own: every port is free.
at=127.0.0.1:5000 bad=127.0.0.1:6000

# ------------------------------------------------------------------- images

layout=$tmp/layout

# make_image TAG [umoci config option...]: the root file system, and three random MiB
make_image() {
	mkdir -p "$tmp/data/srv"
	head -c 3000000 /dev/urandom >"$tmp/data/srv/$1"
	umoci new --image "$layout:$1"
	tar -C "$rootfs" -cf "$tmp/layer.tar" .
	umoci raw add-layer --image "$layout:$1" "$tmp/layer.tar"
	tar -C "$tmp/data" -cf "$tmp/layer.tar" "srv/$1"
	umoci raw add-layer --image "$layout:$1" "$tmp/layer.tar"
	umoci config --image "$layout:$1" --config.cmd /bin/report "${@:2}"
}

# digest TAG: of its manifest
digest() {
	jq -r --arg t "$1" '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == $t)
		| .digest' "$layout/index.json"
}
blob() { echo "$layout/blobs/sha256/${1#sha256:}"; }
# layers TAG: their digests, the config's first
layers() { jq -r '.config.digest, .layers[].digest' "$(blob "$(digest "$1")")"; }

# index TAG:ARCHITECTURE...: a manifest list
index() {
	local t
	for t; do
		jq -n --arg d "$(digest "${t%:*}")" --arg a "${t#*:}" \
			--argjson n "$(stat -c %s "$(blob "$(digest "${t%:*}")")")" '{
			mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $d, size: $n,
			platform: { os: "linux", architecture: $a } }'
	done | jq -cs '{ schemaVersion: 2, manifests: .,
		mediaType: "application/vnd.oci.image.index.v1+json" }'
}

here=$(dpkg --print-architecture)
umoci init --layout "$layout"
make_image one
make_image two
make_image other --architecture s390x

# What the hostile one serves: DIR/manifests/REF, DIR/blobs/HEX.
served=$tmp/served
mkdir -p "$served/manifests"
cp -r "$layout/blobs/sha256" "$served/blobs"
for i in one two other; do
	cp "$(blob "$(digest $i)")" "$served/manifests/$i"
	cp "$(blob "$(digest $i)")" "$served/manifests/$(digest $i)"
done
index other:s390x "one:$here" >"$served/manifests/multi"

# ------------------------------------------------------------------- registries

# registry_start [YAML]: with further lines below "http:" and the like
registry_start() {
	cat >"$dir/registry.yml" <<-END
	version: 0.1
	log: { level: info }
	storage: { filesystem: { rootdirectory: $tmp/registry } }
	http:
	  addr: $at
	${1:-}
	END
	docker-registry serve "$dir/registry.yml" >"$dir/registry.log" 2>&1 &
	registry=$!
	until (: <"/dev/tcp/${at/:/\/}") 2>/dev/null; do
		kill -0 $registry || fail "$(cat "$dir/registry.log")"
	done
}

registry_stop() {
	kill $registry
	wait $registry || true
}

# push TAG NAME
push() { skopeo copy -q --dest-tls-verify=false "oci:$layout:$1" "docker://$at/$2"; }

hostile_start() {
	local line
	exec {said}< <(exec "$hostile" "$served" "$dir/requests" "${bad#*:}" 6001)
	registry=$!
	read -r -t $limit -u "$said" line
	is "$line" ready
}

hostile_stop() {
	registry_stop
	exec {said}<&-
	# Its children go when it does.
	while pgrep -x hostile_registr >/dev/null; do :; done
}
