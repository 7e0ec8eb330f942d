/* SPDX-License-Identifier: MIT */
/* supervisor/log: killed between any two steps, or at any moment, nothing lost, doubled, torn. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* How many steps are left to live; below 0: for ever. */
static long steps_left = -1;
static long steps_taken;

static void log_step(void)
{
	steps_taken++;
	if (steps_left >= 0 && steps_left-- == 0)
		kill(getpid(), SIGKILL);
}

/* The pump once more, with the kills compiled in. */
#define LOG_STEP() log_step()
#include "supervisor/log_buffer.c"
#include "supervisor/log_file.c"
#include "supervisor/log.c"
#include "tests/unit/test_journal.h"

/* One podd after the other; each is a child of the test, which plays the pause. */

static void run_podd(struct rig *rig, bool drain)
{
	struct log log;

	if (rig_open(rig, &log, NULL) < 0)
		_exit(2);
	pump_all(&log);
	if (drain)
		log_drain(&log);
	_exit(0);
}

/* Return: whether it was killed on its way; its last step is to be at @steps. */
static bool podd_killed_at(struct rig *rig, long steps, bool drain)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		steps_left = steps;
		run_podd(rig, drain);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status)) {
		assert_int_equal(WTERMSIG(status), SIGKILL);
		return true;
	}
	assert_int_equal(status, 0);
	return false;
}

/* What somebody who follows the log has seen of a file: its whole lines. */
struct seen {
	ino_t ino;
	struct bytes text;
};

static void look(struct rig *rig, unsigned age, struct seen *out)
{
	int fd = file_of_age(rig, age);
	struct stat st;

	*out = (struct seen){ 0 };
	if (fd < 0)
		return;
	assert_int_equal(fstat(fd, &st), 0);
	out->ino = st.st_ino;
	read_whole(fd, &out->text);
	out->text.n = whole_records(out->text.p, out->text.n);
	close(fd);
}

/* It must not have been taken back. */
static void assert_still_there(struct rig *rig, struct seen *seen)
{
	for (unsigned age = 0; age < 40 && seen->ino; age++) {
		struct seen now;

		look(rig, age, &now);
		if (now.ino == seen->ino) {
			assert_true(now.text.n >= seen->text.n);
			if (seen->text.n)
				assert_memory_equal(now.text.p, seen->text.p, seen->text.n);
			seen->ino = 0;
		}
		bytes_done(&now.text);
	}
	assert_int_equal(seen->ino, 0);
	bytes_done(&seen->text);
}

/* Lines of all kinds; too much for one read and for one file, little enough for the pipe. */
static void write_input(struct rig *rig, struct bytes input[CRI_STREAMS])
{
	static char zeros[3000];
	char line[64];

	for (int s = 0; s < CRI_STREAMS; s++) {
		struct bytes *b = &input[s];

		/* What a careless guard, or free space, would be taken for. */
		bytes_add(b, s == CRI_STDERR ? zeros : "\377\377", 2);
		for (int i = 0; i < 40; i++) {
			bytes_add(b, line, (size_t)snprintf(line, sizeof(line), "%d line\n", i));
			bytes_add(b, zeros, (size_t)i * 60);
			bytes_add(b, "\n", 1);
		}
		for (int i = 0; i < 130000; i++)
			bytes_add(b, &"abcdefg"[i % 7], 1);
		bytes_add(b, "\nlast\n", 6);
		bytes_add(b, zeros, 100);
		bytes_add(b, "\n", 1);
		assert_int_equal(write(rig->wr[s], b->p, b->n), b->n);
	}
}

static void kill_twice(long first, long second, uint64_t max_bytes, unsigned max_files,
		       bool *killed)
{
	struct bytes input[CRI_STREAMS] = { 0 };
	struct seen seen;
	struct rig rig;

	rig_init(&rig, max_bytes, max_files);
	write_input(&rig, input);
	*killed = podd_killed_at(&rig, first, false);
	if (second >= 0)
		(void)podd_killed_at(&rig, second, true);
	look(&rig, 0, &seen);
	assert_false(podd_killed_at(&rig, -1, true));
	assert_still_there(&rig, &seen);
	for (int s = 0; s < CRI_STREAMS; s++) {
		assert_stream_bytes(&rig, s, input[s].p, input[s].n);
		bytes_done(&input[s]);
	}
	rig_done(&rig);
}

static void podd_killed__at_each_step__nothing_lost_doubled_or_torn(void **state)
{
	bool killed = true;
	long step;

	(void)state;
	for (step = 0; killed; step++)
		kill_twice(step, -1, 30000, 30, &killed);
	print_message("%ld steps\n", step);
	assert_true(step > 100);
}

static void podd_killed__at_each_step_and_its_heir_too__nothing_lost(void **state)
{
	bool killed = true;
	long step;

	(void)state;
	for (step = 0; killed; step++)
		kill_twice(step, step * 5 % 29, 30000, 30, &killed);
}

/* Rotation alone: a file for each line, so that the kills fall among the renames. */
static void podd_killed__while_rotating__newest_files_kept_in_order(void **state)
{
	bool killed = true;

	(void)state;
	for (unsigned max_files = 1; max_files <= 4; max_files++, killed = true) {
		for (long step = 0; killed; step++) {
			char expect[64] = "";
			struct rig rig;

			rig_init(&rig, CRI_HEAD_SIZE + 2, max_files);
			say(&rig, CRI_STDOUT, "1\n2\n3\n4\n5\n6\n7\n");
			killed = podd_killed_at(&rig, step, true);
			(void)podd_killed_at(&rig, step / 2, true);
			assert_false(podd_killed_at(&rig, -1, true));
			for (unsigned i = 8 - max_files; i <= 7; i++)
				snprintf(expect + strlen(expect), 8, "%u\n", i);
			assert_stream(&rig, CRI_STDOUT, expect);
			rig_done(&rig);
		}
	}
}

/* ---------------------------------------------------------------- the journal */

/*
 * What has come to journald, checked as it comes: the lines in their order, none
 * missing, and one that comes again is the last one, with the same number.
 */
struct arrived {
	struct journald d;
	unsigned next; /* line */
	unsigned again;
};

static void receive_all(struct arrived *a)
{
	struct bytes got = { 0 };
	char expect[32];

	while (journald_receive(&a->d, &got, NULL)) {
		const char *number = field(&got, "PODD_LINE");

		assert_non_null(number);
		if (a->next && strtoul(number, NULL, 10) == a->next) {
			a->next--;
			a->again++;
		}
		snprintf(expect, sizeof(expect), "%u", a->next + 1);
		assert_field(&got, "PODD_LINE", expect);
		snprintf(expect, sizeof(expect), "line %u", a->next++);
		assert_field(&got, "MESSAGE", expect);
	}
	bytes_done(&got);
}

/* As podd_killed_at(), with journald at work. */
static bool killed_beside_journald(struct rig *rig, struct arrived *a, long steps)
{
	pid_t pid = fork();
	struct pollfd fds[2];
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		steps_left = steps;
		run_podd(rig, true);
	}
	fds[0] = (struct pollfd){ a->d.fd, POLLIN, 0 };
	fds[1] = (struct pollfd){ (int)syscall(SYS_pidfd_open, pid, 0), POLLIN, 0 };
	assert_true(fds[1].fd >= 0);
	do {
		assert_true(poll(fds, 2, -1) > 0);
		receive_all(a);
	} while (!fds[1].revents);
	close(fds[1].fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	receive_all(a);
	assert_true(WIFSIGNALED(status) || status == 0);
	return WIFSIGNALED(status);
}

#define JOURNAL_LINES 40 /* more than a socket queues */

static void kill_beside_journald(enum log_driver driver, long first, long second, unsigned *again,
				 bool *killed)
{
	struct bytes all = { 0 };
	struct arrived a = { 0 };
	char line[32];
	struct rig rig;

	rig_init(&rig, LARGE, 1);
	journald_init(&a.d, &rig);
	rig.spec.driver = driver;
	for (int i = 0; i < JOURNAL_LINES; i++)
		bytes_add(&all, line, (size_t)snprintf(line, sizeof(line), "line %d\n", i));
	all.n -= 1; /* the last one has no newline */
	assert_int_equal(write(rig.wr[CRI_STDOUT], all.p, all.n), all.n);
	*killed = killed_beside_journald(&rig, &a, first);
	if (second >= 0)
		(void)killed_beside_journald(&rig, &a, second);
	assert_false(killed_beside_journald(&rig, &a, -1));
	assert_int_equal(a.next, JOURNAL_LINES);
	assert_true(a.again <= (unsigned)*killed + (second >= 0));
	*again += a.again;
	if (driver == LOG_BOTH)
		assert_stream_bytes(&rig, CRI_STDOUT, all.p, all.n + 1); /* \n: still there */
	journald_done(&a.d);
	bytes_done(&all);
	rig_done(&rig);
}

static void podd_killed__at_each_step_to_the_journal__one_entry_twice_at_most(void **state)
{
	static const enum log_driver drivers[] = { LOG_JOURNALD, LOG_BOTH };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
		unsigned again = 0;
		bool killed = true;
		long step;

		for (step = 0; killed; step++)
			kill_beside_journald(drivers[i], step, step % 3 ? step * 7 % 31 : -1,
					     &again, &killed);
		print_message("%ld steps, %u entries twice\n", step, again);
		assert_true(step > JOURNAL_LINES && again > 0);
	}
}

#define KILLS 300

static void podd_killed__at_random_moments_of_a_flood__every_line_once(void **state)
{
	struct writer *w =
		mmap(NULL, sizeof(*w), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int in = inotify_init1(IN_CLOEXEC), status;
	unsigned random = 12345;
	pid_t writer, podd;
	struct rig rig;

	(void)state;
	assert_true(w != MAP_FAILED && in >= 0);
	rig_init(&rig, 50000, 2000);
	assert_true(inotify_add_watch(in, rig.path, IN_MODIFY | IN_MOVE) >= 0);
	writer = fork();
	assert_true(writer >= 0);
	if (writer == 0)
		flood_until_told(&rig, w);
	for (int i = 0; i < KILLS; i++) {
		podd = fork();
		assert_true(podd >= 0);
		if (podd == 0)
			pump_for_ever(&rig);
		random = random * 1103515245 + 12345;
		wait_for_writes(in, 1 + (int)(random >> 16) % 8);
		spin((random >> 20) % 20000); /* away from the event that woke us */
		kill(podd, SIGKILL);
		assert_int_equal(waitpid(podd, &status, 0), podd);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
	__atomic_store_n(&w->stop, true, __ATOMIC_RELEASE);
	podd = fork();
	if (podd == 0)
		pump_for_ever(&rig); /* until the writer has got rid of its last line */
	assert_int_equal(waitpid(writer, &status, 0), writer);
	assert_int_equal(status, 0);
	kill(podd, SIGKILL);
	assert_int_equal(waitpid(podd, &status, 0), podd);
	assert_false(podd_killed_at(&rig, -1, true));

	for (int s = 0; s < CRI_STREAMS; s++) {
		struct bytes all = { 0 };

		for (unsigned i = 0; i < w->lines[s]; i++)
			numbered_line(&all, s, i);
		print_message("stream %d: %u lines, %zu bytes\n", s, w->lines[s], all.n);
		assert_true(w->lines[s] > KILLS);
		assert_stream_bytes(&rig, s, all.p, all.n);
		bytes_done(&all);
	}
	close(in);
	munmap(w, sizeof(*w));
	rig_done(&rig);
}

static void log_buffer_commit__state_that_counted__untouched(void **state)
{
	struct log_buffer b;
	struct rig rig;

	(void)state;
	rig_init(&rig, 50000, 1);
	assert_int_equal(log_buffer_open(&b, rig.buffer_fd, NULL), 0);
	for (uint64_t i = 1; i < 5; i++) {
		b.now.file_bytes = i;
		log_buffer_commit(&b);
		assert_int_equal(b.page->states[b.page->current].file_bytes, i);
		assert_int_equal(b.page->states[!b.page->current].file_bytes, i - 1);
	}
	log_buffer_close(&b);
	rig_done(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(log_buffer_commit__state_that_counted__untouched),
		cmocka_unit_test(podd_killed__at_each_step__nothing_lost_doubled_or_torn),
		cmocka_unit_test(podd_killed__at_each_step_and_its_heir_too__nothing_lost),
		cmocka_unit_test(podd_killed__while_rotating__newest_files_kept_in_order),
		cmocka_unit_test(podd_killed__at_each_step_to_the_journal__one_entry_twice_at_most),
		cmocka_unit_test(podd_killed__at_random_moments_of_a_flood__every_line_once),
	};

	return cmocka_run_group_tests_name("log_crash", tests, NULL, NULL);
}
