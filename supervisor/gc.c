/* SPDX-License-Identifier: MIT */
/* Finding and removing what pods left that nobody could end. */
#include "supervisor/gc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/io.h"
#include "cgroup/cgroup.h"
#include "config/names.h"
#include "netns/netns.h"

#define NET_DIRECTORY ".net" /* as supervisor/pod.c has it */

struct gc {
	const struct paths *paths;
	const struct gc_report *report;
	struct cgroup_root cgroups;
	int pods_fd; /* var/lib/podd/pods, or -EBADF */
};

static void tell(const struct gc *gc, const char *kind, const char *name, int r,
		 const struct err *err)
{
	gc->report->found(gc->report->ctx, kind, name, r < 0 ? err : NULL);
}

static bool is_there(int dirfd, const char *name)
{
	return dirfd >= 0 && faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Of podd, on the run directory, and of the pause; -EBADF: there is none to take. */
struct locks {
	int run_fd, alive_fd;
};

#define NO_LOCKS ((struct locks){ -EBADF, -EBADF })

static void drop_locks(struct locks *l)
{
	close_fd(&l->run_fd);
	close_fd(&l->alive_fd);
}

/* Takes both; false: one of them is held, or cannot be looked at. */
static bool lock_dead(struct locks *l, const struct paths *paths, const char *pod)
{
	if (paths->run < 0)
		return true;
	l->run_fd = openat(paths->run, pod, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (l->run_fd < 0)
		return errno == ENOENT;
	if (flock(l->run_fd, LOCK_EX | LOCK_NB) < 0)
		return false;
	l->alive_fd = openat(l->run_fd, "alive", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (l->alive_fd < 0)
		return errno == ENOENT;
	return flock(l->alive_fd, LOCK_EX | LOCK_NB) == 0;
}

/**
 * gc_pod_lives() - whether a pod has a podd, a pause or any process
 * @cgroups: of the same root as @paths
 *
 * Its locks are taken for a moment, and who starts it waits for that. What cannot
 * be looked at lives.
 */
bool gc_pod_lives(const struct paths *paths, const struct cgroup_root *cgroups, const char *pod)
{
	struct cgroup group = { .dirfd = -EBADF };
	struct locks locks = NO_LOCKS;
	bool dead;
	int r;

	if (!config_pod_name_valid(pod))
		return false;
	dead = lock_dead(&locks, paths, pod);
	drop_locks(&locks);
	if (!dead)
		return true;
	r = cgroup_pod_open(&group, cgroups, pod, NULL);
	if (r < 0)
		return r != -ENOENT;
	r = cgroup_wait_empty(&group, 0, NULL);
	cgroup_close(&group);
	return r < 0 && r != -ENODEV;
}

/* Return: whether the rest of the pod can go too. */
static bool collect_group(struct gc *gc, const char *pod)
{
	struct cgroup group = { .dirfd = -EBADF };
	struct err err = { 0 };
	int r;

	if (!gc->cgroups.parent[0] || cgroup_pod_open(&group, &gc->cgroups, pod, NULL) < 0)
		return true;
	r = cgroup_wait_empty(&group, 0, &err);
	cgroup_close(&group);
	if (r == 0 && !gc->report->dry_run)
		r = cgroup_pod_remove(&gc->cgroups, pod, 0, &err);
	tell(gc, "cgroup", pod, r, &err);
	return r == 0;
}

static void collect_tree(struct gc *gc, const char *kind, int dirfd, const char *pod)
{
	struct err err = { 0 };
	int r = 0;

	if (!is_there(dirfd, pod))
		return;
	if (!gc->report->dry_run)
		r = io_remove_tree(dirfd, pod, &err);
	tell(gc, kind, pod, r, &err);
}

/* One name that a pod has or had. */
static void collect_pod(struct gc *gc, const char *pod)
{
	struct locks locks = NO_LOCKS;
	bool made = false;

	/* Without a run directory it is dead; one is made for the lock in it. */
	if (!gc->report->dry_run)
		made = mkdirat(gc->paths->run, pod, 0700) == 0;
	if (lock_dead(&locks, gc->paths, pod) && collect_group(gc, pod)) {
		collect_tree(gc, "layers", gc->pods_fd, pod);
		if (!made)
			collect_tree(gc, "run", gc->paths->run, pod);
	}
	if (made)
		(void)unlinkat(gc->paths->run, pod, AT_REMOVEDIR); /* ours, and empty */
	drop_locks(&locks);
}

/* Whether a list that was gone through before this one has the pod. */
static bool is_in_earlier(const struct gc *gc, int dirfd, const char *pod)
{
	const int lists[] = { gc->paths->run, gc->pods_fd };

	for (size_t i = 0; i < ARRAY_SIZE(lists) && lists[i] != dirfd; i++)
		if (is_there(lists[i], pod))
			return true;
	return false;
}

/* All pods that have a directory in @dirfd, which may be absent (-EBADF). */
static int collect_names(struct gc *gc, int dirfd, const char *what, struct err *err)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;

	if (dirfd < 0)
		return 0;
	if (!dir) {
		int r = err_sys(err, "list %s", what);

		close_fd(&fd);
		return r;
	}
	while ((d = readdir(dir)))
		if (d->d_type == DT_DIR && config_pod_name_valid(d->d_name) &&
		    !is_in_earlier(gc, dirfd, d->d_name))
			collect_pod(gc, d->d_name);
	(void)closedir(dir);
	return 0;
}

static int collect_groups(struct gc *gc, struct err *err)
{
	cleanup_close int fd = -EBADF;

	if (!gc->cgroups.parent[0])
		return 0;
	fd = openat(gc->cgroups.dirfd, gc->cgroups.parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? 0 : collect_names(gc, fd, "the control groups", err);
}

static void stale_network(void *ctx, const char *kind, const char *name)
{
	tell(ctx, kind, name, 0, NULL);
}

static bool pod_lives(void *ctx, const char *name)
{
	const struct gc *gc = ctx;

	return gc_pod_lives(gc->paths, &gc->cgroups, name);
}

static int collect_networks(struct gc *gc, struct err *err)
{
	struct netns_search search = {
		.owner = gc->paths->root[0] ? gc->paths->root : "/",
		.dry_run = gc->report->dry_run,
		.lives = pod_lives,
		.stale = stale_network,
		.ctx = gc,
	};
	cleanup_close int fd = -EBADF;
	int r = search.dry_run ? 0 : io_mkdir_path(gc->paths->run, NET_DIRECTORY, 0700, err);

	if (r < 0)
		return r;
	if (gc->paths->run >= 0)
		fd = openat(gc->paths->run, NET_DIRECTORY,
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (gc->paths->run >= 0 && fd < 0 && (errno != ENOENT || !search.dry_run))
		return err_sys(err, "open the directory of the leases");
	search.net_dirfd = fd;
	return netns_collect(&search, err);
}

/**
 * gc_run() - find what dead pods left, and remove it
 * @paths: opened with PATHS_CREATE; for a dry run PATHS_FIND, and nothing is made
 *
 * Each thing is reported once. What cannot be removed is reported so and does
 * not end the run.
 *
 * Return: 0 or -errno with @err filled: something could not be looked for.
 */
int gc_run(const struct paths *paths, const struct gc_report *report, struct err *err)
{
	struct gc gc = { .paths = paths, .report = report, .cgroups = { .dirfd = -EBADF } };
	int r = cgroup_root_open(&gc.cgroups, paths->tag, err);

	if (r < 0)
		return r;
	gc.pods_fd = openat(paths->lib, "pods", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	r = collect_names(&gc, paths->run, "the run directory", err);
	if (r == 0)
		r = collect_names(&gc, gc.pods_fd, "the pods' layers", err);
	if (r == 0)
		r = collect_groups(&gc, err);
	if (r == 0)
		r = collect_networks(&gc, err);
	close_fd(&gc.pods_fd);
	cgroup_root_close(&gc.cgroups);
	return r;
}
