/* SPDX-License-Identifier: MIT */
/* A root with CAP_SYS_PTRACE in a pod, against all that is started beside it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <linux/capability.h>
#include <sys/mman.h>

#include "tests/unit/test_races.h"

/* What is to stay out of his reach: in memory and environment, behind a descriptor that
 * no program is to inherit, and in the working directory. */
static char secret[sizeof(((struct attacker_board *)0)->secret)];
static struct attacker_board *board;

static void make_secret(void)
{
	const int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	char text[sizeof(secret) + 1];

	assert_int_equal(read(fd, secret, sizeof(secret)), sizeof(secret));
	close(fd);
	for (size_t i = 0; i < sizeof(secret); i++)
		text[i] = secret[i] = (char)('A' + (secret[i] & 15));
	text[sizeof(secret)] = '\0';
	assert_int_equal(setenv("PODD_RACE", text, 1), 0);
	/* Without O_CLOEXEC. */
	assert_true(open(race_path("host/" ATTACKER_CANARY), O_RDONLY) >= 0);
	assert_int_equal(chdir(race_path("host")), 0);
}

static void make_board(void)
{
	const int fd = race_file("shared/board", 0600);

	assert_int_equal(ftruncate(fd, sizeof(*board)), 0);
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(board != MAP_FAILED);
	close(fd);
	board->secret_at = (uintptr_t)secret;
	memcpy(board->secret, secret, sizeof(secret));
	snprintf(board->canary, sizeof(board->canary), "%s", race_path("host/" ATTACKER_CANARY));
}

static int spawn(int mntns_fd, const char *verb, struct err *err)
{
	char *argv[] = { (char *)"/bin/attacker", (char *)verb, (char *)"/data/board", NULL };
	struct container_process p = race_process(mntns_fd, argv);
	struct container_started c;
	int r;

	p.capabilities.add = UINT64_C(1) << CAP_SYS_PTRACE;
	r = container_spawn(&c, &p, err);
	return r < 0 ? r : c.pidfd;
}

static void start_attackers(int mntns_fd)
{
	struct err err = { 0 };
	const double end = race_seconds() + WAIT_MS / 1000.0;

	close(spawn(mntns_fd, "trace", &err));
	assert_string_equal(err.msg, "");
	while (!__atomic_load_n(&board->attackers_are, __ATOMIC_ACQUIRE))
		assert_true(race_seconds() < end);
}

static void check_gains(unsigned round)
{
	for (int way = 0; way < ATTACKER_WAYS; way++)
		if (__atomic_load_n(&board->gains[way], __ATOMIC_ACQUIRE))
			fail_msg("round %u: gained %u times, first '%s'", round, board->gains[way],
				 board->text[way]);
}

/* CVE-2016-9962, CVE-2016-8659, CVE-2019-5736 */
static void spawn__raced_by_ptrace_and_proc__nothing_gained(void **state)
{
	struct container_volume volume = { .source = race_path("shared"),
					   .target = (char *)"/data" };
	struct container_spec spec = { .volumes = &volume, .volume_n = 1 };
	const unsigned rounds = race_rounds();
	const double begin = race_seconds();
	struct err err = { 0 };
	int mntns_fd = -EBADF, pidfd;

	(void)state;
	if (geteuid() != 0)
		skip();
	make_secret();
	make_board();
	assert_int_equal(race_root(&mntns_fd, &spec, &err), 0);
	start_attackers(mntns_fd);
	for (unsigned i = 0; i < rounds; i++) {
		pidfd = spawn(mntns_fd, "true", &err);
		assert_string_equal(err.msg, "");
		close(pidfd);
		if (i % 64 == 0) { /* a start has a builder, too */
			int other = -EBADF;

			assert_int_equal(race_root(&other, &spec, &err), 0);
			close(other);
		}
		check_gains(i);
	}
	pidfd = spawn(mntns_fd, "reached", &err);
	assert_true(race_wait_end(pidfd));
	close(pidfd);
	close(mntns_fd);
	check_gains(rounds);
	print_message("# %u starts in %.1f s; looked %u, %u, %u times, reached %u, %u, %u: "
		      "gained nothing\n",
		      rounds, race_seconds() - begin, board->rounds[0], board->rounds[1],
		      board->rounds[2], board->reached[0], board->reached[1], board->reached[2]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spawn__raced_by_ptrace_and_proc__nothing_gained),
	};

	return cmocka_run_group_tests_name("races_exec", tests, race_setup, race_teardown);
}
