/* SPDX-License-Identifier: MIT */
/* The known word that somebody most likely meant. */
#pragma once

#include <stddef.h>

/* Starts with @word set; @found is NULL as long as no word is near. */
struct nearest {
	const char *word;
	const char *found;
	unsigned distance;
};

void nearest_try(struct nearest *n, const char *known);
