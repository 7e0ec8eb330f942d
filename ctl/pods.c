/* SPDX-License-Identifier: MIT */
/* Names of pods, from the run directory and from /etc. */
#include "ctl/pods.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "config/names.h"


static void close_dir(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir); /* only read */
}

static int add_name(json_t *names, const char *name)
{
	json_t *have;
	size_t i;

	if (!config_pod_name_valid(name)) /* a template (NAME@) too */
		return 0;
	json_array_foreach(names, i, have)
		if (strcmp(json_string_value(have), name) == 0)
			return 0;
	return json_array_append_new(names, json_string(name)) < 0 ? -ENOMEM : 0;
}

/* @suffix: what a name must end with, and is cut off; or "". */
static int add_directory(json_t *names, int parent, const char *suffix, struct err *err)
{
	int fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	__attribute__((cleanup(close_dir))) DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	size_t cut = strlen(suffix);
	struct dirent *d;
	int r = 0;

	if (!dir) {
		r = errno == EACCES ? err_set(err, EACCES, "not permitted to list the pods") :
				      err_sys(err, "list the pods");
		close_fd(&fd);
		return r;
	}
	while (r == 0 && (d = readdir(dir))) {
		size_t n = strlen(d->d_name);

		if (n <= cut || strcmp(d->d_name + n - cut, suffix) != 0)
			continue;
		d->d_name[n - cut] = '\0';
		r = add_name(names, d->d_name);
	}
	return r < 0 ? err_set(err, ENOMEM, "list the pods: no memory") : 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(json_string_value(*(json_t *const *)a),
		      json_string_value(*(json_t *const *)b));
}

static json_t *sorted(const json_t *names)
{
	size_t n = json_array_size(names);
	cleanup_free json_t **v = calloc(n + 1, sizeof(json_t *));
	json_t *out = json_array();

	for (size_t i = 0; v && i < n; i++)
		v[i] = json_array_get(names, i);
	if (v)
		qsort(v, n, sizeof(*v), by_name);
	for (size_t i = 0; v && i < n; i++)
		(void)json_array_append(out, v[i]); /* short only without memory */
	return out;
}

/**
 * pods_names() - the names of all pods, sorted
 * @declared: those that have a pod file in /etc too
 * @out: receives an array of strings, owned by the caller
 *
 * Templates are no pods. A directory that is not there has no pods.
 *
 * Return: 0, or -errno with @err filled.
 */
int pods_names(const struct paths *paths, bool declared, json_t **out, struct err *err)
{
	json_auto_t *names = json_array();
	int r = 0;

	if (paths->run >= 0)
		r = add_directory(names, paths->run, "", err);
	if (r == 0 && declared && paths->etc >= 0)
		r = add_directory(names, paths->etc, ".pod", err);
	if (r == 0)
		*out = sorted(names);
	return r;
}
