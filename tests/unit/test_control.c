/* SPDX-License-Identifier: MIT */
/* The control socket: good clients, hostile clients, and what podd holds for them. */
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
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/varlink.h"
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
	int stops, restarts, kills, execs, gone, notes;
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

static const char *fake_container(void *ctx, size_t i)
{
	static const char *const names[] = { "web", "cache", NULL };

	(void)ctx;
	return names[i];
}

static json_t *fake_status(void *ctx)
{
	(void)ctx;
	return json_pack("{s:i, s:s, s:s, s:b, s:n, s:[]}", "version", 1, "name", "shop", "state",
			 "running", "ready", 1, "address", "containers");
}

static json_t *fake_inspect(void *ctx)
{
	(void)ctx;
	return json_pack("{s:s}", "description", "Shop front");
}

static int fake_result(struct fake *fake, struct err *err)
{
	return fake->result ? err_set(err, -fake->result, "cannot do that") : 0;
}

static int fake_stop(void *ctx, struct err *err)
{
	struct fake *fake = ctx;

	fake->stops++;
	if (fake->answer_at_once)
		control_finish(current->control, CONTROL_WAIT_STOP, NULL, NULL);
	return fake_result(fake, err);
}

static int fake_restart(void *ctx, const char *container, struct err *err)
{
	struct fake *fake = ctx;

	fake->restarts++;
	snprintf(fake->container, sizeof(fake->container), "%s", container ? container : "(all)");
	return fake_result(fake, err);
}

static int fake_kill(void *ctx, const char *container, int signal, struct err *err)
{
	struct fake *fake = ctx;

	fake->kills++;
	fake->signal = signal;
	snprintf(fake->container, sizeof(fake->container), "%s", container ? container : "(all)");
	return fake_result(fake, err);
}

static int fake_exec(void *ctx, const struct control_exec *exec, struct err *err)
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

static void fake_gone(void *ctx, uint64_t session)
{
	struct fake *fake = ctx;

	fake->gone++;
	fake->gone_session = session;
}

static void fake_note(void *ctx, const char *line)
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
	.kill = fake_kill,
	.exec = fake_exec,
	.exec_gone = fake_gone,
	.note = fake_note,
};

static void tick(struct timer *timer)
{
	(void)timer; /* only makes a turn end */
}

/* Turns that serve what is ready and never wait: a timer is due in each. */
static void turns(struct fixture *f)
{
	struct err err;

	for (int i = 0; i < 4; i++) {
		loop_timer_set(f->loop, &f->tick, 1);
		assert_int_equal(loop_turn(f->loop, &err), 0);
	}
}

static int setup(void **state)
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

static int teardown(void **state)
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

static unsigned fd_count(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static int try_connect(struct fixture *f)
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

static int client(struct fixture *f)
{
	int sock = try_connect(f);

	assert_true(sock >= 0);
	turns(f);
	return sock;
}

/* With the NUL that ends a message. */
static void say(struct fixture *f, int sock, const char *text)
{
	assert_int_equal(send(sock, text, strlen(text) + 1, MSG_NOSIGNAL), strlen(text) + 1);
	turns(f);
}

static void say_with_fds(struct fixture *f, int sock, const char *text, unsigned fd_n, int fd)
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
static const char *hear(int sock)
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

static void get_info__any_client__describes_itself(void **state)
{
	static const char *const methods[] = { "Status", "Inspect", "Stop", "Restart", "Kill",
					       "Exec", "Events" };
	struct fixture *f = *state;
	int sock = client(f);

	say(f, sock, "{\"method\":\"org.varlink.service.GetInfo\"}");
	assert_hears(sock, "{\"parameters\":{\"vendor\":\"podd\",\"product\":\"podd\",\"version\":"
			   "\"" PODD_VERSION "\",\"url\":\"\",\"interfaces\":"
			   "[\"org.varlink.service\",\"io.podd.Pod\"]}}");
	say(f, sock, "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
		     "\"parameters\":{\"interface\":\"io.podd.Pod\"}}");
	const char *text = hear(sock);
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		char line[64];

		snprintf(line, sizeof(line), "\\nmethod %s(", methods[i]);
		assert_non_null(strstr(text, line));
	}
	say(f, sock, "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
		     "\"parameters\":{\"interface\":\"io.podd.None\"}}");
	assert_hears(sock, "{\"error\":\"org.varlink.service.InterfaceNotFound\","
			   "\"parameters\":{\"interface\":\"io.podd.None\"}}");
	close(sock);
}

static const char status_reply[] =
	"{\"parameters\":{\"version\":1,\"name\":\"shop\",\"state\":\"running\",\"ready\":true,"
	"\"address\":null,\"containers\":[]}}";

static void status__byte_by_byte__one_reply(void **state)
{
	static const char call[] = CALL("Status");
	struct fixture *f = *state;
	int sock = client(f);

	for (size_t i = 0; i < sizeof(call); i++) {
		assert_hears(sock, "");
		assert_int_equal(send(sock, call + i, 1, 0), 1);
		turns(f);
	}
	assert_hears(sock, status_reply);
	assert_hears(sock, "");
	close(sock);
}

static void status__three_calls_in_one_write__three_replies_in_order(void **state)
{
	static const char calls[] = CALL("Status") "\0" CALL("Inspect") "\0" CALL("None");
	struct fixture *f = *state;
	int sock = client(f);

	assert_int_equal(send(sock, calls, sizeof(calls), 0), sizeof(calls));
	turns(f);
	assert_hears(sock, status_reply);
	assert_hears(sock, "{\"parameters\":{\"pod\":{\"description\":\"Shop front\"}}}");
	assert_hears(sock, "{\"error\":\"org.varlink.service.MethodNotFound\","
			   "\"parameters\":{\"method\":\"io.podd.Pod.None\"}}");
	close(sock);
}

static void status__idle_client__no_buffer_is_held(void **state)
{
	struct fixture *f = *state;
	int sock = client(f);

	say(f, sock, CALL("Status"));
	assert_hears(sock, status_reply);
	assert_int_equal(f->control->client_n, 1);
	assert_null(f->control->clients->in.data);
	assert_null(f->control->clients->out.data);
	close(sock);
	turns(f);
	assert_int_equal(f->control->client_n, 0);
	assert_int_equal(f->fake.notes, 0);
}

static void stop__wait__answered_by_finish(void **state)
{
	struct fixture *f = *state;
	int sock = client(f), other = client(f);

	say(f, sock, CALL("Stop"));
	say(f, other, CALLP("Stop", "{\"wait\":false}"));
	assert_int_equal(f->fake.stops, 2);
	assert_hears(other, "{}");
	assert_hears(sock, "");
	say(f, sock, CALL("Status")); /* waits its turn */
	assert_hears(sock, "");
	control_finish(f->control, CONTROL_WAIT_STOP, NULL, NULL);
	assert_hears(sock, "{}");
	turns(f);
	assert_hears(sock, status_reply);
	close(sock);
	close(other);
}

static void stop__refused__error_is_told(void **state)
{
	struct fixture *f = *state;
	int sock = client(f);

	f->fake.result = -EBUSY;
	say(f, sock, CALL("Stop"));
	assert_hears(sock, "{\"error\":\"io.podd.Pod.Failed\","
			   "\"parameters\":{\"errno\":16,\"message\":\"cannot do that\"}}");
	close(sock);
}

static void stop__done_at_once_many_times__each_answered(void **state)
{
	static const char call[] = CALL("Stop");
	struct fixture *f = *state;
	int sock = client(f);

	f->fake.answer_at_once = true;
	for (int i = 0; i < 50; i++)
		assert_int_equal(send(sock, call, sizeof(call), 0), sizeof(call));
	turns(f);
	for (int i = 0; i < 50; i++)
		assert_hears(sock, "{}");
	assert_int_equal(f->fake.stops, 50);
	close(sock);
}

static void restart__one_and_all__finish_matches(void **state)
{
	struct err failed = { 0 };
	struct fixture *f = *state;
	int web = client(f), all = client(f);

	say(f, web, CALLP("Restart", "{\"container\":\"web\"}"));
	assert_string_equal(f->fake.container, "web");
	say(f, all, CALL("Restart"));
	assert_string_equal(f->fake.container, "(all)");
	control_finish(f->control, CONTROL_WAIT_RESTART, "cache", NULL);
	assert_hears(web, "");
	err_set(&failed, ENOEXEC, "start 'web': Exec format error");
	control_finish(f->control, CONTROL_WAIT_RESTART, "web", &failed);
	assert_hears(web, "{\"error\":\"io.podd.Pod.Failed\",\"parameters\":"
			  "{\"errno\":8,\"message\":\"start 'web': Exec format error\"}}");
	assert_hears(all, "");
	control_finish(f->control, CONTROL_WAIT_STOP, NULL, NULL);
	assert_hears(all, "{\"error\":\"io.podd.Pod.Failed\",\"parameters\":"
			  "{\"errno\":125,\"message\":\"the pod was stopped\"}}");
	close(web);
	close(all);
}

static void kill__oneway__done_without_a_word(void **state)
{
	struct fixture *f = *state;
	int sock = client(f);

	say(f, sock, "{\"method\":\"io.podd.Pod.Kill\",\"oneway\":true,"
		     "\"parameters\":{\"signal\":15,\"container\":\"web\"}}");
	assert_int_equal(f->fake.kills, 1);
	assert_int_equal(f->fake.signal, 15);
	assert_hears(sock, "");
	say(f, sock, CALLP("Kill", "{\"signal\":9,\"container\":null}"));
	assert_string_equal(f->fake.container, "(all)");
	assert_hears(sock, "{}");
	close(sock);
}

static void kill__misspelt_container__nearest_is_told(void **state)
{
	struct fixture *f = *state;
	int sock = client(f);

	say(f, sock, CALLP("Kill", "{\"signal\":15,\"container\":\"cahce\"}"));
	assert_hears(sock, "{\"error\":\"io.podd.Pod.NoSuchContainer\","
			   "\"parameters\":{\"container\":\"cahce\",\"nearest\":\"cache\"}}");
	say(f, sock, CALLP("Kill", "{\"signal\":15,\"container\":\"database\"}"));
	assert_hears(sock, "{\"error\":\"io.podd.Pod.NoSuchContainer\","
			   "\"parameters\":{\"container\":\"database\"}}");
	assert_int_equal(f->fake.kills, 0);
	close(sock);
}

static void call__wrong_parameter__named_and_not_acted_on(void **state)
{
	static const struct {
		const char *call, *parameter;
	} bad[] = {
		{ CALLP("Kill", "{}"), "signal" },
		{ CALLP("Kill", "{\"signal\":0}"), "signal" },
		{ CALLP("Kill", "{\"signal\":65}"), "signal" },
		{ CALLP("Kill", "{\"signal\":\"TERM\"}"), "signal" },
		{ CALLP("Kill", "{\"signal\":1e3}"), "signal" },
		{ CALLP("Kill", "{\"signal\":9,\"container\":\"\"}"), "container" },
		{ CALLP("Kill", "{\"signal\":9,\"container\":7}"), "container" },
		{ CALLP("Stop", "{\"now\":true}"), "now" },
		{ CALLP("Stop", "{\"container\":\"web\"}"), "container" },
		{ CALLP("Stop", "{\"wait\":1}"), "wait" },
		{ MOREP("Events", "{\"since\":-1}"), "since" },
		{ MOREP("Exec", "{\"container\":\"web\"}"), "argv" },
		{ MOREP("Exec", "{\"container\":\"web\",\"argv\":[]}"), "argv" },
		{ MOREP("Exec", "{\"container\":\"web\",\"argv\":[\"\"]}"), "argv" },
		{ MOREP("Exec", "{\"container\":\"web\",\"argv\":[1]}"), "argv" },
		{ MOREP("Exec", "{\"container\":\"web\",\"argv\":\"ls\"}"), "argv" },
		{ MOREP("Exec", "{\"container\":\"web\",\"argv\":[\"ls\"],\"env\":[\"A\"]}"),
		  "env" },
		{ MOREP("Exec", "{\"container\":\"web\",\"argv\":[\"ls\"],\"env\":[\"=A\"]}"),
		  "env" },
		{ MOREP("Exec", "{\"container\":\"web\",\"argv\":[\"ls\"],\"rows\":65536}"),
		  "rows" },
	};
	struct fixture *f = *state;
	int sock = client(f);
	char expected[160];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		say(f, sock, bad[i].call);
		snprintf(expected, sizeof(expected),
			 "{\"error\":\"org.varlink.service.InvalidParameter\","
			 "\"parameters\":{\"parameter\":\"%s\"}}", bad[i].parameter);
		assert_hears(sock, expected);
	}
	assert_int_equal(f->fake.kills + f->fake.stops + f->fake.execs, 0);
	say(f, sock, CALL("Events"));
	assert_hears(sock, "{\"error\":\"org.varlink.service.ExpectedMore\",\"parameters\":{}}");
	close(sock);
}

#define EXEC MOREP("Exec", "{\"container\":\"web\",\"argv\":[\"echo\",\"x\"],\"env\":[\"A=b\"]}")

static void exec__without_tty__has_the_clients_descriptors(void **state)
{
	struct fixture *f = *state;
	int sock = client(f), p[2];
	unsigned before;
	char got[8] = "";

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	before = fd_count();
	say_with_fds(f, sock, EXEC, 3, p[1]);
	assert_string_equal(f->fake.argv, "echo|x|A=b");
	assert_int_equal(read(p[0], got, sizeof(got)), 5);
	assert_string_equal(got, "hello");
	assert_int_equal(fd_count(), before); /* podd keeps none of them */
	assert_hears(sock, "");
	control_exec_reply(f->control, f->fake.session, -EBADF);
	assert_hears(sock, "{\"continues\":true}");
	control_exec_done(f->control, f->fake.session + 1, 0);
	assert_hears(sock, "");
	control_exec_done(f->control, f->fake.session, 7 << 8);
	assert_hears(sock, "{\"parameters\":{\"exit_code\":7}}");
	control_exec_done(f->control, f->fake.session, 0);
	assert_hears(sock, "");
	close(p[0]);
	close(p[1]);
	close(sock);
}

static void exec__killed_by_signal__signal_is_told(void **state)
{
	struct fixture *f = *state;
	int sock = client(f);

	say_with_fds(f, sock, EXEC, 3, f->null);
	control_exec_reply(f->control, f->fake.session, -EBADF);
	control_exec_done(f->control, f->fake.session, SIGKILL);
	assert_hears(sock, "{\"continues\":true}");
	assert_hears(sock, "{\"parameters\":{\"signal\":9}}");
	close(sock);
}

static void exec__fewer_than_three_descriptors__refused(void **state)
{
	struct fixture *f = *state;
	int sock = client(f);

	say(f, sock, EXEC);
	assert_hears(sock, "{\"error\":\"io.podd.Pod.Failed\",\"parameters\":{\"errno\":9,"
			   "\"message\":\"the call did not bring stdin, stdout and stderr\"}}");
	assert_int_equal(f->fake.execs, 0);
	close(sock);
}

static void exec__ends_at_once__both_replies_in_order(void **state)
{
	struct fixture *f = *state;
	int sock = client(f);

	f->fake.answer_at_once = true;
	say_with_fds(f, sock, EXEC, 3, f->null);
	assert_hears(sock, "{\"continues\":true}");
	assert_hears(sock, "{\"parameters\":{\"exit_code\":3}}");
	close(sock);
}

static void exec__not_found__errno_is_told(void **state)
{
	struct fixture *f = *state;
	int sock = client(f);

	f->fake.result = -ENOENT;
	say_with_fds(f, sock, EXEC, 3, f->null);
	assert_hears(sock, "{\"error\":\"io.podd.Pod.Failed\","
			   "\"parameters\":{\"errno\":2,\"message\":\"cannot do that\"}}");
	close(sock);
}

static void exec__with_tty__master_comes_with_the_first_reply(void **state)
{
	struct varlink_input in = { 0 };
	struct fixture *f = *state;
	struct err err = { 0 };
	int sock = client(f), p[2];
	json_t *reply;

	say(f, sock, MOREP("Exec", "{\"container\":\"web\",\"argv\":[\"sh\"],\"tty\":true,"
				   "\"rows\":50,\"cols\":132}"));
	assert_true(f->fake.tty);
	assert_int_equal(f->fake.rows, 50);
	assert_int_equal(f->fake.cols, 132);
	assert_int_equal(f->fake.stdio[0], -EBADF);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	control_exec_reply(f->control, f->fake.session, p[1]);
	assert_int_equal(fcntl(p[1], F_GETFD), -1); /* podd holds it no more */
	assert_true(varlink_input_read(&in, sock, &err) > 0);
	assert_int_equal(varlink_input_next(&in, &reply, &err), 0);
	assert_true(json_is_true(json_object_get(reply, "continues")));
	assert_int_equal(in.fds.n, 1);
	assert_int_equal(fcntl(in.fds.fd[0], F_GETFD), FD_CLOEXEC);
	assert_int_equal(write(in.fds.fd[0], "x", 1), 1);
	json_decref(reply);
	varlink_input_done(&in);
	close(p[0]);
	close(sock);
}

static void exec__client_gone__supervisor_is_told(void **state)
{
	struct fixture *f = *state;
	int sock = client(f), p[2];

	say_with_fds(f, sock, EXEC, 3, f->null);
	close(sock);
	turns(f);
	assert_int_equal(f->fake.gone, 1);
	assert_int_equal(f->fake.gone_session, f->fake.session);
	assert_int_equal(f->control->client_n, 0);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	control_exec_reply(f->control, f->fake.session, p[1]);
	assert_int_equal(fcntl(p[1], F_GETFD), -1);
	control_exec_done(f->control, f->fake.session, 0);
	close(p[0]);
}

static void add_events(struct fixture *f, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		events_add(&f->events,
			   &(struct event){ .kind = EVENT_POD_STATE, .state = "running" });
	control_events_added(f->control);
}

/* The event's kind, and its number in @seq; "" for none, "end" for the last reply. */
static const char *hear_event(int sock, json_int_t *seq)
{
	static char kind[32];
	const char *text = hear(sock), *k;
	json_t *reply;

	if (!*text)
		return "";
	reply = json_loads(text, 0, NULL);
	assert_non_null(reply);
	if (json_unpack(reply, "{s:{s:{s:s, s:I}}}", "parameters", "event", "kind", &k, "seq",
			seq) < 0)
		k = "end";
	snprintf(kind, sizeof(kind), "%s", k);
	json_decref(reply);
	return kind;
}

static void events__no_follow__kept_ones_and_an_end(void **state)
{
	struct fixture *f = *state;
	int sock = client(f);
	json_int_t seq;

	say(f, sock, MOREP("Events", "{}"));
	assert_string_equal(hear_event(sock, &seq), "end");
	add_events(f, 3);
	assert_string_equal(hear_event(sock, &seq), "");
	say(f, sock, MOREP("Events", "{\"since\":2}"));
	assert_string_equal(hear_event(sock, &seq), "pod-state");
	assert_int_equal(seq, 2);
	assert_string_equal(hear_event(sock, &seq), "pod-state");
	assert_int_equal(seq, 3);
	assert_string_equal(hear_event(sock, &seq), "end");
	close(sock);
}

static void events__follow__new_ones_come(void **state)
{
	struct fixture *f = *state;
	int sock = client(f);
	json_int_t seq;

	add_events(f, 1);
	say(f, sock, MOREP("Events", "{\"follow\":true}"));
	assert_string_equal(hear_event(sock, &seq), "pod-state");
	assert_string_equal(hear_event(sock, &seq), "");
	add_events(f, 2);
	assert_string_equal(hear_event(sock, &seq), "pod-state");
	assert_string_equal(hear_event(sock, &seq), "pod-state");
	assert_int_equal(seq, 3);
	assert_string_equal(hear_event(sock, &seq), "");
	close(sock);
	turns(f);
	assert_int_equal(f->control->client_n, 0);
}

static void events__follower_never_reads__gap_and_no_growth(void **state)
{
	struct fixture *f = *state;
	int sock = client(f);
	json_int_t seq, next = 1;
	unsigned gaps = 0;

	say(f, sock, MOREP("Events", "{\"follow\":true}"));
	for (int i = 0; i < 5000; i++) {
		add_events(f, 1);
		assert_true(f->control->clients->out.end < 1024); /* one event at most */
	}
	while (next <= 5000) {
		const char *kind = hear_event(sock, &seq);

		if (!*kind) {
			turns(f);
			continue;
		}
		if (strcmp(kind, "gap") == 0) {
			assert_true(seq > next);
			gaps++;
		} else {
			assert_int_equal(seq, next);
		}
		next = seq + 1;
	}
	assert_int_equal(gaps, 1);
	close(sock);
}

/* Drops with a record, and the next client is served. */
static void assert_dropped(struct fixture *f, int sock, const char *why)
{
	int next;

	turns(f);
	assert_hears(sock, "EOF");
	assert_string_equal(f->fake.note, why);
	assert_int_equal(f->control->client_n, 0);
	close(sock);
	next = client(f);
	say(f, next, CALL("Status"));
	assert_hears(next, status_reply);
	close(next);
	turns(f);
}

static void hostile__half_message_then_close__forgotten(void **state)
{
	struct fixture *f = *state;
	unsigned before = fd_count();

	for (int i = 0; i < 100; i++) {
		int sock = client(f);

		assert_int_equal(send(sock, "{\"method\":", 10, 0), 10);
		turns(f);
		close(sock);
		turns(f);
	}
	assert_int_equal(f->control->client_n, 0);
	assert_int_equal(fd_count(), before);
}

static void hostile__not_the_protocol__dropped_with_record(void **state)
{
	static const struct {
		const char *bytes;
		const char *note;
	} bad[] = {
		{ "[]", "control client dropped: message is no JSON object" },
		{ "{}", "control client dropped: bad call: Object item not found: method" },
		{ "{\"method\":\"a.B\",\"x\":1}",
		  "control client dropped: bad call: 1 object item(s) left unpacked: x" },
		{ "{\"method\":\"a.B\",\"upgrade\":true}",
		  "control client dropped: bad call: no method can be upgraded" },
		{ "{\"method\":\"a.B\",\"more\":true,\"oneway\":true}",
		  "control client dropped: bad call: both oneway and more" },
		{ "{\"method\":\"a.B\",\"parameters\":[]}",
		  "control client dropped: bad call: parameters are no object" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int sock = client(f);

		say(f, sock, bad[i].bytes);
		assert_dropped(f, sock, bad[i].note);
	}
}

static void hostile__message_without_end__refused_at_the_limit(void **state)
{
	struct fixture *f = *state;
	int sock = client(f);
	char spaces[4096];
	ssize_t n;

	memset(spaces, ' ', sizeof(spaces));
	do {
		n = send(sock, spaces, sizeof(spaces), MSG_NOSIGNAL);
		turns(f);
		if (f->control->clients)
			assert_true(f->control->clients->in.size <= VARLINK_MESSAGE_MAX + 1);
	} while (n > 0 || errno == EAGAIN);
	assert_int_equal(f->control->client_n, 0);
	assert_string_equal(f->fake.note,
			    "control client dropped: message larger than 262144 bytes");
	close(sock);
}

static void hostile__flood_without_reading__waits_in_its_own_socket(void **state)
{
	static const char call[] = CALL("Status");
	struct fixture *f = *state;
	int sock = client(f), other;
	int stuck = 0;

	while (stuck < 5) {
		if (send(sock, call, sizeof(call), MSG_NOSIGNAL) == sizeof(call)) {
			stuck = 0;
		} else {
			assert_int_equal(errno, EAGAIN);
			stuck++;
		}
		turns(f);
		assert_true(f->control->clients->in.size <= 4096);
		assert_true(f->control->clients->out.end <= sizeof(status_reply));
	}
	other = client(f);
	say(f, other, CALL("Status"));
	assert_hears(other, status_reply);
	assert_hears(sock, status_reply);
	close(sock);
	close(other);
	turns(f);
	assert_int_equal(f->control->client_n, 0);
}

static void hostile__surplus_descriptors__closed_each_time(void **state)
{
	struct fixture *f = *state;
	int sock = client(f);
	unsigned before = fd_count();

	for (int i = 0; i < 1000; i++) {
		say_with_fds(f, sock, CALL("Status"), 1 + (unsigned)i % 3, f->null);
		assert_hears(sock, status_reply);
	}
	assert_int_equal(fd_count(), before);
	say_with_fds(f, sock, CALL("Status"), 16, f->null);
	assert_int_equal(fd_count(), before - 1); /* its connection */
	assert_dropped(f, sock, "control client dropped: more than 3 descriptors with one message");
}

static void hostile__descriptors_piece_by_piece__dropped(void **state)
{
	struct fixture *f = *state;
	int sock = client(f);
	unsigned before = fd_count();

	/* Never a whole message: "say" ends each with a NUL, so send by hand. */
	for (int i = 0; i < 4 && f->control->client_n; i++) {
		_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
		char brace[] = "{";
		struct iovec iov = { brace, 1 };
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
				      .msg_controllen = sizeof(control) };
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memset(CMSG_DATA(c), 0, sizeof(int)); /* descriptor 0 */
		assert_int_equal(sendmsg(sock, &msg, 0), 1);
		turns(f);
	}
	assert_int_equal(fd_count(), before - 1);
	assert_dropped(f, sock, "control client dropped: more than 3 descriptors with one message");
}

static void clients__a_hundred__newest_is_served_and_the_table_bounded(void **state)
{
	struct fixture *f = *state;
	int sock[100];

	for (size_t i = 0; i < ARRAY_SIZE(sock); i++) {
		sock[i] = client(f);
		say(f, sock[i], CALL("Status"));
		assert_hears(sock[i], status_reply);
		assert_true(f->control->client_n <= CONTROL_CLIENTS_MAX);
	}
	/* Should it have been about to ask something: that is the answer. */
	assert_hears(sock[0], "{\"error\":\"io.podd.Pod.Busy\",\"parameters\":{}}");
	assert_hears(sock[0], "EOF");
	for (size_t i = 0; i < ARRAY_SIZE(sock); i++)
		close(sock[i]);
	turns(f);
	assert_int_equal(f->control->client_n, 0);
}

static void clients__all_wait_for_podd__next_is_told_busy(void **state)
{
	struct fixture *f = *state;
	int sock[CONTROL_CLIENTS_MAX], next;

	for (size_t i = 0; i < ARRAY_SIZE(sock); i++) {
		sock[i] = client(f);
		say(f, sock[i], CALL("Stop"));
	}
	next = client(f);
	assert_hears(next, "{\"error\":\"io.podd.Pod.Busy\",\"parameters\":{}}");
	assert_hears(next, "EOF");
	assert_string_equal(f->fake.note, "control client refused: all places are taken");
	control_finish(f->control, CONTROL_WAIT_STOP, NULL, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(sock); i++) {
		assert_hears(sock[i], "{}");
		close(sock[i]);
	}
	close(next);
}

static void clients__no_descriptor_free__refused_and_no_spinning(void **state)
{
	struct fixture *f = *state;
	struct rlimit old, tight;
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), probe, r;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/" CONTROL_SOCKET, f->dir);
	assert_int_equal(connect(sock, (struct sockaddr *)&addr, sizeof(addr)), 0);
	probe = dup(0);
	assert_true(probe >= 0);
	close(probe);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	tight = (struct rlimit){ (rlim_t)probe, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
	turns(f);
	r = setrlimit(RLIMIT_NOFILE, &old);
	assert_int_equal(r, 0);
	assert_hears(sock, "{\"error\":\"io.podd.Pod.Busy\",\"parameters\":{}}");
	assert_hears(sock, "EOF");
	assert_int_equal(f->fake.notes, 1);
	close(sock);
	sock = client(f);
	say(f, sock, CALL("Status"));
	assert_hears(sock, status_reply);
	close(sock);
}

static void clients__another_user__refused(void **state)
{
	static const uid_t nobody = 65534;
	struct fixture *f = *state;
	struct stat st;
	int sock;

	if (geteuid() != 0) {
		print_message("needs root to become another user\n");
		skip();
	}
	assert_int_equal(fstatat(f->dirfd, CONTROL_SOCKET, &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(seteuid(nobody), 0);
	sock = try_connect(f);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(sock, -EACCES); /* the directory */

	assert_int_equal(chmod(f->dir, 0755), 0);
	assert_int_equal(fchmodat(f->dirfd, CONTROL_SOCKET, 0666, 0), 0);
	assert_int_equal(seteuid(nobody), 0);
	sock = try_connect(f);
	assert_int_equal(seteuid(0), 0);
	assert_true(sock >= 0);
	turns(f);
	assert_hears(sock,
		     "{\"error\":\"org.varlink.service.PermissionDenied\",\"parameters\":{}}");
	assert_hears(sock, "EOF");
	assert_string_equal(f->fake.note, "control client refused: it runs as another user");
	close(sock);
}

static void control_new__open_directory__eperm(void **state)
{
	struct fixture *f = *state;
	struct control_config config = { f->dirfd, &fake_ops, &f->fake, &f->events };
	struct control *second = NULL;
	struct err err = { 0 };

	assert_int_equal(chmod(f->dir, 0750), 0);
	assert_int_equal(control_new(&second, f->loop, &config, &err), -EPERM);
	assert_string_equal(err.msg, "create control socket: others may enter its directory");
	assert_null(second);
	assert_int_equal(chmod(f->dir, 0700), 0);
}

static void control_new__old_socket_there__replaced(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct control_config config = { f->dirfd, &fake_ops, &f->fake, &f->events };
	struct err err = { 0 };
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	control_free(f->control);
	f->control = NULL;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/" CONTROL_SOCKET, f->dir);
	assert_int_equal(bind(sock, (struct sockaddr *)&addr, sizeof(addr)), 0);
	close(sock);
	assert_int_equal(try_connect(f), -ECONNREFUSED);
	assert_int_equal(control_new(&f->control, f->loop, &config, &err), 0);
	sock = client(f);
	say(f, sock, CALL("Status"));
	assert_hears(sock, status_reply);
	close(sock);
}

static void control_free__answer_just_given__still_read(void **state)
{
	struct fixture *f = *state;
	int sock = client(f);

	say(f, sock, CALL("Stop"));
	control_finish(f->control, CONTROL_WAIT_STOP, NULL, NULL);
	control_free(f->control);
	f->control = NULL;
	assert_hears(sock, "{}");
	assert_hears(sock, "EOF");
	close(sock);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(get_info__any_client__describes_itself),
		T(status__byte_by_byte__one_reply),
		T(status__three_calls_in_one_write__three_replies_in_order),
		T(status__idle_client__no_buffer_is_held),
		T(stop__wait__answered_by_finish),
		T(stop__refused__error_is_told),
		T(stop__done_at_once_many_times__each_answered),
		T(restart__one_and_all__finish_matches),
		T(kill__oneway__done_without_a_word),
		T(kill__misspelt_container__nearest_is_told),
		T(call__wrong_parameter__named_and_not_acted_on),
		T(exec__without_tty__has_the_clients_descriptors),
		T(exec__killed_by_signal__signal_is_told),
		T(exec__fewer_than_three_descriptors__refused),
		T(exec__ends_at_once__both_replies_in_order),
		T(exec__not_found__errno_is_told),
		T(exec__with_tty__master_comes_with_the_first_reply),
		T(exec__client_gone__supervisor_is_told),
		T(events__no_follow__kept_ones_and_an_end),
		T(events__follow__new_ones_come),
		T(events__follower_never_reads__gap_and_no_growth),
		T(hostile__half_message_then_close__forgotten),
		T(hostile__not_the_protocol__dropped_with_record),
		T(hostile__message_without_end__refused_at_the_limit),
		T(hostile__flood_without_reading__waits_in_its_own_socket),
		T(hostile__surplus_descriptors__closed_each_time),
		T(hostile__descriptors_piece_by_piece__dropped),
		T(clients__a_hundred__newest_is_served_and_the_table_bounded),
		T(clients__all_wait_for_podd__next_is_told_busy),
		T(clients__no_descriptor_free__refused_and_no_spinning),
		T(clients__another_user__refused),
		T(control_new__open_directory__eperm),
		T(control_new__old_socket_there__replaced),
		T(control_free__answer_just_given__still_read),
	};

	return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
