/* SPDX-License-Identifier: MIT */
/* Asking podd-image. */
#include "supervisor/admission.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fd.h"
#include "image/policy.h"
#include "image/ref.h"
#include "supervisor/images.h"

static void answer(struct admission *a, const struct err *refusal)
{
	loop_timer_clear(a->loop, &a->timer);
	a->fn(a, refusal); /* the last: it may begin anew */
}

static void on_answer(struct helper *h, int status, const char *last_line)
{
	struct admission *a = container_of(h, struct admission, helper);
	struct err err = { 0 };

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		answer(a, NULL);
		return;
	}
	if (WIFEXITED(status) && *last_line)
		(void)err_set(&err, EACCES, "%s", last_line);
	else
		(void)err_set(&err, EIO, "podd-image ended with %s %d",
			      WIFEXITED(status) ? "status" : "signal",
			      WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	answer(a, &err);
}

static void on_timer(struct timer *timer)
{
	struct admission *a = container_of(timer, struct admission, timer);
	struct err err = { 0 };

	helper_end(&a->helper);
	(void)err_set(&err, ETIMEDOUT, "podd-image has not answered for %d s", ADMISSION_TIMEOUT_S);
	answer(a, &err);
}

/* The image on trial instead of that of the spec, when the name has one. */
static const char *id_of(const struct pod_container *c, const struct generation *trial,
			 char text[DIGEST_TEXT_SIZE])
{
	const struct generation_image *m = NULL;
	struct image_ref ref;

	if (trial && image_ref_parse(&ref, c->image.name, NULL) == 0 && !ref.digest.hex[0])
		m = generation_find(trial, ref.name);
	return m && m->trial.hex[0] ? digest_text(&m->trial, text) : c->image.id;
}

static int ask(struct admission *a, const struct admission_question *q, const char *policy,
	       struct err *err)
{
	const char *argv[2 * POD_CONTAINERS_MAX + 8] = { IMAGE_ADMIT_PROGRAM };
	char ids[POD_CONTAINERS_MAX][DIGEST_TEXT_SIZE];
	size_t n = 1;

	if (*q->paths->root) {
		argv[n++] = "--root";
		argv[n++] = q->paths->root;
	}
	argv[n++] = "admit";
	argv[n++] = "--";
	argv[n++] = policy;
	for (size_t i = 0; i < q->spec->container_n; i++) {
		const struct pod_container *c = &q->spec->containers[i];

		if (!c->image.name)
			continue;
		argv[n++] = c->image.name;
		argv[n++] = id_of(c, q->trial, ids[i]);
	}
	return helper_start(&a->helper, a->loop, (char *const *)argv, on_answer, err);
}

/* Return: 0 or -errno with @err filled; without a policy, nobody is asked. */
static int begin(struct admission *a, const struct admission_question *q, struct err *err)
{
	char text[IMAGE_POLICY_TEXT_MAX];
	const char *words = q->spec->image_policy;
	cleanup_free struct image_policy *policy = NULL;
	int r = 0;

	if (!images_used(q->spec))
		return 0;
	if (!words) {
		r = image_policy_read(text, q->paths->etc, err);
		words = text;
	}
	if (r < 0 || strcmp(words, "any") == 0)
		return r;
	policy = calloc(1, sizeof(*policy));
	r = policy ? image_policy_parse(policy, words, err) : err_set(err, ENOMEM, "out of memory");
	if (r < 0 && words == text)
		(void)err_wrap(err, r, "'%s/etc/podd/" IMAGE_POLICY_FILE "'", q->paths->root);
	return r < 0 || policy->key_n == 0 ? r : ask(a, q, words, err);
}

/**
 * admission_begin() - ask whether ImagePolicy=, or else the host's policy, allows a pod's images
 * @a: not busy
 * @q: borrowed during the call
 * @fn: called once, at once when nobody need be asked, else from the loop. It is told
 *	EACCES for an image that is not allowed; ETIMEDOUT after 10 s, or another
 *	code, when that cannot be told.
 */
void admission_begin(struct admission *a, struct loop *loop, const struct admission_question *q,
		     admission_fn *fn)
{
	struct err err = { 0 };
	int r;

	*a = (struct admission){ .loop = loop, .fn = fn, .timer = { .fn = on_timer } };
	r = begin(a, q, &err);
	if (r < 0)
		answer(a, &err);
	else if (!helper_is_busy(&a->helper))
		answer(a, NULL);
	else
		loop_timer_set(loop, &a->timer,
			       clock_boottime_ns() + ADMISSION_TIMEOUT_S * NSEC_PER_SEC);
}

/**
 * admission_is_busy() - whether an answer is waited for
 */
bool admission_is_busy(const struct admission *a)
{
	return helper_is_busy(&a->helper);
}

/**
 * admission_end() - wait no longer; nobody is called
 */
void admission_end(struct admission *a)
{
	if (a->loop)
		loop_timer_clear(a->loop, &a->timer);
	helper_end(&a->helper);
}

struct start {
	struct admission admission;
	bool done;
	struct err refusal;
};

static void start_answered(struct admission *a, const struct err *refusal)
{
	struct start *s = container_of(a, struct start, admission);

	s->done = true;
	if (refusal)
		s->refusal = *refusal;
}

/**
 * admission_ask() - as admission_begin(), for a start: waits for the answer, up to 10 s
 * @loop: turns until then; what else it has is served
 *
 * Return: 0 or -errno with @err filled, as @fn is told there.
 */
int admission_ask(const struct admission_question *q, struct loop *loop, struct err *err)
{
	struct start s = { .done = false };
	int r = 0;

	admission_begin(&s.admission, loop, q, start_answered);
	while (r == 0 && !s.done)
		r = loop_turn(loop, err);
	admission_end(&s.admission);
	if (r == 0 && s.refusal.code)
		r = err_set(err, s.refusal.code, "%s", s.refusal.msg);
	return r;
}
