/* SPDX-License-Identifier: MIT */
/* The bridge of a pod network: made by us, or the operator's used as it is. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "netns/link.h"
#include "netns/spec.h"

/*
 * Theory of operation
 *
 * A bridge that podd makes carries the alias "podd:OWNER", where OWNER names the
 * podd instance (its --root), and a MAC address made from OWNER and the name.
 * The kernel takes an alias only of a link that exists; until then, while the
 * bridge is still down, the MAC address tells whose it is. These marks are the
 * only memory of it:
 *
 *	no such link         made: alias, gateway address, firewall, up
 *	ours, in use         used; a firewall table that went missing comes back
 *	ours, not in use     left over by a crash in an unknown state: made anew
 *	                     (netns_acquire() sees before that no pod lives on it)
 *	of another OWNER     refused
 *	a bridge, no mark    the operator's: must have an address in the subnet,
 *	                     which is the gateway; nothing is added or removed
 *	not a bridge         refused
 *
 * Callers hold the lock of the network directory (netns/lease.h).
 */
int bridge_ensure(const struct netns_spec *spec, const char *owner, bool in_use, uint32_t *gateway,
		  struct err *err);
int bridge_restore(const struct netns_spec *spec, const char *owner, struct err *err);
bool bridge_is_ours(const struct link *link, const char *name, const char *owner);
int bridge_remove(const char *name, const char *owner, struct err *err);
