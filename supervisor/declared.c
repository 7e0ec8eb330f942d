/* SPDX-License-Identifier: MIT */
/* Looking for mounts that are declared and not there. */
#include "supervisor/declared.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "config/mount_unit.h"
#include "supervisor/say.h"

/* Not by asking who has mounted it: a file system that does not answer holds nobody up. */
static bool is_mounted(const char *path, size_t n)
{
	char at[PATH_MAX];
	struct statx stx;

	if (n >= sizeof(at))
		return false;
	memcpy(at, path, n);
	at[n] = '\0';
	return statx(AT_FDCWD, at, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &stx) == 0 &&
	       stx.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

static int refuse(struct err *err, const char *path, size_t n, const char *by)
{
	return err_set(err, ENOENT, "'%.*s' is not mounted, and '%s' says that it is to be", (int)n,
		       path, by);
}

/* Whether systemd may pass it over, which is no failure of it. */
static bool is_conditional(const char *unit)
{
	cleanup_free char *line = NULL;
	FILE *f = fopen(unit, "re");
	bool found = false;
	size_t size = 0;

	while (f && !found && getline(&line, &size, f) > 0)
		found = strncmp(line, "Condition", strlen("Condition")) == 0 ||
			strncmp(line, "Assert", strlen("Assert")) == 0;
	if (f)
		(void)fclose(f); /* only read */
	return found;
}

/* The first place that has one decides; a link to /dev/null masks it. */
static bool has_unit(const char *root, const char *unit)
{
	char at[PATH_MAX];
	struct stat st;

	for (size_t i = 0; config_unit_place(i); i++) {
		snprintf(at, sizeof(at), "%s/%s/%s", root, config_unit_place(i), unit);
		if (stat(at, &st) == 0)
			return S_ISREG(st.st_mode) && !is_conditional(at);
	}
	return false;
}

static int check_units(const char *root, const char *path, struct err *err)
{
	for (size_t n = strlen(path); n > 0; n = config_path_parent(path, n)) {
		char unit[CONFIG_UNIT_NAME_MAX + 1];

		if (config_mount_unit(unit, path, n) && has_unit(root, unit) &&
		    !is_mounted(path, n))
			return refuse(err, path, n, unit);
	}
	return 0;
}

/* Where @path is @dir or below it: the length of that. */
static size_t within(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	while (n > 0 && dir[n - 1] == '/')
		n--;
	return n > 0 && strncmp(path, dir, n) == 0 && (!path[n] || path[n] == '/') ? n : 0;
}

static int check_fstab(const char *root, const char *path, struct err *err)
{
	char at[PATH_MAX], line[PATH_MAX * 2];
	struct mntent entry;
	int r = 0;
	FILE *f;

	snprintf(at, sizeof(at), "%s/etc/fstab", root);
	f = setmntent(at, "re");
	while (f && r == 0 && getmntent_r(f, &entry, line, sizeof(line))) {
		size_t n;

		(void)config_path_simplify(entry.mnt_dir);
		n = within(path, entry.mnt_dir);
		if (n > 0 && !hasmntopt(&entry, "noauto") && !is_mounted(path, n))
			r = refuse(err, path, n, "/etc/fstab");
	}
	if (f)
		(void)endmntent(f);
	return r;
}

/**
 * declared_check() - is all mounted that a path is below?
 * @root: where etc, run and usr are, "" for the host's
 * @path: absolute
 *
 * Return: 0, or -ENOENT with @err filled.
 */
int declared_check(const char *root, const char *path, struct err *err)
{
	cleanup_free char *resolved = realpath(path, NULL);
	int r = check_fstab(root, path, err);

	if (r == 0)
		r = check_units(root, path, err);
	if (r < 0 || !resolved || strcmp(resolved, path) == 0)
		return r;
	r = check_fstab(root, resolved, err);
	return r < 0 ? r : check_units(root, resolved, err);
}

/* An optional one is left out then. */
static int check_volume(bool *absent, const char *root, const struct container_spec *spec,
			size_t i, struct err *err)
{
	const struct container_volume *v = &spec->volumes[i];
	int r = declared_check(root, v->source, err);

	*absent = r < 0 && v->optional;
	if (*absent) {
		say(SAY_WARNING, "container '%s': volume '%s': %s, leaving it out", spec->name,
		    v->target, err->msg);
		*err = (struct err){ 0 };
		return 0;
	}
	if (r < 0)
		r = err_about(err, err_wrap(err, r, "volume '%s'", v->target),
			      "Volume", (unsigned)i);
	return r;
}

/**
 * declared_check_root() - the same for all that the root of a container is made of
 * @absent: set: of each volume, whether it is an optional one without its mount
 * @has_image: its layers are not from Rootfs=
 *
 * Return: 0 or -errno with @err filled.
 */
int declared_check_root(bool absent[CONTAINER_VOLUMES_MAX], const char *root,
			const struct container_spec *spec, bool has_image, struct err *err)
{
	int r = 0;

	memset(absent, 0, sizeof(*absent) * CONTAINER_VOLUMES_MAX);
	for (char **lower = has_image ? NULL : spec->lowers; r == 0 && lower && *lower; lower++)
		r = declared_check(root, *lower, err);
	if (r < 0)
		return err_about(err, r, "Rootfs", 0);
	/* More than there may be are refused by who opens them. */
	for (size_t i = 0; r == 0 && i < spec->volume_n && i < CONTAINER_VOLUMES_MAX; i++)
		r = check_volume(&absent[i], root, spec, i, err);
	return r;
}

/**
 * declared_check_credentials() - the same for the credentials that a start reads
 *
 * Return: 0 or -errno with @err filled.
 */
int declared_check_credentials(const char *root, const struct container_spec *spec,
			       struct err *err)
{
	for (size_t i = 0; i < spec->credential_n; i++) {
		const struct container_credential *c = &spec->credentials[i];
		int r = declared_check(root, c->source, err);

		if (r < 0)
			return err_about(err, err_wrap(err, r, "LoadCredential=%s", c->id),
					 "LoadCredential", (unsigned)i);
	}
	return 0;
}
