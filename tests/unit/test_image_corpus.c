/* SPDX-License-Identifier: MIT */
/* image/: broken and hostile images: their documents, names and sources. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/test_image_corpus.h"

#define TEN_KIB	   HUNDRED(HUNDRED("x")) HUNDRED("xx") TEN("xxxx")
#define LAYERS_131                                                                                 \
	HUNDRED(THE_LAYER ",") TEN(THE_LAYER ",") TEN(THE_LAYER ",") TEN(THE_LAYER ",") THE_LAYER
#define DAMAGED	     ": it is damaged"

/* ------------------------------------------------------------- what is written */

static void fill_nothing(struct bytes *out)
{
	(void)out;
}

/* The same ones each time, of no format. */
static void fill_random(struct bytes *out)
{
	uint32_t x = 1;

	for (int i = 0; i < 20000; i++) {
		x = x * 1664525 + 1013904223;
		bytes_add(out, (char *)&x + 3, 1);
	}
}

static void fill_other_tar(struct bytes *out)
{
	static const struct tar_entry e = FILE_("readme");

	tar_add(out, &e);
	tar_end(out);
}

static void fill_cut(struct bytes *out, enum image_media media)
{
	struct bytes tar = { 0 };

	fill_random(&tar);
	pack(out, &tar, media);
	out->n /= 2;
	bytes_done(&tar);
}

static void fill_gzip_cut(struct bytes *out)
{
	fill_cut(out, IMAGE_MEDIA_TAR_GZIP);
}

static void fill_zstd_cut(struct bytes *out)
{
	fill_cut(out, IMAGE_MEDIA_TAR_ZSTD);
}

static void more_blob_link(struct bytes *archive, const struct made *m)
{
	char name[96];
	struct tar_entry e = LINK(name, "/etc/passwd");

	snprintf(name, sizeof(name), "blobs/sha256/%s", made_digest(m, 'L'));
	tar_add(archive, &e);
}

static void more_blob_hard_link(struct bytes *archive, const struct made *m)
{
	char name[96];
	struct tar_entry e = HARD(name, UP "etc/passwd");

	snprintf(name, sizeof(name), "blobs/sha256/%s", made_digest(m, 'L'));
	tar_add(archive, &e);
}

/* An index that has itself in it, as far as its digest can be believed. */
static void more_loop(struct bytes *archive, const struct made *m)
{
	const struct tar_entry e = { .name = "blobs/sha256/" WRONG_HEX,
				     .content = INDEX_OF(DESC(MEDIA_INDEX, WRONG_HEX, "184", "")) };

	(void)m;
	tar_add(archive, &e);
}

static void more_links(struct bytes *archive, const struct made *m)
{
	static const struct tar_entry entries[] = { LINK("a.tar", "b.tar"), LINK("b.tar", "a.tar"),
						    LINK("own.tar", "own.tar"),
						    LINK("out.tar", "/etc/passwd"),
						    LINK("up.tar", UP "etc/passwd") };

	(void)m;
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++)
		tar_add(archive, &entries[i]);
}

static void more_fifo(struct bytes *archive, const struct made *m)
{
	static const struct tar_entry e = { .name = "pipe", .type = '6' };

	(void)m;
	tar_add(archive, &e);
}

static void more_twice(struct bytes *archive, const struct made *m)
{
	static const struct tar_entry e = { .name = "./index.json", .content = "{}" };

	(void)m;
	tar_add(archive, &e);
}

static void more_long_name(struct bytes *archive, const struct made *m)
{
	static const struct tar_entry e = FILE_(X255 "/" X255 "/x");

	(void)m;
	tar_add(archive, &e);
}

/* ------------------------------------------------------------------- the corpus */

static const struct hostile corpus[] = {
	/* Cut off. */
	{ "tar_cut_in_a_header", EBADMSG,
	  "layer 1: read the tar: ", .recipe = { .tar_keep = 1024 + 100 } },
	{ "tar_cut_in_the_first_header", EBADMSG, "read the tar: ", .recipe = { .tar_keep = 100 } },
	{ "tar_cut_in_content", EBADMSG,
	  "layer 1: entry 'f': read the tar: ", .recipe = { .tar_keep = 512 + 3 } },
	{ "gzip_cut", EBADMSG, "truncated gzip input",
	  .recipe = { .media = IMAGE_MEDIA_TAR_GZIP, .blob_keep = 60 } },
	{ "gzip_cut_in_its_header", EBADMSG,
	  "layer 1: ", .recipe = { .media = IMAGE_MEDIA_TAR_GZIP, .blob_keep = 9 } },
	{ "gzip_cut_in_its_end", EBADMSG, "truncated gzip input",
	  .recipe = { .fill = fill_other_tar, .media = IMAGE_MEDIA_TAR_GZIP, .blob_keep = 100 } },
	{ "gzip_cut_in_its_checksum", EBADMSG, "layer 1: open: truncated input",
	  .recipe = { .media = IMAGE_MEDIA_TAR_GZIP, .blob_cut = 3 } },
	{ "zstd_cut", EBADMSG, "Truncated zstd input",
	  .recipe = { .media = IMAGE_MEDIA_TAR_ZSTD, .blob_keep = 40 } },
	{ "layer_of_random_bytes", EBADMSG, "layer 1: ", .recipe = { .fill = fill_random } },
	{ "index_json_cut", EBADMSG, "'index.json': bad JSON",
	  .recipe = { .damage = CUT, .of = 'I' } },
	{ "manifest_cut", EBADMSG, "manifest: bad JSON",
	  .recipe = { .manifest = "{\"schemaVersion\":2,\"con" } },
	{ "config_cut", EBADMSG, "config: bad JSON", .recipe = { .config = "{\"os\":\"li" } },
	{ "manifest_empty", EBADMSG, "manifest: bad JSON", .recipe = { .manifest = "" } },
	{ "manifest_json_cut", EBADMSG, "'manifest.json': bad JSON",
	  .recipe = { .form = FORM_SAVED, .damage = CUT, .of = 'I' } },
	{ "archive_cut_in_a_header", EBADMSG,
	  "read the archive: ", .recipe = { .form = FORM_ARCHIVE, .source_keep = 3172 } },
	{ "archive_cut_in_content", EBADMSG, "read the archive: Truncated tar",
	  .recipe = { .form = FORM_ARCHIVE, .source_keep = 515 } },
	{ "archive_cut_between_files", EBADMSG, "it is neither an OCI layout nor",
	  .recipe = { .form = FORM_SAVED, .source_keep = 2560 } },
	{ "archive_gzip_cut", EBADMSG,
	  "read the archive: ", .recipe = { .form = FORM_RAW, .fill = fill_gzip_cut } },
	{ "archive_zstd_cut", EBADMSG,
	  "read the archive: ", .recipe = { .form = FORM_RAW, .fill = fill_zstd_cut } },

	/* Digests and sizes. */
	{ "layer_flipped", EBADMSG, DAMAGED, .recipe = { .damage = FLIPPED, .of = 'L' } },
	{ "config_flipped", EBADMSG, DAMAGED, .recipe = { .damage = FLIPPED, .of = 'C' } },
	{ "manifest_flipped", EBADMSG, DAMAGED, .recipe = { .damage = FLIPPED, .of = 'M' } },
	{ "layer_cut", EBADMSG, DAMAGED, .recipe = { .damage = CUT, .of = 'L' } },
	{ "config_cut_after", EBADMSG, DAMAGED, .recipe = { .damage = CUT, .of = 'C' } },
	{ "manifest_cut_after", EBADMSG, DAMAGED, .recipe = { .damage = CUT, .of = 'M' } },
	{ "layer_flipped_in_an_archive", EBADMSG, DAMAGED,
	  .recipe = { .form = FORM_ARCHIVE, .damage = FLIPPED, .of = 'L' } },
	{ "config_flipped_in_an_archive", EBADMSG, DAMAGED,
	  .recipe = { .form = FORM_ARCHIVE, .damage = FLIPPED, .of = 'C' } },
	{ "manifest_flipped_in_an_archive", EBADMSG, DAMAGED,
	  .recipe = { .form = FORM_ARCHIVE, .damage = FLIPPED, .of = 'M' } },
	{ "layer_missing", ENOENT, "layer 1: open 'blobs/sha256/",
	  .recipe = { .damage = GONE, .of = 'L' } },
	{ "config_missing", ENOENT, "open 'blobs/sha256/",
	  .recipe = { .damage = GONE, .of = 'C' } },
	{ "manifest_missing_in_an_archive", ENOENT, "there is no 'blobs/sha256/",
	  .recipe = { .form = FORM_ARCHIVE, .damage = GONE, .of = 'M' } },
	{ "layer_of_another_size", EBADMSG, "layer 1: the blob '",
	  .recipe = { .manifest = MANIFEST_OF(THE_CONFIG, DESC("$T", "$L", "1", ""), "") } },
	{ "layer_of_8_eib", ENOSPC, "it needs about 17592186044415 MiB (",
	  .recipe = { .manifest = MANIFEST_OF(THE_CONFIG,
					      DESC("$T", "$L", "9223372036854775807", ""), "") } },
	{ "config_of_another_size", EBADMSG, " bytes, its descriptor says 7",
	  .recipe = { .manifest = MANIFEST_OF(DESC(MEDIA_CONFIG, "$C", "7", ""), THE_LAYER, "") } },
	{ "manifest_of_another_size", EBADMSG, " bytes, its descriptor says 7",
	  .recipe = { .index = INDEX_OF(DESC(MEDIA_MANIFEST, "$M", "7", "")) } },
	{ "config_too_large", EFBIG, "is larger than 4194304 bytes",
	  .recipe = { .manifest =
			  MANIFEST_OF(DESC(MEDIA_CONFIG, "$C", "4194305", ""), THE_LAYER, "") } },
	{ "index_json_too_large", EFBIG, "'index.json' is larger than 4194304 bytes",
	  .recipe = { .damage = PADDED, .of = 'I' } },
	{ "diff_id_of_something_else", EBADMSG, ", the config says sha256:" WRONG_HEX,
	  .recipe = { .config = CONFIG_OF("\"sha256:" WRONG_HEX "\"") } },
	{ "diff_id_of_the_packed_layer", EBADMSG, "layer 1: its diff id is sha256:",
	  .recipe = { .config = CONFIG_OF("\"sha256:$L\""), .media = IMAGE_MEDIA_TAR_GZIP } },

	/* What the store or the import has already, claimed by somebody else. */
	{ "diff_id_of_another_image", EBADMSG, "layer 1: its diff id is sha256:",
	  .recipe = { .manifest = MANIFEST_OF(THE_CONFIG, DESC(MEDIA_TAR, "$C", "$c", ""), "") },
	  .taken = true },
	{ "diff_id_of_another_image_packed", EBADMSG, "layer 1: its diff id is sha256:",
	  .recipe = { .manifest =
			  MANIFEST_OF(THE_CONFIG, DESC(MEDIA_TAR "+gzip", "$C", "$c", ""), "") },
	  .taken = true },
	{ "diff_id_of_the_layer_before", EBADMSG, "layer 2: its diff id is sha256:",
	  .recipe = { .config = CONFIG_OF("\"sha256:$D\",\"sha256:$D\""),
		      .manifest = MANIFEST_OF(
			      THE_CONFIG, THE_LAYER "," DESC(MEDIA_TAR, "$C", "$c", ""), "") } },
	{ "blob_of_the_store_as_another_type", EBADMSG, "layer 1: its diff id is sha256:",
	  .recipe = { .media = IMAGE_MEDIA_TAR_GZIP,
		      .damage = GONE,
		      .of = 'L',
		      .manifest = MANIFEST_OF(THE_CONFIG, DESC(MEDIA_TAR, "$L", "$l", ""), "") },
	  .taken = true },
	{ "blob_of_the_store_as_another_layer", EBADMSG, ", the config says sha256:" WRONG_HEX,
	  .recipe = { .media = IMAGE_MEDIA_TAR_GZIP,
		      .damage = GONE,
		      .of = 'L',
		      .config = CONFIG_OF("\"sha256:" WRONG_HEX "\"") },
	  .taken = true },

	/* Documents that say other things than they should. */
	{ "manifest_with_manifests", EBADMSG, "manifest: it has both manifests and layers",
	  .recipe = { .manifest = MANIFEST_OF(THE_CONFIG, THE_LAYER, ",\"manifests\":[]") } },
	{ "index_json_with_layers", EBADMSG, "index: it has both manifests and layers",
	  .recipe = { .index = "{\"schemaVersion\":2,\"layers\":[],\"manifests\":[" THE_MANIFEST
			       "]}" } },
	{ "index_json_with_layers_and_names", EBADMSG, "index: it has both manifests and layers",
	  .recipe = { .index = "{\"schemaVersion\":2,\"layers\":[],\"manifests\":[" DESC(
			  MEDIA_MANIFEST, "$M", "$m", NAMED("me/x:1")) "]}" } },
	{ "manifest_is_an_index", EBADMSG, "manifest: its mediaType is that of something else",
	  .recipe = { .manifest = MANIFEST_OF(THE_CONFIG, THE_LAYER,
					      ",\"mediaType\":\"" MEDIA_INDEX "\"") } },
	{ "manifest_of_schema_1", EBADMSG, "manifest: schemaVersion is not 2",
	  .recipe = { .manifest = "{\"schemaVersion\":1,\"fsLayers\":[]}" } },
	{ "manifest_with_a_key_twice", EBADMSG, "duplicate object key",
	  .recipe = { .manifest = MANIFEST_OF(THE_CONFIG, THE_LAYER, ",\"layers\":[]") } },
	{ "manifest_too_deep", EBADMSG, "manifest: JSON nested deeper than 32 levels",
	  .recipe = { .manifest =
			  MANIFEST_OF(THE_CONFIG, THE_LAYER, ",\"x\":" TEN("[[[[") TEN("]]]]")) } },
	{ "config_too_deep", EBADMSG, "config: JSON nested deeper than 32 levels",
	  .recipe = { .config = "{\"x\":" HUNDRED("[[[[") "1" HUNDRED("]]]]") "}" } },
	{ "index_json_too_deep", EBADMSG, "'index.json': JSON nested deeper",
	  .recipe = { .index = HUNDRED("[[") } },
	{ "layer_of_foreign_type", EOPNOTSUPP, "which is not supported",
	  .recipe = { .manifest = MANIFEST_OF(
			  THE_CONFIG,
			  DESC("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "$L",
			       "$l", ""),
			  "") } },
	{ "layer_of_xz", EOPNOTSUPP, "layer 1 is of type '" MEDIA_TAR "+xz'",
	  .recipe = { .manifest =
			  MANIFEST_OF(THE_CONFIG, DESC(MEDIA_TAR "+xz", "$L", "$l", ""), "") } },
	{ "layer_of_another_compression", EBADMSG, "layer 1: read the tar: ",
	  .recipe = { .media = IMAGE_MEDIA_TAR_ZSTD,
		      .manifest =
			  MANIFEST_OF(THE_CONFIG, DESC(MEDIA_TAR "+gzip", "$L", "$l", ""), "") } },
	{ "config_of_foreign_type", EOPNOTSUPP, "manifest: it is no container image",
	  .recipe = { .manifest =
			  MANIFEST_OF(DESC("application/vnd.oci.empty.v1+json", "$C", "$c", ""),
				      THE_LAYER, "") } },
	{ "layers_too_many", E2BIG, "manifest: more than 127 layers",
	  .recipe = { .manifest = MANIFEST_OF(THE_CONFIG, LAYERS_131, "") } },
	{ "layers_none", EBADMSG, "manifest: it has no layers",
	  .recipe = { .manifest = MANIFEST_OF(THE_CONFIG, "", "") } },
	{ "config_of_no_layers", EBADMSG, "the manifest has 1 layers, the config 0",
	  .recipe = { .config = CONFIG_OF("") } },
	{ "config_of_two_layers", EBADMSG, "the manifest has 1 layers, the config 2",
	  .recipe = { .config = CONFIG_OF("\"sha256:$D\",\"sha256:$D\"") } },
	{ "diff_id_with_a_path", EBADMSG, "diff_ids has an entry that is no sha256 digest",
	  .recipe = { .config = CONFIG_OF("\"sha256:../../../../x\"") } },
	{ "layer_digest_with_a_path", EBADMSG, "manifest: a descriptor has no sha256 digest",
	  .recipe = { .manifest =
			  MANIFEST_OF(THE_CONFIG, DESC(MEDIA_TAR, "../$L", "$l", ""), "") } },
	{ "image_for_another_architecture", ENOEXEC, "the image is for s390x, not ",
	  .recipe = { .config = "{\"architecture\":\"s390x\",\"os\":\"linux\",\"rootfs\":{\"type\":"
				"\"layers\","
				"\"diff_ids\":[\"sha256:$D\"]}}" } },
	{ "image_for_another_system", ENOEXEC, "the image is for windows, not linux",
	  .recipe = { .config = "{\"os\":\"windows\",\"rootfs\":{\"type\":\"layers\","
				"\"diff_ids\":[\"sha256:$D\"]}}" } },
	{ "config_env_without_value", EBADMSG, "config: Env has an entry that is not NAME=VALUE",
	  .recipe = { .config = "{\"config\":{\"Env\":[\"A\"]},\"rootfs\":{\"type\":\"layers\","
				"\"diff_ids\":[\"sha256:$D\"]}}" } },

	/* Indexes. */
	{ "indexes_too_deep", ELOOP, "more than 4 indexes in each other",
	  .recipe = { .indexes = 5, .index = INDEX_OF(DESC(MEDIA_INDEX, "$N", "$n", "")) } },
	{ "index_in_itself", EBADMSG, DAMAGED,
	  .recipe = { .form = FORM_ARCHIVE,
		      .more = more_loop,
		      .index = INDEX_OF(DESC(MEDIA_INDEX, WRONG_HEX, "184", "")) } },
	{ "index_for_another_platform", ENOENT, "index: nothing in it is for linux/",
	  .recipe = { .index = INDEX_OF(
			  DESC(MEDIA_MANIFEST, "$M", "$m",
			       ",\"platform\":{\"os\":\"linux\",\"architecture\":\"s390x\"}")) } },
	{ "index_of_nothing", ENOENT, "index: nothing in it is for linux/",
	  .recipe = { .index = INDEX_OF("") } },
	{ "index_of_no_list", EBADMSG, "index: it has no list of manifests",
	  .recipe = { .index = "{\"schemaVersion\":2}" } },
	{ "index_that_is_a_config", EBADMSG, "index: ",
	  .recipe = { .index = INDEX_OF(DESC(MEDIA_INDEX, "$C", "$c", "")) } },
	{ "index_that_is_a_layer", EBADMSG, "index: bad JSON",
	  .recipe = { .index = INDEX_OF(DESC(MEDIA_INDEX, "$L", "$l", "")) } },
	{ "index_cut", EBADMSG, DAMAGED,
	  .recipe = { .indexes = 1,
		      .damage = CUT,
		      .of = 'N',
		      .index = INDEX_OF(DESC(MEDIA_INDEX, "$N", "$n", "")) } },
	{ "index_of_a_layer", EOPNOTSUPP, "it is no image, but something of another media type",
	  .recipe = { .index = INDEX_OF(DESC(MEDIA_TAR, "$L", "$l", NAMED("me/x:1"))) } },
	{ "index_entry_with_a_path", EBADMSG, "'index.json' has an entry without digest or size",
	  .recipe = { .index = INDEX_OF(DESC(MEDIA_MANIFEST, "../../x", "1", NAMED("me/x:1"))) } },
	{ "second_image_broken", EBADMSG, " bytes, its descriptor says 7",
	  .recipe = { .index = INDEX_OF(DESC(MEDIA_MANIFEST, "$M", "$m", NAMED("me/a:1")) "," DESC(
			  MEDIA_MANIFEST, "$M", "7", NAMED("me/b:1"))) } },

	/* Names that an image gives itself. */
	{ "ref_name_up", EINVAL, "image '../../x': no valid name of a registry",
	  .recipe = { .index = INDEX_OF(DESC(MEDIA_MANIFEST, "$M", "$m", NAMED("../../x"))) } },
	{ "ref_name_with_control_characters", EINVAL, "no valid",
	  .recipe = { .index =
			  INDEX_OF(DESC(MEDIA_MANIFEST, "$M", "$m", NAMED("a/b:\\u001b[2J"))) } },
	{ "ref_name_with_spaces", EINVAL, "no valid name",
	  .recipe = { .index = INDEX_OF(DESC(MEDIA_MANIFEST, "$M", "$m", NAMED("a /b"))) } },
	{ "ref_name_of_another_digest", EBADMSG,
	  "it is called 'me/x:1@sha256:" WRONG_HEX "', and its digest is sha256:",
	  .recipe = { .index = INDEX_OF(DESC(MEDIA_MANIFEST, "$M", "$m",
					     NAMED("me/x:1@sha256:" WRONG_HEX))) } },
	{ "ref_name_of_its_layer's_digest", EBADMSG, "and its digest is sha256:",
	  .recipe = { .index =
			  INDEX_OF(DESC(MEDIA_MANIFEST, "$M", "$m", NAMED("x@sha256:$L"))) } },
	{ "ref_name_that_is_a_path", EINVAL, "'/etc/passwd' is no name for an image",
	  .recipe = { .index = INDEX_OF(DESC(MEDIA_MANIFEST, "$M", "$m", NAMED("/etc/passwd"))) } },
	{ "ref_name_that_is_a_digest", EINVAL, "is no name for an image",
	  .recipe = { .index = INDEX_OF(
			  DESC(MEDIA_MANIFEST, "$M", "$m", NAMED("sha256:" WRONG_HEX))) } },
	{ "ref_name_of_10_kib", EINVAL, "the name is too long",
	  .recipe = { .index = INDEX_OF(DESC(MEDIA_MANIFEST, "$M", "$m", NAMED("a/" TEN_KIB))) } },
	{ "repo_tag_up", EINVAL, "image '../../x:1': no valid name of a registry",
	  .recipe = { .form = FORM_SAVED,
		      .saved = SAVED_OF("[\"../../x:1\"]", "[\"layer.tar\"]") } },
	{ "repo_tag_with_control_characters", EINVAL, "no valid name",
	  .recipe = { .form = FORM_SAVED, .saved = SAVED_OF("[\"a\\nb:1\"]", "[\"layer.tar\"]") } },
	{ "repo_tag_that_is_a_path", EINVAL, "is no name for an image",
	  .recipe = { .form = FORM_SAVED,
		      .saved = SAVED_OF("[\"/srv/x.tar\"]", "[\"layer.tar\"]") } },
	{ "repo_tag_of_10_kib", EINVAL, "the name is too long",
	  .recipe = { .form = FORM_SAVED,
		      .saved = SAVED_OF("[\"a:" TEN_KIB "\"]", "[\"layer.tar\"]") } },
	{ "repo_tag_no_string", EBADMSG, "'manifest.json' has a tag that is no string",
	  .recipe = { .form = FORM_SAVED, .saved = SAVED_OF("[7]", "[\"layer.tar\"]") } },
	{ "repo_tags_no_list", EBADMSG, "'manifest.json' has tags that are no list",
	  .recipe = { .form = FORM_SAVED, .saved = SAVED_OF("\"me/x:1\"", "[\"layer.tar\"]") } },
	{ "name_of_another_image", EEXIST,
	  "the name 'docker.io/me/saved:1' is that of another image",
	  .recipe = { .form = FORM_SAVED }, .taken = true },
	{ "name_that_is_not_there", ENOENT, "nothing in it has the name 'me/y:1'",
	  .recipe = { .form = FORM_SAVED }, .select = "me/y:1" },

	/* Sources. */
	{ "blob_is_a_fifo", EBADMSG, "is no regular file",
	  .recipe = { .damage = A_FIFO, .of = 'L' } },
	{ "manifest_is_a_fifo", EBADMSG, "is no regular file",
	  .recipe = { .damage = A_FIFO, .of = 'M' } },
	{ "index_json_is_a_fifo", EBADMSG, "'index.json' is no regular file",
	  .recipe = { .damage = A_FIFO, .of = 'I' } },
	{ "blob_is_a_link", ELOOP, "Too many levels of symbolic links",
	  .recipe = { .damage = A_LINK, .of = 'L' } },
	{ "manifest_is_a_link", ELOOP, "Too many levels of symbolic links",
	  .recipe = { .damage = A_LINK, .of = 'M' } },
	{ "directory_without_index", EBADMSG,
	  "it is neither an OCI layout nor what docker save writes",
	  .recipe = { .damage = GONE, .of = 'I' } },
	{ "archived_blob_is_a_link", ENOENT, "there is no 'blobs/sha256/",
	  .recipe = { .form = FORM_ARCHIVE, .damage = GONE, .of = 'L', .more = more_blob_link } },
	{ "archived_blob_is_a_hard_link", ENOENT, "there is no 'blobs/sha256/",
	  .recipe = { .form = FORM_ARCHIVE,
		      .damage = GONE,
		      .of = 'L',
		      .more = more_blob_hard_link } },
	{ "archive_with_a_fifo", EBADMSG, "archive: 'pipe' is no file",
	  .recipe = { .form = FORM_ARCHIVE, .more = more_fifo } },
	{ "archive_with_a_file_twice", EBADMSG, "archive: 'index.json' is there twice",
	  .recipe = { .form = FORM_ARCHIVE, .more = more_twice } },
	{ "archive_with_a_name_too_long", EBADMSG, "is too long",
	  .recipe = { .form = FORM_ARCHIVE, .more = more_long_name } },
	{ "archive_of_something_else", EBADMSG, "it is neither an OCI layout nor what docker save",
	  .recipe = { .form = FORM_RAW, .fill = fill_other_tar } },
	{ "archive_empty", EBADMSG,
	  "read the archive: ", .recipe = { .form = FORM_RAW, .fill = fill_nothing } },
	{ "archive_of_random_bytes", EBADMSG,
	  "read the archive: ", .recipe = { .form = FORM_RAW, .fill = fill_random } },
	{ "saved_layer_missing", ENOENT, "there is no 'no.tar' in the archive",
	  .recipe = { .form = FORM_SAVED, .saved = SAVED_OF("null", "[\"no.tar\"]") } },
	{ "saved_layer_outside", ENOENT, "there is no '" UP "etc/passwd' in the archive",
	  .recipe = { .form = FORM_SAVED, .saved = SAVED_OF("null", "[\"" UP "etc/passwd\"]") } },
	{ "saved_layer_links_in_a_loop", ENOENT, "there is no 'a.tar' in the archive",
	  .recipe = { .form = FORM_SAVED,
		      .more = more_links,
		      .saved = SAVED_OF("null", "[\"a.tar\"]") } },
	{ "saved_layer_links_to_itself", ENOENT, "there is no 'own.tar' in the archive",
	  .recipe = { .form = FORM_SAVED,
		      .more = more_links,
		      .saved = SAVED_OF("null", "[\"own.tar\"]") } },
	{ "saved_layer_links_outside", ENOENT, "there is no 'out.tar' in the archive",
	  .recipe = { .form = FORM_SAVED,
		      .more = more_links,
		      .saved = SAVED_OF("null", "[\"out.tar\"]") } },
	{ "saved_layer_links_up", ENOENT, "there is no 'up.tar' in the archive",
	  .recipe = { .form = FORM_SAVED,
		      .more = more_links,
		      .saved = SAVED_OF("null", "[\"up.tar\"]") } },
	{ "saved_layer_no_string", EBADMSG, "'manifest.json' lists a layer that is no string",
	  .recipe = { .form = FORM_SAVED, .saved = SAVED_OF("null", "[{}]") } },
	{ "saved_layers_none", EBADMSG, "'manifest.json' lists no layers",
	  .recipe = { .form = FORM_SAVED, .saved = SAVED_OF("null", "null") } },
	{ "saved_layer_of_another_diff_id", EBADMSG, ", the config says sha256:" WRONG_HEX,
	  .recipe = { .form = FORM_SAVED, .config = CONFIG_OF("\"sha256:" WRONG_HEX "\"") } },
	{ "saved_config_missing", ENOENT, "there is no 'config.json' in the archive",
	  .recipe = { .form = FORM_SAVED, .damage = GONE, .of = 'C' } },
	{ "saved_without_config", EBADMSG, "'manifest.json' names no config",
	  .recipe = { .form = FORM_SAVED, .saved = "[{\"Layers\":[\"layer.tar\"]}]" } },
	{ "saved_nothing", EBADMSG, "'manifest.json': it lists no images",
	  .recipe = { .form = FORM_SAVED, .saved = "[]" } },
	{ "saved_no_list", EBADMSG, "'manifest.json': it lists no images",
	  .recipe = { .form = FORM_SAVED, .saved = "{}" } },
};

#define COUNT ARRAY_SIZE(corpus)

int main(void)
{
	static struct CMUnitTest tests[COUNT];
	static char names[COUNT][96];

	corpus_tests(tests, names, corpus, COUNT);
	return cmocka_run_group_tests_name("image corpus", tests, NULL, NULL);
}
