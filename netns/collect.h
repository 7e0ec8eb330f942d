/* SPDX-License-Identifier: MIT */
/* Pods that live although their lease is lost. */
#pragma once

#include <stdbool.h>

#include "netns/link.h"
#include "netns/netns.h"

bool collect_live_port(int sock, const struct netns_pod *asks, const struct link *bridge,
		       char name[LINK_ALIAS_SIZE]);
