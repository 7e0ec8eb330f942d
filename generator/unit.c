/* SPDX-License-Identifier: MIT */
/* Writing a unit: the common text, what follows from the spec, and the file's own lines. */
#include "generator/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/capability.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/io.h"
#include "config/mount_unit.h"
#include "config/unit_section.h"
#include "config/unit_words.h"
#include "generator/automount.h"

#define BODY   "pod@.service"
#define ORPHAN "pod-orphan@.service"
/* Beyond the pod's own time for a stop, so that podd ends by itself (supervisor/notify.c). */
#define STOP_MARGIN_S 10

/*
 * The pod's groups in the unit's, podd in a leaf beside them: see systemd.resource-control(5).
 * podd that is killed leaves the pod in its group, for the next one (KillMode=), so none of
 * the unit's own limits may stand in the pod's way. podctl says whether a reload was refused,
 * which a signal cannot; that of notify-reload does nothing (SIGCONT).
 */
static const char delegation[] =
	"Type=notify-reload\n"
	"ReloadSignal=SIGCONT\n"
	"Delegate=yes\n"
	"DelegateSubgroup=supervisor\n"
	"KillMode=process\n"
	"TasksMax=infinity\n"
	"DevicePolicy=auto\n"
	"DeviceAllow=\n";

static int read_text(char text[UNIT_TEXT_MAX], const char *dir, const char *name, struct err *err)
{
	char path[PATH_MAX + sizeof("/" ORPHAN)];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return (int)io_read_file(AT_FDCWD, path, text, UNIT_TEXT_MAX, err);
}

/**
 * unit_read_body() - read podd's own unit files, which are installed beside the generator
 *
 * Return: 0 or -errno with @err filled.
 */
int unit_read_body(struct unit_maker *m, struct err *err)
{
	/* PREFIX/lib/systemd/system-generators; or a build directory beside the sources. */
	static const char *const places[] = { "../system", "../systemd" };
	char own[PATH_MAX - 64], place[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);
	int r = -ENOENT;

	if (n < 0)
		return err_sys(err, "read '/proc/self/exe'");
	own[n] = '\0';
	*strrchr(own, '/') = '\0';
	for (size_t i = 0; r == -ENOENT && i < ARRAY_SIZE(places); i++) {
		snprintf(place, sizeof(place), "%s/%s", own, places[i]);
		if (!realpath(place, m->units))
			continue;
		r = read_text(m->body, m->units, BODY, err);
	}
	if (r >= 0)
		r = read_text(m->orphan, m->units, ORPHAN, err);
	if (r == -ENOENT)
		return err_set(err, ENOENT, "find '" BODY "' and '" ORPHAN "' in '%s/../system'",
			       own);
	return r < 0 ? r : 0;
}

/* After a value: systemd takes a backslash before it for a line that goes on. */
static void end_line(FILE *f, const char *value)
{
	size_t n = strlen(value);

	fputs(n > 0 && value[n - 1] == '\\' ? " \n" : "\n", f);
}

/* A text in a value: percent signs are systemd's specifiers. */
static void put_plain(FILE *f, const char *s)
{
	for (; *s; s++)
		fprintf(f, *s == '%' ? "%%%%" : "%c", *s);
}

/* One word of a list of words. */
static void put_word(FILE *f, const char *s)
{
	fputc('"', f);
	for (; *s; s++)
		fprintf(f, *s == '%' ? "%%%%" : *s == '"' || *s == '\\' ? "\\%c" : "%c", *s);
	fputc('"', f);
}

/* What @text begins with, put in for this one pod. Return: the length of that, or 0. */
static size_t put_specific(FILE *f, const struct pod_file *file, const char *text)
{
	static const struct {
		const char *of, *before, *after; /* the name is between them; NULL: the file */
	} places[] = {
		{ CONFIG_DIR "/%i.pod", NULL, NULL },
		{ "pod-orphan@%i.service", "", ".pod-orphan.service" },
		{ "pod@%i.service", "", ".pod.service" },
		{ "%i", "", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		size_t n = strlen(places[i].of);

		if (strncmp(text, places[i].of, n) != 0)
			continue;
		fputs(places[i].before ? places[i].before : "", f);
		put_plain(f, places[i].before ? file->name : file->path);
		fputs(places[i].before ? places[i].after : "", f);
		return n;
	}
	return 0;
}

/* A line of podd's own unit files. */
static void put_body_line(FILE *f, const struct pod_file *file, const char *line, size_t n)
{
	while (n > 0) {
		size_t skip = put_specific(f, file, line);

		if (skip == 0)
			fputc(*line, f), skip = 1;
		line += skip;
		n -= skip;
	}
	fputc('\n', f);
}

/* The lines of [@section] of @text, without comments. */
static void put_body(FILE *f, const char *text, const struct pod_file *file, const char *section)
{
	bool here = false;

	for (const char *line = text; *line;) {
		size_t n = strcspn(line, "\n");

		if (line[0] == '[')
			here = strncmp(line + 1, section, strlen(section)) == 0;
		else if (here && n > 0 && line[0] != '#')
			put_body_line(f, file, line, n);
		line += n + (line[n] == '\n');
	}
}

/* What a pod is to its mounts. */
enum hold {
	HOLD_NOTHING, /* it does without */
	HOLD_STARTS,  /* a start reads from there */
	HOLD_STAYS,   /* and all the time that it runs */
};

static void put_mount_lines(FILE *f, const char *unit, enum hold hold)
{
	fprintf(f, "After=%s\n", unit);
	if (hold >= HOLD_STARTS)
		fprintf(f, "Wants=%s\n", unit);
	if (hold >= HOLD_STAYS)
		fprintf(f, "PartOf=%s\n", unit);
}

static void put_mount(FILE *f, const struct unit_maker *m, const char *path, enum hold hold)
{
	char unit[CONFIG_UNIT_NAME_MAX + 1];
	size_t n = strlen(path);

	if (strcmp(path, "/") == 0)
		return;
	if (!config_mount_unit(unit, path, n)) {
		if (hold == HOLD_NOTHING)
			return;
		fputs("RequiresMountsFor=", f);
		put_word(f, path);
		fputc('\n', f);
		return;
	}
	/* The same, but for one that fails: podd tells that with the file's line and is tried
	 * again, where systemd would only not start it (supervisor/declared.h). */
	for (; config_mount_unit(unit, path, n); n = config_path_parent(path, n)) {
		bool comes_and_goes = hold == HOLD_STAYS && automount_is_at(m->root, path, n);

		put_mount_lines(f, unit, comes_and_goes ? HOLD_STARTS : hold);
	}
}

static void put_container_mounts(FILE *f, const struct unit_maker *m,
				 const struct container_spec *run)
{
	for (char **lower = run->lowers; lower && *lower; lower++)
		put_mount(f, m, *lower, HOLD_STAYS);
	for (size_t i = 0; i < run->volume_n; i++)
		put_mount(f, m, run->volumes[i].source,
			  run->volumes[i].optional ? HOLD_NOTHING : HOLD_STAYS);
	for (size_t i = 0; i < run->credential_n; i++)
		put_mount(f, m, run->credentials[i].source, HOLD_STARTS);
	if (run->seccomp.path)
		put_mount(f, m, run->seccomp.path, HOLD_STARTS);
}

/* Where the pod's files are. */
static void put_mounts(FILE *f, const struct unit_maker *m, const struct pod_spec *spec)
{
	bool lib = false;

	for (size_t i = 0; i < spec->container_n; i++) {
		const struct pod_container *c = &spec->containers[i];

		put_container_mounts(f, m, &c->run);
		lib |= c->image.name || c->run.writable == CONTAINER_WRITABLE_DISK;
	}
	if (lib)
		fprintf(f, "RequiresMountsFor=\"%s/var/lib/podd\"\n", m->root);
	fprintf(f, "RequiresMountsFor=\"%s/var/log/podd\"\n", m->root);
}

/* What the unit takes from podd and a container of this pod is to have. */
static void put_privileges(FILE *f, const struct pod_spec *spec)
{
	bool new_privs = false, limits = false;

	for (size_t i = 0; i < spec->container_n; i++) {
		const struct container_spec *run = &spec->containers[i].run;
		uint64_t add = run->capabilities.add;

		new_privs |= run->allow_new_privs;
		for (size_t k = 0; k < CONTAINER_RLIMIT_N; k++)
			limits |= run->rlimits[k].said;
		if (add == CAPABILITY_ALL)
			fputs("CapabilityBoundingSet=~\n", f); /* all of the kernel's */
		for (unsigned c = 0; add != CAPABILITY_ALL && capability_name(c); c++)
			if (add & (UINT64_C(1) << c))
				fprintf(f, "CapabilityBoundingSet=%s\n", capability_name(c));
	}
	if (limits) /* to go beyond the unit's own hard ones */
		fputs("CapabilityBoundingSet=CAP_SYS_RESOURCE\n", f);
	if (new_privs)
		fputs("NoNewPrivileges=no\n", f);
}

/* The value with the instance put in, which systemd would take for "left.pod". */
static char *expand(const char *value, const char *instance)
{
	char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);

	if (!f)
		return NULL;
	for (const char *s = value; *s; s++) {
		if (instance && s[0] == '%' && s[1] == 'i') {
			fputs(instance, f);
			s++;
		} else {
			fputc(*s, f);
			if (s[0] == '%' && s[1] == '%')
				fputc(*++s, f);
		}
	}
	return fclose(f) == 0 ? out : NULL;
}

/* Names of units, without their quotes: config/unit_section.c has checked them. */
static void put_units(FILE *f, const char *value)
{
	char word[CONFIG_UNIT_NAME_MAX + 1], name[sizeof(word)];
	const char *space = "";

	for (const char *at = value; config_unit_word(word, &at) > 0; space = " ")
		fprintf(f, "%s%s", space,
			config_unit_of(name, word, strlen(word)) ? name : word);
}

static int put_line(FILE *f, const struct source_line *line, const char *instance)
{
	cleanup_free char *value = expand(line->value, instance);

	if (!value)
		return -ENOMEM;
	fprintf(f, "%s=", line->key);
	if (config_unit_key_lists(line->key))
		put_units(f, value);
	else
		fputs(value, f);
	end_line(f, value);
	return 0;
}

static void put_stop_timeout(FILE *f, const struct source *s)
{
	if (s->spec)
		fprintf(f, "TimeoutStopSec=%llu\n", (unsigned long long)
			((s->spec->stop_timeout_ns + NSEC_PER_SEC - 1) / NSEC_PER_SEC +
			 STOP_MARGIN_S));
}

static void put_source_path(FILE *f, const char *path)
{
	fputs("SourcePath=", f);
	put_plain(f, path);
	fputc('\n', f);
}

static int compose(FILE *f, const struct unit_maker *m, const struct pod_file *file,
		   const struct source *s)
{
	const char *at = strchr(file->name, '@');
	int r = 0;

	fputs("# Made by podd-generator, see podd(8).\n[Unit]\n", f);
	put_body(f, m->body, file, "Unit");
	if (file->gone) /* a SourcePath= that is not there asks for a daemon-reload for ever */
		fprintf(f, "Description=Pod %s, whose file is gone\n", file->name);
	else
		put_source_path(f, s->diags.file_n ? s->diags.files[0] : file->path);
	if (s->spec && s->spec->description)
		fputs("Description=", f), put_plain(f, s->spec->description),
			end_line(f, s->spec->description);
	/* The same pod by its other name: one podd at a time. */
	fprintf(f, "Conflicts=pod@%s.service\nAfter=pod@%s.service\n", file->name, file->name);
	if (s->spec)
		put_mounts(f, m, s->spec);
	for (const struct source_line *l = NULL;
	     r == 0 && (l = source_next(s, l, SOURCE_UNIT, NULL));)
		r = put_line(f, l, at ? at + 1 : NULL);
	fputs("\n[Service]\n", f);
	put_body(f, m->body, file, "Service");
	if (m->delegates)
		fputs(delegation, f);
	if (s->spec)
		put_privileges(f, s->spec);
	put_stop_timeout(f, s);
	return r;
}

static int compose_orphan(FILE *f, const struct unit_maker *m, const struct pod_file *file,
			  const struct source *s)
{
	static const char *const sections[] = { "Unit", "Service" };

	fputs("# Made by podd-generator, see podd(8).\n", f);
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		fprintf(f, "[%s]\n", sections[i]);
		put_body(f, m->orphan, file, sections[i]);
	}
	put_stop_timeout(f, s);
	return 0;
}

static int write_text(const struct unit_maker *m, const char *name, const char *text, size_t n,
		      struct err *err)
{
	cleanup_close int fd = openat(m->out_fd, name,
				      O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	int r;

	if (fd < 0)
		return err_sys(err, "create '%s'", name);
	r = io_write_all(fd, text, n);
	if (r == 0)
		return 0;
	(void)unlinkat(m->out_fd, name, 0); /* half a unit is one that systemd runs */
	return err_set(err, -r, "write '%s': %s", name, strerror(-r));
}

/**
 * unit_write_drop_in() - give pod@.service what this systemd can do
 *
 * Return: 0 or -errno with @err filled.
 */
int unit_write_drop_in(const struct unit_maker *m, struct err *err)
{
	static const char head[] = "# Made by podd-generator, see podd(8).\n[Service]\n";
	char text[sizeof(head) + sizeof(delegation)];

	if (!m->delegates)
		return 0;
	if (mkdirat(m->out_fd, BODY ".d", 0755) < 0 && errno != EEXIST)
		return err_sys(err, "create directory '" BODY ".d'");
	snprintf(text, sizeof(text), "%s%s", head, delegation);
	return write_text(m, BODY ".d/50-podd.conf", text, strlen(text), err);
}

/**
 * unit_write() - make the two units of a pod
 * @s: of @file; a wrong one has units, too, whose podd tells what is wrong
 *
 * Return: 0 or -errno with @err filled.
 */
int unit_write(const struct unit_maker *m, const struct pod_file *file, const struct source *s,
	       struct err *err)
{
	static const struct {
		const char *suffix;
		int (*compose)(FILE *f, const struct unit_maker *m, const struct pod_file *file,
			       const struct source *s);
	} units[] = {
		{ "pod.service", compose },
		{ "pod-orphan.service", compose_orphan },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(units); i++) {
		char name[CONFIG_UNIT_NAME_MAX + 1];
		cleanup_free char *text = NULL;
		size_t n = 0;
		FILE *f = open_memstream(&text, &n);

		r = f ? units[i].compose(f, m, file, s) : -ENOMEM;
		if ((f && fclose(f) < 0) || r < 0)
			return err_set(err, ENOMEM, "pod '%s': make its unit: out of memory",
				       file->name);
		snprintf(name, sizeof(name), "%s.%s", file->name, units[i].suffix);
		r = write_text(m, name, text, n, err);
	}
	return r;
}
