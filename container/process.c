/* SPDX-License-Identifier: MIT */
/* Starting a program in a container: child A joins, child B becomes it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "base/child.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/keyring.h"
#include "base/sys.h"
#include "container/audit.h"
#include "container/container.h"
#include "container/credentials.h"
#include "container/identity.h"
#include "container/labels.h"
#include "container/landlock.h"
#include "container/pidns.h"
#include "container/rlimits.h"
#include "container/user.h"

#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ULL
#endif
#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
/* Until B's first instruction. */
static const char clone_stage[] = "clone";
/* How long an execve may take that nobody watches any more. */
#define EXEC_WAIT_MS 1000
/* What we may add to the environment, and the NULL. */
#define ENV_EXTRA 5
/* The first one after those that a program gets; the recorder's until execve. */
#define REPORT_FD 3

/* Everything that A and B work on, in memory that they share with the caller. */
struct start {
	const struct container_process *p;
	struct user_ids ids;
	char **env;
	char home[sizeof("HOME=") + 256];
	int stdio[3];
	int null_fd;
	int slave_fd;
	int master_fd;
	int ruleset_fd; /* Landlock's, or -EBADF */
	struct labels labels;
	int pidfd;
	pid_t pid; /* B's, in the pod's namespace */
	const char *stage; /* NULL once the program runs */
	struct err *err;   /* @told */
	struct err told;
};

/* ------------------------------------------------------------------ child B */

struct stage {
	const char *name;
	int (*run)(struct start *s);
	const char *key; /* of the pod file, that has most to do with it; or NULL */
};

/* Mustn't: be later than the user namespace, in which no hard limit can be raised. */
static int set_limits(struct start *s)
{
	return rlimits_set(s->p->rlimits, s->err);
}

/*
 * Should: leave podd's keyring to podd, and each program its own: ids do not count for who
 * possesses one. As the host's root, whose quota of keys no container can use up.
 */
static int leave_keyring(struct start *s)
{
	int r = keyring_leave();

	return r < 0 ? err_set(s->err, -r, "make a session keyring: %s", strerror(-r)) : 0;
}

/* Should: leave the host's ids and capabilities behind, before all that can wait. */
static int enter_user_namespace(struct start *s)
{
	return userns_enter(s->p->userns, s->err);
}

/* Should: put the program into a session of its own, with the terminal if any. */
static int make_session(struct start *s)
{
	if (setsid() < 0)
		return err_sys(s->err, "make a session");
	if (s->p->tty && ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0)
		return err_sys(s->err, "take the terminal");
	return 0;
}

/* Should: leave descriptors 0, 1 and 2 and no other. */
static int arrange_stdio(struct start *s)
{
	for (int i = 0; i < 3; i++) {
		int from = s->p->tty ? s->slave_fd : s->stdio[i];

		/* All of them are above 2: podd keeps 0 to 2 open from its start. */
		if (dup2(from, i) < 0)
			return err_sys(s->err, "set up descriptor %d", i);
	}
	return 0;
}

/* Should: be what has a say about the execve only: until then B is still podd's. */
static int set_labels(struct start *s)
{
	cleanup_close int attr = -EBADF;
	bool any = false;
	int r;

	for (unsigned i = 0; i < CONTAINER_LABEL_N; i++)
		any = any || s->labels.wanted[i];
	if (!any)
		return 0;
	r = labels_open(&attr, s->err);
	return r < 0 ? r : labels_write(attr, &s->labels, s->p->spec, s->err);
}

/*
 * Should: come after the user namespace, whose CAP_SYS_ADMIN it asks for, and before
 * the descriptors are closed.
 */
static int enter_landlock(struct start *s)
{
	return landlock_enter(s->ruleset_fd, s->err);
}

/* Each directory on the way that is not there. Links are followed, within the root. */
static void make_directory(const char *dir)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s", dir);
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(path, 0755); /* chdir(2) tells */
		*slash = '/';
	}
	(void)mkdir(path, 0755);
}

/**
 * container_enter_directory() - make a directory of the caller's root the working directory
 *
 * Mustn't: end up outside of the root, through a descriptor of that (CVE-2024-21626):
 * getcwd(2) says "(unreachable)" then.
 *
 * Return: 0, or -errno with @err filled (EXDEV: it is outside).
 */
int container_enter_directory(const char *dir, struct err *err)
{
	char cwd[PATH_MAX];

	if (chdir(dir) < 0 || syscall(SYS_getcwd, cwd, sizeof(cwd)) < 0)
		return err_sys(err, "enter the directory '%s'", dir);
	if (cwd[0] != '/')
		return err_set(err, EXDEV, "the directory '%s' lies outside the root", dir);
	return 0;
}

/* Should: change to WorkingDirectory= while still able to enter any directory. */
static int enter_directory(struct start *s)
{
	const char *dir = s->p->cwd ? s->p->cwd : "/";

	if (s->p->make_cwd && access(dir, F_OK) < 0 && errno == ENOENT)
		make_directory(dir);
	return container_enter_directory(dir, s->err);
}

static int limit_capabilities(struct start *s)
{
	return identity_drop_bounding(container_bounding_set(&s->p->capabilities), s->err);
}

static int take_identity(struct start *s)
{
	return identity_become(&s->ids, &s->p->capabilities, s->p->allow_new_privs, s->err);
}

/*
 * After no_new_privs, and last of all. What follows must pass the filter, which may
 * be anybody's: rt_sigprocmask and execve, of which the first is looked at, and so
 * little that getpid(2) comes before.
 */
static int load_filter(struct start *s)
{
	const struct sock_fprog prog = { .len = s->p->filter.len,
					 .filter = (struct sock_filter *)s->p->filter.program };

	s->pid = getpid();
	if (s->p->filter.audit)
		return audit_load(REPORT_FD, s->err);
	if (prog.len == 0)
		return 0;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
		return err_sys(s->err, "load the seccomp filter");
	return 0;
}

/* Every other descriptor is O_CLOEXEC already; this is the second lock. */
static int close_others(struct start *s)
{
	unsigned first = REPORT_FD;

	if (s->p->filter.audit) {
		int from = s->p->filter.report_fd;

		if (from != REPORT_FD && dup3(from, REPORT_FD, O_CLOEXEC) < 0)
			return err_sys(s->err, "set up the recorder's descriptor");
		first++;
	}
	if (sys_close_range(first, ~0U, 0) < 0)
		return err_sys(s->err, "close the other descriptors");
	return 0;
}

/*
 * From here on the pause reports this process's end. Its own pid is what it
 * knows and podd does not: the number in the pod's namespace.
 */
static int enter_slot(struct start *s)
{
	if (!s->p->slot)
		return 0;
	s->p->slot->pid = s->pid;
	__atomic_store_n(&s->p->slot->state, BOARD_RUNNING, __ATOMIC_RELEASE);
	return 0;
}

static int exec_path(struct start *s, const char *path)
{
	sigset_t none;

	/* Blocked since before the clone; handlers: CLONE_CLEAR_SIGHAND; none is
	 * ignored in the caller, as container.h asks for. */
	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0) /* the filter: nobody could stop it */
		return -errno;
	s->stage = NULL;
	(void)execve(path, s->p->argv, s->env);
	s->stage = "exec";
	return -errno;
}

static const char *search_path(char *const *env)
{
	for (; *env; env++)
		if (strncmp(*env, "PATH=", 5) == 0)
			return *env + 5;
	return &DEFAULT_PATH[5];
}

/* execvp(3) with the *container's* PATH. EACCES outlives ENOENT, as there. */
static int exec_program(struct start *s)
{
	const char *name = s->p->argv[0];
	int r = -ENOENT, found = -ENOENT;
	char path[PATH_MAX];

	if (strchr(name, '/')) {
		found = exec_path(s, name);
	} else {
		for (const char *p = search_path(s->env); found == -ENOENT || found == -EACCES;) {
			size_t n = strcspn(p, ":");

			if ((size_t)snprintf(path, sizeof(path), "%.*s/%s", (int)n, p, name) <
			    sizeof(path))
				r = exec_path(s, path);
			if (r != -ENOENT && r != -ENOTDIR)
				found = r;
			if (!p[n])
				break;
			p += n + 1;
		}
	}
	if (s->p->slot) /* not dead yet, so the pause has not looked at it */
		__atomic_store_n(&s->p->slot->state, BOARD_STARTING, __ATOMIC_RELEASE);
	(void)err_set(s->err, -found, "execute '%s': %s", name, strerror(-found));
	return labels_explain(s->err, found, &s->labels, s->p->spec);
}

/* In this order. */
static const struct stage stages[] = {
	{ "limits", set_limits, NULL },
	{ "keyring", leave_keyring, NULL },
	{ "user-namespace", enter_user_namespace, NULL },
	{ "stdio", arrange_stdio, NULL },
	{ "labels", set_labels, NULL },
	{ "landlock", enter_landlock, "Landlock" },
	{ "close-descriptors", close_others, NULL }, /* podd's lock among them: early */
	{ "session", make_session, NULL },
	{ "working-directory", enter_directory, "WorkingDirectory" },
	{ "bounding-set", limit_capabilities, "AddCapability" },
	{ "identity", take_identity, "AddCapability" },
	{ "seccomp", load_filter, "SeccompProfile" },
	{ "board", enter_slot, NULL },
	{ "exec", exec_program, "Exec" },
};

static int become_program(void *arg)
{
	struct start *s = arg;

	for (size_t i = 0; i < ARRAY_SIZE(stages); i++) {
		s->stage = stages[i].name;
		fault_child("become", s->stage);
		if (stages[i].run(s) < 0) {
			(void)err_about(s->err, -1, stages[i].key, 0);
			return 1;
		}
	}
	return 1;
}

/* ------------------------------------------------------------------ child A */

/* By the caller: /sys is the host's here. */
static int find_labels(struct start *s)
{
	cleanup_close int sys = -EBADF;

	if (!s->p->spec || !labels_are_asked(s->p->spec))
		return 0;
	sys = open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return labels_check(&s->labels, s->p->spec, sys, s->err);
}

static int join_container(struct start *s)
{
	if (setns(s->p->mntns_fd, CLONE_NEWNS) < 0)
		return err_sys(s->err, "join the container's mount namespace");
	return 0;
}

/*
 * A terminal of the container's own devpts, so that its name means something
 * in there. The master comes from an instance that was verified to be one, and
 * the slave from the master, never from a path (CVE-2025-52565).
 */
static int open_terminal(struct start *s)
{
	struct winsize size = { .ws_row = s->p->rows, .ws_col = s->p->cols };
	int unlock = 0;
	struct statfs fs;

	s->master_fd = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
	if (s->master_fd < 0 || fstatfs(s->master_fd, &fs) < 0)
		return err_sys(s->err, "open '/dev/pts/ptmx'");
	if (fs.f_type != DEVPTS_SUPER_MAGIC)
		return err_set(s->err, ENOTTY, "'/dev/pts' is no devpts");
	if (ioctl(s->master_fd, TIOCSPTLCK, &unlock) < 0)
		return err_sys(s->err, "unlock the terminal");
	s->slave_fd = ioctl(s->master_fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (s->slave_fd < 0)
		return err_sys(s->err, "open the terminal");
	if (fchown(s->slave_fd, userns_host_id(s->p->userns, s->ids.uid), (gid_t)-1) < 0)
		return err_sys(s->err, "give the terminal to user %u", s->ids.uid);
	(void)ioctl(s->master_fd, TIOCSWINSZ, &size); /* a size is a comfort */
	return 0;
}

/* Not a FIFO that has a name and an owner somewhere. */
static bool is_anonymous_pipe(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == PIPEFS_MAGIC;
}

static int open_stdio(struct start *s)
{
	if (s->p->tty)
		return open_terminal(s);
	for (int i = 0; i < 3; i++) {
		s->stdio[i] = s->p->stdio[i];
		if (s->stdio[i] >= 0)
			continue;
		if (s->null_fd < 0)
			s->null_fd = open("/dev/null", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
		if (s->null_fd < 0)
			return err_sys(s->err, "open '/dev/null'");
		s->stdio[i] = s->null_fd;
	}
	/* So that the program can open /dev/stdout by name, whoever it is. */
	for (int i = 0; i < 3; i++)
		if (is_anonymous_pipe(s->stdio[i]) &&
		    fchown(s->stdio[i], userns_host_id(s->p->userns, s->ids.uid),
			   userns_host_id(s->p->userns, s->ids.gid)) < 0)
			continue; /* it still has the descriptor */
	return 0;
}

/* A, since it may look up any path; and what it opens is no business of the wall's. */
static int make_landlock(struct start *s)
{
	const struct landlock_args args = {
		.spec = s->p->spec,
		.host_network = s->p->host_network,
		.stdio = s->p->tty ? NULL : s->stdio,
	};

	return landlock_create(&s->ruleset_fd, &args, s->err);
}

static int check_id(const struct start *s, const char *what, uint32_t id)
{
	if (id < s->p->userns->n)
		return 0;
	return err_set(s->err, EINVAL, "%s %u is none of the pod's ids, which end at %u "
		       "(UserNamespace=host has all)", what, id, s->p->userns->n - 1);
}

static int find_identity(struct start *s)
{
	cleanup_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (root < 0)
		return err_sys(s->err, "open the container's root");
	r = user_resolve(&s->ids, root, s->p->user, s->err);
	if (r == 0)
		r = check_id(s, "user", s->ids.uid);
	if (r == 0)
		r = check_id(s, "group", s->ids.gid);
	for (size_t i = 0; r == 0 && i < s->ids.group_n; i++)
		r = check_id(s, "group", s->ids.groups[i]);
	/* The number that it came to, whatever name it had. */
	if (r == 0 && s->p->run_as_non_root && s->ids.uid == 0)
		r = err_about(s->err,
			      err_set(s->err, EINVAL,
				      "RunAsNonRoot=yes: user '%s' is root in the container",
				      s->p->user ? s->p->user : "0"),
			      "RunAsNonRoot", 0);
	return r;
}

/* As the host's root: the file system is no id's of the pod until then. */
static int give_credentials(struct start *s)
{
	if (!s->p->credentials || s->p->credentials_fd < 0)
		return 0;
	return credentials_give(s->p->credentials_fd, s->p->userns, &s->ids, s->err);
}

static bool env_has(char *const *env, const char *name)
{
	size_t n = strlen(name);

	for (; *env; env++)
		if (strncmp(*env, name, n) == 0)
			return true;
	return false;
}

/* @s->env has room for ENV_EXTRA more than the caller's. */
static int complete_environment(struct start *s)
{
	static char path[] = DEFAULT_PATH, container[] = "container=podd",
		    credentials[] = "CREDENTIALS_DIRECTORY=" CONTAINER_CREDENTIALS_PATH;
	size_t n = 0;

	for (char *const *e = s->p->env; *e; e++)
		s->env[n++] = *e;
	snprintf(s->home, sizeof(s->home), "HOME=%s", s->ids.home);
	if (!env_has(s->p->env, "PATH="))
		s->env[n++] = path;
	if (!env_has(s->p->env, "HOME="))
		s->env[n++] = s->home;
	if (!env_has(s->p->env, "container="))
		s->env[n++] = container;
	if (s->p->credentials && !env_has(s->p->env, "CREDENTIALS_DIRECTORY="))
		s->env[n++] = credentials;
	s->env[n] = NULL;
	return 0;
}

static const struct stage preparations[] = {
	{ "namespaces", join_container, NULL },
	{ "user", find_identity, "User" },
	{ "credentials", give_credentials, "LoadCredential" },
	{ "environment", complete_environment, NULL },
	{ "stdio", open_stdio, NULL },
	{ "landlock", make_landlock, "Landlock" },
};

/*
 * A cgroup namespace whose root is the target group: the program sees itself at
 * "/" and nothing of its neighbours (tests/kernel). Made by the clone, and A
 * stays in podd's: with nsdelegate, CLONE_INTO_CGROUP must see both groups below
 * its own root (cgroups(7)).
 */
static int clone_program(struct start *s, uint64_t into_cgroup)
{
	const struct child_args args = {
		.flags = CLONE_PIDFD | CLONE_NEWCGROUP | CLONE_CLEAR_SIGHAND | into_cgroup,
		.cgroup_fd = s->p->cgroup_fd,
		.pidfd = &s->pidfd,
		.exit_signal = SIGCHLD,
		.stack_size = CHILD_STACK_INNER,
	};
	pid_t pid;

	s->stage = clone_stage;
	pid = child_spawn(&args, become_program, s);
	if (pid == -EAGAIN)
		return err_set(s->err, EAGAIN,
			       "clone the process: TasksMax= of the container or the pod "
			       "is reached, or the host has no more processes");
	return pid < 0 ? err_set(s->err, -pid, "clone the process: %s", strerror(-pid)) : 0;
}

/*
 * A group that cgroup.kill was once used on is closed to CLONE_INTO_CGROUP, in
 * Linux 6.14 and older kernels that have its kill_seq: cgroup_css_set_fork()
 * counts the kills of the *caller's* group, cgroup_post_fork() those of the
 * target, and ends a child for which they differ before its first instruction.
 * So A goes into the group itself, which takes an RCU grace period (12 ms), and
 * B is born there.
 */
static int clone_inside_group(struct start *s)
{
	int r = io_write_file(s->p->cgroup_fd, "cgroup.procs", "0", s->err);

	close_fd(&s->pidfd); /* of the one that is dead; the pause reaps it */
	return r < 0 ? r : clone_program(s, 0);
}

static int prepare_and_clone(void *arg)
{
	struct start *s = arg;

	for (size_t i = 0; i < ARRAY_SIZE(preparations); i++) {
		s->stage = preparations[i].name;
		fault_child("prepare", s->stage);
		if (preparations[i].run(s) < 0) {
			(void)err_about(s->err, -1, preparations[i].key, 0);
			return 1;
		}
	}
	fault_child("prepare", clone_stage);
	if (clone_program(s, CLONE_INTO_CGROUP) == 0 && s->stage == clone_stage)
		(void)clone_inside_group(s); /* the stage tells */
	return s->stage ? 1 : 0;
}

/* ----------------------------------------------------------------- the caller */

/*
 * A was ended when B had reached its execve: somebody in the pod, perhaps the
 * new program itself, was quick to signal it. Find out what became of B.
 */
static bool runs_after_all(const struct start *s)
{
	struct pollfd gone = { .fd = s->pidfd, .events = POLLIN };

	for (int ms = 0; ms < EXEC_WAIT_MS && !__atomic_load_n(&s->stage, __ATOMIC_ACQUIRE); ms++) {
		if (child_has_execed(s->pidfd))
			return true;
		/* Ended already: as the program if the slot still says so. */
		if (poll(&gone, 1, 1) > 0)
			return s->p->slot &&
			       __atomic_load_n(&s->p->slot->state, __ATOMIC_ACQUIRE) !=
				       BOARD_STARTING;
	}
	return false;
}

/*
 * Until its execve B shares our memory and is charged to the container's group.
 * The kernel never picks such a process for an OOM kill (in_vfork() in
 * mm/oom_kill.c), but memory.oom.group would end it with the others, and then
 * all that share its memory: podd. So not while there is a B.
 */
static void set_oom_group(int cgroup_fd, const char *value)
{
	(void)io_write_file(cgroup_fd, "memory.oom.group", value, NULL); /* no such controller */
}

/* @r: what the call returned. No process is left afterwards. */
static int give_up(struct container_started *out, struct start *s, int r, struct err *err)
{
	struct pollfd gone = { .fd = s->pidfd, .events = POLLIN };

	if (s->pidfd >= 0) { /* B may live though A was ended */
		(void)sys_pidfd_send_signal(s->pidfd, SIGKILL);
		(void)poll(&gone, 1, EXEC_WAIT_MS);
	}
	if (r > 0 && s->told.code)
		*err = s->told;
	else if (r > 0)
		(void)err_set(err, ECHILD, "killed before it could execute '%s'", s->p->argv[0]);
	close_fd(&s->master_fd);
	close_fd(&s->pidfd);
	out->stage = s->stage ? s->stage : "exec";
	return r < 0 ? r : -err->code;
}

/**
 * container_spawn() - start a program in a container
 * @out: filled on success; on failure only @out->stage is, with the name of
 * the stage that failed
 * @p: borrowed
 *
 * Comes back when the program was exec'd (or could not be).
 *
 * Return: 0 or -errno with @err filled; -ENOENT and -EACCES of stage "exec"
 * say that there is no such program or that it is none.
 */
int container_spawn(struct container_started *out, const struct container_process *p,
		    struct err *err)
{
	struct start *s = child_shared(sizeof(*s));
	const struct child_args a = { .inner_pidfd = s ? &s->pidfd : NULL,
				      .kept_fd = s ? &s->master_fd : NULL };
	cleanup_free char **env = NULL;
	size_t n = 0;
	int r;

	while (p->env[n])
		n++;
	env = calloc(n + ENV_EXTRA, sizeof(*env));
	if (!env || !s)
		return err_set(err, ENOMEM, "start '%s': out of memory", p->argv[0]);
	*s = (struct start){
		.p = p,
		.env = env,
		.stdio = { -EBADF, -EBADF, -EBADF },
		.null_fd = -EBADF,
		.slave_fd = -EBADF,
		.master_fd = -EBADF,
		.ruleset_fd = -EBADF,
		.pidfd = -EBADF,
		.stage = clone_stage,
		.err = &s->told,
	};
	if (find_labels(s) < 0)
		return give_up(out, s, 1, err);
	set_oom_group(p->cgroup_fd, "0");
	r = pidns_child_call(p->pause_pidfd, &a, prepare_and_clone, s, err);
	if (p->oom_group)
		set_oom_group(p->cgroup_fd, "1");
	if (r < 0 && s->pidfd >= 0 && runs_after_all(s))
		r = 0;
	close_fd(&s->null_fd);
	close_fd(&s->slave_fd);
	close_fd(&s->ruleset_fd);
	if (r != 0)
		return give_up(out, s, r, err);
	*out = (struct container_started){
		.pidfd = s->pidfd,
		.pid = child_pid(s->pidfd),
		.master_fd = s->master_fd,
	};
	return 0;
}
