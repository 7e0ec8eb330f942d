/* SPDX-License-Identifier: MIT */
/* The file of a pod's generations, and its states. */
#include "image/generation.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/json.h"

#define FILE_VERSION 1
#define FILE_MAX     (128 * 1024) /* bytes */

static const char *const state_names[] = {
	[GENERATION_SETTLED] = "settled",
	[GENERATION_TRIAL] = "trial",
	[GENERATION_BACK] = "back",
	[GENERATION_KEEPING] = "keeping",
};
_Static_assert(ARRAY_SIZE(state_names) == GENERATION_STATE_N, "each state has a word");

/**
 * generation_state_name() - the state's word in the file and in status
 */
const char *generation_state_name(enum generation_state state)
{
	return state_names[state];
}

/* --------------------------------------------------------------------- the text */

static bool read_digest(struct digest *out, const json_t *image, const char *key)
{
	const json_t *v = json_object_get(image, key);

	out->hex[0] = '\0';
	return !v || (json_is_string(v) && digest_parse(out, json_string_value(v)));
}

static bool read_image(struct generation *g, const json_t *image)
{
	const char *name = json_string_value(json_object_get(image, "name"));
	struct generation_image *to;

	if (!name || !*name || strlen(name) > IMAGE_NAME_MAX || g->n == GENERATION_IMAGES_MAX ||
	    generation_find(g, name))
		return false;
	to = &g->images[g->n++];
	snprintf(to->name, sizeof(to->name), "%s", name);
	return read_digest(&to->now, image, "now") && read_digest(&to->before, image, "before") &&
	       read_digest(&to->trial, image, "trial") &&
	       read_digest(&to->failed, image, "failed") && to->now.hex[0];
}

static bool read_state(struct generation *g, const char *word)
{
	for (unsigned i = 0; word && i < GENERATION_STATE_N; i++)
		if (strcmp(word, state_names[i]) == 0) {
			g->state = (enum generation_state)i;
			return true;
		}
	return false;
}

/**
 * generation_parse() - read a file's text
 *
 * Return: 0; -EBADMSG: it is damaged; -ENOTSUP: another podd's. @err is filled.
 */
int generation_parse(struct generation *out, const char *text, size_t n, struct err *err)
{
	json_auto_t *doc = NULL;
	const json_t *images, *image, *version;
	const char *reason;
	bool good;
	size_t i;

	*out = (struct generation){ .n = 0 };
	if (json_text_parse(&doc, text, n, err) < 0)
		return err_wrap(err, -EBADMSG, "it is damaged");
	version = json_object_get(doc, "version");
	if (json_is_integer(version) && json_integer_value(version) != FILE_VERSION)
		return err_set(err, ENOTSUP, "it has version %lld, and only %d is known here",
			       (long long)json_integer_value(version), FILE_VERSION);
	good = json_is_integer(version) &&
	       read_state(out, json_string_value(json_object_get(doc, "state")));
	images = json_object_get(doc, "images");
	good = good && json_is_array(images);
	json_array_foreach(images, i, image)
		good = good && read_image(out, image);
	out->kept = json_is_true(json_object_get(doc, "kept"));
	out->since_ns = (uint64_t)json_integer_value(json_object_get(doc, "since_ns"));
	reason = json_string_value(json_object_get(doc, "reason"));
	snprintf(out->reason, sizeof(out->reason), "%s", reason ? reason : "");
	return good ? 0 : err_set(err, EBADMSG, "it is damaged");
}

static json_t *digest_json(const struct digest *d)
{
	char text[DIGEST_TEXT_SIZE];

	return d->hex[0] ? json_string(digest_text(d, text)) : NULL;
}

/**
 * generation_print() - the file's text
 *
 * Return: the caller's to free, or NULL without memory.
 */
char *generation_print(const struct generation *g)
{
	json_auto_t *images = json_array();
	json_auto_t *doc = NULL;

	for (unsigned i = 0; i < g->n; i++) {
		const struct generation_image *m = &g->images[i];
		json_t *image = json_pack("{s:o, s:o*, s:o*, s:o*, s:o*}", "name",
					  json_text_string(m->name), "now", digest_json(&m->now),
					  "before", digest_json(&m->before), "trial",
					  digest_json(&m->trial), "failed",
					  digest_json(&m->failed));

		if (json_array_append_new(images, image) < 0)
			return NULL;
	}
	doc = json_pack("{s:i, s:s, s:b, s:I, s:o, s:O}", "version", FILE_VERSION, "state",
			state_names[g->state], "kept", g->kept, "since_ns", (json_int_t)g->since_ns,
			"reason", json_text_string(g->reason), "images", images);
	return doc ? json_dumps(doc, JSON_INDENT(1)) : NULL;
}

/* --------------------------------------------------------------------- the file */

/**
 * generation_read() - a pod's file
 * @lib_fd: var/lib/podd, or -EBADF
 *
 * Return: 0; -ENOENT: it has none; as generation_parse(); -errno. @err is filled.
 */
int generation_read(struct generation *out, int lib_fd, const char *pod, struct err *err)
{
	cleanup_free char *text = malloc(FILE_MAX);
	char path[NAME_MAX + sizeof(GENERATIONS_DIR) + 2];
	ssize_t n;
	int r;

	*out = (struct generation){ .n = 0 };
	if (!text)
		return err_set(err, ENOMEM, "read the generations of pod '%s': out of memory", pod);
	snprintf(path, sizeof(path), GENERATIONS_DIR "/%s", pod);
	n = lib_fd < 0 ? err_set(err, ENOENT, "no directory") :
			 io_read_file(lib_fd, path, text, FILE_MAX, err);
	r = n < 0 ? (int)n : generation_parse(out, text, (size_t)n, err);
	return r < 0 ? err_wrap(err, r, "'%s'", path) : 0;
}

/* The directory's own name outlives a power cut, too. */
static int open_directory(int lib_fd, struct err *err)
{
	cleanup_close int lib = openat(lib_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = openat(lib, GENERATIONS_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r;

	if (fd >= 0)
		return fd;
	r = io_mkdir_path(lib, GENERATIONS_DIR, 0700, err);
	if (r < 0)
		return r;
	if (fsync(lib) < 0)
		return err_sys(err, "write the directory of '" GENERATIONS_DIR "' to the disk");
	fd = openat(lib, GENERATIONS_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_sys(err, "open the directory '" GENERATIONS_DIR "'") : fd;
}

/**
 * generation_write() - replace a pod's file, through to the disk
 * @lib_fd: var/lib/podd, or -EBADF: -EROFS
 *
 * Return: 0 or -errno with @err filled.
 */
int generation_write(const struct generation *g, int lib_fd, const char *pod, struct err *err)
{
	cleanup_free char *text = generation_print(g);
	cleanup_close int dir = -EBADF;
	int r;

	if (!text)
		return err_set(err, ENOMEM,
			       "write the generations of pod '%s': out of memory", pod);
	if (lib_fd < 0) /* there is none, and none can be made */
		return err_set(err, EROFS, "write the generations of pod '%s': %s",
			       pod, strerror(EROFS));
	dir = open_directory(lib_fd, err);
	r = dir < 0 ? dir : io_replace_file_synced(dir, pod, text, strlen(text), err);
	return r < 0 ? err_wrap(err, r, "write the generations of pod '%s'", pod) : 0;
}

/**
 * generation_remove() - remove a pod's file; one that is not there is fine
 *
 * Return: 0 or -errno with @err filled.
 */
int generation_remove(int lib_fd, const char *pod, struct err *err)
{
	char path[NAME_MAX + sizeof(GENERATIONS_DIR) + 2];

	snprintf(path, sizeof(path), GENERATIONS_DIR "/%s", pod);
	if (unlinkat(lib_fd, path, 0) < 0 && errno != ENOENT)
		return err_sys(err, "remove '%s'", path);
	return 0;
}

/**
 * generations_each() - call for the file of each pod that has one
 * @lib_fd: var/lib/podd, or -EBADF: there are none
 * @fn: may remove the file
 *
 * Return: 0, what @fn returned, or -errno with @err filled.
 */
int generations_each(int lib_fd, generation_fn *fn, void *ctx, struct err *err)
{
	int fd = openat(lib_fd, GENERATIONS_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	cleanup_free struct generation *g = malloc(sizeof(*g));
	struct dirent *d;
	int r = 0;

	if (fd < 0)
		return errno == ENOENT || lib_fd < 0 ? 0 : err_sys(err, "list the generations");
	if (!dir || !g) {
		if (dir)
			(void)closedir(dir);
		else
			close_fd(&fd);
		return err_set(err, ENOMEM, "list the generations: out of memory");
	}
	while (r == 0 && (d = readdir(dir))) {
		struct err damage = { 0 };

		if (d->d_name[0] == '.') /* also one that is being written */
			continue;
		r = generation_read(g, lib_fd, d->d_name, &damage);
		if (r != -ENOENT) /* else it has just been removed */
			r = fn(ctx, d->d_name, r < 0 ? NULL : g, &damage, err);
		else
			r = 0;
	}
	(void)closedir(dir);
	return r;
}

/* -------------------------------------------------------------- what it means */

/**
 * generation_find() - the entry of a name, or NULL
 */
struct generation_image *generation_find(const struct generation *g, const char *name)
{
	for (unsigned i = 0; i < g->n; i++)
		if (strcmp(g->images[i].name, name) == 0)
			return (struct generation_image *)&g->images[i];
	return NULL;
}

static bool is_one_of(const struct generation_image *m, const struct digest *d)
{
	return digest_equal(d, &m->now) || digest_equal(d, &m->before) ||
	       digest_equal(d, &m->trial);
}

/**
 * generation_held() - what a name means for the pod, whatever the store says
 * @on_trial: the marker is there, and says nothing of failure
 * @stored: what the store says, or empty
 *
 * Return: the digest, or NULL: what the store says.
 */
const struct digest *generation_held(const struct generation *g, bool on_trial, const char *name,
				     const struct digest *stored)
{
	const struct generation_image *m = generation_find(g, name);

	if (!m || g->state == GENERATION_SETTLED)
		return NULL;
	if (g->state == GENERATION_TRIAL && on_trial && m->trial.hex[0])
		return &m->trial;
	return !stored->hex[0] || is_one_of(m, stored) ? &m->now : NULL;
}

/**
 * generation_note() - the pod runs this one now
 * @changed: set to true if that is news
 *
 * Return: 0, or -E2BIG: too many names.
 */
int generation_note(struct generation *g, const char *name, const struct digest *now, bool *changed)
{
	struct generation_image *m = generation_find(g, name);

	if (m && digest_equal(&m->now, now))
		return 0;
	if (!m && g->n == GENERATION_IMAGES_MAX)
		return -E2BIG;
	if (!m) {
		m = &g->images[g->n++];
		*m = (struct generation_image){ .now = { "" } };
		snprintf(m->name, sizeof(m->name), "%s", name);
	}
	m->before = m->now;
	m->now = *now;
	*changed = true;
	return 0;
}

/**
 * generation_try() - put one on trial
 *
 * Return: 0, or -ENOENT: the pod runs nothing of that name.
 */
int generation_try(struct generation *g, const char *name, const struct digest *trial)
{
	struct generation_image *m = generation_find(g, name);

	if (!m)
		return -ENOENT;
	m->trial = *trial;
	g->state = GENERATION_TRIAL;
	g->kept = false;
	g->reason[0] = '\0';
	return 0;
}

/**
 * generation_try_former() - put the one before on trial
 * @m: of @g, with one before; what the pod runs is what it goes back from
 */
void generation_try_former(struct generation *g, struct generation_image *m)
{
	m->failed = m->now;
	(void)generation_try(g, m->name, &m->before); /* it is there */
}

/**
 * generation_keep() - what is on trial has passed
 * @now_ns: CLOCK_REALTIME
 */
void generation_keep(struct generation *g, uint64_t now_ns)
{
	for (unsigned i = 0; i < g->n; i++) {
		struct generation_image *m = &g->images[i];

		if (!m->trial.hex[0])
			continue;
		m->before = m->now;
		m->now = m->trial;
		if (digest_equal(&m->failed, &m->now))
			m->failed.hex[0] = '\0';
	}
	g->state = GENERATION_KEEPING;
	g->since_ns = now_ns;
	g->kept = true;
	g->reason[0] = '\0';
}

/**
 * generation_go_back() - what is on trial has not
 * @now_ns: CLOCK_REALTIME
 */
void generation_go_back(struct generation *g, const char *reason, uint64_t now_ns)
{
	for (unsigned i = 0; i < g->n; i++)
		if (g->images[i].trial.hex[0])
			g->images[i].failed = g->images[i].trial;
	g->state = GENERATION_BACK;
	g->since_ns = now_ns;
	g->kept = false;
	snprintf(g->reason, sizeof(g->reason), "%s", reason);
}

/**
 * generation_settle() - the store's names are as the file says
 */
void generation_settle(struct generation *g)
{
	for (unsigned i = 0; i < g->n; i++)
		g->images[i].trial.hex[0] = '\0';
	g->state = GENERATION_SETTLED;
}

/* ------------------------------------------------------------------- the marker */

/**
 * generation_marker_read() - the marker in a pod's run directory
 *
 * Return: 0; -ENOENT: there is none; -EBADMSG, and one that failed: it is damaged.
 */
int generation_marker_read(struct generation_marker *out, int run_fd)
{
	char text[GENERATION_REASON_MAX + 64];
	ssize_t n = io_read_file(run_fd, GENERATION_MARKER, text, sizeof(text), NULL);
	int at = 0;

	*out = (struct generation_marker){ .failed = true };
	if (n < 0)
		return (int)n;
	if (sscanf(text, "trial 1 %" SCNu64 "%n", &out->deadline_ns, &at) == 1 && at > 0) {
		out->failed = false;
		return 0;
	}
	if (strncmp(text, "failed 1 ", 9) != 0)
		return -EBADMSG;
	snprintf(out->reason, sizeof(out->reason), "%.*s", (int)sizeof(out->reason) - 1, text + 9);
	return 0;
}

/**
 * generation_marker_write() - replace it; it need not outlive a power cut
 *
 * Return: 0 or -errno with @err filled.
 */
int generation_marker_write(const struct generation_marker *m, int run_fd, struct err *err)
{
	char text[GENERATION_REASON_MAX + 64];
	int n;

	if (m->failed)
		n = snprintf(text, sizeof(text), "failed 1 %s", m->reason);
	else
		n = snprintf(text, sizeof(text), "trial 1 %" PRIu64, m->deadline_ns);
	return io_replace_file(run_fd, GENERATION_MARKER, text, (size_t)n, err);
}

/**
 * generation_marker_remove() - there is no trial (any more)
 *
 * Return: 0 or -errno with @err filled.
 */
int generation_marker_remove(int run_fd, struct err *err)
{
	if (unlinkat(run_fd, GENERATION_MARKER, 0) < 0 && errno != ENOENT)
		return err_sys(err, "remove '" GENERATION_MARKER "' in the run directory");
	return 0;
}

/**
 * generation_on_trial() - whether a pod's marker is there and says nothing of failure
 * @runs_fd: run/podd, or -EBADF
 */
bool generation_on_trial(int runs_fd, const char *pod)
{
	cleanup_close int run_fd = openat(runs_fd, pod,
					  O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct generation_marker m;

	return run_fd >= 0 && generation_marker_read(&m, run_fd) == 0 && !m.failed;
}
