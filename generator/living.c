/* SPDX-License-Identifier: MIT */
/* Pods that run in a unit of their own and have no file any more. */
#include "generator/living.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/io.h"
#include "config/names.h"

#define GROUP_MAX 4096 /* of a line of proc_pid_cgroup(5) */

/* "1 BOOT-ID PID START", as the podd of the pod has left it (supervisor/pause.c). */
static int read_pause(const char *root, const char *pod)
{
	char path[PATH_MAX], text[256];
	int pid;

	snprintf(path, sizeof(path), "%s/run/podd/%s/pause", root, pod);
	if (io_read_file(AT_FDCWD, path, text, sizeof(text), NULL) < 0 ||
	    sscanf(text, "1 %*s %d ", &pid) != 1)
		return 0;
	return pid;
}

/* The pause is in a group below that of the pod's unit: so it lives, and systemd has it. */
static bool is_in_its_unit(const char *root, const char *pod, int pid)
{
	char path[PATH_MAX], text[GROUP_MAX], group[NAME_MAX + sizeof("/.pod.service/")];

	snprintf(path, sizeof(path), "%s/proc/%d/cgroup", root, pid);
	snprintf(group, sizeof(group), "/%s.pod.service/", pod);
	return io_read_file(AT_FDCWD, path, text, sizeof(text), NULL) > 0 && strstr(text, group);
}

/* systemd keeps such a link for each unit that is active, for journald. */
static bool is_active(const char *root, const char *pod, const char *suffix)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/run/systemd/units/invocation:%s%s", root, pod, suffix);
	return lstat(path, &st) == 0;
}

/*
 * With a systemd before 254 the pod is in a group of its own. Then it is its unit's if that is
 * active, or the other one, which is as long as the pod may have no podd.
 */
static bool is_beside_its_unit(const char *root, const char *pod, int pid)
{
	char path[PATH_MAX], name[32];

	snprintf(path, sizeof(path), "%s/proc/%d/comm", root, pid);
	return io_read_file(AT_FDCWD, path, name, sizeof(name), NULL) > 0 &&
	       strcmp(name, "pod-pause\n") == 0 &&
	       (is_active(root, pod, ".pod.service") ||
		is_active(root, pod, ".pod-orphan.service"));
}

static bool runs_in_its_unit(const char *root, const char *pod)
{
	int pid = read_pause(root, pod);

	return pid > 0 && (is_in_its_unit(root, pod, pid) || is_beside_its_unit(root, pod, pid));
}

static int add(struct pod_files *files, const char *root, const char *pod, struct err *err)
{
	const struct pod_file *file;

	if (!config_pod_name_valid(pod))
		return 0;
	file = pod_files_get(files, pod);
	return (file && file->path) || !runs_in_its_unit(root, pod) ? 0 :
		       pod_files_add_gone(files, pod, err);
}

/**
 * living_find() - add the pods that run in units whose files are gone
 * @files: of pod_files_find()
 * @root: what the directories are under, "" for the host's
 *
 * Return: 0 or -errno with @err filled.
 */
int living_find(struct pod_files *files, const char *root, struct err *err)
{
	char path[PATH_MAX];
	DIR *dir;
	int r = 0;

	snprintf(path, sizeof(path), "%s/run/podd", root);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : err_sys(err, "read directory '%s'", path);
	for (const struct dirent *d; r == 0 && (d = readdir(dir));)
		r = add(files, root, d->d_name, err);
	(void)closedir(dir);
	return r;
}
