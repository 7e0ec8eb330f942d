/* SPDX-License-Identifier: MIT */
/* Walking layers for their marks. */
#include "image/marks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/strv.h"
#include "image/compare.h"
#include "image/unpack.h"

#define MARKS_MAX (64u << 20) /* bytes of the list */
#define OVERLAY	  "trusted.overlay."

struct walk {
	char **marks; /* sorted: "DIFFID/PATH" */
	size_t mark_n;
	char path[DIGEST_HEX_LEN + PATH_MAX + 2]; /* of what is in hand, in the same way */
};

static const char *path_in_layer(const struct walk *w)
{
	const char *path = w->path + DIGEST_HEX_LEN;

	return path + (*path == '/');
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_to_be_opaque(const struct walk *w)
{
	const char *key = w->path;

	return w->mark_n > 0 &&
	       bsearch(&key, w->marks, w->mark_n, sizeof(*w->marks), by_bytes);
}

/* The list that the worker made: whatever it says, it is compared only. */
static int read_marks(struct walk *w, int fd, struct err *err)
{
	cleanup_free char *text = NULL;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, "look at the list of opaque directories");
	if ((uint64_t)st.st_size > MARKS_MAX)
		return err_set(err, EFBIG, "the list of opaque directories is too long");
	text = calloc(1, (size_t)st.st_size + 1);
	if (!text)
		return err_set(err, ENOMEM, "read the list of opaque directories: out of memory");
	if (pread(fd, text, (size_t)st.st_size, 0) != st.st_size)
		return err_set(err, EIO, "read the list of opaque directories");
	for (const char *s = text; s < text + st.st_size; s += strlen(s) + 1)
		if (strv_push_copy(&w->marks, &w->mark_n, s) < 0)
			return err_set(err, ENOMEM,
				       "read the list of opaque directories: out of memory");
	if (w->mark_n > 0)
		qsort(w->marks, w->mark_n, sizeof(*w->marks), by_bytes);
	return 0;
}

/*
 * @path leads to the file by its directory's descriptor: there is no other way to
 * the attributes of a link or a device before getxattrat(2), Linux 6.13.
 */
static int look_at_names(const struct walk *w, const char *path, const char *names, size_t n,
			 struct err *err)
{
	bool wanted = is_to_be_opaque(w), found = false;
	char value[8];

	for (const char *s = names; s && s < names + n; s += strlen(s) + 1) {
		if (strncmp(s, OVERLAY, strlen(OVERLAY)) != 0)
			continue;
		if (!wanted || strcmp(s, OPAQUE_XATTR) != 0)
			return compare_attribute_differs(err, path_in_layer(w), s);
		found = lgetxattr(path, s, value, sizeof(value)) == 1 && value[0] == 'y';
	}
	return wanted && !found ?
		       compare_differs(err, path_in_layer(w), "its opaque mark is gone") : 0;
}

static int look_at(const struct walk *w, int dirfd, const char *name, struct err *err)
{
	char path[PATH_MAX];
	cleanup_free char *names = NULL;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dirfd, name);
	n = llistxattr(path, NULL, 0);
	if (n > 0) {
		names = malloc((size_t)n);
		if (!names)
			return err_set(err, ENOMEM, "look for marks: out of memory");
		n = llistxattr(path, names, (size_t)n);
	}
	if (n < 0 && errno != ENOTSUP)
		return err_sys(err, "'%.200s': list its attributes", path_in_layer(w));
	return look_at_names(w, path, names, n > 0 ? (size_t)n : 0, err);
}

static int walk(struct walk *w, int fd_take, struct err *err)
{
	size_t here = strlen(w->path);
	DIR *dir = fd_take < 0 ? NULL : fdopendir(fd_take);
	struct dirent *d;
	int r;

	if (!dir) {
		close_fd(&fd_take);
		return err_sys(err, "read '%.200s'", path_in_layer(w));
	}
	r = look_at(w, dirfd(dir), ".", err);
	while (r == 0 && (d = readdir(dir))) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		snprintf(w->path + here, sizeof(w->path) - here, "/%s", d->d_name);
		if (d->d_type == DT_DIR)
			r = walk(w, openat(dirfd(dir), d->d_name,
					   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), err);
		else
			r = look_at(w, dirfd(dir), d->d_name, err);
		w->path[here] = '\0';
	}
	(void)closedir(dir);
	return r;
}

static int check_layer(struct walk *w, const struct image_store *store, const struct digest *d,
		       struct err *err)
{
	char name[DIGEST_HEX_LEN + 32];

	snprintf(name, sizeof(name), "layers/%s", d->hex);
	snprintf(w->path, sizeof(w->path), "%s", d->hex);
	return walk(w, openat(store->dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
		    err);
}

/**
 * marks_check() - whether an image's layers have the marks of opaque directories, and only these
 * @image: whose layers a worker has found to be as unpacked
 * @marks_fd: what it has written (image/compare.h)
 *
 * Return: 0; -EBADMSG for what differs; -errno. @err is filled.
 */
int marks_check(const struct image *image, int marks_fd, struct err *err)
{
	struct walk w = { .marks = NULL };
	int r = read_marks(&w, marks_fd, err);

	for (unsigned i = 0; r == 0 && i < image->config->layer_n; i++) {
		r = check_layer(&w, image->store, &image->config->diff_ids[i], err);
		if (r < 0)
			r = err_wrap(err, r, "layer %u", i + 1);
	}
	strv_free(w.marks);
	return r;
}
