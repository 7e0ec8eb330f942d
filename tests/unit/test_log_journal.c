/* SPDX-License-Identifier: MIT */
/* supervisor/{journal,log_journal}: protocol, priorities, limits, a journal that is away. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <endian.h>
#include <errno.h>
#include <stdlib.h>

#include "tests/unit/test_journal.h"

static void journal_strip_priority__prefixes__digit_and_rest(void **state)
{
	static const struct {
		const char *line, *text;
		int priority;
	} cases[] = {
		{ "<0>off", "off", 0 },	   { "<7>x", "x", 7 },	   { "<3>", "", 3 },
		{ "<8>x", "<8>x", 6 },	   { "<-1>x", "<-1>x", 6 }, { "<30>x", "<30>x", 6 },
		{ " <3>x", " <3>x", 6 },   { "<3 >x", "<3 >x", 6 }, { "<3", "<3", 6 },
		{ "", "", 6 },		   { "<", "<", 6 },	   { "<>x", "<>x", 6 },
		{ "<4><5>x", "<5>x", 4 },  { "x<3>", "x<3>", 6 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *text = cases[i].line;
		size_t n = strlen(text);

		assert_int_equal(journal_strip_priority(&text, &n, 6), cases[i].priority);
		assert_int_equal(n, strlen(cases[i].text));
		assert_string_equal(text, cases[i].text);
	}
}

static int send_text(struct journal *j, const void *text, size_t n)
{
	const struct journal_entry e = { "A=1\nB=2\n", 8, text, n };

	return journal_send(j, &e);
}

static void journal_send__any_bytes__as_the_protocol_has_them(void **state)
{
	uint64_t size = htole64(5);
	struct bytes got = { 0 };
	struct journald d;
	struct rig rig;

	(void)state;
	rig_init(&rig, LARGE, 1);
	journald_init(&d, &rig);
	assert_int_equal(send_text(&rig.shared.journal, "text", 4), 0);
	assert_true(journald_receive(&d, &got, NULL));
	assert_string_equal(got.p, "A=1\nB=2\nMESSAGE=text\n");
	assert_int_equal(send_text(&rig.shared.journal, "", 0), 0);
	assert_true(journald_receive(&d, &got, NULL));
	assert_string_equal(got.p, "A=1\nB=2\nMESSAGE=\n");
	assert_int_equal(send_text(&rig.shared.journal, "a\0\377=", 4), 0);
	assert_true(journald_receive(&d, &got, NULL));
	assert_int_equal(got.n, 21);
	assert_memory_equal(got.p, "A=1\nB=2\nMESSAGE=a\0\377=\n", 21);
	/* With a newline: its size before it. */
	assert_int_equal(send_text(&rig.shared.journal, "a\n\nb\n", 5), 0);
	assert_true(journald_receive(&d, &got, NULL));
	assert_int_equal(got.n, 30);
	assert_memory_equal(got.p, "A=1\nB=2\nMESSAGE\n", 16);
	assert_memory_equal(got.p + 16, &size, 8);
	assert_memory_equal(got.p + 24, "a\n\nb\n\n", 6);
	assert_false(journald_receive(&d, &got, NULL));
	bytes_done(&got);
	journald_done(&d);
	rig_done(&rig);
}

static void journal_send__over_the_datagram_limit__sealed_memfd(void **state)
{
	const int small = 1;
	struct bytes got = { 0 };
	char text[16384];
	struct journald d;
	struct rig rig;
	int seals;

	(void)state;
	rig_init(&rig, LARGE, 1);
	journald_init(&d, &rig);
	memset(text, 'x', sizeof(text));
	assert_int_equal(send_text(&rig.shared.journal, text, sizeof(text)), 0);
	assert_true(journald_receive(&d, &got, &seals));
	assert_int_equal(seals, 0);
	assert_int_equal(setsockopt(rig.shared.journal.fd, SOL_SOCKET, SO_SNDBUF, &small,
				    sizeof(small)), 0);
	assert_int_equal(send_text(&rig.shared.journal, text, sizeof(text)), 0);
	assert_true(journald_receive(&d, &got, &seals));
	assert_int_equal(seals, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
	assert_int_equal(got.n, 8 + 8 + sizeof(text) + 1);
	assert_memory_equal(got.p, "A=1\nB=2\nMESSAGE=xxx", 19);
	assert_int_equal(got.p[got.n - 1], '\n');
	bytes_done(&got);
	journald_done(&d);
	rig_done(&rig);
}

static void journal_send__socket_gone_and_back__connected_anew(void **state)
{
	struct bytes got = { 0 };
	struct journald d;
	struct rig rig;

	(void)state;
	rig_init(&rig, LARGE, 1);
	journald_init(&d, &rig);
	close_fd(&d.fd);
	assert_int_equal(send_text(&rig.shared.journal, "1", 1), -ECONNREFUSED);
	assert_int_equal(unlink(d.at.sun_path), 0);
	assert_int_equal(send_text(&rig.shared.journal, "2", 1), -ENOENT);
	assert_true(rig.shared.journal.stuck_ns > 0);
	assert_false(journal_wait(&rig.shared.journal, 1000)); /* at once: no queue to wait for */
	journald_listen(&d);
	assert_int_equal(send_text(&rig.shared.journal, "3", 1), 0);
	assert_int_equal(rig.shared.journal.stuck_ns, 0);
	close_fd(&d.fd);
	journald_listen(&d); /* another one: what was for the first is lost with it */
	assert_int_equal(send_text(&rig.shared.journal, "4", 1), 0);
	assert_true(journald_receive(&d, &got, NULL));
	assert_field(&got, "MESSAGE", "4");
	bytes_done(&got);
	journald_done(&d);
	rig_done(&rig);
}

static void journal_send__queue_full__refused_without_waiting(void **state)
{
	struct bytes got = { 0 };
	struct journald d;
	struct rig rig;
	int r = 0, n;

	(void)state;
	rig_init(&rig, LARGE, 1);
	journald_init(&d, &rig);
	for (n = 0; r == 0; n++)
		r = send_text(&rig.shared.journal, "x", 1);
	print_message("%d fit\n", n - 1);
	assert_int_equal(r, -EAGAIN);
	assert_true(rig.shared.journal.fd >= 0);
	assert_false(journal_is_given_up(&rig.shared.journal));
	assert_false(journal_wait(&rig.shared.journal, 1));
	assert_true(journald_receive(&d, &got, NULL));
	assert_true(journal_wait(&rig.shared.journal, 1000));
	rig.shared.journal.stuck_ns -= JOURNAL_PATIENCE_NS;
	assert_true(journal_is_given_up(&rig.shared.journal));
	assert_int_equal(send_text(&rig.shared.journal, "x", 1), 0);
	assert_false(journal_is_given_up(&rig.shared.journal));
	bytes_done(&got);
	journald_done(&d);
	rig_done(&rig);
}

/* ------------------------------------------------------------------- the log */

static void rig_with_journal(struct rig *rig, struct journald *d, struct log *log,
			     enum log_driver driver)
{
	rig_init(rig, LARGE, 1);
	journald_init(d, rig);
	rig->spec.driver = driver;
	assert_int_equal(rig_open(rig, log, NULL), 0);
}

static void rig_end(struct rig *rig, struct journald *d, struct log *log)
{
	log_close(log);
	journald_done(d);
	rig_done(rig);
}

static void expect(struct journald *d, const char *message, const char *priority)
{
	struct bytes got = { 0 };

	assert_true(journald_receive(d, &got, NULL));
	assert_field(&got, "MESSAGE", message);
	assert_field(&got, "PRIORITY", priority);
	bytes_done(&got);
}

static void log__journald__fields_of_pod_container_attempt_and_stream(void **state)
{
	struct bytes got = { 0 };
	struct journald d;
	struct rig rig;
	struct log log;

	(void)state;
	rig_with_journal(&rig, &d, &log, LOG_JOURNALD);
	say(&rig, CRI_STDERR, "<5>told\n");
	pump_all(&log);
	assert_true(journald_receive(&d, &got, NULL));
	assert_field(&got, "MESSAGE", "told");
	assert_field(&got, "PRIORITY", "5");
	assert_field(&got, "PODD_POD", "shop");
	assert_field(&got, "PODD_CONTAINER", "web");
	assert_field(&got, "PODD_ATTEMPT", "1");
	assert_field(&got, "PODD_LINE", "1");
	assert_field(&got, "PODD_STREAM", "stderr");
	assert_field(&got, "CONTAINER_NAME", "shop-web");
	assert_field(&got, "SYSLOG_IDENTIFIER", "shop-web");
	assert_field(&got, "CONTAINER_PARTIAL_MESSAGE", NULL);
	log_attempt(&log, 2);
	say(&rig, CRI_STDOUT, "again\nunended");
	log_drain(&log);
	assert_true(journald_receive(&d, &got, NULL));
	assert_field(&got, "MESSAGE", "again");
	assert_field(&got, "PRIORITY", "6");
	assert_field(&got, "PODD_ATTEMPT", "2");
	assert_field(&got, "PODD_LINE", "2");
	assert_field(&got, "PODD_STREAM", "stdout");
	expect(&d, "unended", "6");
	assert_true(file_of_age(&rig, 0) < 0 && errno == ENOENT);
	bytes_done(&got);
	rig_end(&rig, &d, &log);
}

static void log__line_longer_than_a_piece__marked_with_one_priority(void **state)
{
	struct bytes got = { 0 };
	char text[CRI_TEXT_MAX + 10];
	struct journald d;
	struct rig rig;
	struct log log;

	(void)state;
	rig_with_journal(&rig, &d, &log, LOG_JOURNALD);
	memset(text, 'x', sizeof(text));
	memcpy(text, "<2>", 3);
	memcpy(text + CRI_TEXT_MAX, "<4>\n<4>y\n", 10);
	say(&rig, CRI_STDOUT, text);
	pump_all(&log);
	assert_true(journald_receive(&d, &got, NULL));
	assert_field(&got, "CONTAINER_PARTIAL_MESSAGE", "true");
	assert_field(&got, "PRIORITY", "2");
	assert_int_equal(strlen(field(&got, "MESSAGE")), CRI_TEXT_MAX - 3);
	assert_true(journald_receive(&d, &got, NULL));
	assert_field(&got, "CONTAINER_PARTIAL_MESSAGE", NULL);
	assert_field(&got, "PRIORITY", "2");
	assert_field(&got, "MESSAGE", "<4>");
	expect(&d, "y", "4");
	bytes_done(&got);
	rig_end(&rig, &d, &log);
}

static void log__both__file_has_lines_as_they_came(void **state)
{
	struct journald d;
	struct rig rig;
	struct log log;

	(void)state;
	rig_with_journal(&rig, &d, &log, LOG_BOTH);
	say(&rig, CRI_STDOUT, "<4>one\n\ntwo\n");
	pump_all(&log);
	log_note(&log, "a word");
	assert_stream(&rig, CRI_STDOUT, "<4>one\n\ntwo\n");
	assert_stream(&rig, CRI_STDERR, "podd: a word\n");
	expect(&d, "one", "4");
	expect(&d, "", "6");
	expect(&d, "two", "6");
	expect(&d, "podd: a word", "4");
	rig_end(&rig, &d, &log);
}

static void log_respec__driver_changed__goes_on_there(void **state)
{
	struct journald d;
	struct rig rig;
	struct log log;

	(void)state;
	rig_with_journal(&rig, &d, &log, LOG_FILE);
	say_and_pump(&rig, &log, "file\n");
	rig.spec.driver = LOG_JOURNALD;
	log_respec(&log, "web", "shop", &rig.spec);
	say_and_pump(&rig, &log, "journal\n");
	rig.spec.driver = LOG_PASSTHROUGH; /* from before the restart that this takes */
	log_respec(&log, "web", "shop", &rig.spec);
	say_and_pump(&rig, &log, "late\n");
	expect(&d, "journal", "6");
	assert_stream(&rig, CRI_STDOUT, "file\nlate\n");
	rig_end(&rig, &d, &log);
}

static void log__passthrough__no_file_unless_somebody_writes(void **state)
{
	struct journald d;
	struct rig rig;
	struct log log;

	(void)state;
	rig_with_journal(&rig, &d, &log, LOG_PASSTHROUGH);
	pump_all(&log);
	log_drain(&log);
	assert_true(file_of_age(&rig, 0) < 0 && errno == ENOENT);
	rig_end(&rig, &d, &log);
}

static void say_lines(struct rig *rig, unsigned from, unsigned n)
{
	char line[32];

	for (unsigned i = from; i < from + n; i++) {
		snprintf(line, sizeof(line), "line %u\n", i);
		say(rig, CRI_STDOUT, line);
	}
}

/* Of what was sent: all from line @from on, in order. Return: the next one's number. */
static unsigned take_lines(struct journald *d, unsigned from)
{
	struct bytes got = { 0 };
	char expect[32];

	while (journald_receive(d, &got, NULL)) {
		snprintf(expect, sizeof(expect), "line %u", from);
		assert_field(&got, "MESSAGE", expect);
		snprintf(expect, sizeof(expect), "%u", ++from);
		assert_field(&got, "PODD_LINE", expect);
	}
	bytes_done(&got);
	return from;
}

static void log__journal_slow__lines_wait_and_none_is_lost(void **state)
{
	struct log_next next;
	struct journald d;
	unsigned at = 0;
	struct rig rig;
	struct log log;

	(void)state;
	rig_with_journal(&rig, &d, &log, LOG_BOTH);
	say_lines(&rig, 0, 3000);
	for (int i = 0; i < 3001 && at < 3000; i++) {
		log.flows[CRI_STDOUT].rest_ns = 0;
		next = log_pump(&log, CRI_STDOUT, clock_boottime_ns());
		if (log.flows[CRI_STDOUT].held) {
			assert_false(next.watch);
			assert_int_equal(next.delay_ns, LOG_RETRY_NS);
		}
		at = take_lines(&d, at);
	}
	assert_int_equal(at, 3000);
	assert_int_equal(log_lost(&log).lines, 0);
	rig_end(&rig, &d, &log);
}

/* The application fills its pipe: what it wrote first is dropped, and it does not wait. */
static void log__journal_hangs_and_pipe_fills__dropped_counted_told(void **state)
{
	struct bytes got = { 0 };
	char line[1001];
	struct journald d;
	struct log_lost lost;
	struct rig rig;
	struct log log;
	unsigned taken = 0;
	int n = 0;

	(void)state;
	rig_with_journal(&rig, &d, &log, LOG_JOURNALD);
	assert_int_equal(fcntl(rig.wr[CRI_STDOUT], F_SETFL, O_NONBLOCK), 0);
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\n';
	for (; n < 2000; n++) {
		if (write(rig.wr[CRI_STDOUT], line, sizeof(line)) != (ssize_t)sizeof(line))
			fail_msg("the application waits at line %d", n);
		log.flows[CRI_STDOUT].rest_ns = 0;
		(void)log_pump(&log, CRI_STDOUT, clock_boottime_ns());
	}
	lost = log_lost(&log);
	assert_true(lost.lines > 1000 && lost.journal);
	assert_int_equal(lost.bytes, lost.lines * sizeof(line));
	assert_int_equal(lost.why, EAGAIN);
	while (journald_receive(&d, &got, NULL))
		taken++;
	log_drain(&log);
	assert_true(journald_receive(&d, &got, NULL));
	snprintf(line, sizeof(line), "podd: dropped %llu lines (%llu bytes): %s",
		 (unsigned long long)lost.lines, (unsigned long long)lost.bytes, strerror(EAGAIN));
	assert_field(&got, "MESSAGE", line);
	assert_field(&got, "PRIORITY", "4");
	do
		taken++;
	while (journald_receive(&d, &got, NULL));
	/* Each is there or counted; what the drain could not send too. */
	assert_int_equal(taken - 1 + log_lost(&log).lines, 2000);
	bytes_done(&got);
	rig_end(&rig, &d, &log);
}

static void log__no_journal_for_long__dropped_at_once_and_told_when_back(void **state)
{
	struct journald d;
	struct rig rig;
	struct log log;

	(void)state;
	rig_with_journal(&rig, &d, &log, LOG_BOTH);
	close_fd(&d.fd);
	say_and_pump(&rig, &log, "held\n");
	assert_true(log.flows[CRI_STDOUT].held);
	assert_stream(&rig, CRI_STDOUT, "");
	rig.shared.journal.stuck_ns -= JOURNAL_PATIENCE_NS;
	(void)log_pump(&log, CRI_STDOUT, clock_boottime_ns() + LOG_REST_NS);
	assert_false(log.flows[CRI_STDOUT].held);
	say_and_pump(&rig, &log, "dropped\n");
	assert_false(log.flows[CRI_STDOUT].held);
	assert_int_equal(log_lost(&log).lines, 2);
	assert_int_equal(log_lost(&log).bytes, 13);
	assert_string_equal(log_lost_reason(&(struct log_lost){ .why = log_lost(&log).why,
								.journal = true }),
			    strerror(ECONNREFUSED));
	journald_listen(&d);
	say_and_pump(&rig, &log, "back\n");
	expect(&d, "podd: dropped 2 lines (13 bytes): Connection refused", "4");
	expect(&d, "back", "6");
	assert_int_equal(log_lost(&log).why, 0);
	assert_int_equal(log_lost(&log).lines, 2);
	assert_stream(&rig, CRI_STDOUT, "held\ndropped\nback\n");
	rig_end(&rig, &d, &log);
}

/* Of which a host that has just booted has had one already. */
#define MINUTE_NS (60 * NSEC_PER_SEC)

static void log__rate_limit__rest_dropped_and_told_after_the_interval(void **state)
{
	struct log_next next;
	struct journald d;
	struct rig rig;
	struct log log;

	(void)state;
	rig_init(&rig, LARGE, 1);
	journald_init(&d, &rig);
	rig.spec = (struct log_spec){ LARGE, 1, LOG_BOTH, MINUTE_NS, 3 };
	assert_int_equal(rig_open(&rig, &log, NULL), 0);
	say_and_pump(&rig, &log, "1\n2\n3\n4\n55\n");
	assert_stream(&rig, CRI_STDOUT, "1\n2\n3\n4\n55\n");
	expect(&d, "1", "6");
	expect(&d, "2", "6");
	expect(&d, "3", "6");
	assert_false(journald_receive(&d, &(struct bytes){ 0 }, NULL));
	assert_string_equal(
		log_lost_reason(&(struct log_lost){ .why = log_lost(&log).why,
						    .journal = log_lost(&log).journal }),
		"LogRateLimitBurst=");
	/* Nobody writes any more: a timer tells it. */
	log.flows[CRI_STDOUT].rest_ns = 0;
	next = log_pump(&log, CRI_STDOUT, clock_boottime_ns());
	assert_true(next.watch);
	assert_true(next.delay_ns > 20 * NSEC_PER_SEC && next.delay_ns <= MINUTE_NS);
	/* The next podd goes by the same interval, and another one begins. */
	log_close(&log);
	assert_int_equal(rig_open(&rig, &log, NULL), 0);
	log.buffer.now_journal.window_ns -= MINUTE_NS;
	(void)log_pump(&log, CRI_STDOUT, clock_boottime_ns());
	expect(&d, "podd: dropped 2 lines (5 bytes): LogRateLimitBurst=", "4");
	say_and_pump(&rig, &log, "6\n7\n8\n9\n");
	expect(&d, "6", "6");
	expect(&d, "7", "6");
	expect(&d, "8", "6");
	log_drain(&log); /* the container ended: told now, though none may be sent */
	expect(&d, "podd: dropped 1 lines (2 bytes): LogRateLimitBurst=", "4");
	rig_end(&rig, &d, &log);
}

static void log__rate_limit_0__none(void **state)
{
	struct journald d;
	struct rig rig;
	struct log log;

	(void)state;
	rig_init(&rig, LARGE, 1);
	journald_init(&d, &rig);
	rig.spec = (struct log_spec){ LARGE, 1, LOG_JOURNALD, 3600 * NSEC_PER_SEC, 0 };
	assert_int_equal(rig_open(&rig, &log, NULL), 0);
	say_and_pump(&rig, &log, "line 0\nline 1\nline 2\n");
	assert_int_equal(take_lines(&d, 0), 3);
	rig_end(&rig, &d, &log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(journal_strip_priority__prefixes__digit_and_rest),
		cmocka_unit_test(journal_send__any_bytes__as_the_protocol_has_them),
		cmocka_unit_test(journal_send__over_the_datagram_limit__sealed_memfd),
		cmocka_unit_test(journal_send__socket_gone_and_back__connected_anew),
		cmocka_unit_test(journal_send__queue_full__refused_without_waiting),
		cmocka_unit_test(log__journald__fields_of_pod_container_attempt_and_stream),
		cmocka_unit_test(log__line_longer_than_a_piece__marked_with_one_priority),
		cmocka_unit_test(log__both__file_has_lines_as_they_came),
		cmocka_unit_test(log_respec__driver_changed__goes_on_there),
		cmocka_unit_test(log__passthrough__no_file_unless_somebody_writes),
		cmocka_unit_test(log__journal_slow__lines_wait_and_none_is_lost),
		cmocka_unit_test(log__journal_hangs_and_pipe_fills__dropped_counted_told),
		cmocka_unit_test(log__no_journal_for_long__dropped_at_once_and_told_when_back),
		cmocka_unit_test(log__rate_limit__rest_dropped_and_told_after_the_interval),
		cmocka_unit_test(log__rate_limit_0__none),
	};

	return cmocka_run_group_tests_name("log_journal", tests, NULL, NULL);
}
