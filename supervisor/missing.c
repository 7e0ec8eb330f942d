/* SPDX-License-Identifier: MIT */
/* podd-image pulls, podd waits or goes on. */
#include "supervisor/missing.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fd.h"
#include "supervisor/images.h"
#include "supervisor/notify.h"
#include "supervisor/pod.h"
#include "supervisor/say.h"

#define PULL_TIMEOUT_MIN 60
#define PATIENCE_NS	 (60 * NSEC_PER_SEC)
#define WORD_NS		 (20 * NSEC_PER_SEC) /* well within that */

static void finish(struct pod *pod)
{
	struct missing *m = &pod->missing;

	loop_timer_clear(pod->loop, &m->timer);
	m->ended = true;
	m->fn(pod, m->why.code ? &m->why : NULL);
}

/* "podctl: " is for who typed it. */
static const char *without_program(const char *line)
{
	const char *colon = strstr(line, ": ");

	return strncmp(line, "podctl", 6) == 0 && colon ? colon + 2 : line;
}

static void on_pulled(struct helper *h, int status, const char *last_line)
{
	struct pod *pod = container_of(h, struct pod, missing.helper);
	struct missing *m = &pod->missing;

	/* No errno of the host's own: another try may do better, or another file. */
	if (WIFSIGNALED(status))
		(void)err_set(&m->why, EIO, "pull its images: podd-image was killed by signal %d",
			      WTERMSIG(status));
	else if (status != 0)
		(void)err_set(&m->why, EIO, "%s",
			      *last_line ? without_program(last_line) :
					   "pull its images: no answer");
	finish(pod);
}

static void on_timer(struct timer *timer)
{
	struct pod *pod = container_of(timer, struct pod, missing.timer);
	struct missing *m = &pod->missing;
	uint64_t now_ns = clock_boottime_ns();

	if (now_ns >= m->until_ns) {
		helper_end(&m->helper);
		(void)err_set(&m->why, ETIMEDOUT, "pull its images: not done after %d min",
			      PULL_TIMEOUT_MIN);
		finish(pod);
		return;
	}
	notify_patience("pulling images", PATIENCE_NS);
	loop_timer_set(pod->loop, timer, now_ns + WORD_NS);
}

static int start_pull(struct pod *pod, const struct pod_spec *spec, const char *const *names,
		      int n, struct err *err)
{
	const char *argv[3 * POD_CONTAINERS_MAX + 8] = { "podctl image", "--root", "/", "pull" };
	int at = 4;

	if (pod->paths->root[0])
		argv[2] = pod->paths->root;
	if (spec->image_policy) {
		argv[at++] = "--policy";
		argv[at++] = spec->image_policy;
	}
	/* What it has already is not yet pinned: the store's budget is not to take it. */
	for (size_t i = 0; i < spec->container_n; i++) {
		if (!spec->containers[i].image.name)
			continue;
		argv[at++] = "--keep";
		argv[at++] = spec->containers[i].image.name;
	}
	argv[at++] = "--";
	for (int i = 0; i < n; i++) {
		say(SAY_NOTICE, "pod '%s': pulling image '%s'", spec->name, names[i]);
		argv[at++] = names[i];
	}
	return helper_start(&pod->missing.helper, pod->loop, (char *const *)argv, on_pulled, err);
}

/**
 * missing_fetch() - begin to fetch those images of a spec that are in no store
 * @spec: borrowed during the call
 * @fn: called once from the loop, unless missing_close() comes before
 *
 * Return: 0: nothing is missing; 1: begun; -ENOENT for an image that is missing and
 * must not be fetched; -errno. @err is filled.
 */
int missing_fetch(struct pod *pod, const struct pod_spec *spec, missing_fn *fn, struct err *err)
{
	struct missing *m = &pod->missing;
	const char *names[POD_CONTAINERS_MAX];
	int r, n = images_missing(names, spec, pod->paths, err);

	if (n <= 0)
		return n;
	*m = (struct missing){ .fn = fn, .timer = { .fn = on_timer } };
	r = start_pull(pod, spec, names, n, err);
	if (r < 0)
		return r;
	m->until_ns = clock_boottime_ns() + PULL_TIMEOUT_MIN * 60 * NSEC_PER_SEC;
	on_timer(&m->timer); /* the first word, and the clock for the others */
	return 1;
}

/* ----------------------------------------------------------------------- a start */

static void ended(struct pod *pod, const struct err *why)
{
	(void)pod; /* missing_fetch_at_start() looks at it itself */
	(void)why;
}

struct asked {
	struct watch watch;
	bool to_stop;
};

/* It stays in the descriptor: nobody need be told twice. */
static void on_signal(struct watch *watch, uint32_t events)
{
	(void)events;
	container_of(watch, struct asked, watch)->to_stop = true;
}

static int turn_until_ended(struct pod *pod, struct err *err)
{
	struct asked asked = { .watch = { .fn = on_signal } };
	cleanup_close int fd = -EBADF;
	sigset_t set;
	int r;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return err_sys(err, "make a signalfd");
	r = loop_watch_add(pod->loop, &asked.watch, fd, EPOLLIN, err);
	while (r == 0 && !pod->missing.ended && !asked.to_stop)
		r = loop_turn(pod->loop, err);
	loop_watch_remove(pod->loop, &asked.watch);
	if (r == 0 && !pod->missing.ended)
		r = err_set(err, ECANCELED, "stopped while its images were pulled");
	return r;
}

/**
 * missing_fetch_at_start() - fetch what a pod's images lack, and wait for it
 *
 * Return: 0: nothing is missing any more; -ECANCELED: a signal asked to stop; -errno.
 * @err is filled.
 */
int missing_fetch_at_start(struct pod *pod, struct err *err)
{
	struct missing *m = &pod->missing;
	int r;

	if (pod->adopting)
		return 0;
	r = missing_fetch(pod, pod->spec, ended, err);
	if (r <= 0)
		return r;
	r = turn_until_ended(pod, err);
	if (r == 0 && m->why.code)
		r = err_set(err, m->why.code, "%s", m->why.msg);
	missing_close(pod);
	return r;
}

/**
 * missing_is_busy() - whether images are being fetched
 */
bool missing_is_busy(const struct pod *pod)
{
	return helper_is_busy(&pod->missing.helper);
}

/**
 * missing_close() - end it, if it goes on; nobody is told
 */
void missing_close(struct pod *pod)
{
	loop_timer_clear(pod->loop, &pod->missing.timer);
	helper_end(&pod->missing.helper);
}
