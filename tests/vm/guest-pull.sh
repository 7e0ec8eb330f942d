#!/usr/bin/env bash
# Pull=missing in pod@.service: what the unit allows podd is enough for a pull, and
# systemd waits for one. The registry is one of the integration tests', on loopback.
. "$(dirname "$0")/lib.sh"
unit=pod@pulled.service at=127.0.0.1:5000
served=$(mktemp -d)

digest() { sha256sum "$1" | cut -d ' ' -f 1; }
# put FILE: among the blobs; its descriptor, of the media type $2
put() {
	cp "$1" "$served/blobs/$(digest "$1")"
	printf '{"mediaType":"application/vnd.oci.image.%s","digest":"sha256:%s","size":%s}' \
		"$2" "$(digest "$1")" "$(stat -c %s "$1")"
}

# An image of a shell and of what a layer may need privileges for: owners, a device
# node, a set-user-id bit and a whiteout.
make_image() {
	local d=$served/image layer config
	mkdir -p "$served"/{manifests,blobs} "$d"/{bin,dev,srv}
	# shellcheck disable=SC2046 # paths of libraries
	tar -C / -chf - bin/sleep bin/sh $(ldd /bin/sleep /bin/sh | grep -o '/lib[^ ]*' | sort -u | cut -c 2-) |
		tar -C "$d" -xf - || return 1
	mknod "$d/dev/console" c 5 1 && touch "$d/srv/.wh.gone" && cp /bin/true "$d/srv/owned" &&
		chown 70000:70001 "$d/srv/owned" && chmod 4755 "$d/srv/owned" || return 1
	tar -C "$d" -cf "$served/layer" .
	layer=$(put "$served/layer" layer.v1.tar)
	printf '{"architecture":"%s","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:%s"]},"config":{"Cmd":["sleep","1000"]}}' \
		"$(dpkg --print-architecture)" "$(digest "$served/layer")" >"$served/config"
	config=$(put "$served/config" config.v1+json)
	printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":%s,"layers":[%s]}' \
		"$config" "$layer" >"$served/manifests/one"
}

serves() { (: <"/dev/tcp/${at/:/\/}") 2>/dev/null; }
registry_up() {
	systemd-run --quiet --unit=registry "$PWD/build/tests/integration/hostile_registry" \
		"$served" "$served/requests" 5000 5001 && until_ok serves
}
registry_down() { systemctl stop registry && ! serves; }

# pod_of IMAGE
pod_of() { printf '%s\n' '[Network]' Mode=none '[Container app]' "Image=$1" Pull=missing >/etc/podd/pulled.pod; }

starts() {
	pod_of $at/plain:one
	registry_up || return 1
	systemctl start $unit || journalctl -u $unit -o cat
	[ "$(show ActiveState)" = active ] &&
		podctl status pulled | grep '^app .* running ' &&
		[ "$(podctl image list --json | jq -r '.images[].name')" = $at/plain:one ]
}
is_whole() {
	podctl image fsck | grep '^1 images, all whole' || return 1
	[ "$(stat -c '%u:%g %a' "$(echo /var/lib/podd/images/layers/*/srv/owned)")" = '70000:70001 4755' ] &&
		[ "$(stat -c '%F %t:%T' "$(echo /var/lib/podd/images/layers/*/dev/console)")" = "character special file 5:1" ]
}
without_registry() {
	registry_down && systemctl restart $unit && [ "$(show ActiveState)" = active ]
}
not_there() {
	systemctl stop $unit && podctl image remove --force $at/plain:one || return 1
	! systemctl start $unit
	journalctl -u $unit -o cat | grep "pull '$at/plain:one': registry '$at': .*onnect" || return 1
	[ -z "$(podctl image list --json | jq -r '.images[].name')" ] && systemctl stop $unit
}

# A registry that never answers: longer than TimeoutStartSec=, which podd has put off.
waits() {
	registry_up || return 1
	pod_of $at/silent:one
	mkdir -p /run/systemd/system/$unit.d
	printf '[Service]\nTimeoutStartSec=5\n' >/run/systemd/system/$unit.d/short.conf
	systemctl daemon-reload && systemctl start --no-block $unit
	until_show StatusText 'pulling images' || return 1
	timeout 8 tail --pid="$(show MainPID)" -f /dev/null
	[ "$(show ActiveState)" = activating ] && pgrep -f 'image --root / pull'
}
# Whoever else is nobody may not signal it.
has_its_own_user() { pgrep -au podd-image podd-image && ! pgrep -au nobody podd-image; }
stops_at_once() {
	local main
	main=$(show MainPID)
	timeout 20 systemctl stop $unit || return 1
	echo "$main -> $(show MainPID), $(show Result)"
	! pgrep -f 'image --root / pull' && ! pgrep -x podd && [ ! -e /run/podd/pulled/control ] &&
		podctl image fsck | grep '^0 images'
}

cp -r $dest/. / && systemd-sysusers podd.conf && systemctl daemon-reload && mkdir -p /etc/podd
check "pull: an image for it" make_image
check "pull: a unit starts when its image has come" starts
check "pull: which has its owners and devices" is_whole
check "pull: no registry is needed any more" without_registry
check "pull: but where the image is not there" not_there
check "pull: a registry that does not answer is waited for, longer than TimeoutStartSec=" waits
check "pull: meanwhile, what asks it has a user of its own" has_its_own_user
check "pull: until the unit is stopped" stops_at_once
rm -rf "$served" /run/systemd/system/$unit.d
finish
