/* SPDX-License-Identifier: MIT */
/* What the worker does with a source. */
#include "image/take.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/json.h"
#include "image/hash.h"
#include "image/signature.h"
#include "image/tree.h"
#include "image/unpack.h"

#define CONTAINERD_NAME "io.containerd.image.name"

/* "blobs/sha256/DIGEST", as a layout has it. */
#define BLOB_NAME_SIZE (sizeof("blobs/sha256/") + DIGEST_HEX_LEN)

static const char *blob_name(const struct digest *d, char buf[BLOB_NAME_SIZE])
{
	snprintf(buf, BLOB_NAME_SIZE, "blobs/sha256/%s", d->hex);
	return buf;
}

/* ----------------------------------------------------------------------- blobs */

static bool in_store(const struct take *t, const struct digest *d)
{
	return faccessat(t->w->blobs_fd, d->hex, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Among the job's blobs, whose digests were checked as they came in, or the store's. */
static int open_blob(const struct take *t, const struct digest *d, struct err *err)
{
	cleanup_close int fd =
		openat(t->w->job_blobs_fd, d->hex, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct digest is = { "" };
	int r;

	if (fd >= 0)
		return take_fd(&fd);
	fd = openat(t->w->blobs_fd, d->hex, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "open the blob '%s'", d->hex);
	r = hash_file(&is, fd, err);
	if (r < 0)
		return r;
	if (!digest_equal(&is, d))
		return err_set(err, EBADMSG,
			       "the blob '%s' in the store is damaged; see podctl image fsck",
			       d->hex);
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "read the blob '%s'", d->hex);
	return take_fd(&fd);
}

static int take_blob(struct take *t, const char *name, const struct image_descriptor *d,
		     struct err *err)
{
	cleanup_close int fd = -EBADF;
	struct stat st;
	int r = in_store(t, &d->digest) ? 0 : source_take(&t->source, name, &d->digest,
							   t->w->job_blobs_fd, err);

	if (r < 0)
		return r;
	fd = openat(in_store(t, &d->digest) ? t->w->blobs_fd : t->w->job_blobs_fd, d->digest.hex,
		    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "look at the blob '%s'", d->digest.hex);
	if ((uint64_t)st.st_size != d->size)
		return err_set(err, EBADMSG,
			       "the blob '%s' has %lld bytes, its descriptor says %llu",
			       d->digest.hex, (long long)st.st_size, (unsigned long long)d->size);
	t->progress->done_bytes += d->size;
	return 0;
}

/* A document that is a blob: taken, checked, read. */
static int read_blob(struct take *t, const char *name, const struct image_descriptor *d, char **out,
		     size_t *n, struct err *err)
{
	cleanup_free char *text = NULL;
	cleanup_close int fd = -EBADF;
	ssize_t got;
	int r;

	if (d->size > IMAGE_DOCUMENT_MAX)
		return err_set(err, EFBIG, "the document '%s' is larger than %u bytes",
			       d->digest.hex, IMAGE_DOCUMENT_MAX);
	r = take_blob(t, name, d, err);
	if (r < 0)
		return r;
	fd = open_blob(t, &d->digest, err);
	if (fd < 0)
		return fd;
	text = calloc(1, d->size + 1);
	if (!text)
		return err_set(err, ENOMEM, "read '%s': out of memory", d->digest.hex);
	got = pread(fd, text, d->size, 0);
	if (got != (ssize_t)d->size)
		return err_set(err, EIO, "read the blob '%s'", d->digest.hex);
	*n = d->size;
	*out = take_ptr(text);
	return 0;
}

/* ---------------------------------------------------------------------- layers */

static int wrong_diff_id(struct err *err, const struct digest *is, const struct digest *want)
{
	return err_set(err, EBADMSG, "its diff id is " DIGEST_PREFIX "%s, the config says "
		       DIGEST_PREFIX "%s", is->hex, want->hex);
}

/* Of what the image may still unpack, that for which the budget has room. */
static struct layer_limits layer_limits(const struct take *t)
{
	struct layer_limits limits = t->left;
	uint64_t room = room_budget_left(&t->room, t->need.packed_bytes,
					 t->unpacked_bytes);

	if (room < UINT64_MAX) {
		limits.taken_bytes = room;
		limits.why = "; the image store's budget has no room for more";
	}
	return limits;
}

static int unpack(struct take *t, const struct image_descriptor *layer, const struct digest *want,
		  struct err *err)
{
	cleanup_close int blob = open_blob(t, &layer->digest, err), dirfd = -EBADF, root = -EBADF;
	cleanup_close int opaque = -EBADF;
	struct unpack_result got = { .bytes = 0 };
	struct unpack_args args;
	int r;

	if (blob < 0)
		return blob;
	if (mkdirat(t->w->job_layers_fd, want->hex, 0700) < 0)
		return err_sys(err, "make a directory");
	dirfd = openat(t->w->job_layers_fd, want->hex, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0 || mkdirat(dirfd, "root", IMAGE_LAYER_UNSAID_MODE) < 0)
		return err_sys(err, "make a directory");
	root = openat(dirfd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	opaque = openat(dirfd, "opaque", O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
	if (root < 0 || opaque < 0)
		return err_sys(err, "make a directory");
	args = (struct unpack_args){ blob, layer->media, root, opaque, layer_limits(t) };
	r = unpack_layer(&got, &args, err);
	if (r < 0)
		return r;
	if (!digest_equal(&got.diff_id, want))
		return wrong_diff_id(err, &got.diff_id, want);
	t->unpacked_bytes += got.bytes;
	t->left.bytes -= got.claimed_bytes < t->left.bytes ? got.claimed_bytes : t->left.bytes;
	t->left.inodes -= got.inodes < t->left.inodes ? got.inodes : t->left.inodes;
	return 0;
}

/* Of one that is not compressed, the blob's digest. */
static int diff_id_of(struct digest *out, const struct take *t,
		      const struct image_descriptor *layer, struct err *err)
{
	cleanup_close int blob = -EBADF;

	if (layer->media == IMAGE_MEDIA_TAR) {
		*out = layer->digest;
		return 0;
	}
	blob = open_blob(t, &layer->digest, err);
	return blob < 0 ? blob : layer_hash(out, blob, layer->media, t->left.bytes, err);
}

/* The layer is there; whether this blob is one that it comes from (image/pairs.h). */
static int check_known(struct take *t, const struct image_descriptor *layer,
		       const struct digest *want, struct err *err)
{
	struct digest is;
	int r = t->store_known ? 0 : image_pairs_add_store(&t->known, &t->w->store, err);

	if (r < 0)
		return r;
	t->store_known = true;
	if (image_pairs_has(&t->known, layer, want))
		return 0;
	r = diff_id_of(&is, t, layer, err);
	if (r < 0)
		return r;
	return digest_equal(&is, want) ? 0 : wrong_diff_id(err, &is, want);
}

static bool layer_is_there(const struct take *t, const struct digest *diff_id)
{
	return faccessat(t->w->layers_fd, diff_id->hex, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
	       faccessat(t->w->job_layers_fd, diff_id->hex, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int take_layer(struct take *t, const char *name, const struct image_descriptor *layer,
		      const struct digest *diff_id, struct err *err)
{
	int r = take_blob(t, name, layer, err);

	if (r < 0)
		return r;
	r = layer_is_there(t, diff_id) ? check_known(t, layer, diff_id, err) :
					 unpack(t, layer, diff_id, err);
	return r < 0 ? r : image_pairs_add(&t->known, layer, diff_id, err);
}

/* What has to be written beside the layers: of an archive, the blobs are here already. */
static uint64_t copied_bytes(const struct take *t, const struct room_need *need, uint64_t largest)
{
	if (t->source.archive)
		return 0;
	return t->args->consume ? largest : need->packed_bytes;
}

/* Whether it can fit is known before anything is unpacked, roughly. */
static int check_room(struct take *t, const struct image_manifest *m, struct err *err)
{
	struct room_need need = { 0, 0 };
	uint64_t largest = 0, bytes;
	int r;

	t->progress->layer_n = m->layer_n;
	t->progress->total_bytes = t->progress->done_bytes;
	for (unsigned i = 0; i < m->layer_n; i++) {
		const struct image_descriptor *l = &m->layers[i];

		t->progress->total_bytes += l->size;
		if (in_store(t, &l->digest)) {
			room_claim(&t->room, &l->digest);
			continue;
		}
		room_add(&need, l);
		room_add(&t->need, l);
		largest = l->size > largest ? l->size : largest;
	}
	t->result->claimed_bytes = t->room.kept_bytes - t->args->limits.room.kept_bytes;
	bytes = copied_bytes(t, &need, largest);
	bytes = bytes > UINT64_MAX - need.unpacked_bytes ? UINT64_MAX : bytes + need.unpacked_bytes;
	r = room_check_disk(t->w->job_fd, bytes, &need, err);
	return r < 0 ? r : room_check_budget(&t->room, &t->need, err);
}

/* Layer @i is the source's file @names[i], or the blob of its digest. */
static int take_layers(struct take *t, const struct image_manifest *m, const struct image_config *c,
		       char *const *names, struct err *err)
{
	char buf[BLOB_NAME_SIZE];
	int r = check_room(t, m, err);

	t->left = t->args->limits.layers;
	for (unsigned i = 0; r == 0 && i < m->layer_n; i++) {
		t->progress->layer = i + 1;
		r = take_layer(t, names ? names[i] : blob_name(&m->layers[i].digest, buf),
			       &m->layers[i], &c->diff_ids[i], err);
		if (r < 0)
			r = err_wrap(err, r, "layer %u", i + 1);
	}
	return r;
}

/* ---------------------------------------------------------------------- results */

static int add_result(struct take *t, const struct image_entry *image, const char *name,
		      struct err *err)
{
	struct import_result *out = t->result;

	for (unsigned i = 0; i < out->n; i++)
		if (strcmp(out->entries[i].name, name) == 0 &&
		    digest_equal(&out->entries[i].id, &image->id))
			return 0;
	if (out->n == IMPORT_IMAGES_MAX)
		return err_set(err, E2BIG, "more than %d names", IMPORT_IMAGES_MAX);
	out->entries[out->n] = *image;
	snprintf(out->entries[out->n].name, sizeof(out->entries[0].name), "%s", name);
	out->n++;
	return 0;
}

/* "NAME@DIGEST" says that the image is this one, or chosen from this index. */
static int check_named_digest(const struct image_entry *image, const struct digest *named,
			      const char *said, struct err *err)
{
	if (!named->hex[0] || digest_equal(named, &image->id) || digest_equal(named, &image->index))
		return 0;
	return err_set(err, EBADMSG, "it is called '%.200s', and its digest is " DIGEST_PREFIX "%s",
		       said, image->id.hex);
}

/* What a source calls an image: a full reference, or nothing that we could use. */
static int add_named(struct take *t, const struct image_entry *image, const char *said,
		     struct err *err)
{
	struct image_ref ref = { 0 };
	int r = 0;

	if (t->args->name)
		return add_result(t, image, t->args->name, err);
	if (t->args->path)
		r = add_result(t, image, t->args->path, err);
	/* A tag alone, as the specification recommends, is a tag of nothing. */
	if (r == 0 && said && strpbrk(said, "/:")) {
		r = image_ref_parse(&ref, said, err);
		if (r == 0 && ref.kind != IMAGE_REF_NAME)
			r = err_set(err, EINVAL, "'%.200s' is no name for an image", said);
		if (r == 0)
			r = check_named_digest(image, &ref.digest, said, err);
	}
	/* With a digest it says which image, and names none, as in a pull. */
	if (r == 0 && ref.name[0] && !ref.digest.hex[0])
		return add_result(t, image, ref.name, err);
	return r < 0 || t->args->path ? r : add_result(t, image, "", err);
}

/* ---------------------------------------------------------------------- layouts */

static int take_manifest(struct take *t, const struct image_descriptor *d,
			 const struct digest *index, const char *said, struct err *err)
{
	struct image_entry image = { .id = d->digest, .size = d->size };
	cleanup_free char *text = NULL, *config_text = NULL;
	cleanup_free struct image_manifest *m = calloc(1, sizeof(*m));
	struct image_config *c = NULL;
	char buf[BLOB_NAME_SIZE];
	size_t n = 0;
	int r = m ? read_blob(t, blob_name(&d->digest, buf), d, &text, &n, err) :
		    err_set(err, ENOMEM, "read a manifest: out of memory");

	if (r == 0)
		r = image_manifest_parse(m, (struct image_bytes){ text, n }, err);
	if (r == 0)
		r = read_blob(t, blob_name(&m->config.digest, buf), &m->config,
			      &config_text, &n, err);
	if (r == 0)
		r = image_config_parse(&c, (struct image_bytes){ config_text, n }, err);
	if (r == 0)
		r = image_check_pair(m, c, err);
	/* Before its layers: of what is not to be here, no tar is read. */
	if (r == 0)
		r = take_signatures(t, &d->digest, said, err);
	if (r == 0)
		r = take_layers(t, m, c, NULL, err);
	image_config_free(c);
	if (r < 0)
		return r;
	if (index)
		image.index = *index;
	return add_named(t, &image, said, err);
}

/* Down through indexes to the manifest for this host. */
static int take_descriptor(struct take *t, struct image_descriptor d, const char *said,
			   struct err *err)
{
	struct digest first = d.digest;
	char buf[BLOB_NAME_SIZE];
	bool chosen = false;

	for (int depth = 0; d.media == IMAGE_MEDIA_INDEX; depth++) {
		cleanup_free char *text = NULL;
		size_t n = 0;
		int r;

		if (depth == IMAGE_INDEX_DEPTH)
			return err_set(err, ELOOP, "more than %d indexes in each other", depth);
		r = read_blob(t, blob_name(&d.digest, buf), &d, &text, &n, err);
		if (r == 0)
			r = image_index_choose(&d, (struct image_bytes){ text, n },
					       &image_platform_here, err);
		if (r < 0)
			return r;
		chosen = true;
	}
	if (d.media != IMAGE_MEDIA_MANIFEST)
		return err_set(err, EOPNOTSUPP,
			       "it is no image, but something of another media type");
	return take_manifest(t, &d, chosen ? &first : NULL, said, err);
}

static const char *name_in(const json_t *entry)
{
	const json_t *a = json_object_get(entry, "annotations");
	const char *full = json_string_value(json_object_get(a, CONTAINERD_NAME));

	return full ? full : json_string_value(json_object_get(a, IMAGE_REF_NAME_ANNOTATION));
}

static int descriptor_of(struct image_descriptor *out, const json_t *entry, struct err *err)
{
	const char *digest = json_string_value(json_object_get(entry, "digest"));
	const json_t *size = json_object_get(entry, "size");

	out->media = image_media_of(json_string_value(json_object_get(entry, "mediaType")));
	if (!digest || !digest_parse(&out->digest, digest) || !json_is_integer(size) ||
	    json_integer_value(size) < 0)
		return err_set(err, EBADMSG, "'index.json' has an entry without digest or size");
	out->size = (uint64_t)json_integer_value(size);
	return 0;
}

/* All that index.json names, or the one that is selected. */
static int take_named(struct take *t, const json_t *manifests, unsigned *taken, struct err *err)
{
	const json_t *entry;
	size_t i;
	int r = 0;

	*taken = 0;
	json_array_foreach(manifests, i, entry) {
		const char *said = name_in(entry);
		struct image_descriptor d;

		if (!said || (t->args->select && strcmp(said, t->args->select) != 0) ||
		    signature_is_tag(said, NULL))
			continue;
		r = descriptor_of(&d, entry, err);
		if (r == 0)
			r = take_descriptor(t, d, said, err);
		if (r < 0)
			return r;
		(*taken)++;
	}
	if (t->args->select && *taken == 0)
		return err_set(err, ENOENT, "nothing in it has the name '%.200s'", t->args->select);
	if (*taken > 1 && (t->args->path || t->args->name) && t->args->name)
		return err_set(err, EINVAL,
			       "it holds %u images; --select says which one gets the name", *taken);
	return r;
}

static int take_layout(struct take *t, struct err *err)
{
	cleanup_free char *text = NULL;
	json_auto_t *index = NULL;
	struct image_descriptor d;
	unsigned taken;
	size_t n = 0;
	int r = source_read(&text, &n, &t->source, "index.json", err);

	if (r == 0)
		r = json_text_parse(&index, text, n, err);
	if (r < 0)
		return err_wrap(err, r, "'index.json'");
	r = image_index_check((struct image_bytes){ text, n }, err);
	if (r < 0)
		return r;
	t->manifests = json_object_get(index, "manifests");
	r = take_named(t, t->manifests, &taken, err);
	if (r < 0 || taken > 0)
		return r;
	/* Without names, it is one image for several platforms. */
	r = image_index_choose(&d, (struct image_bytes){ text, n }, &image_platform_here, err);
	return r < 0 ? r : take_descriptor(t, d, NULL, err);
}

/* ----------------------------------------------------------------- docker save */

static int put_document(struct take *t, const char *text, struct image_descriptor *d,
			struct err *err)
{
	cleanup_close int fd = -EBADF;
	int r;

	d->size = strlen(text);
	hash_bytes(&d->digest, text, d->size);
	fd = openat(t->w->job_blobs_fd, d->digest.hex, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW |
		    O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(err, "create a blob");
	r = io_write_all(fd, text, d->size);
	return r < 0 ? err_set(err, -r, "write a blob: %s", strerror(-r)) : 0;
}

static json_t *descriptor_json(const struct image_descriptor *d)
{
	char digest[DIGEST_TEXT_SIZE];

	return json_pack("{s:s, s:s, s:I}", "mediaType", image_media_name(d->media), "digest",
			 digest_text(&d->digest, digest), "size", (json_int_t)d->size);
}

/* The manifest that such an archive has not: the same for the same content. */
static int compose_manifest(struct take *t, const struct image_manifest *m,
			    struct image_descriptor *out, struct err *err)
{
	json_auto_t *doc = json_pack("{s:i, s:s, s:o, s:[]}", "schemaVersion", 2, "mediaType",
				     image_media_name(IMAGE_MEDIA_MANIFEST), "config",
				     descriptor_json(&m->config), "layers");
	cleanup_free char *text = NULL;

	for (unsigned i = 0; i < m->layer_n; i++)
		(void)json_array_append_new(json_object_get(doc, "layers"),
					    descriptor_json(&m->layers[i]));
	text = json_dumps(doc, JSON_COMPACT);
	if (!text)
		return err_set(err, ENOMEM, "compose a manifest: out of memory");
	out->media = IMAGE_MEDIA_MANIFEST;
	return put_document(t, text, out, err);
}

static int describe_file(struct take *t, const char *name, enum image_media media,
			 struct image_descriptor *out, struct err *err)
{
	const struct source_file *f = source_find(&t->source, name);

	if (!f)
		return err_set(err, ENOENT, "there is no '%.200s' in the archive", name);
	*out = (struct image_descriptor){ media, f->digest, f->size };
	return 0;
}

static int describe_layers(struct take *t, const json_t *list, char **names,
			   struct image_manifest *m, struct err *err)
{
	const json_t *entry;
	size_t i;
	int r = 0;

	if (!json_is_array(list) || json_array_size(list) == 0)
		return err_set(err, EBADMSG, "'manifest.json' lists no layers");
	if (json_array_size(list) > IMAGE_LAYERS_MAX)
		return err_set(err, E2BIG, "more than %u layers", IMAGE_LAYERS_MAX);
	json_array_foreach(list, i, entry) {
		enum image_media media;

		names[i] = (char *)json_string_value(entry);
		if (!names[i])
			return err_set(err, EBADMSG,
				       "'manifest.json' lists a layer that is no string");
		r = source_media(&media, &t->source, names[i], err);
		if (r == 0)
			r = describe_file(t, names[i], media, &m->layers[m->layer_n++], err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int name_saved(struct take *t, const struct image_entry *image, const json_t *tags,
		      struct err *err)
{
	const json_t *tag;
	size_t i;
	int r = 0;

	if (tags && !json_is_null(tags) && !json_is_array(tags))
		return err_set(err, EBADMSG, "'manifest.json' has tags that are no list");
	if (json_array_size(tags) == 0)
		return add_named(t, image, NULL, err);
	json_array_foreach(tags, i, tag) {
		if (!json_is_string(tag))
			return err_set(err, EBADMSG, "'manifest.json' has a tag that is no string");
		r = add_named(t, image, json_string_value(tag), err);
		if (r < 0)
			return r;
	}
	return r;
}

static int take_saved(struct take *t, const json_t *entry, struct err *err)
{
	const char *config_name = json_string_value(json_object_get(entry, "Config"));
	cleanup_free struct image_manifest *m = calloc(1, sizeof(*m));
	cleanup_free char *text = NULL;
	char *names[IMAGE_LAYERS_MAX];
	struct image_descriptor manifest = { .size = 0 };
	struct image_entry image = { .size = 0 };
	struct image_config *c = NULL;
	size_t n = 0;
	int r;

	if (!m)
		return err_set(err, ENOMEM, "read the archive: out of memory");
	if (!config_name)
		return err_set(err, EBADMSG, "'manifest.json' names no config");
	r = describe_file(t, config_name, IMAGE_MEDIA_CONFIG, &m->config, err);
	if (r == 0)
		r = describe_layers(t, json_object_get(entry, "Layers"), names, m, err);
	if (r == 0)
		r = read_blob(t, config_name, &m->config, &text, &n, err);
	if (r == 0)
		r = image_config_parse(&c, (struct image_bytes){ text, n }, err);
	if (r == 0)
		r = image_check_pair(m, c, err);
	if (r == 0)
		r = compose_manifest(t, m, &manifest, err);
	if (r == 0)
		r = take_signatures(t, &manifest.digest, NULL, err);
	if (r == 0)
		r = take_layers(t, m, c, names, err);
	image_config_free(c);
	if (r < 0)
		return r;
	image.id = manifest.digest;
	image.size = manifest.size;
	return name_saved(t, &image, json_object_get(entry, "RepoTags"), err);
}

static bool is_selected(const struct take *t, const json_t *entry)
{
	const json_t *tag;
	size_t i;

	if (!t->args->select)
		return true;
	json_array_foreach(json_object_get(entry, "RepoTags"), i, tag)
		if (json_is_string(tag) && strcmp(json_string_value(tag), t->args->select) == 0)
			return true;
	return false;
}

static int take_docker_archive(struct take *t, struct err *err)
{
	cleanup_free char *text = NULL;
	json_auto_t *list = NULL;
	const json_t *entry;
	unsigned taken = 0;
	size_t i, n = 0;
	int r = source_read(&text, &n, &t->source, "manifest.json", err);

	if (r == 0)
		r = json_text_parse(&list, text, n, err);
	if (r == 0 && (!json_is_array(list) || json_array_size(list) == 0))
		r = err_set(err, EBADMSG, "it lists no images");
	if (r < 0)
		return err_wrap(err, r, "'manifest.json'");
	json_array_foreach(list, i, entry) {
		if (!is_selected(t, entry))
			continue;
		r = take_saved(t, entry, err);
		if (r < 0)
			return r;
		taken++;
	}
	if (taken == 0)
		return err_set(err, ENOENT, "nothing in it has the name '%.200s'", t->args->select);
	return taken > 1 && t->args->name ?
		       err_set(err, EINVAL,
			       "it holds %u images; --select says which one gets the name",
			       taken) : 0;
}

/**
 * take_images() - all of a source that was asked for, as blobs and layers of the job
 * @t: @args, @w, @progress and @result are set; the result is all zero
 *
 * Return: 0 or -errno with @err filled.
 */
int take_images(struct take *t, struct err *err)
{
	int r = 0;

	t->source.dirfd = t->args->source_fd;
	t->source.consume = t->args->consume;
	t->room = t->args->limits.room;
	if (!t->args->directory)
		r = source_read_archive(&t->source, t->args->source_fd, t->w->job_incoming_fd,
					t->args->limits.source_bytes, err);
	if (r == 0 && source_has(&t->source, "index.json"))
		r = take_layout(t, err);
	else if (r == 0 && t->source.archive && source_has(&t->source, "manifest.json"))
		r = take_docker_archive(t, err);
	else if (r == 0)
		r = err_set(err, EBADMSG,
			    "it is neither an OCI layout nor what docker save writes");
	source_done(&t->source);
	image_pairs_done(&t->known);
	return r;
}
