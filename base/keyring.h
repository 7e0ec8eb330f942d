/* SPDX-License-Identifier: MIT */
/* The session keyring, which comes with a process: keyrings(7). */
#pragma once

int keyring_leave(void);
