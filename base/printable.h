/* SPDX-License-Identifier: MIT */
/* Text of strangers on a line of ours. */
#pragma once

void printable(char *s);
