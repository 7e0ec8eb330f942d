/* SPDX-License-Identifier: MIT */
/* base/varlink, base/json, base/nearest, base/paths: what the two ends share. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/nearest.h"
#include "base/paths.h"
#include "base/varlink.h"

#undef NDEBUG /* the target's checks are asserts */
#include "tests/fuzz/fuzz_varlink.c"

struct pair {
	int a, b; /* we write to a and read at b, which does not block */
	struct varlink_input in;
	struct err err;
};

static void open_pair(struct pair *p)
{
	int s[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, s), 0);
	*p = (struct pair){ .a = s[0], .b = s[1] };
}

static void close_pair(struct pair *p)
{
	varlink_input_done(&p->in);
	close_fd(&p->a);
	close_fd(&p->b);
}

static ssize_t feed(struct pair *p, const void *bytes, size_t n)
{
	assert_int_equal(send(p->a, bytes, n, 0), n);
	return varlink_input_read(&p->in, p->b, &p->err);
}

/* The next message as text, "" for none yet; NULL: refused. */
static const char *next(struct pair *p)
{
	static char text[256];
	json_t *message;
	size_t n;

	if (varlink_input_next(&p->in, &message, &p->err) < 0)
		return NULL;
	n = message ? json_dumpb(message, text, sizeof(text) - 1, JSON_COMPACT) : 0;
	text[n] = '\0';
	json_decref(message);
	return text;
}

static void input__split_anywhere__same_message(void **state)
{
	static const char bytes[] = "{\"a\":\"b\"}\0{\"c\":[1,2]}";
	struct pair p;

	(void)state;
	for (size_t cut = 1; cut < sizeof(bytes); cut++) {
		unsigned seen = 0;

		open_pair(&p);
		for (size_t part = 0; part < 2; part++) {
			const char *from = part ? bytes + cut : bytes, *text;
			size_t n = part ? sizeof(bytes) - cut : cut;

			assert_int_equal(feed(&p, from, n), n);
			while (*(text = next(&p)))
				assert_string_equal(text,
						    seen++ ? "{\"c\":[1,2]}" : "{\"a\":\"b\"}");
		}
		assert_int_equal(seen, 2);
		assert_null(p.in.data); /* drained: nothing is held */
		close_pair(&p);
	}
}

static void input__end_of_stream__zero(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p);
	assert_int_equal(varlink_input_read(&p.in, p.b, &p.err), -EAGAIN);
	assert_int_equal(feed(&p, "{", 1), 1);
	close_fd(&p.a);
	assert_int_equal(varlink_input_read(&p.in, p.b, &p.err), 0);
	assert_string_equal(next(&p), "");
	close_pair(&p);
}

static void input__bad_message__refused_with_reason(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *reason;
	} bad[] = {
#define BAD(text, reason) { text, sizeof(text), reason }
		BAD("", "bad JSON at byte 0: "),
		BAD("7", "bad JSON at byte 1: "),
		BAD("[1]", "message is no JSON object"),
		BAD("{\"a\":1}x", "end of file expected"),
		BAD("{\"a\":1,\"a\":2}", "duplicate object key"),
		BAD("{\"a\":\"\\u0000\"}", "\\u0000 is not allowed"),
		BAD("{\"a\":\"\xff\"}", "unable to decode byte 0xff"),
		BAD("{\"a\":\"\xc0\xaf\"}", "unable to decode byte 0xc0"),
		BAD("{\"a\":\"\xed\xa0\x80\"}", "unable to decode byte 0xed"),
		BAD("{\"a\":1e999}", "real number overflow"),
		BAD("{\"a\":99999999999999999999}", "too big integer"),
	};
	struct pair p;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		open_pair(&p);
		assert_int_equal(feed(&p, bad[i].bytes, bad[i].n), bad[i].n);
		assert_null(next(&p));
		assert_int_equal(p.err.code, EBADMSG);
		assert_non_null(strstr(p.err.msg, bad[i].reason)); /* the rest is jansson's */
		close_pair(&p);
	}
}

static void input__nul_inside_a_message__two_broken_halves(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p);
	feed(&p, "{\"a\":\0\"b\"}", 11);
	assert_null(next(&p));
	assert_null(next(&p));
	close_pair(&p);
}

static void json__nesting__bounded(void **state)
{
	char text[2 * (JSON_TEXT_DEPTH_MAX + 1) + 1];
	struct err err = { 0 };
	json_t *v = NULL;

	(void)state;
	for (int depth = JSON_TEXT_DEPTH_MAX; depth <= JSON_TEXT_DEPTH_MAX + 1; depth++) {
		memset(text, '[', (size_t)depth);
		memset(text + depth, ']', (size_t)depth);
		if (depth > JSON_TEXT_DEPTH_MAX) {
			assert_int_equal(json_text_parse(&v, text, 2 * (size_t)depth, &err),
					 -EBADMSG);
			assert_string_equal(err.msg, "JSON nested deeper than 32 levels");
		} else {
			assert_int_equal(json_text_parse(&v, text, 2 * (size_t)depth, &err), 0);
			json_decref(v);
		}
	}
	/* Brackets in strings do not count, nor does an escaped quote end one. */
	memset(text, '[', sizeof(text));
	memcpy(text, "[\"\\\"", 4);
	memcpy(text + sizeof(text) - 2, "\"]", 2);
	assert_int_equal(json_text_parse(&v, text, sizeof(text), &err), 0);
	json_decref(v);
}

static void json_text_string__not_utf8__question_marks(void **state)
{
	json_t *v = json_text_string("caf\xc3\xa9");

	(void)state;
	assert_string_equal(json_string_value(v), "caf\xc3\xa9");
	json_decref(v);
	v = json_text_string("cut \xc3");
	assert_string_equal(json_string_value(v), "cut ?");
	json_decref(v);
}

static void input__largest_message__whole_and_one_more_refused(void **state)
{
	static char text[VARLINK_MESSAGE_MAX + 2];
	struct pair p;

	(void)state;
	for (size_t over = 0; over < 2; over++) {
		size_t n = VARLINK_MESSAGE_MAX + over + 1, sent = 0;
		ssize_t r = 1;

		memset(text, ' ', sizeof(text));
		memcpy(text, "{}", 2);
		text[n - 1] = '\0';
		open_pair(&p);
		while (r > 0 && sent < n) {
			ssize_t w = send(p.a, text + sent, n - sent < 4096 ? n - sent : 4096, 0);

			assert_true(w > 0);
			sent += (size_t)w;
			do {
				r = varlink_input_read(&p.in, p.b, &p.err);
				if (p.in.end < VARLINK_MESSAGE_MAX)
					assert_string_equal(next(&p), "");
			} while (r > 0);
			r = r == -EAGAIN ? 1 : r;
		}
		if (over) {
			assert_int_equal(r, -EMSGSIZE);
			assert_string_equal(p.err.msg, "message larger than 262144 bytes");
		} else {
			assert_string_equal(next(&p), "{}");
		}
		close_pair(&p);
	}
}

static void output__reader_is_slow__rest_is_kept_and_sent_later(void **state)
{
	struct varlink_output out = { 0 };
	json_t *big = json_pack("{s:o}", "a", json_stringn("", 0)), *got = NULL;
	static char letters[200 * 1024];
	int size = 4096;
	struct pair p;

	(void)state;
	memset(letters, 'x', sizeof(letters) - 1);
	json_object_set_new(big, "a", json_string(letters));
	open_pair(&p);
	assert_int_equal(setsockopt(p.a, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
	assert_int_equal(varlink_output_put(&out, big, &p.err), 0);
	assert_int_equal(varlink_output_send(&out, p.a, &p.err), 0);
	assert_true(varlink_output_pending(&out));
	while (!got) {
		assert_int_equal(varlink_input_next(&p.in, &got, &p.err), 0);
		if (!got)
			assert_true(varlink_input_read(&p.in, p.b, &p.err) > 0);
		assert_int_equal(varlink_output_send(&out, p.a, &p.err), 0);
	}
	assert_false(varlink_output_pending(&out));
	assert_null(out.data);
	assert_true(json_equal(big, got));
	json_decref(big);
	json_decref(got);
	close_pair(&p);
}

static void output__too_large__refused_and_nothing_appended(void **state)
{
	static char letters[VARLINK_MESSAGE_MAX];
	struct varlink_output out = { 0 };
	struct err err = { 0 };
	json_t *big;

	(void)state;
	memset(letters, 'x', sizeof(letters) - 1);
	big = json_pack("{s:s}", "a", letters);
	assert_int_equal(varlink_output_put(&out, big, &err), -EMSGSIZE);
	assert_string_equal(err.msg, "message larger than 262144 bytes");
	assert_false(varlink_output_pending(&out));
	json_decref(big);
	varlink_output_done(&out);
}

static void output__peer_gone__epipe_without_a_signal(void **state)
{
	struct varlink_output out = { 0 };
	json_t *empty = json_object();
	struct pair p;

	(void)state;
	open_pair(&p);
	close_fd(&p.b);
	assert_int_equal(varlink_output_put(&out, empty, &p.err), 0);
	assert_int_equal(varlink_output_send(&out, p.a, &p.err), -EPIPE);
	assert_string_equal(p.err.msg, "send message: Broken pipe");
	varlink_output_done(&out);
	json_decref(empty);
	close_pair(&p);
}

static void call_read__members__strict(void **state)
{
	struct varlink_call call;
	struct err err = { 0 };
	json_t *m =
		json_loads("{\"method\":\"a.B\",\"parameters\":{\"x\":1},\"more\":true}", 0, NULL);

	(void)state;
	assert_int_equal(varlink_call_read(&call, m, &err), 0);
	assert_string_equal(call.method, "a.B");
	assert_int_equal(json_object_size(call.parameters), 1);
	assert_true(call.more);
	assert_false(call.oneway);
	json_decref(m);
	m = json_loads("{\"method\":\"a.B\",\"parameters\":null}", 0, NULL);
	assert_int_equal(varlink_call_read(&call, m, &err), 0);
	assert_null(call.parameters);
	json_decref(m);
	m = json_loads("{\"method\":7}", 0, NULL);
	assert_int_equal(varlink_call_read(&call, m, &err), -EBADMSG);
	assert_string_equal(err.msg, "bad call: Expected string, got integer");
	json_decref(m);
}

static void reply_read__members__strict(void **state)
{
	struct varlink_reply reply;
	struct err err = { 0 };
	json_t *m = json_loads("{\"error\":\"a.B\",\"parameters\":{},\"continues\":true}", 0, NULL);

	(void)state;
	assert_int_equal(varlink_reply_read(&reply, m, &err), 0);
	assert_string_equal(reply.error, "a.B");
	assert_true(reply.continues);
	json_decref(m);
	m = json_loads("{\"parameters\":1}", 0, NULL);
	assert_int_equal(varlink_reply_read(&reply, m, &err), -EBADMSG);
	assert_string_equal(err.msg, "bad reply: parameters are no object");
	json_decref(m);
}

static void nearest__words__what_was_meant(void **state)
{
	static const char *const known[] = { "web", "cache", "database", "a", "b" };
	static const struct {
		const char *word, *found;
	} cases[] = {
		{ "wbe", "web" },   { "cahce", "cache" }, { "datbase", "database" },
		{ "we", "web" },    { "zzz", NULL },	  { "", NULL },
		{ "c", NULL },	    { "Web", "web" },	  { "cachecachecache", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct nearest n = { .word = cases[i].word };

		for (size_t j = 0; j < ARRAY_SIZE(known); j++)
			nearest_try(&n, known[j]);
		if (cases[i].found)
			assert_string_equal(n.found, cases[i].found);
		else
			assert_null(n.found);
	}
}

static void paths__create_and_find__modes_and_tag(void **state)
{
	char root[] = "/tmp/podd-test-XXXXXX", link[80];
	struct paths made, found;
	struct err err = { 0 };
	struct stat st;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_non_null(mkdtemp(root));
	assert_int_equal(paths_open(&found, root, PATHS_FIND, &err), 0);
	assert_int_equal(found.run, -EBADF);
	paths_close(&found);
	assert_int_equal(paths_open(&made, root, PATHS_CREATE, &err), 0);
	assert_int_equal(made.etc, -EBADF); /* never made */
	assert_int_equal(fstat(made.run, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(fstat(made.lib, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(strlen(made.tag), 8);
	assert_string_equal(made.root, root);
	/* Another way to the same place is the same root. */
	snprintf(link, sizeof(link), "%s/../%s/", root, root + 5);
	assert_int_equal(paths_open(&found, link, PATHS_FIND, &err), 0);
	assert_string_equal(found.tag, made.tag);
	assert_true(found.run >= 0);
	paths_close(&found);
	/* What others may write to is refused. */
	assert_int_equal(fchmodat(made.run, ".", 0770, 0), 0);
	paths_close(&made);
	assert_int_equal(paths_open(&made, root, PATHS_CREATE, &err), -EPERM);
	snprintf(link, sizeof(link), "directory '%s/run/podd' can be written by others", root);
	assert_string_equal(err.msg, link);
	assert_int_equal(io_remove_tree(AT_FDCWD, root, &err), 0);
}

static void paths__default_and_missing_root__told(void **state)
{
	struct paths p;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(paths_open(&p, NULL, PATHS_FIND, &err), 0);
	assert_string_equal(p.tag, "");
	assert_string_equal(p.root, "");
	paths_close(&p);
	assert_int_equal(paths_open(&p, "/no/such/root", PATHS_FIND, &err), -ENOENT);
	assert_string_equal(err.msg, "root directory '/no/such/root': No such file or directory");
}

static void corpus__each_file__no_check_fails(void **state)
{
	DIR *dir = opendir("tests/fuzz/corpus/varlink");
	struct dirent *d;
	int files = 0;

	(void)state;
	assert_non_null(dir);
	while ((d = readdir(dir))) {
		struct err err;
		char bytes[4096];
		ssize_t n;

		if (d->d_name[0] == '.')
			continue;
		n = io_read_file(dirfd(dir), d->d_name, bytes, sizeof(bytes), &err);
		if (n < 0)
			fail_msg("%s", err.msg);
		for (ssize_t cut = 0; cut <= n; cut++)
			LLVMFuzzerTestOneInput((uint8_t *)bytes, (size_t)cut);
		files++;
	}
	closedir(dir);
	assert_true(files >= 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(input__split_anywhere__same_message),
		cmocka_unit_test(input__end_of_stream__zero),
		cmocka_unit_test(input__bad_message__refused_with_reason),
		cmocka_unit_test(input__nul_inside_a_message__two_broken_halves),
		cmocka_unit_test(json__nesting__bounded),
		cmocka_unit_test(json_text_string__not_utf8__question_marks),
		cmocka_unit_test(input__largest_message__whole_and_one_more_refused),
		cmocka_unit_test(output__reader_is_slow__rest_is_kept_and_sent_later),
		cmocka_unit_test(output__too_large__refused_and_nothing_appended),
		cmocka_unit_test(output__peer_gone__epipe_without_a_signal),
		cmocka_unit_test(call_read__members__strict),
		cmocka_unit_test(reply_read__members__strict),
		cmocka_unit_test(nearest__words__what_was_meant),
		cmocka_unit_test(paths__create_and_find__modes_and_tag),
		cmocka_unit_test(paths__default_and_missing_root__told),
		cmocka_unit_test(corpus__each_file__no_check_fails),
	};

	return cmocka_run_group_tests_name("varlink", tests, NULL, NULL);
}
