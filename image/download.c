/* SPDX-License-Identifier: MIT */
/* Parallel transfers over curl_multi. */
#include "image/download.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/io.h"
#include "image/hash.h"
#include "image/leftovers.h"

#define POLL_MS 1000
#define READ_SIZE ((size_t)64 * 1024)

/* One blob under way; free when @want is NULL. */
struct download {
	const struct download_args *args;
	const struct image_descriptor *want;
	struct registry_walk walk;
	struct http_transfer t;
	struct hash hash;
	int fd;
	uint64_t got;
	unsigned tries;		/* that have ended badly */
	uint64_t again_ns;	/* when the next one is made, CLOCK_BOOTTIME; 0: one is under way */
	bool arriving;	/* the head of this answer was found good */
	bool wrong;	/* what came is no part of the blob */
	bool mixed;	/* it begins with what was left of a former pull */
	struct err err; /* why no more is taken, or code 0 */
};

struct downloads {
	const struct download_args *args;
	CURLM *multi;
	struct download slots[DOWNLOAD_PARALLEL];
	unsigned next, done; /* of the blobs */
};

/* ------------------------------------------------------------------- one's bytes */

static int begin_again(struct download *d)
{
	d->args->progress->done_bytes -= d->got;
	d->got = 0;
	d->wrong = d->mixed = false;
	hash_done(&d->hash);
	if (ftruncate(d->fd, 0) < 0 || lseek(d->fd, 0, SEEK_SET) < 0)
		return err_sys(&d->err, "write");
	return hash_begin(&d->hash, &d->err);
}

static int check_head(struct download *d, long status)
{
	d->arriving = true;
	if (status == 200)
		return d->got > 0 ? begin_again(d) : 0;
	if (!d->t.head.ranged || d->t.head.range_from != d->got)
		return err_set(&d->err, EPROTO, "its answer is another part than byte %llu on",
			       (unsigned long long)d->got);
	return 0;
}

/* A http_take_fn. */
static bool take(void *download, const char *buf, size_t n)
{
	struct download *d = download;
	long status = http_status(&d->t);
	int r;

	if (status != 200 && status != 206)
		return false; /* no part of the blob: only the status counts */
	if (!d->arriving && check_head(d, status) < 0)
		return false;
	if (n > d->want->size - d->got) {
		d->wrong = true;
		(void)err_set(&d->err, EFBIG, "it has more than the %llu bytes of its descriptor",
			      (unsigned long long)d->want->size);
		return false;
	}
	hash_add(&d->hash, buf, n);
	r = io_write_all(d->fd, buf, n);
	if (r < 0)
		(void)err_set(&d->err, -r, "write: %s", strerror(-r));
	d->got += n;
	d->args->progress->done_bytes += n;
	return r == 0;
}

/* -------------------------------------------------------------------- requests */

static int ask(struct downloads *all, struct download *d, struct err *err)
{
	struct registry *r = all->args->registry;
	struct http_request rq = {
		.url = d->walk.url,
		.authorization = registry_authorization(r, &d->walk),
		.from = d->got,
		.take = take,
		.ctx = d,
	};
	int ret = http_begin(&d->t, r->http, &rq, err);

	d->arriving = false;
	if (ret == 0 && curl_multi_add_handle(all->multi, d->t.easy) != CURLM_OK)
		ret = err_set(err, ENOMEM, "make a request: out of memory");
	return ret;
}

static void end_request(struct downloads *all, struct download *d)
{
	if (d->t.easy)
		(void)curl_multi_remove_handle(all->multi, d->t.easy); /* one not added is none */
	http_end(&d->t);
}

static int check_digest(struct download *d, struct err *err)
{
	struct digest is;

	hash_end(&d->hash, &is);
	d->wrong = !digest_equal(&is, &d->want->digest);
	return d->wrong ? err_set(err, EBADMSG, "its digest is " DIGEST_PREFIX "%s", is.hex) : 0;
}

/* What is left of a former pull counts as come. @whole: it is all there is of the blob. */
static int take_up(struct download *d, bool *whole, struct err *err)
{
	char buf[READ_SIZE];
	ssize_t n = 1;

	while (n > 0 && d->got <= d->want->size) {
		n = read(d->fd, buf, sizeof(buf));
		if (n < 0)
			return err_sys(err, "read what is left of it");
		hash_add(&d->hash, buf, (size_t)n);
		d->got += (uint64_t)n;
		d->args->progress->done_bytes += (uint64_t)n;
	}
	*whole = d->got == d->want->size && check_digest(d, NULL) == 0;
	d->mixed = d->got > 0;
	if (*whole || d->got < d->want->size)
		return 0;
	return begin_again(d) < 0 ? err_set(err, d->err.code, "%s", d->err.msg) : 0;
}

/* @whole: it was there, and nobody is asked. */
static int begin(struct downloads *all, struct download *d, const struct image_descriptor *want,
		 bool *whole, struct err *err)
{
	const struct download_args *args = all->args;
	int r;

	*d = (struct download){ .args = args, .want = want, .fd = -EBADF };
	*whole = false;
	d->fd = leftovers_take(args->former_fd, args->blobs_fd, &want->digest);
	if (d->fd < 0)
		d->fd = openat(args->blobs_fd, want->digest.hex,
			       O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (d->fd < 0)
		return err_sys(err, "create a file for it");
	r = hash_begin(&d->hash, err);
	if (r == 0)
		r = take_up(d, whole, err);
	if (r < 0 || *whole)
		return r;
	r = registry_blob_url(&d->walk, args->registry, &want->digest, err);
	return r < 0 ? r : ask(all, d, err);
}

/* @whole: else what there is of it is for the next pull, if that can use it. */
static void end(struct downloads *all, struct download *d, bool whole)
{
	const struct download_args *args = all->args;

	end_request(all, d);
	hash_done(&d->hash);
	close_fd(&d->fd);
	if (!whole && !d->wrong && args->former_fd >= 0)
		leftovers_give(args->former_fd, args->blobs_fd, &d->want->digest);
	else if (!whole)
		/* or the job's end does it */
		(void)unlinkat(args->blobs_fd, d->want->digest.hex, 0);
	d->want = NULL;
}

static void end_whole(struct downloads *all, struct download *d)
{
	end(all, d, true);
	all->done++;
	all->args->progress->layer = all->done < all->args->n ? all->done + 1 : all->done;
}

static int too_often(const struct download *d, CURLcode code, struct err *err)
{
	int r = code != CURLE_OK ? http_failure(&d->t, code, err) : err_set(err, EIO, "it ends");

	return err_wrap(err, r, "after %llu of %llu bytes, tried %u times",
			(unsigned long long)d->got, (unsigned long long)d->want->size, d->tries);
}

static void wait_for_more(struct downloads *all, struct download *d)
{
	uint64_t ms = http_wait_ms(&d->t, d->tries);

	end_request(all, d);
	d->again_ns = clock_boottime_ns() + ms * NSEC_PER_MSEC;
}

/* The rest from the registry's own address on: where that led may not be good for long. */
static int ask_again(struct downloads *all, struct download *d, struct err *err)
{
	int r = registry_blob_url(&d->walk, all->args->registry, &d->want->digest, err);

	d->again_ns = 0;
	return r < 0 ? r : ask(all, d, err);
}

/* What was left was no part of the blob: it is not this registry's fault. */
static int ask_from_begin(struct downloads *all, struct download *d, struct err *err)
{
	end_request(all, d);
	if (begin_again(d) < 0)
		return err_set(err, d->err.code, "%s", d->err.msg);
	return ask_again(all, d, err);
}

/* A request has ended. @whole: and with it the blob. */
static int on_end(struct downloads *all, struct download *d, CURLcode code, bool *whole,
		  struct err *err)
{
	long status = http_status(&d->t);
	bool good = status == 200 || status == 206, again;
	bool broken = http_is_broken(code) || (good && code == CURLE_OK);
	unsigned retries = all->args->registry->http->retries;
	int r;

	*whole = false;
	if (d->err.code)
		return err_set(err, d->err.code, "%s", d->err.msg);
	if (good && d->got == d->want->size) {
		r = check_digest(d, err);
		*whole = r == 0;
		return r < 0 && d->mixed ? ask_from_begin(all, d, err) : r;
	}
	if ((broken || http_not_now(&d->t)) && d->tries++ < retries) {
		wait_for_more(all, d);
		return 0;
	}
	if (broken)
		return too_often(d, code, err);
	/* Of an answer that is no blob, the body was not taken. */
	if (good || (code != CURLE_OK && (code != CURLE_WRITE_ERROR || status == 0)))
		return http_failure(&d->t, code, err);
	r = registry_answer(all->args->registry, &d->walk, &d->t, &again, err);
	if (r < 0)
		return r;
	end_request(all, d);
	return ask(all, d, err);
}

/* ------------------------------------------------------------------------- all */

static int fill_slot(struct downloads *all, struct download *d, struct err *err)
{
	while (!d->want && all->next < all->args->n) {
		const struct image_descriptor *want = &all->args->blobs[all->next++];
		bool whole;
		int r = begin(all, d, want, &whole, err);

		if (r < 0)
			return err_wrap(err, r, "blob '%s'", want->digest.hex);
		if (whole)
			end_whole(all, d);
	}
	return 0;
}

static int fill_slots(struct downloads *all, struct err *err)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < DOWNLOAD_PARALLEL; i++)
		r = fill_slot(all, &all->slots[i], err);
	return r;
}

/* Return: how many requests have ended, or -errno with @err filled. */
static int take_ends(struct downloads *all, struct err *err)
{
	const CURLMsg *m;
	int left, n = 0;

	while ((m = curl_multi_info_read(all->multi, &left))) {
		struct download *d;
		bool whole;
		int r;

		if (m->msg != CURLMSG_DONE ||
		    curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&d) != CURLE_OK)
			continue;
		n++;
		r = on_end(all, d, m->data.result, &whole, err);
		if (r < 0)
			return err_wrap(err, r, "blob '%s'", d->want->digest.hex);
		if (whole)
			end_whole(all, d);
	}
	return n;
}

/*
 * Asks for what has waited long enough.
 *
 * Return: how many milliseconds there are until the next one that has not, or
 * -errno with @err filled.
 */
static int wake_slots(struct downloads *all, struct err *err)
{
	uint64_t now_ns = clock_boottime_ns();
	int wait_ms = POLL_MS;

	for (unsigned i = 0; i < DOWNLOAD_PARALLEL; i++) {
		struct download *d = &all->slots[i];
		int r;

		if (!d->want || d->again_ns == 0)
			continue;
		if (d->again_ns > now_ns) {
			uint64_t ms = (d->again_ns - now_ns) / NSEC_PER_MSEC + 1;

			wait_ms = ms < (uint64_t)wait_ms ? (int)ms : wait_ms;
			continue;
		}
		r = ask_again(all, d, err);
		if (r < 0)
			return err_wrap(err, r, "blob '%s'", d->want->digest.hex);
	}
	return wait_ms;
}

static int run(struct downloads *all, struct err *err)
{
	int running, wait_ms, r = 0;

	while (r >= 0 && all->done < all->args->n) {
		r = fill_slots(all, err);
		wait_ms = r = r < 0 ? r : wake_slots(all, err);
		if (r < 0)
			return r;
		if (curl_multi_perform(all->multi, &running) != CURLM_OK)
			return err_set(err, ENOMEM, "download: out of memory");
		r = take_ends(all, err);
		if (r == 0 && curl_multi_poll(all->multi, NULL, 0, wait_ms, NULL) != CURLM_OK)
			return err_set(err, ENOMEM, "download: out of memory");
	}
	return r < 0 ? r : 0;
}

/**
 * download_blobs() - fetch blobs into a directory, each whole and of its digest
 *
 * Return: 0 or -errno with @err filled; those that are whole stay then.
 */
int download_blobs(const struct download_args *args, struct err *err)
{
	struct downloads all = { .args = args, .multi = curl_multi_init() };
	struct worker_progress *p = args->progress;
	int r;

	p->layer_n = args->n;
	p->layer = args->n > 0;
	p->done_bytes = p->total_bytes = 0;
	for (unsigned i = 0; i < args->n; i++)
		p->total_bytes += args->blobs[i].size;
	r = all.multi ? run(&all, err) : err_set(err, ENOMEM, "download: out of memory");
	for (unsigned i = 0; i < DOWNLOAD_PARALLEL; i++)
		if (all.slots[i].want)
			end(&all, &all.slots[i], false);
	(void)curl_multi_cleanup(all.multi); /* nothing useful can be done on failure */
	return r;
}
