/* SPDX-License-Identifier: MIT */
/* The parent's part of a pull. */
#include "image/pull.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/fd.h"
#include "image/fetch.h"
#include "image/policy.h"
#include "image/worker.h"

struct job {
	struct fetch_args fetch;
	struct image_writer *w; /* the worker has a copy of the memory */
};

/* The lock is one that whoever holds it can open; the rest can be read, at most. */
static int work(void *arg, struct worker_progress *progress, struct err *err)
{
	struct job *job = arg;

	close_fd(&job->w->lock_fd);
	close_fd(&job->w->store.dirfd);
	close_fd(&job->w->layers_fd);
	close_fd(&job->w->tmp_fd);
	close_fd(&job->w->job_fd);
	close_fd(&job->w->job_blobs_fd);
	close_fd(&job->w->job_layers_fd);
	/* libcurl leaves the signal to us (CURLOPT_NOSIGNAL(3)): a write then just fails. */
	(void)signal(SIGPIPE, SIG_IGN); /* of a known signal: never fails */
	return fetch_image(&job->fetch, progress, err);
}

/* What would unpack to more is not fetched. */
static uint64_t fetched_bytes_max(const struct import_limits *limits)
{
	return limits->layers.bytes < limits->source_bytes ? limits->layers.bytes :
							     limits->source_bytes;
}

static int fetch(struct image_writer *w, const struct pull_args *args, struct err *err)
{
	struct job job = {
		.fetch = {
			.ref = args->ref,
			.unwanted = args->unwanted,
			.registries = args->registries,
			.auth = args->auth,
			.store_blobs_fd = w->blobs_fd,
			.layout_fd = w->job_incoming_fd,
			.stall_s = args->stall_s,
			.retries = args->retries,
			.bytes_max = fetched_bytes_max(&args->limits),
			.room = args->limits.room,
			.needs_signature = args->policy && args->policy->key_n > 0,
		},
		.w = w,
	};
	const struct worker_args worker = {
		.fn = work,
		.arg = &job,
		.root_fd = w->job_fd,
		.network = true,
		.limits = args->limits.worker,
		.watch = args->watch,
		.watch_ctx = args->watch_ctx,
	};
	const struct account who = worker_network_account();

	if (fchown(w->job_incoming_fd, who.uid, who.gid) < 0)
		return err_sys(err, "give the worker its directory");
	return worker_run(&worker, err);
}

static int take(struct import_result *out, struct image_writer *w, const struct pull_args *args,
		struct err *err)
{
	bool pinned = args->ref->digest.hex[0];
	/* A reference's name has a tag even if only a digest was said. */
	const struct import_args import = {
		.source_fd = w->job_incoming_fd,
		.directory = true,
		.consume = true,
		.name = pinned || args->nameless ? "" : args->ref->name,
		.replace = true,
		.pin = pinned ? &args->ref->digest : NULL,
		.policy = args->policy,
		.keys = args->keys,
		.asked = args->ref,
		.limits = args->limits,
		.watch = args->watch,
		.watch_ctx = args->watch_ctx,
	};

	return image_import_job(out, w, &import, err);
}

/**
 * image_pull() - fetch an image, and take it into the store
 * @w: open
 * @args: @ref of IMAGE_REF_NAME
 *
 * Return: 0; -EALREADY: it is @args->unwanted; or -errno with @err filled; no image
 * has changed then.
 */
int image_pull(struct import_result *out, struct image_writer *w, const struct pull_args *args,
	       struct err *err)
{
	struct err second;
	int r = image_writer_begin_job(w, err);

	if (r == 0)
		r = image_writer_take_leftovers(w, err);
	if (r == 0)
		r = fetch(w, args, err);
	if (r < 0 && r != -ENOSPC && r != -EDQUOT) /* or a full disk stays full */
		image_writer_keep_leftovers(w);
	if (r == 0)
		r = take(out, w, args, err);
	/* What is left is removed by the next writer. */
	(void)image_writer_end_job(w, &second);
	return r;
}
