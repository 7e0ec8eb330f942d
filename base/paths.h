/* SPDX-License-Identifier: MIT */
/* The four directories that podd and podctl share, and their common root. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/*
 * Theory of operation
 *
 * Everything of podd's is under four directories: etc/podd (pod files), run/podd
 * (what dies with the boot), var/lib/podd (images, writable layers) and
 * var/log/podd. With `--root DIR` they are under DIR, so that tests and a second
 * instance have their own; the tag then keeps names apart that all instances
 * of a host share (control groups, nftables tables).
 *
 * A host may have nothing writable but run. Then logs are in run/podd/.log, in
 * memory, as journald has it; var/lib/podd is as it is, or is not there, and who
 * wants to write to it says why that cannot be. podctl comes to the same place.
 */
enum paths_mode {
	PATHS_FIND,   /* podctl: what is not there stays -EBADF */
	PATHS_CREATE, /* for root: all but etc are made if they can be, and are root's alone */
};

struct paths {
	char *root;  /* canonical, "" for the default: print it before "/run/podd" */
	int etc, run, lib, log; /* directories, O_PATH, or -EBADF */
	bool log_in_run; /* var/log is read-only */
	char tag[9]; /* "" for the default root, else 8 hex digits of its hash */
};

int paths_open(struct paths *out, const char *root, enum paths_mode mode, struct err *err);
void paths_close(struct paths *p);
