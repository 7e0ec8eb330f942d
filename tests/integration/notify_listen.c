/* SPDX-License-Identifier: MIT */
/* The service manager's end of sd_notify(3), for test-notify. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/*
 * notify_listen SOCKET
 *
 * Prints each message that comes as one line, its own line ends as " | ". Says "ready"
 * once it listens; ends when it is killed.
 */
int main(int argc, char **argv)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char text[4096];
	ssize_t n;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (argc != 2 || strlen(argv[1]) >= sizeof(addr.sun_path))
		return 2;
	strcpy(addr.sun_path, argv[1]);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		perror(argv[1]);
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while ((n = recv(fd, text, sizeof(text) - 1, 0)) >= 0 || errno == EINTR) {
		text[n > 0 ? n : 0] = '\0';
		for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
			printf("%s%s", line == text ? "" : " | ", line);
		putchar('\n');
	}
	return 1;
}
