/* SPDX-License-Identifier: MIT */
/* Where an image comes from: a layout's directory, or an archive of one or of docker save. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "image/digest.h"
#include "image/manifest.h"

/*
 * Theory of operation
 *
 * A source is files by name. Of a directory they are opened below it, through
 * no link. An archive can be read but once and has its files in any order, so
 * all of them are copied out first, under numbers that we give, and hashed on
 * the way; a blob then is renamed, not copied again.
 */
#define SOURCE_FILES_MAX 8192
#define SOURCE_NAME_MAX	 512

struct source_file {
	char *name;
	char *link; /* an old `docker save` has links from layer to layer; or NULL */
	struct digest digest;
	uint64_t size;
	bool taken; /* renamed to where it belongs */
};

struct source {
	int dirfd; /* the layout, or the copies of the archive's files; borrowed */
	bool archive;
	bool consume; /* of a directory: a blob that was taken is removed from it */
	struct source_file *files; /* of an archive */
	size_t file_n;
};

int source_read_archive(struct source *s, int archive_fd, int incoming_fd, uint64_t bytes_max,
			struct err *err);
void source_done(struct source *s);
bool source_has(const struct source *s, const char *name);
int source_read(char **out, size_t *n, const struct source *s, const char *name, struct err *err);
int source_take(struct source *s, const char *name, const struct digest *want, int blobs_fd,
		struct err *err);
const struct source_file *source_find(const struct source *s, const char *name);
int source_media(enum image_media *out, const struct source *s, const char *name, struct err *err);
