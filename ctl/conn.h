/* SPDX-License-Identifier: MIT */
/* A connection from podctl to one pod's podd. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/paths.h"
#include "base/varlink.h"

/* A podd that does not answer for so long is told to be stuck. */
#define CONN_TIMEOUT_S 10
/* So long is waited for another podd to take over. */
#define CONN_REOPEN_MS 5000

struct conn {
	const char *pod; /* borrowed */
	int sock;
	bool heard; /* podd has said something on it */
	struct varlink_input in;
};

bool conn_is_starting(const struct paths *paths, const char *pod);
int conn_open(struct conn *out, const struct paths *paths, const char *pod, struct err *err);
int conn_reopen(struct conn *c, const struct paths *paths, struct err *err);
void conn_close(struct conn *c);
int conn_patience(struct conn *c, struct err *err);
int conn_send(struct conn *c, json_t *call_take, const int *fds, unsigned fd_n, struct err *err);
int conn_receive(struct conn *c, json_t **out, bool *continues, struct err *err);
int conn_call(struct conn *c, const char *method, json_t *parameters_take, json_t **out,
	      struct err *err);
