/* SPDX-License-Identifier: MIT */
/* A running pod: all of its kernel objects, and the steps that make them. */
#include "container/sysctl.h"
#include "supervisor/pod.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/fault.h"
#include "config/load.h"
#include "supervisor/admission.h"
#include "supervisor/confine.h"
#include "supervisor/former.h"
#include "supervisor/gc.h"
#include "supervisor/images.h"
#include "supervisor/limits.h"
#include "supervisor/origin.h"
#include "supervisor/plan.h"
#include "supervisor/recorder.h"
#include "supervisor/reload.h"
#include "supervisor/say.h"
#include "supervisor/seccomp_files.h"
#include "userns/range.h"

#define SHM_SIZE	UINT64_C(67108864) /* 64 MiB, as the other engines have it */
#define LOCK_TIMEOUT_MS	 1000
#define NET_DIRECTORY	".net" /* beside the pods' directories; no pod is named so */

/* What goes wrong while traces are removed is told and ends nothing. */
static void note_failure(const struct pod *pod, int r, const struct err *err)
{
	if (r < 0)
		say(SAY_WARNING, "pod '%s': %s, ignoring", pod->spec->name, err->msg);
}

/* ---------------------------------------------------------------- directories */

static int open_dir(int parent, const char *name, struct err *err)
{
	int fd, r = io_mkdir_path(parent, name, 0700, err);
	char path[PATH_MAX];

	if (r < 0)
		return r;
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "open the directory '%s' in '%s'",
			       name, io_path_of(parent, path));
	return fd;
}

static bool same_file(int fd, int parent, const char *name)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && fstatat(parent, name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/*
 * The children of a podd that was killed in the middle of a start hold its lock,
 * and its sockets, for the moment that they still have to live.
 */
static int take_lock(int fd, struct err *err)
{
	const struct timespec pause = { .tv_nsec = (long)(2 * NSEC_PER_MSEC) };

	for (unsigned ms = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; ms += 2) {
		if (errno != EWOULDBLOCK)
			return err_sys(err, "lock the run directory");
		if (ms > LOCK_TIMEOUT_MS)
			return err_set(err, EALREADY, "another podd runs it already");
		(void)nanosleep(&pause, NULL); /* cut short is fine */
	}
	return 0;
}

static bool is_empty(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	unsigned n = 0;

	if (!dir) {
		close_fd(&fd);
		return false; /* what cannot be looked at is somebody's */
	}
	while (n < 3 && readdir(dir))
		n++;
	(void)closedir(dir);
	return n <= 2; /* "." and ".." */
}

/*
 * The run directory and the lock on it. Whoever held the lock before removes
 * the directory last of all, so it is looked up again once the lock is ours. A
 * lock that the podd before this one has left is ours already (flock(2): it is the
 * same open file), and taking it again does nothing.
 *
 * Where something is in it, a pod may live of which we know nothing yet: until
 * former_settle() has seen that it is dead, or ended it, nothing is removed.
 */
static int lock_run_directory(struct pod *pod, struct err *err)
{
	int r, inherited = upgrade_inherited_lock();

	for (;;) {
		cleanup_close int fd = inherited >= 0 ?
					       take_fd(&inherited) :
					       open_dir(pod->paths->run, pod->spec->name, err);

		if (fd < 0)
			return fd;
		fault_kill("run-directory");
		r = take_lock(fd, err);
		if (r < 0)
			return r;
		if (same_file(fd, pod->paths->run, pod->spec->name)) {
			pod->run_fd = take_fd(&fd);
			pod->hands_off = !is_empty(pod->run_fd);
			return 0;
		}
	}
}

/* A stop does without: what is written last goes where it ends with the pod. */
static int open_log_directory(struct pod *pod, struct err *err)
{
	int fd = open_dir(pod->paths->log, pod->spec->name, err);

	if (fd >= 0 || !pod->stop_only)
		return fd;
	say(SAY_WARNING, "pod '%s': %s: its last lines are lost", pod->spec->name, err->msg);
	return open_dir(pod->run_fd, "log", err);
}

static int open_directories(struct pod *pod, struct err *err)
{
	char scratch[NAME_MAX + sizeof("/scratch")];

	pod->log_fd = open_log_directory(pod, err);
	if (pod->log_fd < 0)
		return pod->log_fd;
	pod->net_fd = open_dir(pod->paths->run, NET_DIRECTORY, err);
	if (pod->net_fd < 0)
		return pod->net_fd;
	/* By its path: a run directory that an upgrade handed down lies, to the kernel, in the
	 * mount namespace of the podd before this one, where nothing can be mounted any more. */
	snprintf(scratch, sizeof(scratch), "%s/scratch", pod->spec->name);
	pod->scratch_fd = open_dir(pod->paths->run, scratch, err);
	if (pod->scratch_fd < 0)
		return pod->scratch_fd;
	return io_mkdir_path(pod->scratch_fd, "root", 0700, err);
}

/*
 * Of a pod that runs what it runs, but while an update is under way what that says.
 * Before an earlier pod is ended: what has no image does not replace one that runs.
 */
static int find_images(struct pod *pod, struct err *err)
{
	struct pod_spec *spec = take_ptr(pod->first_spec);
	int r = pod->stop_only ? 0 : update_open(pod, err);

	if (r == 0)
		r = pod->adopting && !update_is_under_way(pod) ?
			    images_adopt(spec, pod->run_fd, pod->paths, err) :
			    images_look_up(spec, pod->paths, err);
	if (r == 0 && pod->adopting)
		seccomp_files_adopt(spec);
	else if (r == 0)
		r = seccomp_files_load(spec, err);
	return r < 0 ? r : images_pin(spec, pod->run_fd, pod->paths, pod->adopting, err);
}

/* The first that does, or NULL. */
static const struct pod_container *who_needs_disk(const struct pod_spec *spec)
{
	for (size_t i = 0; i < spec->container_n; i++)
		if (spec->containers[i].run.writable == CONTAINER_WRITABLE_DISK)
			return &spec->containers[i];
	return NULL;
}

/**
 * pod_open_disk() - open, or make, the place for what containers write to disk
 * @spec: that has the containers; nothing is done when none of them needs it
 *
 * Return: 0 or -errno with @err filled.
 */
int pod_open_disk(struct pod *pod, const struct pod_spec *spec, struct err *err)
{
	const struct pod_container *c = who_needs_disk(spec);
	char path[NAME_MAX + 8];
	int r;

	if (pod->disk_fd >= 0 || !c)
		return 0;
	snprintf(path, sizeof(path), "pods/%s", pod->spec->name);
	r = pod->disk_fd = pod->paths->lib < 0 ? -EROFS : open_dir(pod->paths->lib, path, err);
	if (r >= 0)
		return 0;
	if (r == -EROFS)
		(void)err_set(err, EROFS, "Writable=yes needs the disk, and '%s/var/lib/podd' is "
			      "read-only; Writable=tmpfs writes to memory", pod->paths->root);
	return origin_container(err, err_about(err, r, "Writable", 0), c->run.name);
}

/* Of a pod that is taken over, only what would run that does not run yet. */
static int admit_images(struct pod *pod, struct err *err)
{
	const struct admission_question question = { .spec = pod->spec, .paths = pod->paths };
	int r = pod->adopting && former_runs_file(pod) ? 0 :
							 admission_ask(&question, pod->loop, err);

	return r == -EACCES && pod->update.on_trial ? update_refused(pod, err) : r;
}

static int open_disk(struct pod *pod, struct err *err)
{
	return pod_open_disk(pod, pod->spec, err);
}

/* Nothing of that pod lives any more, and no log of this one is open yet. */
static int tell_last_words(struct pod *pod, struct err *err)
{
	(void)err;
	if (!pod->adopting)
		last_words_tell(pod->words, pod);
	return 0;
}

/* Not by a podd that only stops the pod: no unit restarts that one. */
static int keep_last_words(struct pod *pod, struct err *err)
{
	(void)err;
	if (!pod->stop_only)
		last_words_keep(pod->words, &pod->pause);
	last_words_done(pod->words);
	return 0;
}

/* ------------------------------------------------------------- kernel objects */

/* Those of a pod that runs: nothing is changed, and its limits come last (limits.h). */
static int open_groups(struct pod *pod, struct err *err)
{
	int r = cgroup_pod_open(&pod->cgroup, &pod->cgroups, pod->spec->name, err);

	if (r == 0)
		r = limits_check(pod, pod->spec, err);
	return r < 0 ? r : cgroup_open(&pod->pause_cgroup, pod->cgroup.dirfd, "pause", err);
}

static int make_groups(struct pod *pod, struct err *err)
{
	unsigned children = limits_controllers(pod->spec);
	int r = cgroup_root_enter_leaf(&pod->cgroups, err);

	if (r < 0)
		return r;
	if (pod->adopting)
		return open_groups(pod, err);
	r = cgroup_pod_create(&pod->cgroup, &pod->cgroups, pod->spec->name,
			      children | cgroup_limits_controllers(&pod->spec->limits), err);
	if (r == 0)
		r = cgroup_limits_apply(&pod->cgroup, &pod->spec->limits,
					pod->spec->limits_best_effort ? &pod->limits_missing : NULL,
					err);
	if (r < 0)
		return r;
	cgroup_enable(pod->cgroup.dirfd, children);
	return cgroup_create(&pod->pause_cgroup, pod->cgroup.dirfd, "pause", err);
}

/* Not the pod itself: had it lived, it would be adopted, or ended by now. */
static bool other_lives(void *ctx, const char *name)
{
	const struct pod *pod = ctx;

	return strcmp(name, pod->spec->name) != 0 &&
	       gc_pod_lives(pod->paths, &pod->cgroups, name);
}

static struct netns_pod net_identity(struct pod *pod)
{
	return (struct netns_pod){
		.net_dirfd = pod->net_fd,
		.owner = pod->paths->root[0] ? pod->paths->root : "/",
		.name = pod->spec->name,
		.lives = other_lives,
		.ctx = pod,
	};
}

static void say_collected(void *ctx, const char *kind, const char *name)
{
	const struct pod *pod = ctx;

	say(SAY_NOTICE, "pod '%s': removed the %s '%s', which no pod uses", pod->spec->name, kind,
	    name);
}

static int collect_networks(struct pod *pod, struct err *err)
{
	const struct netns_pod id = net_identity(pod);
	const struct netns_search search = {
		.net_dirfd = id.net_dirfd,
		.owner = id.owner,
		.lives = id.lives,
		.stale = say_collected,
		.ctx = pod,
	};

	return netns_collect(&search, err);
}

/* What is not to be adopted, goes; in the place of all the steps that follow. */
static int settle_for_stop(struct pod *pod, struct err *err)
{
	int r;

	if (!pod->stop_only || pod->adopting)
		return 0;
	r = former_settle(pod, err);
	if (r < 0)
		return r;
	r = pod->net_fd = open_dir(pod->paths->run, NET_DIRECTORY, err);
	if (r >= 0)
		r = collect_networks(pod, err);
	return r < 0 ? r : err_set(err, ECANCELED, "nothing of it runs");
}

/*
 * The former pod did not end in order, and its network may have been another.
 * With the new lease taken, so that the pod keeps its address and its bridge.
 */
static void collect_former_network(struct pod *pod)
{
	struct err err = { 0 };

	if (!pod->adopting && pause_identity_exists(pod->run_fd))
		note_failure(pod, collect_networks(pod, &err), &err);
}

/* What the pause holds, if that has a network on a bridge. */
static int adopt_address(struct pod *pod, struct err *err)
{
	int r, fd = pause_take_fd(&pod->pause, PAUSE_FD_LEASE, err);
	const struct netns_pod id = net_identity(pod);
	struct err lost = { 0 };

	if (fd == -EBADF)
		return 0;
	r = fd < 0 ? fd : netns_adopt(&pod->lease, fd, err);
	if (r == 0) /* the firewall of an older podd, or one that was flushed */
		note_failure(pod, netns_restore(&id, &pod->lease, &lost), &lost);
	return r;
}

static int acquire_address(struct pod *pod, struct err *err)
{
	const struct netns_pod id = net_identity(pod);

	if (pod->adopting)
		return adopt_address(pod, err);
	if (pod->spec->network.mode != NETNS_BRIDGE)
		return 0;
	return netns_acquire(&pod->lease, &id, &pod->spec->network, err);
}

static int lease_address(struct pod *pod, struct err *err)
{
	int r = acquire_address(pod, err);

	if (r == -EADDRINUSE) { /* by a bridge that no pod uses any more, perhaps */
		(void)collect_networks(pod, NULL);
		r = acquire_address(pod, err);
	} else if (r == 0) {
		collect_former_network(pod);
	}
	return r < 0 ? err_about(err, r, "Bridge", 0) : 0;
}

/* Somebody may have removed it; the pause was found all the same. */
static int restore_identity(const struct pod *pod)
{
	struct err err = { 0 };

	if (!pause_identity_exists(pod->run_fd))
		note_failure(pod, pause_identity_write(&pod->pause, pod->run_fd, &err), &err);
	return 0;
}

/* On the disk, so that the pod has the same ids after a boot; else as long as that. */
static int take_range(uint32_t *first, const struct pod *pod, struct err *err)
{
	cleanup_close int etc = open("/etc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct userns_registry registry = {
		.dirfd = pod->paths->lib,
		.name = "userns",
		.etc_fd = etc,
		.proc_fd = proc,
		.owner = pod->paths->root,
	};
	int r = etc < 0 ? err_sys(err, "open '/etc'") : -EROFS;

	if (etc >= 0 && registry.dirfd >= 0)
		r = userns_range_take(first, &registry, pod->spec->name, err);
	registry.dirfd = pod->paths->run;
	registry.name = ".userns"; /* no pod is named so */
	if (r != -EROFS)
		return r < 0 ? err_wrap(err, r, "keep the pod's ids in '%s/var/lib/podd'",
					pod->paths->root) : 0;
	r = userns_range_take(first, &registry, pod->spec->name, err);
	if (r < 0)
		return err_wrap(err, r, "keep the pod's ids in '%s/run/podd'", pod->paths->root);
	return 0;
}

static int make_userns(struct pod *pod, struct err *err)
{
	uint32_t first;
	int r;

	if (pod->adopting || pod->spec->userns == POD_USERNS_HOST)
		return 0;
	r = take_range(&first, pod, err);
	if (r == 0)
		r = userns_create(&pod->pause.userns, first, err);
	return r < 0 ? err_about(err, r, "UserNamespace", 0) : 0;
}

static int start_pause(struct pod *pod, struct err *err)
{
	const struct pause_args args = {
		.pod = pod->spec->name,
		.hostname = pod->spec->hostname,
		.host_network = pod->spec->network.mode == NETNS_HOST,
		.shm_size_bytes = SHM_SIZE,
		.cgroup_fd = pod->pause_cgroup.dirfd,
		.lease_fd = pod->lease.lock_fd,
		.alive_fd = pod->alive_fd,
	};
	int r;

	if (pod->adopting)
		return restore_identity(pod);
	r = pause_identity_remove(pod->run_fd, err);
	if (r == 0)
		r = pause_prepare(&pod->pause, pod->spec->container_n, err);
	if (r == 0)
		r = pause_start(&pod->pause, &args, err);
	return r < 0 ? r : pause_identity_write(&pod->pause, pod->run_fd, err);
}

static int attach_network(struct pod *pod, struct err *err)
{
	const struct netns_pod id = net_identity(pod);
	const bool none = pod->spec->network.mode == NETNS_NONE;
	cleanup_close int ns = -EBADF;
	char path[64];
	int r;

	if (pod->spec->network.mode == NETNS_HOST || pod->adopting)
		return 0;
	/* The pause cannot be gone and its pid another's: it is our own child
	 * and nobody has waited for it. */
	snprintf(path, sizeof(path), "/proc/%d/ns/net", pod->pause.pid);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0)
		return err_sys(err, "open the pod's network namespace");
	r = none ? netns_loopback_up(ns, err) : netns_attach(&id, &pod->lease, ns, err);
	return r < 0 ? err_about(err, r, none ? "Mode" : "Bridge", 0) : 0;
}

/* All by one child; where that fails, once more one by one, to know which it is. */
static int write_sysctls(struct pod *pod, struct err *err)
{
	char *const *all = pod->spec->sysctls;
	const int pidfd = pod->pause.pidfd;
	int r = pod->adopting ? 0 : sysctl_write(all, pidfd, &pod->pause.userns, err);

	for (unsigned i = 0; r < 0 && all[i]; i++) {
		char *one[] = { all[i], NULL };

		if (sysctl_write(one, pidfd, &pod->pause.userns, err) < 0)
			return err_about(err, -err->code, "Sysctl", i);
	}
	return r;
}

/**
 * pod_add_member() - make a container's kernel objects, at the end of the order
 * @spec: borrowed as long as the member lives
 * @place: a free one
 *
 * Return: 0 or -errno with @err filled. Counted in any case: it is half there.
 */
int pod_add_member(struct pod *pod, const struct pod_container *spec, unsigned place,
		   struct err *err)
{
	struct member *m = &pod->pool[place];

	pod->members[pod->member_n] = m;
	m->index = pod->member_n++;
	return member_prepare(m, &pod->host, spec, place, err);
}

static int prepare_members(struct pod *pod, struct err *err)
{
	int r = log_shared_open(&pod->log_shared, err);

	pod->log_shared.journal.run_dirfd = pod->paths->run;
	etc_compose(&pod->etc, pod->spec, pod->lease.address);
	pod->files = (struct container_files){
		.hostname = pod->etc.hostname,
		.hosts = pod->etc.hosts,
		.resolv_conf = pod->etc.resolv_conf,
	};
	pod->host = (struct member_host){
		.loop = pod->loop,
		.pause = &pod->pause,
		.pod_cgroup = &pod->cgroup,
		.files = &pod->files,
		.log_shared = &pod->log_shared,
		.log_dirfd = pod->log_fd,
		.scratch_dirfd = pod->scratch_fd,
		.disk_dirfd = pod->disk_fd,
		.pod_spec = pod->spec,
		.best_effort = pod->spec->limits_best_effort,
		.adopting = pod->adopting,
		.exited = drive_member_exited,
		.log_dropped = drive_log_dropped,
		.timer_passed = drive_member_timer,
	};
	if (r == 0 && pod->adopting)
		r = reload_find_members(pod, err);
	for (unsigned i = 0; r == 0 && !pod->adopting && i < pod->spec->container_n; i++)
		r = pod_add_member(pod, &pod->spec->containers[i], i, err);
	pod->host.adopting = false; /* who comes from here on is new */
	return r;
}

static int open_control(struct pod *pod, struct err *err)
{
	const struct control_config config = {
		.run_fd = pod->run_fd,
		.ops = &answer_ops,
		.ctx = pod,
		.events = &pod->events,
	};
	int r = events_init(&pod->events, &pod->pause.record->events_next, err);

	return r < 0 ? r : control_new(&pod->control, pod->loop, &config, err);
}

static int begin_or_resume(struct pod *pod, struct err *err)
{
	const char *root = pod->paths->root;

	if (pod->paths->log_in_run)
		say(SAY_NOTICE,
		    "pod '%s': '%s/var/log' is read-only: logs go to '%s/run/podd/.log', in "
		    "memory", pod->spec->name, root, root);
	return pod->adopting ? drive_resume(pod, err) : drive_begin(pod, err);
}

/* In this order; pod_end() is its inverse. */
static const struct {
	const char *name;
	int (*run)(struct pod *pod, struct err *err);
} steps[] = {
	{ "lock", lock_run_directory },
	{ "former", former_look },
	{ "stop", settle_for_stop },
	{ "pull", missing_fetch_at_start },
	{ "images", find_images },
	{ "admission", admit_images },
	{ "directories", open_directories },
	{ "settle", former_settle },
	{ "words", tell_last_words },
	{ "disk", open_disk },
	{ "cgroup", make_groups },
	{ "lease", lease_address },
	{ "userns", make_userns },
	{ "pause", start_pause },
	{ "store", keep_last_words }, /* before something is written */
	{ "network", attach_network },
	{ "sysctls", write_sysctls }, /* eth0 has some */
	{ "containers", prepare_members },
	{ "confine", confine_self }, /* before whoever could send or write something */
	{ "control", open_control },
	{ "hotplug", hotplug_begin },
	{ "drive", begin_or_resume },
};

/**
 * pod_start() - make everything a pod needs and start its first container
 *
 * Or take over a pod that runs already, because its podd was killed: nothing of
 * it is started, stopped or changed then but what was left half done.
 *
 * With @pod->stop_only only such a pod is taken over, for the caller to stop it: by its
 * record; @spec is of names alone then (config_load_name()). What never ran is ended,
 * and traces of a dead one are removed: -ECANCELED then, and when there is nothing.
 *
 * @pod: all zero but @argv, @words, @stop_only and @file_to_stop; give it to pod_end() in
 *	the end, also after a failure
 * @spec, @paths, @loop: borrowed as long as the pod lives; of @spec, the images are
 *	looked up here
 *
 * Return: 0 or -errno with @err filled.
 */
int pod_start(struct pod *pod, struct pod_spec *spec, const struct paths *paths,
	      struct loop *loop, struct err *err)
{
	pod->spec = pod->first_spec = spec;
	pod->definition = plan_pod_definition(spec);
	pod->paths = paths;
	pod->loop = loop;
	pod->run_fd = pod->log_fd = pod->disk_fd = pod->scratch_fd = -EBADF;
	pod->alive_fd = pod->net_fd = -EBADF;
	pod->cgroups.dirfd = pod->cgroup.dirfd = pod->pause_cgroup.dirfd = -EBADF;
	pod->lease = NETNS_LEASE_NONE;
	pause_init(&pod->pause);
	pod->log_shared.peek_read_fd = pod->log_shared.peek_write_fd = -EBADF;
	journal_init(&pod->log_shared.journal, -EBADF);
	pod->started_realtime_ns = clock_realtime_ns();
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		int r = steps[i].run(pod, err);

		fault_kill(steps[i].name);
		if (r == 0 && fault_at(steps[i].name))
			r = fault_error(steps[i].name, err);
		if (r == 0)
			continue;
		/* Adopted or not, it ran before us and runs on without us. */
		pod->hands_off |= pod->adopting;
		(void)pod_explain(pod, r, err);
		(void)err_wrap(err, r, "pod '%s'", spec->name);
		return origin_tell(err, r, pod->spec);
	}
	pod->hands_off = false; /* it is ours now */
	update_started(pod);
	return 0;
}

static void remove_kernel_objects(struct pod *pod)
{
	const struct netns_pod id = net_identity(pod);
	struct err err = { 0 };

	if (!pod->hands_off)
		pause_kill(&pod->pause);
	for (unsigned i = 0; i < pod->member_n; i++) {
		if (!pod->hands_off)
			member_drain(pod->members[i]);
		member_done(pod->members[i]);
	}
	if (!pod->hands_off)
		last_words_drop(&pod->pause, !pod->stop_only);
	log_shared_close(&pod->log_shared);
	pause_done(&pod->pause);
	if (pod->cgroup.dirfd >= 0 && !pod->hands_off)
		recorder_wait(&pod->cgroup);
	fault_kill("end-processes");
	if (pod->net_fd >= 0 && !pod->hands_off)
		note_failure(pod, netns_release(&id, &pod->lease, &err), &err);
	cgroup_close(&pod->pause_cgroup);
	if (pod->cgroup.dirfd >= 0 && !pod->hands_off) {
		cgroup_close(&pod->cgroup);
		note_failure(pod,
			     cgroup_pod_remove(&pod->cgroups, pod->spec->name,
					       POD_EMPTY_TIMEOUT_MS, &err), &err);
	}
	cgroup_root_close(&pod->cgroups);
}

/**
 * pod_end() - take everything away that pod_start() and the pod made
 *
 * Idempotent, and right for a pod at any step: processes first, since they
 * hold all else, the lock last. Only the logs stay.
 */
void pod_end(struct pod *pod)
{
	struct err err = { 0 };

	if (pod->run_fd < 0) /* not ours: another podd's, or nothing was made */
		return;
	if (pod->sessions)
		answer_session_exits(pod);
	loop_watch_remove(pod->loop, &pod->exits_watch);
	loop_watch_remove(pod->loop, &pod->lost_watch);
	loop_timer_clear(pod->loop, &pod->timer);
	hotplug_end(pod);
	admission_end(&pod->admission);
	reload_close(pod);
	update_close(pod);
	missing_close(pod);
	pod->events.outlives = NULL; /* it goes with the pause */
	fault_kill("end-begun");
	remove_kernel_objects(pod);
	answer_sessions_done(pod);
	fault_kill("end-objects");
	if ((pod->disk_fd >= 0 || pod->adopting) && !pod->hands_off)
		note_failure(pod, former_remove_disk(pod, &err), &err);
	close_fd(&pod->disk_fd);
	close_fd(&pod->scratch_fd);
	close_fd(&pod->alive_fd);
	close_fd(&pod->net_fd);
	close_fd(&pod->log_fd);
	if (pod->control) {
		/* Now that all is gone, whoever waits for the stop may know. */
		control_finish(pod->control, CONTROL_WAIT_STOP, NULL, NULL);
		control_free(pod->control);
	}
	pod->control = NULL;
	events_done(&pod->events);
	fault_kill("end-told");
	if (!pod->hands_off)
		note_failure(pod, io_remove_tree(pod->paths->run, pod->spec->name, &err), &err);
	fault_kill("end-removed");
	close_fd(&pod->run_fd);
	pod_spec_free(take_ptr(pod->own_spec));
	pod_spec_free(take_ptr(pod->former_spec));
}
