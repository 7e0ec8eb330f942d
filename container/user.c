/* SPDX-License-Identifier: MIT */
/* Who a container's process is: User= resolved in the container's own files. */

/*
 * Theory of operation
 *
 * passwd(5) and group(5) of a root are written by whoever made the image, so
 * they are read as hostile input: opened inside the root only, never blocking
 * (a FIFO in their place, CVE-2024-9676), regular files only, with a bound on
 * bytes and on the length of a line. A name that is not found is an error; it
 * never becomes 0.
 *
 * No stdio and no heap: this runs in a child that shares the caller's memory
 * and that somebody in the pod may kill in the middle of anything.
 */
#include "container/user.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys.h"

#define FILE_MAX_BYTES (4 * 1024 * 1024)
#define LINE_MAX_BYTES 8192
/* (uid_t)-1 means "unchanged" to setresuid(2): never an id. */
#define ID_MAX 4294967294u

struct lines {
	int fd; /* -EBADF: a file without lines */
	size_t seen;
	bool lost; /* there was more than is looked at, or than could be read */
	bool goes_on; /* what was handed out last: the next one is the rest of its line */
	bool is_rest; /* what was handed out last was that */
	size_t start, end; /* of what is in @buf and not handed out */
	char buf[LINE_MAX_BYTES];
};

/* A missing file is one without lines. */
static int lines_open(struct lines *l, int root_fd, const char *path, struct err *err)
{
	struct open_how how = {
		.flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	cleanup_close int fd = sys_openat2(root_fd, path, &how);
	struct stat st;

	l->fd = -EBADF;
	l->lost = l->goes_on = l->is_rest = false;
	l->seen = l->start = l->end = 0;
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "open '%s' in the root", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "'%s' in the root is no regular file", path);
	l->fd = take_fd(&fd);
	return 0;
}

static void lines_close(struct lines *l)
{
	close_fd(&l->fd);
}

/* More bytes behind those that are there; false at the end of what is read. */
static bool lines_fill(struct lines *l)
{
	ssize_t n;

	memmove(l->buf, l->buf + l->start, l->end - l->start);
	l->end -= l->start;
	l->start = 0;
	if (l->fd < 0)
		return false;
	n = l->seen < FILE_MAX_BYTES ?
		    read(l->fd, l->buf + l->end, sizeof(l->buf) - 1 - l->end) : -1;
	l->lost |= n < 0;
	if (n <= 0)
		return false;
	l->end += (size_t)n;
	l->seen += (size_t)n;
	return true;
}

/* Of a line that does not fit: up to its last comma, which goes. NULL: it has none. */
static char *lines_piece(struct lines *l)
{
	char *line = l->buf + l->start, *comma = memrchr(line, ',', l->end - l->start);

	if (!comma)
		return NULL;
	*comma = '\0';
	l->start = (size_t)(comma + 1 - l->buf);
	l->goes_on = true;
	return line;
}

/* The next line without its newline, in @l->buf; one that does not fit there comes in
 * pieces that end where a comma was, or without one is passed over. */
static char *lines_next(struct lines *l)
{
	bool cut = false;

	l->is_rest = l->goes_on;
	l->goes_on = false;
	for (;;) {
		char *line = l->buf + l->start;
		char *newline = memchr(line, '\n', l->end - l->start);

		if (!newline && l->end - l->start == sizeof(l->buf) - 1) {
			char *piece = cut ? NULL : lines_piece(l);

			if (piece)
				return piece;
			l->start = l->end;
			cut = l->lost = true;
			l->is_rest = false; /* that ends with the line */
		}
		if (!newline && lines_fill(l))
			continue;
		line = l->buf + l->start;
		if (!newline && l->start == l->end)
			return NULL;
		if (!newline) /* the last one, without its newline */
			newline = l->buf + l->end;
		*newline = '\0';
		l->start = (size_t)(newline - l->buf) + (newline < l->buf + l->end);
		if (!cut)
			return line;
		cut = false;
	}
}

/* All of digits: meant as an id, even where it is none. */
static bool is_number(const char *s)
{
	return *s && strspn(s, "0123456789") == strlen(s);
}

static bool parse_id(const char *s, uint32_t *out)
{
	uint64_t v = 0;

	if (!*s || strlen(s) > 10)
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return false;
		v = v * 10 + (uint64_t)(*s - '0');
	}
	if (v > ID_MAX)
		return false;
	*out = (uint32_t)v;
	return true;
}

/* Cut a line at its colons; empty fields count. Return how many there are. */
static size_t split(char *line, char **field, size_t max)
{
	size_t n = 0;

	while (n < max && line)
		field[n++] = strsep(&line, ":");
	return n;
}

/* Fill uid, gid and home from passwd(5), by name or, when numeric, by uid. */
static int find_user(struct user_ids *out, char *name, size_t size, int root_fd, struct err *err)
{
	uint32_t want, uid, gid;
	bool numeric = parse_id(name, &want), found = false;
	struct lines l;
	char *line, *f[7];
	int r;

	/* A hostile image has a user of that name (CVE-2024-40635). */
	if (!numeric && is_number(name))
		return err_set(err, EINVAL, "user %s: ids end at %u", name, ID_MAX);
	r = lines_open(&l, root_fd, "/etc/passwd", err);
	if (r < 0)
		return r;
	while (!found && (line = lines_next(&l))) {
		if (l.is_rest || split(line, f, 7) < 6 ||
		    !parse_id(f[2], &uid) || !parse_id(f[3], &gid))
			continue;
		if (strlen(f[0]) >= size || (numeric ? uid != want : strcmp(f[0], name) != 0))
			continue;
		found = true;
		out->uid = uid;
		out->gid = gid;
		if (f[5][0] == '/')
			snprintf(out->home, sizeof(out->home), "%s", f[5]);
		snprintf(name, size, "%s", f[0]); /* group(5) goes by names */
	}
	lines_close(&l);
	if (!found && !numeric)
		return err_set(err, EINVAL, "no user '%s' in the container's /etc/passwd", name);
	if (!found) {
		out->uid = want;
		out->gid = 0;
	}
	return 0;
}

static bool has_member(char *members, const char *name)
{
	for (char *m; (m = strsep(&members, ","));)
		if (*m && strcmp(m, name) == 0)
			return true;
	return false;
}

/* None is left out without a word: it may be what shuts a file to its members
 * (CVE-2023-25173). */
static int add_group(struct user_ids *out, gid_t gid, const char *name, struct err *err)
{
	for (size_t i = 0; i < out->group_n; i++)
		if (out->groups[i] == gid)
			return 0;
	if (out->group_n == USER_GROUPS_MAX)
		return err_set(err, E2BIG, "user '%s' has more than %d groups in the container's "
			       "/etc/group", name, USER_GROUPS_MAX);
	out->groups[out->group_n++] = gid;
	return 0;
}

/* The group named @group, if one is asked for, and all that list @name. */
static int find_groups(struct user_ids *out, const char *name, const char *group, int root_fd,
		       struct err *err)
{
	bool found = !group || parse_id(group, &out->gid), is_group = false;
	struct lines l;
	char *line, *f[4];
	uint32_t gid;
	int r;

	if (!found && is_number(group))
		return err_set(err, EINVAL, "group %s: ids end at %u", group, ID_MAX);
	r = lines_open(&l, root_fd, "/etc/group", err);
	if (r < 0)
		return r;
	while (r == 0 && (line = lines_next(&l))) {
		if (l.is_rest)
			f[3] = line;
		else
			is_group = split(line, f, 4) == 4 && parse_id(f[2], &gid);
		if (!is_group)
			continue;
		if (!found && !l.is_rest && strcmp(f[0], group) == 0) {
			found = true;
			out->gid = gid;
		}
		if (has_member(f[3], name))
			r = add_group(out, gid, name, err);
	}
	if (r == 0 && l.lost)
		r = err_set(err, EFBIG,
			    "'/etc/group' in the root cannot be read whole: less than %d bytes, "
			    "and %d a name", FILE_MAX_BYTES, LINE_MAX_BYTES - 1);
	lines_close(&l);
	if (r < 0)
		return r;
	if (!found)
		return err_set(err, EINVAL, "no group '%s' in the container's /etc/group", group);
	return add_group(out, out->gid, name, err);
}

/**
 * user_resolve() - find the ids that a User= means inside a root
 * @out: filled; the home is "/" when passwd(5) has none
 * @root_fd: the container's root
 * @user: "UID" or "NAME", either with ":GID" or ":GROUP"; NULL: "0"
 *
 * A number need not be in passwd(5); its group is 0 then. What is all digits is an
 * id, 0 to 4294967294, and never a name. With a group said,
 * the supplementary groups are those of the user as well.
 *
 * Return: 0 or -errno with @err filled (EINVAL: unknown or not an id).
 */
int user_resolve(struct user_ids *out, int root_fd, const char *user, struct err *err)
{
	char name[128];
	const char *group;
	int r, n;

	if (!user)
		user = "0";
	n = (int)strcspn(user, ":");
	group = user[n] ? user + n + 1 : NULL;
	if (n >= (int)sizeof(name))
		return err_set(err, EINVAL, "user '%.60s...': name too long", user);
	snprintf(name, sizeof(name), "%.*s", n, user);
	*out = (struct user_ids){ .home = "/" };
	r = find_user(out, name, sizeof(name), root_fd, err);
	return r < 0 ? r : find_groups(out, name, group, root_fd, err);
}
