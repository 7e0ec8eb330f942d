# shellcheck shell=bash
# podd killed between any two of its steps: the next one finishes or undoes it.
# Sourced by the test-kill-points-*, which share the operations between them.
#
# Each operation is done once while podd writes down the points (base/fault.h)
# that it comes to, and then once for every time that it came to one, dying
# there. Another podd follows, and all must be as if nothing had been.
#
#   POINT=REGEX   only such points
. "$(dirname "$0")/lib.sh"

limit=10
podd=$BUILD-faults/podd
[ -x "$podd" ] || { echo "1..0 # SKIP $podd is not built: make FAULTS=1"; exit; }

# ------------------------------------------------------------------- the pod

# Counts its starts, ends with what it is told and on SIGTERM.
script='echo $$ >/count/pid-$1; echo up >>/count/$1; echo up
trap "exit 0" TERM
while :; do read -r code </fifo/$1; [ -z "$code" ] || exit "$code"; done'

container() {
	printf '%s\n' "[Container $1]" "Rootfs=$rootfs" "Exec=sh /script.sh $1" \
		"Volume=$dir/script.sh:/script.sh:ro" "Volume=$dir/count:/count" \
		"Volume=$dir/fifo:/fifo" RestartSec=10ms "${@:2}"
}

make_pod() {
	# Its ids too: each start takes and writes them anew.
	rm -rf "$dir/count" "$dir/fifo" "$root/var/log/podd" "$root/var/lib/podd/userns"
	mkdir -p "$dir/count" "$dir/fifo" "$dir/kills"
	rm -f "$dir"/kills/*
	mkfifo "$dir"/fifo/{app,side,other}
	echo "$script" >"$dir/script.sh"
	{
		printf '%s\n' '[Network]' Bridge=pdt0
		container app Writable=yes
		container side
	} | pod web
}

launch() { pod_launch web PODD_KILL="$dir/kills"; }
arm() { echo "$1 $2" >"$dir/kills/armed" && mv "$dir/kills/armed" "$dir/kills/kill"; }

died() {
	local status=0
	timeout $limit cat <&"${pod_fd[web]}" >>"$dir/said/web" || fail "podd does not end"
	exec {pod_fd[web]}<&-
	wait "${pod_pid[web]}" || status=$?
	is $status "${1:-137}" 'exit status of podd'
}

# Another podd. Sets $now: "running", or "ended" when it had only to finish an end.
recover() {
	local line
	launch
	now=ended
	while IFS= read -r -t $limit -u "${pod_fd[web]}" line; do
		printf '%s\n' "$line" >>"$dir/said/web"
		if [[ $line =~ "pod 'web': "(running|adopted, running) ]]; then
			now=running
			return
		fi
	done
	died "${1:-0}"
}

status() { podctl status --json web | jq -r "$1"; }
starts() { [ ! -e "$dir/count/$1" ] || wc -l <"$dir/count/$1"; }

# until_is WORD COMMAND...: until the command prints it
until_is() {
	local end=$((SECONDS + limit)) is
	until is=$("${@:2}") && [ "$is" = "$1" ]; do
		# Its own return: set -e is off in a list of commands.
		[ $SECONDS -lt $end ] || { fail "'${*:2}' is '$is', not '$1'"; return 1; }
		[ -e "/proc/${pod_pid[web]}" ] || { fail "podd has ended"; return 1; }
	done
}

# Until a container has started so many times and waits for its orders.
started() { until_is "$2" starts "$1"; }
state() { status ".containers[] | select(.name == \"$1\") | .state"; }
restarts() { status ".containers[] | select(.name == \"$1\") | .restarts"; }

# The pod is whole: each container runs once, and was started as often as told.
whole() {
	local c
	for c in "$@"; do
		until_is running state "$c"
		started "$c" $(($(restarts "$c") + 1))
		is "$(wc -l <"$group/web/c-$c/cgroup.procs")" 1 "processes of $c"
		is "$(podctl exec web "$c" -- hostname)" web
	done
	is "$(status .state)" running
	is "$(ip -o link show type veth | wc -l)" 1 'veth links'
	is "$(ip -o link show type bridge | wc -l)" 1 'bridges'
	is "$(podctl exec web "$1" -- cat /sys/class/net/eth0/operstate)" up
}

ends() { kill -TERM "${pod_pid[web]}" && died 0; }

# ------------------------------------------------------------------- operations

# begin_X: up to the operation. X: the operation; podd may die in it. after_X:
# another podd has to make it good.
begin_start() { :; }
do_start() { launch; pod_wait web "pod 'web': running"; }
after_start() {
	recover
	is $now running
	whole app side
	is "$(status '[.containers[].restarts] | add')" 0
	ends
}

begin_adopt() {
	launch
	pod_wait web "pod 'web': running"
	started app 1
	started side 1
	kill -KILL "${pod_pid[web]}"
	died
}
do_adopt() { launch; pod_wait web "pod 'web': adopted"; status .state; }
after_adopt() { after_start; }

begin_restart() { launch; pod_wait web "pod 'web': running"; started app 1; }
do_restart() { podctl restart web app; }
after_restart() {
	recover
	is $now running
	# It was asked for, or the word was lost with podd before it was heard.
	whole app side
	like "$(status '.containers[0].restarts')" '^[01]$'
	is "$(status '.containers[1].restarts')" 0
	ends
}

# What is left of it is a container that runs or one that is paused: no other.
begin_pause() { begin_restart; started side 1; }
do_pause() { podctl pause web && podctl restart web side && podctl unpause web; }
after_pause() {
	recover
	is $now running
	until_is running state app
	podctl unpause web
	until_is '[false,false]' status '[.containers[].paused] | tostring'
	whole app side
	is "$(status '.containers[0].restarts')" 0
	ends
}

# It leaves a process behind, which has to go before the next run.
begin_exit() { begin_restart; podctl exec web app -- sh -c 'sleep 1000 >/dev/null 2>&1 &'; }
do_exit() {
	echo 7 >"$dir/fifo/app"
	pod_wait web 'exited with status 7' && pod_wait web "'app': running"
}
after_exit() {
	recover
	is $now running
	started app 2
	whole app side
	is "$(status '.containers[0] | [.restarts, .last.exit_code] | tostring')" '[1,7]'
	ends
}

begin_stop() {
	begin_restart
	started side 1
	pause=$(awk '{ print $3 }' "$root/run/podd/web/pause")
}
do_stop() { podctl stop web; }
# The word of it may have been lost: then the pod runs on. Or all was done but
# for the last traces: then it starts anew.
after_stop() {
	[ -e "/proc/$pause/stat" ] || rm -f "$dir"/count/*
	recover
	[ $now = ended ] || { whole app side; ends; }
}

begin_exec() { begin_restart; }
do_exec() {
	podctl exec web app -- sh -c 'echo in >>/count/exec; exit 5' || [ $? = 5 ] && status .state
}
after_exec() {
	recover
	is $now running
	# The command was started or not, but not twice; and the next one is.
	like "$(starts exec)" '^1?$'
	whole app side
	ends
}

# So many lines that the file is rotated, more than once.
begin_rotate() {
	begin_restart
	echo 'i=0; while [ $i -lt 60 ]; do i=$((i + 1)); echo "line $i $1"; done' >"$dir/count/flood.sh"
	sed -i 's/^RestartSec=.*/&\nLogMaxSize=4K\nLogMaxFiles=50/' "$root/etc/podd/web.pod"
	# A session writes into the app's pipe.
	sed -i 's/^\[Container .*/&\nLandlock=no/' "$root/etc/podd/web.pod"
	ends
	launch; pod_wait web "pod 'web': running"; started app 2
	printf '%0200d' 0 >"$dir/count/long"
}
do_rotate() {
	podctl exec web app -- sh -c 'out=/proc/$(cat /count/pid-app)/fd/1
		sh /count/flood.sh "$(cat /count/long)" >$out; echo done >$out' &&
		log_wait web done
}
after_rotate() {
	recover
	is $now running
	log_wait web done
	is "$(find "$root/var/log/podd/web" -name 'app.log*' | sort -rV | xargs cat |
		sed -nE 's/^[^ ]+ stdout F line ([0-9]+) 0{200}$/\1/p' | tr '\n' ' ')" "$(seq -s ' ' 60) "
	ends
}

# podd becomes another podd.
begin_upgrade() { begin_restart; started side 1; }
do_upgrade() { podctl upgrade web; pod_wait web 'adopted, running'; }
after_upgrade() { after_start; }

# One container comes, one goes, one is made anew; and the order changes.
begin_reload() {
	begin_restart
	started side 1
	{
		printf '%s\n' '[Network]' Bridge=pdt0
		container other
		container app Writable=yes Environment=A=b
	} | pod web
}
do_reload() {
	podctl reload web && pod_wait web "'side': removed" && until_is running state other &&
		until_is 1 restarts app
}
# Begun, it is finished; or the word of it was lost, and it is asked for again.
after_reload() {
	recover
	is $now running
	until_is '["other","app"]' names
	# What ran, runs on: the restart may have to be asked for again.
	[[ "$(podctl reload --dry-run web)" != *'app: restart'* ]] || podctl reload web
	until_is $'other: unchanged\napp: unchanged' podctl reload --dry-run web
	until_is running state app
	until_is running state other
	is "$(wc -l <"$group/web/c-app/cgroup.procs")" 1
	is "$(wc -l <"$group/web/c-other/cgroup.procs")" 1
	like "$(tr '\0' ' ' <"/proc/$(cat "$group/web/c-app/cgroup.procs")/environ")" 'A=b'
	absent "$group/web/c-side"
	ends
}
names() { status '[.containers[].name] | tostring'; }

# The file asks for another network: the former pod is ended, a new one started.
begin_former() {
	begin_adopt
	sed -i 's/^Bridge=.*/Bridge=pdt1/' "$root/etc/podd/web.pod"
	rm "$dir"/count/*
}
do_former() { launch; pod_wait web "pod 'web': running"; }
after_former() { recover; is $now running; whole app side; ends; }

# The pause is killed: the pod has failed, and podd takes away what it was.
begin_lost() { begin_restart; started side 1; }
do_lost() { kill -KILL "$(awk '{ print $3 }' "$root/run/podd/web/pause")"; died 1; }
after_lost() { rm -f "$dir"/count/*; recover; is $now running; whole app side; ends; }

# The second container cannot start: half a pod is no pod.
begin_failure() { sed -i 's,^Exec=.*side$,Exec=/no/such/program,' "$root/etc/podd/web.pod"; }
do_failure() { launch; died 1; }
after_failure() { recover 1; is $now ended; }

# ------------------------------------------------------------------- the walk

# Once, dying at that point: walk_one OPERATION POINT N OF
walk_one() {
	local op=$1 point=$2 n=$3 of=$4 before after
	: >"$dir/said/web"
	before=$(world || true) # its greps may find nothing
	make_pod
	begin_$op
	arm "$point" "$n"
	do_$op >"$dir/did" 2>&1 || true
	podctl status web >"$dir/did" 2>&1 || true # podd has done now what it had said
	# How often a log is written in that time is up to the containers, and which of two
	# ends first decides whether a last descriptor is stored.
	if [ -e "$dir/kills/kill" ]; then
		[ "$point" = log-step ] || [ "$point $n" = "descriptor-stored $of" ] ||
			fail "was not reached: $(cat "$dir/did")"
		rm "$dir/kills/kill"
		kill -KILL "${pod_pid[web]}"
	fi
	[ ! -e "/proc/self/fd/${pod_fd[web]}" ] || died
	after_$op
	after=$(world || true)
	is "$after" "$before" 'what was left behind'
}

trace_one() {
	local op=$1
	make_pod
	begin_$op
	: >"$dir/kills/trace"
	do_$op >"$dir/did"
	mv "$dir/kills/trace" "$dir/reached"
	if podctl status web >"$dir/did" 2>&1; then
		ends
	elif [ -e "/proc/self/fd/${pod_fd[web]}" ]; then
		died 0
	fi
	sort "$dir/reached" | uniq -c
}

walk() {
	local op=$1 n i point now=
	trace_one "$op" >"$dir/points"
	cat "$dir/reached" >>"$tmp/reached"
	while read -r n point; do
		[[ $point =~ ${POINT:-} ]] || continue
		# What its children do there is what they do in a start.
		[[ $op = former && $point != root-built && $point =~ ^(root|prepare|become)- ]] && continue
		# All other points of a rotation are those of exec.
		if [ "$op" = rotate ]; then [ "$point" = log-step ]; else [ "$point" != log-step ]; fi || continue
		for ((i = 1; i <= n; i++)); do
			echo "$op: $point, $i of $n"
			walk_one "$op" "$point" "$i" "$n"
		done
		echo "# $op: $point: $n times" >&3
	done <"$dir/points"
}

exec 3>&1
: >"$tmp/reached"

# walk_all OPERATION...
walk_all() {
	local op
	for op; do
		run() { walk $op; }
		t "podd killed at each point of $op" run
	done
}
