/* SPDX-License-Identifier: MIT */
/* podd-image: podctl image. */
#include <locale.h>
#include <stdbool.h>
#include <string.h>

#include "ctl/image/image.h"
#include "ctl/image_commands.h"

#define COMMAND(name, usage, summary, options) { #name, cmd_image_##name, usage, summary, options },

static const struct ctl_command commands[] = {
	CTL_IMAGE_COMMANDS(COMMAND)
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
