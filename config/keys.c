/* SPDX-License-Identifier: MIT */
/* The table of all keys. */
#include "config/keys.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "base/fd.h"
#include "base/nearest.h"
#include "config/spec.h"
#include "config/value.h"

const char *const config_section_names[CONFIG_SECTION_N] = {
	[CONFIG_POD] = "Pod",
	[CONFIG_NETWORK] = "Network",
	[CONFIG_CONTAINER] = "Container",
};

/* In the order of the enums (and of false, true) that they are stored as. */
static const char *const limits_words[] = { "strict", "best-effort", NULL };
static const char *const policy_words[] = { "always", "on-failure", "never", NULL };
static const char *const mode_words[] = { "bridge", "none", "host", NULL };
static const char *const writable_words[] = { "tmpfs", "yes", "no", NULL };
static const char *const new_privs_words[] = { "yes", "no", NULL };
static const char *const landlock_words[] = { "auto", "yes", "no", NULL };
static const char *const no_yes_words[] = { "no", "yes", NULL };
static const char *const driver_words[] = { "file", "journald", "both", "passthrough", NULL };
static const char *const oom_words[] = { "continue", "kill", NULL }; /* memory.oom.group */
static const char *const pull_words[] = { "never", "missing", NULL };
static const char *const userns_words[] = { "auto", "host", NULL };
static_assert(POD_USERNS_AUTO == 0 && POD_USERNS_HOST == 1, "see above");
static_assert(CONTAINER_LANDLOCK_AUTO == 0 && CONTAINER_LANDLOCK_YES == 1 &&
		      CONTAINER_LANDLOCK_NO == 2, "see above");
static_assert(PULL_NEVER == 0 && PULL_MISSING == 1, "see above");
static_assert(RESTART_ALWAYS == 0 && RESTART_ON_FAILURE == 1 && RESTART_NEVER == 2, "see above");
static_assert(LOG_FILE == 0 && LOG_JOURNALD == 1 && LOG_BOTH == 2 && LOG_PASSTHROUGH == 3,
	      "see above");
static_assert(NETNS_BRIDGE == 0 && NETNS_NONE == 1 && NETNS_HOST == 2, "see above");
static_assert(CONTAINER_WRITABLE_TMPFS == 0 && CONTAINER_WRITABLE_DISK == 1 &&
		      CONTAINER_WRITABLE_NO == 2, "see above");

#define SINCE "0.1"

#define LIVE    CONFIG_CHANGE_LIVE
#define RESTART CONFIG_CHANGE_RESTART
#define NEW_POD CONFIG_CHANGE_NEW_POD

#define POD_MEMBER(m)                                                                           \
	.object = CONFIG_IN_POD, .offset = offsetof(struct pod_spec, m),                        \
	.size = sizeof(((struct pod_spec *)0)->m)
#define CONTAINER_MEMBER(m)                                                                     \
	.object = CONFIG_IN_CONTAINER, .offset = offsetof(struct pod_container, m),             \
	.size = sizeof(((struct pod_container *)0)->m)

/* Keys of two sections: what differs is where they are stored, with how few tasks nothing
 * could ever run (a pod has its pause), and how many there are if nothing is said. */
#define LIMIT_KEYS(section_, member, who, TASKS_MIN, ...)                                       \
	{ "MemoryMax", section_, LIVE, &config_type_size, "SIZE|infinity", .min = "64K",        \
	  .unit = "bytes",                                                                      \
	  .infinity = LIMIT_MAX, .since = SINCE, member(limits.memory_max_bytes),               \
	  .about = "Memory of " who ", page cache included; past it, a container is killed, "   \
		   "or a process of it: see OOMPolicy=." },                                     \
	{ "MemoryHigh", section_, LIVE, &config_type_size, "SIZE|infinity", .min = "1",         \
	  .unit = "bytes",                                                                      \
	  .infinity = LIMIT_MAX, .since = SINCE, member(limits.memory_high_bytes),              \
	  .about = "Memory above which " who " is slowed down and its memory reclaimed." },     \
	{ "CPUQuota", section_, LIVE, &config_type_percent, "PERCENT|infinity", .min = "1%",    \
	  .max = "1000000%", .infinity = LIMIT_MAX, .since = SINCE,                             \
	  member(limits.cpu_quota_usec),                                                        \
	  .about = "CPU time of " who "; 100% is one CPU." },                                   \
	{ "CPUWeight", section_, LIVE, &config_type_count, "N", .min = "1", .max = "10000",     \
	  .unsaid = "100", .since = SINCE, member(limits.cpu_weight),                           \
	  .about = "Share of the CPU against its siblings." },                                  \
	{ "TasksMax", section_, LIVE, &config_type_count, "N|infinity", .min = TASKS_MIN,       \
	  .max = "4194304", .infinity = LIMIT_MAX, .since = SINCE, member(limits.tasks_max),    \
	  .about = "Processes and threads of " who ".", __VA_ARGS__ },                          \
	{ "IOWeight", section_, LIVE, &config_type_count, "N", .min = "1", .max = "10000",      \
	  .unsaid = "100", .since = SINCE, member(limits.io_weight),                            \
	  .about = "Share of disk bandwidth against its siblings." },                           \
	{ "AllowedCPUs", section_, LIVE, &config_type_idset, "CPU|CPU-CPU...", .list = true,    \
	  .since = SINCE, member(limits.cpus),                                                  \
	  .about = "The CPUs that " who " may run on, as 0-3,8; all if not given." },           \
	{ "AllowedMemoryNodes", section_, LIVE, &config_type_idset, "NODE|NODE-NODE...",        \
	  .list = true, .since = SINCE, member(limits.memory_nodes),                            \
	  .about = "The NUMA nodes whose memory " who " may take; all if not given." },         \
	{ "HugetlbMax", section_, LIVE, &config_type_huge, "PAGE:SIZE|PAGE:infinity...",        \
	  .list = true, .since = SINCE, member(limits.huge),                                    \
	  .about = "Huge pages of " who ", for each size of page, as 2M:64M 1G:0." }

#define RLIMIT_KEY(name_, kind, FORM, UNIT, UNSAID, about_)                                     \
	{ "Limit" #name_, CONFIG_CONTAINER, RESTART, &config_type_rlimit_##kind,                \
	  FORM "|SOFT:HARD|infinity", .unit = UNIT, .unsaid = UNSAID, .since = SINCE,           \
	  CONTAINER_MEMBER(run.rlimits[RLIMIT_##name_]), .about = about_ }

/* Keys that [Pod] sets for all containers: the container's rows have no default. */
#define NON_ROOT_KEY(section_, FALLBACK)                                                        \
	{ "RunAsNonRoot", section_, RESTART, &config_type_choice, "no|yes", no_yes_words,       \
	  FALLBACK("no"), .since = SINCE, CONTAINER_MEMBER(run.run_as_non_root),                \
	  .about = "Whether it is an error if a container's user turns out to be root." }

#define SUPERVISION_KEYS(section_, FALLBACK)                                                    \
	{ "RestartPolicy", section_, LIVE, &config_type_choice,                                 \
	  "always|on-failure|never", policy_words,                                              \
	  FALLBACK("always"), .since = SINCE, CONTAINER_MEMBER(restart.policy),                 \
	  .about = "After which exits a container is started again." },                         \
	{ "RestartSec", section_, LIVE, &config_type_duration, "DURATION", FALLBACK("10s"),     \
	  .max = "1y", .unit = "seconds", .since = SINCE, CONTAINER_MEMBER(restart.first_ns),   \
	  .about = "Delay of the second restart in a row; the first one comes at once. Not "    \
		   "longer than RestartMaxSec=." },                                             \
	{ "RestartMaxSec", section_, LIVE, &config_type_duration, "DURATION", FALLBACK("5min"), \
	  .max = "1y", .unit = "seconds", .since = SINCE, CONTAINER_MEMBER(restart.max_ns),     \
	  .about = "The delay doubles with each further restart, up to this. Not shorter than " \
		   "RestartSec=." },                                                            \
	{ "RestartResetSec", section_, LIVE, &config_type_duration, "DURATION|infinity",        \
	  FALLBACK("10min"), .min = "1s", .max = "1y", .unit = "seconds",               \
	  .infinity = UINT64_MAX,                                                      \
	  .since = SINCE, CONTAINER_MEMBER(restart.reset_ns),                                   \
	  .about = "A container that runs so long has its earlier failures forgotten." },       \
	{ "LogMaxSize", section_, LIVE, &config_type_size, "SIZE|infinity", FALLBACK("10M"),    \
	  .min = "1K", .unit = "bytes", .infinity = UINT64_MAX, .since = SINCE,                 \
	  CONTAINER_MEMBER(log.max_bytes),                                                      \
	  .about = "A log file that would grow past this is rotated." },                        \
	{ "LogMaxFiles", section_, LIVE, &config_type_count, "N", FALLBACK("5"), .min = "1",    \
	  .max = "1000", .since = SINCE, CONTAINER_MEMBER(log.max_files),                       \
	  .about = "Log files of a container, the current one included." },                     \
	{ "LogDriver", section_, LIVE, &config_type_choice,                                     \
	  "file|journald|both|passthrough", driver_words, FALLBACK("file"), .since = SINCE,     \
	  .restart_word = LOG_PASSTHROUGH, CONTAINER_MEMBER(log.driver),                        \
	  .about = "Where the output goes: the container's log file, systemd's journal, both, " \
		   "or straight to podd's own output." },                                       \
	{ "LogRateLimitIntervalSec", section_, LIVE, &config_type_duration, "DURATION",         \
	  FALLBACK("30s"), .max = "1y", .unit = "seconds", .since = SINCE,                      \
	  CONTAINER_MEMBER(log.rate_interval_ns),                                               \
	  .about = "Interval of LogRateLimitBurst=; 0: no limit." },                            \
	{ "LogRateLimitBurst", section_, LIVE, &config_type_count, "N", FALLBACK("10000"),      \
	  .max = "1000000000", .since = SINCE, CONTAINER_MEMBER(log.rate_burst),                \
	  .about = "Lines of a container that the journal gets in one interval, the others are " \
		   "dropped and counted; 0: no limit." }

#define OWN(text)    .fallback = text
#define AS_PODD	     "infinity, or podd's own hard limit if that is less"
#define OF_POD(text) .inherit = true

const struct config_key config_keys[] = {
	{ "Description", CONFIG_POD, LIVE, &config_type_string, "TEXT", .since = SINCE,
	  POD_MEMBER(description), .about = "What the pod is, for people." },
	{ "Hostname", CONFIG_POD, NEW_POD, &config_type_hostname, "NAME", .since = SINCE,
	  POD_MEMBER(hostname), .about = "Hostname in the pod; the pod's name if not given." },
	{ "TimeoutStopSec", CONFIG_POD, LIVE, &config_type_duration, "DURATION", OWN("30s"),
	  .max = "1y", .unit = "seconds", .since = SINCE, POD_MEMBER(stop_timeout_ns),
	  .about = "Time between the stop signal and SIGKILL." },
	{ "UpdateSettleSec", CONFIG_POD, LIVE, &config_type_duration, "DURATION", OWN("1min"),
	  .max = "1y", .unit = "seconds", .since = SINCE, POD_MEMBER(update_settle_ns),
	  .about = "Time that a pod must run without a failure before an update's images "
		   "are kept." },
	{ "Limits", CONFIG_POD, LIVE, &config_type_choice, "strict|best-effort", limits_words,
	  OWN("strict"), .since = SINCE, POD_MEMBER(limits_best_effort),
	  .about = "Whether a limit that the host cannot set is an error or a warning." },
	{ "UserNamespace", CONFIG_POD, NEW_POD, &config_type_choice, "auto|host", userns_words,
	  OWN("auto"), .since = SINCE, POD_MEMBER(userns),
	  .about = "Whether the pod has user and group ids of its own, so that its root is nobody "
		   "outside, or the host's." },
	{ "Sysctl", CONFIG_POD, NEW_POD, &config_type_sysctl, "NAME=VALUE...", .list = true,
	  .since = SINCE, POD_MEMBER(sysctls),
	  .about = "Kernel parameters of the pod's own network and IPC namespace." },
	{ "ImagePolicy", CONFIG_POD, LIVE, &config_type_policy, "any|KEY...", .since = SINCE,
	  .told = true, POD_MEMBER(image_policy),
	  .about = "Files with public keys (PEM) of which one must have signed each image "
		   "(podctl-image(1), SIGNATURES); any: no signature is asked for. The host's "
		   "image-policy if not given; an empty value is refused." },
	NON_ROOT_KEY(CONFIG_POD, OWN),
	LIMIT_KEYS(CONFIG_POD, POD_MEMBER, "the pod", "2", .fallback = NULL),
	SUPERVISION_KEYS(CONFIG_POD, OWN),

	{ "Mode", CONFIG_NETWORK, NEW_POD, &config_type_choice, "bridge|none|host", mode_words,
	  OWN("bridge"), .since = SINCE, POD_MEMBER(network.mode),
	  .about = "An own network on a bridge, only a loopback, or the network of the host." },
	{ "Bridge", CONFIG_NETWORK, NEW_POD, &config_type_ifname, "INTERFACE", OWN("podd0"),
	  .since = SINCE, POD_MEMBER(network.bridge),
	  .about = "The bridge; created when it is not there." },
	{ "Subnet", CONFIG_NETWORK, NEW_POD, &config_type_subnet, "ADDRESS/LENGTH",
	  OWN("10.77.0.0/22"), .since = SINCE, POD_MEMBER(network),
	  .about = "IPv4 network of the bridge, whose own address is the first one in it." },
	{ "Address", CONFIG_NETWORK, NEW_POD, &config_type_address, "auto|ADDRESS", OWN("auto"),
	  .since = SINCE, POD_MEMBER(network.address),
	  .about = "IPv4 address of the pod, in the subnet; auto takes a free one." },
	{ "DNS", CONFIG_NETWORK, RESTART, &config_type_dns, "ADDRESS...", .list = true,
	  .since = SINCE, POD_MEMBER(network.dns),
	  .about = "Name servers for the pod's resolv.conf; the host's if none is given." },

	{ "Image", CONFIG_CONTAINER, RESTART, &config_type_image, "NAME|DIGEST|PATH",
	  .since = SINCE, CONTAINER_MEMBER(image),
	  .about = "Image in the store that makes up the root (podctl-image(1)); "
		   "this or Rootfs=." },
	{ "Pull", CONFIG_CONTAINER, LIVE, &config_type_choice, "never|missing", pull_words,
	  OWN("never"), .since = SINCE, CONTAINER_MEMBER(pull),
	  .about = "Whether a start or reload fetches an image that is not in the store, "
		   "or fails." },
	{ "Rootfs", CONFIG_CONTAINER, RESTART, &config_type_rootfs, "DIR[:DIR...]", .since = SINCE,
	  CONTAINER_MEMBER(run.lowers),
	  .about = "Directories of the host that make up the root, the topmost first; "
		   "./DIR is below the file's own." },
	{ "Entrypoint", CONFIG_CONTAINER, RESTART, &config_type_command, "COMMAND", .since = SINCE,
	  CONTAINER_MEMBER(entrypoint),
	  .about = "Program that Exec= gives arguments to; the image's if not given." },
	{ "Exec", CONFIG_CONTAINER, RESTART, &config_type_command, "COMMAND", .since = SINCE,
	  CONTAINER_MEMBER(run.argv),
	  .about = "Program and its arguments, quoted as in systemd's ExecStart=; after an "
		   "Entrypoint=, the arguments, which replace the image's." },
	{ "Environment", CONFIG_CONTAINER, RESTART, &config_type_environment, "NAME=VALUE...",
	  .list = true, .since = SINCE, CONTAINER_MEMBER(run.env),
	  .about = "Variables, quoted as in unit files; a later one replaces an earlier one." },
	{ "WorkingDirectory", CONFIG_CONTAINER, RESTART, &config_type_path, "DIR",
	  .since = SINCE, CONTAINER_MEMBER(run.cwd),
	  .about = "Directory in the container where the program starts; the image's, or /." },
	{ "User", CONFIG_CONTAINER, RESTART, &config_type_user, "USER[:GROUP]",
	  .since = SINCE, CONTAINER_MEMBER(run.user),
	  .about = "Ids, or names in the container's own passwd and group; the image's, or root." },
	NON_ROOT_KEY(CONFIG_CONTAINER, OF_POD),
	{ "Writable", CONFIG_CONTAINER, RESTART, &config_type_choice, "tmpfs|yes|no",
	  writable_words, OWN("tmpfs"), .since = SINCE, CONTAINER_MEMBER(run.writable),
	  .about = "Whether writes to the root go to memory, to the disk, or are refused." },
	{ "WritableSize", CONFIG_CONTAINER, RESTART, &config_type_size, "SIZE", OWN("256M"),
	  .min = "4K", .unit = "bytes", .since = SINCE, CONTAINER_MEMBER(run.writable_size_bytes),
	  .about = "Room for writes to the root with Writable=tmpfs." },
	{ "Volume", CONFIG_CONTAINER, RESTART, &config_type_volume,
	  "SOURCE:TARGET[:ro|rw][,optional][,noidmap]", .list = true, .since = SINCE,
	  CONTAINER_MEMBER(run),
	  .about = "A file or directory of the host, put at a place in the container; "
		   "./SOURCE is below the file's own directory." },
	{ "Tmpfs", CONFIG_CONTAINER, RESTART, &config_type_tmpfs,
	  "TARGET[:size=SIZE,mode=MODE]", .list = true, .since = SINCE, CONTAINER_MEMBER(run),
	  .about = "An empty directory in memory; mode 1777, half of the memory if not given." },
	{ "Device", CONFIG_CONTAINER, RESTART, &config_type_device,
	  "SOURCE[:TARGET][:ro|rw][,optional]", .list = true, .since = SINCE, CONTAINER_MEMBER(run),
	  .about = "A device of the host that the container may open, at the same place if no "
		   "TARGET below /dev is given; SOURCE is a path, class:SUBSYSTEM/PATTERN or "
		   "usb:VENDOR:PRODUCT." },
	{ "LoadCredential", CONFIG_CONTAINER, RESTART, &config_type_credential, "ID:PATH",
	  .list = true, .since = SINCE, CONTAINER_MEMBER(run),
	  .about = "A secret: a file of the host, or the files of a directory, as a file that only "
		   "the container's user reads; see CREDENTIALS." },
	RLIMIT_KEY(CPU, time, "DURATION", "seconds", AS_PODD,
		   "CPU time of a process, in whole seconds; past the soft limit it gets SIGXCPU."),
	RLIMIT_KEY(FSIZE, size, "SIZE", "bytes", AS_PODD,
		   "Size of a file that a process may write."),
	RLIMIT_KEY(DATA, size, "SIZE", "bytes", AS_PODD,
		   "Data and heap of a process."),
	RLIMIT_KEY(STACK, size, "SIZE", "bytes", "8M:infinity",
		   "Stack of a process."),
	RLIMIT_KEY(CORE, size, "SIZE", "bytes", "0:infinity",
		   "Size of a core file."),
	RLIMIT_KEY(NOFILE, count, "N", NULL, "1024:524288",
		   "One more than the highest descriptor of a process."),
	RLIMIT_KEY(AS, size, "SIZE", "bytes", AS_PODD,
		   "Address space of a process."),
	RLIMIT_KEY(NPROC, count, "N", NULL, "what the kernel makes of the host's memory",
		   "Processes and threads of one user in the pod, "
		   "whichever container they are in."),
	RLIMIT_KEY(MEMLOCK, size, "SIZE", "bytes", "8M",
		   "Memory that a process may lock."),
	RLIMIT_KEY(SIGPENDING, count, "N", NULL, "what the kernel makes of the host's memory",
		   "Signals that may be queued for a user."),
	RLIMIT_KEY(MSGQUEUE, size, "SIZE", "bytes", "800K",
		   "POSIX message queues of a user."),
	RLIMIT_KEY(RTPRIO, count, "N", NULL, "0",
		   "Highest priority of real-time scheduling."),
	{ "AddCapability", CONFIG_CONTAINER, RESTART, &config_type_capabilities, "NAME...|all",
	  .list = true, .since = SINCE, CONTAINER_MEMBER(run.capabilities.add),
	  .about = "Capabilities beside the default ones (see CAPABILITIES); those of a user "
		   "other than root." },
	{ "DropCapability", CONFIG_CONTAINER, RESTART, &config_type_capabilities, "NAME...|all",
	  .list = true, .since = SINCE, CONTAINER_MEMBER(run.capabilities.drop),
	  .about = "Capabilities that a root has not; "
		   "all: only those of AddCapability= are left." },
	{ "NoNewPrivileges", CONFIG_CONTAINER, RESTART, &config_type_choice, "yes|no",
	  new_privs_words, OWN("yes"), .since = SINCE, CONTAINER_MEMBER(run.allow_new_privs),
	  .about = "Whether setuid files and capabilities of files give nothing." },
	{ "SeccompProfile", CONFIG_CONTAINER, RESTART, &config_type_seccomp,
	  "default|unconfined|FILE|audit:FILE", .since = SINCE, CONTAINER_MEMBER(run.seccomp),
	  .about = "System calls that are let through: podd's own list, all, or a profile (JSON) "
		   "as OCI and Docker have it; ./FILE is below the file's own directory. audit: "
		   "records what is called." },
	{ "Landlock", CONFIG_CONTAINER, RESTART, &config_type_choice, "auto|yes|no", landlock_words,
	  OWN("auto"), .since = SINCE, CONTAINER_MEMBER(run.landlock),
	  .about = "Whether Landlock (Linux 5.19) shuts off all files outside of the container's "
		   "root; auto: if the kernel has it, and see LANDLOCK." },
	{ "SELinuxContext", CONFIG_CONTAINER, RESTART, &config_type_label, "[-]CONTEXT",
	  .since = SINCE, CONTAINER_MEMBER(run.labels[CONTAINER_LABEL_SELINUX]),
	  .about = "SELinux context of the program; with -, an error is none." },
	{ "AppArmorProfile", CONFIG_CONTAINER, RESTART, &config_type_label, "[-]PROFILE",
	  .since = SINCE, CONTAINER_MEMBER(run.labels[CONTAINER_LABEL_APPARMOR]),
	  .about = "AppArmor profile of the program, which must be loaded; "
		   "with -, an error is none." },
	{ "StopSignal", CONFIG_CONTAINER, LIVE, &config_type_signal, "SIGNAL",
	  .since = SINCE, CONTAINER_MEMBER(stop_signal),
	  .about = "Signal that asks the program to end; the image's, or SIGTERM." },
	LIMIT_KEYS(CONFIG_CONTAINER, CONTAINER_MEMBER, "the container", "1",
		   .fallback = "2048", .standard = LIMIT_STANDARD),
	{ "OOMPolicy", CONFIG_CONTAINER, LIVE, &config_type_choice, "kill|continue", oom_words,
	  .unsaid = "kill", .since = SINCE, CONTAINER_MEMBER(limits.oom_group),
	  .about = "Whether an OOM kill takes the whole container, or one process of it." },
	SUPERVISION_KEYS(CONFIG_CONTAINER, OF_POD),
};

/**
 * config_key_find() - the key of that name in a section, NULL if there is none
 */
const struct config_key *config_key_find(enum config_section section, const char *name)
{
	for (size_t i = 0; i < CONFIG_KEY_N; i++)
		if (config_keys[i].section == section && strcmp(config_keys[i].name, name) == 0)
			return &config_keys[i];
	return NULL;
}

/**
 * config_key_reset() - give a member its default
 *
 * A number without a default gets all bits set, which is LIMIT_UNSET.
 *
 * Return: 0 or -ENOMEM.
 */
int config_key_reset(const struct config_key *key, void *member)
{
	const struct config_value v = { .s = key->fallback, .key = key };

	if (key->type->clear)
		key->type->clear(member);
	if (key->standard) {
		config_value_store(&v, member, key->standard);
		return 0;
	}
	if (key->fallback)
		return key->type->parse(&v, member);
	if (!key->type->clear)
		memset(member, 0xff, key->size);
	return 0;
}

/**
 * config_key_digest() - a number for what an object says of one key
 * @object: a struct pod_spec or struct pod_container, as @key->object tells
 * @h: CONFIG_DIGEST_START, or the digest of what came before
 */
uint64_t config_key_digest(const struct config_key *key, const void *object, uint64_t h)
{
	const void *member = (const char *)object + key->offset;

	return key->type->digest ? key->type->digest(member, h) :
				   config_digest_bytes(h, member, key->size);
}

/**
 * config_key_is_default() - whether an object says of one key what it would without it
 * @object: as for config_key_digest()
 */
bool config_key_is_default(const struct config_key *key, const void *object)
{
	struct pod_spec pod = { 0 };
	struct pod_container container = { 0 };
	void *fresh = key->object == CONFIG_IN_POD ? (void *)&pod : &container;
	uint64_t given = config_key_digest(key, object, CONFIG_DIGEST_START), unsaid = ~given;

	if (config_key_reset(key, (char *)fresh + key->offset) == 0)
		unsaid = config_key_digest(key, fresh, CONFIG_DIGEST_START);
	if (key->type->clear)
		key->type->clear((char *)fresh + key->offset);
	return given == unsaid;
}

/**
 * config_key_restarts() - whether only a restart puts the value that an object has of
 * a key into force, and out of it
 * @object: as for config_key_digest()
 */
bool config_key_restarts(const struct config_key *key, const void *object)
{
	unsigned word = 0;

	if (!key->restart_word)
		return key->change == CONFIG_CHANGE_RESTART;
	memcpy(&word, (const char *)object + key->offset, sizeof(word));
	return word == key->restart_word;
}

/**
 * config_key_nearest() - the known key that was probably meant, or NULL
 */
const char *config_key_nearest(enum config_section section, const char *name)
{
	struct nearest near = { .word = name };

	for (size_t i = 0; i < CONFIG_KEY_N; i++)
		if (config_keys[i].section == section)
			nearest_try(&near, config_keys[i].name);
	return near.found;
}

/**
 * config_section_nearest() - the known section that was probably meant, or NULL
 */
const char *config_section_nearest(const char *name)
{
	struct nearest near = { .word = name };

	for (size_t i = 0; i < CONFIG_SECTION_N; i++)
		nearest_try(&near, config_section_names[i]);
	return near.found;
}
