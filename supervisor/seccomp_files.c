/* SPDX-License-Identifier: MIT */
/* podd-seccomp compiles, podd keeps. */
#include "supervisor/seccomp_files.h"
#include "supervisor/declared.h"
#include "supervisor/origin.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/lookup.h"
#include "base/io.h"
#include "base/program.h"
#include "base/sys.h"
#include "config/value.h"
#include "container/filter.h"
#include "supervisor/recorder.h"
#include "supervisor/say.h"

#define FILE_MAX ((off_t)1024 * 1024) /* as podd-seccomp has it */
#define PROGRAM_BYTES_MAX (BPF_MAXINSNS * sizeof(struct sock_filter))

/* One run of podd-seccomp; the memory is shared with its child. */
struct run {
	char program[PATH_MAX];
	char *argv[4];
	int in_fd, out_fd, err_fd; /* the child's ends */
	int code;		   /* of an execve that failed */
};

struct output {
	int fd;
	char *bytes;
	size_t n, room;
};

static int exec_child(void *arg)
{
	static char *no_env[] = { NULL };
	struct run *run = arg;
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL); /* cannot fail with these arguments */
	if (dup2(run->in_fd, STDIN_FILENO) >= 0 && dup2(run->out_fd, STDOUT_FILENO) >= 0 &&
	    dup2(run->err_fd, STDERR_FILENO) >= 0)
		(void)execve(run->program, run->argv, no_env);
	run->code = errno;
	return 127;
}

/* Until all writers are gone, or there is no room. */
static void drain(struct output *o)
{
	ssize_t n = o->n < o->room ? read(o->fd, o->bytes + o->n, o->room - o->n) : 0;

	if (n > 0)
		o->n += (size_t)n;
	else if (n == 0 || errno != EINTR)
		close_fd(&o->fd);
}

/* Return: 0 when both are at their end, -ETIMEDOUT. */
static int collect(struct output *out, struct output *said)
{
	uint64_t until_ns = clock_boottime_ns() + SECCOMP_TIMEOUT_MS * NSEC_PER_MSEC;

	while (out->fd >= 0 || said->fd >= 0) {
		struct pollfd fds[] = { { .fd = out->fd, .events = POLLIN },
					{ .fd = said->fd, .events = POLLIN } };
		uint64_t now_ns = clock_boottime_ns();

		if (now_ns >= until_ns)
			return -ETIMEDOUT;
		(void)poll(fds, 2, (int)((until_ns - now_ns) / NSEC_PER_MSEC) + 1);
		if (fds[0].revents)
			drain(out);
		if (fds[1].revents)
			drain(said);
	}
	return 0;
}

static int judge(int status, const struct output *out, struct output *said, struct err *err)
{
	said->bytes[said->n] = '\0';
	said->bytes[strcspn(said->bytes, "\n")] = '\0';
	for (char *c = said->bytes; *c; c++) /* names from the profile may be in it */
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	if (!WIFEXITED(status))
		return err_set(err, EIO, "podd-seccomp was killed by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return err_set(err, EINVAL, "%s", said->n ? said->bytes : "podd-seccomp failed");
	if (out->n == 0 || out->n > PROGRAM_BYTES_MAX || out->n % sizeof(struct sock_filter))
		return err_set(err, EIO, "podd-seccomp has given %zu bytes, which is no program",
			       out->n);
	return 0;
}

static int execute(struct run *run, struct output *out, struct output *said, struct err *err)
{
	int pidfd = -EBADF, status = 0, r;
	const struct child_args args = { .flags = CLONE_PIDFD, .pidfd = &pidfd };
	pid_t pid = child_spawn(&args, exec_child, run);

	close_fd(&run->out_fd); /* so that the child's are the last ones */
	close_fd(&run->err_fd);
	if (pid < 0)
		return err_set(err, -pid, "execute '%s': %s", run->program, strerror(-pid));
	r = run->code ? 0 : collect(out, said);
	if (r < 0)
		(void)sys_pidfd_send_signal(pidfd, SIGKILL); /* ESRCH: it has ended */
	(void)waitpid(pid, &status, __WALL);
	close_fd(&pidfd);
	if (run->code)
		return err_set(err, run->code, "execute '%s': %s", run->program,
			       strerror(run->code));
	if (r < 0)
		return err_set(err, ETIMEDOUT, "podd-seccomp has not answered for %d s",
			       SECCOMP_TIMEOUT_MS / 1000);
	return judge(status, out, said, err);
}

static int pipes(struct run *run, struct output *out, struct output *said)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	out->fd = fds[0];
	run->out_fd = fds[1];
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	said->fd = fds[0];
	run->err_fd = fds[1];
	return 0;
}

static int compile(struct container_seccomp *s, int in_fd, uint64_t capabilities, struct err *err)
{
	char caps[20], text[512], *bytes = malloc(PROGRAM_BYTES_MAX + 1);
	struct output out = { -EBADF, bytes, 0, PROGRAM_BYTES_MAX + 1 };
	struct output said = { -EBADF, text, 0, sizeof(text) - 1 };
	struct run run = { .in_fd = in_fd, .out_fd = -EBADF, .err_fd = -EBADF };
	const char *verb = s->mode == CONTAINER_SECCOMP_AUDIT ? "check" :
			   s->path			      ? "compile" :
								"default";
	char *argv[] = { (char *)"podd-seccomp", (char *)verb, caps, NULL };
	int r;

	snprintf(caps, sizeof(caps), "%" PRIx64, capabilities);
	memcpy(run.argv, argv, sizeof(argv));
	r = bytes ? program_find(run.program, "podd-seccomp", err) :
		    err_set(err, ENOMEM, "out of memory");
	if (r == 0 && pipes(&run, &out, &said) < 0)
		r = err_sys(err, "make a pipe");
	if (r == 0)
		r = execute(&run, &out, &said, err);
	close_fd(&run.out_fd);
	close_fd(&run.err_fd);
	close_fd(&out.fd);
	close_fd(&said.fd);
	if (r == 0) {
		free(s->program);
		s->program = realloc(bytes, out.n); /* smaller: should it fail, see below */
		s->program = s->program ? s->program : bytes;
		s->program_n = (unsigned short)(out.n / sizeof(struct sock_filter));
		return 0;
	}
	free(bytes);
	return r;
}

/* What is hashed must be what is compiled: a copy, as nobody can change it. */
static int copy_bytes(int file, uint64_t *digest, struct err *err)
{
	cleanup_close int copy = memfd_create("seccomp", MFD_CLOEXEC);
	char buf[16384];
	off_t all = 0;
	struct stat st;
	ssize_t n;

	if (fstat(file, &st) < 0)
		return err_sys(err, "look at it");
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "is no regular file");
	if (copy < 0)
		return err_sys(err, "make a memfd");
	*digest = CONFIG_DIGEST_START;
	while ((n = read(file, buf, sizeof(buf))) > 0) {
		all += n;
		if (all > FILE_MAX)
			return err_set(err, EFBIG, "is larger than %jd bytes", (intmax_t)FILE_MAX);
		*digest = config_digest_bytes(*digest, buf, (size_t)n);
		if (io_write_all(copy, buf, (size_t)n) < 0)
			return err_sys(err, "copy");
	}
	if (n < 0 || lseek(copy, 0, SEEK_SET) < 0)
		return err_sys(err, "read");
	return take_fd(&copy);
}

static int copy_file(struct container_seccomp *s, struct err *err)
{
	const struct lookup l = { s->path, "seccomp profile", O_RDONLY | O_NOCTTY | O_NONBLOCK };
	cleanup_close int file = -EBADF;
	int r = lookup_open(&file, &l, err);

	if (r < 0)
		return r;
	r = copy_bytes(file, &s->content, err);
	return r < 0 ? err_wrap(err, r, "seccomp profile '%s'", s->path) : r;
}

/* What is recorded is added to a profile that is there: is it one that it can be added to? */
static int check_audit(const struct container_seccomp *s, struct err *err)
{
	struct container_seccomp scratch = { .mode = s->mode, .path = s->path };
	struct stat st = { .st_size = 0 };
	cleanup_close int fd = -EBADF;
	int r = recorder_check(s->path, err);

	if (r < 0 || (stat(s->path, &st) == 0 && st.st_size == 0 && S_ISREG(st.st_mode)))
		return r;
	fd = copy_file(&scratch, err);
	if (fd < 0)
		return err_wrap(err, fd, "add to it");
	r = compile(&scratch, fd, 0, err);
	free(scratch.program);
	return r < 0 ? err_wrap(err, r, "seccomp profile '%s' to add to", s->path) : 0;
}

static int load(struct container_spec *run, struct err *err)
{
	struct container_seccomp *s = &run->seccomp;
	cleanup_close int fd = -EBADF;
	int r = s->path ? declared_check("", s->path, err) : 0;

	if (r < 0)
		return err_wrap(err, r, "seccomp profile '%s'", s->path);
	if (s->mode == CONTAINER_SECCOMP_AUDIT)
		return check_audit(s, err);
	if (!container_filter_is_external(run))
		return 0;
	fd = s->path ? copy_file(s, err) :
		       open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return s->path ? fd : err_sys(err, "open '/dev/null'");
	r = compile(s, fd, container_bounding_set(&run->capabilities), err);
	return r < 0 && s->path ? err_wrap(err, r, "seccomp profile '%s'", s->path) : r;
}

/**
 * seccomp_files_load() - compile what the containers of a spec need compiled
 *
 * Return: 0 or -errno with @err filled, which says what in which file is wrong.
 */
int seccomp_files_load(struct pod_spec *spec, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < spec->container_n; i++) {
		r = load(&spec->containers[i].run, err);
		if (r < 0)
			(void)origin_container(err, err_about(err, r, "SeccompProfile", 0),
					       spec->containers[i].run.name);
	}
	return r;
}

/**
 * seccomp_files_adopt() - the same for a pod that runs: what is wrong is told, and
 * ends nobody
 *
 * The container can be entered and started again once a reload has found its profile.
 */
void seccomp_files_adopt(struct pod_spec *spec)
{
	for (size_t i = 0; i < spec->container_n; i++) {
		struct err err = { 0 };

		if (load(&spec->containers[i].run, &err) < 0)
			say(SAY_WARNING, "container '%s': %s, ignoring until it is started again",
			    spec->containers[i].run.name, err.msg);
	}
}
