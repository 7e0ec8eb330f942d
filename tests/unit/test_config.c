/* SPDX-License-Identifier: MIT */
/* config/: the form of pod files, their sections, drop-ins and templates. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/io.h"
#include "config/keys.h"
#include "config/load.h"
#include "config/names.h"
#include "config/reader.h"
#include "config/value.h"
#include "tests/unit/test_config.h"

/* The traps of inih 55, shown on inih itself, so that it is known should it change. */
static int remember(void *arg, const char *section, const char *name, const char *value)
{
	size_t n = strlen(arg);

	snprintf((char *)arg + n, 4096 - n, "[%s]%s=%s\n", section, name, value);
	return 1;
}

static void inih__its_traps__are_there(void **state)
{
	char seen[4096] = "", bytes[512] = "[S]\nk=", *p = bytes + strlen(bytes);

	(void)state;
	memset(p, 'x', 300);
	memcpy(p + 300, "\n", 2);
	assert_int_not_equal(ini_parse_string(bytes, remember, seen), 0);
	assert_true(strlen(seen) < 210);
	seen[0] = '\0';
	ini_parse_string("[S]\ne=sh -c \"a ; b\"\n  more\nk: v=w\n", remember, seen);
	assert_string_equal(seen, "[S]e=sh -c \"a\n[S]e=more\n[S]k=v=w\n");
	seen[0] = '\0';
	ini_parse_string("[a23456789b23456789c23456789d23456789e23456789f23456789]\nk=v\n",
			 remember, seen);
	assert_string_equal(seen, "[a23456789b23456789c23456789d23456789e23456789f234]k=v\n");
}

static void load__line_past_200_bytes__value_whole(void **state)
{
	char bytes[70000] = "[Container c]\nRootfs=/r\nExec=p ", *p = bytes + strlen(bytes);
	struct pod_spec *spec;

	(void)state;
	for (size_t n = 180; n <= 220; n++) {
		memset(p, 'x', n);
		memcpy(p + n, "\nUser=7\n", 9);
		spec = good(bytes);
		assert_int_equal(strlen(spec->containers[0].run.argv[1]), n);
		assert_string_equal(spec->containers[0].run.user, "7");
		pod_spec_free(spec);
	}
	memset(p, 'x', CONFIG_LINE_MAX - strlen("Exec=p "));
	p[CONFIG_LINE_MAX - strlen("Exec=p ")] = '\0';
	pod_spec_free(good(bytes));
	strcat(bytes, "x");
	expect_faults(bytes, strlen(bytes),
		      "f.pod:1:1: container 'c': Exec= is missing\n"
		      "f.pod:3:1: line longer than 65536 bytes\n");
}

static void load__semicolon_in_value__kept(void **state)
{
	struct pod_spec *spec = good("[Pod]\nDescription=a ; b # c\n"
				     "[Container c]\nRootfs=/r\nExec=sh -c \"a ; b\" ; c\n");
	char **argv = spec->containers[0].run.argv;

	(void)state;
	assert_string_equal(spec->description, "a ; b # c");
	assert_string_equal(argv[2], "a ; b");
	assert_string_equal(argv[3], ";");
	assert_string_equal(argv[4], "c");
	assert_null(argv[5]);
	pod_spec_free(spec);
}

static void load__long_section_name__whole(void **state)
{
	char bytes[256], name[CONFIG_NAME_MAX + 2];
	struct pod_spec *spec;

	(void)state;
	memset(name, 'x', sizeof(name));
	name[CONFIG_NAME_MAX] = '\0';
	snprintf(bytes, sizeof(bytes), "[Container %s]\n" NEEDED, name);
	spec = good(bytes);
	assert_string_equal(spec->containers[0].run.name, name);
	pod_spec_free(spec);
}

static void load__indented_and_colon_lines__not_as_inih_reads_them(void **state)
{
	struct pod_spec *spec = good("[Container c]\n  Rootfs = /r\n\tExec\t=\ta b \t\n  User=3\n");

	(void)state;
	assert_string_equal(spec->containers[0].run.lowers[0], "/r");
	assert_string_equal(spec->containers[0].run.argv[1], "b");
	assert_string_equal(spec->containers[0].run.user, "3");
	pod_spec_free(spec);
	expect_faults("[Container c]\n" NEEDED "User: 3\nUser:=3\n", 55,
		      "f.pod:4:1: neither [SECTION] nor KEY=VALUE\n"
		      "f.pod:5:1: unknown key 'User:' in [Container]; did you mean 'User'?\n");
}

static void load__continued_lines__joined_by_a_space(void **state)
{
	struct pod_spec *spec = good("[Container c]\nRootfs=/r\n"
				     "Exec=a \\\n# comment \\\n  b\\\n"
				     "\t; comment\n\"c\\\n d\" \\\\\n"
				     "User=3\\\n\nWorkingDirectory=/w\\\r\n\r\n"
				     "Environment=A=1 \\\nB=2\\");
	char **argv = spec->containers[0].run.argv;

	(void)state;
	assert_string_equal(argv[0], "a");
	assert_string_equal(argv[1], "b");
	assert_string_equal(argv[2], "c d");
	assert_string_equal(argv[3], "\\");
	assert_null(argv[4]);
	assert_string_equal(spec->containers[0].run.user, "3");
	assert_string_equal(spec->containers[0].run.cwd, "/w");
	assert_string_equal(spec->containers[0].run.env[1], "B=2");
	pod_spec_free(spec);
}

static void load__bom_crlf_comments_no_last_newline__fine(void **state)
{
	struct pod_spec *spec = good("\xef\xbb\xbf# c\r\n;[Pod]\r\n\r\n"
				     "[Pod]\r\nDescription=\xc3\xa4\r\n"
				     "[Container c]\r\nRootfs=/r\r\nExec=x");

	(void)state;
	assert_string_equal(spec->description, "\xc3\xa4");
	assert_string_equal(spec->containers[0].run.argv[0], "x");
	pod_spec_free(spec);
}

static void load__faults_of_form__each_at_its_place(void **state)
{
	static const char nul[] = "[Container c]\n" NEEDED "User=a\0b\n";
	static const struct fault faults[] = {
		{ "", "f.pod:1:1: no [Container NAME] section\n" },
		{ "User=1\n[Container c]\n" NEEDED,
		  "f.pod:1:1: KEY=VALUE before the first [SECTION]\n" },
		{ "[Container c]\n" NEEDED "  =x\n", "f.pod:4:3: no key before '='\n" },
		{ "[Container c]\n" NEEDED "User\n",
		  "f.pod:4:1: neither [SECTION] nor KEY=VALUE\n" },
		{ "[Container c]\n" NEEDED "[Pod] # x\n",
		  "f.pod:4:9: ']' expected at the end of a section's line\n" },
		{ "[Container c]\n" NEEDED "# \x1b[m\n", "f.pod:4:3: control character U+001B\n" },
		{ "[Container c]\n" NEEDED "User=\xc2\x85\n",
		  "f.pod:4:6: control character U+0085\n" },
		{ "[Container c]\n" NEEDED "User=\r1\n", "f.pod:4:6: control character U+000D\n" },
		{ "[Container c]\n" NEEDED "User=\xff\n", "f.pod:4:6: byte 0xff is not UTF-8\n" },
		{ "[Container c]\n" NEEDED "User=\xc0\x80\n",
		  "f.pod:4:6: byte 0xc0 is not UTF-8\n" },
		{ "[Container c]\n" NEEDED "User=\xed\xa0\x80\n",
		  "f.pod:4:6: byte 0xed is not UTF-8\n" },
		{ "[Container c]\n" NEEDED "User=\xf4\x90\x80\x80\n",
		  "f.pod:4:6: byte 0xf4 is not UTF-8\n" },
		{ "[Container c]\n" NEEDED "User=\xe2\x82\n",
		  "f.pod:4:6: byte 0xe2 is not UTF-8\n" },
		/* The place in a line that was continued. */
		{ "[Container c]\nRootfs=/r\nExec=a \\\n  b \\\n    \"c\n",
		  "f.pod:5:5: Exec=: quote is not closed\n" },
		/* Each fault of a value. */
		{ "[Container c]\nRootfs=/r\nExec=a \\q \\x \"un\n",
		  "f.pod:3:8: Exec=: unknown escape sequence\n"
		  "f.pod:3:11: Exec=: unknown escape sequence\n"
		  "f.pod:3:14: Exec=: quote is not closed\n" },
		{ "[Container c]\n" NEEDED "Environment=A=\\q 1B=2 C=3\n",
		  "f.pod:4:15: Environment=: unknown escape sequence\n"
		  "f.pod:4:18: Environment=: '1B=2' is no NAME=value\n" },
		{ "[Container c]\n" NEEDED "Volume=a:b:c,ro,d\n",
		  "f.pod:4:8: Volume=: 'a' is no absolute path\n"
		  "f.pod:4:10: Volume=: 'b' is no absolute path\n"
		  "f.pod:4:12: Volume=: option 'c' is none of ro, rw, optional, idmap, noidmap\n"
		  "f.pod:4:17: Volume=: option 'd' is none of ro, rw, optional, idmap, noidmap\n" },
		{ "[Container c]\n" NEEDED "Tmpfs=/x:size=1Q,mode=9,zz\n",
		  "f.pod:4:15: Tmpfs=: '1Q' is no size, such as 64M\n"
		  "f.pod:4:23: Tmpfs=: '9' is no octal mode, such as 0755\n"
		  "f.pod:4:25: Tmpfs=: option 'zz' is none of size=, mode=\n" },
		{ "[Container c]\nExec=a\nRootfs=/r:/s:/r\n",
		  "f.pod:3:14: Rootfs=: '/r' is there twice\n" },
	};

	(void)state;
	expect_all_faults(faults, ARRAY_SIZE(faults));
	expect_faults(nul, sizeof(nul) - 1, "f.pod:4:7: control character U+0000\n");
}

static void load__continued_past_the_limit__told_once(void **state)
{
	static char bytes[CONFIG_LINE_MAX * 2];
	size_t n = (size_t)sprintf(bytes, "[Container c]\n" NEEDED "Environment=");

	(void)state;
	for (int i = 0; i < 3; i++) {
		memset(bytes + n, 'x', 30000);
		n += 30000;
		n += (size_t)sprintf(bytes + n, "\\\n");
	}
	n += (size_t)sprintf(bytes + n, "\nNope=\n");
	expect_faults(bytes, n, "f.pod:6:1: line longer than 65536 bytes\n"
				"f.pod:8:1: unknown key 'Nope' in [Container]\n");
}

static void load__unknown_and_doubled_names__nearest_is_named(void **state)
{
	static const struct fault faults[] = {
		{ "[Container c]\n" NEEDED "MemoryMx=1M\n",
		  "f.pod:4:1: unknown key 'MemoryMx' in [Container]; did you mean 'MemoryMax'?\n" },
		{ "[Container c]\n" NEEDED "rootFS=/\n",
		  "f.pod:4:1: unknown key 'rootFS' in [Container]; did you mean 'Rootfs'?\n" },
		{ "[Container c]\n" NEEDED "Hostname=x\n",
		  "f.pod:4:1: key 'Hostname' belongs in [Pod], not in [Container]\n" },
		{ "[Container c]\n" NEEDED "Zzzzzz=x\n",
		  "f.pod:4:1: unknown key 'Zzzzzz' in [Container]\n" },
		{ "[Contaner c]\nFoo=1\n[Container c]\n" NEEDED,
		  "f.pod:1:1: unknown section 'Contaner'; did you mean 'Container'?\n" },
		{ "[Container c]\n" NEEDED "[Service]\nFoo=1\n",
		  "f.pod:4:1: unknown section 'Service'\n" },
		{ "[Container c]\n" NEEDED "User=1\nUser=2\n",
		  "f.pod:5:1: 'User' is already set on line 4\n" },
		{ "[Container c]\n" NEEDED "User=\nUser=2\n",
		  "f.pod:5:1: 'User' is already set on line 4\n" },
		{ "[Pod]\n[Container c]\n" NEEDED "[Pod]\n",
		  "f.pod:5:1: section [Pod] is already on line 1\n" },
		{ "[Container c]\n" NEEDED "[Container c]\n",
		  "f.pod:4:1: section [Container c] is already on line 1\n" },
		{ "[Pod x]\n[Container c]\n" NEEDED,
		  "f.pod:1:1: [Pod] takes no name, but 'x' was given\n" },
		{ "[Container]\n" NEEDED,
		  "f.pod:1:12: '' is no container name (a-z, 0-9, '-', at most 63 bytes, "
		  "not 'pause')\n" },
		{ "[Container pause]\n" NEEDED,
		  "f.pod:1:12: 'pause' is no container name (a-z, 0-9, '-', at most 63 bytes, "
		  "not 'pause')\n" },
		{ "[Container c]\nExec=x\n",
		  "f.pod:1:1: container 'c': Rootfs= or Image= is missing\n" },
		{ "[Container c]\n" NEEDED "MemoryMax=x\nUser=a b\nCPUWeight=0\n",
		  "f.pod:4:11: MemoryMax=: 'x' is no size, such as 512M or 1.5G\n"
		  "f.pod:5:6: User=: 'a b' is no user name or id\n"
		  "f.pod:6:11: CPUWeight=: '0' is less than 1\n" },
		{ "[Container c]\n" NEEDED "User=%z\n",
		  "f.pod:4:6: unknown specifier '%z' (there are %d, %i, %n, %H and %%)\n" },
		{ "[Container c]\n" NEEDED "User=%i\n",
		  "f.pod:4:6: '%i' in a pod that is no instance of a template\n" },
		/* A specifier does not shift the places after it. */
		{ "[Container c]\n" NEEDED "Volume=/%n/%n/%n:relative\n",
		  "f.pod:4:18: Volume=: 'relative' is no absolute path\n" },
	};

	(void)state;
	expect_all_faults(faults, ARRAY_SIZE(faults));
}

static void load__foreign_sections_and_keys__passed_over(void **state)
{
	struct pod_spec *spec = good("[Unit]\nAfter=x.target\nAfter=y.pod\n[X-Mine]\nFoo=%z\n"
				     "[Install]\nWantedBy=z.pod\n"
				     "[Container c]\nX-Note=%z\n" NEEDED "[X-Mine]\n");

	(void)state;
	assert_int_equal(spec->container_n, 1);
	pod_spec_free(spec);
}

static void load__too_many_faults__rest_is_counted(void **state)
{
	char bytes[4096] = "[Container c]\n" NEEDED, line[256] = "";
	struct config_diags diags = { 0 };
	struct pod_spec *spec;
	size_t i;

	(void)state;
	for (i = 0; i < CONFIG_DIAGS_MAX + 7; i++)
		strcat(bytes, "Nope=\n");
	assert_int_equal(load_bytes(&spec, "f.pod", bytes, strlen(bytes), &diags), -EINVAL);
	for (i = 0; config_diags_line(&diags, i, line, sizeof(line)); i++)
		;
	assert_int_equal(i, CONFIG_DIAGS_MAX + 1);
	assert_string_equal(line, "and 7 more");
	config_diags_done(&diags);
}

static void load__too_many_containers__told_at_the_first_one(void **state)
{
	char bytes[8192] = "";
	size_t n = 0;

	(void)state;
	for (int i = 0; i < POD_CONTAINERS_MAX; i++)
		n += (size_t)sprintf(bytes + n, "[Container c%d]\n" NEEDED, i);
	pod_spec_free(good(bytes));
	n += (size_t)sprintf(bytes + n, "[Container one-more]\nUser=??\n");
	expect_faults(bytes, n, "f.pod:97:12: more than 32 containers\n");
}

static void load__defaults_of_pod__inherited_in_any_order(void **state)
{
	struct pod_spec *spec = good("[Container a]\n" NEEDED "RestartSec=3\nLogMaxFiles=9\n"
				     "[Pod]\nRestartPolicy=never\nRestartSec=2\n"
				     "RestartMaxSec=1min\nLogMaxSize=1M\n"
				     "[Container b]\n" NEEDED "RestartPolicy=on-failure\n");
	const struct pod_container *a = &spec->containers[0], *b = &spec->containers[1];

	(void)state;
	assert_string_equal(a->run.name, "a");
	assert_int_equal(a->restart.policy, RESTART_NEVER);
	assert_int_equal(a->restart.first_ns, 3 * NSEC_PER_SEC);
	assert_int_equal(a->restart.max_ns, 60 * NSEC_PER_SEC);
	assert_int_equal(a->restart.reset_ns, 600 * NSEC_PER_SEC);
	assert_int_equal(a->log.max_bytes, 1 << 20);
	assert_int_equal(a->log.max_files, 9);
	assert_int_equal(b->restart.policy, RESTART_ON_FAILURE);
	assert_int_equal(b->restart.first_ns, 2 * NSEC_PER_SEC);
	assert_int_equal(b->log.max_files, 5);
	pod_spec_free(spec);
}

static void load__nothing_said__defaults(void **state)
{
	struct pod_spec *spec = good("[Container c]\n" NEEDED);
	const struct pod_container *c = &spec->containers[0];

	(void)state;
	assert_string_equal(spec->name, "web");
	assert_string_equal(spec->path, "web.pod");
	assert_string_equal(spec->hostname, "web");
	assert_null(spec->instance);
	assert_null(spec->description);
	assert_int_equal(spec->stop_timeout_ns, 30 * NSEC_PER_SEC);
	assert_false(spec->limits_best_effort);
	assert_true(spec->limits.memory_max_bytes == LIMIT_UNSET);
	assert_true(spec->limits.io_weight == LIMIT_UNSET);
	assert_int_equal(spec->network.mode, NETNS_BRIDGE);
	assert_string_equal(spec->network.bridge, "podd0");
	assert_int_equal(spec->network.subnet, 0x0a4d0000);
	assert_int_equal(spec->network.prefix_len, 22);
	assert_int_equal(spec->network.address, 0);
	assert_null(spec->network.dns);
	assert_int_equal(c->run.writable, CONTAINER_WRITABLE_TMPFS);
	assert_int_equal(c->run.writable_size_bytes, 256 << 20);
	assert_string_equal(c->run.cwd, "/");
	assert_null(c->run.user);
	assert_null(c->run.env);
	assert_int_equal(c->run.volume_n + c->run.tmpfs_n, 0);
	assert_int_equal(c->stop_signal, SIGTERM);
	assert_int_equal(c->restart.policy, RESTART_ALWAYS);
	assert_int_equal(c->restart.first_ns, 10 * NSEC_PER_SEC);
	assert_int_equal(c->restart.max_ns, 300 * NSEC_PER_SEC);
	assert_int_equal(c->restart.reset_ns, 600 * NSEC_PER_SEC);
	assert_int_equal(c->log.max_bytes, 10 << 20);
	assert_int_equal(c->log.max_files, 5);
	assert_true(c->limits.tasks_max == LIMIT_STANDARD && c->limits.cpu_weight == LIMIT_UNSET);
	assert_int_equal(atoi(config_key_find(CONFIG_CONTAINER, "TasksMax")->fallback),
			 CGROUP_TASKS_STANDARD);
	pod_spec_free(spec);
}

static void keys__whole_table__complete_and_unique(void **state)
{
	(void)state;
	for (size_t i = 0; i < CONFIG_KEY_N; i++) {
		const struct config_key *k = &config_keys[i];

		assert_non_null(k->name);
		assert_ptr_equal(config_key_find(k->section, k->name), k);
		assert_true(k->form && k->since && k->size && k->type->parse);
		assert_int_equal(k->about[strlen(k->about) - 1], '.');
		assert_true(!k->list || (k->type->clear && !k->fallback));
		if (k->inherit)
			assert_non_null(config_key_find(CONFIG_POD, k->name)->fallback);
	}
}

static void pod_name__valid_or_not__told_apart(void **state)
{
	static const char *const valid[] = { "a", "9", "web", "Web_1.x-y", "kiosk@left", "a@B.2",
		"a23456789b23456789c23456789d23456789e23456789f23456789g23456789" };
	static const char *const invalid[] = { "", ".a", "-a", "_a", "a b", "a/b", "@a", "a@",
		"a@@b", "a@b@c", "a@.b", "a:b", "\xc3\xa4",
		"a23456789b23456789c23456789d23456789e23456789f23456789g23456789h" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(valid); i++)
		assert_true(config_pod_name_valid(valid[i]));
	for (size_t i = 0; i < ARRAY_SIZE(invalid); i++)
		assert_false(config_pod_name_valid(invalid[i]));
}

static void container_name__valid_or_not__told_apart(void **state)
{
	(void)state;
	assert_true(config_container_name_valid("a") && config_container_name_valid("0-a"));
	assert_true(config_container_name_valid("pause2"));
	assert_false(config_container_name_valid("") || config_container_name_valid("-a"));
	assert_false(config_container_name_valid("a-") || config_container_name_valid("A"));
	assert_false(config_container_name_valid("a.b") || config_container_name_valid("pause"));
}

static void hostname__from_pod_name__made_valid(void **state)
{
	static const char *const pairs[][2] = { { "web", "web" }, { "kiosk@left", "kiosk-left" },
						{ "a_b.c", "a-b-c" }, { "Web_", "Web" } };
	char out[CONFIG_NAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		config_hostname_from(pairs[i][0], out);
		assert_string_equal(out, pairs[i][1]);
		assert_true(config_hostname_valid(out));
	}
}

/* Real files: a directory of our own, entered for the time of the test. */
static int old_cwd;
static char dir[32];

static int enter_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/podd-test-XXXXXX");
	old_cwd = open(".", O_DIRECTORY | O_CLOEXEC);
	return old_cwd >= 0 && mkdtemp(dir) && chdir(dir) == 0 ? 0 : -1;
}

static int leave_dir(void **state)
{
	int r = fchdir(old_cwd);

	(void)state;
	close(old_cwd);
	return r == 0 ? io_remove_tree(AT_FDCWD, dir, NULL) : -1;
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void load__drop_ins__in_byte_order_last_scalar_wins(void **state)
{
	struct config_diags diags = { 0 };
	struct pod_spec *spec;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(mkdir("web.pod.d", 0755), 0);
	write_file("web.pod", "[Container c]\n" NEEDED "User=1\nEnvironment=A=1 B=1\nTmpfs=/run\n"
			      "MemoryMax=1G\n");
	write_file("web.pod.d/10-b.conf", "[Container c]\nUser=3\nMemoryMax=\n"
					  "Environment=B=2 C=%n-%H-%%\n");
	write_file("web.pod.d/10-B.conf", "[Container c]\nUser=2\nTmpfs=\nTmpfs=/tmp\n");
	write_file("web.pod.d/99-new.conf", "[Container d]\n" NEEDED);
	write_file("web.pod.d/.hidden.conf", "garbage");
	write_file("web.pod.d/readme.txt", "garbage");
	assert_int_equal(config_load(&spec, "./web.pod", &env, &diags, &err), 0);
	assert_string_equal(spec->path, "./web.pod");
	assert_int_equal(spec->container_n, 2);
	assert_string_equal(spec->containers[0].run.user, "3");
	assert_string_equal(spec->containers[0].run.env[0], "A=1");
	assert_string_equal(spec->containers[0].run.env[1], "B=2");
	assert_string_equal(spec->containers[0].run.env[2], "C=web-box-%");
	assert_int_equal(spec->containers[0].run.tmpfs_n, 1);
	assert_string_equal(spec->containers[0].run.tmpfs[0].target, "/tmp");
	assert_true(spec->containers[0].limits.memory_max_bytes == LIMIT_UNSET);
	pod_spec_free(spec);
	config_diags_done(&diags);
}

static void load__file_of_the_vendor__drop_ins_of_etc_come_last(void **state)
{
	struct config_diags diags = { 0 };
	struct pod_spec *spec;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(io_mkdir_path(AT_FDCWD, "r/usr/share/podd/web.pod.d", 0755, &err), 0);
	assert_int_equal(io_mkdir_path(AT_FDCWD, "r/etc/podd/web.pod.d", 0755, &err), 0);
	write_file("r/usr/share/podd/web.pod", "[Container c]\n" NEEDED "User=1\n");
	write_file("r/usr/share/podd/web.pod.d/zz.conf", "[Container c]\nUser=2\n");
	write_file("r/etc/podd/web.pod.d/aa.conf", "[Container c]\nUser=3\n");
	assert_int_equal(config_load(&spec, "r/usr/share/podd/web.pod", &env, &diags, &err), 0);
	assert_string_equal(spec->containers[0].run.user, "3");
	pod_spec_free(spec);
	config_diags_done(&diags);
}

static void load__faults_in_drop_ins__name_their_file(void **state)
{
	struct config_diags diags = { 0 };
	struct pod_spec *spec;
	struct err err = { 0 };
	char line[256];

	(void)state;
	assert_int_equal(mkdir("bad.pod.d", 0755), 0);
	write_file("bad.pod", "[Container c]\nRootfs=/r\nExec=/x\nUser=?\n");
	write_file("bad.pod.d/a.conf", "[Container c]\nExec=\nUser=!!\n");
	assert_int_equal(config_load(&spec, "bad.pod", &env, &diags, &err), -EINVAL);
	assert_string_equal(err.msg, "pod file 'bad.pod': 3 errors");
	assert_string_equal(config_diags_line(&diags, 0, line, sizeof(line)),
			    "bad.pod:1:1: container 'c': Exec= is missing");
	assert_string_equal(config_diags_line(&diags, 1, line, sizeof(line)),
			    "bad.pod:4:6: User=: '?' is no user name or id");
	assert_string_equal(config_diags_line(&diags, 2, line, sizeof(line)),
			    "bad.pod.d/a.conf:3:6: User=: '!!' is no user name or id");
	assert_null(config_diags_line(&diags, 3, line, sizeof(line)));
	config_diags_done(&diags);
}

static void load__template__instance_specific_wins(void **state)
{
	struct config_diags diags = { 0 };
	struct pod_spec *spec;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(mkdir("kiosk@.pod.d", 0755), 0);
	assert_int_equal(mkdir("kiosk@left.pod.d", 0755), 0);
	write_file("kiosk@.pod", "[Pod]\nDescription=%i of %n\n[Container c]\n" NEEDED "User=1\n");
	write_file("kiosk@.pod.d/zz.conf", "[Container c]\nUser=2\nEnvironment=SIDE=%i\n");
	write_file("kiosk@left.pod.d/aa.conf", "[Container c]\nUser=3\n");
	write_file("kiosk@own.pod", "[Container o]\n" NEEDED "[Container c]\n" NEEDED);
	assert_int_equal(config_load(&spec, "kiosk@left.pod", &env, &diags, &err), 0);
	assert_string_equal(spec->name, "kiosk@left");
	assert_string_equal(spec->instance, "left");
	assert_string_equal(spec->hostname, "kiosk-left");
	assert_string_equal(spec->description, "left of kiosk@left");
	assert_string_equal(spec->containers[0].run.user, "3");
	assert_string_equal(spec->containers[0].run.env[0], "SIDE=left");
	pod_spec_free(spec);
	assert_int_equal(config_load(&spec, "kiosk@own.pod", &env, &diags, &err), 0);
	assert_string_equal(spec->containers[0].run.name, "o");
	assert_string_equal(spec->containers[1].run.user, "2");
	pod_spec_free(spec);
	assert_int_equal(config_load(&spec, "kiosk@.pod", &env, &diags, &err), -EINVAL);
	assert_string_equal(err.msg, "pod file 'kiosk@.pod' is a template: name an instance of it, "
				     "such as 'kiosk@1.pod'");
	assert_int_equal(config_load(&spec, "none@left.pod", &env, &diags, &err), -ENOENT);
	assert_string_equal(err.msg, "open 'none@.pod': No such file or directory");
	config_diags_done(&diags);
}

static void load__unreadable_files__error_names_them(void **state)
{
	struct config_diags diags = { 0 };
	struct pod_spec *spec;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(config_load(&spec, "no/x.pod", &env, &diags, &err), -ENOENT);
	assert_string_equal(err.msg, "open 'no/x.pod': No such file or directory");
	assert_int_equal(config_load(&spec, "x.conf", &env, &diags, &err), -EINVAL);
	assert_string_equal(err.msg, "pod file 'x.conf': its name does not end in '.pod'");
	assert_int_equal(config_load(&spec, "/etc/.pod", &env, &diags, &err), -EINVAL);
	assert_int_equal(config_load(&spec, "a b.pod", &env, &diags, &err), -EINVAL);
	assert_string_equal(err.msg, "pod file 'a b.pod': 'a b' is no pod name "
				     "(letters, digits, '_.-', at most 63 bytes)");
	assert_int_equal(mkdir("dir.pod", 0755), 0);
	assert_int_equal(config_load(&spec, "dir.pod", &env, &diags, &err), -EINVAL);
	assert_string_equal(err.msg, "'dir.pod' is not a regular file");
	assert_int_equal(mkfifo("fifo.pod", 0644), 0);
	assert_int_equal(config_load(&spec, "fifo.pod", &env, &diags, &err), -EINVAL);
	write_file("big.pod", "");
	assert_int_equal(truncate("big.pod", (off_t)CONFIG_FILE_MAX + 1), 0);
	assert_int_equal(config_load(&spec, "big.pod", &env, &diags, &err), -EFBIG);
	assert_string_equal(err.msg, "'big.pod' is larger than 1048576 bytes");
	assert_int_equal(mkdir("dangling.pod.d", 0755), 0);
	write_file("dangling.pod", "[Container c]\n" NEEDED);
	assert_int_equal(symlink("nowhere", "dangling.pod.d/a.conf"), 0);
	assert_int_equal(config_load(&spec, "dangling.pod", &env, &diags, &err), -ENOENT);
	assert_string_equal(err.msg, "open 'dangling.pod.d/a.conf': No such file or directory");
	write_file("flat.pod", "[Container c]\n" NEEDED);
	write_file("flat.pod.d", "");
	assert_int_equal(config_load(&spec, "flat.pod", &env, &diags, &err), -ENOTDIR);
	assert_int_equal(diags.total, 0);
	config_diags_done(&diags);
}

static void load__odd_host_name__only_told_where_used(void **state)
{
	const struct config_env odd = { .hostname = "a b" };
	struct config_diags diags = { 0 };
	struct pod_spec *spec;
	struct err err = { 0 };
	char line[256];

	(void)state;
	write_file("h.pod", "[Container c]\n" NEEDED);
	assert_int_equal(config_load(&spec, "h.pod", &odd, &diags, &err), 0);
	pod_spec_free(spec);
	assert_int_equal(config_load(&spec, "h.pod", NULL, &diags, &err), 0);
	pod_spec_free(spec);
	write_file("h.pod", "[Container c]\n" NEEDED "Environment=H=%H\n");
	assert_int_equal(config_load(&spec, "h.pod", &odd, &diags, &err), -EINVAL);
	assert_string_equal(err.msg, "pod file 'h.pod': 1 error");
	assert_string_equal(config_diags_line(&diags, 0, line, sizeof(line)),
			    "h.pod:4:15: '%H' on a host whose name is no hostname");
	config_diags_done(&diags);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inih__its_traps__are_there),
		cmocka_unit_test(load__line_past_200_bytes__value_whole),
		cmocka_unit_test(load__semicolon_in_value__kept),
		cmocka_unit_test(load__long_section_name__whole),
		cmocka_unit_test(load__indented_and_colon_lines__not_as_inih_reads_them),
		cmocka_unit_test(load__continued_lines__joined_by_a_space),
		cmocka_unit_test(load__bom_crlf_comments_no_last_newline__fine),
		cmocka_unit_test(load__faults_of_form__each_at_its_place),
		cmocka_unit_test(load__continued_past_the_limit__told_once),
		cmocka_unit_test(load__unknown_and_doubled_names__nearest_is_named),
		cmocka_unit_test(load__foreign_sections_and_keys__passed_over),
		cmocka_unit_test(load__too_many_faults__rest_is_counted),
		cmocka_unit_test(load__too_many_containers__told_at_the_first_one),
		cmocka_unit_test(load__defaults_of_pod__inherited_in_any_order),
		cmocka_unit_test(load__nothing_said__defaults),
		cmocka_unit_test(keys__whole_table__complete_and_unique),
		cmocka_unit_test(pod_name__valid_or_not__told_apart),
		cmocka_unit_test(container_name__valid_or_not__told_apart),
		cmocka_unit_test(hostname__from_pod_name__made_valid),
		cmocka_unit_test(load__drop_ins__in_byte_order_last_scalar_wins),
		cmocka_unit_test(load__faults_in_drop_ins__name_their_file),
		cmocka_unit_test(load__file_of_the_vendor__drop_ins_of_etc_come_last),
		cmocka_unit_test(load__template__instance_specific_wins),
		cmocka_unit_test(load__unreadable_files__error_names_them),
		cmocka_unit_test(load__odd_host_name__only_told_where_used),
	};

	return cmocka_run_group_tests_name("config", tests, enter_dir, leave_dir);
}
