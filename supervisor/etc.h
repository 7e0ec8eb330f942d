/* SPDX-License-Identifier: MIT */
/* The files that podd writes into a container's /etc. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "config/spec.h"

#define ETC_HOSTS_SIZE	 512
#define ETC_RESOLV_SIZE	 4096
#define ETC_NAME_SIZE	 80

struct etc_texts {
	char hostname[ETC_NAME_SIZE];
	char hosts[ETC_HOSTS_SIZE];
	char resolv_conf[ETC_RESOLV_SIZE];
};

void etc_compose(struct etc_texts *out, const struct pod_spec *spec, uint32_t address);
void etc_resolv_copy(char *out, size_t size, const char *host_text, bool keep_loopback);
