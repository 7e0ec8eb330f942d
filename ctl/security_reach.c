/* SPDX-License-Identifier: MIT */
/* What of the host a container has: roots, volumes, devices, credentials. */
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "ctl/security_host.h"
#include "ctl/security_judge.h"

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
	judge_add(j, "Rootfs", score, judge_said(j, CONFIG_CONTAINER, "Rootfs"), about,
		  "%s%s%s%s", worst, leads_to(worst, worst_real), real_or_none(worst, worst_real),
		  j->container->run.lowers[1] ? ":..." : "");
}

/**
 * judge_root() - the row of its image or root
 */
void judge_root(struct judge *j)
{
	if (j->container->run.lowers)
		judge_rootfs(j);
	if (j->container->image.name)
		judge_add(j, "Image", 0, judge_said(j, CONFIG_CONTAINER, "Image"),
			  "a root of its own", "%s", j->container->image.name);
}

/* Ids on the disk are those in the container, root's too, but with noidmap. */
static unsigned judge_written(const struct judge *j, const struct container_volume *v,
			      const char *real, const char **about)
{
	bool as_user = judge_root_chance(&j->container->run) == NO_ROOT;

	*about = "writes to a place of the host";
	if (!real || !security_is_reached(real) || (v->no_idmap && !judge_has_host_ids(j)))
		return 5;
	*about = as_user ? "writes to a place of the host that its users reach: they can run "
			   "what it makes set-user-ID there as that user" :
			   "writes to a place of the host that its users reach: they can run "
			   "what its root makes set-user-ID there as the host's root";
	return as_user ? 6 : 8;
}

static void judge_volume(struct judge *j, size_t nth)
{
	const struct container_volume *v = &j->container->run.volumes[nth];
	cleanup_free char *real = realpath(v->source, NULL);
	const char *about = NULL;
	unsigned score = judge_path(v->source, real, v->read_only, &about);

	if (!about && v->read_only) {
		score = 1;
		about = "reads a place of the host";
	} else if (!about) {
		score = judge_written(j, v, real, &about);
	}
	if (v->no_idmap && !judge_has_host_ids(j)) /* the pod's root is none there */
		score = score - score / 4;
	judge_add(j, "Volume", score,
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

	judge_add(j, "Device", score,
		  config_origin_nth(j->origins, j->container->run.name, "Device", nth),
		  about, "%s%s%s:%s", d->source, leads_to(d->source, real),
		  real_or_none(d->source, real), d->read_only ? "ro" : "rw");
}

/* A copy: what the host keeps for itself is as open as by a volume that is read. */
static void judge_credential(struct judge *j, size_t nth)
{
	const struct container_credential *c = &j->container->run.credentials[nth];
	cleanup_free char *real = realpath(c->source, NULL);
	const char *about, *real_about;
	unsigned score = security_secret(c->source, &about);
	unsigned by_real = real ? security_secret(real, &real_about) : 0;

	if (by_real > score) {
		score = by_real;
		about = real_about;
	}
	judge_add(j, "LoadCredential", score,
		  config_origin_nth(j->origins, j->container->run.name, "LoadCredential", nth),
		  score ? about : "a secret that only its user reads", "%s:%s%s%s", c->id,
		  c->source, leads_to(c->source, real), real_or_none(c->source, real));
}

/**
 * judge_reach() - the rows of volumes, devices and credentials
 */
void judge_reach(struct judge *j)
{
	const struct container_spec *run = &j->container->run;

	for (size_t i = 0; i < run->volume_n; i++)
		judge_volume(j, i);
	for (size_t i = 0; i < run->device_n; i++)
		judge_device(j, i);
	for (size_t i = 0; i < run->credential_n; i++)
		judge_credential(j, i);
}
