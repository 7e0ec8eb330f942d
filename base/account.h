/* SPDX-License-Identifier: MIT */
/* Whom helpers without privileges run as: a user of the host's that is theirs alone. */
#pragma once

#include <sys/types.h>

/*
 * Theory of operation
 *
 * Whoever else has a helper's id may send it signals. So each has a user of its own
 * (systemd/podd.sysusers), whose number is the host's to choose: it is looked up in
 * passwd(5) itself, without NSS, since a static program has none. Where it is not
 * there, or is root, the helper is nobody, which others may be as well.
 */
struct account {
	uid_t uid;
	gid_t gid;
};

#define ACCOUNT_NOBODY ((struct account){ 65534, 65534 }) /* in every distribution */

struct account account_find(const char *passwd, const char *name);
int account_become(const struct account *who);
