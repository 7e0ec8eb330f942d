/* SPDX-License-Identifier: MIT */
/* Text of strangers on a line of ours. */
#include "base/printable.h"

#include <stdbool.h>

/* U+0080 to U+009F, as UTF-8 has them: terminals act on these, too. */
static bool is_c1(const unsigned char *s)
{
	return s[0] == 0xc2 && s[1] >= 0x80 && s[1] <= 0x9f;
}

/**
 * printable() - take out of a string what a terminal, a log or a protocol of lines would act on
 *
 * Control characters of ASCII, DEL and those of C1 become '?'.
 */
void printable(char *s)
{
	unsigned char *to = (unsigned char *)s;

	for (const unsigned char *from = to; *from; from++) {
		bool c1 = is_c1(from);

		*to++ = c1 || *from < 0x20 || *from == 0x7f ? '?' : *from;
		from += c1;
	}
	*to = '\0';
}
