/* SPDX-License-Identifier: MIT */
/* The pod's pause as podd sees it: made, watched, ended. */
#include "supervisor/pause.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/capability.h"
#include "base/child.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/program.h"
#include "base/sys.h"
#include "container/container.h"
#include "container/identity.h"
#include "supervisor/log.h"

/* Nobody's id: not nobody's, which containers run things as. */
#define PAUSE_ID 65535 /* with the host's ids */

#define PAUSE_FDS_MAX (PAUSE_FD_LOGS + POD_CONTAINERS_MAX * PAUSE_LOG_FDS)

static int create_board(struct pause *p, struct err *err)
{
	int fd = memfd_create("podd-board", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	p->board_fd = fd;
	if (fd < 0 || ftruncate(fd, BOARD_SIZE) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return err_sys(err, "make the board");
	p->board = mmap(NULL, BOARD_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p->board == MAP_FAILED) {
		p->board = NULL;
		return err_sys(err, "map the board");
	}
	p->board->magic = BOARD_MAGIC;
	p->board->version = BOARD_VERSION;
	p->board->slot_n = BOARD_SLOTS;
	return 0;
}

/**
 * pause_init() - a pause that holds nothing yet, fit for pause_done()
 */
void pause_init(struct pause *p)
{
	*p = (struct pause){ .pidfd = -EBADF, .event_fd = -EBADF, .board_fd = -EBADF,
			     .record_fd = -EBADF, .store = { -EBADF, -EBADF },
			     .userns = USERNS_HOST };
	for (size_t i = 0; i < POD_CONTAINERS_MAX; i++) {
		p->firsts[i].pidfd = -EBADF;
		for (size_t k = 0; k < PAUSE_LOG_FDS; k++)
			p->logs[i][k] = -EBADF;
	}
}

static int make_logs(int fds[PAUSE_LOG_FDS], struct err *err)
{
	int r = log_pipe_create(&fds[PAUSE_LOG_STDOUT_READ], &fds[PAUSE_LOG_STDOUT_WRITE], err);

	if (r == 0)
		r = log_pipe_create(&fds[PAUSE_LOG_STDERR_READ], &fds[PAUSE_LOG_STDERR_WRITE],
				    err);
	return r < 0 ? r : log_buffer_create(&fds[PAUSE_LOG_BUFFER], err);
}

static void close_logs(int fds[PAUSE_LOG_FDS])
{
	for (size_t k = 0; k < PAUSE_LOG_FDS; k++)
		close_fd(&fds[k]);
}

/**
 * pause_prepare() - make what podd and the pause will share
 * @p: initialised
 * @container_n: that many containers get log pipes
 *
 * Return: 0 or -errno with @err filled.
 */
int pause_prepare(struct pause *p, size_t container_n, struct err *err)
{
	int r;

	p->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->event_fd < 0)
		return err_sys(err, "make the pause's eventfd");
	r = create_board(p, err);
	if (r == 0)
		r = record_create(&p->record_fd, &p->record, err);
	if (r == 0 && p->userns.fd < 0)
		record_of_host_ids(p->record);
	if (r == 0)
		r = fd_store_create(&p->store, err);
	for (; r == 0 && p->log_n < container_n; p->log_n++)
		r = make_logs(p->logs[p->log_n], err);
	return r;
}

/**
 * pause_logs_create() - log pipes for a container that comes later
 * @place: a free one
 *
 * Return: 0 or -errno with @err filled; nothing is there then.
 */
int pause_logs_create(struct pause *p, unsigned place, struct err *err)
{
	int *fds = p->logs[place];
	int r;

	close_logs(fds); /* of who had the place before */
	r = make_logs(fds, err);
	for (enum pause_log_fd k = 0; r == 0 && k < PAUSE_LOG_FDS; k++)
		r = fd_store_put(&p->store, pause_store_log(place, k), fds[k], err);
	if (r < 0)
		pause_logs_remove(p, place);
	return r;
}

/**
 * pause_logs_remove() - give up the log pipes of a place
 *
 * Those in the pause's own table stay open there, without a use.
 */
void pause_logs_remove(struct pause *p, unsigned place)
{
	close_logs(p->logs[place]);
	for (enum pause_log_fd k = 0; k < PAUSE_LOG_FDS; k++)
		/* At worst it stays until the place is given again. */
		(void)fd_store_remove(&p->store, pause_store_log(place, k), NULL);
}

struct birth {
	struct pause *p;
	const struct pause_args *args;
	int binary_fd;
	pid_t pid;
	bool running; /* execve was reached; false again when it failed */
	struct err *err;
};

/*
 * Put every descriptor at the number that pause/board.h gives it. First all of
 * them out of the way, since the sources may sit on each other's targets.
 */
static int arrange_descriptors(struct birth *b)
{
	int fds[PAUSE_FDS_MAX];
	size_t n = PAUSE_FD_LOGS + b->p->log_n * PAUSE_LOG_FDS;

	for (size_t i = 0; i < n; i++)
		fds[i] = -EBADF;
	fds[PAUSE_FD_EVENT] = b->p->event_fd;
	fds[PAUSE_FD_BOARD] = b->p->board_fd;
	fds[PAUSE_FD_LEASE] = b->args->lease_fd;
	fds[PAUSE_FD_ALIVE] = b->args->alive_fd;
	fds[PAUSE_FD_RECORD] = b->p->record_fd;
	fds[PAUSE_FD_STORE_SEND] = b->p->store.send_fd;
	fds[PAUSE_FD_STORE_RECEIVE] = b->p->store.receive_fd;
	memcpy(fds + PAUSE_FD_LOGS, b->p->logs, b->p->log_n * sizeof(b->p->logs[0]));

	b->binary_fd = fcntl(b->binary_fd, F_DUPFD_CLOEXEC, PAUSE_FDS_MAX);
	for (size_t i = 0; i < n; i++)
		if (fds[i] >= 0) {
			fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, PAUSE_FDS_MAX);
			if (fds[i] < 0)
				return err_sys(b->err, "set up the pause's descriptors");
		}
	if (sys_close_range(0, PAUSE_FDS_MAX - 1, 0) < 0)
		return err_sys(b->err, "close the pause's other descriptors");
	for (size_t i = 0; i < n; i++)
		if (fds[i] >= 0 && dup2(fds[i], (int)i) < 0)
			return err_sys(b->err, "set up the pause's descriptors");
	return 0;
}

/* Should: hold the descriptors, be nobody. Mustn't: keep a capability; the execve of who is
 * no root takes what is left. */
static int become_pause(void *arg)
{
	static char name[] = "pod-pause";
	const struct user_ids nobody = { .uid = PAUSE_ID, .gid = PAUSE_ID };
	static const struct container_capabilities none = { .drop = CAPABILITY_ALL };
	struct birth *b = arg;
	char *argv[] = { name, (char *)b->args->pod, NULL };
	char *env[] = { NULL };
	int r;

	if (sethostname(b->args->hostname, strlen(b->args->hostname)) < 0)
		return err_about(b->err,
				 err_sys(b->err, "set the host name '%s'", b->args->hostname),
				 "Hostname", 0) != 0;
	r = arrange_descriptors(b);
	if (r == 0 && setsid() < 0)
		r = err_sys(b->err, "make a session");
	if (r == 0)
		r = identity_drop_bounding(0, b->err);
	if (r == 0 && b->p->userns.fd < 0)
		r = identity_become(&nobody, &none, false, b->err);
	else if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = err_sys(b->err, "set no_new_privs");
	if (r < 0)
		return 1;
	b->running = true;
	(void)sys_execveat(b->binary_fd, "", argv, env, AT_EMPTY_PATH);
	b->running = false;
	return err_sys(b->err, "execute the pause") != 0;
}

/*
 * In the pause's group and mount namespace. Should: own the pod's other namespaces
 * by its user namespace, and see nothing of the host's mounts.
 */
static int bear_pause(void *arg)
{
	struct birth *b = arg;
	const struct child_args args = {
		/* podd's child: this one is gone in a moment. Its end sends no signal. */
		.flags = CLONE_PARENT | CLONE_PIDFD | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
			 CLONE_NEWCGROUP | (b->args->host_network ? 0 : CLONE_NEWNET),
		.pidfd = &b->p->pidfd,
		.stack_size = CHILD_STACK_INNER,
	};

	if (container_lean_root(b->args->shm_size_bytes, &b->p->userns, b->err) < 0 ||
	    (b->p->userns.fd >= 0 && userns_enter_as_nobody(&b->p->userns, b->err) < 0))
		return 1;
	b->pid = child_spawn(&args, become_pause, b);
	if (b->pid < 0)
		return err_set(b->err, -b->pid, "clone the pause: %s", strerror(-b->pid)) != 0;
	return 0;
}

/*
 * Beside podd itself (a build directory), or in the library directory that belongs to
 * podd's bin directory.
 *
 * The pause may not read its own program: so the kernel asks who traces it, or takes its
 * descriptors, for CAP_SYS_PTRACE where the program's owner is somebody (fs/exec.c,
 * would_dump(), Linux 4.10), not in the pod's user namespace, where the file may give it.
 */
static int open_binary(const char *path, struct err *err)
{
	char found[PATH_MAX];
	cleanup_close int fd = -EBADF;
	struct stat st;
	int r = path ? 0 : program_find(found, "pod-pause", err);

	if (r < 0)
		return r;
	path = path ? path : found;
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "open the pause '%s'", path);
	if (st.st_mode & (S_IRGRP | S_IROTH))
		return err_set(err, EPERM,
			       "the pause '%s': others may read it, so that containers could "
			       "trace it; chmod 711", path);
	return take_fd(&fd);
}

/**
 * pause_start() - clone the pause into new namespaces and its control group
 * @p: prepared; @p->userns is the pod's
 * @args: borrowed; @args->lease_fd and @args->alive_fd are dup'd into the pause
 *
 * Return: 0 or -errno with @err filled (EPERM: not root; EINVAL, ENOSPC: a
 * namespace that the kernel lacks or refuses, clone(2)).
 */
int pause_start(struct pause *p, const struct pause_args *args, struct err *err)
{
	cleanup_close int binary = open_binary(args->binary, err);
	struct birth b = { .p = p, .args = args, .binary_fd = binary, .err = err };
	const struct child_args mother = {
		.flags = CLONE_INTO_CGROUP | CLONE_NEWNS,
		.cgroup_fd = args->cgroup_fd,
	};
	int r;

	if (binary < 0)
		return binary;
	r = child_call(&mother, bear_pause, &b);
	fault_kill("pause-cloned");
	if (r < 0)
		return err_set(err, -r, "clone the pause's parent: %s", strerror(-r));
	if (!b.running) {
		pause_kill(p);
		return err_wrap(err, -err->code, "start the pause");
	}
	p->pid = b.pid;
	return 0;
}

/* ------------------------------------------------------------------- adoption */

#define IDENTITY_FILE "pause" /* in the pod's run directory */
#define IDENTITY_SIZE 128

/* The boot, the pid and the start of a process: together nobody else's, ever. */
static int identify(char out[IDENTITY_SIZE], pid_t pid, struct err *err)
{
	char path[64], stat[1024], boot[64];
	unsigned long long start;
	const char *p;

	if (io_read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", boot, sizeof(boot), err) < 0)
		return -err->code;
	boot[strcspn(boot, "\n")] = '\0';
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (io_read_file(AT_FDCWD, path, stat, sizeof(stat), err) < 0)
		return -err->code;
	/* Field 22, counted after the name, which may hold anything: proc(5). */
	p = strrchr(stat, ')');
	if (!p || sscanf(p + 1,
			 " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
			 "%*d %*d %llu",
			 &start) != 1)
		return err_set(err, EPROTO, "read the start time in '%s'", path);
	snprintf(out, IDENTITY_SIZE, "1 %s %d %llu\n", boot, pid, start);
	return 0;
}

/**
 * pause_identity_exists() - whether a pause was started here and its pod did
 * not end in order
 */
bool pause_identity_exists(int run_fd)
{
	return faccessat(run_fd, IDENTITY_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/**
 * pause_identity_remove() - forget a pause that is dead
 * @run_fd: the pod's run directory
 *
 * Before another is started: a podd that is killed right after that must not
 * leave the word of the old one beside the new one.
 *
 * Return: 0, also when there is none, or -errno with @err filled.
 */
int pause_identity_remove(int run_fd, struct err *err)
{
	if (unlinkat(run_fd, IDENTITY_FILE, 0) < 0 && errno != ENOENT)
		return err_sys(err, "remove '%s'", IDENTITY_FILE);
	return 0;
}

/**
 * pause_identity_write() - leave word of who the pause is, for a later podd
 * @run_fd: the pod's run directory
 *
 * Return: 0 or -errno with @err filled.
 */
int pause_identity_write(const struct pause *p, int run_fd, struct err *err)
{
	char text[IDENTITY_SIZE];
	int r = identify(text, p->pid, err);

	return r < 0 ? r : io_replace_file(run_fd, IDENTITY_FILE, text, strlen(text), err);
}

/**
 * pause_identity_is_of_another_boot() - whether the word of a pause is from before
 * this boot, so that it tells of nothing that lives
 */
bool pause_identity_is_of_another_boot(int run_fd)
{
	char said[IDENTITY_SIZE], is[IDENTITY_SIZE], boot[2][64];

	return io_read_file(run_fd, IDENTITY_FILE, said, sizeof(said), NULL) > 0 &&
	       identify(is, getpid(), NULL) == 0 && sscanf(said, "1 %63s", boot[0]) == 1 &&
	       sscanf(is, "1 %63s", boot[1]) == 1 && strcmp(boot[0], boot[1]) != 0;
}

/* No word of it: but somebody is in its group, and will have to hold our lock. */
static int find_by_group(struct pause *p, pid_t pid, struct err *err)
{
	if (pid <= 1)
		return err_set(err, ENOENT, "the pause was never made known");
	p->pid = pid;
	p->pidfd = sys_pidfd_open(pid, 0);
	return p->pidfd < 0 ? err_sys(err, "open the pause, process %d", pid) : 0;
}

/* Find the process that the run directory names, and be sure that it is that one. */
static int find_pause(struct pause *p, int run_fd, pid_t pid_hint, struct err *err)
{
	char said[IDENTITY_SIZE], is[IDENTITY_SIZE];
	int r, version;

	r = (int)io_read_file(run_fd, IDENTITY_FILE, said, sizeof(said), err);
	if (r == -ENOENT)
		return find_by_group(p, pid_hint, err);
	if (r < 0)
		return r;
	if (sscanf(said, "%d %*s %d ", &version, &p->pid) != 2 || version != 1 || p->pid <= 1)
		return err_set(err, EPROTO, "the file '%s' is damaged or of another version",
			       IDENTITY_FILE);
	/* First the pidfd, then the look: what is seen is the process it holds,
	 * as long as that lives. */
	p->pidfd = sys_pidfd_open(p->pid, 0);
	if (p->pidfd < 0)
		return err_sys(err, "open the pause, process %d", p->pid);
	r = identify(is, p->pid, err);
	if (r < 0)
		return r;
	if (strcmp(said, is) != 0)
		return err_set(err, ESRCH, "process %d is not the pause that was started", p->pid);
	return 0;
}

/**
 * pause_take_fd() - a duplicate of one of the pause's descriptors
 * @number: enum pause_fd
 *
 * Return: the descriptor, O_CLOEXEC, the caller's; or -errno with @err filled
 * (pidfd_getfd(2), Linux 5.6).
 */
int pause_take_fd(const struct pause *p, int number, struct err *err)
{
	int fd = sys_pidfd_getfd(p->pidfd, number);

	return fd < 0 ? err_sys(err, "take descriptor %d of the pause", number) : fd;
}

/* That it holds the very lock that made us look for it proves whose pause it is. */
static int check_lock(const struct pause *p, int alive_fd, struct err *err)
{
	cleanup_close int held = pause_take_fd(p, PAUSE_FD_ALIVE, err);

	if (held < 0)
		return held;
	if (!io_same_file(held, alive_fd))
		return err_set(err, EPROTO, "process %d is the pause of another pod", p->pid);
	return 0;
}

/**
 * pause_check_dead() - whether a pod is dead whose lock is free
 * @run_fd: the pod's run directory
 * @alive_fd: its "alive", locked by us
 * @pid_hint: as for pause_adopt()
 *
 * Its pause drops the lock before it is gone: one that holds nothing any more is dead.
 *
 * Return: 0, or -EBUSY with @err filled: it lives, and holds another file.
 */
int pause_check_dead(int run_fd, int alive_fd, pid_t pid_hint, struct err *err)
{
	struct pause p = { .pidfd = -EBADF };
	cleanup_close int held = -EBADF;

	if (find_pause(&p, run_fd, pid_hint, NULL) == 0)
		held = pause_take_fd(&p, PAUSE_FD_ALIVE, NULL);
	close_fd(&p.pidfd);
	if (held < 0 || io_same_file(held, alive_fd))
		return 0;
	return err_set(err, EBUSY, "the pod runs already and cannot be adopted: 'alive' is not the "
		       "file that its pause, process %d, holds", p.pid);
}

static int map_board(struct pause *p, struct err *err)
{
	struct stat st;

	if (fstat(p->board_fd, &st) < 0)
		return err_sys(err, "look at the board");
	if (st.st_size < BOARD_SIZE)
		return err_set(err, EPROTO, "the board is too short");
	p->board = mmap(NULL, BOARD_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, p->board_fd, 0);
	if (p->board == MAP_FAILED) {
		p->board = NULL;
		return err_sys(err, "map the board");
	}
	if (p->board->magic != BOARD_MAGIC || p->board->version != BOARD_VERSION)
		return err_set(err, EPROTO, "the board has version %u, this podd knows %u",
			       p->board->version, BOARD_VERSION);
	return 0;
}

static int take_all(struct pause *p, struct err *err)
{
	const struct {
		int number;
		int *to;
	} singles[] = {
		{ PAUSE_FD_EVENT, &p->event_fd },
		{ PAUSE_FD_BOARD, &p->board_fd },
		{ PAUSE_FD_RECORD, &p->record_fd },
		{ PAUSE_FD_STORE_SEND, &p->store.send_fd },
		{ PAUSE_FD_STORE_RECEIVE, &p->store.receive_fd },
	};

	for (size_t i = 0; i < ARRAY_SIZE(singles); i++) {
		*singles[i].to = pause_take_fd(p, singles[i].number, err);
		if (*singles[i].to < 0)
			return *singles[i].to;
	}
	return 0;
}

static int take_logs_of(struct pause *p, const struct record_member *m, struct err *err)
{
	int r;

	for (enum pause_log_fd k = 0; k < PAUSE_LOG_FDS; k++) {
		int n = PAUSE_FD_LOGS + (int)m->place * PAUSE_LOG_FDS + (int)k;
		int fd = m->logs_stored ?
				 fd_store_get(&p->store, pause_store_log(m->place, k), err) :
				 pause_take_fd(p, n, err);

		if (fd < 0)
			return fd;
		p->logs[m->place][k] = fd;
	}
	r = log_buffer_check(p->logs[m->place][PAUSE_LOG_BUFFER], err);
	return r < 0 ? err_wrap(err, r, "container '%s'", m->name) : 0;
}

static int take_logs(struct pause *p, struct err *err)
{
	const struct record_state *state = record_current(p->record);

	if (!state)
		return 0;
	if (state->machine.n > POD_CONTAINERS_MAX)
		return err_set(err, EPROTO, "the pod's record is damaged");
	for (unsigned i = 0; i < state->machine.n; i++) {
		const struct record_member *m = &state->members[i];
		int r = m->place < POD_CONTAINERS_MAX && memchr(m->name, '\0', sizeof(m->name)) ?
				take_logs_of(p, m, err) :
				err_set(err, EPROTO, "the pod's record is damaged");

		if (r < 0)
			return r;
	}
	return 0;
}

/**
 * pause_adopt() - take over a pause that another podd has started
 * @p: initialised; give it to pause_done() in the end, also after a failure
 * @run_fd: the pod's run directory
 * @alive_fd: the pod's "alive", whose lock somebody holds
 * @pid_hint: who is in its control group: asked when the run directory does not
 *	say who it is; or 0
 *
 * Changes nothing about the pause or the pod.
 *
 * Return: 0 or -errno with @err filled (ENOENT: it was never made known; ESRCH:
 * another process has its pid; EPROTO: not ours, damaged or of another version).
 */
int pause_adopt(struct pause *p, int run_fd, int alive_fd, pid_t pid_hint, struct err *err)
{
	int r = find_pause(p, run_fd, pid_hint, err);

	if (r < 0)
		return r;
	r = check_lock(p, alive_fd, err);
	if (r == 0)
		r = userns_find(&p->userns, p->pid, err);
	if (r == 0)
		r = take_all(p, err);
	if (r == 0)
		r = map_board(p, err);
	if (r == 0)
		r = record_open(p->record_fd, &p->record, err);
	if (r == 0)
		r = take_logs(p, err);
	/* That means that there is no pause: nothing else is to. */
	return r == -ENOENT ? -EPROTO : r;
}

/**
 * pause_kill() - end the pause, and with it every process of the pod
 *
 * Comes back when PID 1 is gone, so when all others are: the kernel ends and
 * reaps them before it (pid_namespaces(7)). Idempotent.
 */
void pause_kill(struct pause *p)
{
	struct pollfd gone = { .fd = p->pidfd, .events = POLLIN };
	siginfo_t info;

	if (p->pidfd < 0)
		return;
	(void)sys_pidfd_send_signal(p->pidfd, SIGKILL); /* ESRCH: gone already */
	fault_kill("pause-killed");
	while (poll(&gone, 1, -1) < 0 && errno == EINTR)
		;
	fault_kill("pause-gone");
	/* Our child, unless another podd has made it: then ECHILD. */
	(void)waitid(P_PIDFD, (id_t)p->pidfd, &info, WEXITED | __WALL);
	close_fd(&p->pidfd);
	p->pid = 0;
}

/**
 * pause_done() - let go of everything shared with the pause; it lives on
 */
void pause_done(struct pause *p)
{
	close_fd(&p->pidfd);
	close_fd(&p->event_fd);
	close_fd(&p->board_fd);
	if (p->board)
		(void)munmap(p->board, BOARD_SIZE);
	p->board = NULL;
	fd_store_close(&p->store);
	close_fd(&p->userns.fd);
	close_fd(&p->record_fd);
	record_close(p->record);
	p->record = NULL;
	for (size_t i = 0; i < POD_CONTAINERS_MAX; i++) {
		close_fd(&p->firsts[i].pidfd);
		close_logs(p->logs[i]);
	}
	pause_init(p);
}
