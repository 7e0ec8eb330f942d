/* SPDX-License-Identifier: MIT */
/* From SeccompProfile= to the programs that containers are started with. */
#pragma once

#include "base/err.h"
#include "config/spec.h"

/*
 * Theory of operation
 *
 * Each file is read and compiled when the pod's file is read: at a start, reload or
 * takeover. What came of it stays in the spec, so that restarts and exec sessions
 * find it there, and a profile that changes on the disk changes nothing before the
 * next reload. podd-seccomp does the work, as nobody: a few milliseconds, and podd
 * waits, at most SECCOMP_TIMEOUT_MS. What it answers is checked for its size, and by
 * the kernel, when it is loaded.
 */
#define SECCOMP_TIMEOUT_MS 5000

int seccomp_files_load(struct pod_spec *spec, struct err *err);
void seccomp_files_adopt(struct pod_spec *spec);
