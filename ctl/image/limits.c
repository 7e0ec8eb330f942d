/* SPDX-License-Identifier: MIT */
/* The options that bound what an image may unpack to. */
#include "ctl/image/image.h"
#include "image/import.h"

/**
 * limits_take() - one of IMAGE_LIMIT_OPTIONS, its value in optarg
 *
 * Return: 0, or the exit code.
 */
int limits_take(struct ctl *ctl, int option, struct import_limits *limits)
{
	long n;

	if (ctl_count(optarg, &n) < 0 || n == 0)
		return ctl_usage_error(ctl, "'%s' is no number of bytes or files", optarg);
	*(option == IMAGE_OPT_BYTES ? &limits->layers.bytes : &limits->layers.inodes) = (uint64_t)n;
	return 0;
}
