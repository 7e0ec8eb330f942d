/* SPDX-License-Identifier: MIT */
/* Runs podd and the floor in turns, and prints what each took. */

/*
 *	pairs WORK BUILD CGROUPS PAIRS
 *
 * WORK is a directory that tests/bench/run has prepared. A pair is one run of
 * podd and one of the floor right after it, so that a noisy neighbour meets
 * both. Exit status 0: all targets are met, or PAIRS are too few to tell; 1: not;
 * 2: something went wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARGS_MAX   16
#define PAIRS_MAX  1000
#define TIMEOUT_MS 20000

/* A restart takes so little that a pair of single ones is as good as two starts. */
#define RESTARTS_PER_PAIR 15

/* Without a network a start is short, and the difference of two is small. */
#define STARTS_PER_PAIR 15

/* With fewer, one run beside a busy neighbour would decide. */
#define JUDGED_PAIRS 10

/* The work of an end goes on in the kernel when the process is gone (a network
 * namespace takes 1 to 30 ms): the next start must not pay for it. Nor an exit
 * for what its supervisor still had to do for the start. */
#define SETTLE_NS	  50000000
#define SETTLE_RESTART_NS 1000000

enum who { PODD, FLOOR, WHO_N };

static const char *const names[WHO_N] = { "podd", "floor" };

struct bench {
	const char *work, *build, *cgroups;
	unsigned pairs;
	int done_fd[WHO_N], trigger_fd[WHO_N];
};

static void fail(const char *what)
{
	fprintf(stderr, "pairs: %s: %s\n", what, strerror(errno));
	exit(2);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* ------------------------------------------------------------------- one process */

struct job {
	pid_t pid;
	int stdin_fd;
	uint64_t exec_ns;
};

static void launch(struct job *job, char *const *argv)
{
	volatile uint64_t at = 0;
	int fds[2], err;
	pid_t pid;

	err = open("stderr", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (err < 0 || pipe2(fds, O_CLOEXEC) < 0)
		fail("prepare a run");
	pid = vfork();
	if (pid < 0)
		fail("vfork");
	if (pid == 0) {
		(void)dup2(fds[0], 0);
		(void)dup2(err, 2);
		at = now_ns();
		(void)execv(argv[0], argv);
		_exit(127);
	}
	(void)close(fds[0]);
	(void)close(err);
	*job = (struct job){ .pid = pid, .stdin_fd = fds[1], .exec_ns = at };
}

static void show_stderr(const char *what)
{
	char text[4096];
	int fd = open("stderr", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));

	fprintf(stderr, "pairs: %s\n%.*s", what, (int)(n > 0 ? n : 0), text);
	exit(2);
}

static void wait_until_done(const struct bench *b, enum who who)
{
	struct pollfd p = { .fd = b->done_fd[who], .events = POLLIN };
	char byte;

	if (poll(&p, 1, TIMEOUT_MS) != 1)
		show_stderr("the applications do not come up");
	if (read(p.fd, &byte, 1) != 1)
		fail("read 'done'");
}

static void settle(long ns)
{
	(void)nanosleep(&(struct timespec){ .tv_nsec = ns }, NULL);
}

/* podd ends by SIGTERM, which the floor has blocked; the floor at its stdin's end. */
static void finish(struct job *job)
{
	int status;

	(void)close(job->stdin_fd);
	(void)kill(job->pid, SIGTERM);
	if (waitpid(job->pid, &status, 0) != job->pid)
		fail("waitpid");
	if (status != 0)
		show_stderr("a run has failed");
	settle(SETTLE_NS);
}

static void stamps_path(char out[64], enum who who)
{
	snprintf(out, 64, "volume/stamps-%s", names[who]);
}

/* All that the applications wrote since they were launched. */
static void read_stamps(uint64_t *out, size_t n, enum who who)
{
	char path[64];
	int fd;

	stamps_path(path, who);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, out, n * sizeof(*out)) != (ssize_t)(n * sizeof(*out)))
		show_stderr("not all applications have run");
	(void)close(fd);
}

/* -------------------------------------------------------------------- the numbers */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_value);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

struct series {
	const char *title;
	char *argv[WHO_N][ARGS_MAX];
	double target;
	unsigned n;		     /* pairs */
	double *us[WHO_N], *ratio; /* @n each */
};

static void print_line(const char *name, double *v, size_t n, const char *format)
{
	double m = median(v, n);

	printf("  %-6s", name);
	printf(format, m, v[0], v[n - 1]);
}

/* Return: whether @value is at most @target, or the pairs are too few to tell. */
static bool judge(const struct bench *b, double value, double target)
{
	bool met = value <= target, few = b->pairs < JUDGED_PAIRS;

	printf("%s\n\n", few ? "too few pairs to tell" : met ? "met" : "MISSED");
	fflush(stdout);
	return few || met;
}

static void print_head(const struct series *s)
{
	printf("%s (%u pairs)\n              median       min       max\n", s->title, s->n);
}

/* podd beside the floor. Return: as judge(). */
static bool report(const struct bench *b, struct series *s)
{
	double r;

	for (unsigned i = 0; i < s->n; i++)
		s->ratio[i] = s->us[PODD][i] / s->us[FLOOR][i];
	print_head(s);
	for (int who = 0; who < WHO_N; who++)
		print_line(names[who], s->us[who], s->n, "%9.0f %9.0f %9.0f us\n");
	print_line("pairs", s->ratio, s->n, "%9.2f %9.2f %9.2f x\n");
	r = median(s->us[PODD], s->n) / median(s->us[FLOOR], s->n);
	printf("  ratio of the medians %.2f, target <= %.2f: ", r, s->target);
	return judge(b, r, s->target);
}

/*
 * What the walls of each of @containers cost: the pod as it is by default, and the same with
 * all of them off, which stands in the floor's place. Return: as judge().
 */
static bool report_walls(const struct bench *b, struct series *s, unsigned containers)
{
	double each;

	for (unsigned i = 0; i < s->n; i++)
		s->ratio[i] = (s->us[PODD][i] - s->us[FLOOR][i]) / containers;
	print_head(s);
	print_line("on", s->us[PODD], s->n, "%9.0f %9.0f %9.0f us\n");
	print_line("off", s->us[FLOOR], s->n, "%9.0f %9.0f %9.0f us\n");
	print_line("each", s->ratio, s->n, "%9.0f %9.0f %9.0f us\n");
	each = (median(s->us[PODD], s->n) - median(s->us[FLOOR], s->n)) / containers;
	printf("  %.0f us a container by the medians, target <= %.0f: ", each, s->target);
	return judge(b, each, s->target);
}

/* Room for @n pairs. */
static void prepare(struct series *s, unsigned n)
{
	s->n = n;
	s->us[PODD] = calloc(3 * (size_t)n, sizeof(double));
	if (!s->us[PODD])
		fail("allocate");
	s->us[FLOOR] = s->us[PODD] + n;
	s->ratio = s->us[FLOOR] + n;
}

static void launch_anew(struct job *job, const struct series *s, enum who who)
{
	char path[64];

	stamps_path(path, who);
	(void)unlink(path);
	launch(job, s->argv[who]);
}

/* From execve to the last of two first instructions. */
static double start_once(const struct bench *b, const struct series *s, enum who who)
{
	uint64_t first[2];
	struct job job;

	launch_anew(&job, s, who);
	wait_until_done(b, who);
	read_stamps(first, 2, who);
	finish(&job);
	return (double)((first[0] > first[1] ? first[0] : first[1]) - job.exec_ns) / 1e3;
}

static void measure_starts(const struct bench *b, struct series *s, unsigned per_pair)
{
	prepare(s, b->pairs * per_pair);
	for (unsigned i = 0; i < s->n; i++)
		for (int who = 0; who < WHO_N; who++)
			s->us[who][i] = start_once(b, s, who);
}

/* Both run, and their applications exit in turns. */
static void measure_restarts(const struct bench *b, struct series *s)
{
	static uint64_t stamps[2 * RESTARTS_PER_PAIR * PAIRS_MAX + 1];
	struct job jobs[WHO_N];

	prepare(s, b->pairs * RESTARTS_PER_PAIR);
	for (int who = 0; who < WHO_N; who++) {
		launch_anew(&jobs[who], s, who);
		wait_until_done(b, who);
	}
	for (unsigned i = 0; i < s->n * WHO_N; i++) {
		settle(SETTLE_RESTART_NS);
		if (write(b->trigger_fd[i % WHO_N], "", 1) != 1)
			fail("write 'trigger'");
		wait_until_done(b, i % WHO_N);
	}
	for (int who = 0; who < WHO_N; who++) {
		/* first, last, first, last, ... first */
		read_stamps(stamps, 2 * (size_t)s->n + 1, who);
		for (unsigned i = 0; i < s->n; i++)
			s->us[who][i] = (double)(stamps[2 * i + 2] - stamps[2 * i + 1]) / 1e3;
		finish(&jobs[who]);
	}
}

/* ---------------------------------------------------------------------- the runs */

static char *print(const char *fmt, const char *a, const char *b)
{
	char *s;

	if (asprintf(&s, fmt, a, b) < 0)
		fail("allocate");
	return s;
}

static void podd_args(char **argv, const struct bench *b, const char *pod)
{
	size_t n = 0;

	argv[n++] = print("%s/podd%s", b->build, "");
	argv[n++] = print("%s%s", "--root", "");
	argv[n++] = print("%s/root%s", b->work, "");
	argv[n++] = print("%s/%s.pod", b->work, pod);
	argv[n] = NULL;
}

/* The application's arguments as the pod files have them. */
static void floor_args(char **argv, const struct bench *b, bool make_bridge, unsigned restarts)
{
	char count[16];
	size_t n = 0;

	snprintf(count, sizeof(count), "%u", restarts);
	argv[n++] = print("%s/bench/floor%s", b->build, "");
	argv[n++] = print("%s/floor%s", b->work, "");
	argv[n++] = print("%s/lower%s", b->work, "");
	argv[n++] = print("%s/volume%s", b->work, "");
	argv[n++] = print("%s%s", b->cgroups, "");
	argv[n++] = print("%s%s", make_bridge ? "floor0" : "bench0", "");
	argv[n++] = print("%s%s", make_bridge ? "1" : "0", "");
	argv[n++] = print("%s/pod-pause%s", b->build, "");
	argv[n++] = print("%s%s", restarts ? "1" : "2", "");
	argv[n++] = print("%s%s", count, "");
	argv[n++] = print("%s%s", "/app", "");
	argv[n++] = print("%s%s", "/bench/stamps-floor", "");
	argv[n++] = print("%s%s", "/bench/done-floor", "");
	argv[n++] = print("%s%s", "2", "");
	argv[n++] = print("%s%s", restarts ? "/bench/trigger-floor" : "stay", "");
	argv[n] = NULL;
}

static bool run_all(const struct bench *b)
{
	struct series alone = { .title = "Pod of two containers, exec to both apps exec'd, "
					 "first pod of its bridge", .target = 2 };
	struct series beside = { .title = "The same beside another pod of the bridge",
				 .target = 2 };
	struct series again = { .title = "Exit of an app to the first instruction of the next, "
					 "no walls",
				.target = 1.5 };
	struct series walls = { .title = "Isolation: user namespace, capabilities, filters, "
					 "device filter, Landlock",
				.target = 1000 };
	struct series again_walls = { .title = "Isolation: exit of an app to the next",
				      .target = 1000 };
	struct series other = { .title = "" };
	struct job job;
	bool met;

	podd_args(alone.argv[PODD], b, "two");
	floor_args(alone.argv[FLOOR], b, true, 0);
	podd_args(beside.argv[PODD], b, "two");
	floor_args(beside.argv[FLOOR], b, false, 0);
	podd_args(again.argv[PODD], b, "again");
	floor_args(again.argv[FLOOR], b, false, b->pairs * RESTARTS_PER_PAIR);
	podd_args(walls.argv[PODD], b, "walls");
	podd_args(walls.argv[FLOOR], b, "open");
	podd_args(again_walls.argv[PODD], b, "again-walls");
	podd_args(again_walls.argv[FLOOR], b, "again-open");
	podd_args(other.argv[PODD], b, "other");

	measure_starts(b, &alone, 1);
	met = report(b, &alone);
	launch_anew(&job, &other, PODD);
	wait_until_done(b, PODD);
	measure_starts(b, &beside, 1);
	met = report(b, &beside) && met;
	measure_restarts(b, &again);
	met = report(b, &again) && met;
	measure_starts(b, &walls, STARTS_PER_PAIR);
	met = report_walls(b, &walls, 2) && met;
	measure_restarts(b, &again_walls);
	met = report_walls(b, &again_walls, 1) && met;
	finish(&job);
	return met;
}

static int open_fifo(const char *what, enum who who)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "volume/%s-%s", what, names[who]);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		fail(path);
	return fd;
}

int main(int argc, char **argv)
{
	struct bench b;

	if (argc != 5 || atoi(argv[4]) < 1 || atoi(argv[4]) > PAIRS_MAX) {
		fputs("pairs: see tests/bench/pairs.c\n", stderr);
		return 2;
	}
	b = (struct bench){ argv[1], argv[2], argv[3], (unsigned)atoi(argv[4]), { 0 }, { 0 } };
	if (chdir(b.work) < 0)
		fail(b.work);
	for (int who = 0; who < WHO_N; who++) {
		b.done_fd[who] = open_fifo("done", who);
		b.trigger_fd[who] = open_fifo("trigger", who);
	}
	return run_all(&b) ? 0 : 1;
}
