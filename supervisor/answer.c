/* SPDX-License-Identifier: MIT */
/* What the control socket asks a pod to do. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/fault.h"
#include "base/fd.h"
#include "supervisor/describe.h"
#include "supervisor/freeze.h"
#include "supervisor/pod.h"
#include "supervisor/reload.h"
#include "supervisor/say.h"

/* The board's slots after the containers' belong to exec sessions. */
#define SESSION_SLOT_FIRST POD_CONTAINERS_MAX

/* One exec; listed in the pod until the pause has recorded its end. */
struct session {
	struct session *next;
	uint64_t id; /* as the control socket names it */
	char container[CONFIG_NAME_MAX + 1];
	struct board_slot *slot;
	pid_t pid;
};

static const char *container_name(void *ctx, size_t i)
{
	const struct pod *pod = ctx;

	return i < pod->member_n ? pod->members[i]->spec->run.name : NULL;
}

/* @name: has been checked by the control socket. */
static unsigned index_of(const struct pod *pod, const char *name)
{
	unsigned i = 0;

	while (i + 1 < pod->member_n && strcmp(pod->members[i]->spec->run.name, name) != 0)
		i++;
	return i;
}

static json_t *status(void *ctx)
{
	return describe_status(ctx);
}

static json_t *inspect(void *ctx)
{
	return describe_inspect(ctx);
}

static int stop(void *ctx, struct err *err)
{
	struct pod *pod = ctx;

	(void)err;
	/* A second one waits with the first: only a second signal kills at once. */
	if (pod->machine.state != POD_STOPPING)
		drive_stop(pod);
	return 0;
}

static int restart(void *ctx, const char *container, struct err *err)
{
	struct pod *pod = ctx;
	const struct pod_event ev = {
		.type = POD_EV_RESTART,
		.container = container ? index_of(pod, container) : POD_ITSELF,
	};

	if (container && pod->machine.containers[ev.container].leaving)
		return err_set(err, EBUSY, "container '%s' is being removed", container);
	if (drive_event(pod, &ev) < 0)
		return err_set(err, EBUSY, "it is %s", pod_state_name(pod->machine.state));
	return 0;
}

static int pause_or_unpause(struct pod *pod, enum pod_event_type type, const char *container,
			    struct err *err)
{
	unsigned i = container ? index_of(pod, container) : POD_ITSELF;
	int r = drive_event(pod, &(struct pod_event){ .type = type, .container = i });

	if (r == -EPROTO)
		return err_set(err, EBUSY, "it is %s", pod_state_name(pod->machine.state));
	if (r < 0 && container)
		return err_set(err, ESRCH, "container '%s' is %s", container,
			       machine_state_name(pod->machine.containers[i].state));
	if (r < 0)
		return err_set(err, ESRCH, "no container of pod '%s' is running", pod->spec->name);
	return 0;
}

static int freeze(void *ctx, const char *container, struct err *err)
{
	int r = pause_or_unpause(ctx, POD_EV_PAUSE, container, err);

	if (r == 0)
		freeze_answer(ctx); /* they may have been paused before */
	return r;
}

static int unfreeze(void *ctx, const char *container, struct err *err)
{
	return pause_or_unpause(ctx, POD_EV_UNPAUSE, container, err);
}

static int upgrade(void *ctx, struct err *err)
{
	return upgrade_exec(ctx, err);
}

static int send_signal(void *ctx, const char *container, int sig, struct err *err)
{
	struct pod *pod = ctx;
	unsigned sent = 0;

	for (unsigned i = 0; i < pod->member_n; i++) {
		struct member *m = pod->members[i];

		if (m->pid == 0 || (container && strcmp(m->spec->run.name, container) != 0))
			continue;
		if (sig == SIGKILL)
			drive_expect_kill(pod, m);
		member_signal(m, sig);
		sent++;
	}
	if (sent)
		return 0;
	if (container)
		return err_set(err, ESRCH, "container '%s' is not running", container);
	return err_set(err, ESRCH, "no container of pod '%s' is running", pod->spec->name);
}

static int reload(void *ctx, bool dry_run, struct err *err)
{
	return reload_begin(ctx, dry_run ? RELOAD_DRY_RUN : RELOAD_CALL, err);
}

static int update(void *ctx, const json_t *images, bool back, struct err *err)
{
	return update_begin(ctx, images, back, err);
}

/* ------------------------------------------------------------------------ exec */

static struct board_slot *free_slot(struct pod *pod)
{
	for (unsigned i = SESSION_SLOT_FIRST; i < BOARD_SLOTS; i++)
		if (pod->pause.board->slots[i].state == BOARD_FREE)
			return &pod->pause.board->slots[i];
	return NULL;
}

static bool names_same(const char *a, const char *b)
{
	size_t n = strcspn(a, "=");

	return strncmp(a, b, n + 1) == 0;
}

/* The session's variables and those of the container that it does not replace. */
static char **merge_environment(char *const *own, char *const *of_container)
{
	size_t n = 0, own_n = 0, container_n = 0;
	char **env;

	while (own && own[own_n])
		own_n++;
	while (of_container && of_container[container_n])
		container_n++;
	env = calloc(own_n + container_n + 1, sizeof(*env));
	if (!env)
		return NULL;
	while (n < own_n) {
		env[n] = own[n];
		n++;
	}
	for (size_t i = 0; i < container_n; i++) {
		bool replaced = false;

		for (size_t k = 0; k < own_n && !replaced; k++)
			replaced = names_same(of_container[i], own[k]);
		if (!replaced)
			env[n++] = of_container[i];
	}
	return env;
}

/* Whether a process can be started beside those of the container. */
static int check_takes_session(const struct pod *pod, const struct member *m, struct err *err)
{
	const char *name = m->spec->run.name;

	if (pod->machine.containers[m->index].leaving)
		return err_set(err, EBUSY, "container '%s' is being removed", name);
	if (m->pid == 0)
		return err_set(err, ESRCH, "container '%s' is not running", name);
	if (pod->machine.containers[m->index].paused)
		return err_set(err, EBUSY,
			       "container '%s' is paused: 'podctl unpause %s %s' lets it go on",
			       name, pod->spec->name, name);
	if (cgroup_is_frozen(&m->cgroup))
		return err_set(err, EBUSY, "container '%s' is frozen, not by podd", name);
	return 0;
}

/* A directory of the host would be a way out of the container's root. */
static int check_stdio(const int stdio[3], struct err *err)
{
	struct stat st;

	for (int i = 0; i < 3; i++)
		if (stdio[i] >= 0 && fstat(stdio[i], &st) == 0 && S_ISDIR(st.st_mode))
			return err_set(err, EISDIR, "descriptor %d is a directory", i);
	return 0;
}

static int spawn_session(struct pod *pod, struct session *s, const struct control_exec *exec,
			 int *master_fd, struct err *err)
{
	struct member *m = pod->members[index_of(pod, exec->container)];
	const struct container_spec *run = &m->spec->run;
	cleanup_free char **env = merge_environment(exec->env, run->env);
	struct container_process p = member_process(m);
	struct container_started started;
	int r;

	if (!env)
		return err_set(err, ENOMEM, "execute '%s': out of memory", exec->argv[0]);
	r = check_takes_session(pod, m, err);
	if (r < 0)
		return r;
	r = member_find_filter(&p.filter, m, err);
	if (r < 0)
		return err_wrap(err, r, "container '%s'", exec->container);
	r = check_stdio(exec->stdio, err);
	if (r < 0)
		return r;
	p.argv = exec->argv;
	p.env = env;
	p.cwd = exec->cwd ? exec->cwd : p.cwd;
	p.user = exec->user ? exec->user : p.user;
	memcpy(p.stdio, exec->stdio, sizeof(p.stdio));
	p.tty = exec->tty;
	p.rows = exec->rows;
	p.cols = exec->cols;
	p.slot = s->slot;
	s->slot->generation++;
	__atomic_store_n(&s->slot->state, BOARD_STARTING, __ATOMIC_RELEASE);
	fault_kill("session-starting");
	r = container_spawn(&started, &p, err);
	fault_kill("session-spawned");
	if (r < 0) {
		__atomic_store_n(&s->slot->state, BOARD_FREE, __ATOMIC_RELEASE);
		/* ENOENT and the like are for the program: podctl exits with 127. */
		if (strcmp(started.stage, "exec") != 0)
			err->code = EINVAL;
		return -err->code;
	}
	close_fd(&started.pidfd); /* the board tells its end */
	s->pid = started.pid;
	snprintf(s->container, sizeof(s->container), "%s", run->name);
	*master_fd = started.master_fd;
	return 0;
}

static void publish_session(struct pod *pod, const struct session *s,
			    const struct board_slot *ended)
{
	const struct event event = {
		.kind = ended ? EVENT_EXEC_ENDED : EVENT_EXEC_STARTED,
		.container = s->container,
		.pid = s->pid,
		.exited = ended != NULL,
		.wait_status = ended ? ended->wait_status : 0,
	};

	events_add(&pod->events, &event);
	control_events_added(pod->control);
}

static int start_exec(void *ctx, const struct control_exec *exec, struct err *err)
{
	struct pod *pod = ctx;
	struct board_slot *slot = free_slot(pod);
	cleanup_free struct session *s = calloc(1, sizeof(*s));
	int r, master_fd = -EBADF;

	if (!slot || !s)
		return err_set(err, EAGAIN, "too many exec sessions in pod '%s'", pod->spec->name);
	s->id = exec->session;
	s->slot = slot;
	r = spawn_session(pod, s, exec, &master_fd, err);
	if (r < 0)
		return r;
	publish_session(pod, s, NULL);
	control_exec_reply(pod->control, s->id, master_fd);
	s->next = pod->sessions;
	pod->sessions = take_ptr(s);
	return 0;
}

/**
 * answer_session_exits() - report the exec sessions whose end the pause has recorded
 */
void answer_session_exits(struct pod *pod)
{
	for (struct session **at = &pod->sessions; *at;) {
		struct session *s = *at;

		if (__atomic_load_n(&s->slot->state, __ATOMIC_ACQUIRE) != BOARD_EXITED) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		publish_session(pod, s, s->slot);
		control_exec_done(pod->control, s->id, s->slot->wait_status);
		fault_kill("session-told");
		__atomic_store_n(&s->slot->state, BOARD_FREE, __ATOMIC_RELEASE);
		free(s);
	}
	/* Sessions of a podd that was killed: nobody waits for them. Those that it had
	 * not started when it was will not be: its children are gone (pod.h). */
	for (unsigned i = SESSION_SLOT_FIRST; !pod->sessions && i < BOARD_SLOTS; i++) {
		struct board_slot *slot = &pod->pause.board->slots[i];

		uint32_t is = __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE);

		if (is == BOARD_EXITED || is == BOARD_STARTING)
			__atomic_store_n(&slot->state, BOARD_FREE, __ATOMIC_RELEASE);
	}
}

/**
 * answer_sessions_done() - end all sessions: their processes were killed with the
 * pod, or podd lets go of it
 */
void answer_sessions_done(struct pod *pod)
{
	while (pod->sessions) {
		struct session *s = pod->sessions;

		pod->sessions = s->next;
		if (!pod->hands_off)
			control_exec_done(pod->control, s->id, SIGKILL); /* as wait(2) has it */
		free(s);
	}
}

static void note(void *ctx, const char *line)
{
	const struct pod *pod = ctx;

	say(SAY_WARNING, "pod '%s': %s, ignoring", pod->spec->name, line);
}

const struct control_ops answer_ops = {
	.container_name = container_name,
	.status = status,
	.inspect = inspect,
	.stop = stop,
	.restart = restart,
	.pause = freeze,
	.unpause = unfreeze,
	.upgrade = upgrade,
	.kill = send_signal,
	.reload = reload,
	.update = update,
	.exec = start_exec,
	.note = note,
};
