/* SPDX-License-Identifier: MIT */
/* The control socket: good clients, and what podd holds for them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>

#include "base/varlink.h"
#include "tests/unit/test_control.h"
#include "version.h"

static void get_info__any_client__describes_itself(void **state)
{
	static const char *const methods[] = { "Status", "Inspect", "Stop", "Restart", "Pause",
					       "Unpause", "Kill", "Exec", "Events" };
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

static void pause__one_and_all__answered_when_frozen(void **state)
{
	struct fixture *f = *state;
	int web = client(f), all = client(f);

	say(f, web, CALLP("Pause", "{\"container\":\"web\"}"));
	assert_string_equal(f->fake.container, "web");
	say(f, all, CALL("Pause"));
	assert_string_equal(f->fake.container, "(all)");
	assert_hears(web, "");
	control_finish(f->control, CONTROL_WAIT_RESTART, "web", NULL);
	assert_hears(web, "");
	control_finish(f->control, CONTROL_WAIT_PAUSE, "web", NULL);
	assert_hears(web, "{}");
	assert_hears(all, "");
	control_finish(f->control, CONTROL_WAIT_PAUSE, NULL, NULL);
	assert_hears(all, "{}");
	say(f, web, CALLP("Unpause", "{\"container\":\"web\"}"));
	assert_hears(web, "{}");
	say(f, all, CALL("Unpause"));
	assert_hears(all, "{\"error\":\"io.podd.Pod.Failed\",\"parameters\":"
			  "{\"errno\":3,\"message\":\"no container of pod 'web' is running\"}}");
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

static void exec__no_container_named_of_two__both_are_told(void **state)
{
	struct fixture *f = *state;
	int sock = client(f);

	say(f, sock, MOREP("Exec", "{\"argv\":[\"sh\"],\"tty\":true}"));
	assert_hears(sock,
		     "{\"error\":\"io.podd.Pod.Failed\",\"parameters\":{\"errno\":22,"
		     "\"message\":\"one of its containers has to be named: 'web', 'cache'\"}}");
	assert_int_equal(f->fake.execs, 0);
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
		T(pause__one_and_all__answered_when_frozen),
		T(kill__oneway__done_without_a_word),
		T(kill__misspelt_container__nearest_is_told),
		T(call__wrong_parameter__named_and_not_acted_on),
		T(exec__without_tty__has_the_clients_descriptors),
		T(exec__killed_by_signal__signal_is_told),
		T(exec__fewer_than_three_descriptors__refused),
		T(exec__ends_at_once__both_replies_in_order),
		T(exec__not_found__errno_is_told),
		T(exec__with_tty__master_comes_with_the_first_reply),
		T(exec__no_container_named_of_two__both_are_told),
		T(exec__client_gone__supervisor_is_told),
		T(events__no_follow__kept_ones_and_an_end),
		T(events__follow__new_ones_come),
		T(events__follower_never_reads__gap_and_no_growth),
	};

	return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
