/* SPDX-License-Identifier: MIT */
/* podd's own seccomp filter, and the choice of one. */
#include "container/filter.h"

#include <errno.h>
#include <linux/filter.h>

#include "base/fd.h"
#include "seccomp_default.h" /* default_program, made at the build */

static bool default_suffices(const struct container_spec *spec)
{
	return (container_bounding_set(&spec->capabilities) & DEFAULT_CAPABILITIES) == 0;
}

/**
 * container_filter_is_external() - whether podd-seccomp has to compile the filter
 *
 * It has to for a file, and for podd's own profile when the container has a capability
 * that this one permits something for (CAP_SYS_PTRACE: ptrace).
 */
bool container_filter_is_external(const struct container_spec *spec)
{
	return spec->seccomp.mode == CONTAINER_SECCOMP_FILE ||
	       (spec->seccomp.mode == CONTAINER_SECCOMP_DEFAULT && !default_suffices(spec));
}

/**
 * container_filter_find() - the filter for a container's program and for what is executed in it
 * @out: borrowed from @spec, or a constant; of length 0 only with SeccompProfile=unconfined
 *	and audit:
 *
 * Return: 0; -ENOKEY with @err filled when its program was not compiled: nothing is
 * to be started without it.
 */
int container_filter_find(struct container_filter *out, const struct container_spec *spec,
			  struct err *err)
{
	const struct container_seccomp *s = &spec->seccomp;

	*out = (struct container_filter){ 0 };
	out->audit = s->mode == CONTAINER_SECCOMP_AUDIT;
	if (out->audit || s->mode == CONTAINER_SECCOMP_UNCONFINED)
		return 0;
	if (!container_filter_is_external(spec))
		*out = (struct container_filter){ .len = ARRAY_SIZE(default_program),
						  .program = default_program };
	else if (s->program_n > 0)
		*out = (struct container_filter){ .len = s->program_n, .program = s->program };
	else
		return err_set(err, ENOKEY, "the seccomp profile%s%s could not be loaded",
			       s->path ? " " : "", s->path ? s->path : "");
	return 0;
}
