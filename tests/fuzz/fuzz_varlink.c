/* SPDX-License-Identifier: MIT */
/* Fuzzes how the bytes of a control client become messages. */
#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/varlink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was understood must come out the same when it is sent on. */
static void check_round_trip(const json_t *message)
{
	struct varlink_output out = { 0 };
	json_t *again = NULL;
	struct err err;

	if (varlink_output_put(&out, message, &err) == 0) {
		assert(json_text_parse(&again, out.data, out.end - 1, &err) == 0);
		assert(json_equal(message, again));
		json_decref(again);
	}
	varlink_output_done(&out);
}

/* The first byte says in pieces of which size the rest arrives. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t piece = size > 0 && data[0] ? data[0] : 256;
	struct varlink_input in = { 0 };
	struct varlink_reply reply;
	struct varlink_call call;
	struct err err;
	json_t *message;
	int s[2];

	if (size > VARLINK_MESSAGE_MAX || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s) < 0)
		return 0;
	for (size_t at = 1; at < size; at += piece) {
		size_t n = size - at < piece ? size - at : piece;

		assert(send(s[0], data + at, n, 0) == (ssize_t)n);
		assert(varlink_input_read(&in, s[1], &err) == (ssize_t)n);
		while (varlink_input_next(&in, &message, &err) == 0 && message) {
			(void)varlink_call_read(&call, message, &err);   /* only must not crash */
			(void)varlink_reply_read(&reply, message, &err); /* as above */
			check_round_trip(message);
			json_decref(message);
		}
	}
	varlink_input_done(&in);
	close_fd(&s[0]);
	close_fd(&s[1]);
	return 0;
}
