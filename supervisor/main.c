/* SPDX-License-Identifier: MIT */
/* podd: supervise one pod in the foreground. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/program.h"
#include "config/load.h"
#include "supervisor/host.h"
#include "supervisor/last_words.h"
#include "supervisor/notify.h"
#include "supervisor/pod.h"
#include "supervisor/reload.h"
#include "supervisor/say.h"
#include "supervisor/upgrade.h"
#include "supervisor/watchdog.h"
#include "version.h"

#define LISTEN_FDS_START 3 /* sd_listen_fds(3) */

/* Documented in podd(8). */
enum exit_status {
	EXIT_STOPPED = 0, /* as asked, or all containers have completed */
	EXIT_FAILED = 1,
	EXIT_USAGE = 2, /* or a bad pod file */
	EXIT_HOST = 3,	/* the host lacks something */
	EXIT_TAKEN = 4, /* another podd runs the pod */
};

static const char usage[] =
	"Usage: podd [--root DIR] [--stop] FILE.pod\n"
	"Run one pod in the foreground, until SIGTERM or SIGINT stops it.\n"
	"SIGHUP reads the file again, as podctl reload does.\n"
	"\n"
	"      --root DIR  keep everything under DIR: etc/podd, run/podd, var/lib/podd, "
	"var/log/podd\n"
	"      --stop      run nothing: stop what a podd that was killed has left of the pod\n"
	"  -h, --help      show this text\n"
	"      --version   show the version\n"
	"      --adopts    show which running pods this podd can take over\n"
	"\n"
	"Exit status: 0 stopped as asked or completed, 1 the pod failed, 2 bad usage or bad\n"
	"pod file, 3 the host lacks something, 4 another podd runs the pod. See podd(8).\n";

struct options {
	enum loop_backend backend;
	const char *root;
	const char *file;
	bool stop;
	char *const *argv;
};

/* Return: -1 to go on, or the status to exit with. */
static int parse_options(struct options *o, int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "root", required_argument, NULL, 'r' },
		{ "stop", no_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ "adopts", no_argument, NULL, 'A' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", longopts, NULL)) >= 0) {
		switch (c) {
		case 'r':
			o->root = optarg;
			break;
		case 's':
			o->stop = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return EXIT_STOPPED;
		case 'V':
			puts("podd " PODD_VERSION);
			return EXIT_STOPPED;
		case 'A':
			upgrade_say();
			return EXIT_STOPPED;
		default:
			fputs("Try 'podd --help'.\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (argc - optind != 1) {
		fprintf(stderr, "podd: %s\nTry 'podd --help'.\n",
			argc == optind ? "no pod file" : "more than one pod file");
		return EXIT_USAGE;
	}
	o->file = argv[optind];
	o->argv = argv;
	return -1;
}

/* Return: 0, or the status to exit with: what is wrong was told. */
static int load(struct pod_spec **out, const char *file)
{
	struct config_diags *diags = calloc(1, sizeof(*diags));
	char host[256] = "", line[2048];
	struct config_env env = { .hostname = host };
	struct err err = { 0 };
	int r;

	if (!diags)
		return EXIT_FAILED;
	(void)gethostname(host, sizeof(host) - 1);
	r = config_load(out, file, &env, diags, &err);
	for (size_t i = 0; r < 0 && config_diags_line(diags, i, line, sizeof(line)); i++)
		say_fault(line);
	if (r < 0 && diags->n == 0)
		say(SAY_ERR, "%s", err.msg);
	else if (r < 0) /* the first fault is more than that there are some */
		(void)err_set(&err, err.code, "%s",
			      config_diags_line(diags, 0, line, sizeof(line)));
	if (r < 0)
		notify_failure(&err);
	config_diags_done(diags);
	free(diags);
	return r < 0 ? EXIT_USAGE : 0;
}

/*
 * What a podd that was killed has left is stopped by its record. The file, which may be broken
 * or gone by now, only says where last lines go, and how long a stop may take.
 * @file: NULL then
 */
static int load_to_stop(struct pod_spec **out, struct pod_spec **file, const char *path)
{
	struct err err = { 0 };

	if (config_load_name(out, path, &err) < 0) {
		say(SAY_ERR, "%s", err.msg);
		return EXIT_USAGE;
	}
	if (load(file, path) != 0)
		say(SAY_NOTICE, "pod '%s': going by what is known of the pod that runs",
		    (*out)->name);
	return 0;
}

static int failure(const struct err *err)
{
	say(SAY_ERR, "%s", err->msg);
	notify_failure(err);
	if (err->code == EALREADY)
		return EXIT_TAKEN;
	return host_lacks(err->code) ? EXIT_HOST : EXIT_FAILED;
}

/* ---------------------------------------------------------------------- signals */

struct signals {
	struct watch watch;
	struct pod *pod;
};

static void replace_podd(struct pod *pod)
{
	struct err err = { 0 };

	(void)upgrade_exec(pod, &err); /* comes back only when it failed */
	say(SAY_WARNING, "%s, ignoring", err.msg);
}

static void on_signal(struct watch *watch, uint32_t events)
{
	struct signals *s = container_of(watch, struct signals, watch);
	struct signalfd_siginfo info;

	(void)events;
	if (read(watch->fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP)
		reload_by_signal(s->pod);
	else if (info.ssi_signo == SIGUSR2)
		replace_podd(s->pod);
	else
		drive_stop(s->pod);
}

static int watch_signals(struct signals *s, struct loop *loop, struct err *err)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGHUP);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return err_sys(err, "make a signalfd");
	s->watch.fn = on_signal;
	return loop_watch_add(loop, &s->watch, fd, EPOLLIN, err);
}

/* ------------------------------------------------------------------------- main */

/* $PODD_LOOP. Return: 0, or the status to exit with. */
static int choose_backend(enum loop_backend *out)
{
	const char *name = getenv("PODD_LOOP");

	*out = LOOP_AUTO;
	if (!name || !*name)
		return 0;
	if (strcmp(name, "epoll") == 0)
		*out = LOOP_EPOLL;
	else if (strcmp(name, "io_uring") == 0)
		*out = LOOP_URING;
	else
		fprintf(stderr, "podd: PODD_LOOP is '%s', not epoll or io_uring\n", name);
	return *out == LOOP_AUTO ? EXIT_USAGE : 0;
}

static int run_pod(struct pod *pod, struct pod_spec *spec, const struct options *o)
{
	struct signals signals = { .pod = pod };
	struct watchdog watchdog = { 0 };
	struct loop *loop = NULL;
	struct err err = { 0 };
	struct paths paths;
	int r, status = EXIT_STOPPED;

	pod->argv = o->argv;
	r = host_prepare_process(&err);
	if (r == 0)
		r = paths_open(&paths, o->root, PATHS_CREATE, &err);
	if (r < 0)
		return failure(&err);
	r = loop_new(&loop, o->backend, &err);
	if (r == 0)
		r = pod_start(pod, spec, &paths, loop, &err);
	/* After the start: until then a signal waits, and a start is short. */
	if (r == 0)
		r = watch_signals(&signals, loop, &err);
	if (r == 0) {
		/* A stop that was under way goes on: a second word would cut it short. */
		if (o->stop && pod->machine.state != POD_STOPPING)
			drive_stop(pod);
		host_trim_process();
		watchdog_begin(&watchdog, loop);
		r = loop_run(loop, &status, &err);
		watchdog_end(&watchdog);
	}
	if (r == 0 && pod->broken)
		status = failure(&pod->why);
	if (r == -ECANCELED) /* as asked, before there was a pod */
		say(SAY_NOTICE, "%s", err.msg);
	else if (r < 0)
		status = failure(&err);
	if (loop)
		pod_end(pod);
	loop_watch_remove(loop, &signals.watch);
	loop_free(loop);
	paths_close(&paths);
	return status;
}

int main(int argc, char **argv)
{
	static struct pod pod; /* large: pages that a small pod does not need stay untouched */
	struct pod_spec *spec = NULL, *file = NULL;
	struct last_words words;
	struct options o = { 0 };
	struct err err = { 0 };
	int status = parse_options(&o, argc, argv);

	if (status >= 0)
		return status;
	say_init();
	/* Without the privilege, podd says so itself, in better words. */
	if (program_seal(argv, &err) < 0 && err.code != EPERM)
		return failure(&err);
	last_words_take(&words, LISTEN_FDS_START);
	pod.words = &words;
	status = choose_backend(&o.backend);
	if (status == 0)
		status = o.stop ? load_to_stop(&spec, &file, o.file) : load(&spec, o.file);
	pod.stop_only = o.stop;
	pod.file_to_stop = file;
	if (status == 0)
		status = run_pod(&pod, spec, &o);
	pod_spec_free(spec);
	pod_spec_free(file);
	last_words_done(&words);
	return status;
}
