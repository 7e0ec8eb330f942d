/* SPDX-License-Identifier: MIT */
/* podctl logs: what the containers printed, from their files or the journal. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "base/fd.h"
#include "config/names.h"
#include "ctl/ctl.h"
#include "ctl/logs.h"
#include "ctl/logs_journal.h"

enum { OPT_TAIL = CTL_OPT_FIRST };

static int open_log_dir(struct ctl *ctl, const char *pod, int *out, struct err *err)
{
	int fd = -EBADF;

	errno = ENOENT;
	if (config_pod_name_valid(pod) && ctl->paths.log >= 0)
		fd = openat(ctl->paths.log, pod, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return err_set(err, ESRCH, "no logs of a pod '%s'", pod);
	if (fd < 0 && errno == EACCES)
		return err_set(err, EACCES, "logs of pod '%s': not permitted", pod);
	if (fd < 0)
		return err_sys(err, "logs of pod '%s'", pod);
	*out = fd;
	return 0;
}

struct following {
	struct ctl *ctl;
	struct conn conn;
};

/* podd's socket has hung up: a podd that takes over is followed, too. */
static int follow_next(void *ctx)
{
	struct following *f = ctx;
	struct err err;
	int r = conn_reopen(&f->conn, &f->ctl->paths, &err);

	if (r == 0)
		return f->conn.sock;
	if (r != -ESRCH) /* the pod's end needs no word */
		(void)ctl_fail(f->ctl, CTL_FAILED, &err);
	return -EBADF;
}

/* Prints; when following, until the pod ends. A pod without podd is followed
 * until podctl is told to end. */
static int show(struct ctl *ctl, int dirfd, struct logs_query *query, const char *pod,
		struct err *err)
{
	struct following f = { .ctl = ctl, .conn = { .sock = -EBADF } };
	int r;

	if (query->follow && conn_open(&f.conn, &ctl->paths, pod, err) == 0) {
		query->stop_fd = f.conn.sock;
		query->go_on = follow_next;
		query->ctx = &f;
	}
	(void)signal(SIGPIPE, SIG_IGN); /* cannot fail; as logs_show() asks */
	r = logs_show(dirfd, query, ctl->out, err);
	conn_close(&f.conn);
	return r;
}

static int show_files(struct ctl *ctl, struct logs_query *query, const char *pod)
{
	cleanup_close int dirfd = -EBADF;
	struct err err;
	int r = open_log_dir(ctl, pod, &dirfd, &err);

	if (r < 0)
		return ctl_fail(ctl, r == -ESRCH ? CTL_NO_POD : CTL_FAILED, &err);
	r = show(ctl, dirfd, query, pod, &err);
	return r < 0 ? ctl_fail(ctl, CTL_FAILED, &err) : CTL_OK;
}

/* Of those that are asked for, one line for each that is not shown. */
static void tell_left_out(struct ctl *ctl, const struct logs_drivers *d, enum log_driver driver,
			  const char *pod)
{
	char query[PATH_MAX];
	const char *name;
	json_t *ignored;

	json_object_foreach(d->drivers, name, ignored) {
		if (logs_driver_of(d, name) != driver)
			continue;
		if (driver == LOG_JOURNALD) {
			fprintf(ctl->errors, "podctl: container '%s' logs to the journal: "
					     "podctl logs -c %s %s\n", name, name, pod);
			continue;
		}
		logs_passed_to(query, sizeof(query), d, pod, name);
		fprintf(ctl->errors,
			"podctl: container '%s' has LogDriver=passthrough: it writes where "
			"podd does, in a unit: journalctl %s\n", name, query);
	}
}

/* Where they are; without files, and with some in the journal, it comes back only to fail. */
static int show_from_anywhere(struct ctl *ctl, struct logs_query *query, const char *pod)
{
	struct logs_drivers d;
	unsigned journal, passed, files;
	struct err err;
	int r = logs_drivers_find(&d, ctl, pod, &err);

	if (r < 0)
		return ctl_fail(ctl, CTL_FAILED, &err);
	journal = logs_drivers_count(&d, query->container, LOG_JOURNALD);
	passed = logs_drivers_count(&d, query->container, LOG_PASSTHROUGH);
	files = logs_drivers_count(&d, query->container, LOG_FILE) +
		logs_drivers_count(&d, query->container, LOG_BOTH);
	if (passed > 0)
		tell_left_out(ctl, &d, LOG_PASSTHROUGH, pod);
	if (journal > 0 && files > 0)
		tell_left_out(ctl, &d, LOG_JOURNALD, pod);
	logs_drivers_done(&d);
	if (files > 0 || journal + passed == 0)
		return show_files(ctl, query, pod);
	if (journal == 0)
		return CTL_FAILED;
	fflush(ctl->errors);
	r = logs_journal_show(ctl, query, pod, &err);
	return ctl_fail(ctl, CTL_FAILED, &err);
}

/* podctl logs: files are read by itself, so it works without podd */
int cmd_logs(struct ctl *ctl, int argc, char **argv)
{
	static const struct option longs[] = { { "follow", no_argument, NULL, 'f' },
					       { "timestamps", no_argument, NULL, 't' },
					       { "tail", required_argument, NULL, OPT_TAIL },
					       { "container", required_argument, NULL, 'c' },
					       CTL_COMMON_OPTIONS };
	struct logs_query query = { .tail = LOGS_ALL, .stop_fd = -EBADF,
				    .terminal = ctl->terminal };
	long lines;
	int c, code;

	while ((c = ctl_option(ctl, argc, argv, ":ftc:", longs)) > 0) {
		if (c == 'f')
			query.follow = true;
		else if (c == 't')
			query.timestamps = true;
		else if (c == 'c')
			query.container = optarg;
		else if (ctl_count(optarg, &lines) < 0)
			return ctl_usage_error(ctl, "'%s' is no number of lines", optarg);
		else
			query.tail = (uint64_t)lines;
	}
	if (c == CTL_STOP)
		return ctl->exit_code;
	if (ctl->json)
		return ctl_usage_error(ctl, "logs are no facts: --json is not for them");
	code = ctl_positional(ctl, argc, argv, 1, 1);
	if (code == 0)
		code = ctl_open(ctl);
	return code ? code : show_from_anywhere(ctl, &query, argv[optind]);
}
