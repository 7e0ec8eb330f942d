/* SPDX-License-Identifier: MIT */
/* Whether board, record and kernel agree about the containers of a pod to adopt. */
#include "supervisor/board_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/sys.h"

/* For the pause to record an end of which the kernel shows nothing any more. */
#define FIND_TIMEOUT_MS 1000
#define FIND_STEP_MS	2

/* One container: who knows what of it. */
struct look {
	struct pause *p;
	const struct cgroup *pod;
	const struct record_member *record;
	const struct machine *machine;
	const struct board_slot *slot;
	int levels; /* so many numbers has the pause */
};

/*
 * The pid that a process has in the pod, or -1: the last of two numbers in
 * NSpid (proc(5)) when podd is in the host's namespace. One in a namespace of
 * its own further down has more numbers than the pause.
 */
static int pid_in_pod(pid_t pid, int levels)
{
	char path[64], text[8192], *line;
	int n = 0, last = -1;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if (io_read_file(AT_FDCWD, path, text, sizeof(text), NULL) < 0)
		return -1;
	line = strstr(text, "\nNSpid:");
	if (!line)
		return -1;
	line += strlen("\nNSpid:");
	line[strcspn(line, "\n")] = '\0';
	for (char *word; (word = strsep(&line, "\t ")) != NULL;)
		if (*word) {
			last = atoi(word);
			n++;
		}
	return levels == 0 || n == levels ? last : -1;
}

static int levels_of(pid_t pause_pid)
{
	int n = 1;

	/* The pause is 1 at its own level: count until that fits. */
	while (n < 32 && pid_in_pod(pause_pid, n) != 1)
		n++;
	return n;
}

/*
 * Who may be the first process: the children of the pause, dead ones that it has
 * not reaped included; a kernel without CONFIG_PROC_CHILDREN has the living ones
 * of the container's own group, not of one that it has made below.
 */
static FILE *open_candidates(const struct look *l)
{
	struct cgroup cg = { .dirfd = -EBADF };
	cleanup_close int fd = -EBADF;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", l->p->pid, l->p->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && cgroup_container_open(&cg, l->pod, l->record->name, NULL) == 0)
		fd = openat(cg.dirfd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	cgroup_close(&cg);
	f = fd < 0 ? NULL : fdopen(fd, "re");
	if (f)
		(void)take_fd(&fd);
	return f;
}

/*
 * The process of the slot, put where its member will take it from. Its pidfd first,
 * the slot again afterwards: while that says RUNNING the pid was not given away.
 */
static bool find_first(const struct look *l, int want)
{
	struct pause_first *first = &l->p->firsts[l->record->place];
	FILE *f = open_candidates(l);
	int pid;

	while (f && first->pidfd < 0 && fscanf(f, "%d", &pid) == 1) {
		if (pid_in_pod(pid, l->levels) != want ||
		    !cgroup_container_has(l->p->pid, l->record->name, pid))
			continue;
		first->pid = pid;
		first->pidfd = sys_pidfd_open(pid, 0);
		if (__atomic_load_n(&l->slot->state, __ATOMIC_ACQUIRE) != BOARD_RUNNING)
			close_fd(&first->pidfd);
	}
	if (f)
		(void)fclose(f); /* only read */
	return first->pidfd >= 0;
}

/* An end that nobody has acted on came after the run before, and before now. */
static bool end_makes_sense(const struct board_slot *s, const struct machine *m)
{
	return s->exited_boottime_ns > m->last.finished_at_ns &&
	       s->exited_boottime_ns <= clock_boottime_ns() &&
	       (WIFEXITED(s->wait_status) || WIFSIGNALED(s->wait_status));
}

/*
 * What of a slot cannot be, by the record; or NULL. A start that was under way, and a
 * stop of one, may have left it in any state. Where no process is to be, an end that
 * is told once more does no harm.
 */
static const char *contradiction(const struct board_slot *s, const struct look *l)
{
	bool acted_on = s->generation == l->record->ended;
	bool runs = l->machine->state == MACHINE_RUNNING;

	switch (s->state) {
	case BOARD_FREE:
	case BOARD_STARTING:
		return runs ? "names no process, and the record says that one runs" : NULL;
	case BOARD_RUNNING:
		if (!machine_has_process(l->machine))
			return "says that a process runs, and the record that none does";
		return acted_on ? "says that a process runs whose end was acted on" : NULL;
	case BOARD_EXITED:
		if (acted_on)
			return runs ? "tells of an end that was acted on, and the record says "
				      "that a process runs" : NULL;
		if (machine_has_process(l->machine) && !end_makes_sense(s, l->machine))
			return "tells of an end that cannot be";
		return NULL;
	default:
		return "has a state that there is not";
	}
}

static int refuse(const struct look *l, const char *why, struct err *err)
{
	return err_set(err, EPROTO, "board slot %u of container '%s' %s", l->record->place,
		       l->record->name, why);
}

static int check_slot(const struct look *l, struct err *err)
{
	const struct timespec step = { .tv_nsec = (long)(FIND_STEP_MS * NSEC_PER_MSEC) };
	char why[96];

	for (unsigned ms = 0;; ms += FIND_STEP_MS) {
		uint32_t state = __atomic_load_n(&l->slot->state, __ATOMIC_ACQUIRE);
		struct board_slot s = *l->slot; /* what belongs to that state, or a later one */
		const char *wrong;

		s.state = state;
		wrong = contradiction(&s, l);
		if (wrong)
			return refuse(l, wrong, err);
		if (state != BOARD_RUNNING || find_first(l, s.pid))
			return 0;
		if (ms >= FIND_TIMEOUT_MS) {
			snprintf(why, sizeof(why), "says that process %d of the pod runs, and "
				 "there is none such in its cgroup", s.pid);
			return refuse(l, why, err);
		}
		(void)nanosleep(&step, NULL); /* cut short is fine */
	}
}

/* The pod had only begun to start: no slot was ever used. */
static int check_unused(const struct board *board, struct err *err)
{
	for (unsigned i = 0; i < BOARD_SLOTS; i++)
		if (board->slots[i].state != BOARD_FREE)
			return err_set(err, EPROTO, "board slot %u is in use, and the record says "
				       "that the pod never ran", i);
	return 0;
}

/**
 * board_check() - hold the board against the record and the processes
 * @p: of pause_adopt(); gets the first process of each container that has one
 * @pod: the pod's group
 *
 * Changes nothing about the pod.
 *
 * Return: 0, or -EPROTO with @err filled: which slot, and what of it cannot be.
 */
int board_check(struct pause *p, const struct cgroup *pod, struct err *err)
{
	const struct record_state *state = record_current(p->record);
	struct look l = { .p = p, .pod = pod, .levels = levels_of(p->pid) };
	int r = 0;

	if (!state)
		return check_unused(p->board, err);
	for (unsigned i = 0; r == 0 && i < state->machine.n; i++) {
		l.record = &state->members[i];
		l.machine = &state->machine.containers[i];
		l.slot = &p->board->slots[l.record->place];
		r = check_slot(&l, err);
	}
	return r;
}
