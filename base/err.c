/* SPDX-License-Identifier: MIT */
/* Filling and wrapping of struct err. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/printable.h"

/* The largest errno the kernel hands out (include/linux/err.h, MAX_ERRNO). */
#define ERRNO_MAX 4095

static void append_text(struct err *e, int code)
{
	size_t n = strlen(e->msg);

	/* strerrordesc_np() is glibc only; strerror() is what both libcs have. */
	snprintf(e->msg + n, sizeof(e->msg) - n, ": %s", strerror(code));
}

/**
 * err_set() - fill an error with a sentence of our own
 * @e: the caller's error, or NULL when only the code matters
 * @code: positive errno that a caller may act on
 *
 * Return: -@code, so that it can be the operand of return.
 */
int err_set(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;

	if (code <= 0 || code > ERRNO_MAX)
		code = EIO;
	if (e) {
		e->key = e->of = NULL;
		e->code = code;
		va_start(ap, fmt);
		vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
		va_end(ap);
		printable(e->msg);
	}
	return -code;
}

/**
 * err_sys() - fill an error from errno
 * @e: the caller's error, or NULL
 *
 * The sentence gets ": " and the text of errno appended. Call it right after
 * the call that failed.
 *
 * Return: -errno.
 */
int err_sys(struct err *e, const char *fmt, ...)
{
	int code = errno > 0 && errno <= ERRNO_MAX ? errno : EIO;
	va_list ap;

	if (e) {
		e->key = e->of = NULL;
		e->code = code;
		va_start(ap, fmt);
		vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
		va_end(ap);
		printable(e->msg);
		append_text(e, code);
	}
	return -code;
}

/**
 * err_about() - name the key of the pod file that a sentence is about
 * @e: the error that the failed call filled, or NULL
 * @r: what the failed call returned (negative)
 * @key: a constant; or NULL: nothing is said
 * @nth: which one of a key that makes a list, from 0
 *
 * Who knew before, nearer to what failed, knew better.
 *
 * Return: @r.
 */
int err_about(struct err *e, int r, const char *key, unsigned nth)
{
	if (e && !e->key && key) {
		e->key = key;
		e->nth = nth;
	}
	return r;
}

/**
 * err_wrap() - put "context: " before a sentence that is already there
 * @e: the error that the failed call filled, or NULL
 * @r: what the failed call returned (negative)
 *
 * Wrap once per layer, not once per frame.
 *
 * Return: @r.
 */
int err_wrap(struct err *e, int r, const char *fmt, ...)
{
	char inner[sizeof(e->msg)];
	va_list ap;
	size_t n;

	if (!e)
		return r;
	memcpy(inner, e->msg, sizeof(inner));
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	printable(e->msg);
	n = strlen(e->msg);
	snprintf(e->msg + n, sizeof(e->msg) - n, ": %s", inner);
	if (!e->code)
		e->code = r < 0 ? -r : EIO;
	return r;
}
