/* SPDX-License-Identifier: MIT */
/* podd-image: podctl image. */
#include <locale.h>

#include "ctl/image/image.h"

static const struct ctl_command commands[] = {
	{ "import", cmd_image_import, "[--name NAME] [--select NAME] [--replace] FILE|DIR|-",
	  "take images from an archive or a layout", "--name --select --replace" },
	{ "pull", cmd_image_pull, "[--authfile FILE] [--timeout SECONDS] NAME...",
	  "take images from registries", "--authfile --timeout" },
	{ "update", cmd_image_update, "[--back] [--no-wait] [--authfile FILE] POD",
	  "fetch what a pod's images are now, and try them", "--back --no-wait --authfile" },
	{ "list", cmd_image_list, "", "the images of this host", "" },
	{ "inspect", cmd_image_inspect, "IMAGE", "all that is known about an image, as JSON", "" },
	{ "tag", cmd_image_tag, "[--replace] IMAGE NAME", "give an image one more name", "--replace" },
	{ "remove", cmd_image_remove, "[--force] IMAGE...", "remove a name, and the image with its last one",
	  "--force" },
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

int main(int argc, char **argv)
{
	/* libarchive turns names into the locale's: as they are, in this one. */
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	return ctl_main(&podctl_image, argc, argv, stdout, stderr);
}
