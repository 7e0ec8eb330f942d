/* SPDX-License-Identifier: MIT */
/* image/: references, digests and media types, on plain text. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/printable.h"
#include "image/digest.h"
#include "image/manifest.h"
#include "image/ref.h"

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define A     "sha256:" HEX_A
#define B     "sha256:" HEX_B

#define OCI	 "application/vnd.oci.image."
#define DOCKER	 "application/vnd.docker."
#define INDEX	 OCI "index.v1+json"
#define MANIFEST OCI "manifest.v1+json"
#define CONFIG	 OCI "config.v1+json"
#define TAR	 OCI "layer.v1.tar"

/* ------------------------------------------------------------------ references */

static void ref_parse__names__completed_as_docker_does(void **state)
{
	static const struct {
		const char *text, *full;
	} table[] = {
		{ "nginx", "docker.io/library/nginx:latest" },
		{ "nginx:1.27", "docker.io/library/nginx:1.27" },
		{ "me/app", "docker.io/me/app:latest" },
		{ "a/b/c:T_a-g.1", "docker.io/a/b/c:T_a-g.1" },
		{ "docker.io/nginx", "docker.io/library/nginx:latest" },
		{ "docker.io/library/nginx:1", "docker.io/library/nginx:1" },
		{ "index.docker.io/nginx", "docker.io/library/nginx:latest" },
		{ "docker.io/me/app", "docker.io/me/app:latest" },
		{ "quay.io/app", "quay.io/app:latest" },
		{ "localhost/app", "localhost/app:latest" },
		{ "localhost:5000/app:2", "localhost:5000/app:2" },
		{ "host:1/a/b", "host:1/a/b:latest" },
		{ "Registry.Example/app", "Registry.Example/app:latest" },
		{ "localhosts/app", "docker.io/localhosts/app:latest" },
		{ "a__b/c--d.e_f", "docker.io/a__b/c--d.e_f:latest" },
		{ "nginx:_", "docker.io/library/nginx:_" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct image_ref ref;
		struct err err = { 0 };

		if (image_ref_parse(&ref, table[i].text, &err) < 0)
			fail_msg("%s", err.msg);
		assert_string_equal(ref.name, table[i].full);
		assert_int_equal(ref.kind, IMAGE_REF_NAME);
		assert_string_equal(ref.digest.hex, "");
		/* The full name is its own full name. */
		assert_int_equal(image_ref_parse(&ref, table[i].full, &err), 0);
		assert_string_equal(ref.name, table[i].full);
	}
}

static void ref_parse__digest_path_pinned_name__told_apart(void **state)
{
	struct image_ref ref;
	struct err err;

	(void)state;
	assert_int_equal(image_ref_parse(&ref, A, &err), 0);
	assert_int_equal(ref.kind, IMAGE_REF_DIGEST);
	assert_string_equal(ref.digest.hex, HEX_A);
	assert_int_equal(image_ref_parse(&ref, "/srv/a b@c:d.tar", &err), 0);
	assert_int_equal(ref.kind, IMAGE_REF_PATH);
	assert_string_equal(ref.name, "/srv/a b@c:d.tar");
	assert_string_equal(ref.digest.hex, "");
	assert_int_equal(image_ref_parse(&ref, "me/app:1@" B, &err), 0);
	assert_int_equal(ref.kind, IMAGE_REF_NAME);
	assert_string_equal(ref.name, "docker.io/me/app:1");
	assert_string_equal(ref.digest.hex, HEX_B);
	assert_int_equal(image_ref_parse(&ref, "app@" B, &err), 0);
	assert_string_equal(ref.name, "docker.io/library/app:latest");
	assert_string_equal(ref.digest.hex, HEX_B);
}

#define NO_NAME "no valid name (lower-case letters, digits, '.', '_', '-', '/')"
#define NO_HOST "no valid name of a registry"
#define NO_TAG	"no valid tag"
#define NO_AT	"'@' is not followed by a sha256 digest"
#define NO_HASH "a digest is 'sha256:' and 64 hexadecimal digits"
#define NO_PATH "a control character in the path"

struct refusal {
	const char *text, *why;
};

static void expect_refusals(const struct refusal *table, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct image_ref ref;
		struct err err = { 0 };
		char expected[400];

		snprintf(expected, sizeof(expected), "image '%s': %s", table[i].text, table[i].why);
		printable(expected); /* as errors are */
		assert_int_equal(image_ref_parse(&ref, table[i].text, &err), -EINVAL);
		assert_int_equal(err.code, EINVAL);
		assert_string_equal(err.msg, expected);
	}
}

static void ref_parse__hostile_name__refused_with_reason(void **state)
{
	static const struct refusal table[] = {
		{ "", NO_NAME },
		{ " ", NO_NAME },
		{ "UPPER", NO_NAME },
		{ "me/App", NO_NAME },
		{ "Upper/app", NO_NAME },
		{ "a b", NO_NAME },
		{ "a/", NO_NAME },
		{ "a//b", NO_NAME },
		{ "a/../b", NO_NAME },
		{ "a/./b", NO_NAME },
		{ "a..b", NO_NAME },
		{ "-a", NO_NAME },
		{ "a-", NO_NAME },
		{ "a._b", NO_NAME },
		{ "a___b", NO_NAME },
		{ "_a", NO_NAME },
		{ "a\nb", NO_NAME },
		{ "a\x1b[2Jb", NO_NAME },
		{ "a\x7f", NO_NAME },
		{ "\xc3\xa4pp", NO_NAME },
		{ "a\\b", NO_NAME },
		{ "a?b", NO_NAME },
		{ "quay.io/", NO_NAME },
		{ "quay.io/A", NO_NAME },
		{ "quay.io//a", NO_NAME },
		{ ":tag", NO_NAME },
		{ "@" A, NO_NAME },
	};

	(void)state;
	expect_refusals(table, ARRAY_SIZE(table));
}

static void ref_parse__hostile_registry_or_path__refused_with_reason(void **state)
{
	static const struct refusal table[] = {
		{ "../a", NO_HOST },
		{ "./a", NO_HOST },
		{ "-x.y/a", NO_HOST },
		{ "h:/a", NO_HOST },
		{ "h:x/a", NO_HOST },
		{ "h:123456/a", NO_HOST },
		{ ":80/a", NO_HOST },
		{ "h:1:2/a", NO_HOST },
		{ "h_st.io/a", NO_HOST },
		{ "h\x01.io/a", NO_HOST },
		{ "[::1]:5/a", NO_HOST },
		{ "http://quay.io/a", NO_HOST },
		{ "a:x/y", NO_HOST },
		{ "/a\nb", NO_PATH },
		{ "/a\x1b", NO_PATH },
		{ "/\x7f", NO_PATH },
	};

	(void)state;
	expect_refusals(table, ARRAY_SIZE(table));
}

static void ref_parse__hostile_tag_or_digest__refused_with_reason(void **state)
{
	static const struct refusal table[] = {
		{ "a:", NO_TAG },
		{ "a:.x", NO_TAG },
		{ "a:-x", NO_TAG },
		{ "a:b:c", NO_TAG },
		{ "a:x y", NO_TAG },
		{ "a:x\n", NO_TAG },
		{ "a:\xc3\xa4", NO_TAG },
		{ "b/a:../x", NO_TAG },
		{ "a@", NO_AT },
		{ "a@b", NO_AT },
		{ "a@sha512:" HEX_A, NO_AT },
		{ "a@" A "0", NO_AT },
		{ "a@" A "@x", NO_AT },
		{ "a@" A "@" B, NO_NAME },
		{ "sha256:", NO_HASH },
		{ "sha256:latest", NO_HASH },
		{ "sha256:" HEX_A "/..", NO_HASH },
	};

	(void)state;
	expect_refusals(table, ARRAY_SIZE(table));
}

/* @n times 'x' between two texts. */
static const char *with_run(char *buf, const char *head, size_t n, const char *tail)
{
	size_t at = strlen(head);

	memcpy(buf, head, at);
	memset(buf + at, 'x', n);
	strcpy(buf + at + n, tail);
	return buf;
}

static void ref_parse__at_its_lengths__taken_and_one_more_refused(void **state)
{
	static const struct {
		const char *head;
		size_t n;
		const char *tail, *why;
	} table[] = {
		{ "a:", 128, "", NO_TAG },
		{ "h.io/", 255, "", NO_NAME },
		{ "h.", 253, "/a", NO_HOST },
		{ "/", IMAGE_NAME_MAX - 1, "", "the path is too long" },
	};
	char buf[16384];
	struct image_ref ref;
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const char *head = table[i].head, *tail = table[i].tail;

		assert_int_equal(image_ref_parse(&ref, with_run(buf, head, table[i].n, tail), &err),
				 0);
		assert_int_equal(
		    image_ref_parse(&ref, with_run(buf, head, table[i].n + 1, tail), &err),
		    -EINVAL);
		assert_non_null(strstr(err.msg, table[i].why));
	}
	assert_int_equal(image_ref_parse(&ref, with_run(buf, "a/", 10240, ""), &err), -EINVAL);
	assert_non_null(strstr(err.msg, "xxx': the name is too long"));
}

/* --------------------------------------------------------- digests, media types */

static void digest_parse__strictly__sha256_lower_case_only(void **state)
{
	static const char *const bad[] = {
		"",
		"sha256:",
		HEX_A,
		"sha256:" HEX_A "a",
		"SHA256:" HEX_A,
		"sha256: " HEX_A,
		"sha512:" HEX_A HEX_A,
		" " A,
		A " ",
		A "\n",
		"sha256:" HEX_A "/",
		"sha256:Aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"sha256:../aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"sha256:0xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};
	char text[DIGEST_TEXT_SIZE];
	struct digest d, e;

	(void)state;
	assert_true(digest_parse(&d, A));
	assert_true(digest_parse_hex(&e, HEX_A));
	assert_true(digest_equal(&d, &e));
	assert_string_equal(digest_text(&d, text), A);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(digest_parse(&d, bad[i]));
	assert_false(digest_parse_hex(&d, A));
	assert_string_equal(d.hex, HEX_A); /* untouched by all of them */
	assert_true(digest_parse(&e, B));
	assert_false(digest_equal(&d, &e));
}

static void media_of__table__known_ones_only(void **state)
{
	static const struct {
		const char *text;
		enum image_media media;
	} table[] = {
		{ INDEX, IMAGE_MEDIA_INDEX },
		{ MANIFEST, IMAGE_MEDIA_MANIFEST },
		{ CONFIG, IMAGE_MEDIA_CONFIG },
		{ TAR, IMAGE_MEDIA_TAR },
		{ TAR "+gzip", IMAGE_MEDIA_TAR_GZIP },
		{ TAR "+zstd", IMAGE_MEDIA_TAR_ZSTD },
		{ DOCKER "distribution.manifest.list.v2+json", IMAGE_MEDIA_INDEX },
		{ DOCKER "distribution.manifest.v2+json", IMAGE_MEDIA_MANIFEST },
		{ DOCKER "container.image.v1+json", IMAGE_MEDIA_CONFIG },
		{ DOCKER "image.rootfs.diff.tar", IMAGE_MEDIA_TAR },
		{ DOCKER "image.rootfs.diff.tar.gzip", IMAGE_MEDIA_TAR_GZIP },
		{ DOCKER "image.rootfs.foreign.diff.tar.gzip", IMAGE_MEDIA_UNKNOWN },
		{ DOCKER "distribution.manifest.v1+json", IMAGE_MEDIA_UNKNOWN },
		{ OCI "layer.nondistributable.v1.tar", IMAGE_MEDIA_UNKNOWN },
		{ TAR "+xz", IMAGE_MEDIA_UNKNOWN },
		{ TAR "+gzip; x", IMAGE_MEDIA_UNKNOWN },
		{ "", IMAGE_MEDIA_UNKNOWN },
		{ NULL, IMAGE_MEDIA_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		assert_int_equal(image_media_of(table[i].text), table[i].media);
	for (int m = IMAGE_MEDIA_INDEX; m <= IMAGE_MEDIA_TAR_ZSTD; m++)
		assert_int_equal(image_media_of(image_media_name(m)), m);
	assert_string_equal(image_media_name(IMAGE_MEDIA_UNKNOWN), "application/octet-stream");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ref_parse__names__completed_as_docker_does),
		cmocka_unit_test(ref_parse__digest_path_pinned_name__told_apart),
		cmocka_unit_test(ref_parse__hostile_name__refused_with_reason),
		cmocka_unit_test(ref_parse__hostile_registry_or_path__refused_with_reason),
		cmocka_unit_test(ref_parse__hostile_tag_or_digest__refused_with_reason),
		cmocka_unit_test(ref_parse__at_its_lengths__taken_and_one_more_refused),
		cmocka_unit_test(digest_parse__strictly__sha256_lower_case_only),
		cmocka_unit_test(media_of__table__known_ones_only),
	};

	return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}
