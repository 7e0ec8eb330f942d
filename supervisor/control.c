/* SPDX-License-Identifier: MIT */
/* Connections of the control socket: who may, how much, and in which order. */
#include "supervisor/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "supervisor/control_client.h"

/* EPOLLRDHUP: the other end will send nothing more, which is how a client that
 * waits for an answer is seen to be gone (epoll_ctl(2)). */
static uint32_t wanted_events(const struct control_client *c)
{
	if (varlink_output_pending(&c->out))
		return EPOLLOUT | EPOLLRDHUP;
	return c->state == CLIENT_IDLE ? EPOLLIN : EPOLLRDHUP;
}

/**
 * control_client_drop() - give a client up; its memory stays until the sweep
 * @why: for the log, or NULL when it just went away
 */
void control_client_drop(struct control_client *c, const char *why)
{
	const struct control_config *cfg = &c->control->config;
	enum client_state state = c->state;
	char line[sizeof(((struct err *)0)->msg) + 32];

	if (c->dead)
		return;
	c->dead = true;
	c->state = CLIENT_IDLE;
	if (why) {
		snprintf(line, sizeof(line), "control client dropped: %s", why);
		cfg->ops->note(cfg->ctx, line);
	}
	if (state == CLIENT_EXEC && cfg->ops->exec_gone)
		cfg->ops->exec_gone(cfg->ctx, c->session);
}

static void client_free(struct control_client *c)
{
	loop_watch_remove(c->control->loop, &c->watch);
	varlink_input_done(&c->in);
	varlink_output_done(&c->out);
	/* A poll that the kernel has not given up yet still holds the file: the
	 * client sees the end now all the same. */
	(void)shutdown(c->sock, SHUT_RDWR); /* it may be gone itself */
	close_fd(&c->sock);
	free(c->container);
	free(c);
}

static void sweep(struct control *control)
{
	struct control_client **link = &control->clients;

	while (*link) {
		struct control_client *c = *link;

		if (!c->dead) {
			link = &c->next;
			continue;
		}
		*link = c->next;
		control->client_n--;
		client_free(c);
	}
}

static void flush(struct control_client *c)
{
	struct err err;

	if (!c->dead && varlink_output_send(&c->out, c->sock, &err) < 0)
		control_client_drop(c, NULL); /* gone: nothing to tell anybody */
}

static void queue(struct control_client *c, json_t *message)
{
	struct err err = { .msg = "no memory" };
	int r = -ENOMEM;

	if (c->oneway)
		r = 0;
	else if (message)
		r = varlink_output_put(&c->out, message, &err);
	json_decref(message);
	if (r < 0)
		control_client_drop(c, err.msg);
	else
		flush(c);
}

/**
 * control_reply() - answer the client's call
 * @parameters: consumed; NULL: none
 * @continues: more answers to this call follow
 */
void control_reply(struct control_client *c, json_t *parameters, bool continues)
{
	json_t *message = json_object();

	if (parameters)
		(void)json_object_set_new(message, "parameters", parameters); /* queue() tells */
	if (continues)
		(void)json_object_set_new(message, "continues", json_true());
	else
		c->state = CLIENT_IDLE;
	queue(c, message);
}

/**
 * control_reply_error() - answer the client's call with an error
 * @name: with its interface
 * @parameters: consumed; NULL: none
 */
void control_reply_error(struct control_client *c, const char *name, json_t *parameters)
{
	c->state = CLIENT_IDLE;
	queue(c, json_pack("{s:s, s:o}", "error", name, "parameters",
			   parameters ? parameters : json_object()));
}

/**
 * control_reply_failed() - answer the client's call with an error of podd's
 */
void control_reply_failed(struct control_client *c, const struct err *err)
{
	control_reply_error(c, "io.podd.Pod.Failed",
			    json_pack("{s:i, s:o}", "errno", err->code, "message",
				      json_text_string(err->msg)));
}

static void send_events(struct control_client *c)
{
	const struct events *ev = c->control->config.events;
	json_t *event;

	while (!c->dead && !varlink_output_pending(&c->out)) {
		event = events_read(ev, &c->next_seq);
		if (event)
			control_reply(c, json_pack("{s:o}", "event", event), true);
		else
			break;
	}
	if (!c->dead && !c->follow && c->next_seq == ev->next && !varlink_output_pending(&c->out))
		control_reply(c, NULL, false);
}

/* Goes on with a client as far as its input and its output allow. */
static void advance(struct control_client *c)
{
	struct err err;
	json_t *message;

	if (c->advancing) /* an operation answered at once: the loop below goes on */
		return;
	c->advancing = true;
	while (!c->dead && !varlink_output_pending(&c->out)) {
		if (c->state == CLIENT_EVENTS)
			send_events(c);
		if (c->state != CLIENT_IDLE || varlink_output_pending(&c->out))
			break;
		if (varlink_input_next(&c->in, &message, &err) < 0)
			control_client_drop(c, err.msg);
		else if (!message)
			break;
		else
			control_dispatch(c, message);
		if (varlink_input_drained(&c->in))
			varlink_fds_close(&c->in.fds); /* nobody took them */
		json_decref(message);
	}
	c->advancing = false;
	if (!c->dead && loop_watch_set(c->control->loop, &c->watch, wanted_events(c), &err) < 0)
		control_client_drop(c, err.msg);
}

static void enter(struct control *control)
{
	control->depth++;
}

static void leave(struct control *control)
{
	if (--control->depth == 0)
		sweep(control);
}

static void receive(struct control_client *c)
{
	struct err err;
	ssize_t n = varlink_input_read(&c->in, c->sock, &err);

	if (n == -EAGAIN)
		return;
	if (n == 0 || n == -ECONNRESET)
		control_client_drop(c, NULL);
	else if (n < 0)
		control_client_drop(c, err.msg);
}

static void client_ready(struct watch *watch, uint32_t events)
{
	struct control_client *c = container_of(watch, struct control_client, watch);
	struct control *control = c->control;

	enter(control);
	c->active = ++control->clock;
	if (events & EPOLLOUT)
		flush(c);
	else if (c->state == CLIENT_IDLE && !varlink_output_pending(&c->out))
		receive(c);
	else if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		control_client_drop(c, NULL);
	advance(c);
	leave(control);
}

/* Best effort, on a socket that is empty. */
static void send_error(int sock, const char *error)
{
	char text[128];
	int n = snprintf(text, sizeof(text), "{\"error\":\"%s\",\"parameters\":{}}", error);

	(void)send(sock, text, (size_t)n + 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/*
 * All places taken: the one that has been quiet for longest makes room, unless
 * it waits for something that podd is doing for it.
 */
static bool evict_one(struct control *control)
{
	struct control_client *victim = NULL;

	for (struct control_client *c = control->clients; c; c = c->next)
		if ((c->state == CLIENT_IDLE || varlink_output_pending(&c->out)) && !c->dead &&
		    (!victim || c->active < victim->active))
			victim = c;
	if (!victim)
		return false;
	/* If it is about to ask something, this is the answer. */
	if (!varlink_output_pending(&victim->out))
		send_error(victim->sock, "io.podd.Pod.Busy");
	control_client_drop(victim, "all places were taken, and it was quiet for longest");
	return true;
}

static void add_client(struct control *control, int *sock)
{
	struct control_client *c = calloc(1, sizeof(*c));
	struct err err;

	if (!c)
		return;
	c->watch.fn = client_ready;
	if (loop_watch_add(control->loop, &c->watch, *sock, EPOLLIN, &err) < 0) {
		control->config.ops->note(control->config.ctx, err.msg);
		free(c);
		return;
	}
	c->control = control;
	c->sock = take_fd(sock);
	c->active = ++control->clock;
	c->next = control->clients;
	control->clients = c;
	control->client_n++;
}

/* Best effort, on a socket that is empty and about to be closed. */
static void refuse(struct control *control, int sock, const char *error, const char *why)
{
	send_error(sock, error);
	control->config.ops->note(control->config.ctx, why);
}

static void admit(struct control *control, int *sock)
{
	struct ucred peer;
	socklen_t n = sizeof(peer);

	if (getsockopt(*sock, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0 ||
	    (peer.uid != 0 && peer.uid != geteuid()))
		refuse(control, *sock, "org.varlink.service.PermissionDenied",
		       "control client refused: it runs as another user");
	else if (control->client_n >= CONTROL_CLIENTS_MAX && !evict_one(control))
		refuse(control, *sock, "io.podd.Pod.Busy",
		       "control client refused: all places are taken");
	else
		add_client(control, sock);
}

/*
 * Without a free descriptor the connection would stay in the queue and the
 * loop would be called for it for ever: give one up, refuse, take it back.
 */
static void refuse_without_fd(struct control *control)
{
	int sock;

	close_fd(&control->reserve_fd);
	sock = accept4(control->sock, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (sock >= 0)
		refuse(control, sock, "io.podd.Pod.Busy",
		       "control client refused: no descriptor is free");
	close_fd(&sock);
	control->reserve_fd = open("/", O_PATH | O_CLOEXEC);
}

static void listener_ready(struct watch *watch, uint32_t events)
{
	struct control *control = container_of(watch, struct control, watch);
	cleanup_close int sock = accept4(control->sock, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events; /* an error shows in accept4() too */
	enter(control);
	if (sock >= 0)
		admit(control, &sock);
	else if (errno == EMFILE || errno == ENFILE)
		refuse_without_fd(control);
	leave(control);
}

/* The path goes through the directory's descriptor: sun_path has room for 107
 * bytes only, a root may be anywhere (unix(7)). */
static int listen_in(int run_fd, int *out, struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	cleanup_close int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;

	if (sock < 0)
		return err_sys(err, "create control socket");
	if (fstat(run_fd, &st) < 0)
		return err_sys(err, "look at the run directory");
	if (st.st_uid != geteuid() || (st.st_mode & 077))
		return err_set(err, EACCES, "create control socket: the pod's run directory has "
			       "mode %04o of user %u, must be 0700 and podd's own",
			       st.st_mode & 07777u, st.st_uid);
	if (unlinkat(run_fd, CONTROL_SOCKET, 0) < 0 && errno != ENOENT)
		return err_sys(err, "remove old control socket");
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/" CONTROL_SOCKET, run_fd);
	/* bind(2) gives the file the mode of the socket's own inode. */
	if (fchmod(sock, 0600) < 0 || bind(sock, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(sock, CONTROL_CLIENTS_MAX) < 0)
		return err_sys(err, "bind control socket");
	*out = take_fd(&sock);
	return 0;
}

/**
 * control_new() - listen on the pod's control socket
 * @out: released by control_free()
 * @config: copied; what it points to is borrowed
 *
 * Whoever calls holds the pod's lock, so a socket that is there already is a
 * dead podd's and is replaced.
 *
 * Return: 0, or -errno with @err filled.
 */
int control_new(struct control **out, struct loop *loop, const struct control_config *config,
		struct err *err)
{
	struct control *control = calloc(1, sizeof(*control));
	int r;

	if (!control)
		return err_sys(err, "control socket");
	control->loop = loop;
	control->config = *config;
	control->sock = -EBADF;
	control->reserve_fd = open("/", O_PATH | O_CLOEXEC);
	r = listen_in(config->run_fd, &control->sock, err);
	if (r == 0) {
		control->watch.fn = listener_ready;
		r = loop_watch_add(loop, &control->watch, control->sock, EPOLLIN, err);
	}
	if (r < 0) {
		control_free(control);
		return r;
	}
	*out = control;
	return 0;
}

/**
 * control_free() - close all connections and remove the socket; NULL is fine
 *
 * Answers that the sockets took already still reach their readers.
 */
void control_free(struct control *control)
{
	if (!control)
		return;
	for (struct control_client *c = control->clients; c; c = c->next)
		c->dead = true;
	sweep(control);
	loop_watch_remove(control->loop, &control->watch);
	if (control->sock >= 0)
		(void)unlinkat(control->config.run_fd, CONTROL_SOCKET, 0); /* gone is fine */
	close_fd(&control->sock);
	close_fd(&control->reserve_fd);
	free(control);
}

/**
 * control_events_added() - send new events to those who follow
 */
void control_events_added(struct control *control)
{
	enter(control);
	for (struct control_client *c = control->clients; c; c = c->next)
		if (c->state == CLIENT_EVENTS)
			advance(c);
	leave(control);
}

static bool waits_for(const struct control_client *c, enum control_wait wait, const char *container)
{
	if (c->dead || c->state != CLIENT_WAITING || c->wait != wait)
		return false;
	if (!container || !c->container)
		return !container && !c->container;
	return strcmp(container, c->container) == 0;
}

/**
 * control_finish() - answer all who wait for a Stop, a Restart or a Pause
 * @container: that was restarted or paused; NULL: the pod, for those who asked for all of
 * it (who asked for one container is answered by that one's name)
 * @result: NULL or a code of 0: it was done; else what they are told
 *
 * Once the pod has stopped, whoever still waits for another thing is told that.
 */
void control_finish(struct control *control, enum control_wait wait, const char *container,
		    const struct err *result)
{
	static const struct err stopped = { .code = ECANCELED, .msg = "the pod was stopped" };

	enter(control);
	for (struct control_client *c = control->clients; c; c = c->next) {
		if (waits_for(c, wait, container)) {
			if (result && result->code)
				control_reply_failed(c, result);
			else
				control_reply(c, NULL, false);
			advance(c);
		} else if (wait == CONTROL_WAIT_STOP && c->state == CLIENT_WAITING) {
			control_reply_failed(c, &stopped);
			advance(c);
		}
	}
	leave(control);
}

/**
 * control_answer() - answer who waits for a Reload or an Update; nobody does when he is gone
 * @document_take: the answer, consumed; NULL: it failed, and @err says why
 */
void control_answer(struct control *control, enum control_wait wait, json_t *document_take,
		    const struct err *err)
{
	json_auto_t *document = document_take;

	enter(control);
	for (struct control_client *c = control->clients; c; c = c->next) {
		if (!waits_for(c, wait, NULL))
			continue;
		if (document)
			control_reply(c, json_incref(document), false);
		else
			control_reply_failed(c, err);
		advance(c);
	}
	leave(control);
}

static struct control_client *find_session(struct control *control, uint64_t session)
{
	for (struct control_client *c = control->clients; c; c = c->next)
		if (c->state == CLIENT_EXEC && c->session == session)
			return c;
	return NULL;
}

/**
 * control_exec_reply() - the command was started
 * @session: of struct control_exec
 * @master_fd_take: the terminal's master, consumed; or -EBADF without a tty
 */
void control_exec_reply(struct control *control, uint64_t session, int master_fd_take)
{
	struct control_client *c = find_session(control, session);
	cleanup_close int master = master_fd_take;

	if (!c)
		return;
	enter(control);
	/* The call was received when the output was empty: these go with it. */
	if (master >= 0)
		c->out.fds = (struct varlink_fds){ .fd = { take_fd(&master) }, .n = 1 };
	control_reply(c, NULL, true);
	advance(c);
	leave(control);
}

/**
 * control_exec_done() - the command ended
 * @wait_status: as wait(2) gives it
 *
 * Nothing happens when whoever asked is gone.
 */
void control_exec_done(struct control *control, uint64_t session, int wait_status)
{
	struct control_client *c = find_session(control, session);
	json_t *end;

	if (!c)
		return;
	enter(control);
	if (WIFSIGNALED(wait_status))
		end = json_pack("{s:i}", "signal", WTERMSIG(wait_status));
	else
		end = json_pack("{s:i}", "exit_code", WEXITSTATUS(wait_status));
	control_reply(c, end, false);
	advance(c);
	leave(control);
}
