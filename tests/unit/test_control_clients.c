/* SPDX-License-Identifier: MIT */
/* The control socket: hostile clients, many of them, and its own place. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sys/resource.h>

#include "base/varlink.h"
#include "tests/unit/test_control.h"

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

static void control_new__open_directory__eacces(void **state)
{
	struct fixture *f = *state;
	struct control_config config = { f->dirfd, &fake_ops, &f->fake, &f->events };
	struct control *second = NULL;
	struct err err = { 0 };

	assert_int_equal(chmod(f->dir, 0750), 0);
	assert_int_equal(control_new(&second, f->loop, &config, &err), -EACCES);
	assert_non_null(strstr(err.msg, "the pod's run directory has mode 0750 of user "));
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
		T(control_new__open_directory__eacces),
		T(control_new__old_socket_there__replaced),
		T(control_free__answer_just_given__still_read),
	};

	return cmocka_run_group_tests_name("control clients", tests, NULL, NULL);
}
