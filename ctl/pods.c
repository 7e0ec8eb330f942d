/* SPDX-License-Identifier: MIT */
/* Names of pods, from the run directory and the two of pod files. */
#include "ctl/pods.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "config/load.h"
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

/* Whether a pod file is not in force: hidden, or another one of its name is. */
static bool is_passed_over(int fd, int over, const char *file)
{
	return config_file_hidden(fd, file) || (over >= 0 && faccessat(over, file, F_OK, 0) == 0);
}

/*
 * @suffix: what a name must end with, and is cut off; or ""
 * @over: a directory whose files have precedence, or -EBADF
 */
static int add_directory(json_t *names, int parent, const char *suffix, int over, struct err *err)
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

		if (n <= cut || strcmp(d->d_name + n - cut, suffix) != 0 ||
		    (cut && is_passed_over(fd, over, d->d_name)))
			continue;
		d->d_name[n - cut] = '\0';
		r = add_name(names, d->d_name);
	}
	return r < 0 ? err_set(err, ENOMEM, "list the pods: no memory") : 0;
}

static int add_vendor(json_t *names, const struct paths *paths, struct err *err)
{
	cleanup_close int dir = -EBADF;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s" CONFIG_VENDOR_DIR, paths->root);
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return dir < 0 ? 0 : add_directory(names, dir, ".pod", paths->etc, err);
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
 * @declared: those that have a pod file too, in /etc or /usr/share
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
		r = add_directory(names, paths->run, "", -EBADF, err);
	if (r == 0 && declared && paths->etc >= 0)
		r = add_directory(names, paths->etc, ".pod", -EBADF, err);
	if (r == 0 && declared)
		r = add_vendor(names, paths, err);
	if (r == 0)
		*out = sorted(names);
	return r;
}

static bool has_template(const char *path)
{
	const char *at = strchr(strrchr(path, '/'), '@');
	char template[PATH_MAX];

	return at && snprintf(template, sizeof(template), "%.*s.pod", (int)(at + 1 - path), path) <
			     (int)sizeof(template) &&
	       access(template, F_OK) == 0;
}

/**
 * pods_file() - the file of a pod that is in force, in /etc or else /usr/share
 * @pod: a valid name of a pod
 * @out: receives its path; of an instance, the path that config_load() wants
 *
 * Return: whether there is one, or the template of an instance.
 */
bool pods_file(const struct paths *paths, const char *pod, char out[PATH_MAX])
{
	static const char *const dirs[] = { CONFIG_DIR, CONFIG_VENDOR_DIR };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		if (snprintf(out, PATH_MAX, "%s%s/%s.pod", paths->root, dirs[i], pod) >= PATH_MAX)
			return false;
		if (access(out, F_OK) == 0)
			return !config_file_hidden(AT_FDCWD, out);
		if (has_template(out))
			return true;
	}
	return false;
}
