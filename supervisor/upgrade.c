/* SPDX-License-Identifier: MIT */
/* Another podd binary in place of this one, over the running pod. */
#include "supervisor/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/program.h"
#include "base/sys.h"
#include "config/load.h"
#include "supervisor/images.h"
#include "supervisor/log_buffer.h"
#include "supervisor/own_filter.h"
#include "supervisor/plan.h"
#include "supervisor/pod.h"
#include "supervisor/say.h"
#include "supervisor/seccomp_files.h"

/* For a podd to load and print two lines, on a busy machine: podd stands still. */
#define UPGRADE_ADOPTS_SIZE 128
#define UPGRADE_INHERITS    "podd inherits lock\n" /* the line that says that */
#define ANSWER_TIMEOUT_MS 5000

/* The number of the descriptor that carries the lock of the run directory. */
#define LOCK_VARIABLE "PODD_LOCK_FD"
#define TRIAL_FILE    "upgrade"

/* Whether the new podd, which reads the file anew, would go on with this very pod. */
static int check_file(const struct pod *pod, struct err *err)
{
	cleanup_free struct config_diags *diags = calloc(1, sizeof(*diags));
	cleanup_free struct plan *plan = calloc(1, sizeof(*plan));
	const char *path = pod->spec->path;
	struct pod_spec *spec = NULL;
	char line[sizeof(err->msg)];
	int r;

	if (!diags || !plan)
		return err_set(err, ENOMEM, "read '%s': out of memory", path);
	r = config_load(&spec, path, NULL, diags, err);
	if (r < 0 && diags->n > 0)
		r = err_set(err, EINVAL, "%s", config_diags_line(diags, 0, line, sizeof(line)));
	if (r == 0)
		r = images_adopt(spec, pod->run_fd, pod->paths, err);
	if (r == 0)
		r = seccomp_files_load(spec, err);
	if (r == 0) {
		plan_make(plan, pod->spec, spec, NULL);
		if (plan->any)
			r = err_set(err, EINVAL, "'%s' has changed: reload it first", path);
	}
	config_diags_done(diags);
	pod_spec_free(spec);
	return r;
}

/* A full file system too refuses what the new podd is about to write. */
static int check_run_directory(const struct pod *pod, struct err *err)
{
	int r = io_replace_file(pod->run_fd, TRIAL_FILE, "\n", 1, err);

	if (r < 0)
		return err_wrap(err, r, "write to the run directory");
	(void)unlinkat(pod->run_fd, TRIAL_FILE, 0); /* it goes with the pod */
	return 0;
}

/*
 * argv[0], or where this binary was when its name was found along $PATH: the
 * kernel marks one that was replaced (d_path()). Not execvp(3): that gives a
 * file of no known format to the shell.
 */
static int find_binary(const struct pod *pod, char path[PATH_MAX], struct err *err)
{
	static const char deleted[] = " (deleted)";
	const char *name = pod->argv[0];
	char *end;
	int r;

	if (strchr(name, '/')) {
		snprintf(path, PATH_MAX, "%s", name);
		return 0;
	}
	r = program_own(path, err);
	if (r < 0)
		return r;
	end = path + strlen(path) - strlen(deleted);
	if (end > path && strcmp(end, deleted) == 0)
		*end = '\0';
	return 0;
}

/* The line that says that a podd can go on with pods of this record. */
static const char *adopts(char line[UPGRADE_ADOPTS_SIZE], unsigned record_version)
{
	snprintf(line, UPGRADE_ADOPTS_SIZE, "podd adopts board %u, record %u, log %u\n",
		 BOARD_VERSION, record_version, LOG_BUFFER_VERSION);
	return line;
}

/**
 * upgrade_say() - tell on stdout what the podd before this one asks: `podd --adopts`
 */
void upgrade_say(void)
{
	char line[UPGRADE_ADOPTS_SIZE];

	fputs(adopts(line, RECORD_VERSION), stdout);
	fputs(adopts(line, RECORD_VERSION_HOST_IDS), stdout);
	fputs(UPGRADE_INHERITS, stdout);
}

struct question {
	const char *binary;
	int to_fd;
	int code; /* set by the child, which shares our memory: why it was not executed */
};

/* In a child: never comes back to where it came from. */
static int answer_child(void *arg)
{
	struct question *q = arg;
	char *argv[] = { (char *)q->binary, (char *)"--adopts", NULL };
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL); /* cannot fail with these arguments */
	if (dup2(q->to_fd, STDOUT_FILENO) >= 0)
		(void)execve(q->binary, argv, environ);
	q->code = errno;
	return 127;
}

/* What it prints, until it ends or has had its time. */
static void hear(int fd, char *text, size_t size)
{
	uint64_t now = clock_boottime_ns(), end = now + ANSWER_TIMEOUT_MS * NSEC_PER_MSEC;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t used = 0;
	ssize_t n = 1;

	for (; n > 0 && used + 1 < size && now < end; now = clock_boottime_ns()) {
		if (poll(&p, 1, (int)((end - now + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC)) <= 0)
			break;
		n = read(fd, text + used, size - 1 - used);
		used += n > 0 ? (size_t)n : 0;
	}
	text[used] = '\0';
}

/* @inherits: whether it takes the lock of the run directory over */
static int ask_binary(const char *binary, const struct pod *pod, bool *inherits, struct err *err)
{
	char want[UPGRADE_ADOPTS_SIZE], answer[4096];
	struct question q = { .binary = binary };
	int fds[2], pidfd = -EBADF;
	const struct child_args args = { .flags = CLONE_PIDFD, .pidfd = &pidfd };
	pid_t pid;

	if (access(binary, X_OK) < 0)
		return err_sys(err, "execute '%s'", binary);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, "make a pipe");
	q.to_fd = fds[1];
	pid = child_spawn(&args, answer_child, &q);
	(void)close(fds[1]);
	if (pid > 0) {
		hear(fds[0], answer, sizeof(answer));
		(void)sys_pidfd_send_signal(pidfd, SIGKILL); /* ESRCH: it has ended */
		(void)waitpid(pid, NULL, __WALL);
	}
	(void)close(fds[0]);
	close_fd(&pidfd);
	if (pid < 0)
		return err_set(err, -pid, "execute '%s': %s", binary, strerror(-pid));
	if (q.code)
		return err_set(err, q.code, "execute '%s': %s", binary, strerror(q.code));
	if (!strstr(answer, adopts(want, pod->pause.record->version)))
		return err_set(err, ENOEXEC,
			       "'%s' does not say that it can go on with this pod", binary);
	*inherits = strstr(answer, UPGRADE_INHERITS);
	return 0;
}

/**
 * upgrade_inherited_lock() - the locked run directory that the podd before this one held
 *
 * The variable that names it goes, so that it is asked for once.
 *
 * Return: a descriptor of the caller's, who sees whether it is that of his pod; or
 * -EBADF: nobody left one.
 */
int upgrade_inherited_lock(void)
{
	const char *text = getenv(LOCK_VARIABLE);
	int fd = text ? atoi(text) : -1;

	(void)unsetenv(LOCK_VARIABLE); /* no name that it refuses */
	if (fd <= STDERR_FILENO || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return -EBADF;
	return fd;
}

/* Return: only on failure, -errno with @err filled. */
static int execute(const struct pod *pod, const char *binary, bool inherits, struct err *err)
{
	char number[16];
	int r;

	snprintf(number, sizeof(number), "%d", pod->run_fd);
	if (inherits && setenv(LOCK_VARIABLE, number, 1) == 0) /* else it is given up */
		(void)fcntl(pod->run_fd, F_SETFD, 0);
	(void)own_filter_bequeath(pod->refused_calls); /* else it adds another filter */
	(void)execve(binary, pod->argv, environ);
	r = err_sys(err, "execute '%s'", binary);
	(void)own_filter_inherited(); /* it takes the variable away */
	(void)fcntl(pod->run_fd, F_SETFD, FD_CLOEXEC);
	(void)unsetenv(LOCK_VARIABLE);
	return r;
}

/**
 * upgrade_exec() - become the podd that is installed now
 *
 * Call it from the loop, when no step of the machine is under way.
 *
 * Return: only on failure: -errno with @err filled, and podd goes on as before.
 */
int upgrade_exec(const struct pod *pod, struct err *err)
{
	char binary[PATH_MAX];
	bool inherits = false;
	bool busy = helper_is_busy(&pod->update.helper) || admission_is_busy(&pod->admission) ||
		    missing_is_busy(pod);
	int r = busy ? err_set(err, EBUSY, "podd-image works for it just now") :
		       check_file(pod, err);

	if (r == 0)
		r = find_binary(pod, binary, err);
	if (r == 0 && pod_machine_is_final(&pod->machine))
		r = err_set(err, EBUSY, "it is about to end");
	if (r == 0)
		r = check_run_directory(pod, err);
	if (r == 0)
		r = ask_binary(binary, pod, &inherits, err);
	if (r < 0)
		return err_wrap(err, r, "replace podd of pod '%s'", pod->spec->name);
	say(SAY_NOTICE, "pod '%s': podd replaces itself by '%s'", pod->spec->name, binary);
	fault_kill("upgrade");
	r = execute(pod, binary, inherits, err);
	return err_wrap(err, r, "replace podd of pod '%s'", pod->spec->name);
}
