/* SPDX-License-Identifier: MIT */
/* Text for people: columns, colours, nothing that drives a terminal. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 10

/* Rows of cells, printed in columns. Starts as { .columns = N }. */
struct table {
	size_t columns;
	int state_column; /* coloured by what it says; -1: none */
	char **cells;
	size_t n;
};

void table_add(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void table_print(const struct table *t, FILE *out, bool colour);
void table_done(struct table *t);

const char *text_clean(char *buf, size_t size, const char *s);
void text_put_foreign(FILE *out, const char *text, size_t n);
const char *text_state_colour(const char *state);
#define TEXT_COLOUR_END "\033[0m"
