/* SPDX-License-Identifier: MIT */
/* podctl against a podd that runs commands on this host: every command but exec. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sys/un.h>

#include "tests/unit/test_ctl.h"

static void write_text(struct fixture *f, const char *name, const char *text)
{
	int fd = openat(f->rootfd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

static void declare(struct fixture *f, const char *name)
{
	write_text(f, name, "");
}

static void list__running_dead_and_declared__told_apart(void **state)
{
	struct fixture *f = *state;
	struct outcome *o;

	assert_int_equal(mkdirat(f->rootfd, "run/podd/old", 0700), 0);
	declare(f, "etc/podd/shop.pod");
	declare(f, "etc/podd/later.pod");
	declare(f, "etc/podd/kiosk@.pod");
	declare(f, "etc/podd/notes.txt");
	o = podctl(f, "list");
	assert_string_equal(o->errors, "");
	assert_string_equal(o->out, "POD    STATE    READY  RUNNING  RESTARTS  ADDRESS\n"
				    "later  stopped  -      -        -         -\n"
				    "old    dead     -      -        -         -\n"
				    "shop   running  no     1/2      3         10.88.0.2\n");
	assert_int_equal(o->code, CTL_OK);
	o = podctl(f, "list", "--json");
	json_t *document = json_loads(o->out, 0, NULL);
	assert_int_equal(json_integer_value(json_object_get(document, "version")), 1);
	json_t *pod = json_array_get(json_object_get(document, "pods"), 2);
	assert_string_equal(json_string_value(json_object_get(pod, "name")), "shop");
	assert_int_equal(json_integer_value(json_object_get(pod, "running")), 1);
	json_decref(document);
}

static void status__running_pod__columns(void **state)
{
	struct outcome *o = podctl(*state, "status", "shop");

	assert_string_equal(
		o->out,
		"pod shop: running, not ready, address 10.88.0.2\n"
		"CONTAINER  TYPE  STATE    READY  PID   RESTARTS  STARTED               LAST\n"
		"web        main  running  yes    1234  0         2026-11-22T05:00:00Z  -\n"
		"cache      main  backoff  no     -     3         -                     "
		"OOMKilled (SIGKILL)\n");
	assert_string_equal(o->errors, "");
	assert_int_equal(o->code, CTL_OK);
}

static void status__json__as_podd_gave_it(void **state)
{
	struct outcome *o = podctl(*state, "status", "--json", "shop");
	json_t *ours = json_loads(o->out, JSON_REJECT_DUPLICATES, NULL), *podds = host_status(NULL);

	assert_int_equal(o->code, CTL_OK);
	assert_true(json_equal(ours, podds));
	json_decref(ours);
	json_decref(podds);
	o = podctl(*state, "status", "--json");
	ours = json_loads(o->out, JSON_REJECT_DUPLICATES, NULL);
	assert_int_equal(json_array_size(json_object_get(ours, "pods")), 1);
	json_decref(ours);
}

static void any_command__wrong_pod__one_line_and_3(void **state)
{
	static const struct {
		const char *pod, *line;
	} wrong[] = {
		{ "none", "podctl: no pod 'none'\n" },
		{ "../shop", "podctl: no pod '../shop'\n" },
		{ "later", "podctl: pod 'later' is not running\n" },
		{ "old", "podctl: pod 'old' is not running: its podd is gone\n" },
	};
	struct fixture *f = *state;
	struct outcome *o;

	declare(f, "etc/podd/later.pod");
	assert_int_equal(mkdirat(f->rootfd, "run/podd/old", 0700), 0);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		static const char *const commands[] = { "status", "restart", "kill", "inspect",
							"events", "stop" };
		/* What a podd has left is stopped by another one. */
		size_t n = ARRAY_SIZE(commands) - (strcmp(wrong[i].pod, "old") == 0);

		for (size_t j = 0; j < n; j++) {
			o = podctl(f, commands[j], wrong[i].pod);
			assert_string_equal(o->errors, wrong[i].line);
			assert_string_equal(o->out, "");
			assert_int_equal(o->code, CTL_NO_POD);
		}
		o = podctl(f, "exec", wrong[i].pod, "web", "--", "true");
		assert_string_equal(o->errors, wrong[i].line);
		assert_int_equal(o->code, CTL_EXEC_FAILED);
	}
}

static void any_command__podd_killed__dead_not_hanging(void **state)
{
	struct fixture *f = *state;
	struct outcome *o;

	end_host(f);
	o = podctl(f, "status", "shop");
	assert_string_equal(o->errors, "podctl: pod 'shop' is not running: its podd is gone\n");
	assert_int_equal(o->code, CTL_NO_POD);
}

static void usage__wrong_words__one_line_and_2(void **state)
{
	struct fixture *f = *state;
	struct outcome *o = podctl(f, "stpo", "shop");

	assert_string_equal(o->errors, "podctl: unknown command 'stpo'; did you mean 'stop'?\n");
	assert_int_equal(o->code, CTL_USAGE);
	o = podctl(f, "stop");
	assert_string_equal(o->errors, "podctl: 'stop' lacks an argument; usage: podctl stop "
				       "[--no-wait] POD\n");
	assert_int_equal(o->code, CTL_USAGE);
	o = podctl(f, "stop", "shop", "web");
	assert_string_equal(o->errors, "podctl: 'web' is too much; usage: podctl stop [--no-wait] "
				       "POD\n");
	assert_int_equal(o->code, CTL_USAGE);
	o = podctl(f, "kill", "-x", "shop");
	assert_string_equal(o->errors,
			    "podctl: unknown option '-x'; usage: podctl kill [-s SIGNAL] "
			    "POD [CONTAINER]\n");
	assert_int_equal(o->code, CTL_USAGE);
	o = podctl(f, "--jsn", "list");
	assert_string_equal(o->errors, "podctl: unknown option '--jsn'; see 'podctl help'\n");
	assert_int_equal(o->code, CTL_USAGE);
	o = podctl(f, "help", "stop");
	assert_string_equal(o->out, "usage: podctl stop [--no-wait] POD\nstop a pod in order\n");
	assert_int_equal(o->code, CTL_OK);
	o = podctl(f, "help", "TimeoutStopSec");
	assert_string_equal(o->out, "[Pod] TimeoutStopSec=DURATION\n"
				    "  Time between the stop signal and SIGKILL.\n"
				    "  A bare number is in seconds\n"
				    "  Default: 30s\n");
	assert_int_equal(o->code, CTL_OK);
	o = podctl(f, "help", "TimeoutStop");
	assert_int_equal(o->code, CTL_USAGE);
}

static void verify__files__all_faults_and_2(void **state)
{
	struct fixture *f = *state;
	char good[96], bad[96], expected[512];
	struct outcome *o;

	snprintf(good, sizeof(good), "%s/good.pod", f->root);
	snprintf(bad, sizeof(bad), "%s/bad.pod", f->root);
	write_text(f, "good.pod", "[Container web]\nRootfs=/\nExec=/bin/true\n");
	write_text(f, "bad.pod",
		   "[Container web]\nRootfs=/\nExek=/bin/true\nExec=/bin/true\n[Pood]\n");
	o = podctl(f, "verify", good);
	assert_string_equal(o->errors, "");
	assert_string_equal(o->out, "");
	assert_int_equal(o->code, CTL_OK);
	o = podctl(f, "verify", bad, good, "/no/such.pod");
	snprintf(expected, sizeof(expected),
		 "%s:3:1: unknown key 'Exek' in [Container]; did you mean 'Exec'?\n"
		 "%s:5:1: unknown section 'Pood'; did you mean 'Pod'?\n"
		 "podctl: open '/no/such.pod': No such file or directory\n", bad, bad);
	assert_string_equal(o->errors, expected);
	assert_int_equal(o->code, CTL_USAGE);
	o = podctl(f, "verify", "--json", bad);
	json_t *document = json_loads(o->out, 0, NULL);
	json_t *file = json_array_get(json_object_get(document, "files"), 0);
	json_t *fault = json_array_get(json_object_get(file, "errors"), 0);
	assert_true(json_is_false(json_object_get(file, "ok")));
	assert_int_equal(json_integer_value(json_object_get(fault, "line")), 3);
	json_decref(document);
	assert_int_equal(o->code, CTL_USAGE);
}

static void security__pod_and_file__table_and_threshold(void **state)
{
	static const char shop[] = "[Container web]\nRootfs=/srv/web\nExec=/bin/true\nUser=7\n"
				   "MemoryMax=1M\n";
	struct fixture *f = *state;
	char path[96], expected[2048];
	struct outcome *o;

	write_text(f, "etc/podd/later.pod", shop);
	o = podctl(f, "security", "later");
	assert_string_equal(o->errors, "");
	snprintf(expected, sizeof(expected),
		 "pod later: exposure 0.4 SAFE\n"
		 "SCORE  KEY             VALUE   LINE     WHAT IT MEANS\n"
		 "0.0    UserNamespace=  auto    default  root in a container is nobody outside\n"
		 "0.2    Mode=           bridge  default  reaches the other pods and what the host reaches\n"
		 "\ncontainer web: exposure 0.4 SAFE\n"
		 "SCORE  KEY               VALUE     LINE         WHAT IT MEANS\n"
		 "0.0    Rootfs=           /srv/web  later.pod:2  a root of its own\n"
		 "0.1    Writable=         tmpfs     default      writes to its root, gone with the pod\n"
		 "0.0    User=             7         later.pod:4  no capability from the start\n"
		 "0.0    DropCapability=   none      default      no capability by default\n"
		 "0.0    NoNewPrivileges=  yes       default      no program gives a privilege\n"
		 "0.0    SeccompProfile=   default   default      podd's own list of system calls\n"
		 "0.0    Landlock=         auto      default      files outside of its root have a second wall\n"
		 "0.0    MemoryMax=        1048576   later.pod:5  bounded\n"
		 "0.0    TasksMax=         2048      default      bounded, where the host has the controller\n"
		 "0.1    HugetlbMax=       infinity  default      can take the huge pages that the host has set aside\n");
	assert_string_equal(o->out, expected);
	assert_int_equal(o->code, CTL_OK);
	/* A drop-in of the pod is in force, and is where the line is. */
	assert_int_equal(mkdirat(f->rootfd, "etc/podd/later.pod.d", 0755), 0);
	write_text(f, "etc/podd/later.pod.d/a.conf", "[Pod]\nUserNamespace=host\n");
	snprintf(path, sizeof(path), "%s/etc/podd/later.pod", f->root);
	o = podctl(f, "security", path);
	assert_non_null(strstr(o->out, "\n4.0    UserNamespace=  host    a.conf:2 "));
	assert_int_equal(podctl(f, "security", "--threshold", "4.2", "later")->code, CTL_OK);
	o = podctl(f, "security", "--json", "--threshold", "4.1", "later");
	assert_int_equal(o->code, CTL_FAILED);
	json_t *document = json_loads(o->out, 0, NULL);
	json_t *row = json_array_get(json_object_get(document, "rows"), 0);
	assert_true(json_number_value(json_object_get(document, "exposure")) == 4.2);
	assert_int_equal(json_integer_value(json_object_get(row, "line")), 2);
	assert_true(json_number_value(json_object_get(row, "score")) == 4);
	json_decref(document);
}

static void security__wrong_input__told(void **state)
{
	struct fixture *f = *state;
	struct outcome *o = podctl(f, "security", "nobody");

	assert_string_equal(o->errors, "podctl: no pod file of a pod 'nobody'\n");
	assert_int_equal(o->code, CTL_NO_POD);
	assert_int_equal(podctl(f, "security", "/no/such.pod")->code, CTL_USAGE);
	assert_int_equal(podctl(f, "security", "--threshold", "10.1", "shop")->code, CTL_USAGE);
	assert_int_equal(podctl(f, "security", "--threshold", "x", "shop")->code, CTL_USAGE);
	write_text(f, "etc/podd/bad.pod", "[Container web]\nRootfs=/\nExek=/bin/true\n");
	o = podctl(f, "security", "bad");
	assert_non_null(strstr(o->errors, "bad.pod:3:1: unknown key 'Exek'"));
	assert_int_equal(o->code, CTL_USAGE);
	/* Hidden by the administrator. */
	assert_int_equal(io_mkdir_path(f->rootfd, "usr/share/podd", 0755, NULL), 0);
	write_text(f, "usr/share/podd/v.pod", "[Container web]\nRootfs=/r\nExec=/x\n");
	assert_int_equal(podctl(f, "security", "v")->code, CTL_OK);
	assert_int_equal(symlinkat("/dev/null", f->rootfd, "etc/podd/v.pod"), 0);
	assert_int_equal(podctl(f, "security", "v")->code, CTL_NO_POD);
	/* An instance of a template. */
	write_text(f, "usr/share/podd/t@.pod", "[Container web]\nRootfs=/r\nExec=/x\n");
	assert_int_equal(podctl(f, "security", "t@1")->code, CTL_OK);
}

static void logs__of_a_pod__printed_else_told(void **state)
{
	static const char line[] = "2026-11-22T05:00:00.000000000Z stdout F hello\n";
	struct fixture *f = *state;
	struct outcome *o = podctl(f, "logs", "shop");

	assert_string_equal(o->errors, "podctl: no logs of a pod 'shop'\n");
	assert_int_equal(o->code, CTL_NO_POD);
	assert_int_equal(io_mkdir_path(f->rootfd, "var/log/podd/shop", 0700, NULL), 0);
	write_text(f, "var/log/podd/shop/web.log", line);
	o = podctl(f, "logs", "-c", "web", "shop");
	assert_string_equal(o->errors, "");
	assert_string_equal(o->out, "hello\n");
	assert_int_equal(o->code, CTL_OK);
	o = podctl(f, "logs", "--tail", "x", "shop");
	assert_memory_equal(o->errors, "podctl: 'x' is no number of lines;", 34);
	assert_int_equal(o->code, CTL_USAGE);
}

static void stop__waits__podd_ends(void **state)
{
	struct fixture *f = *state;
	struct outcome *o = podctl(f, "stop", "shop");

	assert_string_equal(o->errors, "");
	assert_int_equal(o->code, CTL_OK);
	assert_int_equal(exit_code(f->host), 0);
	f->host = 0;
}

static void restart__container__done_or_told(void **state)
{
	struct fixture *f = *state;
	struct outcome *o = podctl(f, "restart", "shop", "cache");

	assert_string_equal(o->errors, "");
	assert_int_equal(o->code, CTL_OK);
	o = podctl(f, "restart", "shop", "cahce");
	assert_string_equal(o->errors, "podctl: pod 'shop' has no container 'cahce'; did you mean "
				       "'cache'?\n");
	assert_int_equal(o->code, CTL_FAILED);
	o = podctl(f, "restart", "shop");
	assert_string_equal(o->errors, "podctl: pod 'shop': the pod is stopping\n");
	assert_int_equal(o->code, CTL_FAILED);
}

static void kill__refused__told_with_signal(void **state)
{
	struct outcome *o = podctl(*state, "kill", "-s", "HUP", "shop", "web");

	assert_string_equal(o->errors, "podctl: pod 'shop': container 'web' has no process for "
				       "signal 1\n");
	/* Not podctl's "no such pod", although the number is the same. */
	assert_int_equal(o->code, CTL_FAILED);
}

static void inspect__running_pod__document(void **state)
{
	struct outcome *o = podctl(*state, "inspect", "shop");

	assert_string_equal(o->out, "{\n  \"version\": 1,\n  \"description\": \"Shop front\"\n}\n");
	assert_int_equal(o->code, CTL_OK);
}

static void events__kept__lines(void **state)
{
	struct outcome *o = podctl(*state, "events", "shop");
	char first[64], second[64];

	assert_int_equal(sscanf(o->out, "%*s %63[^\n]\n%*s %63[^\n]\n", first, second), 2);
	assert_string_equal(first, "7 container-state web running pid 1234");
	assert_string_equal(second, "8 container-exit cache SIGKILL OOMKilled");
	assert_int_equal(o->code, CTL_OK);
	o = podctl(*state, "events", "--since", "2", "shop");
	assert_memory_equal(o->out, "- 6 gap - lost 5\n", 17);
	o = podctl(*state, "events", "--json", "--since", "8", "shop");
	json_t *event = json_loads(o->out, 0, NULL);
	assert_int_equal(json_integer_value(json_object_get(event, "signal")), 9);
	json_decref(event);
}

static void conn_call__podd_stuck__told_after_the_timeout(void **state)
{
	struct timeval short_time = { .tv_usec = 20000 };
	struct fixture *f = *state;
	struct paths paths;
	struct conn conn;
	struct err err;
	json_t *reply = NULL;

	assert_int_equal(paths_open(&paths, f->root, PATHS_FIND, &err), 0);
	assert_int_equal(kill(f->host, SIGSTOP), 0);
	assert_int_equal(conn_open(&conn, &paths, "shop", &err), 0);
	assert_int_equal(setsockopt(conn.sock, SOL_SOCKET, SO_RCVTIMEO, &short_time,
				    sizeof(short_time)), 0);
	assert_int_equal(conn_call(&conn, "io.podd.Pod.Status", NULL, &reply, &err), -ETIMEDOUT);
	assert_string_equal(err.msg, "pod 'shop': podd does not answer");
	conn_close(&conn);
	paths_close(&paths);
}

static void conn_open__every_podd_call_has_a_timeout__set_on_the_socket(void **state)
{
	struct fixture *f = *state;
	struct timeval tv = { 0 };
	socklen_t n = sizeof(tv);
	struct paths paths;
	struct conn conn;
	struct err err;

	assert_int_equal(paths_open(&paths, f->root, PATHS_FIND, &err), 0);
	assert_int_equal(conn_open(&conn, &paths, "shop", &err), 0);
	assert_int_equal(getsockopt(conn.sock, SOL_SOCKET, SO_RCVTIMEO, &tv, &n), 0);
	assert_int_equal(tv.tv_sec, CONN_TIMEOUT_S);
	assert_int_equal(getsockopt(conn.sock, SOL_SOCKET, SO_SNDTIMEO, &tv, &n), 0);
	assert_int_equal(tv.tv_sec, CONN_TIMEOUT_S);
	conn_close(&conn);
	paths_close(&paths);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(list__running_dead_and_declared__told_apart),
		T(status__running_pod__columns),
		T(status__json__as_podd_gave_it),
		T(any_command__wrong_pod__one_line_and_3),
		T(any_command__podd_killed__dead_not_hanging),
		T(usage__wrong_words__one_line_and_2),
		T(verify__files__all_faults_and_2),
		T(security__pod_and_file__table_and_threshold),
		T(security__wrong_input__told),
		T(logs__of_a_pod__printed_else_told),
		T(stop__waits__podd_ends),
		T(restart__container__done_or_told),
		T(kill__refused__told_with_signal),
		T(inspect__running_pod__document),
		T(events__kept__lines),
		T(conn_call__podd_stuck__told_after_the_timeout),
		T(conn_open__every_podd_call_has_a_timeout__set_on_the_socket),
	};

	return cmocka_run_group_tests_name("ctl", tests, NULL, NULL);
}
