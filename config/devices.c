/* SPDX-License-Identifier: MIT */
/* Device=: device nodes of the host for a container. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "config/value.h"
#include "container/spec.h"

/* Below /dev, and nothing that podd mounts there. */
static int check_target(const struct config_value *v, const struct container_spec *run,
			const char *at, const char *path)
{
	static const char *const taken[] = { "/dev/pts", "/dev/shm", "/dev/mqueue", "/dev/fd",
					     "/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/ptmx",
					     "/dev/null", "/dev/zero", "/dev/full", "/dev/random",
					     "/dev/urandom", "/dev/tty" };

	if (strncmp(path, "/dev/", 5) != 0)
		return config_value_bad(v, at, "'%s' is not below /dev", path);
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
		size_t n = strlen(taken[i]);

		if (strncmp(path, taken[i], n) == 0 && (!path[n] || path[n] == '/'))
			return config_value_bad(v, at, "'%s' is podd's own in each container",
						taken[i]);
	}
	for (size_t i = 0; i < run->device_n; i++)
		if (strcmp(run->devices[i].target, path) == 0)
			return config_value_bad(v, at, "'%s' is already a device", path);
	return 0;
}

static int read_options(const struct config_value *v, const char *s, struct container_device *device)
{
	size_t n;
	int r = 0;

	for (;; s += n + 1) {
		n = strcspn(s, ",");
		if (config_is_word(s, n, "optional"))
			device->optional = true;
		else if (config_is_word(s, n, "ro") || config_is_word(s, n, "rw"))
			device->read_only = s[1] == 'o';
		else
			r = config_value_bad(v, s, "option '%.*s' is none of ro, rw, optional", (int)n,
					     s);
		if (!s[n])
			return r;
	}
}

/* SOURCE[:TARGET][:OPTIONS]: what begins with "/" is a target. */
static int parse_device(const struct config_value *v, void *member)
{
	cleanup_free char *source = NULL, *target = NULL;
	struct container_device device = { 0 }, *grown;
	struct container_spec *run = member;
	size_t n = strcspn(v->s, ":"), target_n = n;
	const char *at = v->s, *rest = v->s + n;
	int r = config_value_host_path(v, v->s, n, &source);

	if (r == 0 && rest[0] == ':' && rest[1] == '/') {
		at = rest + 1;
		target_n = strcspn(at, ":");
		rest = at + target_n;
	}
	if (r == 0)
		r = config_value_host_path(v, at, target_n, &target);
	if (r == 0)
		r = check_target(v, run, at, target);
	if (r == 0 && rest[0])
		r = read_options(v, rest + 1, &device);
	if (r == 0 && run->device_n == CONTAINER_DEVICES_MAX)
		r = config_value_bad(v, v->s, "more than %d devices", CONTAINER_DEVICES_MAX);
	if (r < 0)
		return r;
	grown = realloc(run->devices, (run->device_n + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	device.source = take_ptr(source);
	device.target = take_ptr(target);
	run->devices = grown;
	grown[run->device_n++] = device;
	return 0;
}

static void clear_devices(void *member)
{
	struct container_spec *run = member;

	for (size_t i = 0; i < run->device_n; i++) {
		free(run->devices[i].source);
		free(run->devices[i].target);
	}
	free(run->devices);
	run->devices = NULL;
	run->device_n = 0;
}

static uint64_t digest_devices(const void *member, uint64_t h)
{
	const struct container_spec *run = member;

	for (size_t i = 0; i < run->device_n; i++) {
		const struct container_device *d = &run->devices[i];
		const unsigned char flags[] = { d->read_only, d->optional };

		h = config_digest_text(h, d->source);
		h = config_digest_text(h, d->target);
		h = config_digest_bytes(h, flags, sizeof(flags));
	}
	return config_digest_text(h, NULL);
}

const struct config_type config_type_device = {
	.parse = parse_device,
	.clear = clear_devices,
	.digest = digest_devices,
};
