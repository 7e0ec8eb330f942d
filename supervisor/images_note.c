/* SPDX-License-Identifier: MIT */
/* Writing and reading the note of a pod's images. */
#include "supervisor/images_note.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/json.h"
#include "base/strv.h"

#define NOTE_VERSION 1
/* Its texts come from one config of at most IMAGE_DOCUMENT_MAX for each container. */
#define NOTE_MAX_BYTES ((off_t)POD_CONTAINERS_MAX * IMAGE_DOCUMENT_MAX)

static int no_memory(struct err *err)
{
	return err_set(err, ENOMEM, "the note of the pod's images: out of memory");
}

/* ---------------------------------------------------------------------- making */

static json_t *list_of(char *const *list)
{
	json_t *out = list ? json_array() : json_null();

	for (; list && *list; list++)
		if (json_array_append_new(out, json_string(*list)) < 0) {
			json_decref(out);
			return NULL;
		}
	return out;
}

/**
 * images_note_lowers() - where an image's layers are unpacked
 * @out: receives the paths, the topmost first as overlayfs has them; the caller's
 *
 * Return: 0 or -errno with @err filled.
 */
int images_note_lowers(char ***out, const struct image *image, struct err *err)
{
	char path[PATH_MAX], **list = NULL;
	size_t n = 0;
	int r = 0;

	for (unsigned i = image->config->layer_n; r == 0 && i-- > 0;) {
		r = image_layer_path(path, sizeof(path), image, i, err);
		if (r == 0 && strv_push_copy(&list, &n, path) < 0)
			r = no_memory(err);
	}
	if (r < 0) {
		strv_free(list);
		return r;
	}
	*out = list;
	return 0;
}

/**
 * images_note_make() - the entry of a container whose image is in the store
 *
 * Return: the caller's; NULL: without memory, or for paths that are not UTF-8.
 */
json_t *images_note_make(const struct pod_container *container, const struct image *image)
{
	const struct image_config *c = image->config;
	char id[DIGEST_TEXT_SIZE], **lowers = NULL;
	json_t *entry;

	if (images_note_lowers(&lowers, image, NULL) < 0)
		return NULL;
	entry = json_pack("{s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:s?, s:s?, s:s?}",
			  "name", container->run.name,
			  "image", json_text_string(container->image.name),
			  "id", digest_text(&image->id, id), "lowers", list_of(lowers),
			  "entrypoint", list_of(c->entrypoint), "cmd", list_of(c->cmd),
			  "env", list_of(c->env), "cwd", c->cwd, "user", c->user,
			  "stop_signal", c->stop_signal);
	strv_free(lowers);
	return entry;
}

/**
 * images_note_write() - put a note into the pod's run directory
 * @entries: a list of what images_note_make() made
 *
 * Return: 0 or -errno with @err filled.
 */
int images_note_write(const json_t *entries, int run_fd, struct err *err)
{
	json_auto_t *note = json_pack("{s:i, s:O}", "version", NOTE_VERSION, "containers", entries);
	cleanup_free char *text = note ? json_dumps(note, JSON_COMPACT) : NULL;

	if (!text)
		return no_memory(err);
	return io_replace_file(run_fd, IMAGES_NOTE_FILE, text, strlen(text), err);
}

/* --------------------------------------------------------------------- reading */

static int read_whole(char **out, size_t *n, int run_fd, struct err *err)
{
	cleanup_close int fd = openat(run_fd, IMAGES_NOTE_FILE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_free char *text = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "open '" IMAGES_NOTE_FILE "'");
	if (!S_ISREG(st.st_mode) || st.st_size > NOTE_MAX_BYTES)
		return err_set(err, EFBIG, "'" IMAGES_NOTE_FILE "' is no file of podd's");
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return no_memory(err);
	if (pread(fd, text, (size_t)st.st_size, 0) != st.st_size)
		return err_set(err, EIO, "read '" IMAGES_NOTE_FILE "': too short");
	*n = (size_t)st.st_size;
	*out = take_ptr(text);
	return 0;
}

/**
 * images_note_read() - the note of a pod that lives
 * @out: its entries, a list, the caller's
 *
 * Return: 0; -ENOENT when there is none; -errno. @err is filled.
 */
int images_note_read(json_t **out, int run_fd, struct err *err)
{
	cleanup_free char *text = NULL;
	json_auto_t *note = NULL;
	json_t *entries;
	size_t n = 0;
	int r = read_whole(&text, &n, run_fd, err);

	if (r < 0)
		return r;
	r = json_text_parse(&note, text, n, err);
	if (r < 0)
		return err_wrap(err, r, "'" IMAGES_NOTE_FILE "'");
	entries = json_object_get(note, "containers");
	if (json_integer_value(json_object_get(note, "version")) != NOTE_VERSION ||
	    !json_is_array(entries))
		return err_set(err, EBADMSG, "'" IMAGES_NOTE_FILE "' is of another podd");
	*out = json_incref(entries);
	return 0;
}

static bool says(const json_t *entry, const char *key, const char *text)
{
	const char *s = json_string_value(json_object_get(entry, key));

	return s && strcmp(s, text) == 0;
}

/**
 * images_note_find() - a container's entry
 *
 * One whose Image= is another by now has none; and one that was looked up has
 * only that of the very image.
 *
 * Return: borrowed from @entries, or NULL.
 */
json_t *images_note_find(const json_t *entries, const struct pod_container *container)
{
	json_t *entry;
	size_t i;

	json_array_foreach(entries, i, entry)
		if (says(entry, "name", container->run.name) &&
		    says(entry, "image", container->image.name) &&
		    (!container->image.id[0] || says(entry, "id", container->image.id)))
			return entry;
	return NULL;
}

/* Return: 0, also for null; -EBADMSG, or -ENOMEM. */
static int take_list(char ***out, const json_t *entry, const char *key)
{
	const json_t *list = json_object_get(entry, key), *s;
	size_t i, n = 0;
	int r = json_is_array(list) || json_is_null(list) ? 0 : -EBADMSG;

	json_array_foreach(list, i, s) {
		if (r == 0 && !json_is_string(s))
			r = -EBADMSG;
		if (r == 0)
			r = strv_push_copy(out, &n, json_string_value(s));
	}
	return r;
}

static int take_text(char **out, const json_t *entry, const char *key)
{
	const json_t *s = json_object_get(entry, key);

	if (json_is_null(s))
		return 0;
	if (!json_is_string(s))
		return -EBADMSG;
	*out = strdup(json_string_value(s));
	return *out ? 0 : -ENOMEM;
}

static int take_entry(struct images_note_entry *out, const json_t *entry)
{
	const char *id = json_string_value(json_object_get(entry, "id"));
	struct image_config *c = out->config;
	struct digest digest;
	int r = id && digest_parse(&digest, id) ? 0 : -EBADMSG;

	if (r == 0)
		(void)digest_text(&digest, out->id);
	if (r == 0)
		r = take_list(&out->lowers, entry, "lowers");
	if (r == 0)
		r = take_list(&c->entrypoint, entry, "entrypoint");
	if (r == 0)
		r = take_list(&c->cmd, entry, "cmd");
	if (r == 0)
		r = take_list(&c->env, entry, "env");
	if (r == 0)
		r = take_text(&c->cwd, entry, "cwd");
	if (r == 0)
		r = take_text(&c->user, entry, "user");
	if (r == 0)
		r = take_text(&c->stop_signal, entry, "stop_signal");
	return r == 0 && !out->lowers ? -EBADMSG : r;
}

/**
 * images_note_parse() - what an entry says
 * @out: released by images_note_entry_done()
 *
 * Return: 0, -EBADMSG or -ENOMEM with @err filled.
 */
int images_note_parse(struct images_note_entry *out, const json_t *entry, struct err *err)
{
	int r;

	*out = (struct images_note_entry){ .config = calloc(1, sizeof(*out->config)) };
	r = out->config ? take_entry(out, entry) : -ENOMEM;
	if (r == 0)
		return 0;
	images_note_entry_done(out);
	return r == -ENOMEM ? no_memory(err) :
			      err_set(err, EBADMSG, "'" IMAGES_NOTE_FILE "' is damaged");
}

/**
 * images_note_entry_done() - free what images_note_parse() filled
 */
void images_note_entry_done(struct images_note_entry *entry)
{
	image_config_free(take_ptr(entry->config));
	strv_free(take_ptr(entry->lowers));
}
