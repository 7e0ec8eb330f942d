/* SPDX-License-Identifier: MIT */
/* What a pod file says, as plain data: no trace of INI in here. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroup/limits.h"
#include "container/spec.h"
#include "image/digest.h"
#include "netns/spec.h"

/* The board has room for these and their exec sessions (pause/board.h). */
#define POD_CONTAINERS_MAX 32

enum restart_policy { RESTART_ALWAYS, RESTART_ON_FAILURE, RESTART_NEVER };

struct restart_spec {
	enum restart_policy policy;
	uint64_t first_ns; /* RestartSec=: the delay of the second restart in a row */
	uint64_t max_ns;   /* RestartMaxSec=: the delay doubles up to this */
	uint64_t reset_ns; /* RestartResetSec=: running so long forgets all failures */
};

enum log_driver { LOG_FILE, LOG_JOURNALD, LOG_BOTH, LOG_PASSTHROUGH };

struct log_spec {
	uint64_t max_bytes; /* LogMaxSize=: rotate when the file would pass it */
	unsigned max_files; /* LogMaxFiles=: the current one included, at least 1 */
	enum log_driver driver;
	uint64_t rate_interval_ns; /* LogRateLimitIntervalSec=; 0: no limit */
	unsigned rate_burst;	   /* LogRateLimitBurst=: entries of the journal; 0: no limit */
};

/*
 * An image, and what the pod file says in place of it. What it says itself comes
 * into @run when the image is looked up (supervisor/images.h).
 */
struct image_spec {
	char *name; /* as image_ref_parse() takes it; NULL: a Rootfs= instead */
	char id[DIGEST_TEXT_SIZE]; /* of its manifest, or "": not looked up yet */
};

enum pod_userns { POD_USERNS_AUTO, POD_USERNS_HOST };

enum pull_when { PULL_NEVER, PULL_MISSING };

struct pod_container {
	struct container_spec run; /* argv is whole: Entrypoint= and Exec= */
	struct image_spec image;
	enum pull_when pull; /* Pull=: whether a start may fetch the image */
	char **entrypoint; /* Entrypoint= */
	struct cgroup_limits limits;
	struct restart_spec restart;
	struct log_spec log;
	int stop_signal; /* -1: the image's, until that was looked up */
};

struct pod_spec {
	char *name;        /* "web" of web.pod, "kiosk@left" of an instance */
	char *instance;    /* "left", or NULL */
	char *path;        /* the main file, as it was given */
	uint64_t text;	   /* a digest of all files' bytes: the same has the same lines */
	char *description; /* or NULL */
	char *hostname;
	uint64_t stop_timeout_ns;
	uint64_t update_settle_ns; /* UpdateSettleSec= */
	bool limits_best_effort;
	enum pod_userns userns; /* UserNamespace= */
	char **sysctls; /* Sysctl=: "net.core.somaxconn=100", NULL-terminated, or NULL */
	char *image_policy; /* as image_policy_parse() takes it; NULL: the host's */
	struct cgroup_limits limits;
	struct netns_spec network;
	struct pod_container *containers; /* in the file's order */
	size_t container_n;
};
