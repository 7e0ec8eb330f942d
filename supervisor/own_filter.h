/* SPDX-License-Identifier: MIT */
/* podd's own filter of system calls. */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "container/container.h"

/*
 * Theory of operation
 *
 * A filter is inherited by children, containers are podd's children, and none can be
 * taken off (seccomp(2)). So podd's own may refuse nothing that a container of the pod can
 * do: its seccomp filter is asked for each call of seccomp/own_calls.h (simulated, see
 * may_allow()), and what lets one through opens it for podd as well. And since an upgrade
 * executes another podd under it, which may use calls that this one does not know of, it
 * is a list of what is refused, not of what is allowed.
 *
 * That other podd is told the names of what is refused, by PODD_REFUSED_CALLS: it adds a
 * filter only when it refuses something more, or a filter would be added by each upgrade.
 *
 * A set is a mask, bit N for the Nth call; the last bit is for the whole x32 ABI, whose
 * numbers are others.
 */
#define OWN_FILTER_INSNS_MAX 512

uint64_t own_filter_needed(const struct container_spec *run, bool own_userns);
uint64_t own_filter_all(void);
const char *own_filter_name(unsigned call);
size_t own_filter_compile(struct sock_filter out[OWN_FILTER_INSNS_MAX], uint64_t refused);
int own_filter_load(uint64_t refused, struct err *err);

uint64_t own_filter_inherited(void);
int own_filter_bequeath(uint64_t refused);
