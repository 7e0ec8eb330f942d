/* SPDX-License-Identifier: MIT */
/* The floor program: makes a pod, restarts its first container, ends it. */

/*
 *	floor ROOT LOWER VOLUME CGROUPS BRIDGE MAKE-BRIDGE PAUSE CONTAINERS RESTARTS APP...
 *
 * Ends at the end of its standard input and leaves nothing behind.
 */
#include "tests/bench/floor.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>

#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ULL
#endif

#define PIPE_BYTES   (256 * 1024)
#define BUFFER_BYTES (256 * 1024)
#define RECORD_BYTES 8360 /* sizeof(struct record), supervisor/record.h */
#define PAUSE_ID     65535
#define RING_ENTRIES 64

#define DIRECTORY (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

int must(long r, const char *what)
{
	if (r >= 0)
		return (int)r;
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	_exit(1);
}

/*
 * clone3(VM|VFORK) on the caller's own stack: the caller stands still until the
 * child, whose frames lie below its own, has exec'd or exited.
 */
__attribute__((noinline)) pid_t floor_spawn(uint64_t flags, int cgroup_fd, int *pidfd,
					    int (*fn)(void *), void *arg)
{
	struct clone_args ca = {
		.flags = flags | CLONE_VM | CLONE_VFORK,
		.exit_signal = flags & CLONE_PIDFD ? SIGCHLD : 0,
		.pidfd = (uintptr_t)pidfd,
		.cgroup = cgroup_fd < 0 ? 0 : (uint64_t)cgroup_fd,
	};
#if defined(__x86_64__)
	long r;

	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(SYS_clone3), "D"(&ca), "S"(sizeof(ca))
			 : "rcx", "r11", "memory");
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = SYS_clone3;
	register long r __asm__("x0") = (long)&ca;
	register long x1 __asm__("x1") = sizeof(ca);

	__asm__ volatile("svc #0" : "+r"(r) : "r"(x8), "r"(x1) : "memory");
#else
#error "tests/bench/floor.c: clone3 is not written for this machine yet"
#endif
	if (r == 0)
		_exit(fn(arg));
	errno = r < 0 ? (int)-r : 0;
	return must(r < 0 ? -1 : r, "clone3");
}

/* --------------------------------------------------------------------- identity */

#define CAP(name) (UINT64_C(1) << CAP_##name)
#define CONTAINER_CAPS \
	(CAP(CHOWN) | CAP(DAC_OVERRIDE) | CAP(FOWNER) | CAP(FSETID) | CAP(KILL) | \
	 CAP(NET_BIND_SERVICE) | CAP(SETFCAP) | CAP(SETGID) | CAP(SETPCAP) | CAP(SETUID) | \
	 CAP(SYS_CHROOT))

static void drop_bounding(uint64_t from, uint64_t keep)
{
	for (unsigned cap = 0; cap < 64; cap++)
		if (from >> cap & ~keep >> cap & 1 && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			break;
}

/* The bounding set of an application is what was left at the program's start. */
static void become(uid_t id, uint64_t keep)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	const gid_t group = id;

	must(syscall(SYS_setgroups, 1, &group), "setgroups");
	must(syscall(SYS_setresgid, id, id, id), "setresgid");
	must(syscall(SYS_setresuid, id, id, id), "setresuid");
	must(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "ambient");
	must(syscall(SYS_capget, &head, data), "capget");
	for (int i = 0; i < 2; i++) {
		data[i].permitted &= (uint32_t)(keep >> (32 * i));
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	must(syscall(SYS_capset, &head, data), "capset");
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
}

/* ------------------------------------------------------------------------ state */

static int make_dir(int parent, const char *name)
{
	must(mkdirat(parent, name, 0700), name);
	return must(openat(parent, name, DIRECTORY), name);
}

static void prepare_process(void)
{
	const struct mount_attr slave = { .propagation = MS_SLAVE };
	sigset_t all;

	sigfillset(&all);
	must(sigprocmask(SIG_BLOCK, &all, NULL), "sigprocmask");
	must(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "dumpable");
	drop_bounding(UINT64_MAX, CONTAINER_CAPS);
	must(unshare(CLONE_NEWNS), "unshare");
	must(sys_mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &slave), "slave");
}

static void open_loop(struct floor *f)
{
	struct io_uring_params p = { .flags = IORING_SETUP_SINGLE_ISSUER |
					      IORING_SETUP_DEFER_TASKRUN };
	sigset_t set;

	f->ring_fd = must(syscall(SYS_io_uring_setup, RING_ENTRIES, &p), "io_uring_setup");
	if (mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe),
		 PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, f->ring_fd,
		 IORING_OFF_SQ_RING) == MAP_FAILED ||
	    mmap(NULL, RING_ENTRIES * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_POPULATE, f->ring_fd, IORING_OFF_SQES) == MAP_FAILED)
		must(-1, "map the ring");
	f->timer_fd = must(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC), "timerfd");
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	f->signal_fd = must(signalfd(-1, &set, SFD_CLOEXEC), "signalfd");
}

static void open_state(struct floor *f)
{
	static const char lease[] = "floor0 10.77.3.2/22 10.77.0.1 floor\n";
	int net;

	f->root_fd = must(open(f->root, DIRECTORY), f->root);
	f->run_fd = make_dir(f->root_fd, "run");
	must(flock(f->run_fd, LOCK_EX | LOCK_NB), "lock");
	f->log_dirfd = make_dir(f->root_fd, "log");
	f->scratch_fd = make_dir(f->run_fd, "scratch");
	must(mkdirat(f->scratch_fd, "root", 0700), "scratch/root");
	f->alive_fd = must(openat(f->run_fd, "alive", O_RDWR | O_CREAT | O_CLOEXEC, 0600), "alive");
	must(flock(f->alive_fd, LOCK_EX | LOCK_NB), "lock");

	net = make_dir(f->root_fd, "net");
	must(flock(net, LOCK_EX), "lock");
	if (f->make_bridge)
		floor_make_bridge(f);
	f->lease_fd = must(openat(net, "lease", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600),
			   "lease");
	must(flock(f->lease_fd, LOCK_EX | LOCK_NB), "lock");
	must(write(f->lease_fd, lease, sizeof(lease) - 1), "lease");
	(void)close(net);
}

static void make_groups(struct floor *f)
{
	int parent = must(open(f->cgroups, DIRECTORY), f->cgroups);

	f->cgroup_fd = make_dir(parent, "floor");
	f->pause_cgroup_fd = make_dir(f->cgroup_fd, "pause");
	(void)close(parent);
}

static int make_memfd(const char *name, off_t size)
{
	int fd = must(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING), name);

	must(ftruncate(fd, size), name);
	must(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), name);
	return fd;
}

static void make_pipe(int *read_fd, int *write_fd)
{
	int fds[2];

	must(pipe2(fds, O_CLOEXEC), "pipe");
	must(fcntl(fds[0], F_SETFL, O_NONBLOCK), "pipe");
	must(fcntl(fds[1], F_SETPIPE_SZ, PIPE_BYTES), "pipe");
	*read_fd = fds[0];
	*write_fd = fds[1];
}

static void *map(int fd, size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	must(p == MAP_FAILED ? -1 : 0, "mmap");
	return p;
}

static void make_shared(struct floor *f)
{
	f->event_fd = must(eventfd(0, EFD_CLOEXEC), "eventfd");
	f->board_fd = make_memfd("board", BOARD_SIZE);
	f->board = map(f->board_fd, BOARD_SIZE);
	f->board->magic = BOARD_MAGIC;
	f->board->version = BOARD_VERSION;
	f->board->slot_n = BOARD_SLOTS;
	f->record_fd = make_memfd("record", RECORD_BYTES);
	f->record = map(f->record_fd, RECORD_BYTES);
	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, f->store_fds),
	     "socketpair");
	for (unsigned i = 0; i < f->container_n; i++) {
		int *logs = f->containers[i].logs;

		make_pipe(&logs[PAUSE_LOG_STDOUT_READ], &logs[PAUSE_LOG_STDOUT_WRITE]);
		make_pipe(&logs[PAUSE_LOG_STDERR_READ], &logs[PAUSE_LOG_STDERR_WRITE]);
		logs[PAUSE_LOG_BUFFER] = make_memfd("log", BUFFER_BYTES);
	}
}

/* ------------------------------------------------------------------------ pause */

static void place(int from, int to)
{
	/* Ascending: no source may be another's target, or be in place already. */
	must(from > to ? 0 : -1, "descriptors of the pause");
	must(dup2(from, to), "dup2");
}

static int become_pause(void *arg)
{
	struct floor *f = arg;
	char *argv[] = { (char *)"pod-pause", (char *)"floor", NULL }, *env[] = { NULL };
	int binary = must(open(f->pause, O_PATH | O_CLOEXEC), f->pause);

	must(sethostname("floor", 5), "sethostname");
	floor_lean_root();
	place(f->event_fd, PAUSE_FD_EVENT);
	place(f->board_fd, PAUSE_FD_BOARD);
	place(f->lease_fd, PAUSE_FD_LEASE);
	place(f->alive_fd, PAUSE_FD_ALIVE);
	place(f->record_fd, PAUSE_FD_RECORD);
	place(f->store_fds[0], PAUSE_FD_STORE_SEND);
	place(f->store_fds[1], PAUSE_FD_STORE_RECEIVE);
	for (unsigned i = 0; i < f->container_n; i++)
		for (int k = 0; k < PAUSE_LOG_FDS; k++)
			place(f->containers[i].logs[k],
			      PAUSE_FD_LOGS + (int)i * PAUSE_LOG_FDS + k);
	must(sys_close_range(0, 2, 0), "close_range");
	must(setsid(), "setsid");
	drop_bounding(CONTAINER_CAPS, 0);
	become(PAUSE_ID, 0);
	must(sys_execveat(binary, "", argv, env, AT_EMPTY_PATH), "execute the pause");
	return 1;
}

/* Who the pause is, for a podd that comes after this one: pid, start, boot. */
static void write_identity(const struct floor *f)
{
	char path[64], text[1200];
	ssize_t n, more;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", f->pause_pid);
	fd = must(open(path, O_RDONLY | O_CLOEXEC), path);
	n = must(read(fd, text, 1024), path);
	(void)close(fd);
	fd = must(open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC), "boot_id");
	more = must(read(fd, text + n, 64), "boot_id");
	(void)close(fd);
	fd = must(openat(f->run_fd, "new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600), "new");
	must(write(fd, text, (size_t)(n + more)), "new");
	(void)close(fd);
	must(renameat(f->run_fd, "new", f->run_fd, "pause"), "rename");
}

/* ------------------------------------------------------------------- containers */

static void prepare_container(struct floor *f, unsigned i)
{
	struct floor_container *c = &f->containers[i];
	char name[] = "c-0", log[] = "0.log";

	name[2] = log[0] = (char)('0' + i);
	c->slot = &f->board->slots[i];
	c->cgroup_fd = make_dir(f->cgroup_fd, name);
	c->events_fd = must(openat(c->cgroup_fd, "cgroup.events", O_RDONLY | O_CLOEXEC), "events");
	c->buffer = map(c->logs[PAUSE_LOG_BUFFER], BUFFER_BYTES);
	*(volatile uint64_t *)c->buffer = 1;
	c->log_fd = must(openat(f->log_dirfd, log, O_RDWR | O_CREAT | O_CLOEXEC, 0640), log);
}

static void open_control(struct floor *f)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	f->control_fd = must(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
			     "socket");
	must(fchmod(f->control_fd, 0600), "chmod");
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/control", f->run_fd);
	must(bind(f->control_fd, (struct sockaddr *)&addr, sizeof(addr)), "bind");
	must(listen(f->control_fd, 32), "listen");
}

/* What A and B work on. */
struct start {
	struct floor *f;
	struct floor_container *c;
	int null_fd;
};

static int become_app(void *arg)
{
	static char *env[] = { (char *)"PATH=/bin", (char *)"HOME=/", (char *)"container=floor",
			       NULL };
	struct start *s = arg;
	char cwd[PATH_MAX];
	sigset_t none;

	must(setsid(), "setsid");
	must(dup2(s->null_fd, 0), "dup2");
	must(dup2(s->c->logs[PAUSE_LOG_STDOUT_WRITE], 1), "dup2");
	must(dup2(s->c->logs[PAUSE_LOG_STDERR_WRITE], 2), "dup2");
	must(chdir("/"), "chdir");
	must(syscall(SYS_getcwd, cwd, sizeof(cwd)), "getcwd");
	become(0, CONTAINER_CAPS);
	must(sys_close_range(3, ~0U, 0), "close_range");
	s->c->slot->pid = getpid();
	__atomic_store_n(&s->c->slot->state, BOARD_RUNNING, __ATOMIC_RELEASE);
	sigemptyset(&none);
	must(sigprocmask(SIG_SETMASK, &none, NULL), "sigprocmask");
	(void)execve(s->f->app[0], s->f->app, env);
	_exit(127);
}

/* Child A. The first time it builds the root on its way, and with its own group
 * in a cgroup namespace, so that B inherits both. */
static int join_and_clone(void *arg)
{
	struct start *s = arg;
	struct floor_container *c = s->c;

	if (c->mntns_fd < 0) {
		floor_build_root(s->f, c);
	} else {
		must(setns(s->f->pause_pidfd, CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS), "setns");
		must(setns(c->mntns_fd, CLONE_NEWNS), "setns");
	}
	s->null_fd = must(open("/dev/null", O_RDWR | O_CLOEXEC), "/dev/null");
	(void)floor_spawn(CLONE_PIDFD | CLONE_CLEAR_SIGHAND, -1, &c->pidfd, become_app, s);
	return 0;
}

/* Into the pause's keeping. */
static void store(const struct floor *f, int fd)
{
	char room[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
	struct iovec iov = { .iov_base = (char *)"0", .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room,
			      .msg_controllen = sizeof(room) };
	struct cmsghdr *head = CMSG_FIRSTHDR(&msg);

	*head = (struct cmsghdr){ CMSG_LEN(sizeof(fd)), SOL_SOCKET, SCM_RIGHTS };
	memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	must(sendmsg(f->store_fds[0], &msg, 0), "sendmsg");
}

static void start_container(struct floor *f, struct floor_container *c)
{
	struct start s = { .f = f, .c = c };
	int first = c->mntns_fd < 0, status;
	pid_t pid;

	/* podd writes down each step before it makes it. */
	memset(f->record, 1, RECORD_BYTES);

	__atomic_store_n(&c->slot->state, BOARD_STARTING, __ATOMIC_RELEASE);
	must(setns(f->pause_pidfd, CLONE_NEWPID), "setns");
	pid = floor_spawn(CLONE_FILES | CLONE_INTO_CGROUP | CLONE_NEWCGROUP, c->cgroup_fd, NULL,
			  join_and_clone, &s);
	must(waitpid(pid, &status, __WALL), "waitpid");
	must(setns(f->own_pidns_fd, CLONE_NEWPID), "setns");
	if (status)
		_exit(1); /* the child has said why */
	(void)close(s.null_fd);
	if (first)
		store(f, c->mntns_fd);
}

/* ------------------------------------------------------------------------- pod */

static void make_pod(struct floor *f)
{
	prepare_process();
	open_loop(f);
	make_groups(f);
	open_state(f);
	make_shared(f);
	f->pause_pid = floor_spawn(CLONE_PIDFD | CLONE_INTO_CGROUP | CLONE_NEWNS | CLONE_NEWPID |
					   CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP |
					   CLONE_NEWNET,
				   f->pause_cgroup_fd, &f->pause_pidfd, become_pause, f);
	write_identity(f);
	floor_attach(f);
	for (unsigned i = 0; i < f->container_n; i++)
		prepare_container(f, i);
	open_control(f);
	f->own_pidns_fd = must(open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC), "ns/pid");
	for (unsigned i = 0; i < f->container_n; i++)
		start_container(f, &f->containers[i]);
}

/* The first container exits, and is started again at once when its group is empty. */
static void restart_first(struct floor *f)
{
	struct floor_container *c = &f->containers[0];
	char text[128];
	uint64_t n;

	must(read(f->event_fd, &n, sizeof(n)), "eventfd");
	if (__atomic_load_n(&c->slot->state, __ATOMIC_ACQUIRE) != BOARD_EXITED)
		return;
	must(pread(c->events_fd, text, sizeof(text), 0), "cgroup.events");
	must(memcmp(text, "populated 0", 11) == 0 ? 0 : -1, "cgroup.events");
	(void)close(c->pidfd);
	start_container(f, c);
	f->restarts--;
}

static void wait_for_events(int events_fd)
{
	struct pollfd p = { .fd = events_fd, .events = POLLPRI };
	char text[128];

	for (;;) {
		must(pread(events_fd, text, sizeof(text), 0), "cgroup.events");
		if (memcmp(text, "populated 0", 11) == 0)
			return;
		must(poll(&p, 1, -1), "poll");
	}
}

/* Not measured. */
static void end_pod(struct floor *f)
{
	struct pollfd gone = { .fd = f->pause_pidfd, .events = POLLIN };
	int parent = must(open(f->cgroups, DIRECTORY), f->cgroups);

	must(sys_pidfd_send_signal(f->pause_pidfd, SIGKILL), "kill");
	must(poll(&gone, 1, -1), "poll");
	must(waitpid(f->pause_pid, NULL, __WALL), "waitpid");
	floor_unlink_net(f);
	for (unsigned i = 0; i < f->container_n; i++) {
		char name[] = "c-0", log[] = "0.log";

		name[2] = log[0] = (char)('0' + i);
		wait_for_events(f->containers[i].events_fd);
		must(unlinkat(f->cgroup_fd, name, AT_REMOVEDIR), name);
		must(unlinkat(f->log_dirfd, log, 0), log);
	}
	must(unlinkat(f->cgroup_fd, "pause", AT_REMOVEDIR), "pause");
	must(unlinkat(parent, "floor", AT_REMOVEDIR), "floor");
	must(unlinkat(f->scratch_fd, "root", AT_REMOVEDIR), "scratch/root");
	must(unlinkat(f->run_fd, "scratch", AT_REMOVEDIR), "scratch");
	must(unlinkat(f->run_fd, "alive", 0), "alive");
	must(unlinkat(f->run_fd, "control", 0), "control");
	must(unlinkat(f->run_fd, "pause", 0), "pause");
	must(unlinkat(f->root_fd, "net/lease", 0), "lease");
	must(unlinkat(f->root_fd, "net", AT_REMOVEDIR), "net");
	must(unlinkat(f->root_fd, "log", AT_REMOVEDIR), "log");
	must(unlinkat(f->root_fd, "run", AT_REMOVEDIR), "run");
}

int main(int argc, char **argv)
{
	static struct floor f;
	char byte;

	if (argc < 11 || atoi(argv[8]) < 1 || atoi(argv[8]) > FLOOR_CONTAINERS_MAX) {
		fputs("floor: see tests/bench/floor.c\n", stderr);
		return 2;
	}
	f = (struct floor){
		.root = argv[1],
		.lower = argv[2],
		.volume = argv[3],
		.cgroups = argv[4],
		.bridge = argv[5],
		.make_bridge = atoi(argv[6]),
		.pause = argv[7],
		.container_n = (unsigned)atoi(argv[8]),
		.restarts = (unsigned)atoi(argv[9]),
		.app = argv + 10,
	};
	for (unsigned i = 0; i < FLOOR_CONTAINERS_MAX; i++)
		f.containers[i].mntns_fd = -EBADF;
	make_pod(&f);
	while (f.restarts > 0)
		restart_first(&f);
	must(read(0, &byte, 1), "stdin");
	end_pod(&f);
	return 0;
}
