/* SPDX-License-Identifier: MIT */
/* Which systemd will read the units. */
#pragma once

unsigned manager_version(const char *root);
