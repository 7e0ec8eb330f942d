/* SPDX-License-Identifier: MIT */
/* Extended attributes that a layer gives to a file, compared with what it has. */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "image/layer.h"

/* A list that owns what is in it; NULL is the empty one. */
struct attribute;

int attributes_take(struct attribute **list, struct layer_reader *l, struct err *err);
void attributes_move(struct attribute **to, struct attribute **from);
void attributes_free(struct attribute *list);
int attributes_compare(const struct attribute *list, int fd, const char *path, struct err *err);
