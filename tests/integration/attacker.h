/* SPDX-License-Identifier: MIT */
/* What an attacker in a container and the test that he races share. */
#pragma once

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

#define ATTACKER_CANARY	  "host-canary" /* a file that only the host has */
#define ATTACKER_SAW_HOST 3

enum attacker_way { ATTACKER_MEMORY, ATTACKER_DESCRIPTORS, ATTACKER_PTRACE, ATTACKER_WAYS };

/* In a file of a volume. */
struct attacker_board {
	uint64_t secret_at; /* in the memory of who starts containers */
	char secret[32];
	char canary[PATH_MAX / 2]; /* the canary's path on the host */
	pid_t last_attacker;
	int attackers_are;
	unsigned rounds[ATTACKER_WAYS];	 /* looks at all processes */
	unsigned reached[ATTACKER_WAYS]; /* processes that could be opened: programs of the
					  * container */
	unsigned gains[ATTACKER_WAYS];
	char text[ATTACKER_WAYS][64]; /* the first one */
};
