/* SPDX-License-Identifier: MIT */
/* One container of a running pod: its kernel objects, its log, its process. */
#include "supervisor/member.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/sys.h"
#include "base/fault.h"
#include "container/credentials.h"
#include "container/filter.h"
#include "supervisor/declared.h"
#include "supervisor/devices.h"
#include "supervisor/hotplug.h"
#include "supervisor/last_words.h"
#include "supervisor/origin.h"
#include "supervisor/plan.h"
#include "supervisor/say.h"

#define REMOVE_TIMEOUT_MS 1000
#define KILLED_TIMEOUT_NS NSEC_PER_SEC /* for the pause to record the end of who was killed */
#define TELL_DROPPED_NS   (60 * NSEC_PER_SEC)

static const int pipe_of[CRI_STREAMS] = {
	[CRI_STDOUT] = PAUSE_LOG_STDOUT_READ,
	[CRI_STDERR] = PAUSE_LOG_STDERR_READ,
};

/* ---------------------------------------------------------------------- logs */

/* A disk that is full comes and goes with each line that somebody makes room for. */
static void tell_dropped(struct member *m)
{
	uint64_t now = clock_boottime_ns();
	const struct log_lost lost = log_lost(&m->log);

	if (lost.why == 0 || (m->dropping_told_ns && now - m->dropping_told_ns < TELL_DROPPED_NS))
		return;
	m->dropping_told_ns = now;
	m->host->log_dropped(m, &lost);
}

static void pump(struct member_stream *s)
{
	struct loop *loop = s->member->host->loop;
	uint64_t now = clock_boottime_ns();
	struct log_next next = log_pump(&s->member->log, s->id, now);

	/* A watch that cannot be changed leaves the stream to its timer. */
	(void)loop_watch_set(loop, &s->watch, next.watch ? EPOLLIN : 0, NULL);
	if (next.delay_ns == LOG_NEVER_NS)
		loop_timer_clear(loop, &s->timer);
	else
		loop_timer_set(loop, &s->timer, now + next.delay_ns);
	tell_dropped(s->member);
}

static void on_pipe(struct watch *watch, uint32_t events)
{
	(void)events;
	pump(container_of(watch, struct member_stream, watch));
}

static void on_rest_over(struct timer *timer)
{
	pump(container_of(timer, struct member_stream, timer));
}

/*
 * A first round in the loop's first turn, for what came before the watch did and
 * memory that an earlier podd had no time to give back. Not here: after an adoption
 * that can be a full pipe for each container, and a word to whoever waits comes first.
 */
static int watch_stream(struct member *m, unsigned i, int pipe_fd, struct err *err)
{
	struct member_stream *s = &m->streams[i];

	*s = (struct member_stream){ .member = m, .id = i };
	s->watch.fn = on_pipe;
	s->timer.fn = on_rest_over;
	loop_timer_set(m->host->loop, &s->timer, clock_boottime_ns());
	return loop_watch_add(m->host->loop, &s->watch, pipe_fd, EPOLLIN, err);
}

static int open_log(struct member *m, struct err *err)
{
	const int *fds = m->host->pause->logs[m->place];
	const struct log_params params = {
		.dirfd = m->host->log_dirfd,
		.name = m->spec->run.name,
		.pod = m->host->pod_spec->name,
		.attempt = m->slot->generation,
		.spec = m->spec->log,
		.buffer_fd = fds[PAUSE_LOG_BUFFER],
		.pipe_fds = { [CRI_STDOUT] = fds[PAUSE_LOG_STDOUT_READ],
			      [CRI_STDERR] = fds[PAUSE_LOG_STDERR_READ] },
		.shared = m->host->log_shared,
	};
	int r = log_open(&m->log, &params, err);

	if (r < 0)
		return r;
	m->log_open = true;
	for (unsigned i = 0; r == 0 && i < CRI_STREAMS; i++)
		r = watch_stream(m, i, fds[pipe_of[i]], err);
	return r;
}

static void close_log(struct member *m)
{
	if (!m->log_open)
		return;
	for (unsigned i = 0; i < CRI_STREAMS; i++) {
		loop_watch_remove(m->host->loop, &m->streams[i].watch);
		loop_timer_clear(m->host->loop, &m->streams[i].timer);
	}
	log_close(&m->log);
	m->log_open = false;
}

/* ------------------------------------------------------------------ the end */

/**
 * member_oom_group() - whether an OOM kill takes the whole container
 */
bool member_oom_group(const struct member *m)
{
	return m->spec->limits.oom_group != 0; /* LIMIT_UNSET: it does */
}

/**
 * member_expect_kill() - podd is about to send SIGKILL
 *
 * Whom the OOM killer took before, and the container's first process lived on, that is not
 * why it ends. One that has ended was not ended by podd.
 */
void member_expect_kill(struct member *m)
{
	struct pollfd ended = { .fd = m->pidfd, .events = POLLIN };

	if (m->pidfd >= 0 && poll(&ended, 1, 0) == 0)
		(void)cgroup_oom_kills(&m->cgroup, &m->oom_kills, NULL); /* then as it was */
}

/*
 * Whether it is the OOM killer that ended it. With OOMPolicy=continue that may have
 * killed another process, long ago: then only if the end is one by SIGKILL, its own
 * or that of a child of a shell, and none that podd sent (member_expect_kill()).
 */
static bool ended_by_oom(const struct member *m)
{
	uint64_t kills = 0;

	if (cgroup_oom_kills(&m->cgroup, &kills, NULL) < 0 || kills <= m->oom_kills)
		return false;
	return member_oom_group(m) || m->wait_status == SIGKILL ||
	       (WIFEXITED(m->wait_status) && WEXITSTATUS(m->wait_status) == 128 + SIGKILL);
}

static void report_exit(struct member *m)
{
	bool oom;

	if (m->events_fd >= 0)
		loop_watch_remove(m->host->loop, &m->empty_watch);
	loop_timer_clear(m->host->loop, &m->killed_timer);
	member_drain(m); /* its last line may lack the newline */
	oom = ended_by_oom(m);
	m->pid = 0;
	close_fd(&m->pidfd);
	m->host->exited(m, m->wait_status, oom);
}

static void on_group_event(struct watch *watch, uint32_t events)
{
	struct member *m = container_of(watch, struct member, empty_watch);

	(void)events;
	if (cgroup_events_populated(m->events_fd, NULL) <= 0)
		report_exit(m);
}

/**
 * member_check_exit() - look whether the pause has recorded this member's end
 *
 * The end itself may be reported later, by member_host.exited: when nothing of
 * the container is left.
 *
 * Return: whether there was one.
 */
bool member_check_exit(struct member *m)
{
	if (__atomic_load_n(&m->slot->state, __ATOMIC_ACQUIRE) != BOARD_EXITED)
		return false;
	if (m->empty_watch.slot) /* seen before: waiting for the group */
		return true;
	m->wait_status = m->slot->wait_status;
	m->finished_realtime_ns = m->slot->exited_realtime_ns;
	if (cgroup_events_populated(m->events_fd, NULL) <= 0) {
		report_exit(m);
		return true;
	}
	(void)cgroup_kill(&m->cgroup, NULL); /* a group that is gone is empty */
	fault_kill("rest-killed");
	if (loop_watch_add(m->host->loop, &m->empty_watch, m->events_fd, EPOLLPRI, NULL) < 0 ||
	    cgroup_events_populated(m->events_fd, NULL) <= 0)
		report_exit(m);
	return true;
}

/**
 * member_forget_exit() - free the slot: the end that it tells is on the record
 */
void member_forget_exit(struct member *m)
{
	__atomic_store_n(&m->slot->state, BOARD_FREE, __ATOMIC_RELEASE);
}

/**
 * member_signal() - send a signal to the container's first process, if it lives
 */
void member_signal(struct member *m, int sig)
{
	if (m->pidfd >= 0)
		(void)sys_pidfd_send_signal(m->pidfd, sig); /* ESRCH: its end is on its way */
}

/*
 * The group was killed, its first process too, and the pause has not said so. Nobody
 * will when the board is damaged: then we say it in its place, once nobody lives.
 */
static void on_killed(struct timer *timer)
{
	struct member *m = container_of(timer, struct member, killed_timer);

	if (m->pidfd < 0)
		return;
	if (__atomic_load_n(&m->slot->state, __ATOMIC_ACQUIRE) != BOARD_EXITED) {
		if (cgroup_events_populated(m->events_fd, NULL) > 0) { /* it hangs in the kernel */
			loop_timer_set(m->host->loop, timer,
				       clock_boottime_ns() + KILLED_TIMEOUT_NS);
			return;
		}
		m->slot->wait_status = SIGKILL; /* as wait(2) has it */
		m->slot->exited_boottime_ns = clock_boottime_ns();
		m->slot->exited_realtime_ns = clock_realtime_ns();
		__atomic_store_n(&m->slot->state, BOARD_EXITED, __ATOMIC_RELEASE);
	}
	(void)member_check_exit(m);
}

/**
 * member_kill() - kill whatever is in the container's group
 *
 * The end of its first process is reported in any case, whatever the board says.
 */
void member_kill(struct member *m)
{
	if (m->cgroup.dirfd >= 0 && cgroup_events_populated(m->events_fd, NULL) != 0)
		(void)cgroup_kill(&m->cgroup, NULL); /* nobody is left, or the group is gone */
	if (m->pidfd >= 0)
		loop_timer_set(m->host->loop, &m->killed_timer,
			       clock_boottime_ns() + KILLED_TIMEOUT_NS);
}

/* ------------------------------------------------------------------ the start */

static void on_timer(struct timer *timer)
{
	struct member *m = container_of(timer, struct member, timer);

	m->host->timer_passed(m);
}

static int prepare_disk(struct member *m, struct err *err)
{
	const char *name = m->spec->run.name;
	int r;

	if (m->spec->run.writable != CONTAINER_WRITABLE_DISK)
		return 0;
	r = io_mkdir_path(m->host->disk_dirfd, name, 0700, err);
	if (r < 0)
		return r;
	m->disk_fd = openat(m->host->disk_dirfd, name, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (m->disk_fd < 0)
		return err_sys(err, "open the directory of the upper directory");
	r = io_mkdir_path(m->disk_fd, "upper", 0755, err);
	return r < 0 ? r : io_mkdir_path(m->disk_fd, "work", 0700, err);
}

/* Of one that runs the limits come last: supervisor/limits.h. */
static int make_cgroup(struct member *m, struct err *err)
{
	int r = cgroup_container_create(&m->cgroup, m->host->pod_cgroup, m->spec->run.name, err);

	if (r < 0)
		return r;
	fault_kill("member-group");
	return cgroup_limits_apply(&m->cgroup, &m->spec->limits,
				   m->host->best_effort ? &m->limits_missing : NULL, err);
}

static int prepare_cgroup(struct member *m, struct err *err)
{
	int r = m->host->adopting ? cgroup_container_open(&m->cgroup, m->host->pod_cgroup,
							  m->spec->run.name, err) :
				    make_cgroup(m, err);

	if (r < 0)
		return r;
	m->events_fd = cgroup_events_open(&m->cgroup, err);
	return m->events_fd < 0 ? m->events_fd : 0;
}

/**
 * member_prepare() - make the group and the log of a container; start nothing
 * @m: overwritten; give it to member_done() in the end, also after a failure
 * @host, @spec: borrowed as long as the member lives
 * @place: its slot on the board, its log pipes, its numbers in the store
 *
 * Return: 0 or -errno with @err filled.
 */
int member_prepare(struct member *m, const struct member_host *host,
		   const struct pod_container *spec, unsigned place, struct err *err)
{
	int r;

	*m = (struct member){
		.spec = spec,
		.host = host,
		.place = place,
		.index = m->index,
		.cgroup = { .dirfd = -EBADF },
		.events_fd = -EBADF,
		.freezer = { .events_fd = -EBADF },
		.disk_fd = -EBADF,
		.mntns_fd = -EBADF,
		.credentials_fd = -EBADF,
		.pidfd = -EBADF,
		.slot = &host->pause->board->slots[place],
		.empty_watch = { .fn = on_group_event },
		.timer = { .fn = on_timer },
		.killed_timer = { .fn = on_killed },
	};
	r = prepare_cgroup(m, err);
	if (r == 0)
		r = prepare_disk(m, err);
	if (r == 0)
		r = open_log(m, err);
	return r < 0 ? origin_container(err, r, spec->run.name) : 0;
}

/* Also for a later podd, while no process of the container lives: that has a root
 * without its credentials never. */
static int keep_root(struct member *m, const struct container_root *root, struct err *err)
{
	const struct fd_store *store = &m->host->pause->store;
	int r = 0;

	m->mntns_fd = root->mntns_fd;
	m->credentials_fd = root->credentials_fd;
	if (m->credentials_fd >= 0)
		r = fd_store_put(store, pause_store_credentials(m->place), m->credentials_fd, err);
	return r < 0 ? r : fd_store_put(store, pause_store_root(m->place), m->mntns_fd, err);
}

static int find_devices(struct container_nodes *out, const struct member *m, struct err *err)
{
	cleanup_close int sys = open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (sys < 0)
		return err_sys(err, "open '/sys'");
	return devices_find(out, &m->spec->run, sys, err);
}

/* For supervisor/hotplug.c. Without memory it looks at them again. */
static void note_nodes(struct member *m, const struct container_nodes *nodes)
{
	free(m->nodes);
	m->nodes = hotplug_follows(&m->spec->run) ? malloc(sizeof(*nodes)) : NULL;
	if (m->nodes)
		*m->nodes = *nodes;
}

static int build_root(struct member *m, struct err *err)
{
	struct container_nodes nodes;
	bool absent[CONTAINER_VOLUMES_MAX];
	const struct container_root_args args = {
		.spec = &m->spec->run,
		.nodes = &nodes,
		.absent = absent,
		.files = *m->host->files,
		.userns = &m->host->pause->userns,
		.pause_pidfd = m->host->pause->pidfd,
		.cgroup_fd = m->cgroup.dirfd,
		.scratch_dirfd = m->host->scratch_dirfd,
		.disk_dirfd = m->disk_fd,
	};
	struct container_root root;
	int r;

	if (m->mntns_fd >= 0)
		return 0;
	if (fault_at("root"))
		return fault_error("root", err);
	r = declared_check_root(absent, "", args.spec, m->spec->image.name != NULL, err);
	if (r == 0)
		r = find_devices(&nodes, m, err);
	if (r == 0)
		r = devices_allow(&m->cgroup, &nodes, args.spec, args.userns, err);
	if (r == 0)
		r = container_root_build(&root, &args, err);
	fault_kill("root-built");
	if (r == 0)
		note_nodes(m, &nodes);
	if (r == 0 && root.given_away)
		say(SAY_WARNING,
		    "container '%s': can write to '%s': no pod follows a link below it from "
		    "now on", m->spec->run.name, root.given_away);
	return r < 0 ? r : keep_root(m, &root, err);
}

/* The root first: an upper directory must not be in two overlays at a time. */
static int drop_root(struct member *m, struct err *err)
{
	int r;

	close_fd(&m->mntns_fd);
	m->root_proven = false;
	r = fd_store_remove(&m->host->pause->store, pause_store_root(m->place), err);
	if (r == 0 && m->credentials_fd >= 0)
		r = fd_store_remove(&m->host->pause->store, pause_store_credentials(m->place), err);
	close_fd(&m->credentials_fd);
	close_fd(&m->disk_fd);
	if (r == 0 && m->host->disk_dirfd >= 0)
		r = io_remove_tree(m->host->disk_dirfd, m->spec->run.name, err);
	return r;
}

/*
 * All that a restart puts into force, new. And a root in which nothing could be
 * started yet: what it is made of may have been mounted only now.
 */
static int bring_up_to_date(struct member *m, struct err *err)
{
	int r;

	if (!m->outdated && (m->root_proven || m->mntns_fd < 0))
		return 0;
	r = drop_root(m, err);
	if (r == 0)
		r = prepare_disk(m, err);
	if (r == 0)
		m->outdated = false;
	return r;
}

/**
 * member_make_root() - what a start needs before there is a process
 * @stage: set to the name of this stage; a constant
 *
 * After this, @m->definition is of what the next process will run: to be on the
 * record before it does.
 *
 * Return: 0 or -errno with @err filled.
 */
int member_make_root(struct member *m, const char **stage, struct err *err)
{
	const char *name = m->spec->run.name;
	int r;

	*stage = "root";
	if (!m->spec->run.argv) /* a podd that was killed was about to; supervisor/reload.h */
		return err_set(err, ENOENT, "container '%s' is not in the file any more", name);
	if (cgroup_is_frozen(&m->cgroup)) /* not by us: supervisor/freeze.h */
		return err_set(err, EBUSY, "container '%s': its cgroup is frozen", name);
	r = bring_up_to_date(m, err);
	if (r == 0)
		r = build_root(m, err);
	if (r == 0 && m->credentials_fd >= 0) {
		*stage = "credentials";
		r = declared_check_credentials("", &m->spec->run, err);
	}
	if (r == 0 && m->credentials_fd >= 0) {
		r = credentials_load(m->credentials_fd, &m->spec->run, err);
	}
	if (r < 0)
		return origin_container(err, r, name);
	m->definition = plan_definition(m->host->pod_spec, m->spec);
	return 0;
}

/* Whoever has a terminal open can type into it (TIOCSTI). */
static int check_passthrough(struct err *err)
{
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
		if (isatty(fd))
			return err_set(err, ENOTSUP,
				       "LogDriver=passthrough: podd's %s is a terminal",
				       fd == STDOUT_FILENO ? "stdout" : "stderr");
	return 0;
}

/**
 * member_find_filter() - the seccomp filter for what is executed in the container
 * @out: borrowed from @m
 *
 * Starts a recorder where the spec asks for one.
 *
 * Return: 0 or -errno with @err filled: then nothing may be executed.
 */
int member_find_filter(struct container_filter *out, struct member *m, struct err *err)
{
	const struct container_spec *run = &m->spec->run;
	int r = container_filter_find(out, run, err);

	if (r < 0 || !out->audit)
		return r;
	r = recorder_start(&m->recorder, m->host->pod_cgroup, run->seccomp.path, err);
	out->report_fd = m->recorder.socket_fd;
	if (r < 0)
		return err_about(err, err_wrap(err, r, "record system calls"), "SeccompProfile", 0);
	return 0;
}

/**
 * member_process() - what all programs in a container have in common
 *
 * To be filled in: argv and env, stdio or a terminal, the slot and the filter; all of it
 * is borrowed from @m.
 */
struct container_process member_process(const struct member *m)
{
	const struct container_spec *run = &m->spec->run;

	return (struct container_process){
		.cwd = run->cwd,
		.user = run->user,
		.run_as_non_root = run->run_as_non_root,
		.credentials = m->credentials_fd >= 0,
		.credentials_fd = -EBADF,
		.rlimits = run->rlimits,
		.capabilities = run->capabilities,
		.allow_new_privs = run->allow_new_privs,
		.spec = run,
		.host_network = m->host->pod_spec->network.mode == NETNS_HOST,
		.userns = &m->host->pause->userns,
		.pause_pidfd = m->host->pause->pidfd,
		.mntns_fd = m->mntns_fd,
		.cgroup_fd = m->cgroup.dirfd,
		.oom_group = member_oom_group(m),
		.stdio = { -EBADF, -EBADF, -EBADF },
	};
}

/**
 * member_spawn() - start the container's process, its root is there
 * @stage: on failure, the name of the stage that failed; a constant
 *
 * Return: 0 or -errno with @err filled; no process is left then.
 */
int member_spawn(struct member *m, const char **stage, struct err *err)
{
	static char *no_env[] = { NULL };
	const struct container_spec *run = &m->spec->run;
	const int *fds = m->host->pause->logs[m->place];
	struct container_started started = { .stage = "spawn" };
	const bool passthrough = m->spec->log.driver == LOG_PASSTHROUGH;
	struct container_process p = member_process(m);
	int r;

	*stage = "log";
	r = passthrough ? check_passthrough(err) : 0;
	if (r < 0)
		return origin_container(err, err_about(err, r, "LogDriver", 0), run->name);
	p.argv = run->argv;
	p.env = run->env ? run->env : no_env;
	p.make_cwd = m->spec->image.name; /* as all engines do it: an image need not have it */
	p.credentials_fd = m->credentials_fd;
	p.stdio[1] = passthrough ? STDOUT_FILENO : fds[PAUSE_LOG_STDOUT_WRITE];
	p.stdio[2] = passthrough ? STDERR_FILENO : fds[PAUSE_LOG_STDERR_WRITE];
	p.slot = m->slot;
	(void)cgroup_oom_kills(&m->cgroup, &m->oom_kills, NULL); /* 0 without a controller */
	/* O_NONBLOCK and O_DIRECT belong to the pipe's end, not to the program
	 * before this one that set them. */
	(void)fcntl(fds[PAUSE_LOG_STDOUT_WRITE], F_SETFL, 0);
	(void)fcntl(fds[PAUSE_LOG_STDERR_WRITE], F_SETFL, 0);
	m->slot->generation++;
	log_attempt(&m->log, m->slot->generation);
	__atomic_store_n(&m->slot->state, BOARD_STARTING, __ATOMIC_RELEASE);
	fault_kill("slot-starting");
	r = member_find_filter(&p.filter, m, err);
	if (r == 0)
		r = fault_at("spawn") ? fault_error("spawn", err) :
					container_spawn(&started, &p, err);
	fault_kill("spawned");
	if (r < 0) {
		__atomic_store_n(&m->slot->state, BOARD_FREE, __ATOMIC_RELEASE);
		*stage = started.stage;
		return origin_container(err, r, run->name);
	}
	m->pidfd = started.pidfd;
	m->pid = started.pid;
	m->root_proven = true;
	m->started_realtime_ns = clock_realtime_ns();
	return 0;
}

/**
 * member_respec() - the container has another spec from now on
 * @spec: borrowed; of the same name. What a restart takes of it waits for that
 */
void member_respec(struct member *m, const struct pod_container *spec)
{
	m->spec = spec;
	log_respec(&m->log, spec->run.name, m->host->pod_spec->name, &spec->log);
	m->outdated = m->definition != plan_definition(m->host->pod_spec, spec);
}

/* ------------------------------------------------------------------- adoption */

/* What is not there is no error. */
static int find_stored(int *out, const struct member *m, unsigned number, struct err *err)
{
	int fd = fd_store_get(&m->host->pause->store, number, err);

	if (fd < 0 && fd != -ENOENT)
		return fd;
	*out = fd < 0 ? -EBADF : fd;
	return 0;
}

/**
 * member_resume() - find again what an earlier podd has made of this container
 * @m: prepared
 *
 * Return: 0 or -errno with @err filled. That no process is there is no error: the
 * slot says whether one was, and board_check() has found the one that is.
 */
int member_resume(struct member *m, const struct record_member *record, struct err *err)
{
	struct pause_first *first = &m->host->pause->firsts[m->place];
	int r;

	m->started_realtime_ns = record->started_realtime_ns;
	m->finished_realtime_ns = record->finished_realtime_ns;
	m->oom_kills = record->oom_kills;
	m->ended = record->ended;
	m->stop_sent = record->stop_sent;
	m->root_proven = record->root_proven || m->slot->state == BOARD_RUNNING ||
			 m->slot->state == BOARD_EXITED;
	/* Acted on, but podd was killed before it freed the slot. */
	if (m->slot->state == BOARD_EXITED && m->slot->generation == m->ended)
		member_forget_exit(m);
	m->definition = record->definition;
	m->outdated = m->definition != plan_definition(m->host->pod_spec, m->spec);
	r = find_stored(&m->mntns_fd, m, pause_store_root(m->place), err);
	if (r == 0)
		r = find_stored(&m->credentials_fd, m, pause_store_credentials(m->place), err);
	if (r < 0)
		return err_wrap(err, r, "container '%s'", m->spec->run.name);
	m->pid = first->pidfd >= 0 ? first->pid : 0;
	m->pidfd = take_fd(&first->pidfd);
	return 0;
}

/**
 * member_drain() - write what is left of the log when nobody writes any more
 */
void member_drain(struct member *m)
{
	if (!m->log_open)
		return;
	log_drain(&m->log);
	tell_dropped(m);
}

/**
 * member_done() - let go of everything; the group itself goes with the pod's
 *
 * The pod's processes are gone by now. Accepts a half-prepared member.
 */
void member_done(struct member *m)
{
	if (!m->host)
		return;
	close_log(m);
	loop_timer_clear(m->host->loop, &m->timer);
	loop_timer_clear(m->host->loop, &m->killed_timer);
	loop_watch_remove(m->host->loop, &m->empty_watch);
	loop_watch_remove(m->host->loop, &m->freezer.watch);
	loop_timer_clear(m->host->loop, &m->freezer.timer);
	close_fd(&m->freezer.events_fd);
	close_fd(&m->pidfd);
	close_fd(&m->mntns_fd);
	close_fd(&m->credentials_fd);
	close_fd(&m->disk_fd);
	close_fd(&m->events_fd);
	recorder_end(&m->recorder);
	cgroup_close(&m->cgroup);
	free(take_ptr(m->nodes));
	m->host = NULL;
}

/**
 * member_remove() - member_done(), and its group, its pipes and what it wrote go too
 *
 * None of its processes lives. What cannot be removed goes with the pod: @err
 * says what that is first, and is left alone otherwise.
 */
void member_remove(struct member *m, struct err *err)
{
	const struct member_host *host = m->host;
	struct err second; /* one is told */
	int r = drop_root(m, err);

	(void)cgroup_container_remove(host->pod_cgroup, m->spec->run.name, REMOVE_TIMEOUT_MS,
				      r < 0 ? &second : err);
	member_done(m);
	last_words_drop_logs(host->pause, m->place);
	pause_logs_remove(host->pause, m->place);
	__atomic_store_n(&m->slot->state, BOARD_FREE, __ATOMIC_RELEASE);
	m->spec = NULL;
}
