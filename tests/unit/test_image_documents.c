/* SPDX-License-Identifier: MIT */
/* image/: the JSON documents, on plain text. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "image/manifest.h"

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HEX_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define A     "sha256:" HEX_A
#define B     "sha256:" HEX_B
#define C     "sha256:" HEX_C

#define OCI	 "application/vnd.oci.image."
#define DOCKER	 "application/vnd.docker."
#define INDEX	 OCI "index.v1+json"
#define MANIFEST OCI "manifest.v1+json"
#define CONFIG	 OCI "config.v1+json"
#define TAR	 OCI "layer.v1.tar"

#define DESC(type, digest, more)                                                                   \
	"{\"mediaType\":\"" type "\",\"digest\":\"" digest "\",\"size\":7" more "}"
#define FOR(os, arch, more)                                                                        \
	",\"platform\":{\"os\":\"" os "\",\"architecture\":\"" arch "\"" more "}"
#define VARIANT(v) ",\"variant\":\"" v "\""

static struct image_bytes bytes_of(const char *text)
{
	return (struct image_bytes){ text, strlen(text) };
}

/* ----------------------------------------------------------------------- index */

#define IN_INDEX(list) "{\"schemaVersion\":2,\"manifests\":[" list "]}"

static void index_choose__by_platform__the_best_fit(void **state)
{
	const struct image_platform amd = { "linux", "amd64", NULL },
				    v8 = { "linux", "arm64", "v8" };
	const struct {
		const char *text;
		const struct image_platform *platform;
		const char *chosen;
	} table[] = {
		{ IN_INDEX(DESC(MANIFEST, A, FOR("linux", "arm64", "")) "," DESC(
		      MANIFEST, B,
		      FOR("linux", "amd64", "")) "," DESC(MANIFEST, C,
							  FOR("windows", "amd64", ""))),
		  &amd, HEX_B },
		{ IN_INDEX(DESC(MANIFEST, A, "") "," DESC(MANIFEST, B, FOR("linux", "amd64", ""))),
		  &amd, HEX_B },
		{ IN_INDEX(DESC(MANIFEST, A, FOR("linux", "arm64", "")) "," DESC(MANIFEST, B, "")),
		  &amd, HEX_B },
		{ IN_INDEX(DESC(MANIFEST, A, ",\"platform\":null")), &amd, HEX_A },
		{ IN_INDEX(DESC(MANIFEST, A, FOR("linux", "amd64", VARIANT("v3"))) "," DESC(
		      MANIFEST, B, FOR("linux", "amd64", ""))),
		  &amd, HEX_B },
		{ IN_INDEX(DESC(MANIFEST, A, FOR("linux", "arm64", VARIANT("v9"))) "," DESC(
		      MANIFEST, B,
		      FOR("linux", "arm64", "")) "," DESC(MANIFEST, C,
							  FOR("linux", "arm64", VARIANT("v8")))),
		  &v8, HEX_C },
		{ IN_INDEX(DESC(MANIFEST, A, FOR("linux", "arm64", VARIANT("v9")))), &v8, HEX_A },
		/* Of two that fit alike, the first. */
		{ IN_INDEX(DESC(MANIFEST, A, "") "," DESC(MANIFEST, B, "")), &amd, HEX_A },
		/* What is no image is passed over, however well it fits. */
		{ IN_INDEX(DESC(CONFIG, A, FOR("linux", "amd64", "")) "," DESC(INDEX, B, "")), &amd,
		  HEX_B },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct image_descriptor d = { .size = 0 };
		struct err err = { 0 };

		if (image_index_choose(&d, bytes_of(table[i].text), table[i].platform, &err) < 0)
			fail_msg("%zu: %s", i, err.msg);
		assert_string_equal(d.digest.hex, table[i].chosen);
		assert_int_equal(d.size, 7);
	}
}

struct fault {
	const char *text;
	int code;
	const char *msg;
};

typedef int parse_fn(const char *text, struct err *err);

static void expect_faults(const struct fault *faults, size_t n, parse_fn *parse)
{
	for (size_t i = 0; i < n; i++) {
		struct err err = { 0 };

		if (parse(faults[i].text, &err) != -faults[i].code || err.code != faults[i].code ||
		    !strstr(err.msg, faults[i].msg))
			fail_msg("%s\n  says %d '%s'\n  not %d '%s'", faults[i].text, err.code,
				 err.msg, faults[i].code, faults[i].msg);
	}
}

static int choose(const char *text, struct err *err)
{
	const struct image_platform amd = { "linux", "amd64", NULL };
	struct image_descriptor d;

	return image_index_choose(&d, bytes_of(text), &amd, err);
}

static void index_choose__faults__told(void **state)
{
	static const struct fault table[] = {
		{ "", EBADMSG, "index: bad JSON at byte 0" },
		{ "[]", EBADMSG, "index: no JSON object" },
		{ "{", EBADMSG, "index: bad JSON" },
		{ "{} x", EBADMSG, "index: bad JSON" },
		{ "{\"a\":1,\"a\":2}", EBADMSG, "duplicate object key" },
		{ "{\"a\":\"\\u0000\"}", EBADMSG, "index: bad JSON" },
		{ "{}", EBADMSG, "index: schemaVersion is not 2" },
		{ "{\"schemaVersion\":1}", EBADMSG, "index: schemaVersion is not 2" },
		{ "{\"schemaVersion\":\"2\"}", EBADMSG, "index: schemaVersion is not 2" },
		{ "{\"schemaVersion\":2}", EBADMSG, "index: it has no list of manifests" },
		{ "{\"schemaVersion\":2,\"manifests\":{}}", EBADMSG,
		  "it has no list of manifests" },
		{ "{\"schemaVersion\":2,\"mediaType\":\"" MANIFEST "\",\"manifests\":[]}", EBADMSG,
		  "index: its mediaType is that of something else" },
		{ "{\"schemaVersion\":2,\"manifests\":[],\"layers\":[]}", EBADMSG,
		  "index: it has both manifests and layers" },
		{ "{\"schemaVersion\":2,\"manifests\":[],\"config\":{}}", EBADMSG,
		  "index: it has both manifests and layers" },
		{ "{\"schemaVersion\":2,\"manifests\":[],\"fsLayers\":[]}", EBADMSG, "schema 1" },
		{ IN_INDEX(""), ENOENT, "index: nothing in it is for linux/amd64" },
		{ IN_INDEX(DESC(MANIFEST, A, FOR("linux", "s390x", ""))), ENOENT,
		  "index: nothing in it is for linux/amd64" },
		{ IN_INDEX(DESC(MANIFEST, A, ",\"platform\":{}")), ENOENT, "nothing in it is for" },
		{ IN_INDEX(DESC(MANIFEST, A, ",\"platform\":7")), ENOENT, "nothing in it is for" },
		{ IN_INDEX(DESC(TAR, A, "")), ENOENT, "nothing in it is for" },
		{ IN_INDEX("null"), EBADMSG, "index: a descriptor is no object" },
		{ IN_INDEX(DESC(MANIFEST, "sha512:x", "")), EBADMSG, "no sha256 digest" },
		{ IN_INDEX("{\"digest\":\"" A "\",\"mediaType\":\"x\",\"size\":-1}"), EBADMSG,
		  "index: a descriptor has no size" },
		{ IN_INDEX("{\"digest\":\"" A "\",\"mediaType\":\"x\",\"size\":1.5}"), EBADMSG,
		  "index: a descriptor has no size" },
		{ IN_INDEX("{\"digest\":\"" A
			   "\",\"mediaType\":\"x\",\"size\":99999999999999999999}"),
		  EBADMSG, "index: bad JSON" },
		{ IN_INDEX("{\"digest\":\"" A "\",\"size\":1}"), EBADMSG, "no mediaType" },
		{ IN_INDEX(DESC(MANIFEST, A, "") "," DESC(MANIFEST, "x", "")), EBADMSG,
		  "no sha256" },
	};

	(void)state;
	expect_faults(table, ARRAY_SIZE(table), choose);
}

/* -------------------------------------------------------------------- manifest */

#define MANIFEST_OF(config, layers, more)                                                          \
	"{\"schemaVersion\":2,\"config\":" config ",\"layers\":[" layers "]" more "}"

static void manifest_parse__oci_and_docker__all_fields(void **state)
{
	static const char oci[] = MANIFEST_OF(
	    DESC(CONFIG, A, ""), DESC(TAR, B, "") "," DESC(TAR "+zstd", C, ",\"urls\":[]"),
	    ",\"mediaType\":\"" MANIFEST "\",\"annotations\":{\"a\":\"b\"},\"subject\":null");
	static const char docker[] =
	    MANIFEST_OF(DESC(DOCKER "container.image.v1+json", A, ""),
			DESC(DOCKER "image.rootfs.diff.tar.gzip", B, ""),
			",\"mediaType\":\"" DOCKER "distribution.manifest.v2+json\"");
	struct image_manifest m;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(image_manifest_parse(&m, bytes_of(oci), &err), 0);
	assert_int_equal(m.layer_n, 2);
	assert_string_equal(m.config.digest.hex, HEX_A);
	assert_int_equal(m.config.size, 7);
	assert_string_equal(m.layers[0].digest.hex, HEX_B);
	assert_int_equal(m.layers[0].media, IMAGE_MEDIA_TAR);
	assert_string_equal(m.layers[1].digest.hex, HEX_C);
	assert_int_equal(m.layers[1].media, IMAGE_MEDIA_TAR_ZSTD);
	assert_int_equal(image_manifest_parse(&m, bytes_of(docker), &err), 0);
	assert_int_equal(m.layer_n, 1);
	assert_int_equal(m.layers[0].media, IMAGE_MEDIA_TAR_GZIP);
}

static int parse_manifest(const char *text, struct err *err)
{
	struct image_manifest m;

	return image_manifest_parse(&m, bytes_of(text), err);
}

#define CONFIG_DESC DESC(CONFIG, A, "")

static void manifest_parse__faults__told(void **state)
{
	static const struct fault table[] = {
		{ "null", EBADMSG, "manifest: bad JSON" },
		{ "{\"schemaVersion\":1,\"fsLayers\":[]}", EBADMSG, "schemaVersion is not 2" },
		{ MANIFEST_OF(CONFIG_DESC, DESC(TAR, B, ""), ",\"fsLayers\":[]"), EBADMSG,
		  "manifest: it is of schema 1, which is not supported" },
		{ MANIFEST_OF(CONFIG_DESC, DESC(TAR, B, ""), ",\"history\":[]"), EBADMSG,
		  "schema 1" },
		{ MANIFEST_OF(CONFIG_DESC, DESC(TAR, B, ""), ",\"manifests\":[]"), EBADMSG,
		  "manifest: it has both manifests and layers" },
		{ MANIFEST_OF(CONFIG_DESC, DESC(TAR, B, ""), ",\"mediaType\":\"" INDEX "\""),
		  EBADMSG, "manifest: its mediaType is that of something else" },
		{ MANIFEST_OF(CONFIG_DESC, DESC(TAR, B, ""), ",\"mediaType\":2"), EBADMSG,
		  "manifest: its mediaType is that of something else" },
		{ MANIFEST_OF(CONFIG_DESC, DESC(TAR, B, ""), ",\"config\":{}"), EBADMSG,
		  "duplicate object key" },
		{ MANIFEST_OF("null", DESC(TAR, B, ""), ""), EBADMSG, "a descriptor is no object" },
		{ MANIFEST_OF("{}", DESC(TAR, B, ""), ""), EBADMSG, "no sha256 digest" },
		{ MANIFEST_OF(DESC(TAR, A, ""), DESC(TAR, B, ""), ""), EOPNOTSUPP,
		  "manifest: it is no container image" },
		{ MANIFEST_OF(DESC("application/vnd.cncf.helm.config.v1+json", A, ""), "", ""),
		  EOPNOTSUPP, "manifest: it is no container image" },
		{ MANIFEST_OF(CONFIG_DESC, "", ""), EBADMSG, "manifest: it has no layers" },
		{ "{\"schemaVersion\":2,\"config\":" CONFIG_DESC "}", EBADMSG, "it has no layers" },
		{ "{\"schemaVersion\":2,\"config\":" CONFIG_DESC ",\"layers\":null}", EBADMSG,
		  "manifest: it has no layers" },
		{ MANIFEST_OF(CONFIG_DESC, "\"x\"", ""), EBADMSG, "a descriptor is no object" },
		{ MANIFEST_OF(CONFIG_DESC, DESC(DOCKER "image.rootfs.foreign.diff.tar.gzip", B, ""),
			      ""),
		  EOPNOTSUPP,
		  "manifest: layer 1 is of type '" DOCKER "image.rootfs.foreign.diff.tar.gzip',"
		  " which is not supported" },
		{ MANIFEST_OF(CONFIG_DESC, DESC(TAR, B, "") "," DESC(CONFIG, C, ""), ""),
		  EOPNOTSUPP, "manifest: layer 2 is of type" },
	};

	(void)state;
	expect_faults(table, ARRAY_SIZE(table), parse_manifest);
}

/* @n times @item between brackets, in @head and @tail. */
static char *listed(const char *head, const char *item, size_t n, const char *tail)
{
	size_t room = strlen(head) + n * (strlen(item) + 1) + strlen(tail) + 1;
	char *text = malloc(room), *p = text;

	assert_non_null(text);
	p = stpcpy(p, head);
	for (size_t i = 0; i < n; i++)
		p = stpcpy(stpcpy(p, i ? "," : ""), item);
	strcpy(p, tail);
	return text;
}

static void manifest_parse__layers_at_their_most__taken_and_one_more_refused(void **state)
{
	static const char head[] = "{\"schemaVersion\":2,\"config\":" CONFIG_DESC ",\"layers\":[";
	cleanup_free char *most = listed(head, DESC(TAR, B, ""), IMAGE_LAYERS_MAX, "]}");
	cleanup_free char *more = listed(head, DESC(TAR, B, ""), IMAGE_LAYERS_MAX + 1, "]}");
	cleanup_free char *wide =
	    listed("{\"schemaVersion\":2,\"manifests\":[", DESC(MANIFEST, A, ""), 1025, "]}");
	struct err err = { 0 };

	(void)state;
	assert_int_equal(parse_manifest(most, &err), 0);
	assert_int_equal(parse_manifest(more, &err), -E2BIG);
	assert_string_equal(err.msg, "manifest: more than 127 layers");
	assert_int_equal(choose(wide, &err), -E2BIG);
	assert_string_equal(err.msg, "index: more than 1024 manifests");
}

static void documents__too_deep_or_too_large__refused(void **state)
{
	cleanup_free char *deep = listed("{\"a\":", "[[[[", 9, "");
	cleanup_free char *large = malloc(IMAGE_DOCUMENT_MAX + 1);
	struct image_config *config = NULL;
	struct image_manifest m;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(parse_manifest(deep, &err), -EBADMSG);
	assert_string_equal(err.msg, "manifest: JSON nested deeper than 32 levels");
	assert_non_null(large);
	memset(large, ' ', IMAGE_DOCUMENT_MAX + 1);
	assert_int_equal(
	    image_manifest_parse(&m, (struct image_bytes){ large, IMAGE_DOCUMENT_MAX + 1 }, &err),
	    -EFBIG);
	assert_string_equal(err.msg, "manifest: more than 4194304 bytes");
	assert_int_equal(image_config_parse(
			     &config, (struct image_bytes){ large, IMAGE_DOCUMENT_MAX + 1 }, &err),
			 -EFBIG);
	assert_string_equal(err.msg, "config: more than 4194304 bytes");
	assert_null(config);
}

/* ---------------------------------------------------------------------- config */

#define ROOTFS	       ",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" A "\",\"" B "\"]}"
#define CONFIG_OF(run) "{\"os\":\"linux\"" ROOTFS ",\"config\":{" run "}}"

static void config_parse__all_members__taken(void **state)
{
	static const char text[] =
	    "{\"created\":\"2026-01-01T00:00:00Z\",\"architecture\":\"amd64\",\"os\":"
	    "\"linux\"" ROOTFS ",\"history\":[{}],\"config\":{"
	    "\"Entrypoint\":[\"/bin/e\",\"\"],\"Cmd\":[\"c d\"],\"Env\":[\"A=1\",\"B=\"],"
	    "\"WorkingDir\":\"/w\",\"User\":\"1:2\",\"StopSignal\":\"SIGINT\","
	    "\"ExposedPorts\":{\"80/tcp\":{},\"53/udp\":{}},"
	    "\"Labels\":{\"x\":\"y\"},\"Volumes\":{\"/etc\":{}},\"Healthcheck\":7}}";
	struct image_config *c = NULL;
	struct err err = { 0 };

	(void)state;
	if (image_config_parse(&c, bytes_of(text), &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(c->created, "2026-01-01T00:00:00Z");
	assert_string_equal(c->architecture, "amd64");
	assert_string_equal(c->os, "linux");
	assert_string_equal(c->entrypoint[0], "/bin/e");
	assert_string_equal(c->entrypoint[1], "");
	assert_null(c->entrypoint[2]);
	assert_string_equal(c->cmd[0], "c d");
	assert_null(c->cmd[1]);
	assert_string_equal(c->env[0], "A=1");
	assert_string_equal(c->env[1], "B=");
	assert_null(c->env[2]);
	assert_string_equal(c->cwd, "/w");
	assert_string_equal(c->user, "1:2");
	assert_string_equal(c->stop_signal, "SIGINT");
	assert_non_null(c->exposed_ports[0]);
	assert_non_null(c->exposed_ports[1]);
	assert_null(c->exposed_ports[2]);
	assert_int_equal(c->layer_n, 2);
	assert_string_equal(c->diff_ids[1].hex, HEX_B);
	image_config_free(c);
}

static void config_parse__null_empty_or_missing_members__none(void **state)
{
	static const char *const table[] = {
		CONFIG_OF("\"Entrypoint\":null,\"Cmd\":null,\"Env\":null,\"WorkingDir\":null,"
			  "\"User\":null,\"StopSignal\":null,\"ExposedPorts\":null"),
		CONFIG_OF(
		    "\"Entrypoint\":[],\"Cmd\":[],\"Env\":[],\"WorkingDir\":\"\",\"User\":\"\","
		    "\"StopSignal\":\"\",\"ExposedPorts\":{}"),
		CONFIG_OF(""),
		"{\"os\":null,\"created\":null,\"config\":null" ROOTFS "}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct image_config *c = NULL;
		struct err err = { 0 };

		if (image_config_parse(&c, bytes_of(table[i]), &err) < 0)
			fail_msg("%s", err.msg);
		assert_true(!c->entrypoint && !c->cmd && !c->env && !c->exposed_ports);
		assert_true(!c->cwd && !c->user && !c->stop_signal && !c->created);
		assert_int_equal(c->layer_n, 2);
		image_config_free(c);
	}
	image_config_free(NULL);
}

static int parse_config(const char *text, struct err *err)
{
	struct image_config *c = NULL;
	int r = image_config_parse(&c, bytes_of(text), err);

	assert_true((r == 0) == (c != NULL));
	image_config_free(c);
	return r;
}

static void config_parse__faults__told(void **state)
{
	static const struct fault table[] = {
		{ "[]", EBADMSG, "config: no JSON object" },
		{ "{}", EBADMSG, "config: its rootfs is not made of layers" },
		{ "{\"rootfs\":{\"type\":\"disk\",\"diff_ids\":[]}}", EBADMSG,
		  "not made of layers" },
		{ "{\"rootfs\":{\"type\":\"layers\"}}", EBADMSG,
		  "config: diff_ids is no list of at most 127 digests" },
		{ "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[null]}}", EBADMSG,
		  "config: diff_ids has an entry that is no sha256 digest" },
		{ "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:../../x\"]}}", EBADMSG,
		  "config: diff_ids has an entry that is no sha256 digest" },
		{ "{\"os\":7" ROOTFS "}", EBADMSG, "config: os is no string of a fitting length" },
		{ "{\"config\":[]" ROOTFS "}", EBADMSG, "config: its 'config' is no object" },
		{ "{\"config\":{},\"config\":{}" ROOTFS "}", EBADMSG, "duplicate object key" },
		{ CONFIG_OF("\"Entrypoint\":\"sh\""), EBADMSG,
		  "Entrypoint is no list of at most 4096" },
		{ CONFIG_OF("\"Cmd\":{}"), EBADMSG,
		  "config: Cmd is no list of at most 4096 strings" },
		{ CONFIG_OF("\"Cmd\":[1]"), EBADMSG, "config: Cmd has an entry that is no string" },
		{ CONFIG_OF("\"Cmd\":[null]"), EBADMSG,
		  "config: Cmd has an entry that is no string" },
		{ CONFIG_OF("\"Env\":[\"A\"]"), EBADMSG,
		  "config: Env has an entry that is not NAME=" },
		{ CONFIG_OF("\"Env\":[\"=A\"]"), EBADMSG,
		  "config: Env has an entry that is not NAME=" },
		{ CONFIG_OF("\"Env\":[\"A=\\u0000\"]"), EBADMSG, "config: bad JSON" },
		{ CONFIG_OF("\"WorkingDir\":\"w\""), EBADMSG, "WorkingDir is no absolute path" },
		{ CONFIG_OF("\"User\":0"), EBADMSG,
		  "config: User is no string of a fitting length" },
		{ CONFIG_OF("\"StopSignal\":[]"), EBADMSG, "config: StopSignal is no string" },
		{ CONFIG_OF("\"ExposedPorts\":[]"), EBADMSG, "config: ExposedPorts is no object" },
	};

	(void)state;
	expect_faults(table, ARRAY_SIZE(table), parse_config);
}

static void config_parse__lists_and_strings_too_long__refused(void **state)
{
	cleanup_free char *ids = listed("{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[",
					"\"" A "\"", IMAGE_LAYERS_MAX + 1, "]}}");
	cleanup_free char *words =
	    listed("{\"os\":\"linux\"" ROOTFS ",\"config\":{\"Cmd\":[", "\"x\"", 4097, "]}}");
	cleanup_free char *user = calloc(1, 200 * 1024);
	struct err err = { 0 };

	(void)state;
	assert_int_equal(parse_config(ids, &err), -EBADMSG);
	assert_string_equal(err.msg, "config: diff_ids is no list of at most 127 digests");
	assert_int_equal(parse_config(words, &err), -EBADMSG);
	assert_string_equal(err.msg, "config: Cmd is no list of at most 4096 strings");
	assert_non_null(user);
	memset(stpcpy(user, "{\"os\":\"linux\"" ROOTFS ",\"config\":{\"User\":\""), 'x', 131073);
	strcat(user, "\"}}");
	assert_int_equal(parse_config(user, &err), -EBADMSG);
	assert_string_equal(err.msg, "config: User is no string of a fitting length");
}

static void check_pair__another_image_or_platform__refused(void **state)
{
	struct image_config c = { .os = (char *)"linux", .layer_n = 2 };
	struct image_manifest m = { .layer_n = 2 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(image_check_pair(&m, &c, &err), 0);
	c.architecture = (char *)image_platform_here.architecture;
	assert_int_equal(image_check_pair(&m, &c, &err), 0);
	c.architecture = (char *)"s390x";
	assert_int_equal(image_check_pair(&m, &c, &err), -ENOEXEC);
	assert_non_null(strstr(err.msg, "the image is for s390x, not "));
	c.os = (char *)"windows";
	assert_int_equal(image_check_pair(&m, &c, &err), -ENOEXEC);
	assert_string_equal(err.msg, "the image is for windows, not linux");
	m.layer_n = 1;
	assert_int_equal(image_check_pair(&m, &c, &err), -EBADMSG);
	assert_string_equal(err.msg, "the manifest has 1 layers, the config 2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(index_choose__by_platform__the_best_fit),
		cmocka_unit_test(index_choose__faults__told),
		cmocka_unit_test(manifest_parse__oci_and_docker__all_fields),
		cmocka_unit_test(manifest_parse__faults__told),
		cmocka_unit_test(manifest_parse__layers_at_their_most__taken_and_one_more_refused),
		cmocka_unit_test(documents__too_deep_or_too_large__refused),
		cmocka_unit_test(config_parse__all_members__taken),
		cmocka_unit_test(config_parse__null_empty_or_missing_members__none),
		cmocka_unit_test(config_parse__faults__told),
		cmocka_unit_test(config_parse__lists_and_strings_too_long__refused),
		cmocka_unit_test(check_pair__another_image_or_platform__refused),
	};

	return cmocka_run_group_tests_name("image documents", tests, NULL, NULL);
}
