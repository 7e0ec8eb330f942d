#!/usr/bin/env bash
# The Debian packages under a real systemd: installed, upgraded under running pods,
# removed, purged. make check-vm builds them, of this version and of a later one.
. "$(dirname "$0")/lib.sh"
unit=web.pod.service
new=$(compgen -G 'build/deb/podd_*+next_*.deb') old=${new/+next/}

if [ ! -e "$old" ]; then
	skip "deb: installed, upgraded, removed, purged" "not two versions in build/deb: make check-vm builds them"
	finish
fi

version_of() { dpkg-deb -f "$1" Version; }
# Of this podd alone: other tests have installed into /usr/local.
without_local() {
	rm -rf /usr/local/bin/pod* /usr/local/lib/podd /usr/local/lib/{systemd,sysusers.d,tmpfiles.d} &&
		{ ! id podd-image || userdel podd-image; } && { ! id podd-seccomp || userdel podd-seccomp; } &&
		systemctl daemon-reload && hash -r && ! command -v podd
}

# All that is not of the packages that were there before; but for former contents of passwd(5)
# and its kin, which are there since a user was added.
everything() {
	find / -xdev \( -path /proc -o -path /sys -o -path /tmp -o -path /vmlab -o -path /var/cache -o \
		-path /etc/passwd- -o -path '/etc/*group-' -o -path '/etc/*shadow-' -o -path /var/lib/dpkg -o -path /var/log/dpkg.log \) -prune -o -print | LC_ALL=C sort
	find /run/podd /run/systemd/generator -name '*podd*' -o -name '*.pod*' 2>/dev/null
}

installs() {
	everything >/tmp/before
	dpkg -i "$old" && [ "$(podd --version)" = "podd $(version_of "$old")" ] &&
		[ "$(stat -c %a /run/podd /var/lib/podd /etc/podd | tr '\n' ' ')" = '700 700 755 ' ] &&
		[ ! -e /usr/share/doc/podd/.directories ] && id podd-image && id podd-seccomp &&
		systemctl is-enabled pods.target && show Wants multi-user.target | grep -w pods.target
}

pods_start() {
	printf '%s\n' '[Network]' Mode=none '[Container app]' Rootfs=/ 'Exec=sleep infinity' Writable=yes \
		'[Container busy]' Rootfs=/ 'Exec=sh -c "while echo line; do sleep 1; done"' \
		'[Container once]' Rootfs=/ "Exec=sh -c 'sleep 1; exit 3'" RestartSec=1h RestartMaxSec=1h \
		'[Install]' WantedBy=pods.target >/etc/podd/web.pod
	printf '%s\n' '[Network]' Mode=none '[Container app]' Rootfs=/ 'Exec=sleep infinity' \
		>/etc/podd/other.pod
	cp /etc/podd/other.pod /etc/podd/changed.pod
	systemctl daemon-reload && systemctl start pods.target && systemctl enable --now pod@other &&
		systemctl start changed.pod && active web.pod pod@other changed.pod &&
		until_ok once_has_ended
}
once_has_ended() { podctl status web | grep -E '^once +main +backoff .* 1 +20'; }

# What must not change by an upgrade: the processes of all pods, and what podd knows of them.
facts() {
	for pod in web other changed; do
		podctl status --json $pod | jq -c '[.name, .state, (.containers[] | [.name, .state, .pid, .restarts])]'
	done
	pgrep -a pod-pause
	for pod in web.pod pod@other changed.pod; do
		show MainPID $pod; show NRestarts $pod; show ActiveState $pod; show SubState $pod
	done
}
podd_of() { readlink "/proc/$(show MainPID "$1")/exe"; }

upgrades() {
	local before after said
	systemctl disable pods.target || return 1
	# Its file has changed: a podd that adopts it would change it, so it is left alone and told.
	echo MemoryMax=99M >>/etc/podd/changed.pod
	before=$(facts)
	said=$(dpkg -i "$new" 2>&1) || { echo "$said"; return 1; }
	after=$(facts)
	echo "$said"
	diff <(echo "$before") <(echo "$after") &&
		grep -F "pod 'web': podd $(version_of "$new"), running" <<<"$said" &&
		grep -F "pod 'other': podd $(version_of "$new"), running" <<<"$said" &&
		grep -F "pod 'changed' runs on with its former podd" <<<"$said" &&
		grep -F "'/etc/podd/changed.pod' has changed: reload it first" <<<"$said" || return 1
	[ "$(podctl version)" = "podctl $(version_of "$new")" ] &&
		[ "$(systemctl is-enabled pods.target)" = disabled ] && systemctl enable pods.target
}

goes_on() {
	systemctl reload changed.pod && podctl upgrade changed | grep -F "podd $(version_of "$new"), running" &&
		podctl restart web app && podctl logs --tail 1 -c busy web | grep line &&
		systemctl restart web.pod && active web.pod && until_ok once_has_ended
}

# And back, as an administrator does who does not like it.
downgrades() {
	local before
	before=$(facts)
	dpkg -i "$old" && diff <(echo "$before") <(facts) &&
		podctl upgrade web | grep -F "podd $(version_of "$old"), running"
}

# A pod whose podd is gone is stopped as well.
removes() {
	kill -KILL "$(show MainPID pod@other)"
	podctl list
	dpkg -r podd || return 1
	systemctl list-units --no-legend '*.pod.service' 'pod@*' pods.target
	find /run/podd
	! pgrep -l 'podd|pod-pause' && ! compgen -G '/sys/fs/cgroup/podd*' && [ ! -e /run/podd ] &&
		[ -z "$(systemctl list-units --no-legend '*.pod.service' 'pod@*' pods.target)" ] || return 1
	everything | diff /tmp/before - | sed -n 's/^> //p' >/tmp/left
	cat /tmp/left
	[ -s /var/log/podd/web/busy.log ] && [ -e /etc/podd/web.pod ] &&
		! grep -vE '^/(etc|var/lib|var/log)/podd(/|$)|^/etc/systemd/system/multi-user.target.wants/(pod@other.service|pods.target)$|^/var/lib/systemd/deb-systemd-helper-enabled/' \
			/tmp/left
}

purges() {
	dpkg -P podd && everything | diff /tmp/before - && ! grep podd /etc/passwd /etc/group /etc/shadow
}

check "deb: nothing of podd is there" without_local
check "deb: installs" installs
check "deb: its generator and units run pods" pods_start
check "deb: an upgrade leaves every process and every count of the pods" upgrades
check "deb: after it, reload, upgrade and restart go on" goes_on
check "deb: so does a downgrade" downgrades
check "deb: removed, only data is left" removes
check "deb: purged, nothing" purges
finish
