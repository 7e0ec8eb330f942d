/* SPDX-License-Identifier: MIT */
/* podctl against a podd that runs commands on this host: every command, exec with a terminal. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/io.h"
#include "ctl/conn.h"
#include "ctl/ctl.h"
#include "supervisor/control.h"
#include "supervisor/events.h"

#define DEADLINE_MS 20000 /* only a broken test gets there */

/* ---- the other end: a process with a control socket and no pod ---- */

struct session {
	struct watch watch;
	uint64_t id;
	pid_t pid;
};

struct host {
	struct loop *loop;
	struct control *control;
	struct events events;
	struct session session; /* one at a time */
};

static struct host host;

static const char *host_container(void *ctx, size_t i)
{
	(void)ctx;
	return i == 0 ? "web" : i == 1 ? "cache" : NULL;
}

static json_t *host_status(void *ctx)
{
	(void)ctx;
	return json_loads(
		"{\"version\":1,\"name\":\"shop\",\"state\":\"running\",\"ready\":false,"
		"\"address\":\"10.88.0.2\",\"containers\":["
		"{\"name\":\"web\",\"type\":\"main\",\"state\":\"running\",\"pid\":1234,"
		"\"started_at\":\"2026-11-22T05:00:00.123456789Z\",\"restarts\":0,"
		"\"ready\":true,\"last\":null},"
		"{\"name\":\"cache\",\"type\":\"main\",\"state\":\"backoff\",\"pid\":null,"
		"\"started_at\":null,\"restarts\":3,\"ready\":false,"
		"\"last\":{\"exit_code\":null,\"signal\":9,\"reason\":\"OOMKilled\"}}]}",
		0, NULL);
}

static json_t *host_inspect(void *ctx)
{
	(void)ctx;
	return json_pack("{s:i, s:s}", "version", 1, "description", "Shop front");
}

static int host_stop(void *ctx, struct err *err)
{
	(void)ctx;
	(void)err;
	control_finish(host.control, CONTROL_WAIT_STOP, NULL, NULL);
	loop_quit(host.loop, 0);
	return 0;
}

static int host_restart(void *ctx, const char *container, struct err *err)
{
	(void)ctx;
	if (!container)
		return err_set(err, EBUSY, "the pod is stopping");
	control_finish(host.control, CONTROL_WAIT_RESTART, container, NULL);
	return 0;
}

static int host_kill(void *ctx, const char *container, int signal, struct err *err)
{
	(void)ctx;
	return err_set(err, ESRCH, "container '%s' has no process for signal %d",
		       container ? container : "(all)", signal);
}

static void session_ended(struct watch *watch, uint32_t events)
{
	struct session *s = container_of(watch, struct session, watch);
	int status;

	(void)events;
	loop_watch_remove(host.loop, watch);
	close(watch->fd);
	if (waitpid(s->pid, &status, 0) != s->pid)
		_exit(99);
	control_exec_done(host.control, s->id, status);
}

static int host_exec(void *ctx, const struct control_exec *exec, struct err *err)
{
	struct session *s = &host.session;
	int master = -EBADF, slave = -EBADF, fds[3];
	struct winsize size = { .ws_row = exec->rows, .ws_col = exec->cols };
	sigset_t none;

	(void)ctx;
	if (strchr(exec->argv[0], '/') && access(exec->argv[0], F_OK) < 0)
		return err_sys(err, "start '%s'", exec->argv[0]);
	if (strchr(exec->argv[0], '/') && access(exec->argv[0], X_OK) < 0)
		return err_sys(err, "start '%s'", exec->argv[0]);
	memcpy(fds, exec->stdio, sizeof(fds));
	if (exec->tty) {
		if (openpty(&master, &slave, NULL, NULL, &size) < 0)
			return err_sys(err, "open a terminal");
		fds[0] = fds[1] = fds[2] = slave;
	}
	s->id = exec->session;
	s->pid = fork();
	if (s->pid == 0) {
		prctl(PR_SET_PDEATHSIG, 0);
		setsid();
		if (exec->tty)
			ioctl(slave, TIOCSCTTY, 0);
		for (int i = 0; i < 3; i++)
			dup2(fds[i], i);
		syscall(SYS_close_range, 3, ~0u, 0);
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		for (int i = 0; exec->env[i]; i++)
			putenv(exec->env[i]);
		execvp(exec->argv[0], exec->argv);
		_exit(127);
	}
	close_fd(&slave);
	s->watch = (struct watch){ .fn = session_ended };
	if (s->pid < 0 || loop_watch_add(host.loop, &s->watch,
					 (int)syscall(SYS_pidfd_open, s->pid, 0), EPOLLIN, err) < 0)
		_exit(98);
	control_exec_reply(host.control, s->id, master);
	return 0;
}

static void host_note(void *ctx, const char *line)
{
	(void)ctx;
	(void)line;
}

static const struct control_ops host_ops = {
	.container_name = host_container,
	.status = host_status,
	.inspect = host_inspect,
	.stop = host_stop,
	.restart = host_restart,
	.kill = host_kill,
	.exec = host_exec,
	.note = host_note,
};

static uint64_t host_first_event = 7;

/* Says on @ready that the socket is there, and ends when podctl stop is called. */
static void host_main(int rundir, int ready)
{
	struct control_config config = { rundir, &host_ops, NULL, &host.events };
	struct err err;
	int status = 1;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (loop_new(&host.loop, LOOP_AUTO, &err) < 0 ||
	    events_init(&host.events, &host_first_event, &err) < 0 ||
	    control_new(&host.control, host.loop, &config, &err) < 0)
		_exit(97);
	events_add(&host.events, &(struct event){ .kind = EVENT_CONTAINER_STATE, .container = "web",
						  .state = "running", .pid = 1234 });
	events_add(&host.events, &(struct event){ .kind = EVENT_CONTAINER_EXIT,
						  .container = "cache",
						  .exited = true,
						  .wait_status = SIGKILL,
						  .reason = "OOMKilled" });
	if (write(ready, "x", 1) != 1)
		_exit(96);
	(void)loop_run(host.loop, &status, &err);
	control_free(host.control);
	events_done(&host.events);
	loop_free(host.loop);
	_exit(status);
}

/* ---- this end ---- */

struct fixture {
	char root[64];
	int rootfd;
	pid_t host; /* 0: ended */
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err err;
	int p[2], rundir;
	char x;

	assert_non_null(f);
	strcpy(f->root, "/tmp/podd-test-XXXXXX");
	assert_non_null(mkdtemp(f->root));
	f->rootfd = open(f->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(io_mkdir_path(f->rootfd, "run/podd", 0700, &err), 0);
	assert_int_equal(io_mkdir_path(f->rootfd, "run/podd/shop", 0700, &err), 0);
	assert_int_equal(io_mkdir_path(f->rootfd, "etc/podd", 0755, &err), 0);
	rundir = openat(f->rootfd, "run/podd/shop", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(rundir >= 0);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	f->host = fork();
	assert_true(f->host >= 0);
	if (f->host == 0)
		host_main(rundir, p[1]);
	close(p[1]);
	assert_int_equal(read(p[0], &x, 1), 1);
	close(p[0]);
	close(rundir);
	*state = f;
	return 0;
}

static void end_host(struct fixture *f)
{
	int status;

	if (!f->host)
		return;
	kill(f->host, SIGKILL);
	assert_int_equal(waitpid(f->host, &status, 0), f->host);
	f->host = 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	end_host(f);
	close(f->rootfd);
	assert_int_equal(io_remove_tree(AT_FDCWD, f->root, NULL), 0);
	free(f);
	return 0;
}

struct outcome {
	int code; /* -1: a signal */
	char out[16384], errors[2048];
};

static void read_all(int fd, char *buf, size_t size)
{
	size_t n = 0;
	ssize_t r;

	while (n < size - 1 && (r = read(fd, buf + n, size - 1 - n)) > 0)
		n += (size_t)r;
	buf[n] = '\0';
	close(fd);
}

static int exit_code(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* podctl --root ROOT WORDS..., in a process of its own. */
static void podctl_child(struct fixture *f, const char *const words[])
{
	const char *argv[24] = { "podctl", "--root", f->root };
	int argc = 3, code;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (; *words; words++)
		argv[argc++] = *words;
	code = ctl_main(&ctl_podctl, argc, (char **)argv, stdout, stderr);
	fflush(stdout);
	fflush(stderr);
	_exit(code);
}

static struct outcome *podctl_reading(struct fixture *f, const char *input,
				      const char *const words[])
{
	static struct outcome o;
	int in[2], out[2], errors[2];
	pid_t pid;

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(errors, O_CLOEXEC), 0);
	fflush(stdout);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(errors[1], 2);
		close(in[1]);
		podctl_child(f, words);
	}
	close(in[0]);
	close(out[1]);
	close(errors[1]);
	assert_int_equal(write(in[1], input, strlen(input)), (ssize_t)strlen(input));
	close(in[1]);
	read_all(out[0], o.out, sizeof(o.out));
	read_all(errors[0], o.errors, sizeof(o.errors));
	o.code = exit_code(pid);
	return &o;
}

#define podctl(f, ...) podctl_reading(f, "", (const char *const[]){ __VA_ARGS__, NULL })

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
		static const char *const commands[] = { "status", "stop", "restart", "kill",
							"inspect", "events" };

		for (size_t j = 0; j < ARRAY_SIZE(commands); j++) {
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

#define SH(script) "exec", "shop", "web", "--", "sh", "-c", script

static void exec__plain__output_and_code_are_the_commands(void **state)
{
	struct fixture *f = *state;
	struct outcome *o = podctl(f, SH("echo out; echo err >&2; exit 7"));

	assert_string_equal(o->out, "out\n");
	assert_string_equal(o->errors, "err\n");
	assert_int_equal(o->code, 7);
	o = podctl(f, SH("kill -KILL $$"));
	assert_int_equal(o->code, 128 + SIGKILL);
	o = podctl(f, "exec", "-e", "COLOUR=blue", "shop", "web", "sh", "-c",
		   "echo $COLOUR --json");
	assert_string_equal(o->out, "blue --json\n");
	assert_int_equal(o->code, 0);
}

static void exec__interactive__reads_our_input_else_none(void **state)
{
	struct outcome *o = podctl_reading(
		*state, "typed\n",
		(const char *const[]){ "exec", "-i", "shop", "web", "--", "cat", NULL });

	assert_string_equal(o->out, "typed\n");
	assert_int_equal(o->code, 0);
	o = podctl_reading(*state, "typed\n",
			   (const char *const[]){ "exec", "shop", "web", "--", "cat", NULL });
	assert_string_equal(o->out, "");
	assert_int_equal(o->code, 0);
}

static void exec__much_output__none_lost(void **state)
{
	struct outcome *o = podctl(*state, SH("i=0; while [ $i -lt 1000 ]; do echo line $i; "
					      "i=$((i + 1)); done"));

	assert_int_equal(strlen(o->out), 10 * 7 + 90 * 8 + 900 * 9);
}

static void exec__cannot_start__126_127_125(void **state)
{
	struct fixture *f = *state;
	struct outcome *o = podctl(f, "exec", "shop", "web", "--", "/no/such");

	assert_string_equal(o->errors, "podctl: pod 'shop': start '/no/such': No such file or "
				       "directory\n");
	assert_int_equal(o->code, CTL_EXEC_NOT_FOUND);
	o = podctl(f, "exec", "shop", "web", "--", "/etc/passwd");
	assert_string_equal(o->errors, "podctl: pod 'shop': start '/etc/passwd': Permission "
				       "denied\n");
	assert_int_equal(o->code, CTL_EXEC_NOT_EXECUTABLE);
	o = podctl(f, "exec", "shop", "wbe", "--", "true");
	assert_string_equal(o->errors, "podctl: pod 'shop' has no container 'wbe'; did you mean "
				       "'web'?\n");
	assert_int_equal(o->code, CTL_EXEC_FAILED);
	o = podctl(f, "exec", "-it", "shop", "web", "--", "true");
	assert_memory_equal(o->errors, "podctl: -it needs a terminal on standard input;", 46);
	assert_int_equal(o->code, CTL_EXEC_FAILED);
	o = podctl(f, "exec", "shop", "web", "--", "printf", "\xff");
	assert_memory_equal(o->errors, "podctl: '\xff' is not UTF-8;", 25);
	assert_int_equal(o->code, CTL_EXEC_FAILED);
}

static void exec__podd_dies__125_and_a_line(void **state)
{
	struct fixture *f = *state;
	char script[64];
	struct outcome *o;

	/* The command ends its podd, so there is no race to wait for. */
	snprintf(script, sizeof(script), "kill -KILL %d", (int)f->host);
	o = podctl(f, SH(script));
	assert_string_equal(o->errors,
			    "podctl: pod 'shop': podd ended before the command did, which "
			    "may still run\n");
	assert_int_equal(o->code, CTL_EXEC_FAILED);
}

/* ---- with a terminal ---- */

struct typist {
	int master, slave; /* the operator's terminal */
	pid_t pid;
	char seen[8192];
	size_t n;
	struct termios before;
};

static void sit_down(struct fixture *f, struct typist *t, const char *script)
{
	struct winsize size = { .ws_row = 33, .ws_col = 101 };

	memset(t, 0, sizeof(*t));
	assert_int_equal(openpty(&t->master, &t->slave, NULL, NULL, &size), 0);
	fcntl(t->master, F_SETFD, FD_CLOEXEC);
	fcntl(t->slave, F_SETFD, FD_CLOEXEC);
	assert_int_equal(tcgetattr(t->slave, &t->before), 0);
	fflush(stdout);
	t->pid = fork();
	assert_true(t->pid >= 0);
	if (t->pid == 0) {
		setsid();
		ioctl(t->slave, TIOCSCTTY, 0);
		for (int i = 0; i < 3; i++)
			dup2(t->slave, i);
		close(t->master);
		podctl_child(f, (const char *const[]){ "exec", "-it", "shop", "web", "--", "sh",
						       "-c", script, NULL });
	}
}

static void see(struct typist *t, const char *text)
{
	struct pollfd p = { .fd = t->master, .events = POLLIN };

	while (!strstr(t->seen, text)) {
		ssize_t n;

		if (poll(&p, 1, DEADLINE_MS) != 1 || t->n + 1 >= sizeof(t->seen))
			fail_msg("did not see '%s' in '%s'", text, t->seen);
		n = read(t->master, t->seen + t->n, sizeof(t->seen) - 1 - t->n);
		if (n <= 0)
			fail_msg("terminal closed before '%s' in '%s'", text, t->seen);
		t->n += (size_t)n;
		t->seen[t->n] = '\0';
	}
}

static void type(struct typist *t, const char *text)
{
	assert_int_equal(write(t->master, text, strlen(text)), (ssize_t)strlen(text));
}

/* Return: podctl's exit code; the terminal must be as it was. */
static int get_up(struct typist *t)
{
	struct termios after;
	int code = exit_code(t->pid);

	assert_int_equal(tcgetattr(t->slave, &after), 0);
	assert_int_equal(after.c_iflag, t->before.c_iflag);
	assert_int_equal(after.c_oflag, t->before.c_oflag);
	assert_int_equal(after.c_lflag, t->before.c_lflag);
	close(t->master);
	close(t->slave);
	return code;
}

static void exec_tty__size_input_and_code__passed_through(void **state)
{
	struct typist t;

	sit_down(*state, &t, "test -t 0 && test -t 1 && stty size; read x; echo got $x; exit 7");
	see(&t, "33 101");
	type(&t, "abc\r");
	see(&t, "got abc");
	assert_int_equal(get_up(&t), 7);
}

static void exec_tty__ctrl_c__goes_to_the_command(void **state)
{
	struct typist t;

	sit_down(*state, &t, "trap 'echo caught; exit 5' INT; echo go; while :; do read x; done");
	see(&t, "go\r");
	type(&t, "\003");
	see(&t, "caught");
	assert_int_equal(get_up(&t), 5);
}

static void exec_tty__window_resized__command_follows(void **state)
{
	struct winsize size = { .ws_row = 17, .ws_col = 55 };
	struct typist t;

	sit_down(*state, &t, "trap 'stty size; exit 0' WINCH; echo go; while :; do read x; done");
	see(&t, "go\r");
	assert_int_equal(ioctl(t.master, TIOCSWINSZ, &size), 0);
	see(&t, "17 55");
	assert_int_equal(get_up(&t), 0);
}

static void exec_tty__podctl_terminated__terminal_restored(void **state)
{
	struct typist t;

	sit_down(*state, &t, "echo go; read x");
	see(&t, "go\r");
	assert_int_equal(kill(t.pid, SIGTERM), 0);
	assert_int_equal(get_up(&t), 128 + SIGTERM);
}

static void exec_tty__podd_killed__session_goes_on(void **state)
{
	struct fixture *f = *state;
	struct typist t;

	sit_down(f, &t, "echo go; read x; echo got $x");
	see(&t, "go\r");
	end_host(f);
	see(&t, "podctl: podd ended; the command goes on");
	type(&t, "more\r");
	see(&t, "got more");
	assert_int_equal(get_up(&t), CTL_EXEC_FAILED);
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
		T(logs__of_a_pod__printed_else_told),
		T(stop__waits__podd_ends),
		T(restart__container__done_or_told),
		T(kill__refused__told_with_signal),
		T(inspect__running_pod__document),
		T(events__kept__lines),
		T(exec__plain__output_and_code_are_the_commands),
		T(exec__interactive__reads_our_input_else_none),
		T(exec__much_output__none_lost),
		T(exec__cannot_start__126_127_125),
		T(exec__podd_dies__125_and_a_line),
		T(exec_tty__size_input_and_code__passed_through),
		T(exec_tty__ctrl_c__goes_to_the_command),
		T(exec_tty__window_resized__command_follows),
		T(exec_tty__podctl_terminated__terminal_restored),
		T(exec_tty__podd_killed__session_goes_on),
		T(conn_call__podd_stuck__told_after_the_timeout),
		T(conn_open__every_podd_call_has_a_timeout__set_on_the_socket),
	};

	return cmocka_run_group_tests_name("ctl", tests, NULL, NULL);
}
