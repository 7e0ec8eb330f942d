/* SPDX-License-Identifier: MIT */
/* podctl: the operator's command. */
#include <fcntl.h>
#include <unistd.h>

#include "ctl/ctl.h"

/* One that is closed would be the number of the next file that is opened, and exec would
 * hand that on. Return: false: there is nothing to put there. */
static bool fill_standard_files(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) != fd)
			return false;
	return true;
}

int main(int argc, char **argv)
{
	if (!fill_standard_files())
		return CTL_FAILED;
	return ctl_main(&ctl_podctl, argc, argv, stdout, stderr);
}
