/* SPDX-License-Identifier: MIT */
/* Becoming the store's writer, and telling that one waits for it. */
#include <stdio.h>

#include "ctl/image/image.h"

static void tell(void *errors)
{
	fputs("podctl: waiting for another command that changes the image store\n", errors);
	(void)fflush(errors);
}

/**
 * writer_open() - image_writer_open(), with a line about a wait of more than a second
 */
int writer_open(struct image_writer *w, const struct ctl *ctl, const struct paths *paths,
		struct err *err)
{
	w->waits = tell;
	w->waits_ctx = ctl->errors;
	return image_writer_open(w, paths, err);
}
