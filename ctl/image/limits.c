/* SPDX-License-Identifier: MIT */
/* Sizes as people write them, and the options that bound what an image may unpack to. */
#include <errno.h>

#include "config/value.h"
#include "ctl/image/image.h"
#include "image/import.h"

/**
 * size_parse() - bytes, from a size such as 512M or 1.5G
 *
 * Return: 0, or -EINVAL with @err filled.
 */
int size_parse(uint64_t *out, const char *text, struct err *err)
{
	const char *bad;

	if (config_size_parse(text, &bad, out) < 0)
		return err_set(err, EINVAL, "'%.80s' is no size, such as 512M or 1.5G", text);
	return 0;
}

static int take_bytes(struct ctl *ctl, uint64_t *out)
{
	struct err err = { 0 };

	if (size_parse(out, optarg, &err) < 0)
		return ctl_usage_error(ctl, "%s", err.msg);
	return *out > 0 ? 0 : ctl_usage_error(ctl, "no image has '%s' bytes", optarg);
}

static int take_files(struct ctl *ctl, uint64_t *out)
{
	long n;

	if (ctl_count(optarg, &n) < 0 || n == 0)
		return ctl_usage_error(ctl, "'%s' is no number of files", optarg);
	*out = (uint64_t)n;
	return 0;
}

/**
 * limits_take() - one of IMAGE_LIMIT_OPTIONS, its value in optarg
 *
 * Return: 0, or the exit code.
 */
int limits_take(struct ctl *ctl, int option, struct import_limits *limits)
{
	return option == IMAGE_OPT_BYTES ? take_bytes(ctl, &limits->layers.bytes) :
					   take_files(ctl, &limits->layers.inodes);
}
