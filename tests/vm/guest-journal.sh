#!/usr/bin/env bash
# LogDriver= under the real journald: fields, priorities, a restart of it, floods, kills of podd, passthrough.
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

# write_lines N BYTES TEST: a container's script that writes lines and then a last one, each
# when the test says so.
write_lines() {
	local more
	more=$(printf "%0$2d" 0)
	rm -f /run/talk/{written,flood,go}
	script <<-END
	while [ ! -e /run/talk/flood ]; do sleep 0.2; done
	seq -f 'line %.0f $more' $1
	: >/run/talk/written
	while [ ! -e /run/talk/go ]; do sleep 0.2; done
	echo last of $3
	exec sleep infinity
	END
}
# last_of NAME: all that write_lines wrote has come, or has been dropped
last_of() { until_ok written && : >/run/talk/go && until_ok has MESSAGE="last of $1"; }
# What podctl status counts of the container's lines.
status_counts() { podctl status talk | sed -n "s/.*container 'app': \([0-9]*\) log lines .*/\1/p"; }
some_dropped() { [ "$(status_counts)" -gt 0 ]; }
told() { count && [ "$dropped" -gt 0 ]; }

# More than the pod may write: each line is an entry, or counted; journald has nothing to suppress.
flood() {
	end
	write_lines 2000 1 flood
	pod talk LogDriver=journald LogRateLimitIntervalSec=3 LogRateLimitBurst=500
	# What is over it is told when the interval ends, and the next has room for the last line.
	systemctl start $unit && : >/run/talk/flood && until_ok written && until_ok told && last_of flood || return 1
	count
	podctl status talk
	[ $((lines + dropped)) = 2000 ] && [ "$lines" = "$distinct" ] && [ "$lines" -ge 500 ] &&
		[ "$suppressed" = 0 ] &&
		journalctl -q -o cat -u $unit -p warning | grep 'podd: dropped [0-9]* lines .*LogRateLimitBurst=' &&
		[ "$(status_counts)" = "$dropped" ]
}

# A journald that stands still for longer than podd waits: what it has no room for is counted.
flood_without_limit() {
	local journald stalled
	end
	# More than pipe and buffer hold, and few enough for the journal to keep.
	write_lines 2000 400 flood_without_limit
	mkdir -p /run/systemd/system/$unit.service.d
	printf '[Service]\nLogRateLimitIntervalSec=0\n' >/run/systemd/system/$unit.service.d/limit.conf
	pod talk LogDriver=journald LogRateLimitBurst=0
	systemctl start $unit || return 1
	# Until it goes on, systemd may wait for it as well.
	journald=$(show MainPID systemd-journald) && kill -STOP "$journald"
	: >/run/talk/flood && until_ok written && until_ok some_dropped
	stalled=$?
	kill -CONT "$journald"
	[ $stalled = 0 ] && last_of flood_without_limit || return 1
	count
	podctl status talk
	rm -r /run/systemd/system/$unit.service.d && systemctl daemon-reload
	[ $((lines + dropped)) = 2000 ] && [ "$lines" = "$distinct" ] && [ "$dropped" -gt 0 ] &&
		[ "$suppressed" = 0 ] && [ "$(status_counts)" = "$dropped" ]
}

# podd is killed while it sends; systemd starts the next one, which adopts the pod.
killed_podd() {
	local kills=3 main
	end
	rm -f /run/talk/written /run/talk/stop
	script <<-'END'
	i=0
	while [ ! -e /run/talk/stop ]; do
		i=$((i + 1)); echo "number $i"
		[ $((i % 10)) != 0 ] || sleep 0.05
	done
	echo $i >/run/talk/written
	echo last of killed_podd
	exec sleep infinity
	END
	mkdir -p /run/systemd/system/$unit.service.d
	printf '%s\n' '[Service]' RestartSec=0 LogRateLimitIntervalSec=0 '[Unit]' StartLimitIntervalSec=0 \
		>/run/systemd/system/$unit.service.d/soon.conf
	pod talk LogDriver=journald LogRateLimitBurst=0
	systemctl start $unit || return 1
	for ((i = 0; i < kills; i++)); do
		main=$(show MainPID)
		kill -KILL "$main"
		until_ok eval "[ \$(show MainPID) != $main ] && active $unit && podctl status talk" || return 1
	done
	: >/run/talk/stop
	until_ok written && until_ok has MESSAGE='last of killed_podd' || return 1
	rm -r /run/systemd/system/$unit.service.d && systemctl daemon-reload
	entries | jq -r 'select(.MESSAGE | startswith("number ")?) | .MESSAGE' >/run/talk/lines
	echo "$(cat /run/talk/written) lines, $(wc -l </run/talk/lines) entries, $(uniq -d </run/talk/lines | wc -l) twice"
	uniq </run/talk/lines | cmp - <(seq -f 'number %.0f' "$(cat /run/talk/written)") &&
		[ "$(uniq -d </run/talk/lines | wc -l)" -le $kills ]
}

# journald files such a line under its writer's group, which is not the unit's: by the query that
# podctl and podd.pod(5) name.
passthrough() {
	local query
	end
	script <<-'END'
	echo '<5>through stdout'
	echo through stderr >&2
	exec sleep infinity
	END
	pod talk LogDriver=passthrough
	systemctl start $unit || return 1
	query=_SYSTEMD_CGROUP=$(group_of talk | sed 's|^/sys/fs/cgroup||')/c-app
	until_ok eval "journalctl -q $query -o cat | grep -x 'through stderr'" || return 1
	journalctl -q -o json $query MESSAGE='through stdout' |
		jq -e '.PRIORITY == "5" and ._TRANSPORT == "stdout" and .PODD_POD == null' || return 1
	! podctl logs talk 2>/run/talk/said && cat /run/talk/said && grep "journalctl $query" /run/talk/said || return 1
	# A pipe to a journald that is gone ends nobody.
	systemctl restart systemd-journald && active $unit && podctl status talk | grep '^app .* running .* 0 '
}

check "podd is installed" install_podd
check "fields and priorities in journalctl -o json" fields
check "a restart of journald loses no line" restart_of_journald
check "a flood over LogRateLimitBurst= is counted, line for line" flood
check "a journald that stands still is waited for, then what it cannot take is counted" flood_without_limit
check "a killed podd loses no line" killed_podd
check "passthrough is found by the query that is told" passthrough
end
rm -rf /run/talk $etc/talk.pod && systemctl daemon-reload
finish
