/* SPDX-License-Identifier: MIT */
/* Making the worker, and waiting for it. */
#include "image/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys.h"

#define CAP(name) (1u << CAP_##name)
#define KEPT                                                                              \
	(CAP(CHOWN) | CAP(DAC_OVERRIDE) | CAP(FOWNER) | CAP(FSETID) | CAP(MKNOD) | CAP(SETFCAP))
#define WATCH_MS 100
#define DESCRIPTORS_MAX 256 /* more than podd-image has */
/* What the process is before it begins: libraries, and what its parent had. */
#define MEMORY_BASE (256u << 20)

/* For good: what is not in the bounding set comes back by no execve(2). */
static int drop_bounding(unsigned kept, struct err *err)
{
	for (unsigned cap = 0; cap < 64; cap++)
		if ((cap >= 32 || !(kept & (1u << cap))) &&
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 &&
		    errno != EINVAL) /* past the kernel's last one */
			return err_sys(err, "drop capability %u", cap);
	return 0;
}

static int drop_capabilities(unsigned kept, struct err *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };

	if (syscall(SYS_capget, &head, data) < 0)
		return err_sys(err, "read the capabilities");
	data[0].permitted &= kept;
	data[0].effective = data[0].permitted;
	data[1].permitted = data[1].effective = 0;
	data[0].inheritable = data[1].inheritable = 0;
	if (syscall(SYS_capset, &head, data) < 0)
		return err_sys(err, "drop the capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(err, "set no_new_privs");
	return 0;
}

static int bound(const struct worker_limits *limits, struct err *err)
{
	const struct rlimit memory = { limits->memory_bytes + MEMORY_BASE,
				       limits->memory_bytes + MEMORY_BASE };
	const struct rlimit cpu = { limits->cpu_seconds, limits->cpu_seconds + 1 };
	const struct rlimit none = { 0, 0 };

	/* Address space: a sanitizer's shadow does not fit in any. */
#if !defined(__SANITIZE_ADDRESS__)
	if (setrlimit(RLIMIT_AS, &memory) < 0)
		return err_sys(err, "bound the memory");
#else
	(void)memory;
#endif
	if (setrlimit(RLIMIT_CPU, &cpu) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
		return err_sys(err, "bound the CPU time");
	return 0;
}

/* Where a descriptor leads; "" for what has no path. */
static void path_of(int fd, char path[PATH_MAX])
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, PATH_MAX - 1);
	path[n > 0 ? n : 0] = '\0';
}

/* @fd is @other from now on, which is used up. */
static int replace(int fd, int other, struct err *err)
{
	cleanup_close int fresh = other;

	if (fresh < 0 || dup3(fresh, fd, O_CLOEXEC) < 0)
		return err_sys(err, "take a descriptor out of the host's tree");
	return 0;
}

/*
 * A directory as a mount of its own, attached nowhere: nothing leads up from
 * there, where a descriptor into the host's tree has "..", whatever the root
 * is (chroot(2)). Read-only, but for the worker's own.
 */
static int detach(int fd, bool read_only, struct err *err)
{
	const struct mount_attr frozen = { .attr_set = MOUNT_ATTR_RDONLY };
	cleanup_close int tree = sys_open_tree(fd, "", OPEN_TREE_CLONE | AT_EMPTY_PATH |
					       OPEN_TREE_CLOEXEC);

	if (tree < 0)
		return err_sys(err, "take a directory out of the host's tree");
	if (read_only && sys_mount_setattr(tree, "", AT_EMPTY_PATH, &frozen) < 0)
		return err_sys(err, "make a directory read-only");
	return replace(fd, openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), err);
}

static int detach_one(const struct worker_args *args, int fd, const char *root_path,
		      struct err *err)
{
	size_t n = strlen(root_path);
	char path[PATH_MAX];
	struct stat st;

	if (fd == args->root_fd || fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode))
		return 0;
	if (st.st_nlink == 0) { /* removed: nobody finds it any more */
		(void)close(fd);
		return 0;
	}
	path_of(fd, path);
	/* What is below the root stays below it: a link from one to the other needs
	 * one mount. */
	if (strncmp(path, root_path, n) == 0 && path[n] == '/')
		return replace(fd, openat(args->root_fd, path + n + 1,
					  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), err);
	return detach(fd, true, err);
}

/* In the namespace where they were opened: others' mounts cannot be copied. */
static int detach_directories(const struct worker_args *args, struct err *err)
{
	char root_path[PATH_MAX];
	int r;

	path_of(args->root_fd, root_path);
	r = detach(args->root_fd, false, err);
	for (int fd = 0; r == 0 && fd < DESCRIPTORS_MAX; fd++)
		r = detach_one(args, fd, root_path, err);
	if (r == 0 && sys_close_range(DESCRIPTORS_MAX, ~0u, 0) < 0)
		r = err_sys(err, "close what is not needed");
	return r;
}

static int enter_root(const struct worker_args *args, struct err *err)
{
	if (detach_directories(args, err) < 0)
		return -err->code;
	if (unshare(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWNS | CLONE_NEWUTS) < 0)
		return err_sys(err, "leave the host's namespaces");
	if (fchdir(args->root_fd) < 0 || chroot(".") < 0)
		return err_sys(err, "enter the directory of the import");
	if (drop_bounding(KEPT, err) < 0)
		return -err->code;
	return drop_capabilities(KEPT, err);
}

/**
 * worker_network_account() - whom the worker with the network runs as
 */
struct account worker_network_account(void)
{
	return account_find("/etc/passwd", "podd-image");
}

/*
 * The user id last: with it go the capabilities that mounting and the bounding
 * set need (capabilities(7), "Effect of user ID changes on capabilities").
 */
static int keep_network(struct err *err)
{
	const struct mount_attr frozen = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID };
	const struct account who = worker_network_account();
	int r;

	if (unshare(CLONE_NEWIPC | CLONE_NEWNS | CLONE_NEWUTS) < 0)
		return err_sys(err, "leave the host's namespaces");
	if (sys_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    sys_mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &frozen) < 0 || chdir("/") < 0)
		return err_sys(err, "make the host's files read-only");
	if (drop_bounding(0, err) < 0)
		return -err->code;
	r = account_become(&who);
	if (r < 0)
		return err_set(err, -r, "become user %u: %s", who.uid, strerror(-r));
	return drop_capabilities(0, err);
}

/*
 * Should: be shut in before the first byte is read.
 * Mustn't: hold a descriptor of a directory above its root. With the network:
 * one that can be written to, but for what it was given.
 */
static int shut_in(const struct worker_args *args, struct err *err)
{
	int r = args->network ? keep_network(err) : enter_root(args, err);

	if (r < 0)
		return r;
	/* After the user id: changing that forgets it (prctl(2)). */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return err_sys(err, "ask to die with the parent");
	umask(0);
	return bound(&args->limits, err);
}

__attribute__((noreturn)) static void work(const struct worker_args *args, pid_t parent,
					   struct worker_progress *p)
{
	int r = shut_in(args, &p->err);

	if (r == 0 && getppid() != parent)
		r = err_set(&p->err, EINTR, "the parent is gone");
	if (r == 0)
		r = args->fn(args->arg, p, &p->err);
	_exit(r < 0 ? 1 : 0);
}

static int outcome(const struct worker_args *args, int status, struct worker_progress *p,
		   struct err *err)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	/* It may be anything that a worker taken over has put there. */
	p->err.msg[sizeof(p->err.msg) - 1] = '\0';
	if (WIFEXITED(status) && p->err.code > 0 && p->err.code < 4096)
		return err_set(err, p->err.code, "%s", p->err.msg);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
		return err_set(err, ETIME, "it takes more than %u s of CPU time",
			       args->limits.cpu_seconds);
	if (WIFSIGNALED(status))
		return err_set(err, EIO, "the process that reads the image was killed by signal %d",
			       WTERMSIG(status));
	return err_set(err, EIO, "the process that reads the image ended with status %d",
		       WEXITSTATUS(status));
}

static int wait_for(const struct worker_args *args, pid_t pid, struct worker_progress *p,
		    struct err *err)
{
	cleanup_close int pidfd = sys_pidfd_open(pid, 0);
	struct pollfd end = { .fd = pidfd, .events = POLLIN };
	int status = 0;

	while (args->watch && pidfd >= 0 && poll(&end, 1, WATCH_MS) == 0)
		args->watch(args->watch_ctx, p);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(err, "wait for the process that reads the image");
	if (args->watch)
		args->watch(args->watch_ctx, p);
	return outcome(args, status, p, err);
}

/**
 * worker_run() - run a function in a worker, and wait for its end
 *
 * Return: what it returned, with its @err; or -errno of making it.
 */
int worker_run(const struct worker_args *args, struct err *err)
{
	struct worker_progress *p = mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE,
					 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t parent = getpid(), pid;
	int r;

	if (p == MAP_FAILED)
		return err_sys(err, "make memory to share");
	pid = fork();
	if (pid == 0)
		work(args, parent, p);
	r = pid < 0 ? err_sys(err, "make a process") : wait_for(args, pid, p, err);
	(void)munmap(p, sizeof(*p));
	return r;
}
