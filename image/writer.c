/* SPDX-License-Identifier: MIT */
/* Writing to the store. */
#include "image/writer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/handed.h"
#include "base/io.h"
#include "image/signed.h"
#include "image/unpack.h"
#include "image/worker.h"

#define LOCK_PAUSE_MS 20
#define LOCK_TRIES    50
#define STAT_BLOCK_BYTES 512 /* st_blocks (inode(7)) */
#define RESERVE_BYTES (16 * 1024)
#define NO_IMAGES "{\"schemaVersion\": 2, \"manifests\": []}"
#define LAYOUT "{\"imageLayoutVersion\":\"1.0.0\"}\n"

static int open_dir(int *out, int parent, const char *name, mode_t mode, struct err *err)
{
	int r = io_mkdir_path(parent, name, mode, err);

	if (r < 0)
		return r;
	*out = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *out < 0 ? err_sys(err, "open the directory '%s'", name) : 0;
}

/* flock(2) takes no timeout, so that of a word about the wait is a few tries. */
static int wait_for_lock(struct image_writer *w, struct err *err)
{
	for (int i = 0; w->waits && i < LOCK_TRIES; i++) {
		(void)poll(NULL, 0, LOCK_PAUSE_MS); /* cut short is fine */
		if (flock(w->lock_fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
	}
	if (w->waits)
		w->waits(w->waits_ctx);
	while (flock(w->lock_fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return err_sys(err, "lock it");
	return 0;
}

static int take_lock(struct image_writer *w, struct err *err)
{
	w->lock_fd = openat(w->store.dirfd, "lock",
			    O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (w->lock_fd < 0)
		return err_sys(err, "open 'lock'");
	if (flock(w->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return err_sys(err, "lock it");
	return wait_for_lock(w, err);
}

/*
 * Room for one more list, in the file of the lock, which holds nothing else: an
 * image may be given or lose a name though the disk is full. Without room for that
 * now, or a file system that can set some aside (fallocate(2)), there is none. It is
 * the list's own size in whole pieces, and one more for blocks of names.
 */
static void reserve(const struct image_writer *w)
{
	struct stat list = { .st_size = 0 }, lock;
	off_t bytes;

	(void)fstatat(w->store.dirfd, "index.json", &list, AT_SYMLINK_NOFOLLOW); /* not yet */
	bytes = list.st_size - list.st_size % RESERVE_BYTES + 2 * RESERVE_BYTES;
	if (fstat(w->lock_fd, &lock) < 0 || lock.st_blocks >= bytes / STAT_BLOCK_BYTES)
		return;
	/* What there is room for may do, too: a list mostly gets shorter then. */
	while (fallocate(w->lock_fd, 0, 0, bytes) < 0 && errno == ENOSPC && bytes > list.st_size)
		bytes -= RESERVE_BYTES;
}

static bool has(const struct image_writer *w, const char *name)
{
	return faccessat(w->store.dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The list before any blob: where there are blobs and none, it was lost. */
static int write_layout(struct image_writer *w, struct err *err)
{
	int r = 0;

	if (has(w, "oci-layout"))
		return 0;
	if (!has(w, "index.json"))
		r = io_replace_file_synced(w->store.dirfd, "index.json",
					   NO_IMAGES, strlen(NO_IMAGES), err);
	if (r < 0)
		return r;
	return io_replace_file_synced(w->store.dirfd, "oci-layout", LAYOUT, strlen(LAYOUT), err);
}

#define INCOMING IMAGE_WRITER_JOB "/incoming"

/**
 * image_writer_keep_leftovers() - what the job has fetched is for the next pull
 *
 * A directory that the worker with the network has had, and no other: what it holds is
 * as good as what comes from a registry.
 */
void image_writer_keep_leftovers(struct image_writer *w)
{
	struct stat st;

	if (fstatat(w->tmp_fd, INCOMING, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode) ||
	    st.st_uid != worker_network_account().uid)
		return;
	if (unlinkat(w->tmp_fd, INCOMING, AT_REMOVEDIR) == 0) /* there is nothing in it */
		return;
	if (image_writer_drop_leftovers(w, NULL) == 0)
		/* or it goes */
		(void)renameat(w->tmp_fd, INCOMING, w->tmp_fd, IMAGE_WRITER_LEFTOVERS);
}

/**
 * image_writer_drop_leftovers() - remove what a pull has left
 *
 * Return: 0 or -errno with @err filled.
 */
int image_writer_drop_leftovers(struct image_writer *w, struct err *err)
{
	return io_remove_tree(w->tmp_fd, IMAGE_WRITER_LEFTOVERS, err);
}

/**
 * image_writer_take_leftovers() - begin the job with what the last pull has left
 * @w: its job has just begun
 *
 * Return: 0 or -errno with @err filled.
 */
int image_writer_take_leftovers(struct image_writer *w, struct err *err)
{
	struct stat st;

	/* Over an empty directory; what is none is of no use, nor what the worker may not write to:
	 * it has another user now. */
	if (fstatat(w->tmp_fd, IMAGE_WRITER_LEFTOVERS, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    st.st_uid != worker_network_account().uid ||
	    renameat(w->tmp_fd, IMAGE_WRITER_LEFTOVERS, w->tmp_fd, INCOMING) < 0)
		return image_writer_drop_leftovers(w, err);
	close_fd(&w->job_incoming_fd);
	return open_dir(&w->job_incoming_fd, w->job_fd, "incoming", 0700, err);
}

/* What whoever was cut short has left. */
static int empty_tmp(struct image_writer *w, struct err *err)
{
	int fd = openat(w->tmp_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!dir) {
		close_fd(&fd);
		return err_sys(err, "read the directory 'tmp'");
	}
	image_writer_keep_leftovers(w);
	while (r == 0 && (e = readdir(dir)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
		    strcmp(e->d_name, IMAGE_WRITER_LEFTOVERS) != 0)
			r = io_remove_tree(w->tmp_fd, e->d_name, err);
	(void)closedir(dir);
	return r;
}

static int open_parts(struct image_writer *w, const struct paths *paths, struct err *err)
{
	int r = paths->lib < 0 ? err_set(err, EROFS, "%s", strerror(EROFS)) :
				 open_dir(&w->store.dirfd, paths->lib, "images", 0700, err);

	if (r == 0)
		r = handed_mark(w->store.dirfd, err); /* links of images are not root's word */
	if (r >= 0)
		r = take_lock(w, err);
	if (r == 0)
		r = open_dir(&w->blobs_fd, w->store.dirfd, "blobs/sha256", 0755, err);
	if (r == 0)
		r = open_dir(&w->layers_fd, w->store.dirfd, "layers", 0700, err);
	if (r == 0)
		r = open_dir(&w->tmp_fd, w->store.dirfd, "tmp", 0700, err);
	if (r == 0)
		r = empty_tmp(w, err);
	if (r == 0)
		reserve(w);
	return r < 0 ? r : write_layout(w, err);
}

/**
 * image_writer_open() - become the writer of the first store; waits for another to end
 * @w: IMAGE_WRITER_EMPTY; released by image_writer_close()
 * @paths: with the directories made
 *
 * Return: 0 or -errno with @err filled.
 */
int image_writer_open(struct image_writer *w, const struct paths *paths, struct err *err)
{
	int r = image_store_path(w->store.path, sizeof(w->store.path), paths, 0, err);

	w->store.writable = true;
	if (r == 0)
		r = open_parts(w, paths, err);
	return r < 0 ? err_wrap(err, r, "image store '%s'", w->store.path) : 0;
}

/**
 * image_writer_look() - open the first store, to change nothing
 * @w: IMAGE_WRITER_EMPTY; released by image_writer_close()
 *
 * Waits for nobody, so a writer may be at work: what it removes is missing.
 *
 * Return: 0 or -errno with @err filled; -ENOENT: there is no store.
 */
int image_writer_look(struct image_writer *w, const struct paths *paths, struct err *err)
{
	static const int how = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int r = image_store_path(w->store.path, sizeof(w->store.path), paths, 0, err);

	if (r < 0)
		return r;
	if (paths->lib < 0)
		return err_set(err, EROFS, "image store '%s': %s", w->store.path, strerror(EROFS));
	w->store.writable = true;
	w->store.dirfd = openat(paths->lib, "images", how);
	if (w->store.dirfd >= 0)
		w->blobs_fd = openat(w->store.dirfd, "blobs/sha256", how);
	if (w->blobs_fd >= 0)
		w->layers_fd = openat(w->store.dirfd, "layers", how);
	return w->layers_fd < 0 ? err_sys(err, "image store '%s'", w->store.path) : 0;
}

static void close_job(struct image_writer *w)
{
	close_fd(&w->job_fd);
	close_fd(&w->job_blobs_fd);
	close_fd(&w->job_layers_fd);
	close_fd(&w->job_incoming_fd);
}

void image_writer_close(struct image_writer *w)
{
	close_job(w);
	close_fd(&w->tmp_fd);
	close_fd(&w->layers_fd);
	close_fd(&w->blobs_fd);
	close_fd(&w->store.dirfd);
	close_fd(&w->lock_fd); /* and with it the lock */
}

/**
 * image_writer_begin_job() - a place to work in: blobs, layers, incoming
 *
 * Return: 0 or -errno with @err filled.
 */
int image_writer_begin_job(struct image_writer *w, struct err *err)
{
	int r = open_dir(&w->job_fd, w->tmp_fd, IMAGE_WRITER_JOB, 0700, err);

	if (r == 0)
		r = open_dir(&w->job_blobs_fd, w->job_fd, "blobs", 0700, err);
	if (r == 0)
		r = open_dir(&w->job_layers_fd, w->job_fd, "layers", 0700, err);
	return r < 0 ? r : open_dir(&w->job_incoming_fd, w->job_fd, "incoming", 0700, err);
}

/**
 * image_writer_end_job() - remove what is left of the job
 *
 * Return: 0 or -errno with @err filled.
 */
int image_writer_end_job(struct image_writer *w, struct err *err)
{
	close_job(w);
	return io_remove_tree(w->tmp_fd, IMAGE_WRITER_JOB, err);
}

/* ------------------------------------------------------------ putting in place */

typedef int place_fn(struct image_writer *w, const struct digest *d, struct err *err);

/* Every entry that has a digest's name. */
static int for_each_digest(struct image_writer *w, int dirfd, place_fn *fn, struct err *err)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	struct digest d;

	if (!dir) {
		close_fd(&fd);
		return err_sys(err, "read a directory of the job");
	}
	while (r == 0 && (e = readdir(dir)))
		if (digest_parse_hex(&d, e->d_name))
			r = fn(w, &d, err);
	(void)closedir(dir);
	return r;
}

static int mark_layer(struct image_writer *w, const struct digest *d, struct err *err)
{
	cleanup_close int dir = openat(w->job_layers_fd, d->hex,
					O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_close int root = openat(dir, "root",
					O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_close int opaque = openat(dir, "opaque",
					  O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (root < 0 || opaque < 0)
		return err_sys(err, "open the layer '%s'", d->hex);
	return unpack_mark_opaque(root, opaque, err);
}

static int place_layer(struct image_writer *w, const struct digest *d, struct err *err)
{
	/* The worker made it: no link to another directory that has a "root". */
	cleanup_close int dir = openat(w->job_layers_fd, d->hex,
					O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	fault_kill("image-layer");
	if (renameat(dir, "root", w->layers_fd, d->hex) < 0 && errno != ENOTEMPTY &&
	    errno != EEXIST)
		return err_sys(err, "put the layer '%s' in place", d->hex);
	return 0;
}

static int place_blob(struct image_writer *w, const struct digest *d, struct err *err)
{
	fault_kill("image-blob");
	if (renameat(w->job_blobs_fd, d->hex, w->blobs_fd, d->hex) < 0)
		return err_sys(err, "put the blob '%s' in place", d->hex);
	return 0;
}

static int sync_directory(int fd, const char *name, struct err *err)
{
	return fsync(fd) < 0 ? err_sys(err, "write the directory '%s' to the disk", name) : 0;
}

/**
 * image_writer_put_job() - give what the job has made its place in the store
 *
 * No image uses it before image_writer_replace_index().
 *
 * Return: 0 or -errno with @err filled; what is in place then stays, unused.
 */
int image_writer_put_job(struct image_writer *w, struct err *err)
{
	int r = for_each_digest(w, w->job_layers_fd, mark_layer, err);

	if (r < 0)
		return r;
	fault_kill("image-unpacked");
	if (syncfs(w->store.dirfd) < 0)
		return err_sys(err, "write to the disk");
	fault_kill("image-synced");
	r = for_each_digest(w, w->job_blobs_fd, place_blob, err);
	if (r == 0)
		r = for_each_digest(w, w->job_layers_fd, place_layer, err);
	if (r == 0)
		r = sync_directory(w->blobs_fd, "blobs", err);
	return r < 0 ? r : sync_directory(w->layers_fd, "layers", err);
}

static bool is_on_disk(const struct image_writer *w, const json_t *index)
{
	json_auto_t *now = NULL;

	return has(w, "index.json") && image_store_index(&now, &w->store, NULL) == 0 &&
	       json_equal(now, index);
}

static int write_list(const struct image_writer *w, const char *text, struct err *err)
{
	return io_replace_file_synced(w->store.dirfd, "index.json", text, strlen(text), err);
}

/**
 * image_writer_replace_index() - from now on the store's images are these
 *
 * The same list is not written again, and a disk that is full has room set aside
 * for another one.
 *
 * Return: 0 or -errno with @err filled; they are the former ones then.
 */
int image_writer_replace_index(struct image_writer *w, const json_t *index, struct err *err)
{
	cleanup_free char *text = json_dumps(index, JSON_INDENT(1));
	int r;

	if (!text)
		return err_set(err, ENOMEM, "write 'index.json': out of memory");
	if (is_on_disk(w, index)) /* by whoever was killed before its name was, maybe */
		return sync_directory(w->store.dirfd, "images", err);
	if (strlen(text) > IMAGE_DOCUMENT_MAX)
		return err_set(err, EFBIG,
			       "the image store is full: 'index.json' would be larger than "
			       "%u bytes", IMAGE_DOCUMENT_MAX);
	fault_kill("image-index");
	r = write_list(w, text, err);
	if ((r == -ENOSPC || r == -EDQUOT) && ftruncate(w->lock_fd, 0) == 0)
		r = write_list(w, text, err);
	reserve(w);
	return r;
}

/* ------------------------------------------------------------------- the index */

/**
 * image_index_name() - the name of an entry, or NULL
 */
const char *image_index_name(const json_t *entry)
{
	return json_string_value(json_object_get(json_object_get(entry, "annotations"),
						 IMAGE_REF_NAME_ANNOTATION));
}

/**
 * image_index_digest() - the digest of an entry's manifest
 *
 * Return: whether it has one.
 */
bool image_index_digest(const json_t *entry, struct digest *out)
{
	const char *text = json_string_value(json_object_get(entry, "digest"));

	return text && digest_parse(out, text);
}

static json_t *new_entry(const struct image_entry *e)
{
	char id[DIGEST_TEXT_SIZE], index[DIGEST_TEXT_SIZE];
	json_t *entry = json_pack("{s:s, s:s, s:I, s:{}}", "mediaType",
				  image_media_name(IMAGE_MEDIA_MANIFEST), "digest",
				  digest_text(&e->id, id), "size", (json_int_t)e->size,
				  "annotations");
	json_t *annotations = json_object_get(entry, "annotations");

	if (!entry)
		return NULL;
	if (e->name[0])
		(void)json_object_set_new(annotations, IMAGE_REF_NAME_ANNOTATION,
					  json_string(e->name));
	if (e->index.hex[0])
		(void)json_object_set_new(annotations, IMAGE_INDEX_ANNOTATION,
					  json_string(digest_text(&e->index, index)));
	return entry;
}

/* Of entry @i. An image that has no other name stays, without one. */
static void take_name(json_t *manifests, size_t i)
{
	json_t *entry = json_array_get(manifests, i);
	struct digest mine, theirs;

	for (size_t k = 0; image_index_digest(entry, &mine) && k < json_array_size(manifests); k++)
		if (k != i && image_index_digest(json_array_get(manifests, k), &theirs) &&
		    digest_equal(&mine, &theirs)) {
			(void)json_array_remove(manifests, i);
			return;
		}
	(void)json_object_del(json_object_get(entry, "annotations"), IMAGE_REF_NAME_ANNOTATION);
}

/* Where an image is in the list, as one without a name if @nameless; or -1. */
static int find_image(const json_t *manifests, const struct digest *id, bool nameless)
{
	struct digest d;

	for (size_t i = 0; i < json_array_size(manifests); i++) {
		const json_t *e = json_array_get(manifests, i);

		if (image_index_digest(e, &d) && digest_equal(&d, id) &&
		    (!nameless || !image_index_name(e)))
			return (int)i;
	}
	return -1;
}

static int find_name(const json_t *manifests, const char *name)
{
	for (size_t i = 0; i < json_array_size(manifests); i++) {
		const char *n = image_index_name(json_array_get(manifests, i));

		if (n && strcmp(n, name) == 0)
			return (int)i;
	}
	return -1;
}

/* @already: the name is this image's. */
static int claim_name(json_t *manifests, const struct image_entry *entry, bool move,
		      bool *already, struct err *err)
{
	int i = find_name(manifests, entry->name);
	struct digest d;

	*already = i >= 0 && image_index_digest(json_array_get(manifests, (size_t)i), &d) &&
		   digest_equal(&d, &entry->id);
	if (i < 0 || *already)
		return 0;
	if (!move)
		return err_set(err, EEXIST,
			       "the name '%.200s' is that of another image; --replace takes "
			       "it from that", entry->name);
	take_name(manifests, (size_t)i);
	return 0;
}

/**
 * image_index_enter() - enter an image under a name
 * @move: the name may be another image's, which loses it
 *
 * Return: 0; -EEXIST when the name is another's and stays that; -ENOMEM. @err is
 * filled.
 */
int image_index_enter(json_t *index, const struct image_entry *entry, bool move, struct err *err)
{
	json_t *manifests = json_object_get(index, "manifests"), *e;
	bool already = find_image(manifests, &entry->id, false) >= 0;
	struct image_documents documents;
	int i, r = 0;

	image_signed_of(&documents, index, &entry->id);
	if (entry->name[0])
		r = claim_name(manifests, entry, move, &already, err);
	if (r < 0 || already)
		return r;
	i = find_image(manifests, &entry->id, true);
	if (i >= 0) /* it has a name now */
		(void)json_array_remove(manifests, (size_t)i);
	e = new_entry(entry);
	if (!e || json_array_append_new(manifests, e) < 0)
		return err_set(err, ENOMEM, "enter the image: out of memory");
	return image_signed_enter(index, &entry->id, &documents, false, err);
}

/**
 * image_index_has_name() - whether a name is that of an image
 */
bool image_index_has_name(const json_t *index, const char *name)
{
	return find_name(json_object_get(index, "manifests"), name) >= 0;
}

/**
 * image_index_drop_name() - take a name away; an image that has no other goes with it
 *
 * Return: whether there was one.
 */
bool image_index_drop_name(json_t *index, const char *name)
{
	json_t *manifests = json_object_get(index, "manifests");
	int i = find_name(manifests, name);

	return i >= 0 && json_array_remove(manifests, (size_t)i) == 0;
}

/**
 * image_index_drop() - take an image away, with all of its names
 *
 * Return: whether there was one.
 */
bool image_index_drop(json_t *index, const struct digest *id)
{
	json_t *manifests = json_object_get(index, "manifests");
	bool found = false;
	struct digest d;

	for (size_t i = json_array_size(manifests); i-- > 0;)
		if (image_index_digest(json_array_get(manifests, i), &d) && digest_equal(&d, id))
			found = json_array_remove(manifests, i) == 0;
	return found;
}
