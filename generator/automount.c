/* SPDX-License-Identifier: MIT */
/* Which mounts come and go by themselves. */
#include "generator/automount.h"

#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "config/mount_unit.h"

/* Where packages put units: one that is not enabled does no harm here. */
static const char *const packaged[] = { "usr/local/lib/systemd/system", "usr/lib/systemd/system",
					"lib/systemd/system" };

static const char *place(size_t nth)
{
	size_t own = 0;

	while (config_unit_place(own))
		own++;
	return nth < own ? config_unit_place(nth) :
	       nth < own + ARRAY_SIZE(packaged) ? packaged[nth - own] : NULL;
}

static bool has_unit(const char *root, const char *path, size_t n)
{
	char mount[CONFIG_UNIT_NAME_MAX + 1], at[PATH_MAX];
	struct stat st;

	if (!config_mount_unit(mount, path, n))
		return false;
	*strrchr(mount, '.') = '\0';
	for (size_t i = 0; place(i); i++) {
		snprintf(at, sizeof(at), "%s/%s/%s.automount", root, place(i), mount);
		if (stat(at, &st) == 0) /* one that is masked hides those of lower places */
			return S_ISREG(st.st_mode) && st.st_size > 0;
	}
	return false;
}

/* systemd's own generator makes a unit of it, maybe not before this one runs. */
static bool is_in_fstab(const char *root, const char *path, size_t n)
{
	char at[PATH_MAX], line[PATH_MAX * 2];
	struct mntent entry;
	bool found = false;
	FILE *f;

	snprintf(at, sizeof(at), "%s/etc/fstab", root);
	f = setmntent(at, "re");
	while (f && !found && getmntent_r(f, &entry, line, sizeof(line)))
		found = config_path_simplify(entry.mnt_dir) == n &&
			strncmp(entry.mnt_dir, path, n) == 0 &&
			(hasmntopt(&entry, "x-systemd.automount") ||
			 hasmntopt(&entry, "comment=systemd.automount"));
	if (f)
		(void)endmntent(f);
	return found;
}

/**
 * automount_is_at() - whether systemd mounts something there when it is used, and may unmount
 *	it when it is not
 * @root: where etc and run are, "" for the host's
 * @path: absolute; its first @n bytes count
 *
 * A pod's own copies of a mount do not count as use of it.
 */
bool automount_is_at(const char *root, const char *path, size_t n)
{
	return has_unit(root, path, n) || is_in_fstab(root, path, n);
}
