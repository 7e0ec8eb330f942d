/* SPDX-License-Identifier: MIT */
/* podctl: the operator's command. */
#include "ctl/ctl.h"

int main(int argc, char **argv)
{
	return ctl_main(&ctl_podctl, argc, argv, stdout, stderr);
}
