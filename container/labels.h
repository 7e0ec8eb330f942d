/* SPDX-License-Identifier: MIT */
/* SELinuxContext= and AppArmorProfile=: what the program is to the host's LSM. */
#pragma once

#include "base/err.h"
#include "container/spec.h"

/* Those of a container that the host's kernel takes. */
struct labels {
	bool wanted[CONTAINER_LABEL_N];
};

bool labels_are_asked(const struct container_spec *spec);
int labels_check(struct labels *out, const struct container_spec *spec, int sys_dirfd,
		 struct err *err);
int labels_open(int *attr_dirfd_out, struct err *err);
int labels_write(int attr_dirfd, const struct labels *labels, const struct container_spec *spec,
		 struct err *err);
int labels_explain(struct err *err, int r, const struct labels *labels,
		   const struct container_spec *spec);
