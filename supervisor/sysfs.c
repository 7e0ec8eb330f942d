/* SPDX-License-Identifier: MIT */
/* Device nodes as sysfs lists them: by class, by vendor and product. */
#include "supervisor/sysfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"

/*
 * Theory of operation
 *
 * A directory of sysfs that is a device with a node has a file "dev" with its number, and
 * "uevent" with the name that devtmpfs gives it (Documentation/admin-guide/sysfs-rules.rst).
 * Those of a class are listed, as links, in class/SUBSYSTEM; those of a USB device are in
 * its own directory and below it: its interfaces' ttys, video and hidraw nodes, disks.
 * Another USB device below it, behind a hub, is one by itself.
 */
#define DEPTH_MAX 16 /* usb1/1-1/1-1:1.0/0003:046D:C52B.0001/input/input3/event3 has 7 */

struct search {
	struct container_nodes *out;
	const struct container_device *device;
	struct err *err;
};

/* The value of "NAME=" in a device's uevent, cut at its line's end; NULL: none. */
static char *property(char *text, const char *name)
{
	size_t n = strlen(name);

	for (char *line = text; line && *line; line = strchr(line, '\n') + 1) {
		char *end = strchr(line, '\n');

		if (strncmp(line, name, n) == 0 && line[n] == '=') {
			line[n + 1 + strcspn(line + n + 1, "\n")] = '\0';
			return line + n + 1;
		}
		if (!end)
			return NULL;
	}
	return NULL;
}

/* What the kernel calls a node is a path below /dev; what is none is no node for us. */
static bool is_good(const char *name)
{
	return name && *name && name[0] != '/' && !strstr(name, "..") &&
	       strlen(name) + sizeof("/dev/") <= CONTAINER_DEVICE_TARGET_SIZE;
}

/* Whether it belongs to the subsystem that is looked for; *@block: it is a disk. */
static bool in_subsystem(int dir, const char *wanted, bool *block)
{
	char link[256];
	ssize_t n = readlinkat(dir, "subsystem", link, sizeof(link) - 1);
	const char *name;

	link[n > 0 ? n : 0] = '\0';
	name = strrchr(link, '/') ? strrchr(link, '/') + 1 : link;
	*block = strcmp(name, "block") == 0;
	return !wanted || strcmp(name, wanted) == 0;
}

/* The node of a device's directory, if it has one. @subsystem: that it must be of, or NULL. */
static int take_node(const struct search *s, int dir, const char *subsystem)
{
	struct container_node node = { .read_only = s->device->read_only, .by_kernel = true };
	char dev[32], uevent[4096];
	unsigned major, minor;
	const char *name;
	bool block;

	if (io_read_file(dir, "dev", dev, sizeof(dev), NULL) < 0 ||
	    sscanf(dev, "%u:%u", &major, &minor) != 2 || !in_subsystem(dir, subsystem, &block) ||
	    io_read_file(dir, "uevent", uevent, sizeof(uevent), NULL) < 0)
		return 0; /* it has none, or has just gone */
	name = property(uevent, "DEVNAME");
	if (!is_good(name))
		return 0;
	if (s->out->n == CONTAINER_DEVICES_MAX)
		return err_set(s->err, E2BIG, "more than %d devices", CONTAINER_DEVICES_MAX);
	snprintf(node.target, sizeof(node.target), "/dev/%s", name);
	node.type = block ? S_IFBLK : S_IFCHR;
	node.number = makedev(major, minor);
	s->out->nodes[s->out->n++] = node;
	return 0;
}

typedef int entry_fn(const struct search *s, int dir, const char *name, unsigned depth);

/* @fn for each entry of a directory but "." and ".."; one that is not there has none. */
static int each_entry(const struct search *s, int parent, const char *path, entry_fn *fn,
		      unsigned depth)
{
	int fd = openat(parent, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	if (!dir) {
		close_fd(&fd);
		return 0;
	}
	while (r == 0 && (e = readdir(dir)))
		if (e->d_name[0] != '.')
			r = fn(s, dirfd(dir), e->d_name, depth);
	(void)closedir(dir);
	return r;
}

static int look_at_class(const struct search *s, int dir, const char *name, unsigned depth)
{
	cleanup_close int fd = -EBADF;

	(void)depth;
	if (fnmatch(s->device->pattern, name, 0) != 0)
		return 0;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? 0 : take_node(s, fd, s->device->subsystem);
}

/* A directory below a USB device; links lead elsewhere. */
static int look_below(const struct search *s, int dir, const char *name, unsigned depth)
{
	cleanup_close int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r;

	if (fd < 0 || depth == DEPTH_MAX || faccessat(fd, "idVendor", F_OK, 0) == 0)
		return 0;
	r = take_node(s, fd, s->device->subsystem);
	return r < 0 ? r : each_entry(s, fd, ".", look_below, depth + 1);
}

static bool has_id(int dir, const char *file, unsigned id)
{
	char text[16];

	return io_read_file(dir, file, text, sizeof(text), NULL) >= 0 &&
	       strtoul(text, NULL, 16) == id;
}

static int look_at_usb(const struct search *s, int dir, const char *name, unsigned depth)
{
	cleanup_close int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (fd < 0 || !has_id(fd, "idVendor", s->device->vendor) ||
	    !has_id(fd, "idProduct", s->device->product))
		return 0;
	r = take_node(s, fd, s->device->subsystem); /* bus/usb/BUS/DEVICE */
	return r < 0 ? r : each_entry(s, fd, ".", look_below, depth + 1);
}

/* ttyUSB2 before ttyUSB10 */
static int by_name(const void *a, const void *b)
{
	const struct container_node *x = a, *y = b;

	return strverscmp(x->target, y->target);
}

/**
 * sysfs_find() - the nodes that a device of a class, or by vendor and product, has now
 * @out: they are added, in the order of their names; with a target, the first one only
 * @sys_fd: a directory that is, or looks like, /sys
 * @d: none by its path
 *
 * Return: 0, also when there is none; or -E2BIG with @err filled.
 */
int sysfs_find(struct container_nodes *out, int sys_fd, const struct container_device *d,
	       struct err *err)
{
	const struct search s = { .out = out, .device = d, .err = err };
	const size_t before = out->n;
	char path[300];
	int r;

	if (d->by == CONTAINER_DEVICE_CLASS) {
		snprintf(path, sizeof(path), "class/%s", d->subsystem);
		r = each_entry(&s, sys_fd, path, look_at_class, 0);
	} else {
		r = each_entry(&s, sys_fd, "bus/usb/devices", look_at_usb, 0);
	}
	if (r < 0)
		return err_wrap(err, r, "device '%s'", d->source);
	qsort(out->nodes + before, out->n - before, sizeof(out->nodes[0]), by_name);
	if (d->target && out->n > before) {
		struct container_node *node = &out->nodes[before];

		snprintf(node->target, sizeof(node->target), "%s", d->target);
		node->by_kernel = false;
		out->n = before + 1;
	}
	return 0;
}
