/* SPDX-License-Identifier: MIT */
/* What places and devices of the host are worth to who gets them. */
#include "ctl/security_host.h"

#include <fnmatch.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include "base/fd.h"

/* Places of the host, the first that fits; what is below them too, but for "/". A
 * directory is no better than what is listed below it. */
static const struct {
	const char *path;
	unsigned rw, ro;
	const char *about;
} places[] = {
	{ "/", 100, 60, "all files of the host" },
	{ "/run/podd", 100, 90, "podd's own sockets" },
	{ "/var/run/podd", 100, 90, "podd's own sockets" },
	{ "/var/lib/podd", 90, 20, "images and roots of all pods" },
	{ "/etc/podd", 100, 10, "what podd runs" },
	{ "/run", 70, 60, "sockets of the host's services; read-only does not shut them" },
	{ "/var/run", 70, 60, "sockets of the host's services; read-only does not shut them" },
	{ "/proc", 80, 40, "processes and settings of the host" },
	{ "/sys", 80, 20, "devices and settings of the kernel" },
	{ "/dev", 60, 20, "the host's /dev; its nodes do not work, its sockets do" },
	{ "/boot", 90, 5, "the kernel that is booted next" },
	{ "/etc/shadow", 90, 30, "the host's passwords" },
	{ "/etc/gshadow", 90, 30, "the host's passwords" },
	{ "/etc/shadow-", 90, 30, "the host's passwords, as they were" },
	{ "/etc/gshadow-", 90, 30, "the host's passwords, as they were" },
	{ "/etc/security/opasswd", 90, 30, "the host's passwords, as they were" },
	{ "/etc/ssh", 90, 30, "keys of the host" },
	{ "/etc", 90, 30, "the host's settings and passwords" },
	{ "/root", 90, 30, "files of the host's root" },
	{ "/usr", 90, 1, "the host's programs" },
	{ "/bin", 90, 1, "the host's programs" },
	{ "/sbin", 90, 1, "the host's programs" },
	{ "/lib", 90, 1, "the host's libraries" },
	{ "/lib64", 90, 1, "the host's libraries" },
	{ "/home", 50, 30, "files of the host's users" },
	{ "/opt", 60, 1, "programs of the host" },
	{ "/efi", 90, 5, "the kernel that is booted next" },
	{ "/lib32", 90, 1, "the host's libraries" },
	{ "/var/spool/cron", 90, 5, "what the host runs, and when" },
	{ "/var/spool/at", 90, 5, "what the host runs, and when" },
	{ "/var/lib/cloud", 90, 20, "what the host runs when it is booted next" },
	{ "/var/lib/systemd", 90, 20, "state of the host's systemd" },
	{ "/var/lib/dpkg", 90, 1, "what the host has installed, and runs to change it" },
	{ "/var/lib/rpm", 90, 1, "what the host has installed" },
	{ "/var/lib/flatpak", 90, 1, "programs of the host" },
	{ "/var/lib/snapd", 90, 5, "programs of the host" },
	{ "/var/lib/docker", 90, 20, "images and roots of another engine" },
	{ "/var/lib/containers", 90, 20, "images and roots of another engine" },
	{ "/var/lib/containerd", 90, 20, "images and roots of another engine" },
	{ "/var/lib/kubelet", 90, 60, "secrets and volumes of another engine" },
	{ "/var/log", 30, 10, "logs of the host" },
	{ "/var", 60, 20, "state of the host's services" },
	{ "/tmp", 30, 20, "files and sockets of whoever is on the host" },
	{ "/var/tmp", 20, 20, "files of whoever is on the host" },
};

static bool is_below(const char *path, const char *place)
{
	size_t n = strlen(place);

	return strcmp(path, place) == 0 ||
	       (n > 1 && strncmp(path, place, n) == 0 && path[n] == '/');
}

/* What services keep in directories of their own is what volumes are for. */
static bool is_place(const char *path, const char *place)
{
	if (strcmp(place, "/var") == 0)
		return strcmp(path, "/var") == 0 || strcmp(path, "/var/lib") == 0 ||
		       strcmp(path, "/var/spool") == 0;
	return is_below(path, place);
}

/* Of what is listed at @path, and below. */
static unsigned worst_below(const char *path, bool read_only)
{
	unsigned worst = 0;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		unsigned score = read_only ? places[i].ro : places[i].rw;

		if (is_below(places[i].path, path) && score > worst)
			worst = score;
	}
	return worst;
}

/**
 * security_place() - what a place of the host opens
 * @path: absolute
 * @about: receives what it is, static; NULL: nothing of the host's own
 *
 * Return: the score in tenths, 0 without an @about.
 */
unsigned security_place(const char *path, bool read_only, const char **about)
{
	unsigned score = 0, below = worst_below(path, read_only);
	size_t n = strlen(path);

	*about = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(places) && !*about; i++) {
		if (!is_place(path, places[i].path))
			continue;
		score = read_only ? places[i].ro : places[i].rw;
		*about = places[i].about;
	}
	if (*about && below > score)
		score = below;
	if (n > 5 && strcmp(path + n - 5, ".sock") == 0 && score < 60) {
		score = 60;
		*about = "a socket of a service of the host; read-only does not shut it";
	}
	return score;
}

/**
 * security_is_reached() - whether any user of the host can execute what is made at a place
 * @real: without links
 *
 * The place's own mode is no wall: who owns it can change it, in a container too.
 */
bool security_is_reached(const char *real)
{
	char above[PATH_MAX] = "/";
	struct statvfs fs;
	struct stat st;

	if (statvfs(real, &fs) < 0 || fs.f_flag & (ST_NOSUID | ST_NOEXEC))
		return false;
	for (const char *s = real; s; s = strchr(s + 1, '/')) {
		if (s > real)
			snprintf(above, sizeof(above), "%.*s", (int)(s - real), real);
		if (stat(above, &st) < 0 || !(st.st_mode & S_IXOTH))
			return false;
	}
	return true;
}

/**
 * security_secret() - what a file of the host opens to who gets a copy of it
 * @path, @about: as for security_place()
 *
 * Where secrets for services are kept, they are for services.
 *
 * Return: the score in tenths.
 */
unsigned security_secret(const char *path, const char **about)
{
	static const char *const kept[] = { "/etc", "/run", "/var/run", "/home" };
	static const char *const keys[] = { "/home/*/.ssh", "/home/*/.ssh/*", "/home/*/.gnupg",
					    "/home/*/.gnupg/*" };
	unsigned score = security_place(path, true, about);
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (fnmatch(keys[i], path, 0) != 0) /* '*' is all that is below, too */
			continue;
		*about = "keys of a user of the host";
		return score;
	}
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return score; /* all that is in it */
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		const char *there;

		(void)security_place(kept[i], true, &there);
		if (*about == there)
			score = 0;
	}
	return score;
}

static const char memory[] = "the host's memory", disk[] = "a disk, as it is";
static const char disks[] = "disks, as they are", raw[] = "a disk, by its commands";
static const char typed[] = "what is typed on the host", types[] = "types on the host";
static const char console[] = "the host's screen and keyboard";

/* By the beginning of the path. */
static const struct {
	const char *start;
	unsigned rw, ro;
	const char *about;
} devices[] = {
	{ "/dev/mem", 100, 80, memory },
	{ "/dev/kmem", 100, 80, memory },
	{ "class:mem/", 100, 80, memory },
	{ "/dev/port", 100, 80, "ports of all devices" },
	{ "/dev/cpu/", 100, 60, "registers of the CPUs" },
	{ "class:msr/", 100, 60, "registers of the CPUs" },
	{ "/dev/snapshot", 100, 80, "the host's memory, as it is suspended" },
	{ "/dev/kmsg", 30, 10, "the log of the host's kernel" },
	{ "/dev/disk/", 90, 60, disk },
	{ "/dev/mapper/", 90, 60, disk },
	{ "/dev/dm-", 90, 60, disk },
	{ "/dev/hd", 90, 60, disk },
	{ "/dev/md", 90, 60, disk },
	{ "/dev/mmcblk", 90, 60, disk },
	{ "/dev/mtd", 90, 60, disk },
	{ "class:mtd/", 90, 60, disk },
	{ "/dev/nbd", 90, 60, disk },
	{ "/dev/nvme", 90, 60, disk },
	{ "/dev/sd", 90, 60, disk },
	{ "/dev/vd", 90, 60, disk },
	{ "/dev/xvd", 90, 60, disk },
	{ "/dev/bcache", 90, 60, disk },
	{ "/dev/dasd", 90, 60, disk },
	{ "/dev/dax", 90, 60, disk },
	{ "/dev/drbd", 90, 60, disk },
	{ "/dev/fd", 90, 60, disk },
	{ "/dev/pmem", 90, 60, disk },
	{ "/dev/ram", 90, 60, disk },
	{ "/dev/raw", 90, 60, disk },
	{ "/dev/rbd", 90, 60, disk },
	{ "/dev/sr", 90, 60, disk },
	{ "/dev/ubi", 90, 60, disk },
	{ "/dev/ublk", 90, 60, disk },
	{ "/dev/zd", 90, 60, disk },
	{ "/dev/zvol/", 90, 60, disk },
	{ "class:dax/", 90, 60, disks },
	{ "class:raw/", 90, 60, disks },
	{ "class:ubi/", 90, 60, disks },
	{ "class:ublk-char/", 90, 60, disks },
	{ "/dev/loop", 70, 40, "files as disks" },
	{ "/dev/zram", 70, 40, "memory that is swapped out" },
	{ "class:block/", 90, 60, disks },
	{ "/dev/bsg/", 90, 90, raw },
	{ "/dev/sg", 90, 90, raw },
	{ "class:bsg/", 90, 90, raw },
	{ "class:scsi_generic/", 90, 90, raw },
	{ "/dev/ng", 90, 90, raw },
	{ "class:nvme/", 90, 90, raw },
	{ "class:nvme-generic/", 90, 90, raw },
	{ "/dev/iommu", 70, 70, "devices with their access to memory" },
	{ "class:iommu/", 70, 70, "devices with their access to memory" },
	{ "/dev/vfio/", 70, 70, "a device with its access to memory" },
	{ "class:vfio/", 70, 70, "devices with their access to memory" },
	{ "/dev/input", 30, 30, typed },
	{ "/dev/hidraw", 30, 30, typed },
	{ "class:hidraw/", 30, 30, typed },
	{ "class:input/", 30, 30, typed },
	{ "/dev/uhid", 60, 60, types },
	{ "/dev/uinput", 60, 60, types },
	{ "/dev/console", 30, 30, console },
	{ "/dev/tty0", 30, 30, console },
	{ "/dev/vcs", 30, 30, console },
	{ "class:vc/", 30, 30, console },
	{ "class:tty/", 10, 5, "devices of the host, and their driver" },
};

/* Of classes of many kinds: what a pattern may take in, and how that is named above. */
static const char *const members[][2] = {
	{ "class:misc/snapshot", "/dev/snapshot" }, { "class:misc/loop-control", "/dev/loop" },
	{ "class:misc/vfio", "/dev/vfio/" },	    { "class:misc/uhid", "/dev/uhid" },
	{ "class:misc/uinput", "/dev/uinput" },	    { "class:tty/console", "/dev/console" },
	{ "class:tty/tty0", "/dev/tty0" },	    { "class:tty/tty1", "/dev/tty0" },
	{ "class:tty/tty2", "/dev/tty0" },	    { "class:tty/tty7", "/dev/tty0" },
	{ "class:misc/device-mapper", "/dev/mapper/" }, { "class:misc/iommu", "/dev/iommu" },
	{ "class:misc/ublk-control", "/dev/ublk" },
};

static unsigned by_start(const char *name, bool read_only, const char **about)
{
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		if (strncmp(name, devices[i].start, strlen(devices[i].start)) != 0)
			continue;
		*about = devices[i].about;
		return read_only ? devices[i].ro : devices[i].rw;
	}
	return 0;
}

/* The worst of what it takes in. */
static unsigned by_name(const char *name, bool read_only, const char **about)
{
	unsigned worst = by_start(name, read_only, about);

	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		const char *is;
		unsigned score = fnmatch(name, members[i][0], 0) == 0 ?
					 by_start(members[i][1], read_only, &is) : 0;

		if (score <= worst)
			continue;
		*about = is;
		worst = score;
	}
	return worst;
}

/*
 * A node is what its numbers say (admin-guide/devices.txt): 1, 1 to 4 are memory and
 * ports; 4, 0 to 63 and 5, 1 the console; 7 is what is on its screens.
 */
static unsigned by_number(const char *path, bool read_only, const char **about)
{
	struct stat st;
	unsigned n;

	if (stat(path, &st) < 0)
		return 0;
	n = minor(st.st_rdev);
	*about = S_ISBLK(st.st_mode) ? disk : major(st.st_rdev) == 1 ? memory : console;
	if (S_ISBLK(st.st_mode))
		return read_only ? 60 : 90;
	if (S_ISCHR(st.st_mode) && ((major(st.st_rdev) == 4 && n < 64) || major(st.st_rdev) == 7 ||
				    (major(st.st_rdev) == 5 && n == 1)))
		return 30;
	if (S_ISCHR(st.st_mode) && major(st.st_rdev) == 1 && (n == 1 || n == 2 || n == 4))
		return read_only ? 80 : 100;
	return 0;
}

/**
 * security_device() - what a device of the host opens
 * @source: as Device= names it
 * @real: the path that it leads to; NULL: none that is there
 * @about: receives what it is, static
 *
 * The worst of its name, of where that leads to, and of the node there.
 *
 * Return: the score in tenths.
 */
unsigned security_device(const char *source, const char *real, bool read_only, const char **about)
{
	const char *abouts[3];
	const unsigned scores[] = {
		by_name(source, read_only, &abouts[0]),
		real ? by_name(real, read_only, &abouts[1]) : 0,
		real ? by_number(real, read_only, &abouts[2]) : 0,
	};
	unsigned worst = 0;

	*about = "a device of the host, and its driver";
	for (size_t i = 0; i < ARRAY_SIZE(scores); i++) {
		if (scores[i] <= worst)
			continue;
		worst = scores[i];
		*about = abouts[i];
	}
	return worst ? worst : read_only ? 5 : 10;
}
