/* SPDX-License-Identifier: MIT */
/* Inside of the control socket: between the connections and the methods. */
#pragma once

#include "base/varlink.h"
#include "supervisor/control.h"

enum client_state {
	CLIENT_IDLE,    /* the next call may be received */
	CLIENT_WAITING, /* for control_finish() or control_answer() */
	CLIENT_EXEC,    /* for control_exec_done() */
	CLIENT_EVENTS,  /* is being sent events */
};

struct control_client {
	struct watch watch;
	struct control *control;
	struct control_client *next;
	int sock;
	bool dead;      /* swept when no callback is on the stack */
	bool advancing; /* its calls are being served further up the stack */
	bool oneway;    /* its call wants no answer */
	enum client_state state;
	uint64_t active; /* when it last did something, in calls of the control */
	struct varlink_input in;
	struct varlink_output out;
	/* CLIENT_WAITING */
	enum control_wait wait;
	char *container; /* or NULL: all */
	/* CLIENT_EXEC */
	uint64_t session;
	/* CLIENT_EVENTS */
	uint64_t next_seq;
	bool follow;
};

struct control {
	struct loop *loop;
	struct control_config config;
	int sock;
	int reserve_fd; /* given up to refuse somebody when descriptors run out */
	struct watch watch;
	struct control_client *clients;
	unsigned client_n;
	unsigned depth;   /* callbacks on the stack */
	uint64_t clock;   /* counts calls */
	uint64_t session; /* the last one given */
};

/* control.c: answers. All mark the client dead when that fails. @parameters is
 * consumed; NULL: none. */
void control_reply(struct control_client *c, json_t *parameters, bool continues);
void control_reply_error(struct control_client *c, const char *name, json_t *parameters);
void control_reply_failed(struct control_client *c, const struct err *err);
void control_client_drop(struct control_client *c, const char *why);

/* control_methods.c */
void control_dispatch(struct control_client *c, const json_t *message);
