/* SPDX-License-Identifier: MIT */
/* The scores of a pod file's keys. */
#include "ctl/security.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/capability.h"
#include "base/fd.h"
#include "container/container.h"
#include "ctl/security_host.h"
#include "ctl/security_profile.h"

#ifndef CAP_PERFMON /* since Linux 5.8 */
#define CAP_PERFMON 38
#define CAP_BPF	    39
#endif

/* The rows that are being written. */
struct judge {
	const struct pod_spec *spec;
	const struct config_origins *origins;
	const char *host_policy;
	const struct pod_container *container; /* NULL: the pod's own rows */
	struct security_subject *subject;
	bool no_memory;
};

static bool has_host_ids(const struct judge *j)
{
	return j->spec->userns == POD_USERNS_HOST;
}

__attribute__((format(printf, 6, 7)))
static void add(struct judge *j, const char *key, unsigned score, struct config_pos pos,
		const char *about, const char *fmt, ...)
{
	struct security_subject *s = j->subject;
	struct security_row *rows = realloc(s->rows, (s->n + 1) * sizeof(*rows));
	char *value = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = rows ? vasprintf(&value, fmt, ap) : -1;
	va_end(ap);
	if (rows)
		s->rows = rows;
	if (n < 0) {
		j->no_memory = true;
		return;
	}
	rows[s->n++] = (struct security_row){ key, value, score, pos, about };
}

static struct config_pos said(const struct judge *j, enum config_section section, const char *key)
{
	return config_origin_of(j->origins, section,
				j->container ? j->container->run.name : NULL, key);
}

/* ------------------------------------------------------------------------ the pod */

static void judge_userns(struct judge *j)
{
	if (has_host_ids(j))
		add(j, "UserNamespace", 40, said(j, CONFIG_POD, "UserNamespace"),
		    "root in a container is the host's root", "host");
	else
		add(j, "UserNamespace", 0, said(j, CONFIG_POD, "UserNamespace"),
		    "root in a container is nobody outside", "auto");
}

static void judge_network(struct judge *j)
{
	static const struct {
		unsigned score;
		const char *word, *about;
	} modes[] = {
		[NETNS_BRIDGE] = { 2, "bridge",
				   "reaches the other pods and what the host reaches" },
		[NETNS_NONE] = { 0, "none", "no network" },
		[NETNS_HOST] = { 40, "host", "the host's ports, services on its loopback and "
					     "abstract sockets" },
	};
	enum netns_mode mode = j->spec->network.mode;

	add(j, "Mode", modes[mode].score, said(j, CONFIG_NETWORK, "Mode"), modes[mode].about, "%s",
	    modes[mode].word);
}

static const char *policy(const struct judge *j)
{
	return j->spec->image_policy ? j->spec->image_policy : j->host_policy;
}

/* The one word that image_policy_parse() takes for no policy. */
static bool takes_any_image(const struct judge *j)
{
	const char *text = policy(j) + strspn(policy(j), " \t");
	size_t n = strcspn(text, " \t");

	return n == 0 || (n == 3 && strncmp(text, "any", n) == 0);
}

static void judge_policy(struct judge *j)
{
	bool images = false, any = takes_any_image(j);

	for (size_t i = 0; i < j->spec->container_n; i++)
		images = images || j->spec->containers[i].image.name;
	if (images)
		add(j, "ImagePolicy", any ? 5 : 0, said(j, CONFIG_POD, "ImagePolicy"),
		    any ? "images without a signature run" : "only signed images run", "%s",
		    any ? "any" : policy(j));
}

/* All of them are the pod's own, so none opens the host; some change what the pod is to others. */
static const struct {
	const char *start;
	unsigned score;
	const char *about;
} sysctls[] = {
	{ "net.ipv4.ip_forward=", 3, "forwards packets between its links" },
	{ "net.ipv4.conf.", 2, "what the pod does with packets of its neighbours" },
	{ "net.ipv6.", 2, "IPv6, which podd leaves off" },
};

static void judge_sysctls(struct judge *j)
{
	for (char *const *s = j->spec->sysctls; s && *s; s++) {
		struct config_pos pos = config_origin_word(j->origins, NULL, "Sysctl", *s);
		const char *about = "a parameter of the pod's own namespaces";
		unsigned score = 0;

		for (size_t i = 0; i < ARRAY_SIZE(sysctls); i++) {
			if (strncmp(*s, sysctls[i].start, strlen(sysctls[i].start)) != 0)
				continue;
			score = sysctls[i].score;
			about = sysctls[i].about;
			break;
		}
		/* A word in quotes is not found as it is. */
		add(j, "Sysctl", score, pos.line ? pos : said(j, CONFIG_POD, "Sysctl"),
		    about, "%s", *s);
	}
}

/* ---------------------------------------------------------------- who, from which root */

static struct config_pos of_container(const struct judge *j, const char *key)
{
	return said(j, CONFIG_CONTAINER, key);
}

enum root_chance { NO_ROOT, MAYBE_ROOT, SURELY_ROOT };

/* Whose id a name has is said by the passwd of the root, which is the image's. */
static enum root_chance root_chance(const struct container_spec *run)
{
	size_t n = run->user ? strcspn(run->user, ":") : 0;

	if (run->run_as_non_root)
		return NO_ROOT;
	if (n == 0 || (n == 4 && strncmp(run->user, "root", 4) == 0) || strspn(run->user, "0") == n)
		return SURELY_ROOT;
	return strspn(run->user, "0123456789") == n ? NO_ROOT : MAYBE_ROOT;
}

static void judge_user(struct judge *j)
{
	static const struct {
		unsigned host, own;
		const char *about;
	} chances[] = {
		[NO_ROOT] = { 0, 0, "no capability from the start" },
		[MAYBE_ROOT] = { 5, 1,
				 "no capability from the start, unless the image's passwd gives "
				 "that name the id 0; RunAsNonRoot=yes rules that out" },
		[SURELY_ROOT] = { 20, 4, "the program has a root's capabilities and files" },
	};
	const struct pod_container *c = j->container;
	enum root_chance chance = root_chance(&c->run);

	add(j, "User", has_host_ids(j) ? chances[chance].host : chances[chance].own,
	    of_container(j, "User"), chances[chance].about, "%s",
	    c->run.user ? c->run.user : c->image.name ? "the image's, or root" : "root");
}

static void judge_pull(struct judge *j)
{
	const struct pod_container *c = j->container;
	bool unsure = takes_any_image(j);

	if (!c->image.name)
		return;
	if (c->pull != PULL_MISSING)
		add(j, "Pull", 0, of_container(j, "Pull"), "a start runs what is there", "never");
	else if (strchr(c->image.name, '@'))
		add(j, "Pull", 1, of_container(j, "Pull"),
		    "a start fetches what the digest says", "missing");
	else
		add(j, "Pull", unsure ? 10 : 2, of_container(j, "Pull"),
		    unsure ? "a start runs what the registry has, unsigned" :
			     "a start runs what the registry has, signed", "missing");
}

static void judge_writable(struct judge *j)
{
	static const struct {
		unsigned score;
		const char *word, *about;
	} kinds[] = {
		[CONTAINER_WRITABLE_TMPFS] = { 1, "tmpfs",
					       "writes to its root, gone with the pod" },
		[CONTAINER_WRITABLE_DISK] = { 4, "yes", "writes to its root, which stay, "
							"and can fill the disk" },
		[CONTAINER_WRITABLE_NO] = { 0, "no", "its root is read-only" },
	};
	enum container_writable kind = j->container->run.writable;

	add(j, "Writable", kinds[kind].score, of_container(j, "Writable"), kinds[kind].about, "%s",
	    kinds[kind].word);
}

/* ------------------------------------------------------------------------ privileges */

/* What one more capability is worth where ids are the host's, and where they are the pod's. */
static const struct {
	int capability;
	unsigned host, own;
	const char *about;
} capabilities[] = {
	{ CAP_SYS_ADMIN, 90, 30, "mounts, namespaces, and the kernel's code behind them" },
	{ CAP_SYS_MODULE, 100, 2, "loads modules into the kernel" },
	{ CAP_SYS_RAWIO, 90, 2, "ports and memory of devices" },
	{ CAP_SYS_PTRACE, 90, 15, "memory of what it sees; with the host's ids of podd, too" },
	{ CAP_BPF, 70, 5, "programs in the kernel" },
	{ CAP_PERFMON, 50, 3, "what the kernel and others do" },
	{ CAP_DAC_READ_SEARCH, 70, 8, "files of all users, by handles too" },
	{ CAP_SYS_BOOT, 70, 1, "stops the host, or loads another kernel" },
	{ CAP_MKNOD, 60, 2, "makes device nodes" },
	{ CAP_NET_ADMIN, 40, 15, "links, routes, filters, and the kernel's code behind them" },
	{ CAP_NET_RAW, 15, 10, "forges packets to its neighbours" },
	{ CAP_SYS_TIME, 40, 1, "sets the host's clock" },
	{ CAP_SYSLOG, 20, 1, "the kernel's messages and addresses" },
	{ CAP_MAC_ADMIN, 40, 2, "changes the LSM's policy" },
	{ CAP_MAC_OVERRIDE, 40, 2, "passes over the LSM's policy" },
	{ CAP_SYS_CHROOT, 8, 4, "changes its root" },
	{ CAP_SETFCAP, 10, 3, "gives capabilities to files" },
	{ CAP_NET_BIND_SERVICE, 1, 1, "ports below 1024" },
};

/* "NET_RAW"; the mask has only bits that have names. */
static const char *short_name(unsigned number)
{
	const char *name = capability_name(number);

	return name ? name + strlen("CAP_") : "?";
}

static void judge_capability(struct judge *j, unsigned number, const char *name)
{
	unsigned score = has_host_ids(j) ? 20 : 3;
	const char *about = "a privilege more";

	for (size_t i = 0; i < ARRAY_SIZE(capabilities); i++) {
		if (capabilities[i].capability != (int)number)
			continue;
		score = has_host_ids(j) ? capabilities[i].host : capabilities[i].own;
		about = capabilities[i].about;
	}
	add(j, "AddCapability", score,
	    config_origin_word(j->origins, j->container->run.name, "AddCapability", name), about,
	    "%s", name);
}

static void judge_capabilities(struct judge *j)
{
	const struct container_capabilities *c = &j->container->run.capabilities;
	static const unsigned own[] = { [NO_ROOT] = 0, [MAYBE_ROOT] = 1, [SURELY_ROOT] = 3 };
	static const unsigned host[] = { [NO_ROOT] = 0, [MAYBE_ROOT] = 3, [SURELY_ROOT] = 10 };
	enum root_chance chance = root_chance(&j->container->run);
	unsigned kept = c->drop == CAPABILITY_ALL ? 0 :
			has_host_ids(j) ? host[chance] : own[chance];
	char dropped[256] = "";

	if (c->add == CAPABILITY_ALL)
		add(j, "AddCapability", has_host_ids(j) ? 100 : 50,
		    of_container(j, "AddCapability"),
		    has_host_ids(j) ? "whatever the host's root may do" :
				      "all that is possible in the pod's own namespaces", "all");
	for (unsigned i = 0; i < 64 && c->add != CAPABILITY_ALL; i++)
		if (c->add & (UINT64_C(1) << i))
			judge_capability(j, i, short_name(i));
	for (unsigned i = 0; i < 64 && c->drop != CAPABILITY_ALL; i++)
		if (c->drop & (UINT64_C(1) << i))
			snprintf(dropped + strlen(dropped), sizeof(dropped) - strlen(dropped),
				 "%s%s", *dropped ? " " : "", short_name(i));
	add(j, "DropCapability", kept, of_container(j, "DropCapability"),
	    kept ? "a root keeps the default capabilities that are not named" :
		   "no capability by default", "%s",
	    c->drop == CAPABILITY_ALL ? "all" : *dropped ? dropped : "none");
}

static void judge_new_privs(struct judge *j)
{
	bool allowed = j->container->run.allow_new_privs;

	add(j, "NoNewPrivileges", !allowed ? 0 : has_host_ids(j) ? 20 : 8,
	    of_container(j, "NoNewPrivileges"),
	    allowed ? "set-user-id programs and capabilities of files work" :
		      "no program gives a privilege", "%s", allowed ? "no" : "yes");
}

/* A call more is worth 3 tenths; all of them together no more than no profile at all. */
static void judge_profile(struct judge *j, struct config_pos pos, unsigned all)
{
	const struct container_spec *run = &j->container->run;
	struct security_profile profile;
	unsigned score;

	security_profile_look(&profile, run->seccomp.path,
			      container_bounding_set(&run->capabilities));
	score = 5 + 3 * profile.beyond;
	if (!profile.refuses)
		add(j, "SeccompProfile", all, pos,
		    "all system calls that this profile does not name, or it cannot be read", "%s",
		    run->seccomp.path);
	else if (profile.beyond == 0)
		add(j, "SeccompProfile", 5, pos,
		    "no system call that podd's own list has not",
		    "%s", run->seccomp.path);
	else
		add(j, "SeccompProfile", score < all ? score : all, pos,
		    "these system calls, which podd's own list refuses or bounds",
		    "%s: %s", run->seccomp.path, profile.calls);
}

static void judge_seccomp(struct judge *j)
{
	const struct container_seccomp *s = &j->container->run.seccomp;
	struct config_pos pos = of_container(j, "SeccompProfile");
	unsigned all = has_host_ids(j) ? 40 : 30;

	if (s->mode == CONTAINER_SECCOMP_UNCONFINED)
		add(j, "SeccompProfile", all, pos, "all system calls of the kernel", "unconfined");
	else if (s->mode == CONTAINER_SECCOMP_AUDIT)
		add(j, "SeccompProfile", all, pos, "all system calls, while they are recorded",
		    "audit:%s", s->path);
	else if (s->mode == CONTAINER_SECCOMP_FILE)
		judge_profile(j, pos, all);
	else
		add(j, "SeccompProfile", 0, pos, "podd's own list of system calls", "default");
}

/* Whether the kernel has it is not the file's matter. */
static void judge_landlock(struct judge *j)
{
	static const char *const words[] = { [CONTAINER_LANDLOCK_AUTO] = "auto",
					     [CONTAINER_LANDLOCK_YES] = "yes",
					     [CONTAINER_LANDLOCK_NO] = "no" };
	const struct container_spec *run = &j->container->run;
	bool wanted = container_landlock_wanted(run);

	add(j, "Landlock", wanted ? 0 : has_host_ids(j) ? 8 : 3, of_container(j, "Landlock"),
	    wanted ? "files outside of its root have a second wall" :
	    run->landlock == CONTAINER_LANDLOCK_NO ?
	    "the mounts are the one wall around its files" :
	    "no second wall: it may mount or trace, or call all of the kernel", "%s",
	    words[run->landlock]);
}

/* None is no hole of the file's: the host's policy has one for podd, which is inherited. */
static void judge_labels(struct judge *j)
{
	static const char *const keys[] = { [CONTAINER_LABEL_SELINUX] = "SELinuxContext",
					    [CONTAINER_LABEL_APPARMOR] = "AppArmorProfile" };

	for (unsigned i = 0; i < CONTAINER_LABEL_N; i++) {
		const struct container_label *l = &j->container->run.labels[i];

		if (l->name)
			add(j, keys[i], 0, of_container(j, keys[i]),
			    l->optional ? "bounded by the host's policy, if that has it" :
					  "bounded by the host's policy", "%s", l->name);
	}
}

/* ------------------------------------------------------------- volumes, devices, limits */

/* " -> " and where a path leads to, if that is elsewhere. */
static const char *leads_to(const char *path, const char *real)
{
	return real && strcmp(real, path) != 0 ? " -> " : "";
}

static const char *real_or_none(const char *path, const char *real)
{
	return *leads_to(path, real) ? real : "";
}

/* By its own name and by what that leads to, if that is there: the worse of the two. */
static unsigned judge_path(const char *path, char *real, bool read_only, const char **about)
{
	unsigned score = security_place(path, read_only, about), by_real;
	const char *real_about;

	if (!real || strcmp(real, path) == 0)
		return score;
	by_real = security_place(real, read_only, &real_about);
	if (by_real <= score)
		return score;
	*about = real_about;
	return by_real;
}

/* The worst of its directories: it reads what is there. */
static void judge_rootfs(struct judge *j)
{
	const char *about = "a root of its own", *this_about, *worst = j->container->run.lowers[0];
	cleanup_free char *worst_real = NULL;
	unsigned score = 0;

	for (char **s = j->container->run.lowers; *s; s++) {
		char *real = realpath(*s, NULL);
		unsigned this_score = judge_path(*s, real, true, &this_about);

		if (this_score > score || s == j->container->run.lowers) {
			free(worst_real);
			worst_real = take_ptr(real);
			worst = *s;
		}
		if (this_score > score) {
			score = this_score;
			about = this_about;
		}
		free(real);
	}
	add(j, "Rootfs", score, of_container(j, "Rootfs"), about, "%s%s%s%s", worst,
	    leads_to(worst, worst_real), real_or_none(worst, worst_real),
	    j->container->run.lowers[1] ? ":..." : "");
}

static void judge_root(struct judge *j)
{
	if (j->container->run.lowers)
		judge_rootfs(j);
	if (j->container->image.name)
		add(j, "Image", 0, of_container(j, "Image"), "a root of its own", "%s",
		    j->container->image.name);
}

static void judge_volume(struct judge *j, size_t nth)
{
	const struct container_volume *v = &j->container->run.volumes[nth];
	cleanup_free char *real = realpath(v->source, NULL);
	const char *about = NULL;
	unsigned score = judge_path(v->source, real, v->read_only, &about);

	if (!about) {
		score = v->read_only ? 1 : 5;
		about = v->read_only ? "reads a place of the host" :
				       "writes to a place of the host";
	}
	if (v->no_idmap && !has_host_ids(j)) /* the pod's root is none there */
		score = score - score / 4;
	add(j, "Volume", score,
	    config_origin_nth(j->origins, j->container->run.name, "Volume", nth),
	    about, "%s%s%s:%s:%s%s",
	    v->source, leads_to(v->source, real), real_or_none(v->source, real),
	    v->target, v->read_only ? "ro" : "rw", v->no_idmap ? ",noidmap" : "");
}

static void judge_device(struct judge *j, size_t nth)
{
	const struct container_device *d = &j->container->run.devices[nth];
	cleanup_free char *real = d->source[0] == '/' ? realpath(d->source, NULL) : NULL;
	const char *about;
	unsigned score = security_device(d->source, real, d->read_only, &about);

	add(j, "Device", score,
	    config_origin_nth(j->origins, j->container->run.name, "Device", nth),
	    about, "%s%s%s:%s", d->source, leads_to(d->source, real), real_or_none(d->source, real),
	    d->read_only ? "ro" : "rw");
}

/* A copy: what the host keeps for itself is as open as by a volume that is read. */
static void judge_credential(struct judge *j, size_t nth)
{
	const struct container_credential *c = &j->container->run.credentials[nth];
	const char *about;
	unsigned score = security_secret(c->source, &about);

	add(j, "LoadCredential", score,
	    config_origin_nth(j->origins, j->container->run.name, "LoadCredential", nth),
	    score ? about : "a secret that only its user reads", "%s:%s", c->id, c->source);
}

/* Bounded by its own limit, or with all the others by the pod's. */
static void judge_limit(struct judge *j, const char *key, uint64_t own, uint64_t pod)
{
	bool is_own = own < LIMIT_STANDARD;
	struct config_pos pos = is_own ? of_container(j, key) :
		config_origin_of(j->origins, CONFIG_POD, NULL, key);

	if (is_own || pod < LIMIT_STANDARD)
		add(j, key, 0, pos, is_own ? "bounded" : "bounded, with the whole pod",
		    "%llu", (unsigned long long)(is_own ? own : pod));
	else if (own == LIMIT_STANDARD)
		add(j, key, 0, pos, "bounded, where the host has the controller", "%u",
		    CGROUP_TASKS_STANDARD);
	else
		add(j, key, 5, own == LIMIT_MAX ? of_container(j, key) : pos,
		    "can take what the host has", "infinity");
}

/* What podd's own stdout and stderr are, as whoever started it has opened them. */
static void judge_log(struct judge *j)
{
	if (j->container->log.driver == LOG_PASSTHROUGH)
		add(j, "LogDriver", has_host_ids(j) ? 10 : 5, of_container(j, "LogDriver"),
		    "descriptors of the host: podd's own output", "passthrough");
}

/* A hard limit above @most is worth a score; below, it bounds. */
static const struct {
	unsigned resource;
	const char *key;
	uint64_t most;
	unsigned score;
	const char *above;
} rlimits[] = {
	{ RLIMIT_CPU, "LimitCPU", UINT64_MAX, 0, "" },
	{ RLIMIT_FSIZE, "LimitFSIZE", UINT64_MAX, 0, "" },
	{ RLIMIT_DATA, "LimitDATA", UINT64_MAX, 0, "" },
	{ RLIMIT_STACK, "LimitSTACK", UINT64_MAX, 0, "" },
	{ RLIMIT_CORE, "LimitCORE", UINT64_MAX, 0, "" },
	{ RLIMIT_NOFILE, "LimitNOFILE", 1 << 20, 1, "more files than a service of the host has" },
	{ RLIMIT_AS, "LimitAS", UINT64_MAX, 0, "" },
	{ RLIMIT_NPROC, "LimitNPROC", UINT64_MAX, 0, "" },
	{ RLIMIT_MEMLOCK, "LimitMEMLOCK", 64 << 20, 2, "memory that cannot be reclaimed" },
	{ RLIMIT_SIGPENDING, "LimitSIGPENDING", 1 << 20, 1,
	  "signals queued in the kernel's memory" },
	{ RLIMIT_MSGQUEUE, "LimitMSGQUEUE", 64 << 20, 1, "messages in the kernel's memory" },
	{ RLIMIT_RTPRIO, "LimitRTPRIO", 0, 10,
	  "real-time priority: others on its CPUs can starve" },
};

static const char *number_text(char text[24], uint64_t n)
{
	if (n == CONTAINER_RLIMIT_INFINITY)
		return "infinity";
	snprintf(text, 24, "%llu", (unsigned long long)n);
	return text;
}

/* Those that the file gives: the others have defaults that open nothing. */
static void judge_rlimits(struct judge *j)
{
	char soft[24], hard[24];

	for (size_t i = 0; i < ARRAY_SIZE(rlimits); i++) {
		const struct container_rlimit *l = &j->container->run.rlimits[rlimits[i].resource];
		bool above = l->hard > rlimits[i].most;

		if (l->said)
			add(j, rlimits[i].key, above ? rlimits[i].score : 0,
			    of_container(j, rlimits[i].key), above ? rlimits[i].above : "bounded",
			    "%s:%s", number_text(soft, l->soft), number_text(hard, l->hard));
	}
}

static void judge_container(struct judge *j)
{
	const struct pod_container *c = j->container;

	judge_root(j);
	judge_pull(j);
	judge_writable(j);
	judge_user(j);
	judge_capabilities(j);
	judge_new_privs(j);
	judge_seccomp(j);
	judge_landlock(j);
	judge_labels(j);
	for (size_t i = 0; i < c->run.volume_n; i++)
		judge_volume(j, i);
	for (size_t i = 0; i < c->run.device_n; i++)
		judge_device(j, i);
	for (size_t i = 0; i < c->run.credential_n; i++)
		judge_credential(j, i);
	judge_log(j);
	judge_limit(j, "MemoryMax", c->limits.memory_max_bytes, j->spec->limits.memory_max_bytes);
	judge_limit(j, "TasksMax", c->limits.tasks_max, j->spec->limits.tasks_max);
	judge_rlimits(j);
}

/* ------------------------------------------------------------------------- the whole */

static double left_shut(const struct security_subject *s)
{
	double left = 1;

	for (size_t i = 0; i < s->n; i++)
		left *= 1 - (double)s->rows[i].score / SECURITY_ROW_MAX;
	return left;
}

/**
 * security_judge() - all rows of a pod file
 * @out: to be given to security_report_done(), after a failure too; borrows from @spec
 * @origins: where the file says what it says
 * @host_policy: the words of the host's own image policy, "any" if it has none
 *
 * Return: 0 or -ENOMEM.
 */
int security_judge(struct security_report *out, const struct pod_spec *spec,
		   const struct config_origins *origins, const char *host_policy)
{
	struct judge j = { .spec = spec, .origins = origins, .host_policy = host_policy };
	unsigned most = 0;

	*out = (struct security_report){ .container_n = spec->container_n };
	j.subject = &out->pod;
	judge_userns(&j);
	judge_network(&j);
	judge_policy(&j);
	judge_sysctls(&j);
	for (size_t i = 0; i < spec->container_n; i++) {
		struct security_subject *s = &out->containers[i];

		j.subject = s;
		j.container = &spec->containers[i];
		s->name = j.container->run.name;
		judge_container(&j);
		s->exposure = (unsigned)(SECURITY_ROW_MAX *
					 (1 - left_shut(&out->pod) * left_shut(s)) + 0.5);
		most = s->exposure > most ? s->exposure : most;
	}
	out->pod.exposure = most;
	return j.no_memory ? -ENOMEM : 0;
}

/**
 * security_level() - the word for an exposure in tenths
 */
const char *security_level(unsigned exposure)
{
	return exposure >= 100 ? "DANGEROUS" :
	       exposure >= 90  ? "UNSAFE" :
	       exposure >= 75  ? "EXPOSED" :
	       exposure >= 50  ? "MEDIUM" :
	       exposure >= 10  ? "OK" :
	       exposure >= 1   ? "SAFE" :
				 "PERFECT";
}

static void subject_done(struct security_subject *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->rows[i].value);
	free(s->rows);
}

/**
 * security_report_done() - free the rows
 */
void security_report_done(struct security_report *r)
{
	subject_done(&r->pod);
	for (size_t i = 0; i < r->container_n; i++)
		subject_done(&r->containers[i]);
	*r = (struct security_report){ 0 };
}
