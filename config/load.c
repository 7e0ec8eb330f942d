/* SPDX-License-Identifier: MIT */
/* Which files make up a pod, in which order. */
#include "config/load.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "config/loader.h"
#include "config/names.h"
#include "config/reader.h"

#define SUFFIX ".pod"

static int no_memory(struct err *err)
{
	return err_set(err, ENOMEM, "load pod file: out of memory");
}

/* Opens a regular file; O_NONBLOCK, so that a FIFO in its place cannot hold us up. */
static int open_regular(const char *path, size_t *size, struct err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return err_sys(err, "open '%s'", path);
	if (fstat(fd, &st) < 0)
		return err_sys(err, "stat '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "'%s' is not a regular file", path);
	if ((uint64_t)st.st_size > CONFIG_FILE_MAX)
		return err_set(err, EFBIG, "'%s' is larger than %zu bytes", path, CONFIG_FILE_MAX);
	*size = (size_t)st.st_size;
	return take_fd(&fd);
}

static int read_bytes(const char *path, char **out, size_t *n, struct err *err)
{
	cleanup_free char *bytes = NULL;
	cleanup_close int fd = -EBADF;
	size_t size = 0;

	fd = open_regular(path, &size, err);
	if (fd < 0)
		return fd;
	bytes = malloc(size + 1);
	if (!bytes)
		return no_memory(err);
	for (*n = 0; *n < size;) {
		ssize_t r = read(fd, bytes + *n, size - *n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_sys(err, "read '%s'", path);
		if (r == 0)
			break; /* it got shorter meanwhile: what is there is parsed */
		*n += (size_t)r;
	}
	*out = take_ptr(bytes);
	return 0;
}

static int parse_bytes(struct loader *l, const char *path, const char *bytes, size_t n,
		       struct err *err)
{
	const struct config_sink sink = { config_begin_section, config_assign, l };
	int r = config_diags_file(l->diags, path, &l->file);

	for (size_t i = 0; i < n; i++) /* FNV-1a: of a change that nobody contrived */
		l->spec->text = (l->spec->text ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
	l->state = NULL;
	l->foreign = FOREIGN_NONE;
	if (r == 0)
		r = config_read(bytes, n, l->file, &sink, l->diags);
	return r < 0 ? no_memory(err) : 0;
}

static int parse_file(struct loader *l, const char *path, struct err *err)
{
	cleanup_free char *bytes = NULL;
	size_t n = 0;
	int r = read_bytes(path, &bytes, &n, err);

	return r < 0 ? r : parse_bytes(l, path, bytes, n, err);
}

static int is_drop_in(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return d->d_name[0] != '.' && n > 5 && strcmp(d->d_name + n - 5, ".conf") == 0;
}

/* alphasort(3) would ask the locale. */
static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Parses "PATH.d/NAME.conf", one after the other; no directory is no error. */
static int parse_directory(struct loader *l, const char *path, struct err *err)
{
	char dir[PATH_MAX], file[PATH_MAX + NAME_MAX + 1];
	struct dirent **list;
	int n, r = 0;

	if (snprintf(dir, sizeof(dir), "%s.d", path) >= (int)sizeof(dir))
		return err_set(err, ENAMETOOLONG, "read directory '%.80s...': name too long", path);
	n = scandir(dir, &list, is_drop_in, by_bytes);
	if (n < 0)
		return errno == ENOENT ? 0 : err_sys(err, "read directory '%s'", dir);
	for (int i = 0; i < n; i++) {
		snprintf(file, sizeof(file), "%s/%s", dir, list[i]->d_name);
		if (r == 0)
			r = parse_file(l, file, err);
		free(list[i]);
	}
	free(list);
	return r;
}

/* Those beside @path, and of "ROOT/usr/share/podd/FILE" then those beside "ROOT/etc/podd/FILE". */
static int parse_drop_ins(struct loader *l, const char *path, struct err *err)
{
	const char *base = strrchr(path, '/');
	size_t dir = base ? (size_t)(base - path) : 0, tail = strlen(CONFIG_VENDOR_DIR);
	char etc[PATH_MAX];
	int r = parse_directory(l, path, err);

	if (r < 0 || dir < tail || strncmp(path + dir - tail, CONFIG_VENDOR_DIR, tail) != 0)
		return r;
	if (snprintf(etc, sizeof(etc), "%.*s" CONFIG_DIR "%s", (int)(dir - tail), path, base) >=
	    (int)sizeof(etc))
		return err_set(err, ENAMETOOLONG, "drop-ins of '%.80s...': name too long", path);
	return parse_directory(l, etc, err);
}

/* "DIR/NAME@INSTANCE.pod" -> "DIR/NAME@.pod"; NULL without memory. */
static char *template_path(const char *path, const struct pod_spec *spec)
{
	size_t tail = strlen(spec->instance) + strlen(SUFFIX);
	char *out;

	if (asprintf(&out, "%.*s" SUFFIX, (int)(strlen(path) - tail), path) < 0)
		return NULL;
	return out;
}

static int parse_instance(struct loader *l, const char *path, struct err *err)
{
	cleanup_free char *template = template_path(path, l->spec);
	int r;

	if (!template)
		return no_memory(err);
	r = parse_file(l, access(path, F_OK) < 0 && errno == ENOENT ? template : path, err);
	if (r == 0)
		r = parse_drop_ins(l, template, err);
	return r < 0 ? r : parse_drop_ins(l, path, err);
}

static int parse_all(struct loader *l, const char *path, struct err *err)
{
	int r;

	if (l->spec->instance)
		return parse_instance(l, path, err);
	r = parse_file(l, path, err);
	return r < 0 ? r : parse_drop_ins(l, path, err);
}

/* The names that the path gives; spec->path is the path itself. */
static int take_names(struct pod_spec *spec, const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path, *at;
	size_t n = strlen(base);

	if (n <= strlen(SUFFIX) || strcmp(base + n - strlen(SUFFIX), SUFFIX) != 0)
		return err_set(err, EINVAL, "pod file '%s': its name does not end in '" SUFFIX "'",
			       path);
	spec->path = strdup(path);
	spec->name = strndup(base, n - strlen(SUFFIX));
	if (!spec->path || !spec->name)
		return no_memory(err);
	at = strchr(spec->name, '@');
	if (at && !at[1])
		return err_set(err, EINVAL, "pod file '%s' is a template: name an instance of it, "
			       "such as '%s1" SUFFIX "'", path, spec->name);
	if (!config_pod_name_valid(spec->name))
		return err_set(err, EINVAL, "pod file '%s': '%s' is no pod name (letters, digits, "
			       "'_.-', at most %d bytes)", path, spec->name, CONFIG_NAME_MAX);
	if (at) {
		spec->instance = strdup(at + 1);
		if (!spec->instance)
			return no_memory(err);
	}
	return 0;
}

static int set_defaults(struct loader *l)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < CONFIG_KEY_N; i++)
		if (config_keys[i].section != CONFIG_CONTAINER)
			r = config_key_reset(&config_keys[i], config_member(l, &config_keys[i]));
	return r;
}

static void loader_done(struct loader *l)
{
	pod_spec_free(l->spec);
	free(l->containers);
	config_text_done(&l->value);
}

/* What is so whatever the file says. */
static struct pod_spec *new_spec(void)
{
	struct pod_spec *spec = calloc(1, sizeof(*spec));

	if (spec)
		cgroup_limits_init(&spec->limits); /* one of them is no key of [Pod] */
	return spec;
}

/* The whole of a load: @file->bytes, or what is on disk when there are none. */
static int load(struct pod_spec **out, const struct config_bytes *file,
		const struct config_env *env, struct config_diags *diags, struct err *err)
{
	__attribute__((cleanup(loader_done))) struct loader l = {
		.env = env, .diags = diags, .main_file = (unsigned)diags->file_n,
	};
	size_t before = diags->total;
	int r;

	l.spec = new_spec();
	if (!l.spec)
		return no_memory(err);
	r = take_names(l.spec, file->path, err);
	if (r < 0)
		return r;
	if (set_defaults(&l) < 0)
		return no_memory(err);
	if (file->bytes)
		r = parse_bytes(&l, file->path, file->bytes, file->n, err);
	else
		r = parse_all(&l, file->path, err);
	if (r < 0)
		return r;
	if (config_finish(&l) < 0)
		return no_memory(err);
	if (diags->total > before)
		return err_set(err, EINVAL, "pod file '%s': %zu error%s", file->path,
			       diags->total - before, diags->total - before == 1 ? "" : "s");
	*out = take_ptr(l.spec);
	return 0;
}

/**
 * config_file_hidden() - is this no pod file, but a link to /dev/null in its place
 * @dirfd: where a relative @path starts
 *
 * So the administrator takes away a file of CONFIG_VENDOR_DIR, as with systemd's units.
 */
bool config_file_hidden(int dirfd, const char *path)
{
	struct stat st;

	return fstatat(dirfd, path, &st, 0) == 0 && S_ISCHR(st.st_mode) &&
	       st.st_rdev == makedev(1, 3);
}

/**
 * config_load() - read a pod file with its drop-ins
 * @out: receives the spec, the caller's to free with pod_spec_free()
 * @path: the file, whose name is the pod's; of an instance it need not exist
 * @env: what %H stands for, and who wants to know more; or NULL
 * @diags: gets every fault of the files' contents
 *
 * Return: 0; -EINVAL with the faults in @diags; or -errno when a file cannot be
 * read or @path is no name for a pod. @err is filled, @out untouched, on failure.
 */
int config_load(struct pod_spec **out, const char *path, const struct config_env *env,
		struct config_diags *diags, struct err *err)
{
	const struct config_bytes file = { .path = path };
	char hostname[HOST_NAME_MAX + 1] = "";
	struct config_env host = { 0 };

	if (env)
		host = *env;
	/* A name that was cut is no name, and is told where %H is used. */
	if (!host.hostname && gethostname(hostname, sizeof(hostname) - 1) < 0)
		hostname[0] = '\0';
	if (!host.hostname)
		host.hostname = hostname;
	return load(out, &file, &host, diags, err);
}

/**
 * config_load_bytes() - a pod file that is in memory, without drop-ins
 * @file: its bytes, and the path it would have; a template gives no instance
 *
 * Otherwise like config_load(), but @env must be given.
 */
int config_load_bytes(struct pod_spec **out, const struct config_bytes *file,
		      const struct config_env *env, struct config_diags *diags, struct err *err)
{
	return load(out, file, env, diags, err);
}

/**
 * config_load_name() - a spec of the names that a path gives, without a look at the file
 * @out: receives the spec, of no container, the caller's to free with pod_spec_free()
 * @path: as for config_load()
 *
 * Return: 0; -EINVAL: @path is no name for a pod; -ENOMEM. @err is filled.
 */
int config_load_name(struct pod_spec **out, const char *path, struct err *err)
{
	struct pod_spec *spec = new_spec();
	int r = spec ? take_names(spec, path, err) : no_memory(err);

	if (r == 0 && config_default_hostname(spec) < 0)
		r = no_memory(err);
	if (r < 0) {
		pod_spec_free(spec);
		return r;
	}
	*out = spec;
	return 0;
}
