/* SPDX-License-Identifier: MIT */
/* podd-generator: pod files as units of systemd, see systemd.generator(7). */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "config/names.h"
#include "generator/find.h"
#include "generator/install.h"
#include "generator/living.h"
#include "generator/manager.h"
#include "generator/report.h"
#include "generator/source.h"
#include "generator/unit.h"
#include "version.h"

/*
 * Theory of operation
 *
 * systemd runs this at boot and at each daemon-reload, before it reads any unit, and
 * waits for it: so nothing here executes, asks or waits for anybody. Each pod file
 * becomes a unit (unit.h) and the links that its [Install] asks for (install.h).
 *
 * A wrong file is no failure of the generator. Its faults are reported, and its unit
 * is made all the same, from what could be read: its podd tells them again and fails,
 * so that they show where an operator looks, in the status of the unit.
 */
static const char usage[] =
	"Usage: podd-generator [--root DIR] NORMAL-DIR [EARLY-DIR LATE-DIR]\n"
	"Write a systemd unit for each pod file in /etc/podd and /usr/share/podd into NORMAL-DIR.\n"
	"systemd calls this at each daemon-reload, with three directories; what is wrong goes to\n"
	"/dev/kmsg then, else to standard error.\n"
	"\n"
	"      --root DIR  take DIR/etc/podd and DIR/usr/share/podd\n"
	"  -h, --help      show this text\n"
	"      --version   show the version\n"
	"\n"
	"Exit status: 0 all units are written, 1 some are not, 2 bad usage. See podd(8).\n";

/* systemd's NEWS */
#define DELEGATE_SUBGROUP_SINCE 254

/* Return: -1 to go on, or the status to exit with. */
static int parse_options(struct unit_maker *m, int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "root", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", longopts, NULL)) >= 0) {
		if (c == 'r') {
			m->root = optarg;
		} else if (c == 'h') {
			fputs(usage, stdout);
			return 0;
		} else if (c == 'V') {
			puts("podd-generator " PODD_VERSION);
			return 0;
		} else {
			fputs("Try 'podd-generator --help'.\n", stderr);
			return 2;
		}
	}
	if (argc - optind == 1 || argc - optind == 3)
		return -1;
	fputs("podd-generator: one directory is needed, or three\n"
	      "Try 'podd-generator --help'.\n", stderr);
	return 2;
}

/* What is wrong is reported here. Return: whether the unit is there. */
static bool make_unit(const struct unit_maker *m, const struct pod_file *file)
{
	struct source source = { 0 };
	struct err err = { 0 };
	int r = file->gone ? 0 : source_load(&source, file->path, &err);

	source_report(&source);
	if (r == 0)
		r = unit_write(m, file, &source, &err);
	if (r == 0)
		r = install_links(m->out_fd, file, &source, &err);
	if (r < 0)
		report(REPORT_ERR, "%s", err.msg);
	source_done(&source);
	return r == 0;
}

static bool has_instance(const struct pod_files *files, const struct pod_file *template)
{
	size_t n = strlen(template->name);

	for (size_t i = 0; i < files->n; i++)
		if (strncmp(files->list[i].name, template->name, n) == 0 && files->list[i].name[n])
			return true;
	return false;
}

/*
 * Makes the instance known that the template itself names. The template is read as
 * some instance of it; what is wrong with it is told by the real ones, if there are any.
 */
static int add_default_instance(struct pod_files *files, const struct pod_file *template,
				struct err *err)
{
	cleanup_free char *path = NULL, *name = NULL;
	struct source source = { 0 };
	const char *instance;
	int r;

	if (asprintf(&path, "%.*stemplate.pod", (int)(strlen(template->path) - strlen(".pod")),
		     template->path) < 0)
		return err_set(err, ENOMEM, "template '%s': out of memory", template->path);
	r = source_load(&source, path, err);
	instance = r == 0 ? install_default_instance(&source) : NULL;
	if (instance && asprintf(&name, "%s%s", template->name, instance) < 0)
		r = err_set(err, ENOMEM, "template '%s': out of memory", template->path);
	else if (name && !config_pod_name_valid(name)) /* only too long: the rest is checked */
		report(REPORT_WARNING, "%s: DefaultInstance=: '%s' is no pod name, ignoring",
		       template->path, name);
	else if (name)
		r = pod_files_add_instance(files, template, instance, err);
	if (r == 0 && !has_instance(files, template))
		source_report(&source);
	source_done(&source);
	return r;
}

static int add_default_instances(struct pod_files *files, struct err *err)
{
	int r = 0;

	for (size_t i = 0, n = files->n; r == 0 && i < n; i++) {
		/* A copy: the list moves. */
		const struct pod_file file = files->list[i];

		if (file.path && pod_file_is_template(&file))
			r = add_default_instance(files, &file, err);
	}
	return r;
}

static int run(struct unit_maker *m, const char *out, struct err *err)
{
	struct pod_files files = { 0 };
	bool all = true;
	int r;

	m->out_fd = open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (m->out_fd < 0)
		return err_sys(err, "open directory '%s'", out);
	m->delegates = manager_version(m->root) >= DELEGATE_SUBGROUP_SINCE;
	r = unit_read_body(m, err);
	if (r == 0)
		r = unit_write_drop_in(m, err);
	if (r == 0)
		r = pod_files_find(&files, m->root, err);
	if (r == 0)
		r = add_default_instances(&files, err);
	if (r == 0)
		r = living_find(&files, m->root, err);
	for (size_t i = 0; r == 0 && i < files.n; i++) {
		const struct pod_file *file = &files.list[i];

		if (!file->path || pod_file_is_template(file))
			continue;
		all = make_unit(m, file) && all;
	}
	pod_files_done(&files);
	close_fd(&m->out_fd);
	if (r == 0 && !all)
		return err_set(err, EIO, "some pods have no unit");
	return r;
}

int main(int argc, char **argv)
{
	static struct unit_maker maker = { .root = "" };
	struct err err = { 0 };
	int status = parse_options(&maker, argc, argv);

	if (status >= 0)
		return status;
	if (argc - optind == 3)
		report_to_kernel();
	if (run(&maker, argv[optind], &err) == 0)
		return 0;
	report(REPORT_ERR, "%s", err.msg);
	return 1;
}
