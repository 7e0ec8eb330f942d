/* SPDX-License-Identifier: MIT */
/* Mutations of a layer that leave it a tar with good sums: others end at the first header. */
#pragma once

#include "tests/fuzz/layer_seeds.h"

#define MUTANT_MAX (64 * 1024) /* bytes, unpacked */

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);

/* Where a header has its fields (tar(5), ustar), the type twice; and all of it. */
static const struct {
	size_t at, n;
} tar_fields[] = {
	{ 0, 100 },  { 100, 8 }, { 108, 8 }, { 116, 8 },   { 124, 12 },
	{ 136, 12 }, { 156, 1 }, { 156, 1 }, { 157, 100 }, { 257, 8 },
	{ 265, 32 }, { 329, 8 }, { 337, 8 }, { 345, 155 }, { 0, TAR_BLOCK },
};

static inline bool is_header(const uint8_t *block)
{
	return memcmp(block + 257, "ustar", 5) == 0;
}

static inline void set_sum(uint8_t *block)
{
	unsigned sum = 0;

	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += block[i];
	snprintf((char *)block + 148, 8, "%06o", sum);
}

static inline void mutate_block(uint8_t *block, unsigned *seed)
{
	size_t kinds = ARRAY_SIZE(tar_fields), which = (size_t)rand_r(seed) % kinds;
	size_t at = tar_fields[which].at, n = tar_fields[which].n, now;
	bool header = is_header(block);

	if (!header)
		at = 0, n = TAR_BLOCK;
	now = LLVMFuzzerMutate(block + at, n, n);
	memset(block + at + now, 0, n - now);
	if (header)
		set_sum(block);
}

/* A block, or those of an entry, once more at another place. */
static inline void repeat_blocks(struct bytes *tar, unsigned *seed)
{
	size_t blocks = tar->n / TAR_BLOCK, from = (size_t)rand_r(seed) % blocks;
	size_t to = (size_t)rand_r(seed) % (blocks + 1), n = 1 + (size_t)rand_r(seed) % 3;
	char copy[3 * TAR_BLOCK];

	n = (n > blocks - from ? blocks - from : n) * TAR_BLOCK;
	memcpy(copy, tar->p + from * TAR_BLOCK, n);
	bytes_add(tar, copy, n);
	memmove(tar->p + to * TAR_BLOCK + n, tar->p + to * TAR_BLOCK, tar->n - n - to * TAR_BLOCK);
	memcpy(tar->p + to * TAR_BLOCK, copy, n);
}

static inline void drop_block(struct bytes *tar, unsigned *seed)
{
	size_t at = (size_t)rand_r(seed) % (tar->n / TAR_BLOCK) * TAR_BLOCK;

	memmove(tar->p + at, tar->p + at + TAR_BLOCK, tar->n - at - TAR_BLOCK);
	tar->n -= TAR_BLOCK;
}

static inline void mutate_tar(struct bytes *tar, unsigned *seed)
{
	size_t blocks = tar->n / TAR_BLOCK;

	switch (rand_r(seed) % 8) {
	case 0:
		if (tar->n < MUTANT_MAX)
			repeat_blocks(tar, seed);
		break;
	case 1:
		drop_block(tar, seed);
		break;
	default:
		mutate_block((uint8_t *)tar->p + (size_t)rand_r(seed) % blocks * TAR_BLOCK, seed);
		break;
	}
}

/* Return: whether it could be unpacked, and there is a block. */
static inline bool unpack_tar(struct bytes *out, const uint8_t *data, size_t size,
			      enum image_media media)
{
	struct archive *a;
	struct archive_entry *e;
	la_ssize_t n = -1;
	char buf[4096];

	if (media == IMAGE_MEDIA_TAR) {
		bytes_add(out, data, size);
		return size >= TAR_BLOCK && size <= MUTANT_MAX;
	}
	a = archive_read_new();
	assert_non_null(a);
	(void)archive_read_support_filter_gzip(a);
	(void)archive_read_support_filter_zstd(a);
	(void)archive_read_support_format_raw(a);
	if (archive_read_open_memory(a, data, size) == ARCHIVE_OK &&
	    archive_read_next_header(a, &e) == ARCHIVE_OK)
		while (out->n < MUTANT_MAX && (n = archive_read_data(a, buf, sizeof(buf))) > 0)
			bytes_add(out, buf, (size_t)n);
	archive_read_free(a);
	return n == 0 && out->n >= TAR_BLOCK;
}

/* libFuzzer calls it for each input: one in eight gets mutations of any kind. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	enum image_media media = size > 0 ? IMAGE_MEDIA_TAR + data[0] % 3 : IMAGE_MEDIA_TAR;
	struct bytes tar = { 0 }, packed = { 0 };
	size_t n = 0;

	if (size > 1 && rand_r(&seed) % 8 && unpack_tar(&tar, data + 1, size - 1, media)) {
		mutate_tar(&tar, &seed);
		if (rand_r(&seed) % 16 == 0)
			media = IMAGE_MEDIA_TAR + (unsigned)rand_r(&seed) % 3;
		if (media == IMAGE_MEDIA_TAR)
			bytes_add(&packed, tar.p, tar.n);
		else
			pack(&packed, &tar, media);
		n = packed.n + 1;
	}
	if (n > 1 && n <= max) {
		data[0] = (uint8_t)(media - IMAGE_MEDIA_TAR);
		memcpy(data + 1, packed.p, packed.n);
	} else {
		n = LLVMFuzzerMutate(data, size, max);
	}
	bytes_done(&tar);
	bytes_done(&packed);
	return n;
}
