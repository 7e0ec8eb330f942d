/* SPDX-License-Identifier: MIT */
/* The logs of a pod's containers, merged by time, and their following. */
#include "ctl/logs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>

#include "base/fd.h"
#include "ctl/logs_files.h"
#include "ctl/text.h"

struct show {
	int dirfd;
	const struct logs_query *query;
	FILE *out;
	struct logs_source **sources; /* in order of their names, once all are found */
	size_t n, room;
	int stop_fd;
	int inotify_fd;
};

static int add_source(struct show *s, const char *name, uint64_t tail, struct err *err)
{
	struct logs_source *source;
	int r;

	if (s->n == s->room) {
		size_t room = s->room ? 2 * s->room : 8;
		struct logs_source **v = reallocarray(s->sources, room, sizeof(*v));

		if (!v)
			return err_set(err, ENOMEM, "list logs: out of memory");
		s->sources = v;
		s->room = room;
	}
	source = malloc(sizeof(*source));
	if (!source)
		return err_set(err, ENOMEM, "list logs: out of memory");
	r = logs_source_open(source, s->dirfd, name, tail, err);
	if (r < 0) {
		logs_source_close(source);
		free(source);
		return r;
	}
	s->sources[s->n++] = source;
	return 0;
}

static bool have_source(const struct show *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->sources[i]->name, name) == 0)
			return true;
	return false;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp((*(struct logs_source *const *)a)->name,
		      (*(struct logs_source *const *)b)->name);
}

/* Every container that has a log and is not known yet. */
static int find_sources(struct show *s, uint64_t tail, struct err *err)
{
	int fd = openat(s->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;
	int r = 0;

	if (!dir) {
		r = err_sys(err, "read log directory");
		close_fd(&fd);
		return r;
	}
	while (r == 0 && (d = readdir(dir))) {
		char name[NAME_MAX + 1];
		unsigned age;
		size_t n = logs_name_length(d->d_name, &age);

		memcpy(name, d->d_name, n);
		name[n] = '\0';
		if (n == 0 || have_source(s, name))
			continue;
		r = add_source(s, name, tail, err);
		if (r == -ENOENT)
			r = 0; /* removed since we saw its name */
	}
	(void)closedir(dir);
	if (s->n > 0) /* qsort(3) takes no NULL */
		qsort(s->sources, s->n, sizeof(*s->sources), compare_names);
	return r;
}

/* The source whose next line is the oldest; NULL when none has one. */
static int oldest_line(struct show *s, struct logs_source **source, const struct logs_line **line,
		       struct err *err)
{
	*source = NULL;
	for (size_t i = 0; i < s->n; i++) {
		const struct logs_line *l;
		int r = logs_source_peek(s->sources[i], &l, err);

		if (r < 0)
			return r;
		if (l && (!*source || l->realtime_ns < (*line)->realtime_ns)) {
			*source = s->sources[i];
			*line = l;
		}
	}
	return 0;
}

static void print_line(const struct show *s, const struct logs_source *source,
		       const struct logs_line *line)
{
	if (!s->query->container)
		fprintf(s->out, "%s | ", source->name);
	if (s->query->timestamps && line->stamp[0])
		fprintf(s->out, "%s ", line->stamp);
	if (s->query->terminal)
		text_put_foreign(s->out, line->text, line->text_n);
	else
		fwrite(line->text, 1, line->text_n, s->out);
	fputc('\n', s->out);
}

/* All lines that are there, the oldest first. */
static int show_lines(struct show *s, struct err *err)
{
	struct logs_source *source;
	const struct logs_line *line = NULL;
	int r;

	for (size_t i = 0; i < s->n; i++)
		s->sources[i]->dry = false;
	while ((r = oldest_line(s, &source, &line, err)) == 0 && source) {
		print_line(s, source, line);
		if (ferror(s->out))
			return err_sys(err, "write logs");
		logs_source_take(source);
	}
	if (r == 0 && fflush(s->out) == EOF)
		return err_sys(err, "write logs");
	return r;
}

static int watch_directory(struct show *s, struct err *err)
{
	char path[64];

	s->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (s->inotify_fd < 0)
		return err_sys(err, "watch log directory");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", s->dirfd);
	if (inotify_add_watch(s->inotify_fd, path, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
		return err_sys(err, "watch log directory");
	return 0;
}

/* Takes all events. Return: whether there may be files with new names. */
static bool new_names(int inotify_fd)
{
	char events[4096] __attribute__((aligned(_Alignof(struct inotify_event))));
	bool found = false;
	ssize_t n;

	while ((n = read(inotify_fd, events, sizeof(events))) > 0) {
		for (char *p = events; p < events + n;) {
			const struct inotify_event *e = (struct inotify_event *)p;

			found |= e->mask != IN_MODIFY; /* created, moved, overflow */
			p += sizeof(*e) + e->len;
		}
	}
	return found;
}

struct change {
	bool names; /* files came */
	bool last;  /* no more will come */
	bool reader_gone;
};

static int wait_for_change(const struct show *s, struct change *out, struct err *err)
{
	struct pollfd fds[] = {
		{ s->inotify_fd, POLLIN, 0 },
		{ s->stop_fd, POLLIN, 0 },
		{ fileno(s->out), 0, 0 }, /* POLLERR when the other end of a pipe is closed */
	};

	while (poll(fds, ARRAY_SIZE(fds), -1) < 0)
		if (errno != EINTR)
			return err_sys(err, "wait for logs");
	*out = (struct change){ new_names(s->inotify_fd), fds[1].revents, fds[2].revents };
	return 0;
}

static int follow(struct show *s, struct err *err)
{
	struct change change = { 0 };
	int r = 0;

	while (r == 0 && !change.last) {
		r = wait_for_change(s, &change, err);
		if (r < 0 || change.reader_gone)
			return r;
		if (change.last && s->query->go_on) {
			s->stop_fd = s->query->go_on(s->query->ctx);
			change.last = s->stop_fd < 0;
		}
		if (change.names && !s->query->container)
			r = find_sources(s, LOGS_ALL, err);
		for (size_t i = 0; i < s->n; i++)
			s->sources[i]->ended = change.last;
		if (r == 0)
			r = show_lines(s, err);
	}
	return r;
}

static int show(struct show *s, struct err *err)
{
	const struct logs_query *q = s->query;
	int r = 0;

	/* Watched before the first look, so that no change is missed. */
	if (q->follow)
		r = watch_directory(s, err);
	if (r == 0)
		r = q->container ? add_source(s, q->container, q->tail, err) :
				   find_sources(s, q->tail, err);
	for (size_t i = 0; i < s->n; i++)
		s->sources[i]->ended = !q->follow;
	if (r == 0)
		r = show_lines(s, err);
	return r == 0 && q->follow ? follow(s, err) : r;
}

/**
 * logs_show() - print the logs of a pod's containers
 * @log_dirfd: of the pod's logs; borrowed
 * @query: which, and how
 * @out: flushed whenever there is nothing more to print for now
 *
 * Following ends when @query->stop_fd says so and @query->go_on has no other, after
 * what was written until then, or when the reader of @out has closed it. The caller
 * ignores SIGPIPE.
 *
 * Return: 0, also when the reader has had enough; or -errno with @err filled,
 * -ENOENT when the container that was asked for has no log.
 */
int logs_show(int log_dirfd, const struct logs_query *query, FILE *out, struct err *err)
{
	struct show s = {
		.dirfd = log_dirfd,
		.query = query,
		.out = out,
		.inotify_fd = -EBADF,
		.stop_fd = query->stop_fd,
	};
	int r = show(&s, err);

	for (size_t i = 0; i < s.n; i++) {
		logs_source_close(s.sources[i]);
		free(s.sources[i]);
	}
	free(s.sources);
	close_fd(&s.inotify_fd);
	return r == -EPIPE ? 0 : r;
}
