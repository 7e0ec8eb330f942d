/* SPDX-License-Identifier: MIT */
/* What a pod wrote last that was killed together with its podd: kept by the service manager. */
#include "supervisor/last_words.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "config/names.h"
#include "supervisor/log.h"
#include "supervisor/notify.h"
#include "supervisor/pod.h"
#include "supervisor/say.h"

#define RECORD	  "record"
#define NAME_SIZE 32
#define GIVEN_MAX 512 /* more than any unit of ours lets systemd keep */
#define SPOILT	  (-1) /* of no use, but the service manager has something of that name */

static const struct {
	const char *name;
	enum pause_log_fd of_pause;
} kinds[LAST_WORDS_FDS] = {
	[LAST_WORDS_STDOUT] = { "stdout", PAUSE_LOG_STDOUT_READ },
	[LAST_WORDS_STDERR] = { "stderr", PAUSE_LOG_STDERR_READ },
	[LAST_WORDS_BUFFER] = { "buffer", PAUSE_LOG_BUFFER },
};

static const char *log_name(char out[NAME_SIZE], unsigned place, enum last_words_fd kind)
{
	snprintf(out, NAME_SIZE, "log-%u-%s", place, kinds[kind].name);
	return out;
}

/* --------------------------------------------------------------- what was given */

static int *slot_of(struct last_words *w, const char *name)
{
	char expected[NAME_SIZE];
	unsigned place;

	if (strcmp(name, RECORD) == 0)
		return &w->record_fd;
	if (sscanf(name, "log-%3u-", &place) != 1 || place >= POD_CONTAINERS_MAX)
		return NULL;
	for (enum last_words_fd k = 0; k < LAST_WORDS_FDS; k++)
		if (strcmp(name, log_name(expected, place, k)) == 0)
			return &w->logs[place][k];
	return NULL;
}

static bool is_pipe_of(const struct last_words *w, const int *slot)
{
	return slot != &w->record_fd &&
	       (slot - &w->logs[0][0]) % LAST_WORDS_FDS != LAST_WORDS_BUFFER;
}

static bool is_read_end(int fd)
{
	struct stat st;
	int flags = fcntl(fd, F_GETFL);

	return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) && flags >= 0 &&
	       (flags & O_ACCMODE) == O_RDONLY && flags & O_NONBLOCK;
}

/* Sealed, so that a mapping of it cannot raise SIGBUS. */
static bool is_sealed_memory(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && seals & F_SEAL_SHRINK;
}

static void take_one(struct last_words *w, const char *name, int number)
{
	int flags = fcntl(number, F_GETFD), *slot = slot_of(w, name);
	cleanup_close int fd = -EBADF;

	if (flags < 0 || flags & FD_CLOEXEC) /* it did not come through our execve */
		return;
	fd = number;
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC); /* cannot fail: it is there */
	if (!slot) {
		say(SAY_WARNING, "descriptor '%s' of the service manager is unknown, ignoring",
		    name);
	} else if (*slot != -EBADF) { /* which of them is it? */
		say(SAY_WARNING, "descriptor '%s' of the service manager came twice, ignoring",
		    name);
		close_fd(slot);
		*slot = SPOILT;
	} else if (!(is_pipe_of(w, slot) ? is_read_end(fd) : is_sealed_memory(fd))) {
		say(SAY_WARNING,
		    "descriptor '%s' of the service manager is of another kind, ignoring",
		    name);
		*slot = SPOILT;
	} else {
		*slot = take_fd(&fd);
	}
}

/**
 * last_words_take() - take what the service manager gives: sd_listen_fds(3)
 * @w: overwritten; give it to last_words_done() in the end
 * @first_fd: where they begin
 *
 * After the last execve of the program by itself, and before descriptors are made that
 * could be taken for some of these. The variables that tell of them go.
 */
void last_words_take(struct last_words *w, int first_fd)
{
	const char *said = getenv("LISTEN_FDNAMES");
	cleanup_free char *names = said ? strdup(said) : NULL;
	unsigned long long n = notify_number("LISTEN_FDS");
	bool ours = n > 0 && notify_number("LISTEN_PID") == (unsigned long long)getpid();
	char *rest = names;

	w->record_fd = -EBADF;
	for (unsigned i = 0; i < POD_CONTAINERS_MAX; i++)
		for (unsigned k = 0; k < LAST_WORDS_FDS; k++)
			w->logs[i][k] = -EBADF;
	(void)unsetenv("LISTEN_PID"); /* no name that it refuses */
	(void)unsetenv("LISTEN_PIDFDID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	if (!ours)
		return;
	if (n > GIVEN_MAX) {
		say(SAY_WARNING, "LISTEN_FDS is %llu, ignoring", n);
		return;
	}
	for (int i = 0; i < (int)n; i++) {
		const char *name = strsep(&rest, ":");

		take_one(w, name ? name : "", first_fd + i);
	}
}

/**
 * last_words_done() - close what was given
 */
void last_words_done(struct last_words *w)
{
	close_fd(&w->record_fd);
	for (unsigned i = 0; i < POD_CONTAINERS_MAX; i++)
		for (unsigned k = 0; k < LAST_WORDS_FDS; k++)
			close_fd(&w->logs[i][k]);
}

/* ---------------------------------------------------------------- into the logs */

/* How the file wants its log. Of a container that it has not any more: one file, as it is. */
static struct log_spec spec_of(const struct pod_spec *spec, const char *name)
{
	for (size_t i = 0; i < spec->container_n; i++)
		if (strcmp(spec->containers[i].run.name, name) == 0)
			return spec->containers[i].log;
	return (struct log_spec){ .max_bytes = UINT64_MAX, .max_files = 1, .driver = LOG_FILE };
}

/* A process of it was there, or was about to be. */
static bool lived(const struct machine *machine)
{
	return machine->state == MACHINE_STARTING || machine->state == MACHINE_RUNNING ||
	       machine->state == MACHINE_STOPPING;
}

static void end_log(struct log *log, const struct pod *pod, const char *name, bool killed)
{
	struct log_lost lost;

	log_drain(log);
	if (killed)
		log_note(log, "podd was killed, and the container with its pod: what it wrote last "
			      "is above");
	lost = log_lost(log);
	if (lost.why)
		say(SAY_WARNING, "pod '%s': container '%s': %s: last lines are dropped",
		    pod->spec->name, name, log_lost_reason(&lost));
	log_close(log);
}

/* Return: whether there was something that could be told, or -errno with @err filled. */
static int tell_log(const int fds[LAST_WORDS_FDS], const struct pod *pod, struct log_shared *shared,
		    const struct record_member *m, bool killed, struct err *err)
{
	const struct log_params params = {
		.dirfd = pod->log_fd,
		.name = m->name,
		.pod = pod->spec->name,
		.attempt = m->ended + killed,
		.spec = spec_of(pod->spec, m->name),
		.buffer_fd = fds[LAST_WORDS_BUFFER],
		.pipe_fds = { [CRI_STDOUT] = fds[LAST_WORDS_STDOUT],
			      [CRI_STDERR] = fds[LAST_WORDS_STDERR] },
		.shared = shared,
	};
	struct log log;
	int r;

	for (unsigned k = 0; k < LAST_WORDS_FDS; k++)
		if (fds[k] < 0)
			return err_set(err, ENOENT, "the service manager has not kept its %s",
				       kinds[k].name);
	if (log_buffer_is_blank(fds[LAST_WORDS_BUFFER]))
		return 0;
	r = log_open(&log, &params, err);
	if (r < 0)
		return r;
	end_log(&log, pod, m->name, killed);
	log_buffer_clear(fds[LAST_WORDS_BUFFER]);
	return 1;
}

static void tell_all(const struct last_words *w, const struct pod *pod, struct log_shared *shared,
		     const struct record_state *state)
{
	unsigned told = 0;

	for (unsigned i = 0; i < state->machine.n && i < POD_CONTAINERS_MAX; i++) {
		const struct record_member *m = &state->members[i];
		struct err err = { 0 };
		int r;

		/* The sum says that podd wrote it; but it becomes the name of a file. */
		if (m->place >= POD_CONTAINERS_MAX || !memchr(m->name, '\0', sizeof(m->name)) ||
		    !config_container_name_valid(m->name))
			continue;
		r = tell_log(w->logs[m->place], pod, shared, m,
			     lived(&state->machine.containers[i]), &err);
		if (r < 0)
			say(SAY_WARNING, "pod '%s': container '%s': what it wrote last is lost: %s",
			    pod->spec->name, m->name, err.msg);
		told += r > 0;
	}
	if (told > 0)
		say(SAY_NOTICE,
		    "pod '%s': its containers were killed: what they wrote last is in their logs",
		    pod->spec->name);
}

/**
 * last_words_tell() - put into the logs what a dead pod wrote last
 * @w: what was given
 * @pod: the one that comes after it; none of its logs is open
 */
void last_words_tell(const struct last_words *w, const struct pod *pod)
{
	const struct record_state *state;
	struct log_shared shared;
	struct record *record;
	struct err err = { 0 };

	if (w->record_fd < 0)
		return;
	if (record_open(w->record_fd, &record, &err) < 0) {
		say(SAY_WARNING, "pod '%s': what it wrote last is lost: %s",
		    pod->spec->name, err.msg);
		return;
	}
	state = record_current(record);
	if (state && log_shared_open(&shared, &err) < 0) {
		say(SAY_WARNING, "pod '%s': what it wrote last is lost: %s",
		    pod->spec->name, err.msg);
	} else if (state) {
		shared.journal.run_dirfd = pod->paths->run;
		tell_all(w, pod, &shared, state);
		log_shared_close(&shared);
	}
	record_close(record);
}

/* -------------------------------------------------- into the store, and out of it */

static int store(int sock, const char *name, int fd, struct err *err)
{
	char text[64 + NAME_SIZE];

	snprintf(text, sizeof(text), "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
	return notify_store_send(sock, text, fd, err);
}

static int take_out(int sock, const char *name, struct err *err)
{
	char text[64 + NAME_SIZE];

	snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=%s", name);
	return notify_store_send(sock, text, -EBADF, err);
}

/* What is stored under a name is to be @wanted, or nothing when that is -EBADF. */
static int bring_in_line(int sock, const char *name, int given, int wanted, struct err *err)
{
	int r = 0;

	if (given >= 0 && wanted >= 0 && io_same_file(given, wanted))
		return 0;
	if (given != -EBADF)
		r = take_out(sock, name, err);
	return r < 0 || wanted < 0 ? r : store(sock, name, wanted, err);
}

static void say_failure(int r, const struct err *err)
{
	if (r < 0)
		say(SAY_WARNING,
		    "%s, ignoring: what the pod writes last is lost if it is killed together "
		    "with podd", err->msg);
}

static int keep_logs_of(int sock, const int given[LAST_WORDS_FDS], const struct pause *pause,
			unsigned place, struct err *err)
{
	char name[NAME_SIZE];
	int r = 0;

	for (enum last_words_fd k = 0; r == 0 && k < LAST_WORDS_FDS; k++)
		r = bring_in_line(sock, log_name(name, place, k), given[k],
				  pause->logs[place][kinds[k].of_pause], err);
	return r;
}

/**
 * last_words_keep() - let the service manager keep what the pod might write last
 * @w: what it has given, which is what it keeps so far
 * @pause: of the pod that runs
 */
void last_words_keep(const struct last_words *w, const struct pause *pause)
{
	bool has_store = notify_has_store();
	struct err err = { 0 };
	cleanup_close int sock = has_store ? notify_store_open(&err) : -EBADF;
	int r = sock;

	if (!has_store)
		return;
	if (r >= 0)
		r = bring_in_line(sock, RECORD, w->record_fd, pause->record_fd, &err);
	for (unsigned i = 0; r == 0 && i < POD_CONTAINERS_MAX; i++)
		r = keep_logs_of(sock, w->logs[i], pause, i, &err);
	say_failure(r, &err);
}

/**
 * last_words_keep_logs() - the same for the log of a container that came later
 * @place: its pipes are there
 */
void last_words_keep_logs(const struct pause *pause, unsigned place)
{
	/* Of who had the place before, something may have stayed. */
	static const int unknown[LAST_WORDS_FDS] = { SPOILT, SPOILT, SPOILT };
	bool has_store = notify_has_store();
	struct err err = { 0 };
	cleanup_close int sock = has_store ? notify_store_open(&err) : -EBADF;

	if (has_store)
		say_failure(sock < 0 ? sock : keep_logs_of(sock, unknown, pause, place, &err),
			    &err);
}

/*
 * Cleared whether there is a store or not: a pod that was adopted may be in that of another
 * service manager. What cannot be asked back says nothing, then.
 */
static void drop_logs(int sock, const struct pause *pause, unsigned place)
{
	char name[NAME_SIZE];

	if (pause->logs[place][PAUSE_LOG_BUFFER] < 0)
		return;
	log_buffer_clear(pause->logs[place][PAUSE_LOG_BUFFER]);
	for (enum last_words_fd k = 0; sock >= 0 && k < LAST_WORDS_FDS; k++)
		(void)take_out(sock, log_name(name, place, k), NULL);
}

/**
 * last_words_drop_logs() - there is nothing to keep any more of a container
 * @place: its pipes are still there, its log is closed
 */
void last_words_drop_logs(const struct pause *pause, unsigned place)
{
	cleanup_close int sock = notify_has_store() ? notify_store_open(NULL) : -EBADF;

	drop_logs(sock, pause, place);
}

/**
 * last_words_drop() - there is nothing to keep any more of the pod, which has ended
 * @pause: with its pipes, and all logs closed
 * @stored: last_words_keep() was called for it
 */
void last_words_drop(const struct pause *pause, bool stored)
{
	bool tell = stored && pause->record_fd >= 0 && notify_has_store();
	cleanup_close int sock = tell ? notify_store_open(NULL) : -EBADF;

	for (unsigned i = 0; i < POD_CONTAINERS_MAX; i++)
		drop_logs(sock, pause, i);
	if (sock >= 0)
		(void)take_out(sock, RECORD, NULL);
}
