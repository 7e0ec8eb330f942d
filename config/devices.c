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
					     "/dev/stdin", "/dev/stdout", "/dev/stderr",
					     "/dev/ptmx", "/dev/null", "/dev/zero", "/dev/full",
					     "/dev/random", "/dev/urandom", "/dev/tty" };

	if (strncmp(path, "/dev/", 5) != 0)
		return config_value_bad(v, at, "'%s' is not below /dev", path);
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
		size_t n = strlen(taken[i]);

		if (strncmp(path, taken[i], n) == 0 && (!path[n] || path[n] == '/'))
			return config_value_bad(v, at, "'%s' is podd's own in each container",
						taken[i]);
	}
	for (size_t i = 0; i < run->device_n; i++)
		if (run->devices[i].target && strcmp(run->devices[i].target, path) == 0)
			return config_value_bad(v, at, "'%s' is already a device", path);
	return 0;
}

static int read_options(const struct config_value *v, const char *s,
			struct container_device *device)
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
			r = config_value_bad(v, s, "option '%.*s' is none of ro, rw, optional",
					     (int)n, s);
		if (!s[n])
			return r;
	}
}

/* ------------------------------------------------------------- by class, by vendor and product */

static const char sysfs_name[] =
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

/* A name of sysfs: no path can come of it. */
static int parse_name(const struct config_value *v, const char *at, size_t n, char **out)
{
	if (n == 0 || at[0] == '.' || strspn(at, sysfs_name) < n)
		return config_value_bad(v, at, "'%.*s' is no subsystem", (int)n, at);
	*out = strndup(at, n);
	return *out ? 0 : -ENOMEM;
}

static int parse_id(const struct config_value *v, const char *at, size_t n, uint16_t *out)
{
	if (n != 4 || strspn(at, "0123456789abcdefABCDEF") < n)
		return config_value_bad(v, at, "'%.*s' is no id of four hex digits", (int)n, at);
	*out = (uint16_t)strtoul(at, NULL, 16);
	return 0;
}

/* "class:tty/ttyUSB*" */
static int parse_class(const struct config_value *v, struct container_device *d, size_t *n)
{
	const char *at = v->s + strlen("class:"), *slash = at + strcspn(at, ":/");
	const char *pattern = slash + 1;
	size_t pattern_n = *slash == '/' ? strcspn(pattern, ":/") : 0;

	if (pattern_n == 0 || pattern[pattern_n] == '/')
		return config_value_bad(v, at, "'%s' is no class:SUBSYSTEM/PATTERN", v->s);
	d->by = CONTAINER_DEVICE_CLASS;
	*n = (size_t)(pattern + pattern_n - v->s);
	d->pattern = strndup(pattern, pattern_n);
	return d->pattern ? parse_name(v, at, (size_t)(slash - at), &d->subsystem) : -ENOMEM;
}

/* "usb:0403:6001" or "usb:0403:6001/tty" */
static int parse_usb(const struct config_value *v, struct container_device *d, size_t *n)
{
	const char *vendor = v->s + strlen("usb:"), *product, *end;
	size_t vendor_n = strcspn(vendor, ":/");
	int r = parse_id(v, vendor, vendor_n, &d->vendor);

	if (r == 0 && vendor[vendor_n] != ':')
		r = config_value_bad(v, vendor, "'%s' is no usb:VENDOR:PRODUCT", v->s);
	if (r < 0)
		return r;
	product = vendor + vendor_n + 1;
	end = product + strcspn(product, ":/");
	d->by = CONTAINER_DEVICE_USB;
	r = parse_id(v, product, (size_t)(end - product), &d->product);
	if (r == 0 && *end == '/') {
		const char *subsystem = end + 1;

		end = subsystem + strcspn(subsystem, ":");
		r = parse_name(v, subsystem, (size_t)(end - subsystem), &d->subsystem);
	}
	*n = (size_t)(end - v->s);
	return r;
}

static int parse_source(const struct config_value *v, struct container_device *d, size_t *n)
{
	int r;

	if (strncmp(v->s, "class:", 6) == 0)
		r = parse_class(v, d, n);
	else if (strncmp(v->s, "usb:", 4) == 0)
		r = parse_usb(v, d, n);
	else
		r = config_value_host_path(v, v->s, *n = strcspn(v->s, ":"), &d->source);
	if (r < 0 || d->source)
		return r;
	d->source = strndup(v->s, *n);
	return d->source ? 0 : -ENOMEM;
}

/* @at: the target, @n bytes of it */
static int parse_target(const struct config_value *v, const struct container_spec *run,
			const char *at, size_t n, struct container_device *d)
{
	int r = config_value_host_path(v, at, n, &d->target);

	if (r == 0)
		r = check_target(v, run, at, d->target);
	if (r == 0 && strlen(d->target) >= CONTAINER_DEVICE_TARGET_SIZE)
		r = config_value_bad(v, at, "'%s' is longer than %d bytes", d->target,
				     CONTAINER_DEVICE_TARGET_SIZE - 1);
	return r;
}

static void clear_device(struct container_device *d)
{
	free(d->source);
	free(d->target);
	free(d->subsystem);
	free(d->pattern);
}

/* SOURCE[:TARGET][:OPTIONS]: what begins with "/" is a target. */
static int read_device(const struct config_value *v, const struct container_spec *run,
		       struct container_device *d)
{
	const char *at = v->s, *rest;
	size_t n = 0;
	int r = parse_source(v, d, &n);

	if (r < 0)
		return r;
	rest = v->s + n;
	if (rest[0] == ':' && rest[1] == '/') {
		at = rest + 1;
		n = strcspn(at, ":");
		rest = at + n;
	}
	if (at != v->s || d->by == CONTAINER_DEVICE_PATH)
		r = parse_target(v, run, at, n, d);
	if (r == 0 && rest[0])
		r = read_options(v, rest + 1, d);
	return r;
}

static int parse_device(const struct config_value *v, void *member)
{
	struct container_device device = { 0 }, *grown = NULL;
	struct container_spec *run = member;
	int r = read_device(v, run, &device);

	if (r == 0 && run->device_n == CONTAINER_DEVICES_MAX)
		r = config_value_bad(v, v->s, "more than %d devices", CONTAINER_DEVICES_MAX);
	if (r == 0)
		grown = realloc(run->devices, (run->device_n + 1) * sizeof(*grown));
	if (!grown) {
		clear_device(&device);
		return r < 0 ? r : -ENOMEM;
	}
	run->devices = grown;
	grown[run->device_n++] = device;
	return 0;
}

static void clear_devices(void *member)
{
	struct container_spec *run = member;

	for (size_t i = 0; i < run->device_n; i++)
		clear_device(&run->devices[i]);
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
