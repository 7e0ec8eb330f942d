/* SPDX-License-Identifier: MIT */
/* podd-image: podctl image. */
#include <locale.h>
#include <stdbool.h>
#include <string.h>

#include "ctl/image/image.h"

#define LIMITS_USAGE "[--max-bytes N] [--max-files N]"

static const struct ctl_command commands[] = {
	{ "import", cmd_image_import,
	  "[--name NAME] [--select NAME] [--replace] [--policy POLICY] " LIMITS_USAGE " FILE|DIR|-",
	  "take images from an archive or a layout",
	  "--name --select --replace --policy --max-bytes --max-files" },
	{ "pull", cmd_image_pull, "[--authfile FILE] [--timeout SECONDS] [--retries N] "
	  "[--policy POLICY] " LIMITS_USAGE " NAME...",
	  "take images from registries",
	  "--authfile --timeout --retries --policy --max-bytes --max-files" },
	{ "update", cmd_image_update, "[--back] [--no-wait] [--authfile FILE] POD",
	  "fetch what a pod's images are now, and try them", "--back --no-wait --authfile" },
	{ "list", cmd_image_list, "", "the images of this host", "" },
	{ "inspect", cmd_image_inspect, "IMAGE", "all that is known about an image, as JSON", "" },
	{ "tag", cmd_image_tag, "[--replace] IMAGE NAME", "give an image one more name", "--replace" },
	{ "remove", cmd_image_remove, "[--force] IMAGE...",
	  "remove a name, and the image with its last one", "--force" },
	{ "prune", cmd_image_prune, "[--all] [--dry-run]", "remove what nothing uses", "--all --dry-run" },
	{ "verify", cmd_image_verify, "IMAGE...", "compare images with their digests", "" },
	{ "fsck", cmd_image_fsck, "[--repair]", "check the whole store", "--repair" },
	{ "export", cmd_image_export, "IMAGE FILE|-", "write an image as a tar of an OCI layout", "" },
	{ "help", cmd_help, "[COMMAND]", "this list, or how a command is used", "" },
	{ NULL, NULL, NULL, NULL, NULL },
};

static const struct ctl_program podctl_image = {
	.name = "podctl image",
	.commands = commands,
	.exit_codes = "Exit codes: 0 done, 1 failed, 2 wrong usage. See podctl-image(1).\n",
};

/* What podd asks before it starts a pod: nothing for people. */
static const struct ctl_command questions[] = {
	{ "admit", cmd_image_admit, "POLICY IMAGE DIGEST...", "whether images may be used", "" },
	{ NULL, NULL, NULL, NULL, NULL },
};

static const struct ctl_program podd_asks = {
	.name = IMAGE_ADMIT_PROGRAM,
	.commands = questions,
	.exit_codes = "",
};

int main(int argc, char **argv)
{
	bool asked = argc > 0 && strcmp(argv[0], IMAGE_ADMIT_PROGRAM) == 0;

	/* libarchive turns names into the locale's: as they are, in this one. */
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	return ctl_main(asked ? &podd_asks : &podctl_image, argc, argv, stdout, stderr);
}
