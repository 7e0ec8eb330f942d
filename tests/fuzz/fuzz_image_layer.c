/* SPDX-License-Identifier: MIT */
/* Fuzz target: any bytes as a layer give entries that stay inside, within bounds, or an error. */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/io.h"
#include "image/layer.h"
#include "tests/fuzz/tar_mutator.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BYTES_MAX  (256u << 10)
#define INODES_MAX 64u

static void check_path(const char *path)
{
	assert(path[0] != '/' && strlen(path) < PATH_MAX);
	for (const char *s = path; *s;) {
		size_t n = strcspn(s, "/");

		assert(n > 0 && n <= NAME_MAX);
		assert(strncmp(s, ".", n) != 0 && !(n == 2 && strncmp(s, "..", 2) == 0));
		s += n;
		assert(!*s || s[1]);
		s += *s == '/';
	}
}

static void check_entry(const struct layer_entry *e)
{
	check_path(e->path);
	assert(e->path[0] || e->kind == LAYER_DIRECTORY);
	assert(e->uid != UINT32_MAX && e->gid != UINT32_MAX && e->size <= BYTES_MAX);
	assert((e->kind == LAYER_SYMLINK || e->kind == LAYER_HARD_LINK) == (e->link != NULL) ||
	       e->kind == LAYER_WHITEOUT || e->kind == LAYER_OPAQUE);
	assert(e->kind == LAYER_DEVICE || e->device == 0 || e->kind == LAYER_WHITEOUT ||
	       e->kind == LAYER_OPAQUE);
	assert(e->kind != LAYER_DEVICE || !S_ISCHR(e->mode) || e->device != 0);
	if (e->kind == LAYER_HARD_LINK)
		check_path(e->link);
}

/* Return: 0, or what is wrong with the content. */
static int read_content(struct layer_reader *l, const struct layer_entry *e, struct err *err)
{
	const char *name = NULL;
	const void *value, *buf;
	off_t offset, at = 0;
	size_t n;
	bool end;
	int r;

	while (layer_xattr(l, &name, &value, &n))
		assert(name);
	for (;;) {
		r = layer_data(l, &buf, &n, &offset, &end, err);
		if (r < 0 || end)
			return r;
		assert(offset >= at && (uint64_t)offset + n <= e->size);
		at = offset + (off_t)n;
	}
}

static int read_layer(struct layer_reader *l, struct layer_entry *e, struct err *err)
{
	struct digest diff_id = { "" };
	unsigned entries = 0;
	bool end = false;
	int r;

	for (;;) {
		r = layer_next(l, e, &end, err);
		if (r < 0 || end)
			break;
		assert(++entries <= INODES_MAX);
		check_entry(e);
		r = e->kind == LAYER_FILE ? read_content(l, e, err) : 0;
		if (r < 0)
			return r;
	}
	if (r == 0) {
		r = layer_finish(l, &diff_id, err);
		assert((r == 0) == (strlen(diff_id.hex) == DIGEST_HEX_LEN));
	}
	return r;
}

/* The directory SEEDS, if there is one, gets what to start from. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *dir = getenv("SEEDS");
	cleanup_close int dirfd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -EBADF;

	(void)argc;
	(void)argv;
	if (dirfd >= 0)
		seeds_write(dirfd);
	return 0;
}

/* The first byte chooses the compression. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct layer_limits limits = { .bytes = BYTES_MAX, .inodes = INODES_MAX };
	cleanup_close int fd = memfd_create("layer", MFD_CLOEXEC);
	cleanup_free struct layer_entry *e = malloc(sizeof(*e));
	struct layer_reader *l = NULL;
	struct err err = { 0 };
	int r;

	if (size < 1)
		return 0;
	assert(fd >= 0 && e && io_write_all(fd, data + 1, size - 1) == 0);
	assert(lseek(fd, 0, SEEK_SET) == 0);
	r = layer_open(&l, fd, IMAGE_MEDIA_TAR + data[0] % 3, &limits, &err);
	if (r == 0)
		r = read_layer(l, e, &err);
	layer_close(l);
	assert((r < 0) == (err.msg[0] != '\0') && r == -err.code);
	return 0;
}
