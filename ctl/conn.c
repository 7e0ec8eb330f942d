/* SPDX-License-Identifier: MIT */
/* Finding a pod's podd, calling it, and saying clearly why it did not work. */
#include "ctl/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "base/fd.h"
#include "config/names.h"

#define REOPEN_PAUSE_MS 20

static int not_running(const struct paths *paths, const char *pod, struct err *err)
{
	char file[CONFIG_NAME_MAX + 8];

	snprintf(file, sizeof(file), "%s.pod", pod);
	if (paths->etc >= 0 && faccessat(paths->etc, file, F_OK, 0) == 0)
		return err_set(err, ESRCH, "pod '%s' is not running", pod);
	return err_set(err, ESRCH, "no pod '%s'", pod);
}

static int set_timeout(int sock, long seconds)
{
	struct timeval tv = { .tv_sec = seconds };

	if (setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) < 0)
		return -errno;
	return setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) < 0 ? -errno : 0;
}

/*
 * Whether a podd has the run directory's lock, as one has from its first step. To
 * try the lock could keep one from starting, so the kernel's list is read (proc(5),
 * /proc/locks); where that calls the file system by another number, there is none.
 */
static bool is_locked(int dirfd)
{
	FILE *locks = fopen("/proc/locks", "re");
	char line[256], name[64];
	bool found = false;
	struct stat st;

	if (!locks)
		return false;
	if (fstat(dirfd, &st) < 0)
		st = (struct stat){ .st_ino = 0 };
	snprintf(name, sizeof(name), " %02x:%02x:%llu ", major(st.st_dev), minor(st.st_dev),
		 (unsigned long long)st.st_ino);
	while (!found && fgets(line, sizeof(line), locks))
		found = strstr(line, " FLOCK ") && strstr(line, name);
	(void)fclose(locks); /* only read */
	return found;
}

static int nobody_listens(int dirfd, const char *pod, struct err *err)
{
	if (is_locked(dirfd))
		return err_set(err, ECONNREFUSED,
			       "pod '%s' is not running yet: podd is starting it, or "
			       "pulls its images", pod);
	return err_set(err, ECONNREFUSED, "pod '%s' is not running: its podd is gone", pod);
}

/**
 * conn_is_starting() - whether a podd is at work on a pod that it does not answer for yet
 * @pod: a valid name, to which conn_open() has found nobody
 */
bool conn_is_starting(const struct paths *paths, const char *pod)
{
	cleanup_close int dirfd = openat(paths->run, pod,
					 O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return dirfd >= 0 && is_locked(dirfd);
}

/* SO_SNDTIMEO bounds connect() too, which waits while the queue of connections
 * is full (unix_stream_connect()). */
static int connect_in(int dirfd, const char *pod, int *out, struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	cleanup_close int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (sock < 0 || set_timeout(sock, CONN_TIMEOUT_S) < 0)
		return err_sys(err, "pod '%s': create socket", pod);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/control", dirfd);
	if (connect(sock, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		switch (errno) {
		case ENOENT:
		case ECONNREFUSED:
			return nobody_listens(dirfd, pod, err);
		case EAGAIN:
			return err_set(err, ETIMEDOUT, "pod '%s': podd does not answer", pod);
		case EACCES:
		case EPERM:
			return err_set(err, EACCES, "pod '%s': not permitted", pod);
		}
		return err_sys(err, "pod '%s': connect to podd", pod);
	}
	*out = take_fd(&sock);
	return 0;
}

/**
 * conn_open() - connect to a pod's podd
 * @pod: its name, borrowed as long as the connection
 *
 * Return: 0, or -errno with @err filled. -ESRCH: no such pod, or it does not
 * run; -ECONNREFUSED: it ran, and its podd ended without tidying up.
 */
int conn_open(struct conn *out, const struct paths *paths, const char *pod, struct err *err)
{
	cleanup_close int dirfd = -EBADF;
	int sock = -EBADF, r;

	if (!config_pod_name_valid(pod))
		return err_set(err, ESRCH, "no pod '%s'", pod);
	if (paths->run < 0)
		return not_running(paths, pod, err);
	dirfd = openat(paths->run, pod, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dirfd < 0 && errno == ENOENT)
		return not_running(paths, pod, err);
	if (dirfd < 0 && errno == EACCES)
		return err_set(err, EACCES, "pod '%s': not permitted", pod);
	if (dirfd < 0)
		return err_sys(err, "pod '%s': open its run directory", pod);
	r = connect_in(dirfd, pod, &sock, err);
	if (r < 0)
		return r;
	*out = (struct conn){ .pod = pod, .sock = sock };
	return 0;
}

/**
 * conn_reopen() - connect to the podd that takes the place of one that ended
 * @c: to that one; when this fails it is closed
 *
 * A podd that is killed or replaced leaves its pod and the run directory: then
 * another one is waited for.
 *
 * Return: 0; -ESRCH: the pod ended, too; -ECONNREFUSED: no podd came; -errno.
 * @err is filled.
 */
int conn_reopen(struct conn *c, const struct paths *paths, struct err *err)
{
	const char *pod = c->pod;
	int r = -ECONNREFUSED;

	conn_close(c);
	*c = (struct conn){ .pod = pod, .sock = -EBADF };
	for (int ms = 0; r == -ECONNREFUSED && ms < CONN_REOPEN_MS; ms += REOPEN_PAUSE_MS) {
		if (ms > 0)
			(void)poll(NULL, 0, REOPEN_PAUSE_MS); /* cut short is fine */
		r = conn_open(c, paths, pod, err);
	}
	if (r == -ECONNREFUSED)
		return err_set(err, ECONNREFUSED,
			       "pod '%s': podd ended, and no other one came", pod);
	return r;
}

/**
 * conn_close() - end the connection
 */
void conn_close(struct conn *c)
{
	varlink_input_done(&c->in);
	close_fd(&c->sock);
}

/**
 * conn_patience() - wait without limit for what is asked next
 *
 * For calls that are answered when work is done. podd is asked for a sign of
 * life first, so that only one that answers is waited for.
 *
 * Return: 0, or -errno with @err filled.
 */
int conn_patience(struct conn *c, struct err *err)
{
	json_t *info = NULL;
	int r = conn_call(c, "org.varlink.service.GetInfo", NULL, &info, err);

	json_decref(info);
	if (r < 0)
		return r;
	r = set_timeout(c->sock, 0);
	return r < 0 ? err_set(err, -r, "pod '%s': %s", c->pod, strerror(-r)) : 0;
}

/**
 * conn_send() - send one call
 * @call_take: consumed; NULL: there was no memory for it
 * @fds: borrowed, sent with it
 *
 * A podd that refuses us has said so before it closed: what it said is read by
 * conn_receive(), so a broken pipe is no error here.
 *
 * Return: 0, or -errno with @err filled.
 */
int conn_send(struct conn *c, json_t *call_take, const int *fds, unsigned fd_n, struct err *err)
{
	struct varlink_output out = { 0 };
	int r = call_take ? varlink_output_put(&out, call_take, err) :
			    err_set(err, ENOMEM, "no memory");

	json_decref(call_take);
	for (unsigned i = 0; r == 0 && i < fd_n; i++) {
		out.fds.fd[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
		if (out.fds.fd[i] < 0)
			r = err_sys(err, "descriptor %d", fds[i]);
		else
			out.fds.n++;
	}
	if (r == 0)
		r = varlink_output_send(&out, c->sock, err);
	if (r == 0 && varlink_output_pending(&out))
		r = err_set(err, ETIMEDOUT, "podd does not answer");
	varlink_output_done(&out);
	if (r == -EPIPE || r == -ECONNRESET)
		return 0;
	return r < 0 ? err_wrap(err, r, "pod '%s'", c->pod) : 0;
}

static const char *member(const json_t *parameters, const char *name)
{
	const char *s = json_string_value(json_object_get(parameters, name));

	return s ? s : "";
}

/* An error reply as the sentence that it stands for. */
static int explain(const struct conn *c, const struct varlink_reply *reply, struct err *err)
{
	const char *nearest = member(reply->parameters, "nearest");
	const char *container = member(reply->parameters, "container");
	json_int_t code = json_integer_value(json_object_get(reply->parameters, "errno"));

	if (strcmp(reply->error, "io.podd.Pod.NoSuchContainer") == 0)
		return err_set(err, ENXIO, "pod '%s' has no container '%s'%s%s%s", c->pod,
			       container, *nearest ? "; did you mean '" : "", nearest,
			       *nearest ? "'?" : "");
	if (strcmp(reply->error, "io.podd.Pod.Failed") == 0)
		return err_set(err, code > 0 && code < 4096 ? (int)code : EIO, "pod '%s': %s",
			       c->pod, member(reply->parameters, "message"));
	if (strcmp(reply->error, "io.podd.Pod.Busy") == 0)
		return err_set(err, EBUSY, "pod '%s': podd has too many connections", c->pod);
	if (strcmp(reply->error, "org.varlink.service.PermissionDenied") == 0)
		return err_set(err, EACCES, "pod '%s': not permitted", c->pod);
	if (strcmp(reply->error, "org.varlink.service.InvalidParameter") == 0)
		return err_set(err, EINVAL, "pod '%s': podd refused the value of '%s'", c->pod,
			       member(reply->parameters, "parameter"));
	return err_set(err, EPROTO, "pod '%s': podd answered %s", c->pod, reply->error);
}

/* A podd killed a moment ago may still seem to listen: io_uring lets go of its
 * descriptors late. Whoever never said a word was such a one. */
static int podd_ended(const struct conn *c, struct err *err)
{
	if (!c->heard)
		return err_set(err, ECONNREFUSED, "pod '%s' is not running: its podd is gone",
			       c->pod);
	return err_set(err, ECONNRESET, "pod '%s': podd ended before it answered", c->pod);
}

/**
 * conn_receive() - wait for one reply
 * @out: receives its parameters (an object), owned by the caller
 * @continues: receives whether another reply to the same call follows
 *
 * Descriptors that came with it are in @c->in.fds.
 *
 * Return: 0, or -errno with @err filled: -ECONNREFUSED there was no podd any
 * more, -ECONNRESET it ended, -ETIMEDOUT it does not answer, or the error that
 * it answered.
 */
int conn_receive(struct conn *c, json_t **out, bool *continues, struct err *err)
{
	struct varlink_reply reply;
	json_t *message = NULL;
	ssize_t n;
	int r;

	for (;;) {
		r = varlink_input_next(&c->in, &message, err);
		if (r < 0 || message)
			break;
		n = varlink_input_read(&c->in, c->sock, err);
		if (n == 0 || n == -ECONNRESET)
			return podd_ended(c, err);
		if (n == -EAGAIN)
			return err_set(err, ETIMEDOUT, "pod '%s': podd does not answer", c->pod);
		if (n < 0)
			return err_wrap(err, (int)n, "pod '%s'", c->pod);
	}
	c->heard = true;
	if (r == 0)
		r = varlink_reply_read(&reply, message, err);
	if (r < 0) {
		json_decref(message);
		return err_wrap(err, r, "pod '%s'", c->pod);
	}
	if (reply.error) {
		r = explain(c, &reply, err);
	} else {
		*out = reply.parameters ? json_incref(reply.parameters) : json_object();
		*continues = reply.continues;
	}
	json_decref(message);
	return r;
}

/**
 * conn_call() - one call, one reply
 * @parameters_take: consumed; NULL: none
 * @out: receives the reply's parameters, owned by the caller
 *
 * Return: 0, or -errno with @err filled, see conn_receive().
 */
int conn_call(struct conn *c, const char *method, json_t *parameters_take, json_t **out,
	      struct err *err)
{
	json_t *call = json_pack("{s:s, s:o*}", "method", method, "parameters", parameters_take);
	bool continues;
	int r = conn_send(c, call, NULL, 0, err);

	return r < 0 ? r : conn_receive(c, out, &continues, err);
}
