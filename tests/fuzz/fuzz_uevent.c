/* SPDX-License-Identifier: MIT */
/* libFuzzer entry of uevent_is_of_a_node(): in bounds, and what follows takes nothing back. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/uevent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool ask(const uint8_t *data, size_t n)
{
	char *exact = malloc(n ? n : 1); /* ASan sees a read past it */
	bool yes;

	if (!exact)
		return false;
	if (n)
		memcpy(exact, data, n);
	yes = uevent_is_of_a_node(exact, n);
	free(exact);
	return yes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A prefix too short for udev's numbers is read in the other form. */
	if (ask(data, size) < ask(data, size / 2) && size / 2 > 24)
		abort();
	return 0;
}
