/* SPDX-License-Identifier: MIT */
/* The scores of a pod file's keys. */
#include "ctl/security.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/capability.h"
#include "base/fd.h"
#include "container/container.h"
#include "ctl/security_judge.h"
#include "ctl/security_profile.h"

#ifndef CAP_PERFMON /* since Linux 5.8 */
#define CAP_PERFMON 38
#define CAP_BPF	    39
#endif

/**
 * judge_add() - one more row
 * @score: tenths
 * @pos: of the line that says so
 */
void judge_add(struct judge *j, const char *key, unsigned score, struct config_pos pos,
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

/**
 * judge_said() - the line that says a key of the container or the pod
 */
struct config_pos judge_said(const struct judge *j, enum config_section section, const char *key)
{
	return config_origin_of(j->origins, section,
				j->container ? j->container->run.name : NULL, key);
}

/* ------------------------------------------------------------------------ the pod */

static void judge_userns(struct judge *j)
{
	if (judge_has_host_ids(j))
		judge_add(j, "UserNamespace", 40, judge_said(j, CONFIG_POD, "UserNamespace"),
			  "root in a container is the host's root", "host");
	else
		judge_add(j, "UserNamespace", 0, judge_said(j, CONFIG_POD, "UserNamespace"),
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

	judge_add(j, "Mode", modes[mode].score, judge_said(j, CONFIG_NETWORK, "Mode"),
		  modes[mode].about, "%s", modes[mode].word);
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
		judge_add(j, "ImagePolicy", any ? 5 : 0, judge_said(j, CONFIG_POD, "ImagePolicy"),
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
		judge_add(j, "Sysctl", score, pos.line ? pos : judge_said(j, CONFIG_POD, "Sysctl"),
			  about, "%s", *s);
	}
}

/* ---------------------------------------------------------------- who, from which root */

/**
 * judge_root_chance() - whether its program is root in there
 *
 * Whose id a name has is said by the passwd of the root, which is the image's.
 */
enum root_chance judge_root_chance(const struct container_spec *run)
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
	enum root_chance chance = judge_root_chance(&c->run);

	judge_add(j, "User", judge_has_host_ids(j) ? chances[chance].host : chances[chance].own,
		  judge_said(j, CONFIG_CONTAINER, "User"), chances[chance].about, "%s",
		  c->run.user ? c->run.user : c->image.name ? "the image's, or root" : "root");
}

static void judge_pull(struct judge *j)
{
	const struct pod_container *c = j->container;
	bool unsure = takes_any_image(j);

	if (!c->image.name)
		return;
	if (c->pull != PULL_MISSING)
		judge_add(j, "Pull", 0, judge_said(j, CONFIG_CONTAINER, "Pull"),
			  "a start runs what is there", "never");
	else if (strchr(c->image.name, '@'))
		judge_add(j, "Pull", 1, judge_said(j, CONFIG_CONTAINER, "Pull"),
			  "a start fetches what the digest says", "missing");
	else
		judge_add(j, "Pull", unsure ? 10 : 2, judge_said(j, CONFIG_CONTAINER, "Pull"),
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

	judge_add(j, "Writable", kinds[kind].score, judge_said(j, CONFIG_CONTAINER, "Writable"),
		  kinds[kind].about, "%s", kinds[kind].word);
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
	unsigned score = judge_has_host_ids(j) ? 20 : 3;
	const char *about = "a privilege more";

	for (size_t i = 0; i < ARRAY_SIZE(capabilities); i++) {
		if (capabilities[i].capability != (int)number)
			continue;
		score = judge_has_host_ids(j) ? capabilities[i].host : capabilities[i].own;
		about = capabilities[i].about;
	}
	judge_add(j, "AddCapability", score,
		  config_origin_word(j->origins, j->container->run.name, "AddCapability", name),
		  about, "%s", name);
}

static void judge_capabilities(struct judge *j)
{
	const struct container_capabilities *c = &j->container->run.capabilities;
	static const unsigned own[] = { [NO_ROOT] = 0, [MAYBE_ROOT] = 1, [SURELY_ROOT] = 3 };
	static const unsigned host[] = { [NO_ROOT] = 0, [MAYBE_ROOT] = 3, [SURELY_ROOT] = 10 };
	enum root_chance chance = judge_root_chance(&j->container->run);
	unsigned kept = c->drop == CAPABILITY_ALL ? 0 :
			judge_has_host_ids(j) ? host[chance] : own[chance];
	char dropped[256] = "";

	if (c->add == CAPABILITY_ALL)
		judge_add(j, "AddCapability", judge_has_host_ids(j) ? 100 : 50,
			  judge_said(j, CONFIG_CONTAINER, "AddCapability"),
			  judge_has_host_ids(j) ? "whatever the host's root may do" :
				      "all that is possible in the pod's own namespaces", "all");
	for (unsigned i = 0; i < 64 && c->add != CAPABILITY_ALL; i++)
		if (c->add & (UINT64_C(1) << i))
			judge_capability(j, i, short_name(i));
	for (unsigned i = 0; i < 64 && c->drop != CAPABILITY_ALL; i++)
		if (c->drop & (UINT64_C(1) << i))
			snprintf(dropped + strlen(dropped), sizeof(dropped) - strlen(dropped),
				 "%s%s", *dropped ? " " : "", short_name(i));
	judge_add(j, "DropCapability", kept, judge_said(j, CONFIG_CONTAINER, "DropCapability"),
		  kept ? "a root keeps the default capabilities that are not named" :
		   "no capability by default", "%s",
		  c->drop == CAPABILITY_ALL ? "all" : *dropped ? dropped : "none");
}

static void judge_new_privs(struct judge *j)
{
	bool allowed = j->container->run.allow_new_privs;

	judge_add(j, "NoNewPrivileges", !allowed ? 0 : judge_has_host_ids(j) ? 20 : 8,
		  judge_said(j, CONFIG_CONTAINER, "NoNewPrivileges"),
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
		judge_add(j, "SeccompProfile", all, pos,
			  "all system calls that this profile does not name, or it cannot be read",
			  "%s", run->seccomp.path);
	else if (profile.beyond == 0)
		judge_add(j, "SeccompProfile", 5, pos,
			  "no system call that podd's own list has not",
			  "%s", run->seccomp.path);
	else
		judge_add(j, "SeccompProfile", score < all ? score : all, pos,
			  "these system calls, which podd's own list refuses or bounds",
			  "%s: %s", run->seccomp.path, profile.calls);
}

static void judge_seccomp(struct judge *j)
{
	const struct container_seccomp *s = &j->container->run.seccomp;
	struct config_pos pos = judge_said(j, CONFIG_CONTAINER, "SeccompProfile");
	unsigned all = judge_has_host_ids(j) ? 40 : 30;

	if (s->mode == CONTAINER_SECCOMP_UNCONFINED)
		judge_add(j, "SeccompProfile", all, pos, "all system calls of the kernel",
			  "unconfined");
	else if (s->mode == CONTAINER_SECCOMP_AUDIT)
		judge_add(j, "SeccompProfile", all, pos,
			  "all system calls, while they are recorded", "audit:%s", s->path);
	else if (s->mode == CONTAINER_SECCOMP_FILE)
		judge_profile(j, pos, all);
	else
		judge_add(j, "SeccompProfile", 0, pos, "podd's own list of system calls",
			  "default");
}

/* Whether the kernel has it is not the file's matter. */
static void judge_landlock(struct judge *j)
{
	static const char *const words[] = { [CONTAINER_LANDLOCK_AUTO] = "auto",
					     [CONTAINER_LANDLOCK_YES] = "yes",
					     [CONTAINER_LANDLOCK_NO] = "no" };
	const struct container_spec *run = &j->container->run;
	bool wanted = container_landlock_wanted(run);

	judge_add(j, "Landlock", wanted ? 0 : judge_has_host_ids(j) ? 8 : 3,
		  judge_said(j, CONFIG_CONTAINER, "Landlock"),
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
			judge_add(j, keys[i], 0, judge_said(j, CONFIG_CONTAINER, keys[i]),
				  l->optional ? "bounded by the host's policy, if that has it" :
					  "bounded by the host's policy", "%s", l->name);
	}
}

/* ------------------------------------------------------------------------- the whole */

static void judge_container(struct judge *j)
{
	judge_root(j);
	judge_pull(j);
	judge_writable(j);
	judge_user(j);
	judge_capabilities(j);
	judge_new_privs(j);
	judge_seccomp(j);
	judge_landlock(j);
	judge_labels(j);
	judge_reach(j);
	judge_limits(j);
}

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
