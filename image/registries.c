/* SPDX-License-Identifier: MIT */
/* Reading registries.conf. */
#include "image/registries.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/io.h"

#define SECTION	   "Registry "
#define HOST_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]"
#define PATH_CHARS "abcdefghijklmnopqrstuvwxyz0123456789._-/"
#define CA_MAX	   ((size_t)4 << 20)
#define LINE_BYTES 4096

/* HOST[:PORT], and with @prefix a path behind it. */
static bool valid_host(const char *s, bool prefix)
{
	size_t n = strspn(s, HOST_CHARS);

	if (n == 0 || n > REGISTRY_HOST_MAX || s[0] == '-' || s[0] == ':')
		return false;
	if (!s[n])
		return true;
	return prefix && s[n] == '/' && s[n + 1] && s[n + 1] != '/' &&
	       strlen(s) <= REGISTRY_HOST_MAX && s[strlen(s) - 1] != '/' && !strstr(s, "..") &&
	       strspn(s + n, PATH_CHARS) == strlen(s + n);
}

static int set_text(char **to, const char *value, struct err *err)
{
	free(*to);
	*to = strdup(value);
	return *to ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int set_mirror(struct registry_config *c, const char *value, struct err *err)
{
	if (!valid_host(value, true))
		return err_set(err, EINVAL, "'%.200s' is no HOST[:PORT][/PREFIX]", value);
	if (c->mirror_n == REGISTRY_MIRRORS_MAX)
		return err_set(err, E2BIG, "more than %d mirrors", REGISTRY_MIRRORS_MAX);
	return set_text(&c->mirrors[c->mirror_n++], value, err);
}

static int set_ca(struct registry_config *c, const char *value, struct err *err)
{
	if (value[0] != '/')
		return err_set(err, EINVAL, "CA= takes an absolute path, not '%.200s'", value);
	return set_text(&c->ca_path, value, err);
}

static int set_insecure(struct registry_config *c, const char *value, struct err *err)
{
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
		return err_set(err, EINVAL, "Insecure= takes yes or no, not '%.200s'", value);
	c->insecure = strcmp(value, "yes") == 0 ? INSECURE_YES : INSECURE_NO;
	return 0;
}

static const struct {
	const char *key;
	int (*set)(struct registry_config *c, const char *value, struct err *err);
} keys[] = {
	{ "Mirror", set_mirror },
	{ "CA", set_ca },
	{ "Insecure", set_insecure },
};

static int read_section(struct registries *r, char *line, struct err *err)
{
	size_t n = strlen(line);
	char *host = line + 1 + strlen(SECTION);

	if (line[n - 1] != ']' || strncmp(line + 1, SECTION, strlen(SECTION)) != 0)
		return err_set(err, EINVAL, "a section is '[Registry HOST[:PORT]]'");
	line[n - 1] = '\0';
	host += strspn(host, " ");
	if (!valid_host(host, false))
		return err_set(err, EINVAL, "'%.200s' is no HOST[:PORT]", host);
	if (registries_find(r, host))
		return err_set(err, EINVAL, "'%s' has a section already", host);
	if (r->n == REGISTRIES_MAX)
		return err_set(err, E2BIG, "more than %d sections", REGISTRIES_MAX);
	return set_text(&r->list[r->n++].host, host, err);
}

static int read_assignment(struct registries *r, char *line, struct err *err)
{
	char *equals = strchr(line, '='), *value, *end;

	if (!equals)
		return err_set(err, EINVAL, "neither a section nor KEY=VALUE");
	value = equals + 1 + strspn(equals + 1, " \t");
	for (end = equals; end > line && strchr(" \t", end[-1]);)
		end--;
	*end = '\0';
	if (r->n == 0)
		return err_set(err, EINVAL, "'%.80s' before the first section", line);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strcmp(line, keys[i].key) == 0)
			return keys[i].set(&r->list[r->n - 1], value, err);
	return err_set(err, EINVAL, "unknown key '%.80s'", line);
}

static int read_line(struct registries *r, const char *s, size_t n, struct err *err)
{
	char line[LINE_BYTES];

	while (n > 0 && strchr(" \t\r", s[n - 1]) && s[n - 1])
		n--;
	while (n > 0 && (*s == ' ' || *s == '\t'))
		s++, n--;
	if (n == 0 || *s == '#' || *s == ';')
		return 0;
	if (n >= sizeof(line) || memchr(s, '\0', n))
		return err_set(err, EINVAL, "the line is too long or has a NUL byte");
	memcpy(line, s, n);
	line[n] = '\0';
	return line[0] == '[' ? read_section(r, line, err) : read_assignment(r, line, err);
}

/**
 * registries_parse() - read the file's text
 * @out: all zero; released by registries_done(), whatever this returned
 *
 * Return: 0, or -EINVAL, -E2BIG or -ENOMEM with @err filled, the line named.
 */
int registries_parse(struct registries *out, const char *text, size_t n, struct err *err)
{
	unsigned number = 1;

	for (size_t at = 0; at < n; number++) {
		const char *lf = memchr(text + at, '\n', n - at);
		size_t len = lf ? (size_t)(lf - text) - at : n - at;
		int r = read_line(out, text + at, len, err);

		if (r < 0)
			return err_wrap(err, r, "line %u", number);
		at += len + 1;
	}
	return 0;
}

static int load_ca(struct registry_config *c, struct err *err)
{
	cleanup_free char *buf = malloc(CA_MAX);
	ssize_t n;

	if (!buf)
		return err_set(err, ENOMEM, "read '%s': out of memory", c->ca_path);
	n = io_read_file(AT_FDCWD, c->ca_path, buf, CA_MAX, err);
	if (n < 0)
		return (int)n;
	c->ca_n = (size_t)n;
	c->ca = take_ptr(buf);
	return 0;
}

/**
 * registries_load_cas() - read the CA files, while they can be
 *
 * Return: 0 or -errno with @err filled.
 */
int registries_load_cas(struct registries *r, struct err *err)
{
	for (size_t i = 0; i < r->n; i++) {
		int ret = r->list[i].ca_path ? load_ca(&r->list[i], err) : 0;

		if (ret < 0)
			return err_wrap(err, ret, "CA= of '%s'", r->list[i].host);
	}
	return 0;
}

/**
 * registries_find() - what is said of HOST[:PORT], or NULL
 */
const struct registry_config *registries_find(const struct registries *r, const char *host)
{
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->list[i].host, host) == 0)
			return &r->list[i];
	return NULL;
}

/* By what it is called: a name that resolves to 127.0.0.1 is somebody's word. */
static bool is_loopback(const char *host)
{
	char name[REGISTRY_HOST_MAX + 1];
	struct in_addr v4;
	size_t n;

	if (strncmp(host, "[::1]", 5) == 0)
		return host[5] == '\0' || host[5] == ':';
	n = strcspn(host, ":");
	if (n >= sizeof(name))
		return false;
	memcpy(name, host, n);
	name[n] = '\0';
	if (strcmp(name, "localhost") == 0)
		return true;
	return inet_pton(AF_INET, name, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

/**
 * registries_plain() - whether a host is asked by plain HTTP
 */
bool registries_plain(const struct registries *r, const char *host)
{
	const struct registry_config *c = registries_find(r, host);

	if (c && c->insecure != INSECURE_UNSAID)
		return c->insecure == INSECURE_YES;
	return is_loopback(host) && !(c && c->ca_path);
}

void registries_done(struct registries *r)
{
	for (size_t i = 0; i < r->n; i++) {
		struct registry_config *c = &r->list[i];

		free(c->host);
		free(c->ca_path);
		free(c->ca);
		for (size_t k = 0; k < c->mirror_n; k++)
			free(c->mirrors[k]);
	}
	*r = (struct registries){ .n = 0 };
}
