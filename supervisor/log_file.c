/* SPDX-License-Identifier: MIT */
/* Opening, appending to and rotating a container's log file. */
#include "supervisor/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

/* @age: 0 for the current file. @out has room for any name of a directory entry. */
static int file_name(char out[NAME_MAX + 1], const struct log_file *f, unsigned age)
{
	int n = age ? snprintf(out, NAME_MAX + 1, "%s.log.%u", f->name, age) :
		      snprintf(out, NAME_MAX + 1, "%s.log", f->name);

	return n > NAME_MAX ? -ENAMETOOLONG : 0;
}

/*
 * ext4 may keep the new size of a file and lose what was appended within its last block:
 * zeros are there then, which no whole record ends with.
 */
static int cut_zeros(int fd, off_t *size)
{
	char block[4096];
	off_t end = *size;

	while (end > 0) {
		size_t n = end < (off_t)sizeof(block) ? (size_t)end : sizeof(block), left = n;

		if (pread(fd, block, n, end - (off_t)n) != (ssize_t)n)
			return 0; /* nobody could read it better */
		while (left > 0 && !block[left - 1])
			left--;
		end -= (off_t)(n - left);
		if (left > 0)
			break;
	}
	if (end < *size && ftruncate(fd, end) < 0)
		return -errno;
	*size = end;
	return 0;
}

/* A power cut may have left half a record: what follows must start a line. */
static int end_last_line(int fd, off_t *size)
{
	int r = cut_zeros(fd, size);
	char last;

	if (r < 0 || *size == 0 || pread(fd, &last, 1, *size - 1) != 1 || last == '\n')
		return r;
	if (pwrite(fd, "\n", 1, *size) != 1)
		return -errno;
	++*size;
	return 0;
}

/* A file that is written no more; what cannot be mended stays as it is. */
static void mend(const struct log_file *f, unsigned age)
{
	cleanup_close int fd = -EBADF;
	char name[NAME_MAX + 1];
	struct stat st;

	if (file_name(name, f, age) < 0)
		return;
	fd = openat(f->dirfd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		(void)end_last_line(fd, &st.st_size);
}

/**
 * log_file_open() - open the current file, creating it when it is not there
 * @b: its state is brought in line with the file and committed
 *
 * Return: 0, or -errno with @f->fd still -EBADF.
 */
int log_file_open(struct log_file *f, struct log_buffer *b)
{
	cleanup_close int fd = -EBADF;
	char name[NAME_MAX + 1];
	struct stat st;
	int r = file_name(name, f, 0);

	if (r < 0)
		return r;
	/* O_NONBLOCK: a fifo that somebody put there must not hold us up. */
	fd = openat(f->dirfd, name,
		    O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
	LOG_STEP();
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (b->now.file_ino == 0) /* nothing is known of what was before */
		mend(f, 1);
	if (st.st_ino != b->now.file_ino) {
		r = end_last_line(fd, &st.st_size);
		if (r < 0)
			return r;
		b->now.file_ino = st.st_ino;
		b->now.file_bytes = (uint64_t)st.st_size;
	}
	if ((uint64_t)st.st_size < b->now.file_bytes)
		b->now.file_bytes = (uint64_t)st.st_size;
	log_buffer_commit(b);
	f->fd = take_fd(&fd);
	return 0;
}

/**
 * log_file_cut() - end the file where the state says that it ends
 *
 * Return: 0 or -errno.
 */
int log_file_cut(struct log_file *f, const struct log_buffer *b)
{
	struct stat st;

	if (fstat(f->fd, &st) < 0)
		return -errno;
	if ((uint64_t)st.st_size > b->now.file_bytes &&
	    ftruncate(f->fd, (off_t)b->now.file_bytes) < 0)
		return -errno;
	LOG_STEP();
	return 0;
}

/**
 * log_file_check() - have a file to write to, and know how long it is
 *
 * Before each batch: opens the file after a failure, makes a new one when the
 * operator has removed it, and goes on at its end when he has emptied it.
 *
 * Return: 0 or -errno.
 */
int log_file_check(struct log_file *f, struct log_buffer *b)
{
	struct stat st;
	int r;

	if (f->fd >= 0) {
		if (fstat(f->fd, &st) < 0)
			return -errno;
		if (st.st_nlink > 0) {
			b->now.file_bytes = (uint64_t)st.st_size;
			return 0;
		}
		close_fd(&f->fd);
	}
	r = log_file_open(f, b);
	if (r == 0)
		r = log_file_cut(f, b);
	if (r < 0)
		close_fd(&f->fd);
	return r;
}

/* What of @n bytes of records is whole records. */
static size_t whole_records(const char *records, size_t n)
{
	const char *last = n ? memrchr(records, '\n', n) : NULL;

	return last ? (size_t)(last + 1 - records) : 0;
}

/**
 * log_file_append() - write whole records at the end of the log
 * @records: each ended by a newline
 * @n: bytes of them; on return, those that are in the file
 *
 * The state knows of them afterwards, but it is for the caller to commit. When
 * not all can be written the file is cut back to whole records and closed: the
 * next batch tries to open it anew.
 *
 * Return: 0, or -errno why there are fewer.
 */
int log_file_append(struct log_file *f, struct log_buffer *b, const char *records, size_t *n)
{
	size_t done = 0;
	int r = f->fd < 0 ? -EBADF : 0;

	while (r == 0 && done < *n) {
		ssize_t w =
			pwrite(f->fd, records + done, *n - done, (off_t)(b->now.file_bytes + done));

		LOG_STEP();
		if (w > 0)
			done += (size_t)w;
		else if (w == 0 || errno != EINTR)
			r = w == 0 ? -EIO : -errno;
	}
	if (r < 0) {
		*n = whole_records(records, done);
		b->now.file_bytes += *n;
		(void)log_file_cut(f, b); /* tried again by log_file_check() */
		close_fd(&f->fd);
		return r;
	}
	b->now.file_bytes += *n;
	return 0;
}

static bool exists(const struct log_file *f, unsigned age)
{
	char name[NAME_MAX + 1];

	return file_name(name, f, age) == 0 &&
	       faccessat(f->dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int shift(const struct log_file *f, unsigned age)
{
	char from[NAME_MAX + 1], to[NAME_MAX + 1];
	int r = file_name(from, f, age);

	if (r == 0)
		r = file_name(to, f, age + 1);
	if (r < 0)
		return r;
	/* Not there any more: somebody was quicker, and that does as well. */
	r = renameat(f->dirfd, from, f->dirfd, to) < 0 && errno != ENOENT ? -errno : 0;
	LOG_STEP();
	return r;
}

static int remove_age(const struct log_file *f, unsigned age)
{
	char name[NAME_MAX + 1];
	int r = file_name(name, f, age);

	if (r < 0)
		return r;
	r = unlinkat(f->dirfd, name, 0) < 0 ? -errno : 0;
	LOG_STEP();
	return r;
}

/**
 * log_file_rotate() - put the current file away and start a new one
 *
 * All that was appended must be committed. Renames from the first gap in the
 * numbers, or over the oldest file. What is older than LogMaxFiles= allows,
 * since it allowed more once, is removed.
 *
 * Return: 0 or -errno; without a file then, until log_file_check() has one.
 */
int log_file_rotate(struct log_file *f, struct log_buffer *b)
{
	unsigned oldest = f->spec.max_files > 1 ? f->spec.max_files - 1 : 0;
	unsigned gap = 1;
	int r = log_file_cut(f, b);

	close_fd(&f->fd);
	while (gap < oldest && exists(f, gap))
		gap++;
	if (r == 0 && oldest == 0)
		r = remove_age(f, 0);
	for (unsigned to = gap; r == 0 && oldest > 0 && to > 0; to--)
		r = shift(f, to - 1);
	for (unsigned age = oldest + 1; r == 0 && remove_age(f, age) == 0;)
		age++;
	return r < 0 ? r : log_file_open(f, b);
}
