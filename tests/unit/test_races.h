/* SPDX-License-Identifier: MIT */
/* A pod without a podd, whose containers are attackers: what the tests of races share. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sendfile.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/paths.h"
#include "base/sys.h"
#include "cgroup/cgroup.h"
#include "container/container.h"
#include "supervisor/host.h"
#include "supervisor/pause.h"
#include "tests/integration/attacker.h"

#define WAIT_MS 20000
#define IDS	UINT32_C(0x7ffd0000) /* of the pod; the last range but one */

/*
 * RACE_ROUNDS: how often (make races: 10,000). Here and there a few hundred are enough
 * to find a hole that is open: each test says how soon it failed with one.
 */
static inline unsigned race_rounds(void)
{
	const char *said = getenv("RACE_ROUNDS");

	return said ? (unsigned)atoi(said) : 300;
}

struct race {
	char dir[64]; /* lib, run, scratch: podd's; lower: a root; shared: a volume; host: what is
		       * to stay as it is */
	struct paths paths;
	struct cgroup_root root;
	struct cgroup pod;
	struct pause pause;
	int alive_fd, scratch_fd;
};

static struct race race;

static const struct container_rlimit race_limits[CONTAINER_RLIMIT_N];

/* @tail of the directory where this program was built. */
static inline const char *race_program(const char *tail)
{
	static char path[2 * PATH_MAX];
	char own[PATH_MAX] = "";

	if (readlink("/proc/self/exe", own, sizeof(own) - 1) < 0)
		return "";
	snprintf(path, sizeof(path), "%s/%s", dirname(dirname(dirname(own))), tail);
	return path;
}

/* In the race's directory; each name's path is made once. */
static inline char *race_path(const char *name)
{
	static char *paths[32];

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		if (!paths[i] && asprintf(&paths[i], "%s/%s", race.dir, name) < 0)
			break;
		if (strcmp(paths[i] + strlen(race.dir) + 1, name) == 0)
			return paths[i];
	}
	abort();
}

static inline int race_file(const char *name, mode_t mode)
{
	return open(race_path(name), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
}

static inline int race_make_files(void)
{
	static const char *const dirs[] = { "lib", "run", "scratch", "scratch/root", "lower",
					    "lower/bin", "lower/etc", "shared", "host" };
	cleanup_close int from = open(race_program("tests/integration/attacker"),
				      O_RDONLY | O_CLOEXEC);
	cleanup_close int to = -EBADF, canary = -EBADF;
	struct stat st;

	strcpy(race.dir, "/tmp/podd-races-XXXXXX");
	if (from < 0 || fstat(from, &st) < 0 || !mkdtemp(race.dir))
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		if (mkdir(race_path(dirs[i]), 0755) < 0)
			return -1;
	to = race_file("lower/bin/attacker", 0755);
	canary = race_file("host/" ATTACKER_CANARY, 0644);
	if (to < 0 || canary < 0)
		return -1;
	return sendfile(to, from, NULL, (size_t)st.st_size) != st.st_size ? -1 : 0;
}

static inline int race_begin(struct err *err)
{
	const struct pause_args args = {
		.pod = "races",
		.hostname = "races",
		.binary = race_program("pod-pause"),
		.shm_size_bytes = 1 << 20,
		.cgroup_fd = -EBADF,
		.lease_fd = -EBADF,
	};
	struct pause_args own = args;
	int r = host_prepare_process(err);

	if (r == 0)
		r = cgroup_root_open(&race.root, program_invocation_short_name, err);
	if (r == 0)
		r = cgroup_pod_create(&race.pod, &race.root, "races", 0, err);
	if (r == 0)
		r = userns_create(&race.pause.userns, IDS, err);
	if (r == 0)
		r = pause_prepare(&race.pause, 2, err);
	own.cgroup_fd = race.pod.dirfd;
	own.alive_fd = race.alive_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (r == 0)
		r = pause_start(&race.pause, &own, err);
	race.scratch_fd = open(race_path("scratch"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return r;
}

static inline int race_setup(void **state)
{
	struct err err = { 0 };

	(void)state;
	pause_init(&race.pause);
	if (geteuid() != 0)
		return 0;
	if (race_make_files() < 0)
		return -1;
	if (race_begin(&err) == 0)
		return 0;
	print_message("# %s\n", err.msg);
	return -1;
}

static inline int race_teardown(void **state)
{
	struct err err = { 0 };

	(void)state;
	if (geteuid() != 0)
		return 0;
	pause_kill(&race.pause);
	pause_done(&race.pause);
	close_fd(&race.alive_fd);
	close_fd(&race.scratch_fd);
	cgroup_close(&race.pod);
	if (cgroup_pod_remove(&race.root, "races", WAIT_MS, &err) < 0)
		print_message("# %s\n", err.msg);
	cgroup_root_close(&race.root);
	return io_remove_tree(AT_FDCWD, race.dir, NULL);
}

/* The caller's: the mounts of a container. */
static inline int race_root(int *mntns_fd, struct container_spec *spec, struct err *err)
{
	char *lowers[] = { race_path("lower"), NULL };
	static const struct container_nodes none = { .n = 0 };
	const struct container_root_args args = {
		.spec = spec,
		.nodes = &none,
		.userns = &race.pause.userns,
		.pause_pidfd = race.pause.pidfd,
		.cgroup_fd = race.pod.dirfd,
		.scratch_dirfd = race.scratch_fd,
		.disk_dirfd = -EBADF,
	};
	struct container_root root;
	int r;

	spec->name = (char *)"c";
	spec->lowers = lowers;
	spec->writable_size_bytes = 1 << 20;
	r = container_root_build(&root, &args, err);
	if (r == 0)
		*mntns_fd = root.mntns_fd;
	return r;
}

/* All but the program: of a root in the container, with no filter. */
static inline struct container_process race_process(int mntns_fd, char *const *argv)
{
	static char *env[] = { NULL };

	return (struct container_process){
		.argv = argv,
		.env = env,
		.rlimits = race_limits,
		.userns = &race.pause.userns,
		.pause_pidfd = race.pause.pidfd,
		.mntns_fd = mntns_fd,
		.cgroup_fd = race.pod.dirfd,
		.stdio = { -EBADF, -EBADF, -EBADF },
	};
}

static inline bool race_wait_end(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, WAIT_MS) == 1;
}

static inline double race_seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
