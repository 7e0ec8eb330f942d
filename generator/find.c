/* SPDX-License-Identifier: MIT */
/* Looking through the two directories of pod files. */
#include "generator/find.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "config/load.h"
#include "config/names.h"
#include "generator/report.h"

#define SUFFIX   ".pod"
#define DROP_INS ".pod.d"

/* The first has precedence. */
static const char *const places[] = { CONFIG_DIR, CONFIG_VENDOR_DIR };

static int no_memory(struct err *err)
{
	return err_set(err, ENOMEM, "list the pod files: out of memory");
}

static int add(struct pod_files *files, char *name_take, char *path_take, struct err *err)
{
	struct pod_file *list = realloc(files->list, (files->n + 1) * sizeof(*list));

	if (list)
		files->list = list;
	if (!list || !name_take) {
		free(name_take);
		free(path_take);
		return no_memory(err);
	}
	list[files->n++] = (struct pod_file){ .name = name_take, .path = path_take };
	return 0;
}

/* "kiosk@" is one, when it is the name of a pod but for the instance. */
static bool is_template(const char *name)
{
	size_t n = strlen(name);
	char instance[CONFIG_NAME_MAX + 2];

	return n > 0 && n < CONFIG_NAME_MAX && name[n - 1] == '@' &&
	       snprintf(instance, sizeof(instance), "%s0", name) > 0 &&
	       config_pod_name_valid(instance);
}

bool pod_file_is_template(const struct pod_file *file)
{
	return is_template(file->name);
}

/* @suffix cut off @entry, or NULL when it does not end with that. */
static char *name_before(const char *entry, const char *suffix)
{
	size_t n = strlen(entry), cut = strlen(suffix);

	if (entry[0] == '.' || n <= cut || strcmp(entry + n - cut, suffix) != 0)
		return NULL;
	return strndup(entry, n - cut);
}

static int add_file(struct pod_files *files, const char *dir, const char *entry, struct err *err)
{
	cleanup_free char *name = name_before(entry, SUFFIX);
	cleanup_free char *path = NULL;

	if (!name || pod_files_get(files, name))
		return 0;
	if (asprintf(&path, "%s/%s", dir, entry) < 0)
		return no_memory(err);
	if (!config_pod_name_valid(name) && !is_template(name)) {
		report(REPORT_WARNING, "'%s': '%s' is no pod name, ignoring", path, name);
		return 0;
	}
	if (config_file_hidden(AT_FDCWD, path))
		free_ptr(&path);
	return add(files, take_ptr(name), take_ptr(path), err);
}

/* An instance whose drop-ins are in @dir; a template of etc is not that of usr/share. */
static int add_directory(struct pod_files *files, const char *dir, const char *entry,
			 struct err *err)
{
	cleanup_free char *name = name_before(entry, DROP_INS);
	char *instance = name ? strchr(name, '@') : NULL;
	cleanup_free char *template = NULL;
	const struct pod_file *of;

	if (!instance || !instance[1] || !config_pod_name_valid(name) ||
	    pod_files_get(files, name))
		return 0;
	template = strndup(name, (size_t)(instance + 1 - name));
	if (!template)
		return no_memory(err);
	of = pod_files_get(files, template);
	if (!of || !of->path)
		return 0;
	if (strstr(dir, CONFIG_VENDOR_DIR) && strncmp(of->path, dir, strlen(dir)) != 0)
		return 0;
	return pod_files_add_instance(files, of, instance + 1, err);
}

/* alphasort(3) would ask the locale. */
static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

typedef int each_fn(struct pod_files *files, const char *dir, const char *entry, struct err *err);

static int each(struct pod_files *files, const char *root, each_fn *fn, struct err *err)
{
	int r = 0;

	for (size_t p = 0; r == 0 && p < ARRAY_SIZE(places); p++) {
		cleanup_free char *dir = NULL;
		struct dirent **list;
		int n;

		if (asprintf(&dir, "%s%s", root, places[p]) < 0)
			return no_memory(err);
		n = scandir(dir, &list, NULL, by_bytes);
		if (n < 0 && errno == ENOENT)
			continue;
		if (n < 0)
			return err_sys(err, "read directory '%s'", dir);
		for (int i = 0; i < n; i++) {
			if (r == 0)
				r = fn(files, dir, list[i]->d_name, err);
			free(list[i]);
		}
		free(list);
	}
	return r;
}

/**
 * pod_files_find() - all pod files of this host, templates and their instances
 * @out: released by pod_files_done(), whatever this returned
 * @root: what the directories are under, "" for the host's
 *
 * Names that no pod can have are reported and left out.
 *
 * Return: 0 or -errno with @err filled.
 */
int pod_files_find(struct pod_files *out, const char *root, struct err *err)
{
	int r = each(out, root, add_file, err);

	/* After all files: it takes the template. */
	return r < 0 ? r : each(out, root, add_directory, err);
}

/**
 * pod_files_get() - the file of that name, or NULL
 */
const struct pod_file *pod_files_get(const struct pod_files *files, const char *name)
{
	for (size_t i = 0; i < files->n; i++)
		if (strcmp(files->list[i].name, name) == 0)
			return &files->list[i];
	return NULL;
}

/**
 * pod_files_add_instance() - make an instance of a template known, unless it is
 * @of: the template, of the same @files
 * @instance: what comes after the '@'; the name is valid then
 *
 * Return: 0 or -errno with @err filled.
 */
int pod_files_add_instance(struct pod_files *files, const struct pod_file *of,
			   const char *instance, struct err *err)
{
	cleanup_free char *name = NULL, *path = NULL;
	size_t stem = strlen(of->path) - strlen(SUFFIX);

	if (asprintf(&name, "%s%s", of->name, instance) < 0 ||
	    asprintf(&path, "%.*s%s" SUFFIX, (int)stem, of->path, instance) < 0)
		return no_memory(err);
	if (pod_files_get(files, name))
		return 0;
	return add(files, take_ptr(name), take_ptr(path), err);
}

/**
 * pod_files_add_gone() - add a pod whose file is gone, or hidden
 *
 * Return: 0 or -errno with @err filled.
 */
int pod_files_add_gone(struct pod_files *files, const char *name, struct err *err)
{
	char *path = NULL;
	int r;

	if (asprintf(&path, "%s/%s" SUFFIX, CONFIG_DIR, name) < 0)
		return no_memory(err);
	r = add(files, strdup(name), path, err);
	if (r == 0)
		files->list[files->n - 1].gone = true;
	return r;
}

void pod_files_done(struct pod_files *files)
{
	for (size_t i = 0; i < files->n; i++) {
		free(files->list[i].name);
		free(files->list[i].path);
	}
	free(files->list);
	*files = (struct pod_files){ 0 };
}
