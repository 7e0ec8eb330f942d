/* SPDX-License-Identifier: MIT */
/* One value on its way from text to a member of the spec; the types of values. */
#pragma once

#include <stdint.h>
#include <string.h>

#include "config/diag.h"
#include "config/keys.h"
#include "config/text.h"

/*
 * Theory of operation
 *
 * A type's parse() reads the whole value and stores it, or notes each fault in
 * @diags at its place and leaves the member as it was. A list's parse() appends.
 * clear() frees what the member owns and empties it; a type without one is a
 * plain number. digest() goes on with a number that two values share only when
 * they say the same.
 */
struct config_value {
	const char *s; /* specifiers put in, no blanks around, not empty */
	const struct config_text *text; /* whose bytes start at @s; NULL: a default */
	const struct config_key *key;
	struct config_diags *diags;
};

struct config_type {
	int (*parse)(const struct config_value *v, void *member);
	void (*clear)(void *member);
	/* NULL: of the bytes of the key's size. */
	uint64_t (*digest)(const void *member, uint64_t h);
	/* Of types that count; on failure @bad is the part of @s that is no such number. */
	int (*number)(const char *s, const char **bad, uint64_t *out);
	const char *what; /* for "'x' is no ..." */
};

extern const struct config_type config_type_size, config_type_duration, config_type_percent,
	config_type_count, config_type_choice, config_type_signal, config_type_string,
	config_type_hostname, config_type_user, config_type_command, config_type_environment,
	config_type_path, config_type_rootfs, config_type_volume, config_type_tmpfs,
	config_type_image, config_type_policy, config_type_ifname, config_type_subnet,
	config_type_address, config_type_dns, config_type_capabilities, config_type_seccomp,
	config_type_sysctl, config_type_rlimit_size, config_type_rlimit_time,
	config_type_rlimit_count, config_type_idset, config_type_huge, config_type_device,
	config_type_credential, config_type_label;

/* At @at, which points into v->s. Return -EINVAL. */
int config_value_bad(const struct config_value *v, const char *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void config_value_store(const struct config_value *v, void *member, uint64_t number);
int config_value_string(char **member, const char *s, size_t n);
void config_clear_string(void *member);
void config_clear_strv(void *member);

uint64_t config_digest_bytes(uint64_t h, const void *bytes, size_t n);
uint64_t config_digest_text(uint64_t h, const char *s);
uint64_t config_digest_string(const void *member, uint64_t h);
uint64_t config_digest_strv(const void *member, uint64_t h);

int config_word_next(const struct config_value *v, const char **p, const char **at, char **out);
typedef int config_word_fn(const struct config_value *v, const char *at, const char *word,
			   void *ctx);
int config_each_word(const struct config_value *v, config_word_fn *fn, void *ctx);

/* Whether the @n bytes at @s are @word. */
static inline bool config_is_word(const char *s, size_t n, const char *word)
{
	return strlen(word) == n && strncmp(s, word, n) == 0;
}

int config_value_host_path(const struct config_value *v, const char *at, size_t n, char **out);
int config_size_parse(const char *s, const char **bad, uint64_t *out);
