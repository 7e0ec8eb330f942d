/* SPDX-License-Identifier: MIT */
/* What podd asks of podd-image: whether its policy allows the images of a pod. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "ctl/image/image.h"
#include "image/admit.h"

/*
 * Theory of operation
 *
 * The policy's words, and for each image what the file calls it and the digest
 * that this meant. Everything is read from the store by a worker (image/worker.h),
 * and compared with its digest, the image's own documents as well. An answer is
 * an exit status, and a line on the standard output that says why not.
 */
#define DOCUMENTS_CPU_SECONDS 8 /* less than podd waits (supervisor/admission.c) */

struct question {
	struct chosen_policy chosen;
	struct image_stores stores;
	char *const *images; /* name, digest, name, digest */
	int n;
};

/* An image_document_fn, of a store. */
static int read_document(void *ctx, const struct digest *d, size_t max, char **out, size_t *n,
			 struct err *err)
{
	cleanup_free char *text = NULL;
	int r = image_store_read(&text, n, ctx, d, err);

	if (r == 0)
		r = image_document_check(d, max, text, *n, err);
	if (r == -EBADMSG)
		r = err_set(err, EBADMSG, "the blob '%s' is damaged; see podctl image fsck",
			    d->hex);
	if (r == 0)
		*out = take_ptr(text);
	return r;
}

/* What podd takes a pod's program and layers from is what was signed. */
static int check_image(struct image_store *store, const struct digest *id, struct err *err)
{
	cleanup_free struct image_manifest *m = calloc(1, sizeof(*m));
	cleanup_free char *text = NULL, *config = NULL;
	size_t n = 0;
	int r = m ? read_document(store, id, IMAGE_DOCUMENT_MAX, &text, &n, err) :
		    err_set(err, ENOMEM, "out of memory");

	if (r == 0)
		r = image_manifest_parse(m, (struct image_bytes){ text, n }, err);
	if (r < 0)
		return r;
	return read_document(store, &m->config.digest, IMAGE_DOCUMENT_MAX, &config, &n, err);
}

static int find_store(struct image_store **out, struct question *q, const struct image_ref *ref,
		      struct err *err)
{
	const struct image_store *store;
	struct digest id;
	int r = image_stores_find(&id, &store, &q->stores, ref, err);

	*out = &q->stores.list[store - q->stores.list];
	return r == -ENOENT ? err_set(err, ENOENT, "it is not in the store") : r;
}

static int admit_one(struct question *q, const char *name, const char *digest, struct err *err)
{
	struct image_documents documents;
	json_auto_t *index = NULL;
	struct image_store *store = NULL;
	struct image_ref asked, ref;
	int r = image_ref_parse(&asked, name, err);

	if (r == 0)
		r = image_ref_parse(&ref, digest, err);
	if (r == 0)
		r = find_store(&store, q, &ref, err);
	if (r == 0)
		r = image_store_index(&index, store, err);
	if (r == 0)
		r = check_image(store, &ref.digest, err);
	if (r < 0)
		return r;
	image_signed_of(&documents, index, &ref.digest);
	return image_admit(&(struct admit_args){ .policy = &q->chosen.policy,
						 .keys = &q->chosen.keys,
						 .documents = &documents,
						 .read = read_document,
						 .ctx = store },
			   &ref.digest, &asked, err);
}

static int work(void *arg, struct worker_progress *progress, struct err *err)
{
	struct question *q = arg;
	int r = 0;

	(void)progress;
	for (int i = 0; r == 0 && i + 1 < q->n; i += 2) {
		r = admit_one(q, q->images[i], q->images[i + 1], err);
		if (r < 0)
			r = err_wrap(err, r, "image '%.200s'", q->images[i]);
	}
	return r;
}

static int run(struct question *q, const struct paths *paths, const char *policy, struct err *err)
{
	const struct worker_limits limits = { import_limits_default.worker.memory_bytes,
					      DOCUMENTS_CPU_SECONDS };
	struct worker_args args = { .fn = work, .arg = q, .root_fd = -EBADF, .limits = limits };
	int r = policy_choose(&q->chosen, policy, paths, err);

	if (r == 0)
		r = image_stores_open(&q->stores, paths, err);
	for (size_t i = 0; r == 0 && i < IMAGE_STORES_MAX && args.root_fd < 0; i++)
		args.root_fd = q->stores.list[i].dirfd;
	if (r == 0)
		r = args.root_fd < 0 ? err_set(err, ENOENT, "there is no image store") :
				       worker_run(&args, err);
	image_stores_close(&q->stores);
	policy_done(&q->chosen);
	return r;
}

/**
 * admit_images() - whether a policy allows images of the stores
 * @images: a name, its digest, and so on: @n texts
 *
 * Return: 0; -EACCES for one that it does not allow; -errno. @err is filled.
 */
int admit_images(const struct paths *paths, const char *policy, char *const *images, int n,
		 struct err *err)
{
	struct question q = { .chosen = { .keys = { .n = 0 } }, .images = images, .n = n };

	for (size_t i = 0; i < IMAGE_STORES_MAX; i++)
		q.stores.list[i].dirfd = -EBADF;
	return run(&q, paths, policy, err);
}

/* podd's question */
int cmd_image_admit(struct ctl *ctl, int argc, char **argv)
{
	static const struct option longs[] = { CTL_COMMON_OPTIONS };
	struct err err = { 0 };
	int code;

	if (ctl_option(ctl, argc, argv, ":", longs) == CTL_STOP)
		return ctl->exit_code;
	code = ctl_positional(ctl, argc, argv, 3, INT_MAX);
	if (code == 0)
		code = ctl_open(ctl);
	if (code)
		return code;
	if (admit_images(&ctl->paths, argv[optind], argv + optind + 1,
			 argc - optind - 1, &err) == 0)
		return CTL_OK;
	fprintf(ctl->out, "%s\n", err.msg);
	return CTL_FAILED;
}
