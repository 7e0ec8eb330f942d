/* SPDX-License-Identifier: MIT */
/* io.podd.Pod: its description, its parameters and its methods. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/nearest.h"
#include "supervisor/control_client.h"
#include "version.h"

static const char service_description[] =
	"# Provided by every Varlink service: what it is and what it can do.\n"
	"interface org.varlink.service\n"
	"\n"
	"method GetInfo() -> (\n"
	"  vendor: string,\n"
	"  product: string,\n"
	"  version: string,\n"
	"  url: string,\n"
	"  interfaces: []string\n"
	")\n"
	"\n"
	"method GetInterfaceDescription(interface: string) -> (description: string)\n"
	"\n"
	"error InterfaceNotFound (interface: string)\n"
	"error MethodNotFound (method: string)\n"
	"error MethodNotImplemented (method: string)\n"
	"error InvalidParameter (parameter: string)\n"
	"error PermissionDenied ()\n"
	"error ExpectedMore ()\n";

static const char pod_description[] =
	"# One pod and podd, its supervisor. Times are RFC 3339 in UTC, signals are\n"
	"# Linux numbers, process ids are the host's.\n"
	"interface io.podd.Pod\n"
	"\n"
	"# How a container's last run ended: one of exit_code and signal is there.\n"
	"type LastExit (exit_code: ?int, signal: ?int, reason: string)\n"
	"\n"
	"# How much of the last 10 s (percent) some or all of its tasks waited for a\n"
	"# resource, and microseconds of that since the group was made.\n"
	"type Stall (some_avg10: float, full_avg10: float, some_usec: int, full_usec: int)\n"
	"\n"
	"type Pressure (cpu: ?Stall, memory: ?Stall, io: ?Stall)\n"
	"\n"
	"type Container (\n"
	"  name: string,\n"
	"  type: string,\n"
	"  state: string,\n"
	"  pid: ?int,\n"
	"  started_at: ?string,\n"
	"  restarts: int,\n"
	"  ready: bool,\n"
	"  paused: bool,\n"
	"  last: ?LastExit,\n"
	"  image: ?(name: string, digest: string),\n"
	"  pressure: ?Pressure,\n"
	"  limits: ?object\n"
	")\n"
	"\n"
	"# A change. Numbers go up by one; kind \"gap\" stands for events that are no\n"
	"# longer kept, lost says how many.\n"
	"type Event (\n"
	"  seq: int,\n"
	"  boot_id: string,\n"
	"  kind: string,\n"
	"  time: ?string,\n"
	"  boottime_ns: ?int,\n"
	"  container: ?string,\n"
	"  state: ?string,\n"
	"  pid: ?int,\n"
	"  restarts: ?int,\n"
	"  exit_code: ?int,\n"
	"  signal: ?int,\n"
	"  reason: ?string,\n"
	"  message: ?string,\n"
	"  lost: ?int\n"
	")\n"
	"\n"
	"method Status() -> (\n"
	"  version: int,\n"
	"  name: string,\n"
	"  state: string,\n"
	"  ready: bool,\n"
	"  address: ?string,\n"
	"  containers: []Container,\n"
	"  warnings: ?[]string,\n"
	"  update: ?object,\n"
	"  pressure: ?Pressure,\n"
	"  limits: ?object\n"
	")\n"
	"\n"
	"# All that podd knows about the pod.\n"
	"method Inspect() -> (pod: object)\n"
	"\n"
	"# Stop the pod in order, and podd. Answered when it is down, or, with wait\n"
	"# false, as soon as it has begun.\n"
	"method Stop(wait: ?bool) -> ()\n"
	"\n"
	"# Restart one container, or all. Answered when it runs again.\n"
	"method Restart(container: ?string, wait: ?bool) -> ()\n"
	"\n"
	"# Replace podd by the binary that is installed now; the pod runs on. Answered\n"
	"# only when that failed: else all connections end, and the new podd listens.\n"
	"method Upgrade() -> ()\n"
	"\n"
	"# Read the pod's file again and put it into force, or, with dry_run, only say\n"
	"# what that would do. result: unchanged, planned, applied (containers may still\n"
	"# be stopping), bad-file (see errors), needs-new-pod (see pod.new_pod); with the\n"
	"# last two nothing was changed. action: unchanged, live, restart, start, stop.\n"
	"type Fault (file: string, line: int, column: int, message: string)\n"
	"\n"
	"type PodChange (live: []string, restart: []string, new_pod: []string, order: bool)\n"
	"\n"
	"type ContainerChange (name: string, action: string, keys: []string, outdated: bool)\n"
	"\n"
	"method Reload(dry_run: ?bool) -> (\n"
	"  version: int,\n"
	"  result: string,\n"
	"  pod: ?PodChange,\n"
	"  containers: ?[]ContainerChange,\n"
	"  errors: ?[]Fault,\n"
	"  message: ?string\n"
	")\n"
	"\n"
	"# Run other images on trial: each \"NAME@sha256:DIGEST\", the name in full and of a\n"
	"# container, the image in the store; or, with back, those that the pod had before.\n"
	"# During a trial, back ends that. result: unchanged, trial, back. What comes of it\n"
	"# is told by events of the kind \"update\" from number seq on: state kept, or failed\n"
	"# and then back, or blocked for as long as that cannot be; and by the update of\n"
	"# Status. kept and back are told once the names in the store are set, or blocked.\n"
	"method Update(images: ?[]string, back: ?bool) -> (\n"
	"  version: int,\n"
	"  result: string,\n"
	"  seq: int,\n"
	"  settle_ms: ?int,\n"
	"  images: ?[](name: string, former: string, new: string)\n"
	")\n"
	"\n"
	"# Freeze all processes of one container, or of each that runs, until Unpause.\n"
	"# Answered when they stand still. A stop, a restart or a kill comes through.\n"
	"method Pause(container: ?string) -> ()\n"
	"\n"
	"method Unpause(container: ?string) -> ()\n"
	"\n"
	"# Send a signal to the first process of one container, or of each.\n"
	"method Kill(container: ?string, signal: int) -> ()\n"
	"\n"
	"# Run a command in a container, by default the pod's only one; to be called with\n"
	"# \"more\". Without tty the call brings three descriptors, which become the\n"
	"# command's 0, 1 and 2. With tty the first reply brings the master of a terminal\n"
	"# in the container. The first reply has no parameters: the command was started;\n"
	"# the last one says how it ended.\n"
	"method Exec(\n"
	"  container: ?string,\n"
	"  argv: []string,\n"
	"  env: ?[]string,\n"
	"  cwd: ?string,\n"
	"  user: ?string,\n"
	"  tty: ?bool,\n"
	"  rows: ?int,\n"
	"  cols: ?int\n"
	") -> (exit_code: ?int, signal: ?int)\n"
	"\n"
	"# The events from number since on, or all that are kept; to be called with\n"
	"# \"more\". With follow it goes on with those to come.\n"
	"method Events(since: ?int, follow: ?bool) -> (event: ?Event)\n"
	"\n"
	"# The pod has no container of this name.\n"
	"error NoSuchContainer (container: string, nearest: ?string)\n"
	"\n"
	"# It was tried and failed; errno is a Linux number.\n"
	"error Failed (errno: int, message: string)\n"
	"\n"
	"# podd has no place for a further connection.\n"
	"error Busy ()\n";

enum param_id {
	PARAM_CONTAINER,
	PARAM_SIGNAL,
	PARAM_WAIT,
	PARAM_DRY_RUN,
	PARAM_SINCE,
	PARAM_FOLLOW,
	PARAM_ARGV,
	PARAM_ENV,
	PARAM_CWD,
	PARAM_USER,
	PARAM_TTY,
	PARAM_ROWS,
	PARAM_COLS,
	PARAM_INTERFACE,
	PARAM_IMAGES,
	PARAM_BACK,
	PARAM_N,
};

/* As the call gave them; NULL or the default where it did not. */
struct arguments {
	const char *text[PARAM_N];
	json_int_t number[PARAM_N];
	bool flag[PARAM_N];
	const json_t *list[PARAM_N];
};

static const struct param {
	const char *name;
	enum { PARAM_TEXT, PARAM_NUMBER, PARAM_FLAG, PARAM_LIST } type;
	json_int_t min, max; /* numbers */
} params[] = {
	[PARAM_CONTAINER] = { "container", PARAM_TEXT, 0, 0 },
	[PARAM_SIGNAL] = { "signal", PARAM_NUMBER, 1, 64 },
	[PARAM_WAIT] = { "wait", PARAM_FLAG, 0, 0 },
	[PARAM_DRY_RUN] = { "dry_run", PARAM_FLAG, 0, 0 },
	[PARAM_SINCE] = { "since", PARAM_NUMBER, 0, INT64_MAX },
	[PARAM_FOLLOW] = { "follow", PARAM_FLAG, 0, 0 },
	[PARAM_ARGV] = { "argv", PARAM_LIST, 0, 0 },
	[PARAM_ENV] = { "env", PARAM_LIST, 0, 0 },
	[PARAM_CWD] = { "cwd", PARAM_TEXT, 0, 0 },
	[PARAM_USER] = { "user", PARAM_TEXT, 0, 0 },
	[PARAM_TTY] = { "tty", PARAM_FLAG, 0, 0 },
	[PARAM_ROWS] = { "rows", PARAM_NUMBER, 0, USHRT_MAX },
	[PARAM_COLS] = { "cols", PARAM_NUMBER, 0, USHRT_MAX },
	[PARAM_INTERFACE] = { "interface", PARAM_TEXT, 0, 0 },
	[PARAM_IMAGES] = { "images", PARAM_LIST, 0, 0 },
	[PARAM_BACK] = { "back", PARAM_FLAG, 0, 0 },
};
_Static_assert(ARRAY_SIZE(params) == PARAM_N, "each parameter is described");

static void reply_invalid(struct control_client *c, const char *parameter)
{
	control_reply_error(c, "org.varlink.service.InvalidParameter",
			    json_pack("{s:s}", "parameter", parameter));
}

static bool list_of_strings(const json_t *v)
{
	json_t *item;
	size_t i;

	if (!json_is_array(v))
		return false;
	json_array_foreach(v, i, item)
		if (!json_is_string(item))
			return false;
	return true;
}

/* Sets the argument; false if @v has not the type or the range. */
static bool set_argument(struct arguments *args, enum param_id id, const json_t *v)
{
	const struct param *p = &params[id];

	switch (p->type) {
	case PARAM_TEXT:
		args->text[id] = json_string_value(v);
		return json_is_string(v) && args->text[id][0];
	case PARAM_NUMBER:
		args->number[id] = json_integer_value(v);
		return json_is_integer(v) && args->number[id] >= p->min &&
		       args->number[id] <= p->max;
	case PARAM_FLAG:
		args->flag[id] = json_is_true(v);
		return json_is_boolean(v);
	case PARAM_LIST:
		args->list[id] = v;
		return list_of_strings(v);
	}
	return false;
}

static void get_info(struct control_client *c, const struct arguments *args)
{
	(void)args;
	control_reply(c, json_pack("{s:s, s:s, s:s, s:s, s:[s, s]}", "vendor", "podd", "product",
				   "podd", "version", PODD_VERSION, "url", "", "interfaces",
				   "org.varlink.service", "io.podd.Pod"), false);
}

static void get_interface_description(struct control_client *c, const struct arguments *args)
{
	const char *name = args->text[PARAM_INTERFACE];
	const char *text;

	if (strcmp(name, "io.podd.Pod") == 0) {
		text = pod_description;
	} else if (strcmp(name, "org.varlink.service") == 0) {
		text = service_description;
	} else {
		control_reply_error(c, "org.varlink.service.InterfaceNotFound",
				    json_pack("{s:s}", "interface", name));
		return;
	}
	control_reply(c, json_pack("{s:s}", "description", text), false);
}

static void reply_document(struct control_client *c, json_t *document)
{
	if (document)
		control_reply(c, document, false);
	else
		control_client_drop(c, "no memory");
}

static void call_status(struct control_client *c, const struct arguments *args)
{
	const struct control_config *cfg = &c->control->config;

	(void)args;
	reply_document(c, cfg->ops->status(cfg->ctx));
}

static void call_inspect(struct control_client *c, const struct arguments *args)
{
	const struct control_config *cfg = &c->control->config;

	(void)args;
	reply_document(c, json_pack("{s:o}", "pod", cfg->ops->inspect(cfg->ctx)));
}

/* The operation has begun (@r 0), and may have answered already, or not. */
static void begun(struct control_client *c, int r, const struct err *err)
{
	if (r < 0 && c->state == CLIENT_WAITING)
		control_reply_failed(c, err);
}

/* Who does not wait for the end is answered by the beginning. */
static void answer_beginning(struct control_client *c, int r, const struct arguments *args,
			     const struct err *err)
{
	begun(c, r, err);
	if (c->state == CLIENT_WAITING && !args->flag[PARAM_WAIT])
		control_reply(c, NULL, false);
}

static void wait_for(struct control_client *c, enum control_wait wait, const char *container)
{
	free(c->container);
	c->container = container ? strdup(container) : NULL;
	c->wait = wait;
	c->state = CLIENT_WAITING;
	if (container && !c->container)
		control_client_drop(c, "no memory");
}

static void call_stop(struct control_client *c, const struct arguments *args)
{
	const struct control_config *cfg = &c->control->config;
	struct err err = { 0 };

	wait_for(c, CONTROL_WAIT_STOP, NULL);
	answer_beginning(c, cfg->ops->stop(cfg->ctx, &err), args, &err);
}

static void call_restart(struct control_client *c, const struct arguments *args)
{
	const struct control_config *cfg = &c->control->config;
	const char *container = args->text[PARAM_CONTAINER];
	struct err err = { 0 };

	wait_for(c, CONTROL_WAIT_RESTART, container);
	answer_beginning(c, cfg->ops->restart(cfg->ctx, container, &err), args, &err);
}

static void call_pause(struct control_client *c, const struct arguments *args)
{
	const struct control_config *cfg = &c->control->config;
	const char *container = args->text[PARAM_CONTAINER];
	struct err err = { 0 };

	wait_for(c, CONTROL_WAIT_PAUSE, container);
	begun(c, cfg->ops->pause(cfg->ctx, container, &err), &err);
}

static void call_unpause(struct control_client *c, const struct arguments *args)
{
	const struct control_config *cfg = &c->control->config;
	struct err err = { 0 };

	if (cfg->ops->unpause(cfg->ctx, args->text[PARAM_CONTAINER], &err) < 0)
		control_reply_failed(c, &err);
	else
		control_reply(c, NULL, false);
}

static void call_upgrade(struct control_client *c, const struct arguments *args)
{
	const struct control_config *cfg = &c->control->config;
	struct err err = { 0 };

	(void)args;
	(void)cfg->ops->upgrade(cfg->ctx, &err);
	control_reply_failed(c, &err);
}

static void call_kill(struct control_client *c, const struct arguments *args)
{
	const struct control_config *cfg = &c->control->config;
	struct err err = { 0 };

	if (cfg->ops->kill(cfg->ctx, args->text[PARAM_CONTAINER], (int)args->number[PARAM_SIGNAL],
			   &err) < 0)
		control_reply_failed(c, &err);
	else
		control_reply(c, NULL, false);
}

static void call_reload(struct control_client *c, const struct arguments *args)
{
	const struct control_config *cfg = &c->control->config;
	struct err err = { 0 };

	wait_for(c, CONTROL_WAIT_RELOAD, NULL);
	begun(c, cfg->ops->reload(cfg->ctx, args->flag[PARAM_DRY_RUN], &err), &err);
}

static void call_update(struct control_client *c, const struct arguments *args)
{
	const struct control_config *cfg = &c->control->config;
	struct err err = { 0 };

	wait_for(c, CONTROL_WAIT_UPDATE, NULL);
	begun(c, cfg->ops->update(cfg->ctx, args->list[PARAM_IMAGES], args->flag[PARAM_BACK], &err),
	      &err);
}

static void call_events(struct control_client *c, const struct arguments *args)
{
	c->next_seq = (uint64_t)args->number[PARAM_SINCE];
	c->follow = args->flag[PARAM_FOLLOW];
	c->state = CLIENT_EVENTS; /* control.c sends them as the client reads */
}

/* Borrows the strings. NULL without memory. */
static char **string_vector(const json_t *list)
{
	char **v = calloc(json_array_size(list) + 1, sizeof(*v));
	json_t *item;
	size_t i;

	if (!v)
		return NULL;
	json_array_foreach(list, i, item)
		v[i] = (char *)json_string_value(item);
	return v;
}

static bool environment_valid(char *const *env)
{
	for (; *env; env++)
		if (!strchr(*env, '=') || **env == '=')
			return false;
	return true;
}

static int exec_sessions(const struct control *control)
{
	int n = 0;

	for (const struct control_client *c = control->clients; c; c = c->next)
		n += c->state == CLIENT_EXEC;
	return n;
}

static void start_exec(struct control_client *c, struct control_exec *exec)
{
	const struct control_config *cfg = &c->control->config;
	struct err err = { 0 };

	if (exec_sessions(c->control) >= CONTROL_EXECS_MAX) {
		(void)err_set(&err, EAGAIN, "%d commands are being executed, which is the limit",
			      CONTROL_EXECS_MAX);
		control_reply_failed(c, &err);
		return;
	}
	exec->session = c->session = ++c->control->session;
	c->state = CLIENT_EXEC;
	if (cfg->ops->exec(cfg->ctx, exec, &err) < 0 && c->state == CLIENT_EXEC)
		control_reply_failed(c, &err);
}

/* For a call that names none. NULL: the pod has several, which the client is told. */
static const char *only_container(struct control_client *c)
{
	const struct control_config *cfg = &c->control->config;
	const char *only = cfg->ops->container_name(cfg->ctx, 0), *name;
	char names[512] = "";
	struct err err;

	if (!cfg->ops->container_name(cfg->ctx, 1))
		return only;
	for (size_t i = 0; (name = cfg->ops->container_name(cfg->ctx, i)); i++) {
		size_t used = strlen(names);

		(void)snprintf(names + used, sizeof(names) - used, "%s'%s'", i ? ", " : "", name);
	}
	(void)err_set(&err, EINVAL, "one of its containers has to be named: %s", names);
	control_reply_failed(c, &err);
	return NULL;
}

static void call_exec(struct control_client *c, const struct arguments *args)
{
	/* The call's own now: those that come with the next call are its. */
	struct varlink_fds fds = c->in.fds;
	cleanup_free char **argv = string_vector(args->list[PARAM_ARGV]);
	cleanup_free char **env = string_vector(args->list[PARAM_ENV]);
	struct control_exec exec = {
		.container = args->text[PARAM_CONTAINER],
		.argv = argv,
		.env = env,
		.cwd = args->text[PARAM_CWD],
		.user = args->text[PARAM_USER],
		.tty = args->flag[PARAM_TTY],
		.rows = (unsigned short)args->number[PARAM_ROWS],
		.cols = (unsigned short)args->number[PARAM_COLS],
		.stdio = { -EBADF, -EBADF, -EBADF },
	};

	c->in.fds.n = 0;
	if (!argv || !env)
		control_client_drop(c, "no memory");
	else if (!argv[0] || !argv[0][0])
		reply_invalid(c, "argv");
	else if (!environment_valid(env))
		reply_invalid(c, "env");
	else if (!exec.tty && fds.n != 3)
		control_reply_failed(c,
				     &(struct err){ .code = EBADF, .msg = "the call did not bring "
								   "stdin, stdout and stderr" });
	else if (exec.container || (exec.container = only_container(c))) {
		if (!exec.tty)
			memcpy(exec.stdio, fds.fd, sizeof(exec.stdio));
		start_exec(c, &exec);
	}
	varlink_fds_close(&fds);
}

#define P(name) (1u << PARAM_##name)

static const struct method {
	const char *name;
	void (*fn)(struct control_client *c, const struct arguments *args);
	unsigned required, optional; /* sets of P() */
	bool more;                   /* answers more than once */
} methods[] = {
	{ "org.varlink.service.GetInfo", get_info, 0, 0, false },
	{ "org.varlink.service.GetInterfaceDescription", get_interface_description, P(INTERFACE), 0,
	  false },
	{ "io.podd.Pod.Status", call_status, 0, 0, false },
	{ "io.podd.Pod.Inspect", call_inspect, 0, 0, false },
	{ "io.podd.Pod.Stop", call_stop, 0, P(WAIT), false },
	{ "io.podd.Pod.Restart", call_restart, 0, P(CONTAINER) | P(WAIT), false },
	{ "io.podd.Pod.Pause", call_pause, 0, P(CONTAINER), false },
	{ "io.podd.Pod.Unpause", call_unpause, 0, P(CONTAINER), false },
	{ "io.podd.Pod.Upgrade", call_upgrade, 0, 0, false },
	{ "io.podd.Pod.Reload", call_reload, 0, P(DRY_RUN), false },
	{ "io.podd.Pod.Update", call_update, 0, P(IMAGES) | P(BACK), false },
	{ "io.podd.Pod.Kill", call_kill, P(SIGNAL), P(CONTAINER), false },
	{ "io.podd.Pod.Exec", call_exec, P(ARGV),
	  P(CONTAINER) | P(ENV) | P(CWD) | P(USER) | P(TTY) | P(ROWS) | P(COLS), true },
	{ "io.podd.Pod.Events", call_events, 0, P(SINCE) | P(FOLLOW), true },
};

static const struct method *find_method(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		if (strcmp(methods[i].name, name) == 0)
			return &methods[i];
	return NULL;
}

static int param_of(const struct method *m, const char *name)
{
	for (int i = 0; i < PARAM_N; i++)
		if (((m->required | m->optional) >> i & 1) && strcmp(params[i].name, name) == 0)
			return i;
	return -1;
}

/* NULL, or the name of the parameter that is wrong, missing or unknown. A
 * member that is null is one that is not there. */
static const char *read_arguments(struct arguments *args, const struct method *m, json_t *given)
{
	unsigned missing = m->required;
	const char *name;
	json_t *v;

	json_object_foreach(given, name, v) {
		int id = param_of(m, name);

		if (id < 0)
			return name;
		if (json_is_null(v))
			continue;
		if (!set_argument(args, id, v))
			return name;
		missing &= ~(1u << id);
	}
	for (int i = 0; i < PARAM_N; i++)
		if (missing >> i & 1)
			return params[i].name;
	return NULL;
}

static bool known_container(struct control_client *c, const char *name)
{
	const struct control_config *cfg = &c->control->config;
	struct nearest best = { .word = name };
	const char *have;

	for (size_t i = 0; (have = cfg->ops->container_name(cfg->ctx, i)); i++) {
		if (strcmp(have, name) == 0)
			return true;
		nearest_try(&best, have);
	}
	control_reply_error(c, "io.podd.Pod.NoSuchContainer",
			    json_pack("{s:s, s:s*}", "container", name, "nearest", best.found));
	return false;
}

/**
 * control_dispatch() - act on one call
 * @message: borrowed
 *
 * A oneway call is carried out, and its answer thrown away.
 */
void control_dispatch(struct control_client *c, const json_t *message)
{
	struct arguments args = { .flag = { [PARAM_WAIT] = true } };
	const struct method *m;
	struct varlink_call call;
	const char *wrong;
	struct err err;

	if (varlink_call_read(&call, message, &err) < 0) {
		control_client_drop(c, err.msg);
		return;
	}
	c->oneway = call.oneway;
	m = find_method(call.method);
	if (!m) {
		control_reply_error(c, "org.varlink.service.MethodNotFound",
				    json_pack("{s:s}", "method", call.method));
		return;
	}
	if (m->more && !call.more) {
		control_reply_error(c, "org.varlink.service.ExpectedMore", NULL);
		return;
	}
	wrong = read_arguments(&args, m, call.parameters);
	if (call.oneway)
		args.flag[PARAM_WAIT] = false;
	if (wrong)
		reply_invalid(c, wrong);
	else if (!args.text[PARAM_CONTAINER] || known_container(c, args.text[PARAM_CONTAINER]))
		m->fn(c, &args);
}
