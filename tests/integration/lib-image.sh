# shellcheck shell=bash
# Images for the integration tests, made by umoci; sourced after lib.sh.
#
# All are tags of one OCI layout, $oci. A tag that is not a whole name names
# nothing in podd's store, so tests give names with --name.
for p in umoci skopeo zstd; do
	command -v $p >/dev/null && continue
	echo "1..0 # SKIP no $p: tools/deps check"
	umount -l "$tmp"
	rmdir "$tmp"
	exit
done
export TMPDIR=$tmp # skopeo's and umoci's own
oci=$tmp/oci

image() { podctl image "$@"; }

# it TITLE FUNCTION: a test that has a store; what is left of that is no trace of podd
it() { stored=$2; t "$1" with_store; }
with_store() {
	store=$root/var/lib/podd/images
	$stored
	rm -rf "$store" "$root/usr" "$root/var/log/podd"
}

# derive FROM TAG [OPTION...]: FROM with another config, by umoci-config(1)
derive() {
	umoci tag --image "$oci:$1" "$2"
	[ $# = 2 ] || umoci config --no-history --image "$oci:$2" "${@:3}"
}

# layer TAG SCRIPT: one more layer: what SCRIPT does in the image's root
layer() {
	local bundle
	bundle=$(mktemp -d "$tmp/bundle.XXXXXX")
	umoci unpack --image "$oci:$1" "$bundle"
	(cd "$bundle/rootfs" && eval "$2")
	umoci repack --image "$oci:$1" "$bundle"
	rm -rf "$bundle"
}

# digest_of TAG: of index.json as umoci writes it; jq takes longer than many a test
digest_of() {
	local found='"digest":"(sha256:[0-9a-f]{64})","size":[0-9]+,'
	found+="\"annotations\":\{\"org.opencontainers.image.ref.name\":\"$1\"\}"
	[[ $(<"$oci/index.json") =~ $found ]] || fail "no '$1' in $oci"
	echo "${BASH_REMATCH[1]}"
}

# take TAG NAME [OPTION...]: an image of $oci, into the store
take() { image import --select "$1" --name "$2" "${@:3}" "$oci" 2>&1; }

# declines REGEX COMMAND...: status 1, one line that says why, and no image has changed
declines() {
	local status=0 said before
	before=$(entered)
	said=$(image "${@:2}" 2>&1 >/dev/null) || status=$?
	said=$(grep -Ev '^(layer|fetch|waiting for) ' <<<"$said" || true) # how far it has come
	is "$status" 1 "$said"
	like "$said" "$1"
	is "$(wc -l <<<"$said")" 1 "$said"
	is "$(entered)" "$before"
}
# What alone makes images exist.
entered() {
	local text=
	[ ! -e "$store/index.json" ] || text=$(<"$store/index.json")
	[[ $text != *'"digest"'* ]] || echo "$text"
}

# names: all of the store ("-": none), with the first digits of their images
names() { image list | awk 'NR > 1 { print $1, $2 }' | sort; }

# whole: nothing in the store but what its images are made of
whole() {
	is "$(image fsck)" "$1 images, all whole; 0 unused blobs and layers"
	is "$(ls -A "$store/tmp")" ''
	is "$(cd "$store" && ls -A | tr '\n' ' ')" 'blobs index.json layers lock oci-layout tmp '
}

# image_app IMAGE [LINE...]: a whole pod file
image_app() { printf '%s\n' '[Network]' Mode=none '[Container app]' "Image=$1" "${@:2}"; }

# said IMAGE [LINE...]: what a container of the image prints, and ends; $userns: whose ids it has
said() {
	{ printf '%s\n' '[Pod]' RestartPolicy=never "UserNamespace=${userns:-auto}"; image_app "$@"; } | pod said
	pod_run said
	log_text said
	rm -rf "$root/var/log/podd/said" "$root/etc/podd/said.pod"
}

umoci init --layout "$oci"
umoci new --image "$oci:base"
layer base 'cp -a "$rootfs/." .'
