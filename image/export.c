/* SPDX-License-Identifier: MIT */
/* Writing an OCI layout as a tar (image-spec, image-layout.md). */
#include "image/export.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "image/signature.h"
#include "image/signed.h"

#define CHUNK (128 * 1024)
#define LAYOUT "{\"imageLayoutVersion\":\"1.0.0\"}"

static int failure(struct archive *a, struct err *err)
{
	return err_set(err, archive_errno(a) > 0 ? archive_errno(a) : EIO, "write the archive: %s",
		       archive_error_string(a) ?: "failed");
}

static int put_header(struct archive *a, const char *name, size_t size, struct err *err)
{
	struct archive_entry *e = archive_entry_new();
	int r = 0;

	if (!e)
		return err_set(err, ENOMEM, "write the archive: out of memory");
	archive_entry_set_pathname(e, name);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0644);
	archive_entry_set_size(e, (la_int64_t)size);
	if (archive_write_header(a, e) != ARCHIVE_OK)
		r = failure(a, err);
	archive_entry_free(e);
	return r;
}

static int put_text(struct archive *a, const char *name, const char *text, struct err *err)
{
	int r = put_header(a, name, strlen(text), err);

	if (r == 0 && archive_write_data(a, text, strlen(text)) < 0)
		r = failure(a, err);
	return r;
}

static int put_blob(struct archive *a, const struct image *image, const struct digest *d,
		    struct err *err)
{
	char name[DIGEST_HEX_LEN + 32];
	cleanup_free char *buf = malloc(CHUNK);
	cleanup_close int fd = -EBADF;
	struct stat st;
	ssize_t n = 0;
	int r;

	snprintf(name, sizeof(name), "blobs/sha256/%s", d->hex);
	fd = openat(image->store->dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "open the blob '%s'", d->hex);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EBADMSG, "the blob '%s' is no regular file", d->hex);
	r = buf ? put_header(a, name, (size_t)st.st_size, err) :
		  err_set(err, ENOMEM, "write the archive: out of memory");
	while (r == 0 && (n = read(fd, buf, CHUNK)) > 0)
		if (archive_write_data(a, buf, (size_t)n) < 0)
			r = failure(a, err);
	return r == 0 && n < 0 ? err_sys(err, "read the blob '%s'", d->hex) : r;
}

/* With signatures, an image is what `cosign load` finds as such. */
static json_t *image_annotations(const char *name, bool has_signatures)
{
	return json_pack("{s:s*, s:s*}", IMAGE_REF_NAME_ANNOTATION, name, SIGNATURE_KIND,
			 has_signatures ? SIGNATURE_KIND_IMAGE : NULL);
}

/* Of an image's documents, the manifests of signatures get entries. */
static int add_signatures(json_t *manifests, const struct image *image,
			  const struct image_documents *documents, struct err *err)
{
	cleanup_free struct signature_manifest *m = calloc(1, sizeof(*m));
	char digest[DIGEST_TEXT_SIZE];
	int r = m ? 0 : err_set(err, ENOMEM, "write the archive: out of memory");

	for (unsigned i = 0; r == 0 && i < documents->n; i++) {
		cleanup_free char *text = NULL;
		size_t n = 0;

		r = image_store_read(&text, &n, image->store, &documents->list[i], err);
		if (r < 0 || signature_manifest_parse(m, (struct image_bytes){ text, n }, NULL) < 0)
			continue;
		/* short only without memory, and then json_dumps() is */
		(void)json_array_append_new(
			manifests, json_pack("{s:s, s:s, s:I, s:{s:s}}", "mediaType",
					     image_media_name(IMAGE_MEDIA_MANIFEST), "digest",
					     digest_text(&documents->list[i], digest),
					     "size", (json_int_t)n, "annotations",
					     SIGNATURE_KIND, SIGNATURE_KIND_SIGS));
	}
	return r;
}

static int put_index(struct archive *a, const struct image *image, const char *name,
		     const struct image_documents *documents, struct err *err)
{
	char id[DIGEST_TEXT_SIZE], path[DIGEST_HEX_LEN + 32];
	json_auto_t *index = NULL;
	cleanup_free char *text = NULL;
	struct stat st;

	snprintf(path, sizeof(path), "blobs/sha256/%s", image->id.hex);
	if (fstatat(image->store->dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "look at the blob '%s'", image->id.hex);
	index = json_pack("{s:i, s:s, s:[{s:s, s:s, s:I, s:o*}]}", "schemaVersion", 2, "mediaType",
			  image_media_name(IMAGE_MEDIA_INDEX), "manifests", "mediaType",
			  image_media_name(IMAGE_MEDIA_MANIFEST), "digest",
			  digest_text(&image->id, id), "size", (json_int_t)st.st_size,
			  "annotations",
			  name || documents->n > 0 ?
				  image_annotations(name, documents->n > 0) : NULL);
	if (add_signatures(json_object_get(index, "manifests"), image, documents, err) < 0)
		return -err->code;
	text = json_dumps(index, JSON_COMPACT);
	if (!text)
		return err_set(err, ENOMEM, "write the archive: out of memory");
	return put_text(a, "index.json", text, err);
}

static int put_all(struct archive *a, const struct image *image, const char *name, struct err *err)
{
	const struct image_manifest *m = &image->manifest;
	struct image_documents documents;
	json_auto_t *index = NULL;
	int r = put_text(a, "oci-layout", LAYOUT, err);

	if (r == 0)
		r = image_store_index(&index, image->store, err);
	image_signed_of(&documents, index, &image->id);
	if (r == 0)
		r = put_index(a, image, name, &documents, err);
	for (unsigned i = 0; r == 0 && i < documents.n; i++)
		r = put_blob(a, image, &documents.list[i], err);
	if (r == 0)
		r = put_blob(a, image, &image->id, err);
	if (r == 0)
		r = put_blob(a, image, &m->config.digest, err);
	for (unsigned i = 0; r == 0 && i < m->layer_n; i++) {
		bool before = false;

		for (unsigned k = 0; k < i && !before; k++)
			before = digest_equal(&m->layers[k].digest, &m->layers[i].digest);
		if (!before)
			r = put_blob(a, image, &m->layers[i].digest, err);
	}
	if (r == 0 && archive_write_close(a) != ARCHIVE_OK)
		r = failure(a, err);
	return r;
}

/**
 * image_export() - write an image to a descriptor, as a tar of an OCI layout
 * @name: that it has in there, or NULL
 *
 * The same bytes each time: times and owners are 0, and libarchive does not fill up
 * the last block, which by itself it does for a pipe and not for a file.
 *
 * Return: 0 or -errno with @err filled.
 */
int image_export(const struct image *image, const char *name, int fd, struct err *err)
{
	struct archive *a = archive_write_new();
	int r;

	if (!a)
		return err_set(err, ENOMEM, "write the archive: out of memory");
	if (archive_write_set_format_pax_restricted(a) != ARCHIVE_OK ||
	    archive_write_set_bytes_in_last_block(a, 1) != ARCHIVE_OK ||
	    archive_write_open_fd(a, fd) != ARCHIVE_OK)
		r = failure(a, err);
	else
		r = put_all(a, image, name, err);
	archive_write_free(a);
	return r;
}
