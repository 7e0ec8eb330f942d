/* SPDX-License-Identifier: MIT */
/* config/: the sections of a pod file that are systemd's, [Unit] and [Install]. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/fd.h"
#include "tests/unit/test_config.h"

static void load__install_section__keys_and_names_are_checked(void **state)
{
	static const struct fault faults[] = {
		{ "[Container c]\n" NEEDED "[Install]\nWantdBy=a.target\n",
		  "f.pod:5:1: unknown key 'WantdBy' in [Install]; did you mean 'WantedBy'?\n" },
		{ "[Container c]\n" NEEDED "[Install]\nWantedBy=a.target %n.pod b \\\n c.pot\n",
		  "f.pod:5:26: WantedBy=: 'b' is no name of a unit\n"
		  "f.pod:6:2: WantedBy=: 'c.pot' is no name of a unit\n" },
		/* All that systemd/ and the generator call their units, and what a plain unit
		 * cannot be called. */
		{ "[Container c]\n" NEEDED "[Install]\nAlias=a.service b.pod-orphan.service\n",
		  "f.pod:5:17: Alias=: 'b.pod-orphan.service' is no other name of a pod's "
		  "service\n" },
		{ "[Container c]\n" NEEDED "[Install]\nAlias=pod@.service pod-orphan@b.service\n",
		  "f.pod:5:7: Alias=: 'pod@.service' is no other name of a pod's service\n"
		  "f.pod:5:20: Alias=: 'pod-orphan@b.service' is no other name of a pod's "
		  "service\n" },
		{ "[Container c]\n" NEEDED "[Install]\nAlias=a.service b.pod.service c.target\n",
		  "f.pod:5:17: Alias=: 'b.pod.service' is no other name of a pod's service\n"
		  "f.pod:5:31: Alias=: 'c.target' is no other name of a pod's service\n" },
		{ "[Container c]\n" NEEDED "[Install]\nDefaultInstance=.a\n",
		  "f.pod:5:17: DefaultInstance=: '.a' is no instance\n" },
		{ "[Container c]\n" NEEDED "[Install]\nDefaultInstance=\"a\"\n",
		  "f.pod:5:17: DefaultInstance=: 'a' is no instance\n" },
		{ "[Container c]\n" NEEDED "[Install]\nWantedBy=%z.target\n",
		  "f.pod:5:10: unknown specifier '%z' (there are %d, %i, %n, %H and %%)\n" },
	};

	(void)state;
	expect_all_faults(faults, ARRAY_SIZE(faults));
	pod_spec_free(good("[Container c]\n" NEEDED "[Install]\nWantedBy=\nX-Note=%z\nRequiredBy="
			   "a.pod dev-x\\x2dy.device\nUpheldBy=a@b.service\nDefaultInstance=a\n"));
}

static void load__unit_section__names_and_booleans_are_checked(void **state)
{
	static const struct fault faults[] = {
		{ "[Unit]\nAfter=a.service,b.service \\\n c\n[Container c]\n" NEEDED,
		  "f.pod:2:7: After=: 'a.service,b.service' is no name of a unit; "
		  "blanks are between names\n"
		  "f.pod:3:2: After=: 'c' is no name of a unit\n" },
		{ "[Unit]\nWants=a.pod \"b.pod c.pod\n[Container c]\n" NEEDED,
		  "f.pod:2:13: Wants=: a quote is not closed\n" },
		{ "[Unit]\nWants=%i,x.service \"a b.service\" @.service\n[Container c]\n" NEEDED,
		  "f.pod:2:7: Wants=: '%i,x.service' is no name of a unit; "
		  "blanks are between names\n"
		  "f.pod:2:20: Wants=: 'a b.service' is no name of a unit\n"
		  "f.pod:2:34: Wants=: '@.service' is no name of a unit\n" },
		{ "[Unit]\nRefuseManualStop=maybe\n[Container c]\n" NEEDED,
		  "f.pod:2:18: RefuseManualStop=: 'maybe' is none of yes, no\n" },
		{ "[Unit]\nStartLimitBurst=abc\nStartLimitIntervalSec=5 parsecs\nJobTimeoutSec=.\n"
		  "[Container c]\n" NEEDED,
		  "f.pod:2:17: StartLimitBurst=: 'abc' is no number up to 4294967295\n"
		  "f.pod:3:23: StartLimitIntervalSec=: '5 parsecs' is no time, "
		  "such as 20s, 5min or infinity\n"
		  "f.pod:4:15: JobTimeoutSec=: '.' is no time, such as 20s, 5min or infinity\n" },
		{ "[Unit]\nStartLimitBurst=4294967296\nStartLimitIntervalSec=5.s\n"
		  "JobTimeoutSec=600000y\nSuccessActionExitStatus=256\n"
		  "RequiresMountsFor=/a %h/b mnt\nWantsMountsFor=/a/../b %%h\n"
		  "JobRunningTimeoutSec=+.5\n"
		  "[Container c]\n" NEEDED,
		  "f.pod:2:17: StartLimitBurst=: '4294967296' is no number up to 4294967295\n"
		  "f.pod:3:23: StartLimitIntervalSec=: '5.s' is no time, "
		  "such as 20s, 5min or infinity\n"
		  "f.pod:4:15: JobTimeoutSec=: '600000y' is no time, "
		  "such as 20s, 5min or infinity\n"
		  "f.pod:5:25: SuccessActionExitStatus=: '256' is no number up to 255\n"
		  "f.pod:6:27: RequiresMountsFor=: 'mnt' is no absolute path\n"
		  "f.pod:7:16: WantsMountsFor=: '/a/../b' is no absolute path without '..'\n"
		  "f.pod:7:24: WantsMountsFor=: '%%h' is no absolute path\n"
		  "f.pod:8:22: JobRunningTimeoutSec=: '+.5' is no time, "
		  "such as 20s, 5min or infinity\n" },
		{ "[Unit]\nDescription=a%%i %i\n[Container c]\n" NEEDED,
		  "f.pod:2:18: '%i' in a pod that is no instance of a template\n" },
		{ "[Unit]\nAfter=a.pod\n[Container c]\n" NEEDED "[Unit]\n[Install]\n[Install]\n",
		  "f.pod:6:1: section [Unit] is already on line 1\n"
		  "f.pod:8:1: section [Install] is already on line 7\n" },
		{ "[Unit]\nAftr=a.pod\nAfter=x\n[Container c]\n" NEEDED, /* errors come first */
		  "f.pod:3:7: After=: 'x' is no name of a unit\n"
		  "f.pod:2:1: warning: unknown key 'Aftr' in [Unit]; did you mean 'After'?\n" },
	};

	(void)state;
	expect_all_faults(faults, ARRAY_SIZE(faults));
}

static void load__unit_section__what_systemd_takes_is_good(void **state)
{
	(void)state;
	pod_spec_free(good("[Unit]\nAfter=\n"
			   "Before=\"a.pod\" 'b.service' c%n.target %j dev-x\\x2dy.device\n"
			   "Wants=a@b.service x@.service\nAllowIsolate=Y\n"
			   "ConditionHost=x\nX-Mine=,\n"
			   "Description=a, b\nStartLimitBurst=\n"
			   "StartLimitIntervalSec=5min 20.5s 1h\n"
			   "JobTimeoutSec=infinity\nFailureActionExitStatus=0xff\n"
			   "StartLimitBurst=+4294967295\n"
			   "JobRunningTimeoutSec=.5h 3 18446744073709us +5s+1 .5\n"
			   "SuccessActionExitStatus=0b11\n"
			   "RequiresMountsFor=/srv/a '/b c' %S/x\n[Container c]\n" NEEDED));
}

static void load__unit_section__unknown_keys_are_warnings(void **state)
{
	static const char file[] =
		"[Unit]\nConditionPathExist=/x\nAssertNope=y\n[Container c]\n" NEEDED;
	struct config_diags diags = { 0 };
	struct pod_spec *spec = NULL;
	char line[256], many[4096] = "[Container c]\n" NEEDED "[Unit]\n";

	(void)state;
	assert_int_equal(load_bytes(&spec, "f.pod", file, strlen(file), &diags), 0);
	assert_string_equal(config_diags_line(&diags, 0, line, sizeof(line)),
			    "f.pod:2:1: warning: unknown key 'ConditionPathExist' in [Unit]; "
			    "did you mean 'ConditionPathExists'?");
	assert_string_equal(config_diags_line(&diags, 1, line, sizeof(line)),
			    "f.pod:3:1: warning: unknown key 'AssertNope' in [Unit]");
	assert_null(config_diags_line(&diags, 2, line, sizeof(line)));
	pod_spec_free(spec);
	config_diags_done(&diags);
	/* They take no error its place. */
	for (size_t i = 0; i < CONFIG_DIAGS_MAX + 7; i++)
		strcat(many, "Nope=\n");
	strcat(many, "[Pod]\nNope=\n");
	assert_int_equal(load_bytes(&spec, "f.pod", many, strlen(many), &diags), -EINVAL);
	assert_int_equal(diags.warning_n, CONFIG_WARNINGS_MAX);
	assert_non_null(strstr(config_diags_line(&diags, 0, line, sizeof(line)),
			       "'Nope' in [Pod]"));
	assert_null(config_diags_line(&diags, 1 + CONFIG_WARNINGS_MAX, line, sizeof(line)));
	config_diags_done(&diags);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(load__install_section__keys_and_names_are_checked),
		cmocka_unit_test(load__unit_section__names_and_booleans_are_checked),
		cmocka_unit_test(load__unit_section__what_systemd_takes_is_good),
		cmocka_unit_test(load__unit_section__unknown_keys_are_warnings),
	};

	return cmocka_run_group_tests_name("config_unit", tests, NULL, NULL);
}
