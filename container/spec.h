/* SPDX-License-Identifier: MIT */
/* What a container is made of: plain data, from the pod file today. */
#pragma once

#include <linux/capability.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum container_writable {
	CONTAINER_WRITABLE_TMPFS, /* upper directory in memory, bounded */
	CONTAINER_WRITABLE_DISK,  /* upper directory under var/lib */
	CONTAINER_WRITABLE_NO,    /* the root is mounted read-only */
};

struct container_volume {
	char *source; /* absolute path on the host */
	char *target; /* absolute path in the container */
	bool read_only;
	bool optional; /* a source that is not there is no error */
	bool no_idmap; /* its owners are the host's ids, in a pod with ids of its own, too */
};

#define CONTAINER_VOLUMES_MAX 128

struct container_tmpfs {
	char *target;        /* absolute path in the container */
	uint64_t size_bytes; /* 0: the kernel's default, half of the memory */
	mode_t mode;
};

/* How a device is found: /sys/class and /sys/bus/usb say which there are. */
enum container_device_by {
	CONTAINER_DEVICE_PATH,
	CONTAINER_DEVICE_CLASS, /* those of @subsystem whose kernel name @pattern matches */
	CONTAINER_DEVICE_USB,	/* the nodes of each USB device with @vendor and @product */
};

struct container_device {
	/* absolute path on the host: a node, or a link to one; else as the file says */
	char *source;
	/* absolute path in the container, below /dev; NULL: the kernel's name of each */
	char *target;
	bool read_only;
	bool optional; /* one that is not there is no error */
	enum container_device_by by;
	char *subsystem; /* "tty"; NULL: any */
	char *pattern;	 /* "ttyUSB*", as fnmatch(3) has it */
	uint16_t vendor, product;
};

#define CONTAINER_DEVICE_TARGET_SIZE 128 /* bytes of a target, with its NUL */
#define CONTAINER_DEVICES_MAX 64

/* A file of the host, or each file of a directory, that a container gets a copy of. */
struct container_credential {
	char *id;     /* its name there; of a directory's, what comes before "_NAME" */
	char *source; /* absolute path on the host */
};

#define CONTAINER_CREDENTIALS_MAX  64
#define CONTAINER_CREDENTIALS_PATH "/run/credentials"

/* Masks, bit N for capability N; CAPABILITY_ALL (base/capability.h) for "all". */
struct container_capabilities {
	uint64_t add, drop;
};

/* One limit of getrlimit(2), in its own unit; not said: podd's default. */
struct container_rlimit {
	bool said;
	uint64_t soft, hard;
};
#define CONTAINER_RLIMIT_N 16 /* indexed by RLIMIT_* */
#define CONTAINER_RLIMIT_INFINITY UINT64_MAX

enum container_seccomp_mode {
	CONTAINER_SECCOMP_DEFAULT,
	CONTAINER_SECCOMP_UNCONFINED,
	CONTAINER_SECCOMP_FILE, /* a profile of the host's */
	CONTAINER_SECCOMP_AUDIT, /* no filter: what is called is recorded, into a profile */
};

struct container_seccomp {
	enum container_seccomp_mode mode;
	char *path; /* of the profile; NULL: none */
	/* Filled when the profile was compiled, see container_filter_is_external(). */
	void *program; /* struct sock_filter */
	unsigned short program_n;
	uint64_t content; /* a digest of the file */
};

enum container_landlock {
	CONTAINER_LANDLOCK_AUTO, /* where the kernel has it and nothing asks for more */
	CONTAINER_LANDLOCK_YES,	 /* or the container does not start */
	CONTAINER_LANDLOCK_NO,
};

/* Of the program, by the host's security module. */
enum container_label_kind { CONTAINER_LABEL_SELINUX, CONTAINER_LABEL_APPARMOR, CONTAINER_LABEL_N };

struct container_label {
	char *name; /* NULL: the one that podd has */
	bool optional; /* that it cannot be set is no error */
};
#define CONTAINER_LABEL_MAX 1023

/* Owned by whoever built it; container/ only reads it. */
struct container_spec {
	char *name;
	char **lowers; /* absolute host paths, the topmost first, NULL-terminated */
	/* Not 0: they are an image's layers. No link leads there, and "/" is as the topmost
	 * has it that is not of root with this mode, which says nothing. */
	unsigned unsaid_mode;
	enum container_writable writable;
	uint64_t writable_size_bytes; /* of the tmpfs upper */
	struct container_volume *volumes;
	size_t volume_n;
	struct container_tmpfs *tmpfs;
	size_t tmpfs_n;
	struct container_device *devices;
	size_t device_n;
	struct container_credential *credentials;
	size_t credential_n;
	char **argv; /* NULL-terminated, at least one */
	char **env;  /* "NAME=value", NULL-terminated; what the file says */
	char *cwd;   /* absolute, in the container */
	char *user;  /* "UID", "NAME", either with ":GID" or ":GROUP"; NULL: 0:0 */
	bool run_as_non_root; /* RunAsNonRoot=: what is executed must not be uid 0 */
	struct container_rlimit rlimits[CONTAINER_RLIMIT_N];
	struct container_capabilities capabilities;
	bool allow_new_privs; /* NoNewPrivileges=no */
	struct container_seccomp seccomp;
	enum container_landlock landlock;
	struct container_label labels[CONTAINER_LABEL_N];
};

/* Whether a container is to have that wall, if the kernel has it: not with what Landlock
 * would forbid. */
static inline bool container_landlock_wanted(const struct container_spec *spec)
{
	const uint64_t apart = UINT64_C(1) << CAP_SYS_ADMIN | UINT64_C(1) << CAP_SYS_PTRACE;

	if (spec->landlock != CONTAINER_LANDLOCK_AUTO)
		return spec->landlock == CONTAINER_LANDLOCK_YES;
	return !(spec->capabilities.add & apart) &&
	       spec->seccomp.mode != CONTAINER_SECCOMP_UNCONFINED;
}
