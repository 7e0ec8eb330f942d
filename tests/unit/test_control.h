/* SPDX-License-Identifier: MIT */
/* A control socket with a supervisor that is none, and clients of it. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/fd.h"
#include "base/io.h"
#include "supervisor/control.h"
#include "supervisor/control_client.h"
#include "supervisor/events.h"

#define CALL(method) "{\"method\":\"io.podd.Pod." method "\"}"
#define CALLP(method, params) \
	"{\"method\":\"io.podd.Pod." method "\",\"parameters\":" params "}"
#define MOREP(method, params) \
	"{\"method\":\"io.podd.Pod." method "\",\"more\":true,\"parameters\":" params "}"

/* What the fake podd was asked, and what it answers. */
struct fake {
	int stops, restarts, pauses, unpauses, kills, execs, gone, notes;
	int result; /* of the operations */
	int signal;
	bool answer_at_once;
	char container[64];
	char note[600];
	char argv[64];
	uint64_t session, gone_session;
	int stdio[3];
	bool tty;
	unsigned rows, cols;
};

struct fixture {
	char dir[64];
	int dirfd;
	struct loop *loop;
	struct timer tick;
	struct events events;
	struct control *control;
	struct fake fake;
	int null; /* /dev/null */
};

static struct fixture *current; /* for the operations that call back */

static inline const char *fake_container(void *ctx, size_t i)
{
	static const char *const names[] = { "web", "cache", NULL };

	(void)ctx;
	return names[i];
}

static inline json_t *fake_status(void *ctx)
{
	(void)ctx;
	return json_pack("{s:i, s:s, s:s, s:b, s:n, s:[]}", "version", 1, "name", "shop", "state",
			 "running", "ready", 1, "address", "containers");
}

static inline json_t *fake_inspect(void *ctx)
{
	(void)ctx;
	return json_pack("{s:s}", "description", "Shop front");
}

static inline int fake_result(struct fake *fake, struct err *err)
{
	return fake->result ? err_set(err, -fake->result, "cannot do that") : 0;
}

static inline int fake_stop(void *ctx, struct err *err)
{
	struct fake *fake = ctx;

	fake->stops++;
	if (fake->answer_at_once)
		control_finish(current->control, CONTROL_WAIT_STOP, NULL, NULL);
	return fake_result(fake, err);
}

static inline int fake_pause(void *ctx, const char *container, struct err *err)
{
	struct fake *fake = ctx;

	(void)err;
	fake->pauses++;
	snprintf(fake->container, sizeof(fake->container), "%s", container ? container : "(all)");
	return 0;
}

static inline int fake_unpause(void *ctx, const char *container, struct err *err)
{
	struct fake *fake = ctx;

	fake->unpauses++;
	return container ? 0 : err_set(err, ESRCH, "no container of pod 'web' is running");
}

static inline int fake_restart(void *ctx, const char *container, struct err *err)
{
	struct fake *fake = ctx;

	fake->restarts++;
	snprintf(fake->container, sizeof(fake->container), "%s", container ? container : "(all)");
	return fake_result(fake, err);
}

static inline int fake_kill(void *ctx, const char *container, int signal, struct err *err)
{
	struct fake *fake = ctx;

	fake->kills++;
	fake->signal = signal;
	snprintf(fake->container, sizeof(fake->container), "%s", container ? container : "(all)");
	return fake_result(fake, err);
}

static inline int fake_exec(void *ctx, const struct control_exec *exec, struct err *err)
{
	struct fake *fake = ctx;

	fake->execs++;
	fake->session = exec->session;
	fake->tty = exec->tty;
	fake->rows = exec->rows;
	fake->cols = exec->cols;
	snprintf(fake->argv, sizeof(fake->argv), "%s|%s|%s", exec->argv[0],
		 exec->argv[1] ? exec->argv[1] : "", exec->env[0] ? exec->env[0] : "");
	memcpy(fake->stdio, exec->stdio, sizeof(fake->stdio));
	if (!exec->tty && !fake->result)
		assert_int_equal(write(exec->stdio[1], "hello", 5), 5);
	if (fake->answer_at_once) {
		control_exec_reply(current->control, exec->session, -EBADF);
		control_exec_done(current->control, exec->session, 3 << 8);
	}
	return fake_result(fake, err);
}

static inline void fake_gone(void *ctx, uint64_t session)
{
	struct fake *fake = ctx;

	fake->gone++;
	fake->gone_session = session;
}

static inline void fake_note(void *ctx, const char *line)
{
	struct fake *fake = ctx;

	fake->notes++;
	snprintf(fake->note, sizeof(fake->note), "%s", line);
}

static const struct control_ops fake_ops = {
	.container_name = fake_container,
	.status = fake_status,
	.inspect = fake_inspect,
	.stop = fake_stop,
	.restart = fake_restart,
	.pause = fake_pause,
	.unpause = fake_unpause,
	.kill = fake_kill,
	.exec = fake_exec,
	.exec_gone = fake_gone,
	.note = fake_note,
};

static inline void tick(struct timer *timer)
{
	(void)timer; /* only makes a turn end */
}

/* Turns that serve what is ready and never wait: a timer is due in each. */
static inline void turns(struct fixture *f)
{
	struct err err;

	for (int i = 0; i < 4; i++) {
		loop_timer_set(f->loop, &f->tick, 1);
		assert_int_equal(loop_turn(f->loop, &err), 0);
	}
}

static inline int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err err = { 0 };

	assert_non_null(f);
	current = f;
	strcpy(f->dir, "/tmp/podd-test-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->dirfd = open(f->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->dirfd >= 0);
	assert_int_equal(loop_new(&f->loop, LOOP_AUTO, &err), 0);
	f->tick.fn = tick;
	f->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_true(f->null >= 0);
	assert_int_equal(events_init(&f->events, NULL, &err), 0);
	struct control_config config = { f->dirfd, &fake_ops, &f->fake, &f->events };
	assert_int_equal(control_new(&f->control, f->loop, &config, &err), 0);
	*state = f;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	control_free(f->control);
	events_done(&f->events);
	loop_timer_clear(f->loop, &f->tick);
	loop_free(f->loop);
	assert_int_equal(faccessat(f->dirfd, CONTROL_SOCKET, F_OK, 0), -1);
	close(f->null);
	close(f->dirfd);
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

static inline unsigned fd_count(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static inline int try_connect(struct fixture *f)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(sock >= 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/" CONTROL_SOCKET, f->dir);
	if (connect(sock, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		int r = -errno;

		close(sock);
		return r;
	}
	return sock;
}

static inline int client(struct fixture *f)
{
	int sock = try_connect(f);

	assert_true(sock >= 0);
	turns(f);
	return sock;
}

/* With the NUL that ends a message. */
static inline void say(struct fixture *f, int sock, const char *text)
{
	assert_int_equal(send(sock, text, strlen(text) + 1, MSG_NOSIGNAL), strlen(text) + 1);
	turns(f);
}

static inline void say_with_fds(struct fixture *f, int sock, const char *text, unsigned fd_n,
				int fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(16 * sizeof(int))] = { 0 };
	struct iovec iov = { (char *)text, strlen(text) + 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = CMSG_SPACE(fd_n * sizeof(int)) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(fd_n * sizeof(int));
	for (unsigned i = 0; i < fd_n; i++)
		memcpy(CMSG_DATA(c) + i * sizeof(int), &fd, sizeof(int));
	assert_int_equal(sendmsg(sock, &msg, MSG_NOSIGNAL), (ssize_t)strlen(text) + 1);
	turns(f);
}

/* One reply as text without its NUL; "" when there is none, "EOF" at the end. */
static inline const char *hear(int sock)
{
	static char text[8192];
	size_t n = 0;

	while (n < sizeof(text)) {
		ssize_t r = recv(sock, text + n, 1, 0);

		if (r < 0 && errno == EAGAIN && n == 0)
			return "";
		if (r <= 0)
			return n == 0 ? "EOF" : "torn";
		if (!text[n++])
			return text;
	}
	return "too long";
}

#define assert_hears(sock, text) assert_string_equal(hear(sock), text)

static const char status_reply[] =
	"{\"parameters\":{\"version\":1,\"name\":\"shop\",\"state\":\"running\",\"ready\":true,"
	"\"address\":null,\"containers\":[]}}";
