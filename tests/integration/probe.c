/* SPDX-License-Identifier: MIT */
/* What a process in a container may do, told from inside. Static: it runs in any root. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Ids and capability sets of this process, in the order of /proc/self/status. */
static int show_privileges(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];

	printf("%u %u", getuid(), geteuid());
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, "Cap", 3) == 0 || strncmp(line, "NoNewPrivs", 10) == 0)
			printf(" %.*s", (int)strcspn(strchr(line, '\t') + 1, "\n"),
			       strchr(line, '\t') + 1);
	puts("");
	return f ? fclose(f) : 1;
}

int main(int argc, char *argv[])
{
	if (argc == 2 && strcmp(argv[1], "privileges") == 0)
		return show_privileges();
	fprintf(stderr, "Usage: probe privileges\n");
	return 2;
}
