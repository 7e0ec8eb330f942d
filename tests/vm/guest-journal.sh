#!/usr/bin/env bash
# LogDriver= under the real journald: fields, priorities, a restart of it.
. "$(dirname "$0")/lib.sh"
etc=/etc/podd unit=talk.pod

# pod NAME LINE...: a pod whose container app runs /run/app.sh, with these lines
pod() {
	printf '%s\n' '[Pod]' RestartPolicy=never '[Network]' Mode=none '[Container app]' Rootfs=/ \
		'Exec=sh /run/talk/app.sh' 'Volume=/run/talk:/run/talk:noidmap' "${@:2}" >"$etc/$1.pod"
	systemctl daemon-reload
}
# /run is a tmpfs, which Linux has idmapped mounts of since 6.3: the pod is nobody there.
script() { mkdir -p -m 777 /run/talk && cat >/run/talk/app.sh; }
# entries FIELD=VALUE...: as JSON, the oldest first
entries() { journalctl --sync; journalctl -q --all -o json PODD_POD=talk "$@"; }
has() { [ -n "$(entries "$@")" ]; }
end() { systemctl stop $unit; }

install_podd() {
	cp -r $dest/. / && mkdir -p $etc && systemctl daemon-reload
	! [ -e /var/log/journal ] || journalctl --flush
}

fields() {
	script <<-'END'
	echo plain
	echo '<4>prefixed'
	echo wrong >&2
	echo '<7>detail' >&2
	printf 'a\001b\377c\n'
	echo
	head -c 20000 /dev/zero | tr '\0' x
	echo
	echo done
	exec sleep infinity
	END
	pod talk LogDriver=journald
	systemctl start $unit && until_ok has MESSAGE=done || return 1
	entries | jq -c '[.PODD_ATTEMPT, .PODD_LINE, .PODD_STREAM, .PRIORITY, .MESSAGE]' | cut -c 1-100
	entries MESSAGE=plain | jq -e '.PODD_CONTAINER == "app" and .PODD_ATTEMPT == "1" and .PRIORITY == "6" and
		.PODD_STREAM == "stdout" and .CONTAINER_NAME == "talk-app" and .SYSLOG_IDENTIFIER == "talk-app" and
		._SYSTEMD_UNIT == "talk.pod.service" and ._COMM == "podd" and ._TRANSPORT == "journal"' &&
		entries MESSAGE=prefixed | jq -e '.PRIORITY == "4"' &&
		entries MESSAGE=wrong | jq -e '.PRIORITY == "3" and .PODD_STREAM == "stderr"' &&
		entries MESSAGE=detail | jq -e '.PRIORITY == "7"' &&
		[ "$(entries | jq -c 'select(.MESSAGE | type == "array") | .MESSAGE')" = '[97,1,98,255,99]' ] &&
		[ "$(entries CONTAINER_PARTIAL_MESSAGE=true | jq '.MESSAGE | length')" = 16384 ] &&
		[ "$(entries PODD_STREAM=stdout | wc -l)" = 7 ] || return 1
	# As an operator asks.
	journalctl -q -o cat -u $unit -p err | grep -x wrong && journalctl -q -o cat -t talk-app | grep -x plain &&
		[ "$(podctl logs -c app talk | head -n 2)" = "$(printf 'plain\nprefixed')" ] &&
		podctl logs -t talk | grep 'talk-app\[[0-9]*\]: plain' && [ ! -e /var/log/podd/talk/app.log ]
}

# What came into the journal in this attempt of the unit, by its own numbers.
count() {
	entries "_SYSTEMD_INVOCATION_ID=$(show InvocationID)" >/run/talk/entries
	lines=$(jq -r 'select(.MESSAGE | startswith("line ")) | .PODD_LINE' /run/talk/entries | wc -l)
	distinct=$(jq -r 'select(.MESSAGE | startswith("line ")) | .PODD_LINE' /run/talk/entries | sort -u | wc -l)
	dropped=$(jq -r .MESSAGE /run/talk/entries | awk '/^podd: dropped / { n += $3 } END { print n + 0 }')
	suppressed=$(journalctl -q -o cat -u systemd-journald | awk '/Suppressed .* from talk.pod/ { n += $2 } END { print n + 0 }')
	echo "$lines entries, $distinct distinct, $dropped dropped by podd, $suppressed suppressed by journald"
}
written() { [ -e /run/talk/written ]; }

# Nothing is lost over a restart of journald, since what it does not take waits.
restart_of_journald() {
	end
	rm -f /run/talk/written
	script <<-'END'
	i=0
	while [ ! -e /run/talk/stop ]; do i=$((i + 1)); echo "line $i"; sleep 0.01; done
	echo $i >/run/talk/written
	echo last of restart_of_journald
	exec sleep infinity
	END
	pod talk LogDriver=both
	rm -f /run/talk/stop && systemctl start $unit && until_ok has MESSAGE='line 20' || return 1
	for _ in 1 2 3; do systemctl restart systemd-journald || return 1; done
	until_ok has MESSAGE="line $(($(grep -c ' line ' /var/log/podd/talk/app.log) + 20))" || return 1
	: >/run/talk/stop
	until_ok written && until_ok has MESSAGE='last of restart_of_journald' || return 1
	count
	cat /run/talk/written
	[ "$distinct" = "$lines" ] && [ "$lines" = "$(cat /run/talk/written)" ] && [ "$dropped" = 0 ] &&
		[ "$(grep -c ' line ' /var/log/podd/talk/app.log)" = "$lines" ]
}

check "podd is installed" install_podd
check "fields and priorities in journalctl -o json" fields
check "a restart of journald loses no line" restart_of_journald
end
rm -rf /run/talk $etc/talk.pod && systemctl daemon-reload
finish
