/* SPDX-License-Identifier: MIT */
/* Looking a system user up in passwd(5), and becoming it. */
#include "base/account.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/keyring.h"

#define LINE_SIZE 4096

/* Neither root nor "leave it as it is" (setresuid(2)); 16 bit programs take 65535 for that. */
static int is_unprivileged(uint32_t id)
{
	return id != 0 && id != UINT16_MAX && id != UINT32_MAX;
}

/**
 * account_find() - the user of that name, or nobody
 * @passwd: path of the file, which need not be there
 *
 * A line of more than LINE_SIZE ends the search: nobody is safe.
 */
struct account account_find(const char *passwd, const char *name)
{
	struct account found = ACCOUNT_NOBODY;
	struct passwd entry, *e;
	char line[LINE_SIZE];
	FILE *f = fopen(passwd, "re");

	if (!f)
		return found;
	while (fgetpwent_r(f, &entry, line, sizeof(line), &e) == 0) {
		if (strcmp(entry.pw_name, name) != 0)
			continue;
		if (is_unprivileged(entry.pw_uid) && is_unprivileged(entry.pw_gid))
			found = (struct account){ entry.pw_uid, entry.pw_gid };
		break;
	}
	(void)fclose(f);
	return found;
}

/**
 * account_become() - be that user, with its own group and an empty keyring, for good
 *
 * All capabilities go with root's id (capabilities(7)), unless they were told to stay.
 *
 * Return: 0 or -errno.
 */
int account_become(const struct account *who)
{
	int r = keyring_leave();

	if (r < 0)
		return r;
	if (setgroups(0, NULL) < 0 || setresgid(who->gid, who->gid, who->gid) < 0 ||
	    setresuid(who->uid, who->uid, who->uid) < 0)
		return -errno;
	return 0;
}
