/* SPDX-License-Identifier: MIT */
/* Reading the pins of all pods. */
#include "image/pins.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/io.h"

static int each_line(const char *pod, char *text, image_pin_fn *fn, void *ctx, struct err *err)
{
	struct digest id;
	int r = 0;

	for (char *line; r == 0 && (line = strsep(&text, "\n")) != NULL;) {
		if (!*line)
			continue;
		if (!digest_parse(&id, line))
			return err_set(err, EBADMSG,
				       "pod '%s': a damaged file '" IMAGE_PINS_FILE "'", pod);
		r = fn(ctx, pod, &id, err);
	}
	return r;
}

static int each_of_pod(int run_fd, const char *pod, image_pin_fn *fn, void *ctx, struct err *err)
{
	char path[NAME_MAX + sizeof(IMAGE_PINS_FILE) + 1], text[IMAGE_PINS_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/" IMAGE_PINS_FILE, pod);
	n = io_read_file(run_fd, path, text, sizeof(text), err);
	if (n == -ENOENT || n == -ENOTDIR)
		return 0;
	return n < 0 ? (int)n : each_line(pod, text, fn, ctx, err);
}

/**
 * image_pins_each() - call for each image of each pod that has a run directory
 * @run_fd: podd's run directory, or -EBADF: there is none
 *
 * Return: 0, what @fn returned, or -errno with @err filled.
 */
int image_pins_each(int run_fd, image_pin_fn *fn, void *ctx, struct err *err)
{
	int fd = openat(run_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;

	if (run_fd < 0)
		return 0;
	if (!dir) {
		close_fd(&fd);
		return err_sys(err, "list the pods");
	}
	while (r == 0 && (d = readdir(dir)))
		if (d->d_name[0] != '.')
			r = each_of_pod(run_fd, d->d_name, fn, ctx, err);
	(void)closedir(dir);
	return r;
}
