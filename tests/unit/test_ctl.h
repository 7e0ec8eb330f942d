/* SPDX-License-Identifier: MIT */
/* podctl in a process of its own, and a control socket without a pod for it. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
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

static inline const char *host_container(void *ctx, size_t i)
{
	(void)ctx;
	return i == 0 ? "web" : i == 1 ? "cache" : NULL;
}

static inline json_t *host_status(void *ctx)
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

static inline json_t *host_inspect(void *ctx)
{
	(void)ctx;
	return json_pack("{s:i, s:s}", "version", 1, "description", "Shop front");
}

static inline int host_stop(void *ctx, struct err *err)
{
	(void)ctx;
	(void)err;
	control_finish(host.control, CONTROL_WAIT_STOP, NULL, NULL);
	loop_quit(host.loop, 0);
	return 0;
}

static inline int host_restart(void *ctx, const char *container, struct err *err)
{
	(void)ctx;
	if (!container)
		return err_set(err, EBUSY, "the pod is stopping");
	control_finish(host.control, CONTROL_WAIT_RESTART, container, NULL);
	return 0;
}

static inline int host_kill(void *ctx, const char *container, int signal, struct err *err)
{
	(void)ctx;
	return err_set(err, ESRCH, "container '%s' has no process for signal %d",
		       container ? container : "(all)", signal);
}

static inline void session_ended(struct watch *watch, uint32_t events)
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

static inline int host_exec(void *ctx, const struct control_exec *exec, struct err *err)
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

static inline void host_note(void *ctx, const char *line)
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
static inline void host_main(int rundir, int ready)
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

static inline int setup(void **state)
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

static inline void end_host(struct fixture *f)
{
	int status;

	if (!f->host)
		return;
	kill(f->host, SIGKILL);
	assert_int_equal(waitpid(f->host, &status, 0), f->host);
	f->host = 0;
}

static inline int teardown(void **state)
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

static inline void read_all(int fd, char *buf, size_t size)
{
	size_t n = 0;
	ssize_t r;

	while (n < size - 1 && (r = read(fd, buf + n, size - 1 - n)) > 0)
		n += (size_t)r;
	buf[n] = '\0';
	close(fd);
}

static inline int exit_code(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* podctl --root ROOT WORDS..., in a process of its own. */
static inline void podctl_child(struct fixture *f, const char *const words[])
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

static inline struct outcome *podctl_reading(struct fixture *f, const char *input,
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
