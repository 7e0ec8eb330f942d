/* SPDX-License-Identifier: MIT */
/* Sums, and the sentences of their refusal. */
#include "image/room.h"

#include <errno.h>
#include <sys/statvfs.h>

#define COMPRESSED_TIMES 2

static uint64_t sum(uint64_t a, uint64_t b)
{
	return b > UINT64_MAX - a ? UINT64_MAX : a + b;
}

static unsigned long long mib(uint64_t bytes)
{
	return (unsigned long long)(bytes >> 20);
}

/**
 * room_claim() - a blob that the store has is one that must stay, if it was not
 * @room: in a worker, whose memory is its own
 */
void room_claim(struct room *room, const struct digest *blob)
{
	json_int_t bytes = json_integer_value(json_object_get(room->losable, blob->hex));

	if (bytes <= 0)
		return;
	room->kept_bytes = sum(room->kept_bytes, (uint64_t)bytes);
	(void)json_object_del(room->losable, blob->hex); /* it is there */
}

/**
 * room_done() - free what it has a list of
 */
void room_done(struct room *room)
{
	json_decref(room->losable);
	room->losable = NULL;
}

/**
 * room_add() - one more blob, and the layer that it is, if it is one
 */
void room_add(struct room_need *need, const struct image_descriptor *d)
{
	uint64_t times = d->media == IMAGE_MEDIA_TAR ? 1 : COMPRESSED_TIMES;

	need->packed_bytes = sum(need->packed_bytes, d->size);
	if (d->media < IMAGE_MEDIA_TAR) /* no layer */
		return;
	for (uint64_t i = 0; i < times; i++)
		need->unpacked_bytes = sum(need->unpacked_bytes, d->size);
}

static int free_bytes(uint64_t *out, int fd, struct err *err)
{
	struct statvfs fs;

	if (fstatvfs(fd, &fs) < 0)
		return err_sys(err, "look how much room there is");
	*out = (uint64_t)fs.f_bavail * fs.f_frsize;
	return 0;
}

/**
 * room_check_copy() - whether a file system has room for a file
 * @fd: of anything on it
 *
 * Return: 0; -ENOSPC or -errno with @err filled.
 */
int room_check_copy(int fd, uint64_t bytes, struct err *err)
{
	uint64_t room = 0;
	int r = free_bytes(&room, fd, err);

	if (r < 0 || bytes <= room)
		return r;
	return err_set(err, ENOSPC, "it has %llu MiB to be copied, and %llu MiB are free",
		       mib(bytes), mib(room));
}

/**
 * room_check_disk() - whether a file system has room
 * @fd: of anything on it
 * @bytes: to be written
 * @need: what it is for
 *
 * Return: 0; -ENOSPC or -errno with @err filled.
 */
int room_check_disk(int fd, uint64_t bytes, const struct room_need *need, struct err *err)
{
	uint64_t room = 0;
	int r = free_bytes(&room, fd, err);

	if (r < 0 || bytes <= room)
		return r;
	return err_set(err, ENOSPC,
		       "it needs about %llu MiB (%llu MiB of blobs, about %llu MiB unpacked), and "
		       "%llu MiB are free",
		       mib(bytes), mib(need->packed_bytes), mib(need->unpacked_bytes), mib(room));
}

/**
 * room_check_budget() - whether the budget has room, once all is gone that may go
 *
 * Return: 0, or -EDQUOT with @err filled.
 */
int room_check_budget(const struct room *room, const struct room_need *need, struct err *err)
{
	uint64_t bytes = sum(need->packed_bytes, need->unpacked_bytes);

	/* What adds nothing makes nothing worse. */
	if (room->budget_bytes == ROOM_NO_BUDGET || bytes == 0 ||
	    sum(room->kept_bytes, bytes) <= room->budget_bytes)
		return 0;
	return err_set(err, EDQUOT,
		       "it needs about %llu MiB (%llu MiB of blobs, about %llu MiB unpacked), "
		       "and the image store's budget of %llu MiB has %llu MiB of what must stay",
		       mib(bytes), mib(need->packed_bytes), mib(need->unpacked_bytes),
		       mib(room->budget_bytes), mib(room->kept_bytes));
}

/**
 * room_budget_left() - the bytes that may still be unpacked, beside what must stay
 * @packed: bytes of all blobs that come
 * @unpacked: bytes of what has come of them so far
 *
 * Return: UINT64_MAX without a budget.
 */
uint64_t room_budget_left(const struct room *room, uint64_t packed, uint64_t unpacked)
{
	uint64_t taken = sum(room->kept_bytes, sum(packed, unpacked));

	if (room->budget_bytes == ROOM_NO_BUDGET)
		return UINT64_MAX;
	return taken < room->budget_bytes ? room->budget_bytes - taken : 0;
}

/**
 * room_check_taken() - whether what has come fits into the budget beside what must stay
 * @claimed: bytes of the store's that stay with it
 * @bytes: that it takes of the disk
 *
 * Return: 0, or -EDQUOT with @err filled.
 */
int room_check_taken(const struct room *room, uint64_t claimed, uint64_t bytes, struct err *err)
{
	uint64_t kept = sum(room->kept_bytes, claimed);

	if (bytes == 0 || sum(kept, bytes) <= room->budget_bytes)
		return 0;
	return err_set(err, EDQUOT,
		       "it takes %llu MiB, and the image store's budget of %llu MiB has "
		       "%llu MiB of what must stay",
		       mib(bytes), mib(room->budget_bytes), mib(kept));
}
