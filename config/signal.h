/* SPDX-License-Identifier: MIT */
/* Names of signals. */
#pragma once

#include <stddef.h>

#define SIGNAL_NAME_SIZE 16

int signal_parse(const char *text);
const char *signal_name(int number, char buf[SIGNAL_NAME_SIZE]);
