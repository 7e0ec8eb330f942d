/* SPDX-License-Identifier: MIT */
/* The commands of `podctl image`: podd-image has them, podctl completes them. */
#pragma once

#define CTL_IMAGE_LIMITS "[--max-bytes SIZE] [--max-files N]"

/* ROW(NAME, usage, summary, options): as in struct ctl_command, but for its function. */
#define CTL_IMAGE_COMMANDS(ROW)                                                                   \
	ROW(import,                                                                               \
	    "[--name NAME] [--select NAME] [--replace] [--policy POLICY] " CTL_IMAGE_LIMITS       \
	    " FILE|DIR|-", "take images from an archive or a layout",                             \
	    "--name --select --replace --policy --max-bytes --max-files")                         \
	ROW(pull,                                                                                 \
	    "[--authfile FILE] [--timeout SECONDS] [--retries N] [--policy POLICY] "              \
	    CTL_IMAGE_LIMITS " NAME...", "take images from registries",                           \
	    "--authfile --timeout --retries --policy --max-bytes --max-files")                    \
	ROW(update, "[--back] [--no-wait] [--retry] [--authfile FILE] POD",                       \
	    "fetch what a pod's images are now, and try them",                                    \
	    "--back --no-wait --retry --authfile")                                                \
	ROW(list, "", "the images of this host", "")                                              \
	ROW(inspect, "[--policy POLICY] IMAGE", "all that is known about an image, as JSON",       \
	    "--policy")                                                                          \
	ROW(tag, "[--replace] IMAGE NAME", "give an image one more name", "--replace")            \
	ROW(remove, "[--force] IMAGE...", "remove a name, and the image with its last one",       \
	    "--force")                                                                            \
	ROW(prune, "[--all] [--keep-bytes SIZE] [--dry-run]", "remove what nothing uses",         \
	    "--all --keep-bytes --dry-run")                                                       \
	ROW(verify, "IMAGE...", "compare images with their digests", "")                          \
	ROW(fsck, "[--repair]", "check the whole store", "--repair")                              \
	ROW(export, "IMAGE FILE|-", "write an image as a tar of an OCI layout", "")
