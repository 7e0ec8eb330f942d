/* SPDX-License-Identifier: MIT */
/* A registry of bad manners, for test-image-pull. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/*
 * hostile_registry DIR LOG PORT ELSEWHERE
 *
 * Serves DIR/manifests/REF and DIR/blobs/HEX as /v2/NAME/..., on 127.0.0.1:PORT
 * and, as "another host", on ELSEWHERE. What it does wrong is what the first part
 * of NAME says: see behaviours[]. LOG gets a line for each request, before it is
 * answered: "PORT PATH range=... auth=...". A process for each connection, each of
 * which takes one request. Says "ready" once it listens.
 */
#define HEAD_MAX 16384
#define TOKEN	 "token-%u"

#define PATHS 65536

static struct {
	unsigned tokens, blobs; /* given out so far */
	time_t first[PATHS];	/* by a hash of the path: when it was asked for first, or 0 */
} *state;

static unsigned port, elsewhere;
static int log_fd, dir_fd;

struct request {
	int sock;
	unsigned port;
	char path[1024];
	char name[256]; /* the repository's */
	char what[256]; /* REF, or HEX of a blob */
	bool blob;
	char range[64], authorization[512];
	char *body; /* what DIR has */
	size_t n;
};

/* ------------------------------------------------------------------- answering */

static void put(const struct request *q, const void *buf, size_t n)
{
	for (const char *p = buf; n > 0;) {
		ssize_t w = send(q->sock, p, n, MSG_NOSIGNAL);

		if (w <= 0)
			_exit(0);
		p += w;
		n -= (size_t)w;
	}
}

__attribute__((format(printf, 2, 3))) static void say(const struct request *q, const char *fmt, ...)
{
	char text[2048];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put(q, text, (size_t)n);
}

static void head(const struct request *q, const char *status, size_t n, const char *more)
{
	say(q, "HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %zu\r\n%s\r\n", status, n,
	    more);
}

static void error(const struct request *q, const char *status)
{
	head(q, status, 0, "");
}

static const char *media(const struct request *q)
{
	if (q->blob)
		return "Content-Type: application/octet-stream\r\n";
	return memmem(q->body, q->n, "\"manifests\"", 11)
		   ? "Content-Type: application/vnd.oci.image.index.v1+json\r\n"
		   : "Content-Type: application/vnd.oci.image.manifest.v1+json\r\n";
}

static void serve(const struct request *q)
{
	head(q, "200 OK", q->n, media(q));
	put(q, q->body, q->n);
}

static size_t range_from(const struct request *q)
{
	return q->range[0] ? strtoul(q->range + strlen("bytes="), NULL, 10) : 0;
}

/* From where the client wants it, at most @most bytes of what is promised. */
static void serve_part(const struct request *q, size_t said, size_t most)
{
	size_t from = range_from(q), n = q->n - from;
	char range[128];

	snprintf(range, sizeof(range), "Content-Range: bytes %zu-%zu/%zu\r\n", said, q->n - 1,
		 q->n);
	head(q, from ? "206 Partial Content" : "200 OK", n, from ? range : "");
	put(q, q->body + from, n < most ? n : most);
}

/* ------------------------------------------------------------------- behaviours */

static void ask_token(const struct request *q, const char *realm)
{
	char challenge[512];

	snprintf(challenge, sizeof(challenge),
		 "WWW-Authenticate: Basic realm=\"old\"\r\n"
		 "WWW-Authenticate: Bearer realm=\"%s\",service=\"a b\","
		 "scope=\"repository:%s:pull\"\r\n",
		 realm, q->name);
	head(q, "401 Unauthorized", 0, challenge);
}

static bool has_token(const struct request *q, unsigned from)
{
	unsigned number;

	return sscanf(q->authorization, "Bearer " TOKEN, &number) == 1 && number >= from &&
	       number <= state->tokens;
}

/* "expire": a blob takes no token as old as the manifest's. */
static void bearer(const struct request *q)
{
	char realm[128];

	snprintf(realm, sizeof(realm), "http://127.0.0.1:%u/%s", port,
		 strncmp(q->name, "login", 5) == 0 ? "token-login" : "token");
	if (has_token(q, q->blob && strncmp(q->name, "expire", 6) == 0 ? 2 : 1))
		serve(q);
	else
		ask_token(q, realm);
}

static void far_realm(const struct request *q)
{
	ask_token(q, "http://192.0.2.1/token");
}

static void basic(const struct request *q)
{
	if (strcmp(q->authorization, "Basic YWxpY2U6b3Blbg==") == 0)
		serve(q);
	else
		head(q, "401 Unauthorized", 0, "WWW-Authenticate: Basic realm=\"x\"\r\n");
}

static void give_token(const struct request *q)
{
	char text[64];
	int n;

	if (strncmp(q->path, "/token-login", 12) == 0 &&
	    strcmp(q->authorization, "Basic YWxpY2U6b3Blbg==") != 0) {
		error(q, "401 Unauthorized");
		return;
	}
	n = snprintf(text, sizeof(text), "{\"token\":\"" TOKEN "\"}",
		     __atomic_add_fetch(&state->tokens, 1, __ATOMIC_RELAXED));
	head(q, "200 OK", (size_t)n, "");
	put(q, text, (size_t)n);
}

/* The first answer breaks off in the middle, the second one serves the rest. */
static void cut_once(const struct request *q)
{
	if (!q->blob)
		serve(q);
	else
		serve_part(q, range_from(q), range_from(q) ? q->n : q->n / 2);
}

static void cut_always(const struct request *q)
{
	if (!q->blob)
		serve(q);
	else
		serve_part(q, range_from(q), 10);
}

/* Broken off, and then all of it from the beginning. */
static void ignore_range(const struct request *q)
{
	if (!q->blob || q->range[0])
		serve(q);
	else
		serve_part(q, 0, q->n / 2);
}

static void other_range(const struct request *q)
{
	if (!q->blob)
		serve(q);
	else
		serve_part(q, range_from(q) + 1, range_from(q) ? q->n : q->n / 2);
}

static void flip(const struct request *q)
{
	if (q->blob)
		q->body[q->n / 2] ^= 1;
	serve(q);
}

/* Of the second port, a half that is wrong from its first byte on; the first gives what
 * it is asked for. */
static void bad_mirror(const struct request *q)
{
	if (!q->blob) {
		serve(q);
		return;
	}
	if (q->port != elsewhere) {
		serve_part(q, range_from(q), q->n);
		return;
	}
	q->body[0] ^= 1;
	serve_part(q, range_from(q), q->n / 2);
}

/* White space changes no JSON, but the digest. */
static void other_manifest(const struct request *q)
{
	head(q, "200 OK", q->n + 1, media(q));
	put(q, q->body, q->n);
	put(q, "\n", 1);
}

static void other_head(const struct request *q)
{
	char more[256];

	snprintf(more, sizeof(more), "%sDocker-Content-Digest: sha256:%064d\r\n", media(q), 7);
	head(q, "200 OK", q->n, more);
	put(q, q->body, q->n);
}

static void endless(const struct request *q)
{
	static const char zeros[65536];

	say(q, "HTTP/1.1 200 OK\r\nConnection: close\r\n%s\r\n", media(q));
	put(q, q->body, q->n);
	for (;;)
		put(q, zeros, sizeof(zeros));
}

static void long_blob(const struct request *q)
{
	if (q->blob)
		endless(q);
	else
		serve(q);
}

static void stall(const struct request *q)
{
	if (!q->blob) {
		serve(q);
		return;
	}
	serve_part(q, range_from(q), q->range[0] ? 0 : q->n / 2);
	for (;;)
		(void)pause();
}

static void silent(const struct request *q)
{
	(void)q;
	for (;;)
		(void)pause();
}

static void to_elsewhere(const struct request *q)
{
	char more[512];

	if (strcmp(q->authorization, "Basic YWxpY2U6b3Blbg==") != 0 || !q->blob) {
		basic(q);
		return;
	}
	snprintf(more, sizeof(more), "Location: http://127.0.0.1:%u/v2/plain/blobs/sha256:%s\r\n",
		 elsewhere, q->what);
	head(q, "307 Temporary Redirect", 0, more);
}

static void to_itself(const struct request *q)
{
	char more[1200];

	snprintf(more, sizeof(more), "Location: %s\r\n", q->path);
	head(q, "302 Found", 0, more);
}

static void to_a_file(const struct request *q)
{
	head(q, "302 Found", 0, "Location: file:///etc/passwd\r\n");
}

static void to_plain(const struct request *q)
{
	head(q, "302 Found", 0, "Location: http://192.0.2.1/\r\n");
}

static void garbage(const struct request *q)
{
	head(q, "200 OK", 6, "Content-Type: application/vnd.oci.image.manifest.v1+json\r\n");
	put(q, "{\"a\":]", 6);
}

static void no_http(const struct request *q)
{
	put(q, "220 hello\r\n", 11);
}

static void status_404(const struct request *q)
{
	error(q, "404 Not Found");
}

static void status_403(const struct request *q)
{
	error(q, "403 Forbidden");
}

static void status_401(const struct request *q)
{
	error(q, "401 Unauthorized");
}

static void status_429(const struct request *q)
{
	error(q, "429 Too Many Requests");
}

static void status_500(const struct request *q)
{
	error(q, "500 Internal Server Error");
}

/* Return: the seconds since this path was asked for first; -1 the first time. */
static long seconds_since_first(const struct request *q)
{
	uint32_t hash = 2166136261u; /* FNV-1a */
	struct timespec now;
	time_t first = 0;

	for (const char *c = q->path; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	if (__atomic_compare_exchange_n(&state->first[hash % PATHS], &first, now.tv_sec + 1, false,
					__ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return -1;
	return now.tv_sec + 1 - first;
}

static void status_503(const struct request *q)
{
	error(q, "503 Service Unavailable");
}

static void busy_once(const struct request *q)
{
	if (seconds_since_first(q) < 0)
		error(q, q->blob ? "504 Gateway Timeout" : "502 Bad Gateway");
	else
		serve(q);
}

/* Who comes before it was told to is sent away once more. */
static void limited(const struct request *q)
{
	if (seconds_since_first(q) < 2)
		head(q, "429 Too Many Requests", 0, "Retry-After: 3\r\n");
	else
		serve(q);
}

static void drop_once(const struct request *q)
{
	if (seconds_since_first(q) >= 0)
		serve(q);
}

static const struct {
	const char *name;
	void (*answer)(const struct request *q);
} behaviours[] = {
	{ "plain", serve },
	{ "bearer", bearer },
	{ "login", bearer },
	{ "expire", bearer },
	{ "far-realm", far_realm },
	{ "basic", basic },
	{ "cut-once", cut_once },
	{ "cut-always", cut_always },
	{ "ignore-range", ignore_range },
	{ "other-range", other_range },
	{ "flip", flip },
	{ "bad-mirror", bad_mirror },
	{ "other-manifest", other_manifest },
	{ "other-head", other_head },
	{ "endless", endless },
	{ "long-blob", long_blob },
	{ "stall", stall },
	{ "silent", silent },
	{ "to-elsewhere", to_elsewhere },
	{ "to-itself", to_itself },
	{ "to-a-file", to_a_file },
	{ "to-plain", to_plain },
	{ "garbage", garbage },
	{ "no-http", no_http },
	{ "status-404", status_404 },
	{ "status-403", status_403 },
	{ "status-401", status_401 },
	{ "status-429", status_429 },
	{ "status-500", status_500 },
	{ "status-503", status_503 },
	{ "busy-once", busy_once },
	{ "limited", limited },
	{ "drop-once", drop_once },
};

/* --------------------------------------------------------------------- requests */

static void header_value(const char *text, const char *name, char *out, size_t size)
{
	const char *at = strcasestr(text, name);

	out[0] = '\0';
	if (!at)
		return;
	at += strlen(name);
	snprintf(out, size, "%.*s", (int)strcspn(at, "\r"), at);
}

static bool read_request(struct request *q)
{
	char text[HEAD_MAX];
	size_t n = 0;
	ssize_t r;

	do {
		r = recv(q->sock, text + n, sizeof(text) - 1 - n, 0);
		if (r <= 0)
			return false;
		n += (size_t)r;
		text[n] = '\0';
	} while (!strstr(text, "\r\n\r\n"));
	header_value(text, "\r\nRange: ", q->range, sizeof(q->range));
	header_value(text, "\r\nAuthorization: ", q->authorization, sizeof(q->authorization));
	if (sscanf(text, "GET %1023s", q->path) != 1)
		return false;
	(void)dprintf(log_fd, "%u %s range=%s auth=%s\n", q->port, q->path, q->range,
		      q->authorization);
	return true;
}

static bool load(struct request *q)
{
	char file[600];
	struct stat st;
	int fd;

	if (sscanf(q->path, "/v2/%255[^/]/blobs/sha256:%255s", q->name, q->what) == 2)
		q->blob = true;
	else if (sscanf(q->path, "/v2/%255[^/]/manifests/%255s", q->name, q->what) != 2)
		return false;
	snprintf(file, sizeof(file), "%s/%s", q->blob ? "blobs" : "manifests", q->what);
	fd = openat(dir_fd, file, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return false;
	q->n = (size_t)st.st_size;
	q->body = malloc(q->n + 1);
	return q->body && read(fd, q->body, q->n) == (ssize_t)q->n;
}

static void answer(struct request *q)
{
	if (!read_request(q))
		return;
	if (strncmp(q->path, "/token", 6) == 0) {
		give_token(q);
		return;
	}
	if (!load(q)) {
		error(q, "404 Not Found");
		return;
	}
	for (size_t i = 0; i < sizeof(behaviours) / sizeof(behaviours[0]); i++)
		if (strcmp(behaviours[i].name, q->name) == 0)
			behaviours[i].answer(q);
}

/* What the client has not read yet must not be lost to a reset. */
static void hang_up(int sock)
{
	char rest[4096];

	(void)shutdown(sock, SHUT_WR);
	while (recv(sock, rest, sizeof(rest), 0) > 0)
		;
}

static int listen_on(unsigned number)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)number),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 64) < 0) {
		perror("hostile_registry: listen");
		exit(1);
	}
	return fd;
}

static void accept_all(int fd, unsigned number)
{
	for (;;) {
		struct request q = { .sock = accept4(fd, NULL, NULL, SOCK_CLOEXEC),
				     .port = number };

		if (q.sock >= 0 && fork() == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			answer(&q);
			hang_up(q.sock);
			_exit(0);
		}
		(void)close(q.sock);
	}
}

int main(int argc, char **argv)
{
	int here, there;

	if (argc != 5)
		return 2;
	dir_fd = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	log_fd = open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	port = (unsigned)atoi(argv[3]);
	elsewhere = (unsigned)atoi(argv[4]);
	state =
	    mmap(NULL, sizeof(*state), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (dir_fd < 0 || log_fd < 0 || state == MAP_FAILED)
		return 1;
	(void)signal(SIGCHLD, SIG_IGN); /* no zombies */
	here = listen_on(port);
	there = listen_on(elsewhere);
	puts("ready");
	(void)fflush(stdout);
	if (fork() == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		accept_all(there, elsewhere);
	}
	accept_all(here, port);
	return 0;
}
