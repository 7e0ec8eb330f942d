/* SPDX-License-Identifier: MIT */
/* Where cgroup v2 is mounted, what of it is ours, and the group of each pod. */
#include "cgroup/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/io.h"

/* The leaf of a delegated unit that holds podd: DelegateSubgroup= in its unit. */
#define LEAF "supervisor"

/* Each try lost against the removal of the same parent by the last other pod. */
#define CREATE_TRIES 100

/* Undoes the "\ooo" that the kernel writes for space, tab, newline, backslash. */
static void unescape_octal(char *s)
{
	char *to = s;

	for (; *s; to++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*to = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else {
			*to = *s++;
		}
	}
	*to = '\0';
}

/**
 * cgroup_mount_parse() - is this mount a cgroup v2, and where?
 * @line: one line of /proc/self/mountinfo (proc(5)); written to
 * @out: points into @line; only touched when the answer is yes
 *
 * Return: true for a mount of type "cgroup2".
 */
bool cgroup_mount_parse(char *line, struct cgroup_mount *out)
{
	char *field[5], *rest = line, *word;

	for (size_t i = 0; i < ARRAY_SIZE(field); i++) {
		field[i] = strsep(&rest, " ");
		if (!rest)
			return false;
	}
	/* Mount options, then optional fields up to a lone dash, then the type. */
	do {
		word = strsep(&rest, " ");
	} while (word && strcmp(word, "-") != 0);
	word = strsep(&rest, " ");
	if (!word || strcmp(word, "cgroup2") != 0)
		return false;
	unescape_octal(field[3]);
	unescape_octal(field[4]);
	*out = (struct cgroup_mount){ .root = field[3], .point = field[4] };
	return true;
}

/**
 * cgroup_own_parse() - the group that a line of /proc/self/cgroup names
 * @line: written to (its newline goes)
 *
 * Return: the v2 group's path, inside @line; NULL for a v1 line.
 */
char *cgroup_own_parse(char *line)
{
	if (strncmp(line, "0::/", 4) != 0)
		return NULL;
	line[strcspn(line, "\n")] = '\0';
	return line + 3;
}

/*
 * Opens the widest cgroup2 mount: of a bind mount of some group and the whole
 * hierarchy the whole one. @root_out gets the group that is mounted; freed by
 * the caller.
 */
static int hierarchy_open(char **root_out, struct err *err)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	cleanup_close int best = -EBADF;
	cleanup_free char *line = NULL, *root = NULL;
	struct cgroup_mount m;
	struct statfs fs;
	size_t size = 0;

	if (!f)
		return err_sys(err, "open '/proc/self/mountinfo'");
	while (getline(&line, &size, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (!cgroup_mount_parse(line, &m) || (root && strlen(m.root) >= strlen(root)))
			continue;
		cleanup_close int fd = open(m.point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		/* Something else may be mounted over it. */
		if (fd < 0 || fstatfs(fd, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC)
			continue;
		free_ptr(&root);
		root = strdup(m.root);
		if (!root)
			break;
		close_fd(&best);
		best = take_fd(&fd);
	}
	(void)fclose(f); /* only read */
	if (best >= 0 && !root)
		return err_set(err, ENOMEM, "read '/proc/self/mountinfo': out of memory");
	if (best < 0)
		return err_set(err, ENODEV, "no cgroup v2 hierarchy is mounted on this host");
	*root_out = take_ptr(root);
	return take_fd(&best);
}

/*
 * The text of the path of a process's v2 group, NULL when there is none; freed by the
 * caller. @process: a directory of /proc.
 */
static char *group_of(const char *process)
{
	cleanup_free char *line = NULL;
	char path[64];
	FILE *f;
	char *own = NULL;
	size_t size = 0;

	snprintf(path, sizeof(path), "/proc/%s/cgroup", process);
	f = fopen(path, "re");
	while (f && !own && getline(&line, &size, f) > 0)
		own = cgroup_own_parse(line);
	if (f)
		(void)fclose(f); /* only read */
	return own ? strdup(own) : NULL;
}

/*
 * systemd marks the group of a unit with Delegate=yes: trusted.delegate since
 * 236, and user.delegate, readable without CAP_SYS_ADMIN, since 251.
 */
static bool is_delegated(int fd)
{
	char v[2];

	return (fgetxattr(fd, "trusted.delegate", v, sizeof(v)) == 1 && v[0] == '1') ||
	       (fgetxattr(fd, "user.delegate", v, sizeof(v)) == 1 && v[0] == '1');
}

/*
 * Opens a group by its @path, as /proc/PID/cgroup has it; @mounted is what the mount shows.
 * Return: a descriptor, or -errno; -ENOENT: outside of the mount.
 */
static int open_shown(int hierarchy_fd, const char *mounted, const char *path)
{
	size_t n = strcmp(mounted, "/") == 0 ? 0 : strlen(mounted);
	int fd;

	if (strncmp(path, mounted, n) != 0 || (path[n] != '/' && path[n] != '\0') ||
	    strncmp(path, "/..", 3) == 0)
		return -ENOENT;
	path += n + strspn(path + n, "/");
	fd = openat(hierarchy_fd, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/*
 * Opens the delegated group that we are in: our own one, or the one above when
 * we are in its leaf already.
 */
static int delegated_open(int hierarchy_fd, const char *mounted, bool *in_leaf)
{
	cleanup_free char *own = group_of("self");
	cleanup_close int fd = own ? open_shown(hierarchy_fd, mounted, own) : -ENOENT;

	if (fd < 0)
		return fd;
	*in_leaf = false;
	if (is_delegated(fd))
		return take_fd(&fd);
	if (strcmp(strrchr(own, '/') + 1, LEAF) != 0 || strcmp(own, mounted) == 0)
		return -ENOENT;
	cleanup_close int above = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (above < 0 || !is_delegated(above))
		return -ENOENT;
	*in_leaf = true;
	return take_fd(&above);
}

/**
 * cgroup_root_open() - find the place of the pods' groups on this host
 * @out: the caller owns it: cgroup_root_close()
 * @tag: tells the groups of one podd installation from another's; NULL or "": none
 *
 * Changes nothing. Where podd runs in a group of its own (Delegate=yes) the
 * place is in there and @tag is not used.
 *
 * Return: 0 or -errno with @err filled; -ENODEV: no cgroup v2 is mounted.
 */
int cgroup_root_open(struct cgroup_root *out, const char *tag, struct err *err)
{
	struct cgroup_root root = { .dirfd = -EBADF };
	cleanup_close int hierarchy = -EBADF, delegated = -EBADF;
	cleanup_free char *mounted = NULL;
	int n;

	hierarchy = hierarchy_open(&mounted, err);
	if (hierarchy < 0)
		return hierarchy;
	delegated = delegated_open(hierarchy, mounted, &root.in_leaf);
	if (delegated >= 0) {
		root.dirfd = take_fd(&delegated);
		*out = root;
		return 0;
	}
	n = snprintf(root.parent, sizeof(root.parent), "podd%s%s", tag && *tag ? "-" : "",
		     tag ? tag : "");
	if (n >= (int)sizeof(root.parent))
		return err_set(err, ENAMETOOLONG, "cgroup 'podd-%s': name too long", tag);
	root.in_leaf = true;
	root.dirfd = take_fd(&hierarchy);
	*out = root;
	return 0;
}

/**
 * cgroup_root_close() - close what cgroup_root_open() opened; removes nothing
 */
void cgroup_root_close(struct cgroup_root *root)
{
	close_fd(&root->dirfd);
}

/**
 * cgroup_root_enter_leaf() - make room in a delegated group
 *
 * Moves this process into the leaf "supervisor" of the delegated group, so that
 * controllers can be enabled beside it. Nothing to do without delegation, or
 * where systemd did it (DelegateSubgroup=supervisor, since 254): a move costs
 * 12 ms.
 *
 * Return: 0 or -errno with @err filled.
 */
int cgroup_root_enter_leaf(struct cgroup_root *root, struct err *err)
{
	int r;

	if (root->in_leaf)
		return 0;
	if (mkdirat(root->dirfd, LEAF, 0755) < 0 && errno != EEXIST)
		return err_sys(err, "create cgroup '" LEAF "'");
	r = io_write_file(root->dirfd, LEAF "/cgroup.procs", "0", err);
	if (r < 0)
		return err_wrap(err, r, "enter cgroup '" LEAF "'");
	root->in_leaf = true;
	return 0;
}

/**
 * cgroup_root_controllers() - the controllers that pods here can have
 *
 * Return: a set of enum cgroup_controller.
 */
unsigned cgroup_root_controllers(const struct cgroup_root *root)
{
	return cgroup_controllers(root->dirfd);
}

/* The pod's group below the one that pods_open() opens. */
static int pod_group_name(char out[NAME_MAX + 1], const struct cgroup_root *root, const char *name,
			  struct err *err)
{
	/* In a unit's group a pod must not be taken for the leaf. */
	int n = snprintf(out, NAME_MAX + 1, "%s%s", root->parent[0] ? "" : "pod-", name);

	if (n > NAME_MAX)
		return err_set(err, ENAMETOOLONG, "cgroup '%.80s...': name too long", name);
	return 0;
}

/* Opens the group that holds the pods' groups; -ENOENT when no pod is there. */
static int pods_open(const struct cgroup_root *root, struct err *err)
{
	const char *name = root->parent[0] ? root->parent : ".";
	int fd = openat(root->dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? err_sys(err, "open cgroup '%s'", root->parent) : fd;
}

static int pod_create_once(struct cgroup *out, const struct cgroup_root *root, const char *group,
			   unsigned controllers, struct err *err)
{
	cleanup_close int pods = -EBADF;

	cgroup_enable(root->dirfd, controllers);
	if (root->parent[0] && mkdirat(root->dirfd, root->parent, 0755) < 0 && errno != EEXIST)
		return errno == EROFS ? /* a privilege that the host withholds */
			       err_set(err, EPERM,
				       "create cgroup '%s': cgroup2 is mounted read-only",
				       root->parent) :
			       err_sys(err, "create cgroup '%s'", root->parent);
	pods = pods_open(root, err);
	if (pods < 0)
		return pods;
	if (root->parent[0])
		cgroup_enable(pods, controllers);
	return cgroup_create(out, pods, group, err);
}

/**
 * cgroup_pod_create() - make the group of a pod
 * @out: the caller owns it: cgroup_close(), and cgroup_pod_remove() for the group
 * @name: of the pod
 * @controllers: that its limits and its containers' need, enum cgroup_controller
 *
 * After cgroup_root_enter_leaf(). An empty group of that name, left by a crash,
 * is replaced, so that its counters start at zero. Enable the containers'
 * controllers with cgroup_enable() on it.
 *
 * Return: 0 or -errno with @err filled; -EBUSY: processes live in a group of
 * that name.
 */
int cgroup_pod_create(struct cgroup *out, const struct cgroup_root *root, const char *name,
		      unsigned controllers, struct err *err)
{
	char group[NAME_MAX + 1];
	int r = pod_group_name(group, root, name, err);

	if (r < 0)
		return r;
	/* The end of the last other pod may remove the common parent between our
	 * two steps: open says ENOENT then, mkdir in a dead group ENODEV. */
	for (int i = 0; i < CREATE_TRIES; i++) {
		r = pod_create_once(out, root, group, controllers | CGROUP_MEMORY, err);
		if (r != -ENOENT && r != -ENODEV)
			break;
	}
	return r;
}

/**
 * cgroup_pod_enable() - enable further controllers above a pod that runs
 *
 * For limits that it gets later; as cgroup_pod_create() did for the first ones.
 *
 * Return: 0 or -errno with @err filled.
 */
int cgroup_pod_enable(const struct cgroup_root *root, unsigned controllers, struct err *err)
{
	cleanup_close int pods = pods_open(root, err);

	if (pods < 0)
		return pods;
	cgroup_enable(root->dirfd, controllers);
	if (root->parent[0])
		cgroup_enable(pods, controllers);
	return 0;
}

/**
 * cgroup_pod_open() - open the group of a pod that runs, to adopt it
 *
 * Return: 0 or -errno with @err filled; -ENOENT: there is none.
 */
int cgroup_pod_open(struct cgroup *out, const struct cgroup_root *root, const char *name,
		    struct err *err)
{
	cleanup_close int pods = -EBADF;
	char group[NAME_MAX + 1];
	int r = pod_group_name(group, root, name, err);

	if (r < 0)
		return r;
	pods = pods_open(root, err);
	return pods < 0 ? pods : cgroup_open(out, pods, group, err);
}

/**
 * cgroup_of_process() - the path of a process's group in the hierarchy
 *
 * Return: the caller's to free; NULL: there is none, or no memory.
 */
char *cgroup_of_process(pid_t pid)
{
	char process[16];

	snprintf(process, sizeof(process), "%d", pid);
	return group_of(process);
}

/* Cuts @name with the slash before it off the end of @path. Return: whether it was there. */
static bool cut_name(char *path, const char *name)
{
	char *last = strrchr(path, '/');

	if (!last || strcmp(last + 1, name) != 0)
		return false;
	*last = '\0';
	return true;
}

/* The root whose pod @name has @path as its pause's group; @path is written to. */
static int root_of(struct cgroup_root *out, char *path, const char *tag, const char *name,
		   struct err *err)
{
	cleanup_close int hierarchy = -EBADF;
	cleanup_free char *mounted = NULL;
	struct cgroup_root root = { .dirfd = -EBADF, .in_leaf = true };
	char in_unit[NAME_MAX + 1];
	int r = pod_group_name(in_unit, &root, name, err);

	if (r < 0)
		return r;
	(void)snprintf(root.parent, sizeof(root.parent), "podd%s%s", tag && *tag ? "-" : "",
		       tag ? tag : "");
	if (!cut_name(path, "pause"))
		return -ENOENT;
	if (cut_name(path, in_unit))
		root.parent[0] = '\0';
	else if (!cut_name(path, name) || !cut_name(path, root.parent))
		return -ENOENT;
	hierarchy = hierarchy_open(&mounted, err);
	if (hierarchy < 0)
		return hierarchy;
	root.dirfd = open_shown(hierarchy, mounted, *path ? path : "/");
	if (root.dirfd < 0)
		return err_set(err, -root.dirfd, "open the cgroup that holds pod '%s': %s", name,
			       strerror(-root.dirfd));
	*out = root;
	return 0;
}

/**
 * cgroup_root_follow() - go where a pod that runs is, if that is elsewhere
 * @root: of cgroup_root_open(): where the pod would be made; another one, open, when it
 *	has been made there
 * @tag: as for cgroup_root_open()
 * @pause: the pod's pause, whose pidfd the caller holds
 *
 * A pod outlives its podd, and the next one may be in another unit, or the same one may
 * have been given Delegate=yes since.
 *
 * Return: 0 or -errno with @err filled. The pause of no pod of ours changes nothing.
 */
int cgroup_root_follow(struct cgroup_root *root, const char *tag, const char *name, pid_t pause,
		       struct err *err)
{
	cleanup_free char *path = cgroup_of_process(pause);
	struct cgroup_root other;
	struct stat is, was;
	int r = path ? root_of(&other, path, tag, name, err) : -ENOENT;

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (fstat(other.dirfd, &is) < 0 || fstat(root->dirfd, &was) < 0)
		r = err_sys(err, "look at the cgroup that holds pod '%s'", name);
	if (r == 0 && (is.st_ino != was.st_ino || strcmp(other.parent, root->parent) != 0)) {
		struct cgroup_root here = *root;

		*root = other;
		other = here;
	}
	cgroup_root_close(&other);
	return r;
}

/**
 * cgroup_container_has() - whether a process is in a container's group, or below it
 * @pause: of the pod: in the group beside the container's
 * @pid: the process, which may be dead and not reaped
 *
 * By the paths that the kernel shows us of both, wherever the hierarchy is mounted.
 */
bool cgroup_container_has(pid_t pause, const char *container, pid_t pid)
{
	static const char prefix[] = CGROUP_CONTAINER_PREFIX;
	cleanup_free char *beside = cgroup_of_process(pause), *is = cgroup_of_process(pid);
	size_t dir, n = strlen(container);
	const char *name;

	dir = beside ? (size_t)(strrchr(beside, '/') + 1 - beside) : 0;
	if (!beside || !is || strncmp(is, beside, dir) != 0 ||
	    strncmp(is + dir, prefix, strlen(prefix)) != 0)
		return false;
	name = is + dir + strlen(prefix);
	return strncmp(name, container, n) == 0 && (name[n] == '\0' || name[n] == '/');
}

/**
 * cgroup_pod_remove() - kill and remove a pod's group with all below it
 * @timeout_ms: as for cgroup_remove()
 *
 * Takes any half-built pod, also none. The common parent goes with the last
 * pod.
 *
 * Return: 0 or -errno with @err filled.
 */
int cgroup_pod_remove(const struct cgroup_root *root, const char *name, unsigned timeout_ms,
		      struct err *err)
{
	cleanup_close int pods = -EBADF;
	char group[NAME_MAX + 1];
	int r = pod_group_name(group, root, name, err);

	if (r < 0)
		return r;
	pods = pods_open(root, err);
	if (pods == -ENOENT)
		return 0;
	if (pods < 0)
		return pods;
	r = cgroup_remove(pods, group, timeout_ms, err);
	if (r < 0)
		return r;
	fault_kill("cgroup-removed");
	/* EBUSY: another pod is there. */
	if (root->parent[0] && unlinkat(root->dirfd, root->parent, AT_REMOVEDIR) < 0 &&
	    errno != EBUSY && errno != ENOTEMPTY && errno != ENOENT)
		return err_sys(err, "remove cgroup '%s'", root->parent);
	return 0;
}
