/* SPDX-License-Identifier: MIT */
/* From a key and a container to FILE:LINE:COLUMN. */
#include "supervisor/origin.h"

#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "config/keys.h"
#include "config/load.h"
#include "config/origin.h"

/**
 * origin_container() - put the container's name in front of an error
 * @name: borrowed until origin_tell()
 *
 * Return: @r.
 */
int origin_container(struct err *err, int r, const char *name)
{
	if (err)
		err->of = name;
	return err_wrap(err, r, "container '%s'", name);
}

/* Each assignment of these gives one; of other lists all of them are meant. */
static bool is_counted(const char *key)
{
	return strcmp(key, "Volume") == 0 || strcmp(key, "Device") == 0 ||
	       strcmp(key, "LoadCredential") == 0;
}

static struct config_pos find_pods(const struct config_origins *o, const char *key)
{
	struct config_pos pos = config_origin_of(o, CONFIG_POD, NULL, key);

	return pos.line ? pos : config_origin_of(o, CONFIG_NETWORK, NULL, key);
}

/* In its container's section, or in [Pod], which can say it for all. */
static struct config_pos find_key(const struct config_origins *o, const struct err *err,
				  const char *key)
{
	struct config_pos pos = { 0 };

	if (err->of && is_counted(key))
		return config_origin_nth(o, err->of, key, err->nth);
	if (err->of)
		pos = config_origin_of(o, CONFIG_CONTAINER, err->of, key);
	return pos.line ? pos : find_pods(o, key);
}

/* What the file does not say is in its stead what its image does, or what is in its root;
 * and of a network, what it is otherwise. */
static struct config_pos find(const struct config_origins *o, const struct err *err,
			      const struct pod_spec *spec)
{
	const bool network = config_key_find(CONFIG_NETWORK, err->key);
	const char *const keys[] = { strcmp(err->key, "Exec") == 0 ? "Entrypoint" : err->key,
				     err->key, network ? "Bridge" : "Image",
				     network ? "Mode" : "Rootfs" };
	struct config_pos pos = { 0 };

	if (strcmp(err->key, "Sysctl") == 0)
		pos = config_origin_word(o, NULL, "Sysctl", spec->sysctls[err->nth]);
	for (size_t i = 0; i < ARRAY_SIZE(keys) && !pos.line; i++)
		pos = find_key(o, err, keys[i]);
	return pos;
}

/**
 * origin_tell() - put FILE:LINE:COLUMN in front of an error, where that is known
 * @err: complete; it is about nothing afterwards
 * @spec: whose start failed
 *
 * Return: @r.
 */
int origin_tell(struct err *err, int r, const struct pod_spec *spec)
{
	struct config_diags *diags = err->key ? calloc(1, sizeof(*diags)) : NULL;
	struct config_origins origins = { 0 };
	const struct config_env env = { .origins = &origins };
	struct pod_spec *again = NULL;
	struct config_pos pos = { 0 };

	if (!diags) /* a line is a comfort */
		return r;
	if (config_load(&again, spec->path, &env, diags, NULL) == 0 && again->text == spec->text)
		pos = find(&origins, err, spec);
	if (pos.line)
		(void)err_wrap(err, r, "%s:%u:%u", diags->files[pos.file], pos.line, pos.column);
	err->key = err->of = NULL;
	pod_spec_free(again);
	config_origins_done(&origins);
	config_diags_done(diags);
	free(diags);
	return r;
}
