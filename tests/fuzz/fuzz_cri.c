/* SPDX-License-Identifier: MIT */
/* libFuzzer entry of cri_parse(): in bounds, and what podd writes comes back. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Aborts when the parser breaks its word; reads out of bounds are ASan's. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = malloc(size ? size : 1);
	struct cri_line l, again;
	char head[CRI_HEAD_SIZE];

	if (!line)
		return 0;
	if (size)
		memcpy(line, data, size);
	if (cri_parse(&l, line, size) == 0) {
		if (l.text + l.text_n != line + size || l.stamp != line || l.stamp_n >= size)
			abort();
		cri_head(head, l.realtime_ns, l.stream, l.partial);
		if (cri_parse(&again, head, sizeof(head)) < 0 ||
		    again.realtime_ns != l.realtime_ns || again.stream != l.stream ||
		    again.partial != l.partial || again.text_n != 0)
			abort();
	}
	free(line);
	return 0;
}
