/* SPDX-License-Identifier: MIT */
/* Fetching one image into a layout. */
#include "image/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "image/download.h"
#include "image/fetch_signatures.h"
#include "image/leftovers.h"
#include "image/registry.h"
#include "image/store.h"

#define LAYOUT "{\"imageLayoutVersion\":\"1.0.0\"}\n"

struct fetch {
	const struct fetch_args *args;
	struct worker_progress *progress;
	struct room room; /* beside what the store has of it */
	struct http http;
	int blobs_fd, former_fd;	   /* of the layout */
	char registry[IMAGE_NAME_MAX + 1]; /* the parts of the name */
	char repository[IMAGE_NAME_MAX + 1];
	char reference[IMAGE_NAME_MAX + 1]; /* tag or digest */
};

/* ----------------------------------------------------------------------- documents */

static bool has_blob(int blobs_fd, const struct digest *d)
{
	return faccessat(blobs_fd, d->hex, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool has(const struct fetch *f, const struct digest *d)
{
	return has_blob(f->args->store_blobs_fd, d) || has_blob(f->blobs_fd, d);
}

static int write_file(int dirfd, const char *name, const char *text, size_t n, struct err *err)
{
	cleanup_close int fd =
	    openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	int r;

	if (fd < 0)
		return err_sys(err, "create '%s'", name);
	r = io_write_all(fd, text, n);
	return r < 0 ? err_set(err, -r, "write '%s': %s", name, strerror(-r)) : 0;
}

/* A document of the store or the layout; -ENOENT when it is in neither. */
static int read_here(struct registry_document *out, const struct fetch *f,
		     const struct image_descriptor *d, struct err *err)
{
	cleanup_close int fd = openat(f->args->store_blobs_fd, d->digest.hex,
				      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	cleanup_free char *text = NULL;

	if (fd < 0)
		fd = openat(f->blobs_fd, d->digest.hex,
			    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -ENOENT;
	text = calloc(1, d->size + 1);
	if (!text)
		return err_set(err, ENOMEM, "read a manifest: out of memory");
	if (pread(fd, text, d->size, 0) != (ssize_t)d->size)
		return err_set(err, EBADMSG,
			       "the blob '%s' in the store is damaged; see podctl image fsck",
			       d->digest.hex);
	*out = (struct registry_document){ take_ptr(text), d->size, d->media, d->digest };
	return 0;
}

/* By its descriptor, from here or from there. */
static int get_document(struct registry_document *out, struct fetch *f, struct registry *r,
			const struct image_descriptor *d, struct err *err)
{
	char text[DIGEST_TEXT_SIZE];
	int ret;

	if (d->size > IMAGE_DOCUMENT_MAX)
		return err_set(err, EFBIG, "the manifest '%s' is larger than %u bytes",
			       d->digest.hex, IMAGE_DOCUMENT_MAX);
	ret = read_here(out, f, d, err);
	if (ret != -ENOENT)
		return ret;
	ret = registry_manifest(out, r, digest_text(&d->digest, text), err);
	if (ret == 0 && out->n != d->size)
		ret = err_set(err, EBADMSG,
			      "the manifest '%s' has %zu bytes, its descriptor says %llu",
			      d->digest.hex, out->n, (unsigned long long)d->size);
	return ret < 0 ? ret : write_file(f->blobs_fd, d->digest.hex, out->text, out->n, err);
}

/* Down through indexes to the manifest for this host; @doc is replaced on the way. */
static int descend(struct fetch *f, struct registry *r, struct registry_document *doc,
		   struct err *err)
{
	int ret = 0;

	for (int depth = 0; ret == 0 && doc->media == IMAGE_MEDIA_INDEX; depth++) {
		struct registry_document next = { .n = 0 };
		struct image_descriptor d;

		if (depth == IMAGE_INDEX_DEPTH)
			return err_set(err, ELOOP, "more than %d indexes in each other", depth);
		ret = image_index_choose(&d, (struct image_bytes){ doc->text, doc->n },
					 &image_platform_here, err);
		if (ret == 0)
			ret = get_document(&next, f, r, &d, err);
		free(doc->text);
		*doc = next;
	}
	return ret;
}

/* ----------------------------------------------------------------------------- blobs */

/* Unless it is here already, or on the list. */
static int want(struct fetch *f, const struct image_descriptor *d,
		struct image_descriptor *list, unsigned *n, uint64_t *bytes)
{
	if (has(f, &d->digest)) {
		room_claim(&f->room, &d->digest);
		return 0;
	}
	for (unsigned i = 0; i < *n; i++)
		if (digest_equal(&list[i].digest, &d->digest))
			return 0;
	if (d->size > f->args->bytes_max - *bytes)
		return -EFBIG;
	*bytes += d->size;
	list[(*n)++] = *d;
	return 0;
}

/* Beside what is fetched and unpacked, one blob at a time is there twice (image/source.h). */
static int check_room(const struct fetch *f, const struct image_descriptor *list, unsigned n,
		      struct err *err)
{
	struct room_need need = { 0, 0 };
	uint64_t largest = 0;
	int r;

	for (unsigned i = 0; i < n; i++) {
		room_add(&need, &list[i]);
		largest = list[i].size > largest ? list[i].size : largest;
	}
	/* No sum overflows: all blobs together are bounded (want()). */
	r = room_check_disk(f->args->layout_fd,
			    need.packed_bytes - leftovers_bytes(f->former_fd, list, n) +
			    largest + need.unpacked_bytes, &need, err);
	return r < 0 ? r : room_check_budget(&f->room, &need, err);
}

static int get_blobs(struct fetch *f, struct registry *r, const struct registry_document *doc,
		     struct err *err)
{
	cleanup_free struct image_manifest *m = calloc(1, sizeof(*m));
	struct image_descriptor list[IMAGE_LAYERS_MAX + 1];
	struct download_args args = { r, list, 0, f->blobs_fd, f->former_fd, f->progress };
	uint64_t bytes = 0;
	int ret = m ? image_manifest_parse(m, (struct image_bytes){ doc->text, doc->n }, err)
		    : err_set(err, ENOMEM, "read a manifest: out of memory");

	if (ret < 0)
		return ret;
	if (m->config.size > IMAGE_DOCUMENT_MAX)
		return err_set(err, EFBIG, "its config is larger than %u bytes",
			       IMAGE_DOCUMENT_MAX);
	ret = want(f, &m->config, list, &args.n, &bytes);
	for (unsigned i = 0; ret == 0 && i < m->layer_n; i++)
		ret = want(f, &m->layers[i], list, &args.n, &bytes);
	if (ret < 0)
		return err_set(err, EFBIG, "its layers are larger than %llu bytes",
			       (unsigned long long)f->args->bytes_max);
	leftovers_keep_only(f->former_fd, list, args.n);
	ret = check_room(f, list, args.n, err);
	if (ret == 0)
		ret = download_blobs(&args, err);
	/* Another place, or another pull, has them hashed again. */
	for (unsigned i = 0; ret < 0 && i < args.n; i++)
		leftovers_give(f->former_fd, f->blobs_fd, &list[i].digest);
	return ret;
}

/* ----------------------------------------------------------------------------- layout */

static int write_index(struct fetch *f, const struct image_descriptor *d,
		       const struct fetched_signatures *signatures, struct err *err)
{
	char digest[DIGEST_TEXT_SIZE];
	json_auto_t *doc = json_pack("{s:i, s:[{s:s, s:s, s:I, s:{s:s}}]}", "schemaVersion", 2,
				     "manifests", "mediaType", image_media_name(d->media), "digest",
				     digest_text(&d->digest, digest), "size", (json_int_t)d->size,
				     "annotations", IMAGE_REF_NAME_ANNOTATION, f->args->ref->name);
	int r = fetch_signatures_list(json_object_get(doc, "manifests"), signatures, err);
	cleanup_free char *text = r < 0 ? NULL : json_dumps(doc, JSON_COMPACT);

	if (r < 0)
		return r;
	r = text ? write_file(f->args->layout_fd, "oci-layout", LAYOUT, strlen(LAYOUT), err)
		     : err_set(err, ENOMEM, "write 'index.json': out of memory");

	return r < 0 ? r : write_file(f->args->layout_fd, "index.json", text, strlen(text), err);
}

/* @first: what the reference means, an index or a manifest. */
static int fetch_from(struct fetch *f, struct registry *r, struct err *err)
{
	struct fetched_signatures signatures = { .n = 0 };
	struct registry_document doc = { .n = 0 };
	struct image_descriptor first;
	struct fetch_signatures_args more = {
		.registry = r,
		.blobs_fd = f->blobs_fd,
		.store_blobs_fd = f->args->store_blobs_fd,
	};
	int ret = registry_manifest(&doc, r, f->reference, err);

	if (ret == 0) {
		first = (struct image_descriptor){ doc.media, doc.digest, doc.n };
		ret = write_file(f->blobs_fd, doc.digest.hex, doc.text, doc.n, err);
	}
	if (ret == 0)
		ret = descend(f, r, &doc, err);
	if (ret == 0 && f->args->unwanted && digest_equal(&doc.digest, f->args->unwanted))
		ret = err_set(err, EALREADY, "it is the image '" DIGEST_PREFIX "%s'",
			      doc.digest.hex);
	/* Before its layers: an image that is not signed need not be fetched. */
	if (ret == 0)
		ret = fetch_signatures(&signatures, &more, &first.digest,
				       f->args->needs_signature, err);
	if (ret == 0 && !digest_equal(&doc.digest, &first.digest))
		ret = fetch_signatures(&signatures, &more, &doc.digest,
				       f->args->needs_signature, err);
	if (ret == 0 && f->args->needs_signature && signatures.n == 0)
		ret = err_set(err, EACCES, "it is not signed");
	if (ret == 0)
		ret = get_blobs(f, r, &doc, err);
	if (ret == 0)
		ret = write_index(f, &first, &signatures, err);
	free(doc.text);
	return ret;
}

/* @place: HOST[:PORT][/PREFIX] */
static int try_place(struct fetch *f, const char *place, struct err *err)
{
	char host[IMAGE_NAME_MAX + 1], repository[2 * IMAGE_NAME_MAX + 2],
	    basic[AUTH_BASIC_MAX + 1];
	size_t n = strcspn(place, "/");
	struct registry r = { .http = NULL };
	struct registry_args args = { &f->http, host, repository, basic };
	int ret;

	snprintf(host, sizeof(host), "%.*s", (int)n, place);
	snprintf(f->progress->host, sizeof(f->progress->host), "%.*s", WORKER_HOST_MAX - 1, host);
	snprintf(repository, sizeof(repository), "%s%s%s", place[n] ? place + n + 1 : "",
		 place[n] ? "/" : "", f->repository);
	ret = auth_find(basic, f->args->auth, host, repository, err);
	if (ret == 0)
		ret = registry_open(&r, &args, err);
	if (ret == 0)
		ret = fetch_from(f, &r, err);
	registry_close(&r);
	explicit_bzero(basic, sizeof(basic));
	return ret < 0 ? err_wrap(err, ret, "registry '%s'", host) : 0;
}

static int try_all(struct fetch *f, struct err *err)
{
	const struct registry_config *c = registries_find(f->args->registries, f->registry);

	for (size_t i = 0; c && i < c->mirror_n; i++) {
		int r = try_place(f, c->mirrors[i], err);

		if (r == 0 || r == -EALREADY)
			return r;
	}
	return try_place(f, f->registry, err);
}

/* "REGISTRY/REPOSITORY:TAG", as image_ref_parse() has it. */
static void split_name(struct fetch *f)
{
	const struct image_ref *ref = f->args->ref;
	size_t registry = strcspn(ref->name, "/");
	const char *tag = strrchr(ref->name, ':') + 1;

	snprintf(f->registry, sizeof(f->registry), "%.*s", (int)registry, ref->name);
	snprintf(f->repository, sizeof(f->repository), "%.*s",
		 (int)(tag - 1 - (ref->name + registry + 1)), ref->name + registry + 1);
	if (ref->digest.hex[0])
		(void)digest_text(&ref->digest, f->reference);
	else
		snprintf(f->reference, sizeof(f->reference), "%s", tag);
}

static int open_layout(int *blobs_fd, int *former_fd, int layout_fd, struct err *err)
{
	cleanup_close int fd = -EBADF;
	int r = io_mkdir_path(layout_fd, "blobs/sha256", 0755, err);

	if (r < 0)
		return r;
	fd = openat(layout_fd, "blobs/sha256", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "make the layout");
	r = leftovers_put_aside(former_fd, layout_fd, fd, err);
	if (r == 0)
		*blobs_fd = take_fd(&fd);
	return r;
}

/**
 * fetch_image() - what a reference means, as a layout
 * @args: @ref of IMAGE_REF_NAME
 *
 * Return: 0; -EALREADY: it is @args->unwanted; or -errno; @err is filled.
 */
int fetch_image(const struct fetch_args *args, struct worker_progress *progress, struct err *err)
{
	struct fetch f = { .args = args, .progress = progress, .room = args->room };
	cleanup_close int blobs = -EBADF, former = -EBADF;
	int r;

	f.http = (struct http){ args->registries, args->stall_s, args->retries };
	split_name(&f);
	r = open_layout(&blobs, &former, args->layout_fd, err);
	if (r < 0) { /* who had the directory before may have left anything */
		leftovers_drop(args->layout_fd);
		r = open_layout(&blobs, &former, args->layout_fd, err);
	}
	if (r < 0)
		return r;
	f.blobs_fd = blobs;
	f.former_fd = former;
	progress->fetching = true;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(err, ENOMEM, "start libcurl: out of memory");
	r = try_all(&f, err);
	if (r < 0)
		leftovers_end(args->layout_fd);
	curl_global_cleanup();
	return r;
}
