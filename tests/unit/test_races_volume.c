/* SPDX-License-Identifier: MIT */
/* A container that exchanges directories and links in a volume, against the starts of another. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <sys/wait.h>

#include "tests/unit/test_races.h"

/* Names that nobody else makes. */
#define MOUNTED "podd-race-directory"
#define FILE_OF "podd-race-file"
#define TMPFS	"podd-race-tmpfs"
#define WORKED	"podd-race-work"

static const char *const made[] = { MOUNTED, FILE_OF, TMPFS, WORKED };

static unsigned entries(const char *path)
{
	DIR *dir = opendir(path);
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2; /* "." and ".." */
}

/* What the links lead to, as the host and as the container has it. */
static void check_host(unsigned round)
{
	const char *const places[] = { "/", "/etc", "/tmp", race.dir, race_path("host") };
	char path[PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		for (size_t k = 0; k < ARRAY_SIZE(made); k++) {
			snprintf(path, sizeof(path), "%s/%s", places[i], made[k]);
			if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
				fail_msg("round %u: '%s' was made on the host", round, path);
		}
	assert_int_equal(entries(race_path("host")), 1);
}

static void make_link(const char *to, const char *name)
{
	assert_int_equal(symlink(to, race_path(name)), 0);
}

/* shared/x: mount points are made in it; shared/from/sub: a volume's source. */
static void make_volume(void)
{
	static const char *const dirs[] = { "shared/x", "shared/from", "shared/from/sub", "mine" };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		assert_int_equal(mkdir(race_path(dirs[i]), 0755), 0);
	close(race_file("one", 0644));
	make_link("/etc", "shared/etc");
	make_link("../../../../../../etc", "shared/up");
	make_link("/", "shared/top");
	make_link(race_path("host"), "shared/from/absolute");
	make_link("../../host", "shared/from/up");
	make_link("/", "shared/from/top");
}

static void start_attacker(void)
{
	static const char *const words[] = {
		"/bin/attacker", "exchange", "/data", "x", "etc", "/data/from", "sub", "absolute",
		"/data", "x", "up", "/data/from", "sub", "up", "/data", "x", "top", "/data/from",
		"sub", "top", NULL,
	};
	struct container_volume volume = { .source = race_path("shared"),
					   .target = (char *)"/data" };
	struct container_spec spec = { .volumes = &volume, .volume_n = 1 };
	struct container_started c;
	struct err err = { 0 };
	int mntns_fd = -EBADF;

	assert_int_equal(race_root(&mntns_fd, &spec, &err), 0);
	for (int i = 0; i < 2; i++) { /* two, that disturb each other: more orders */
		struct container_process p = race_process(mntns_fd, (char *const *)words);

		assert_int_equal(container_spawn(&c, &p, &err), 0);
		close(c.pidfd);
	}
	close(mntns_fd);
}

/* What comes of a start that found something else than it would have. */
static void check_refusal(int r, const struct err *err, unsigned round)
{
	if (r != -ELOOP && r != -ENOENT && r != -ENOTDIR && r != -EEXIST && r != -EAGAIN)
		fail_msg("round %u: %s", round, err->msg);
}

/* Runs it; it says what it sees at /seen, whose source the attacker exchanges, and where it
 * works. */
static bool look(int mntns_fd, unsigned round)
{
	char *argv[] = { (char *)"/bin/attacker",
			 (char *)"look",
			 (char *)"/seen/" ATTACKER_CANARY,
			 (char *)ATTACKER_CANARY,
			 race_path("host/" ATTACKER_CANARY),
			 (char *)"/seen/proc/self",
			 NULL };
	struct board_slot *slot = &race.pause.board->slots[0];
	struct container_process p = race_process(mntns_fd, argv);
	struct container_started c;
	struct err err = { 0 };
	int r;

	p.cwd = "/data/x/" WORKED;
	p.make_cwd = true;
	p.slot = slot;
	slot->state = BOARD_STARTING;
	r = container_spawn(&c, &p, &err);
	if (r < 0) {
		check_refusal(r, &err, round);
		return false;
	}
	assert_true(race_wait_end(c.pidfd));
	close(c.pidfd);
	/* The pause reaps it after it has said so. */
	while (__atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) != BOARD_EXITED) {
		struct pollfd told = { .fd = race.pause.event_fd, .events = POLLIN };
		uint64_t n;

		assert_int_equal(poll(&told, 1, WAIT_MS), 1);
		(void)read(race.pause.event_fd, &n, sizeof(n));
	}
	if (slot->wait_status != 0)
		fail_msg("round %u: the container sees the host (status %#x)", round,
			 slot->wait_status);
	return true;
}

/* CVE-2021-30465, CVE-2021-25741, CVE-2017-1002101 */
static void start__raced_by_exchanged_links__nothing_outside(void **state)
{
	struct container_volume volumes[] = {
		{ .source = race_path("shared"), .target = (char *)"/data" },
		{ .source = race_path("mine"), .target = (char *)"/data/x/" MOUNTED },
		{ .source = race_path("one"), .target = (char *)"/data/x/" FILE_OF },
		{ .source = race_path("shared/from/sub"), .target = (char *)"/seen",
		  .read_only = true },
	};
	struct container_tmpfs tmpfs = { .target = (char *)"/data/x/" TMPFS, .mode = 0755 };
	const unsigned rounds = race_rounds();
	const double begin = race_seconds();
	unsigned built = 0, refused = 0, ran = 0;

	(void)state;
	if (geteuid() != 0)
		skip();
	make_volume();
	start_attacker();
	for (unsigned i = 0; i < rounds; i++) {
		struct container_spec spec = {
			.volumes = volumes,
			/* each other one without the source */
			.volume_n = ARRAY_SIZE(volumes) - i % 2,
			.tmpfs = &tmpfs,
			.tmpfs_n = 1,
		};
		struct err err = { 0 };
		int mntns_fd = -EBADF, r = race_root(&mntns_fd, &spec, &err);

		if (r == 0) {
			ran += look(mntns_fd, i);
			ran += look(mntns_fd, i); /* a restart */
			built++;
		} else {
			check_refusal(r, &err, i);
			refused++;
		}
		close_fd(&mntns_fd);
		check_host(i);
	}
	print_message("# %u starts in %.1f s: %u roots, %u refused, %u ran: nothing outside\n",
		      rounds, race_seconds() - begin, built, refused, ran);
	/* The attacker was there, and did not win by having nothing start. */
	assert_true(built > 0 && refused > 0 && ran > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(start__raced_by_exchanged_links__nothing_outside),
	};

	return cmocka_run_group_tests_name("races_volume", tests, race_setup, race_teardown);
}
