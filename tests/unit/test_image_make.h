/* SPDX-License-Identifier: MIT */
/* Images for tests, whole or broken: tar entries, layers, documents, layouts and archives. */
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "image/hash.h"
#include "image/manifest.h"
#include "tests/unit/bytes.h"

/* ------------------------------------------------------------------------- tar */

#define TAR_BLOCK 512

/* What has no type is a file; type and mode of 0 are those that fit. */
struct tar_entry {
	const char *name;
	char type; /* as in ustar's typeflag */
	unsigned mode;
	const char *link;
	const char *content;
	uint64_t size; /* claimed, when there is no @content */
	uint64_t uid, gid;
	uint64_t mtime;
	unsigned major, minor;
	const char *pax[3]; /* "key=value" */
};

/* Octal as far as it fits, then base 256 as GNU tar has it. */
static inline void tar_number(char *field, size_t n, uint64_t value)
{
	if (value >> (3 * (n - 1)) == 0) {
		snprintf(field, n, "%0*llo", (int)n - 1, (unsigned long long)value);
		return;
	}
	memset(field, 0, n);
	field[0] = (char)0x80;
	for (size_t i = n - 1; i > 0 && value; i--, value >>= 8)
		field[i] = (char)value;
}

static inline void tar_pad(struct bytes *tar)
{
	static const char zeros[TAR_BLOCK];

	bytes_add(tar, zeros, (TAR_BLOCK - tar->n % TAR_BLOCK) % TAR_BLOCK);
}

static inline void tar_header(struct bytes *tar, const struct tar_entry *e, uint64_t size)
{
	char h[TAR_BLOCK] = "";
	unsigned sum = 0;

	memcpy(h, e->name, strnlen(e->name, 100));
	tar_number(h + 100, 8, e->mode ? e->mode : e->type == '5' ? 0755 : 0644);
	tar_number(h + 108, 8, e->uid);
	tar_number(h + 116, 8, e->gid);
	tar_number(h + 124, 12, size);
	tar_number(h + 136, 12, e->mtime);
	h[156] = e->type ? e->type : '0';
	if (e->link)
		memcpy(h + 157, e->link, strnlen(e->link, 100));
	memcpy(h + 257, "ustar\00000", 8);
	tar_number(h + 329, 8, e->major);
	tar_number(h + 337, 8, e->minor);
	memset(h + 148, ' ', 8);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum);
	bytes_add(tar, h, TAR_BLOCK);
}

/* "LENGTH KEY=VALUE\n", whose length counts itself. */
static inline void tar_pax_record(struct bytes *to, const char *key, const void *value, size_t n)
{
	size_t rest = strlen(key) + n + 3, length = rest + 1;
	char text[64];

	while (length != rest + (size_t)snprintf(text, sizeof(text), "%zu", length))
		length = rest + strlen(text);
	bytes_add(to, text, strlen(text));
	bytes_add(to, " ", 1);
	bytes_add(to, key, strlen(key));
	bytes_add(to, "=", 1);
	bytes_add(to, value, n);
	bytes_add(to, "\n", 1);
}

/* Records that belong to the entry that comes next; they go. */
static inline void tar_pax(struct bytes *tar, struct bytes *records)
{
	const struct tar_entry e = { .name = "pax", .type = 'x' };

	if (records->n > 0) {
		tar_header(tar, &e, records->n);
		bytes_add(tar, records->p, records->n);
		tar_pad(tar);
	}
	bytes_done(records);
}

static inline void tar_add(struct bytes *tar, const struct tar_entry *e)
{
	struct bytes records = { 0 };
	size_t n = e->content ? strlen(e->content) : 0;

	for (size_t i = 0; i < ARRAY_SIZE(e->pax) && e->pax[i]; i++) {
		const char *value = strchr(e->pax[i], '=') + 1;
		char key[64];

		snprintf(key, sizeof(key), "%.*s", (int)(value - e->pax[i] - 1), e->pax[i]);
		tar_pax_record(&records, key, value, strlen(value));
	}
	if (strlen(e->name) > 100)
		tar_pax_record(&records, "path", e->name, strlen(e->name));
	if (e->link && strlen(e->link) > 100)
		tar_pax_record(&records, "linkpath", e->link, strlen(e->link));
	tar_pax(tar, &records);
	tar_header(tar, e, e->content ? n : e->size);
	bytes_add(tar, e->content, n);
	tar_pad(tar);
}

static inline void tar_add_bytes(struct bytes *tar, const char *name, const struct bytes *content)
{
	const struct tar_entry e = { .name = name };

	tar_header(tar, &e, content->n);
	bytes_add(tar, content->p, content->n);
	tar_pad(tar);
}

/* @map is in GNU's 1.0 form: how many pieces, where each is and how long. */
static inline void tar_add_sparse(struct bytes *tar, const char *realsize, const char *map,
				  const char *data)
{
	const struct tar_entry e = { .name = "s",
				     .size = TAR_BLOCK + strlen(data),
				     .pax = { "GNU.sparse.major=1", "GNU.sparse.minor=0",
					      realsize } };

	tar_add(tar, &e);
	bytes_add(tar, map, strlen(map));
	tar_pad(tar);
	bytes_add(tar, data, strlen(data));
	tar_pad(tar);
}

static inline void tar_end(struct bytes *tar)
{
	static const char zeros[2 * TAR_BLOCK];

	bytes_add(tar, zeros, sizeof(zeros));
}

/* --------------------------------------------------------------- compression */

static inline la_ssize_t pack_write(struct archive *a, void *ctx, const void *buf, size_t n)
{
	(void)a;
	bytes_add(ctx, buf, n);
	return (la_ssize_t)n;
}

/* A stream that is packed into @out on its way; layers' media types say how. */
static inline struct archive *pack_open(struct bytes *out, enum image_media media)
{
	struct archive *a = archive_write_new();
	struct archive_entry *e = archive_entry_new();

	assert_true(a && e);
	if (media == IMAGE_MEDIA_TAR_GZIP)
		assert_int_equal(archive_write_add_filter_gzip(a), ARCHIVE_OK);
	if (media == IMAGE_MEDIA_TAR_ZSTD)
		assert_int_equal(archive_write_add_filter_zstd(a), ARCHIVE_OK);
	(void)archive_write_set_bytes_in_last_block(a, 1);
	assert_int_equal(archive_write_set_format_raw(a), ARCHIVE_OK);
	if (media != IMAGE_MEDIA_TAR)
		assert_int_equal(archive_write_set_options(a, "compression-level=1"), ARCHIVE_OK);
	/* The same bytes each time. */
	if (media == IMAGE_MEDIA_TAR_GZIP)
		assert_int_equal(archive_write_set_filter_option(a, NULL, "timestamp", NULL),
				 ARCHIVE_OK);
	assert_int_equal(archive_write_open(a, out, NULL, pack_write, NULL), ARCHIVE_OK);
	archive_entry_set_filetype(e, AE_IFREG);
	assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	archive_entry_free(e);
	return a;
}

static inline void pack_add(struct archive *a, const void *p, size_t n)
{
	assert_int_equal(archive_write_data(a, p, n), n);
}

static inline void pack_close(struct archive *a)
{
	assert_int_equal(archive_write_free(a), ARCHIVE_OK);
}

static inline void pack(struct bytes *out, const struct bytes *in, enum image_media media)
{
	struct archive *a = pack_open(out, media);

	if (in->n > 0)
		pack_add(a, in->p, in->n);
	pack_close(a);
}

/* --------------------------------------------------------- an image, as files */

#define OCI	       "application/vnd.oci.image."
#define MEDIA_CONFIG   OCI "config.v1+json"
#define MEDIA_MANIFEST OCI "manifest.v1+json"
#define MEDIA_INDEX    OCI "index.v1+json"
#define MEDIA_TAR      OCI "layer.v1.tar"
#define WRONG_HEX      "abababababababababababababababababababababababababababababababab"

#define DESC(type, digest, size, more)                                                             \
	"{\"mediaType\":\"" type "\",\"digest\":\"sha256:" digest "\",\"size\":" size more "}"
#define CONFIG_OF(diff_ids)                                                                        \
	"{\"architecture\":\"$P\",\"os\":\"linux\",\"config\":{\"Cmd\":[\"/f\"]},"                 \
	"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[" diff_ids "]}}"
#define MANIFEST_OF(config, layers, more)                                                          \
	"{\"schemaVersion\":2,\"config\":" config ",\"layers\":[" layers "]" more "}"
#define INDEX_OF(list) "{\"schemaVersion\":2,\"manifests\":[" list "]}"
#define SAVED_OF(tags, layers)                                                                     \
	"[{\"Config\":\"config.json\",\"RepoTags\":" tags ",\"Layers\":" layers "}]"
#define NAMED(name) ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"" name "\"}"

#define THE_CONFIG   DESC(MEDIA_CONFIG, "$C", "$c", "")
#define THE_LAYER    DESC("$T", "$L", "$l", "")
#define THE_MANIFEST DESC(MEDIA_MANIFEST, "$M", "$m", "")

enum form {
	FORM_DIRECTORY,
	FORM_ARCHIVE, /* of a layout */
	FORM_SAVED,   /* by docker */
	FORM_RAW,     /* what @fill writes, and nothing else */
};

enum damage {
	WHOLE,
	CUT,	 /* the last byte */
	FLIPPED, /* a bit of the first byte */
	PADDED,	 /* by more than a document may have */
	GONE,
	A_FIFO,
	A_LINK, /* to another file of the same bytes, outside */
};

/*
 * Of an image. What is not said is that of a sound image of one file. In the texts, $L, $C
 * and $M are the digests of layer, config and manifest, $l, $c and $m their
 * sizes, $D the layer's diff id, $T its media type, $P this host's architecture.
 */
struct made;

struct recipe {
	const struct tar_entry *entries; /* of the layer, up to one without a name */
	void (*fill)(struct bytes *tar); /* or what writes them */
	enum image_media media;		 /* 0: plain */
	size_t tar_keep, blob_keep;	 /* bytes that stay of it; 0: all */
	size_t blob_cut;		 /* or bytes that go from its end */
	const char *config, *manifest, *index, *saved;
	/* Entries of the archive, before all others. */
	void (*more)(struct bytes *archive, const struct made *m);
	enum form form;
	size_t source_keep; /* bytes that stay of the archive; 0: all */
	enum damage damage; /* of one file, after all digests were taken */
	char of;	    /* 'L', 'C', 'M', 'I' (index.json or manifest.json) */
	unsigned indexes;   /* in each other, $N the outermost, with the manifest in the last */
};

struct made_file {
	char name[96];
	struct bytes data;
	enum damage damage;
};

struct made {
	const struct recipe *recipe;
	struct bytes tar; /* the layer, unpacked */
	struct digest diff_id, digests[4];
	size_t sizes[4]; /* of layer, config, manifest, the last index */
	struct made_file files[12];
	size_t file_n;
};

static const char made_names[] = "LCMN", made_sizes[] = "lcmn";

static inline const char *made_digest(const struct made *m, char what)
{
	return what == 'D' ? m->diff_id.hex : m->digests[strchr(made_names, what) - made_names].hex;
}

/* "$X" in @text, replaced. */
static inline void made_expand(struct bytes *out, const struct made *m, const char *text)
{
	const char *to;
	char number[32];

	for (; *text; text++) {
		if (*text != '$') {
			bytes_add(out, text, 1);
			continue;
		}
		text++;
		if (strchr(made_sizes, *text)) {
			snprintf(number, sizeof(number), "%zu",
				 m->sizes[strchr(made_sizes, *text) - made_sizes]);
			to = number;
		} else if (*text == 'T') {
			to =
			    image_media_name(m->recipe->media ? m->recipe->media : IMAGE_MEDIA_TAR);
		} else {
			to =
			    *text == 'P' ? image_platform_here.architecture : made_digest(m, *text);
		}
		bytes_add(out, to, strlen(to));
	}
}

static inline struct made_file *made_add(struct made *m, const char *name, char what)
{
	struct made_file *f = &m->files[m->file_n++];

	assert_true(m->file_n <= ARRAY_SIZE(m->files));
	snprintf(f->name, sizeof(f->name), "%s", name);
	if (what && what == m->recipe->of)
		f->damage = m->recipe->damage;
	return f;
}

/* The blob gets its digest as it is now, and in an archive of docker's a name of its own. */
static inline void made_blob(struct made *m, char what, const char *saved_name, struct bytes *data)
{
	size_t i = (size_t)(strchr(made_names, what) - made_names);
	char name[96];

	hash_bytes(&m->digests[i], data->p, data->n);
	m->sizes[i] = data->n;
	snprintf(name, sizeof(name), "blobs/sha256/%.64s", m->digests[i].hex);
	made_add(m, m->recipe->form == FORM_SAVED ? saved_name : name, what)->data = *data;
}

static inline void made_text(struct made *m, const char *name, char what, const char *text)
{
	made_expand(&made_add(m, name, what)->data, m, text);
}

/* The first has the manifest in it, and each more the one before. */
static inline void made_indexes(struct made *m)
{
	for (unsigned i = 0; i < m->recipe->indexes; i++) {
		struct bytes index = { 0 };

		made_expand(&index, m,
			    i == 0 ? INDEX_OF(DESC(MEDIA_MANIFEST, "$M", "$m", ""))
				   : INDEX_OF(DESC(MEDIA_INDEX, "$N", "$n", "")));
		made_blob(m, 'N', "", &index);
	}
}

static inline void made_layer(struct made *m)
{
	static const struct tar_entry sound[] = { { .name = "f", .content = "content" },
						  { .name = NULL } };
	const struct recipe *r = m->recipe;
	struct bytes blob = { 0 };

	if (r->fill)
		r->fill(&m->tar);
	for (const struct tar_entry *e = r->entries ? r->entries : sound; !r->fill && e->name; e++)
		tar_add(&m->tar, e);
	tar_end(&m->tar);
	if (r->tar_keep)
		m->tar.n = r->tar_keep;
	hash_bytes(&m->diff_id, m->tar.p, m->tar.n);
	pack(&blob, &m->tar, r->media ? r->media : IMAGE_MEDIA_TAR);
	if (r->blob_keep)
		blob.n = r->blob_keep;
	blob.n -= r->blob_cut;
	made_blob(m, 'L', "layer.tar", &blob);
}

/* All files of an image; released by made_done(). */
static inline void made_init(struct made *m, const struct recipe *r)
{
	struct bytes config = { 0 }, manifest = { 0 };

	*m = (struct made){ .recipe = r };
	if (r->form == FORM_RAW) {
		r->fill(&m->tar);
		return;
	}
	made_layer(m);
	made_expand(&config, m, r->config ? r->config : CONFIG_OF("\"sha256:$D\""));
	made_blob(m, 'C', "config.json", &config);
	if (r->form == FORM_SAVED) {
		made_text(m, "manifest.json", 'I',
			  r->saved ? r->saved : SAVED_OF("[\"me/saved:1\"]", "[\"layer.tar\"]"));
		return;
	}
	made_expand(&manifest, m,
		    r->manifest ? r->manifest : MANIFEST_OF(THE_CONFIG, THE_LAYER, ""));
	made_blob(m, 'M', "", &manifest);
	made_indexes(m);
	made_text(m, "oci-layout", 0, "{\"imageLayoutVersion\":\"1.0.0\"}");
	made_text(m, "index.json", 'I', r->index ? r->index : INDEX_OF(THE_MANIFEST));
}

static inline void made_done(struct made *m)
{
	for (size_t i = 0; i < m->file_n; i++)
		bytes_done(&m->files[i].data);
	bytes_done(&m->tar);
}

/* ------------------------------------------------------------- as a source */

static inline void made_put(const struct made_file *f, int dirfd, const char *name)
{
	cleanup_close int fd = -EBADF;

	assert_true(mknodat(dirfd, name, S_IFREG | 0644, 0) == 0);
	fd = openat(dirfd, name, O_WRONLY | O_CLOEXEC);
	assert_int_equal(io_write_all(fd, f->data.p, f->data.n), 0);
}

static inline void made_damage(struct made_file *f)
{
	static const char spaces[IMAGE_DOCUMENT_MAX];

	if (f->damage == CUT)
		f->data.n--;
	if (f->damage == FLIPPED)
		f->data.p[0] ^= 1;
	for (int i = 0; f->damage == PADDED && i < 2; i++)
		bytes_add(&f->data, spaces, sizeof(spaces));
}

static inline void made_put_damaged(struct made_file *f, int dirfd)
{
	switch (f->damage) {
	case GONE:
		return;
	case A_FIFO:
		assert_int_equal(mkfifoat(dirfd, f->name, 0644), 0);
		return;
	case A_LINK:
		assert_int_equal(symlinkat("../../../beside/blob", dirfd, f->name), 0);
		made_put(f, dirfd, "../beside/blob");
		return;
	default:
		made_damage(f);
		made_put(f, dirfd, f->name);
	}
}

static inline void made_archive(struct made *m, struct bytes *out)
{
	if (m->recipe->more)
		m->recipe->more(out, m);
	for (size_t i = 0; i < m->file_n; i++) {
		struct made_file *f = &m->files[i];

		made_damage(f);
		if (f->damage != GONE)
			tar_add_bytes(out, f->name, &f->data);
	}
	tar_end(out);
	if (m->recipe->source_keep)
		out->n = m->recipe->source_keep;
}

/* Bytes as a file that has no name. */
static inline int bytes_open(const struct bytes *b)
{
	int fd = memfd_create("bytes", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, b->p, b->n), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

/* The source of an import: an archive, or the layout that is written to @dirfd. */
static inline int made_open(struct made *m, int dirfd)
{
	struct bytes archive = { 0 };
	struct err err;
	int fd;

	if (m->recipe->form == FORM_RAW)
		return bytes_open(&m->tar);
	if (m->recipe->form != FORM_DIRECTORY) {
		made_archive(m, &archive);
		fd = bytes_open(&archive);
		bytes_done(&archive);
		return fd;
	}
	assert_int_equal(io_mkdir_path(dirfd, "blobs/sha256", 0755, &err), 0);
	for (size_t i = 0; i < m->file_n; i++)
		made_put_damaged(&m->files[i], dirfd);
	fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}
