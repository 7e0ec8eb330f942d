/* SPDX-License-Identifier: MIT */
/* After the last file: what containers take from [Pod], and what must fit together. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/capability.h"
#include "base/clock.h"
#include "base/strv.h"
#include "config/loader.h"
#include "config/names.h"
#include "image/ref.h"

static const struct assigned *assigned(const struct section_state *state,
				       enum config_section section, const char *name)
{
	return &state->keys[config_key_find(section, name) - config_keys];
}

/* The members that the container does not set are the ones of [Pod] or its defaults. */
static void inherit(struct loader *l, size_t i)
{
	for (size_t k = 0; k < CONFIG_KEY_N; k++) {
		const struct config_key *key = &config_keys[k];

		if (key->inherit && !l->containers[i].keys[k].set)
			memcpy((char *)&l->spec->containers[i] + key->offset,
			       (char *)&l->defaults + key->offset, key->size);
	}
}

static void check_required(struct loader *l, size_t i)
{
	const struct section_state *state = &l->containers[i];
	const char *name = l->spec->containers[i].run.name;
	bool image = assigned(state, CONFIG_CONTAINER, "Image")->set;

	for (size_t k = 0; k < CONFIG_KEY_N; k++)
		if (config_keys[k].required && !state->keys[k].set)
			config_diags_add(l->diags, state->first,
					 "container '%s': %s= is missing", name,
					 config_keys[k].name);
	if (image && assigned(state, CONFIG_CONTAINER, "Rootfs")->set)
		config_diags_add(l->diags, assigned(state, CONFIG_CONTAINER, "Rootfs")->pos,
				 "container '%s': Rootfs= and Image= exclude each other", name);
	if (!image && !assigned(state, CONFIG_CONTAINER, "Rootfs")->set)
		config_diags_add(l->diags, state->first,
				 "container '%s': Rootfs= or Image= is missing", name);
	/* An image has a program of its own, or it turns out when it is looked up. */
	if (!image && !assigned(state, CONFIG_CONTAINER, "Exec")->set &&
	    !assigned(state, CONFIG_CONTAINER, "Entrypoint")->set)
		config_diags_add(l->diags, state->first, "container '%s': Exec= is missing", name);
}

/* What has no registry in its name cannot be fetched. */
static void check_pull(struct loader *l, const struct section_state *state,
		       const struct pod_container *c)
{
	const struct assigned *pull = assigned(state, CONFIG_CONTAINER, "Pull");
	struct image_ref ref;

	if (!pull->set || pull->bad || c->pull != PULL_MISSING ||
	    assigned(state, CONFIG_CONTAINER, "Image")->bad)
		return;
	if (!c->image.name || image_ref_parse(&ref, c->image.name, NULL) < 0 ||
	    ref.kind != IMAGE_REF_NAME)
		config_diags_add(l->diags, pull->pos, "Pull=missing needs an Image= by its name");
}

/* Where to complain about two keys that do not fit; false if neither is said here, or wrong. */
static bool where(const struct section_state *state, enum config_section section, const char *low,
		  const char *high, struct config_pos *out)
{
	const struct assigned *a = assigned(state, section, low);
	const struct assigned *b = assigned(state, section, high);

	if ((!a->set && !b->set) || a->bad || b->bad)
		return false;
	*out = a->set ? a->pos : b->pos;
	return true;
}

static void check_memory(struct loader *l, const struct section_state *state,
			 enum config_section section, const struct cgroup_limits *limits)
{
	struct config_pos pos;

	/* Unset and "infinity" are the largest numbers, so they only fit as the maximum. */
	if (limits->memory_high_bytes >= LIMIT_MAX ||
	    limits->memory_high_bytes <= limits->memory_max_bytes ||
	    !where(state, section, "MemoryHigh", "MemoryMax", &pos))
		return;
	config_diags_add(l->diags, pos,
			 "MemoryHigh= (%" PRIu64 " bytes) is above MemoryMax= (%" PRIu64 " bytes)",
			 limits->memory_high_bytes, limits->memory_max_bytes);
}

static void check_set(struct loader *l, const struct section_state *state, const char *key,
		      const struct idset *of_container, const struct idset *of_pod)
{
	const struct assigned *a = assigned(state, CONFIG_CONTAINER, key);
	char have[IDSET_TEXT_SIZE];
	unsigned outside;

	if (!of_pod->said || idset_within(of_container, of_pod, &outside) || a->bad ||
	    assigned(&l->pod, CONFIG_POD, key)->bad)
		return;
	idset_format(of_pod, have, sizeof(have));
	config_diags_add(l->diags, a->pos,
			 "%s=: %u is not the pod's, which has %s", key, outside, have);
}

/* A cpuset that the group above does not have is without effect. */
static void check_sets(struct loader *l, const struct section_state *state,
		       const struct cgroup_limits *limits)
{
	const struct cgroup_limits *of_pod = &l->spec->limits;

	check_set(l, state, "AllowedCPUs", &limits->cpus, &of_pod->cpus);
	check_set(l, state, "AllowedMemoryNodes", &limits->memory_nodes, &of_pod->memory_nodes);
}

static void check_restart(struct loader *l, const struct section_state *state,
			  enum config_section section, const struct restart_spec *restart)
{
	struct config_pos pos;

	if (restart->first_ns <= restart->max_ns ||
	    !where(state, section, "RestartSec", "RestartMaxSec", &pos))
		return;
	config_diags_add(l->diags, pos, "RestartSec= (%g s) is longer than RestartMaxSec= (%g s)",
			 (double)restart->first_ns / NSEC_PER_SEC,
			 (double)restart->max_ns / NSEC_PER_SEC);
}

/* What is said to be added and dropped was not thought of, here or in a drop-in. */
static void check_capabilities(struct loader *l, const struct section_state *state,
			       const struct container_capabilities *c)
{
	bool all = c->add == CAPABILITY_ALL || c->drop == CAPABILITY_ALL;
	uint64_t both = all && c->add != c->drop ? 0 : c->add & c->drop;
	struct config_pos pos;

	if (!both || !where(state, CONFIG_CONTAINER, "DropCapability", "AddCapability", &pos))
		return;
	config_diags_add(l->diags, pos, "%s is in AddCapability= and in DropCapability=",
			 all ? "'all'" : capability_name((unsigned)__builtin_ctzll(both)));
}

static void check_address(struct loader *l)
{
	const struct assigned *address = assigned(&l->network, CONFIG_NETWORK, "Address");
	const struct netns_spec *net = &l->spec->network;
	uint32_t hosts = UINT32_MAX >> net->prefix_len;
	char text[INET_ADDRSTRLEN];
	struct in_addr a = { htonl(net->subnet) };
	uint32_t host = net->address & hosts;

	if (!net->address || assigned(&l->network, CONFIG_NETWORK, "Subnet")->bad || address->bad)
		return;
	inet_ntop(AF_INET, &a, text, sizeof(text));
	if (net->mode != NETNS_BRIDGE)
		config_diags_add(l->diags, address->pos, "Address= needs Mode=bridge");
	else if ((net->address & ~hosts) != net->subnet)
		config_diags_add(l->diags, address->pos, "Address= is not in Subnet= (%s/%u)", text,
				 net->prefix_len);
	else if (host == 0 || host == 1 || host == hosts)
		config_diags_add(l->diags, address->pos, "Address= is the %s of Subnet= (%s/%u)",
				 host == 0   ? "network itself" :
				 host == 1   ? "bridge's own address" :
					       "broadcast address", text, net->prefix_len);
}

/* There they would be the host's. */
static void check_sysctls(struct loader *l)
{
	const struct assigned *a = assigned(&l->pod, CONFIG_POD, "Sysctl");

	if (l->spec->network.mode != NETNS_HOST)
		return;
	for (char *const *s = l->spec->sysctls; s && *s; s++)
		if (strncmp(*s, "net.", 4) == 0)
			config_diags_add(l->diags, a->pos, "Sysctl=: with Mode=host, '%.*s' is the "
					 "host's", (int)strcspn(*s, "="), *s);
}

static bool is_credentials(const char *path)
{
	size_t n = strlen(CONTAINER_CREDENTIALS_PATH);

	return strncmp(path, CONTAINER_CREDENTIALS_PATH, n) == 0 && (!path[n] || path[n] == '/');
}

/* What is mounted there would hide them, or be hidden. */
static void check_credentials(struct loader *l, const struct section_state *state,
			      const struct container_spec *run)
{
	const struct assigned *a = assigned(state, CONFIG_CONTAINER, "LoadCredential");
	const char *taken = NULL;

	for (size_t i = 0; i < run->volume_n; i++)
		taken = is_credentials(run->volumes[i].target) ? run->volumes[i].target : taken;
	for (size_t i = 0; i < run->tmpfs_n; i++)
		taken = is_credentials(run->tmpfs[i].target) ? run->tmpfs[i].target : taken;
	if (run->credential_n && taken)
		config_diags_add(l->diags, a->pos, "LoadCredential=: '%s' is mounted where the "
				 "credentials come", taken);
}

/**
 * config_default_hostname() - the pod's name, where the file says no Hostname=
 *
 * Return: 0 or -ENOMEM.
 */
int config_default_hostname(struct pod_spec *spec)
{
	char hostname[CONFIG_NAME_MAX + 1];

	if (spec->hostname)
		return 0;
	config_hostname_from(spec->name, hostname);
	spec->hostname = strdup(hostname);
	return spec->hostname ? 0 : -ENOMEM;
}

/**
 * config_complete() - what a container is when neither the file nor an image says
 * @c: Entrypoint= goes in front of Exec= here
 *
 * Return: 0 or -ENOMEM.
 */
int config_complete(struct pod_container *c)
{
	char **argv = NULL;
	size_t n = 0;
	int r = 0;

	for (char **s = c->entrypoint; r == 0 && s && *s; s++)
		r = strv_push_copy(&argv, &n, *s);
	for (char **s = c->run.argv; r == 0 && s && *s; s++)
		r = strv_push_copy(&argv, &n, *s);
	if (r == 0 && !c->run.cwd) {
		c->run.cwd = strdup("/");
		r = c->run.cwd ? 0 : -ENOMEM;
	}
	if (r < 0) {
		strv_free(argv);
		return r;
	}
	if (c->stop_signal < 0)
		c->stop_signal = SIGTERM;
	strv_free(c->run.argv);
	c->run.argv = argv;
	return 0;
}

/**
 * config_finish() - complete the spec and check it as a whole
 * @l: all files have been read
 *
 * Return: 0 also when there were faults, which are in the diags; -ENOMEM.
 */
int config_finish(struct loader *l)
{
	struct pod_spec *spec = l->spec;

	check_memory(l, &l->pod, CONFIG_POD, &spec->limits);
	check_restart(l, &l->pod, CONFIG_POD, &l->defaults.restart);
	check_address(l);
	check_sysctls(l);
	if (spec->container_n == 0)
		config_diags_add(l->diags, (struct config_pos){ l->main_file, 1, 1 },
				 "no [Container NAME] section");
	for (size_t i = 0; i < spec->container_n; i++) {
		const struct pod_container *c = &spec->containers[i];

		inherit(l, i);
		check_required(l, i);
		check_pull(l, &l->containers[i], c);
		check_capabilities(l, &l->containers[i], &c->run.capabilities);
		check_credentials(l, &l->containers[i], &c->run);
		check_memory(l, &l->containers[i], CONFIG_CONTAINER, &c->limits);
		check_sets(l, &l->containers[i], &c->limits);
		check_restart(l, &l->containers[i], CONFIG_CONTAINER, &c->restart);
		if (!c->image.name && config_complete(&spec->containers[i]) < 0)
			return -ENOMEM;
	}
	return config_default_hostname(spec);
}
