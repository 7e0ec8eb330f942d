/* SPDX-License-Identifier: MIT */
/* A list of attributes, and those of a file. */
#include "image/attributes.h"

#include <endian.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/fd.h"
#include "image/compare.h"
#include "image/unpack.h"

#define CAPABILITY "security.capability"

struct attribute {
	struct attribute *next;
	char *name;
	size_t n;
	unsigned char value[];
};

/* The one of that name, or where one can be put. */
static struct attribute **find(struct attribute **list, const char *name)
{
	while (*list && strcmp((*list)->name, name) != 0)
		list = &(*list)->next;
	return list;
}

static void drop(struct attribute **at)
{
	struct attribute *a = *at;

	*at = a->next;
	free(a->name);
	free(a);
}

/* The last word counts. */
static void put(struct attribute **list, struct attribute *a)
{
	struct attribute **at = find(list, a->name);

	if (*at)
		drop(at);
	a->next = *list;
	*list = a;
}

/**
 * attributes_take() - those of a layer's entry that are put in place (image/unpack.h)
 * @list: has them afterwards, beside what it had, but one of a name
 *
 * Return: 0, or -ENOMEM with @err filled.
 */
int attributes_take(struct attribute **list, struct layer_reader *l, struct err *err)
{
	const char *name = NULL;
	const void *value;
	size_t n;

	while (layer_xattr(l, &name, &value, &n)) {
		struct attribute *a;

		if (!unpack_keeps_xattr(name))
			continue;
		a = malloc(sizeof(*a) + n);
		if (a)
			*a = (struct attribute){ .name = strdup(name), .n = n };
		if (!a || !a->name) {
			free(a);
			return err_set(err, ENOMEM, "remember the attributes: out of memory");
		}
		if (n > 0)
			memcpy(a->value, value, n);
		put(list, a);
	}
	return 0;
}

/**
 * attributes_move() - all of one list to another, which has the last word of them
 */
void attributes_move(struct attribute **to, struct attribute **from)
{
	struct attribute *a;

	while ((a = *from)) {
		*from = a->next;
		put(to, a);
	}
}

void attributes_free(struct attribute *list)
{
	while (list)
		drop(&list);
}

/*
 * One for the host's own root comes back without saying so, whichever version it
 * was set in (capabilities(7), "File capability versioning").
 */
static size_t as_version_2(struct vfs_ns_cap_data *c, const unsigned char *value, size_t n)
{
	if (n > sizeof(*c))
		return 0;
	memset(c, 0, sizeof(*c));
	memcpy(c, value, n);
	if (n < XATTR_CAPS_SZ_3 || c->rootid != 0)
		return n;
	c->magic_etc = htole32(VFS_CAP_REVISION_2 |
			       (le32toh(c->magic_etc) & VFS_CAP_FLAGS_EFFECTIVE));
	return XATTR_CAPS_SZ_2;
}

static bool is_value(const struct attribute *a, const unsigned char *value, size_t n)
{
	struct vfs_ns_cap_data x, y;
	size_t m;

	if (a->n == n && memcmp(a->value, value, n) == 0)
		return true;
	if (strcmp(a->name, CAPABILITY) != 0)
		return false;
	m = as_version_2(&x, a->value, a->n);
	return m > 0 && m == as_version_2(&y, value, n) && memcmp(&x, &y, m) == 0;
}

/* Those that would change what a program sees or may do; labels are the host's own. */
static bool counts(const char *name)
{
	return strncmp(name, "user.", 5) == 0 || strcmp(name, CAPABILITY) == 0 ||
	       strncmp(name, "system.posix_acl_", 17) == 0;
}

static int differs(struct err *err, const char *path, const char *name)
{
	return compare_attribute_differs(err, path, name);
}

/* The names of a file's attributes, each with its NUL; *n is 0 where there can be none. */
static int list_names(char **out, size_t *n, int fd, const char *path, struct err *err)
{
	ssize_t room = flistxattr(fd, NULL, 0), got;

	*n = 0;
	if (room < 0 && errno != ENOTSUP)
		return err_sys(err, "'%.200s': list its attributes", path);
	if (room <= 0)
		return 0;
	*out = malloc((size_t)room);
	if (!*out)
		return err_set(err, ENOMEM, "list the attributes: out of memory");
	got = flistxattr(fd, *out, (size_t)room);
	if (got < 0)
		return err_sys(err, "'%.200s': list its attributes", path);
	*n = (size_t)got;
	return 0;
}

/**
 * attributes_compare() - whether a file or directory has these attributes and no others
 * @fd: open for reading
 * @path: of the layer, for the error
 *
 * Those that only CAP_SYS_ADMIN sees are not seen here (image/marks.h).
 *
 * Return: 0; -EBADMSG with @err filled when not; -errno.
 */
int attributes_compare(const struct attribute *list, int fd, const char *path, struct err *err)
{
	cleanup_free unsigned char *value = NULL;
	cleanup_free char *names = NULL;
	size_t n;
	int r = list_names(&names, &n, fd, path, err);

	if (r < 0)
		return r;
	for (const char *s = names; s && s < names + n; s += strlen(s) + 1)
		if (counts(s) && !*find((struct attribute **)&list, s))
			return differs(err, path, s);
	value = list ? malloc(XATTR_SIZE_MAX) : NULL;
	if (list && !value)
		return err_set(err, ENOMEM, "read the attributes: out of memory");
	for (const struct attribute *a = list; a; a = a->next) {
		ssize_t got = fgetxattr(fd, a->name, value, XATTR_SIZE_MAX);

		if (got < 0 || !is_value(a, value, (size_t)got))
			return differs(err, path, a->name);
	}
	return 0;
}
