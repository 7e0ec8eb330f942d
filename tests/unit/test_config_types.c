/* SPDX-License-Identifier: MIT */
/* config/: each type of value, its bounds, and what is said about bad ones. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <linux/capability.h>

#include "base/capability.h"
#include "base/clock.h"
#include "base/fd.h"
#include "config/load.h"
#include "config/signal.h"
#include "container/container.h"
#include "tests/unit/test_config_line.h"

struct number {
	const char *assignment;
	size_t offset, size; /* in struct pod_container */
	uint64_t expected;
};
#define AT(m) offsetof(struct pod_container, m), sizeof(((struct pod_container *)0)->m)

static void expect_numbers(const struct number *numbers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct pod_spec *spec = good(2, numbers[i].assignment);
		const char *member = (char *)&spec->containers[0] + numbers[i].offset;
		uint64_t value = 0;

		memcpy(&value, member, numbers[i].size); /* little endian, as all we build for */
		if (value != numbers[i].expected)
			fail_msg("%s gives %ju", numbers[i].assignment, (uintmax_t)value);
		pod_spec_free(spec);
	}
}

static void limit__each_way_to_write_it__value(void **state)
{
	static const struct number numbers[] = {
		{ "MemoryHigh=4096", AT(limits.memory_high_bytes), 4096 },
		{ "MemoryHigh=1", AT(limits.memory_high_bytes), 1 },
		{ "MemoryMax=64K", AT(limits.memory_max_bytes), 65536 },
		{ "MemoryMax=512M", AT(limits.memory_max_bytes), 512 * MIB },
		{ "MemoryMax=512 M", AT(limits.memory_max_bytes), 512 * MIB },
		{ "MemoryMax=1.5G", AT(limits.memory_max_bytes), 1536 * MIB },
		{ "MemoryMax=2T", AT(limits.memory_max_bytes), 2 * MIB * MIB },
		{ "MemoryHigh=0.3K", AT(limits.memory_high_bytes), 307 },
		{ "MemoryHigh=1.9999999999999999999", AT(limits.memory_high_bytes), 1 },
		{ "MemoryMax=16777215T", AT(limits.memory_max_bytes), 16777215 * MIB * MIB },
		{ "MemoryMax=18446744073709551613", AT(limits.memory_max_bytes), UINT64_MAX - 2 },
		{ "MemoryMax=infinity", AT(limits.memory_max_bytes), LIMIT_MAX },
		{ "MemoryMax=", AT(limits.memory_max_bytes), LIMIT_UNSET },
		{ "MemoryHigh=1M", AT(limits.memory_high_bytes), MIB },
		{ "CPUQuota=150%", AT(limits.cpu_quota_usec), 1500000 },
		{ "CPUQuota=12.5%", AT(limits.cpu_quota_usec), 125000 },
		{ "CPUQuota=1%", AT(limits.cpu_quota_usec), 10000 },
		{ "CPUQuota=1000000%", AT(limits.cpu_quota_usec), UINT64_C(10000000000) },
		{ "CPUQuota=infinity", AT(limits.cpu_quota_usec), LIMIT_MAX },
		{ "CPUWeight=1", AT(limits.cpu_weight), 1 },
		{ "CPUWeight=10000", AT(limits.cpu_weight), 10000 },
		{ "IOWeight=100", AT(limits.io_weight), 100 },
		{ "TasksMax=64", AT(limits.tasks_max), 64 },
		{ "TasksMax=infinity", AT(limits.tasks_max), LIMIT_MAX },
	};

	(void)state;
	expect_numbers(numbers, ARRAY_SIZE(numbers));
}

static void time__each_way_to_write_it__value(void **state)
{
	static const struct number numbers[] = {
		{ "RestartSec=0", AT(restart.first_ns), 0 },
		{ "RestartSec=7", AT(restart.first_ns), 7 * SEC },
		{ "RestartSec=500ms", AT(restart.first_ns), SEC / 2 },
		{ "RestartSec=1.5", AT(restart.first_ns), 3 * SEC / 2 },
		{ "RestartSec=1min 30s", AT(restart.first_ns), 90 * SEC },
		{ "RestartSec=1min30s", AT(restart.first_ns), 90 * SEC },
		{ "RestartSec=1 min 30", AT(restart.first_ns), 90 * SEC },
		{ "RestartSec=3us 2ns", AT(restart.first_ns), 3002 },
		{ "RestartResetSec=1y", AT(restart.reset_ns), 31557600 * SEC },
		{ "RestartResetSec=2h 1d 1w 1M", AT(restart.reset_ns),
		  (7200 + 86400 + 604800 + 2629800) * SEC },
		{ "RestartResetSec=1s", AT(restart.reset_ns), SEC },
		{ "RestartResetSec=infinity", AT(restart.reset_ns), UINT64_MAX },
	};

	(void)state;
	expect_numbers(numbers, ARRAY_SIZE(numbers));
}

static void setting__each_way_to_write_it__value(void **state)
{
	static const struct number numbers[] = {
		{ "RestartPolicy=never", AT(restart.policy), RESTART_NEVER },
		{ "RestartPolicy=on-failure", AT(restart.policy), RESTART_ON_FAILURE },
		{ "LogMaxSize=1K", AT(log.max_bytes), 1024 },
		{ "LogMaxSize=infinity", AT(log.max_bytes), UINT64_MAX },
		{ "LogMaxFiles=1", AT(log.max_files), 1 },
		{ "LogMaxFiles=1000", AT(log.max_files), 1000 },
		{ "LogDriver=file", AT(log.driver), LOG_FILE },
		{ "LogDriver=journald", AT(log.driver), LOG_JOURNALD },
		{ "LogDriver=both", AT(log.driver), LOG_BOTH },
		{ "LogDriver=passthrough", AT(log.driver), LOG_PASSTHROUGH },
		{ "LogRateLimitIntervalSec=1min", AT(log.rate_interval_ns), 60 * SEC },
		{ "LogRateLimitIntervalSec=0", AT(log.rate_interval_ns), 0 },
		{ "LogRateLimitBurst=0", AT(log.rate_burst), 0 },
		{ "Writable=yes", AT(run.writable), CONTAINER_WRITABLE_DISK },
		{ "Writable=no", AT(run.writable), CONTAINER_WRITABLE_NO },
		{ "WritableSize=4K", AT(run.writable_size_bytes), 4096 },
		{ "StopSignal=SIGQUIT", AT(stop_signal), SIGQUIT },
		{ "StopSignal=RTMIN+3", AT(stop_signal), 37 },
	};

	(void)state;
	expect_numbers(numbers, ARRAY_SIZE(numbers));
}

static void number__bad__said_why(void **state)
{
	static const struct fault faults[] = {
		{ 2, "MemoryMax=512Q", "14: MemoryMax=: '512Q' is no size, such as 512M or 1.5G" },
		{ 2, "MemoryMax=M", "11: MemoryMax=: 'M' is no size, such as 512M or 1.5G" },
		{ 2, "MemoryMax=-1", "11: MemoryMax=: '-1' is no size, such as 512M or 1.5G" },
		{ 2, "MemoryMax=1.", "11: MemoryMax=: '1.' is no size, such as 512M or 1.5G" },
		{ 2, "MemoryMax=1m", "12: MemoryMax=: '1m' is no size, such as 512M or 1.5G" },
		{ 2, "MemoryMax=1G 1M",
		  "13: MemoryMax=: '1G 1M' is no size, such as 512M or 1.5G" },
		{ 2, "MemoryMax=0", "11: MemoryMax=: '0' is less than 64K" },
		{ 2, "MemoryMax=16777216T",
		  "11: MemoryMax=: '16777216T' is more than can be counted" },
		{ 2, "MemoryMax=18446744073709551614",
		  "11: MemoryMax=: '18446744073709551614' is more than can be counted" },
		{ 2, "MemoryMax=99999999999999999999999999999",
		  "11: MemoryMax=: '99999999999999999999999999999' is more than can be counted" },
		{ 2, "WritableSize=4095", "14: WritableSize=: '4095' is less than 4K" },
		{ 2, "WritableSize=infinity",
		  "14: WritableSize=: must have an end, not 'infinity'" },
		{ 2, "LogMaxSize=1023", "12: LogMaxSize=: '1023' is less than 1K" },
		{ 2, "LogMaxFiles=0", "13: LogMaxFiles=: '0' is less than 1" },
		{ 2, "LogMaxFiles=1001", "13: LogMaxFiles=: '1001' is more than 1000" },
		{ 2, "LogDriver=syslog",
		  "11: LogDriver=: 'syslog' is none of file, journald, both, passthrough" },
		{ 2, "LogRateLimitBurst=-1", "19: LogRateLimitBurst=: '-1' is no whole number" },
		{ 2, "LogMaxFiles=1.5", "13: LogMaxFiles=: '1.5' is no whole number" },
		{ 2, "CPUWeight=10001", "11: CPUWeight=: '10001' is more than 10000" },
		{ 2, "CPUWeight=infinity", "11: CPUWeight=: must have an end, not 'infinity'" },
		{ 2, "MemoryMax=1K", "11: MemoryMax=: '1K' is less than 64K" },
		{ 2, "IOWeight=0", "10: IOWeight=: '0' is less than 1" },
		{ 2, "TasksMax=0", "10: TasksMax=: '0' is less than 1" },
		{ 0, "TasksMax=1", "10: TasksMax=: '1' is less than 2" }, /* the pause is one */
		{ 2, "CPUQuota=50", "12: CPUQuota=: '50' is no percentage, such as 50% or 150%" },
		{ 2, "CPUQuota=0.99%", "10: CPUQuota=: '0.99%' is less than 1%" },
		{ 2, "CPUQuota=1000001%", "10: CPUQuota=: '1000001%' is more than 1000000%" },
		{ 2, "RestartSec=5 parsecs",
		  "14: RestartSec=: '5 parsecs' is no duration, such as 10s or 1min 30s" },
		{ 2, "RestartSec=1min,2s",
		  "16: RestartSec=: '1min,2s' is no duration, such as 10s or 1min 30s" },
		{ 2, "RestartSec=infinity", "12: RestartSec=: must have an end, not 'infinity'" },
		{ 2, "RestartMaxSec=1y 1ns", "15: RestartMaxSec=: '1y 1ns' is more than 1y" },
		{ 2, "RestartMaxSec=600y", "15: RestartMaxSec=: '600y' is more than 1y" },
		{ 2, "RestartMaxSec=400y 400y", "15: RestartMaxSec=: '400y 400y' is more than 1y" },
		{ 2, "RestartResetSec=999ms", "17: RestartResetSec=: '999ms' is less than 1s" },
		{ 0, "TimeoutStopSec=infinity",
		  "16: TimeoutStopSec=: must have an end, not 'infinity'" },
		{ 0, "Limits=maybe", "8: Limits=: 'maybe' is none of strict, best-effort" },
		{ 0, "RestartPolicy=Always",
		  "15: RestartPolicy=: 'Always' is none of always, on-failure, never" },
		{ 2, "Writable=true", "10: Writable=: 'true' is none of tmpfs, yes, no" },
		{ 2, "StopSignal=SIGNOPE",
		  "12: StopSignal=: 'SIGNOPE' is no signal, such as SIGTERM, RTMIN+3 or 15" },
	};

	(void)state;
	expect_faults(faults, ARRAY_SIZE(faults));
}

static void signal_parse__names_and_numbers__both_ways(void **state)
{
	static const struct { const char *text; int number; const char *name; } signals[] = {
		{ "SIGTERM", SIGTERM, "SIGTERM" }, { "KILL", SIGKILL, "SIGKILL" }, { "1", 1,
		  "SIGHUP" },
		{ "31", 31, "SIGSYS" }, { "RTMIN", 34, "SIGRTMIN+0" }, { "SIGRTMIN+3", 37,
		  "SIGRTMIN+3" },
		{ "RTMAX", 64, "SIGRTMIN+30" }, { "SIGRTMAX-30", 34, "SIGRTMIN+0" },
		{ "64", 64, "SIGRTMIN+30" }, { "33", 33, "33" },
	};
	static const char *const bad[] = { "", "0", "65", "-1", "term", "SIG", "SIGSIGTERM",
					   "RTMIN+31", "RTMAX-31", "RTMIN-1", "RTMIN+", "RTMINX",
					   "15 ", "4294967297" };
	char buf[SIGNAL_NAME_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		assert_int_equal(signal_parse(signals[i].text), signals[i].number);
		assert_string_equal(signal_name(signals[i].number, buf), signals[i].name);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(signal_parse(bad[i]), -EINVAL);
	assert_string_equal(signal_name(0, buf), "0");
}

#define WORDS_MAX 6

static void exec__quoted_as_in_systemd__words(void **state)
{
	static const struct { const char *assignment, *words[WORDS_MAX]; } lines[] = {
		{ "Exec=a b\t c ", { "a", "b", "c" } },
		{ "Exec=nginx -g \"daemon off;\"", { "nginx", "-g", "daemon off;" } },
		{ "Exec=a 'b \"c\"' \"d 'e'\"", { "a", "b \"c\"", "d 'e'" } },
		{ "Exec=a \"\" ''", { "a", "", "" } },
		{ "Exec=a --x=\"b c\"d'e f'", { "a", "--x=b cde f" } },
		{ "Exec=a \\a\\b\\f\\n\\r\\t\\v\\\\\\\"\\'\\s", { "a", "\a\b\f\n\r\t\v\\\"' " } },
		{ "Exec=a '\\n\\'' \"\\x41\\\"\"", { "a", "\n'", "A\"" } },
		{ "Exec=a\\sb \\x20 \\040\\101", { "a b", " ", " A" } },
		{ "Exec=a \\u00e4 \\U0001F600 \\u20ac \\u0041", { "a", "\xc3\xa4",
		  "\xf0\x9f\x98\x80", "\xe2\x82\xac", "A" } },
		{ "Exec=a \\xff\\377", { "a", "\xff\xff" } },
		{ "Exec=a $HOME ${X} `b` * ~ #c ;", { "a", "$HOME", "${X}", "`b`", "*", "~" } },
		{ "Exec=a 100%% \\x25n %n %", { "a", "100%", "%n", "f", "%" } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct pod_spec *spec = good(2, lines[i].assignment);

		for (size_t w = 0; w < WORDS_MAX && lines[i].words[w]; w++)
			assert_string_equal(spec->containers[0].run.argv[w], lines[i].words[w]);
		if (!lines[i].words[WORDS_MAX - 1])
			for (size_t w = 0; w <= WORDS_MAX; w++)
				if (!lines[i].words[w]) {
					assert_null(spec->containers[0].run.argv[w]);
					break;
				}
		pod_spec_free(spec);
	}
}

static void environment__assignments__added_and_replaced(void **state)
{
	struct pod_spec *spec = good(2, "Environment=A=1 \"B=two words\" _c9= A=3=4 \n"
				     "Environment='D=\\n' B=\n"
				     "Environment=E=1 F=1 G=1 H=1 I=1");
	static const char *const expected[] = { "A=3=4", "B=", "_c9=", "D=\n", "E=1", "F=1", "G=1",
						"H=1", "I=1" };
	char **env = spec->containers[0].run.env;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		assert_string_equal(env[i], expected[i]);
	assert_null(env[ARRAY_SIZE(expected)]);
	pod_spec_free(spec);
	spec = good(2, "Environment=A=1\nEnvironment=\nEnvironment=B=1");
	assert_string_equal(spec->containers[0].run.env[0], "B=1");
	assert_null(spec->containers[0].run.env[1]);
	pod_spec_free(spec);
}

static void words__bad__said_where(void **state)
{
	static const struct fault faults[] = {
		{ 2, "Exec=a \"b", "8: Exec=: quote is not closed" },
		{ 2, "Exec=a b'c", "9: Exec=: quote is not closed" },
		{ 2, "Exec=a \\q", "8: Exec=: unknown escape sequence" },
		{ 2, "Exec=a \\x0g", "8: Exec=: unknown escape sequence" },
		{ 2, "Exec=a \\x00", "8: Exec=: unknown escape sequence" },
		{ 2, "Exec=a \\u0000", "8: Exec=: unknown escape sequence" },
		{ 2, "Exec=a \\ud800", "8: Exec=: unknown escape sequence" },
		{ 2, "Exec=a \\U00110000", "8: Exec=: unknown escape sequence" },
		{ 2, "Exec=a \\400", "8: Exec=: unknown escape sequence" },
		{ 2, "Exec=a \\04", "8: Exec=: unknown escape sequence" },
		{ 2, "Exec=a \\ ", "8: Exec=: unknown escape sequence" },
		{ 2, "Exec=\"\" a", "6: Exec=: the program's name is empty" },
		{ 2, "Environment=A=1 B", "17: Environment=: 'B' is no NAME=value" },
		{ 2, "Environment==1", "13: Environment=: '=1' is no NAME=value" },
		{ 2, "Environment=1A=1", "13: Environment=: '1A=1' is no NAME=value" },
		{ 2, "Environment=A=1 \"A B=1\"",
		  "17: Environment=: '\"A B=1\"' is no NAME=value" },
		{ 2, "Environment=\\x1b[m", "13: Environment=: '\\x1b[m' is no NAME=value" },
	};

	(void)state;
	expect_faults(faults, ARRAY_SIZE(faults));
}

static void paths__good__cleaned_and_split(void **state)
{
	struct pod_spec *spec = good(2, "Rootfs=/a//b/:/:/c d");
	const struct container_spec *run = &spec->containers[0].run;

	(void)state;
	assert_string_equal(run->lowers[0], "/a/b");
	assert_string_equal(run->lowers[1], "/");
	assert_string_equal(run->lowers[2], "/c d");
	assert_null(run->lowers[3]);
	pod_spec_free(spec);

	spec = good(2, "Volume=/a:/b\nVolume=/a/:/c/:ro\nVolume=/a:/d:rw,optional\n"
		       "Volume=/...:/..e:optional\n"
		       "Tmpfs=/run\nTmpfs=/tmp/:size=1.5M,mode=0755\nWorkingDirectory=//w");
	run = &spec->containers[0].run;
	assert_int_equal(run->volume_n, 4);
	assert_string_equal(run->volumes[1].source, "/a");
	assert_string_equal(run->volumes[1].target, "/c");
	assert_true(run->volumes[1].read_only && !run->volumes[1].optional);
	assert_true(!run->volumes[0].read_only && !run->volumes[2].read_only);
	assert_true(run->volumes[2].optional);
	assert_string_equal(run->volumes[3].source, "/...");
	assert_string_equal(run->volumes[3].target, "/..e");
	assert_true(run->volumes[3].optional);
	assert_int_equal(run->tmpfs_n, 2);
	assert_int_equal(run->tmpfs[0].mode, 01777);
	assert_int_equal(run->tmpfs[0].size_bytes, 0);
	assert_string_equal(run->tmpfs[1].target, "/tmp");
	assert_int_equal(run->tmpfs[1].mode, 0755);
	assert_int_equal(run->tmpfs[1].size_bytes, 3 * MIB / 2);
	assert_string_equal(run->cwd, "/w");
	pod_spec_free(spec);
}

static void paths__from_dot__below_the_directory_of_the_file(void **state)
{
	struct pod_spec *spec = good(2, "Rootfs=./a//b:/\nVolume=./c/:/c");
	const struct container_spec *run = &spec->containers[0].run;
	char *here = realpath(".", NULL), want[PATH_MAX + 8];

	(void)state;
	assert_non_null(here);
	snprintf(want, sizeof(want), "%s/a/b", here);
	assert_string_equal(run->lowers[0], want);
	assert_string_equal(run->lowers[1], "/");
	snprintf(want, sizeof(want), "%s/c", here);
	assert_string_equal(run->volumes[0].source, want);
	free(here);
	pod_spec_free(spec);
}

static void paths__bad__said_where(void **state)
{
	static const struct fault faults[] = {
		{ 2, "Rootfs=srv/x", "8: Rootfs=: 'srv/x' is no absolute path" },
		{ 2, "Rootfs=/a:./b/../c", "15: Rootfs=: '..' in a path" },
		{ 2, "WorkingDirectory=./a", "18: WorkingDirectory=: './a' is no absolute path" },
		{ 2, "Rootfs=/a::/b", "11: Rootfs=: '' is no absolute path" },
		{ 2, "Rootfs=/a:/b/../c", "14: Rootfs=: '..' in a path" },
		{ 2, "WorkingDirectory=/a/./b", "21: WorkingDirectory=: '.' in a path" },
		{ 2, "Volume=/a", "8: Volume=: '/a' is not SOURCE:TARGET" },
		{ 2, "Volume=/a:", "11: Volume=: '' is no absolute path" },
		{ 2, "Volume=a:/b", "8: Volume=: 'a' is no absolute path" },
		{ 2, "Volume=/a:/b:rw,rx",
		  "17: Volume=: option 'rx' is none of ro, rw, optional, idmap, noidmap" },
		{ 2, "Volume=/a:/b:",
		  "14: Volume=: option '' is none of ro, rw, optional, idmap, noidmap" },
		{ 2, "Volume=/a:/", "11: Volume=: the root itself cannot be mounted over" },
		{ 2, "Tmpfs=run", "7: Tmpfs=: 'run' is no absolute path" },
		{ 2, "Tmpfs=/run:size=0", "17: Tmpfs=: '0' is no size, such as 64M" },
		{ 2, "Tmpfs=/run:size=1M,mode=999",
		  "25: Tmpfs=: '999' is no octal mode, such as 0755" },
		{ 2, "Tmpfs=/run:mode=10000",
		  "17: Tmpfs=: '10000' is no octal mode, such as 0755" },
		{ 2, "Tmpfs=/run:noexec", "12: Tmpfs=: option 'noexec' is none of size=, mode=" },
		{ 2, "SeccompProfile=defaults",
		  "16: SeccompProfile=: 'defaults' is none of default, "
		  "unconfined, /FILE, ./FILE, audit:FILE" },
		{ 2, "SeccompProfile=audit:default",
		  "22: SeccompProfile=: 'default' is none of default, "
		  "unconfined, /FILE, ./FILE, audit:FILE" },
		{ 2, "SeccompProfile=/a/../b", "19: SeccompProfile=: '..' in a path" },
		{ 2, "AddCapability=KILL NET_RAV",
		  "20: AddCapability=: 'NET_RAV' is no capability; did you mean 'NET_RAW'?" },
		{ 2, "DropCapability=CAP_zzz", "16: DropCapability=: 'CAP_zzz' is no capability, "
		  "such as NET_RAW, and not 'all'" },
		{ 2, "DropCapability=KILL\nAddCapability=NET_RAW KILL",
		  "1: CAP_KILL is in AddCapability= and in DropCapability=" },
		{ 2, "DropCapability=all\nAddCapability=all",
		  "1: 'all' is in AddCapability= and in DropCapability=" },
	};
	struct pod_spec *spec;
	char fault[512];

	(void)state;
	expect_faults(faults, ARRAY_SIZE(faults));
	load_line(&spec, 2, "Volume=/a:/b\nVolume=/c:/b/", fault, sizeof(fault));
	assert_string_equal(fault, "f.pod:3:11: Volume=: '/b' is already a volume");
	load_line(&spec, 2, "Tmpfs=/b\nVolume=/c:/b", fault, sizeof(fault));
	assert_string_equal(fault, "f.pod:3:11: Volume=: '/b' is already a tmpfs");
}

static void sysctl__several_ways__one_of_each_name(void **state)
{
	static const char *const expected[] = { "net.core.somaxconn=3", "kernel.sem=1 2 3 4" };
	static const struct fault faults[] = {
		{ 0, "Sysctl=net.core.x=1 vm.x=1",
		  "21: Sysctl=: 'vm.x' is not the pod's own: net.*, fs.mqueue.*, kernel.shm*, "
		  "kernel.msg* and kernel.sem are" },
		{ 0, "Sysctl=net.core.x=a/b",
		  "8: Sysctl=: the value of 'net.core.x' has other characters "
		  "than letters, digits, blanks and _-.,:" },
		{ 0, "Sysctl==1", "8: Sysctl=: '=1' is no NAME=VALUE" },
		{ 0, "Sysctl=kernel.domainname=x", "8: Sysctl=: 'kernel.domainname' cannot be set: "
		  "no NIS domain; Hostname= takes a name with dots" },
	};
	struct pod_spec *spec = good(0, "Sysctl=net.core.somaxconn=1 'kernel.sem=1 2 3 4'\n"
				     "Sysctl=net.core.somaxconn=3");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		assert_string_equal(spec->sysctls[i], expected[i]);
	assert_null(spec->sysctls[ARRAY_SIZE(expected)]);
	pod_spec_free(spec);
	spec = good(0, "Sysctl=net.core.somaxconn=1\nSysctl=");
	assert_null(spec->sysctls);
	pod_spec_free(spec);
	expect_faults(faults, ARRAY_SIZE(faults));
}

static void rlimit__each_way_to_write_it__soft_and_hard(void **state)
{
	static const struct {
		const char *line;
		int resource;
		uint64_t soft, hard;
	} rows[] = {
		{ "LimitNOFILE=4096", RLIMIT_NOFILE, 4096, 4096 },
		{ "LimitNOFILE=1024:4096", RLIMIT_NOFILE, 1024, 4096 },
		{ "LimitCORE=0:infinity", RLIMIT_CORE, 0, RLIM_INFINITY },
		{ "LimitMEMLOCK=infinity", RLIMIT_MEMLOCK, RLIM_INFINITY, RLIM_INFINITY },
		{ "LimitAS=1.5G", RLIMIT_AS, 1536 * MIB, 1536 * MIB },
		{ "LimitCPU=1500ms:1min 1s", RLIMIT_CPU, 2, 61 },
		{ "LimitNPROC=0", RLIMIT_NPROC, 0, 0 },
	};
	static const struct fault faults[] = {
		{ 2, "LimitNOFILE=2:1", "13: LimitNOFILE=: the soft limit is above the hard one" },
		{ 2, "LimitNOFILE=infinity:1",
		  "13: LimitNOFILE=: the soft limit is above the hard one" },
		{ 2, "LimitNOFILE=1:", "15: LimitNOFILE=: '' is no whole number" },
		{ 2, "LimitNOFILE=1:2:3", "15: LimitNOFILE=: '2:3' is no whole number" },
		{ 2, "LimitNOFILE=-1", "13: LimitNOFILE=: '-1' is no whole number" },
		{ 2, "LimitNOFILE=1K", "13: LimitNOFILE=: '1K' is no whole number" },
		{ 2, "LimitNPROC=99999999999999999999",
		  "12: LimitNPROC=: '99999999999999999999' is more than can be counted" },
		{ 2, "LimitCORE=x", "11: LimitCORE=: 'x' is no size, such as 512M" },
		{ 2, "LimitCPU=1 x", "10: LimitCPU=: '1 x' is no duration, such as 10s" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct pod_spec *spec = good(2, rows[i].line);
		const struct container_rlimit *all = spec->containers[0].run.rlimits;

		for (int k = 0; k < CONTAINER_RLIMIT_N; k++)
			assert_int_equal(all[k].said, k == rows[i].resource);
		assert_int_equal(all[rows[i].resource].soft, rows[i].soft);
		assert_int_equal(all[rows[i].resource].hard, rows[i].hard);
		pod_spec_free(spec);
	}
	expect_faults(faults, ARRAY_SIZE(faults));
}

static void capabilities__each_way_to_write_them__masks(void **state)
{
	struct pod_spec *spec = good(2, "AddCapability=CAP_NET_RAW net_admin\n"
				     "AddCapability=Cap_Bpf\nDropCapability=ALL");
	const struct container_spec *run = &spec->containers[0].run;

	(void)state;
	assert_int_equal(run->capabilities.add,
			 CAPABILITY(NET_RAW) | CAPABILITY(NET_ADMIN) | CAPABILITY(BPF));
	assert_int_equal(run->capabilities.drop, CAPABILITY_ALL);
	assert_int_equal(container_bounding_set(&run->capabilities), run->capabilities.add);
	assert_false(run->allow_new_privs);
	pod_spec_free(spec);
	spec = good(2, "AddCapability=all\nDropCapability=SYS_ADMIN\nNoNewPrivileges=no");
	run = &spec->containers[0].run;
	assert_int_equal(container_bounding_set(&run->capabilities), ~CAPABILITY(SYS_ADMIN));
	assert_true(run->allow_new_privs);
	pod_spec_free(spec);
	spec = good(2, "AddCapability=NET_RAW\nAddCapability=");
	assert_int_equal(container_bounding_set(&spec->containers[0].run.capabilities), 0x4eb);
	pod_spec_free(spec);
}

static void path__too_long__refused(void **state)
{
	char line[PATH_MAX + 64] = "Volume=/", fault[512], *p = line + strlen(line);
	struct pod_spec *spec;

	(void)state;
	memset(p, 'x', 256);
	strcpy(p + 256, ":/b");
	load_line(&spec, 2, line, fault, sizeof(fault));
	assert_string_equal(fault, "f.pod:2:9: Volume=: name longer than 255 bytes");
	strcpy(p + 255, ":/b");
	pod_spec_free(good(2, line));
	for (size_t i = 0; i < PATH_MAX; i += 2)
		memcpy(p + i, "x/", 2);
	strcpy(p + PATH_MAX - 1, ":/b");
	load_line(&spec, 2, line, fault, sizeof(fault));
	assert_string_equal(fault, "f.pod:2:8: Volume=: path longer than 4095 bytes");
	strcpy(p + PATH_MAX - 2, ":/b");
	pod_spec_free(good(2, line));
}

static void names__good_and_bad__told_apart(void **state)
{
	static const char *const fine[] = { "User=0", "User=4294967294:4294967294", "User=www-data",
					    "User=_apt:adm", "User=1000:users" };
	static const struct fault faults[] = {
		{ 2, "User=4294967295", "6: User=: '4294967295' is no user name or id" },
		{ 2, "User=:1", "6: User=: '' is no user name or id" },
		{ 2, "User=1:", "8: User=: '' is no group name or id" },
		{ 2, "User=a:b:c", "8: User=: 'b:c' is no group name or id" },
		{ 2, "User=-a", "6: User=: '-a' is no user name or id" },
		{ 2, "User=1a", "6: User=: '1a' is no user name or id" },
		{ 0, "Hostname=a_b", "10: Hostname=: 'a_b' is no hostname" },
		{ 0, "Hostname=a..b", "10: Hostname=: 'a..b' is no hostname" },
		{ 0, "Hostname=-a", "10: Hostname=: '-a' is no hostname" },
	};
	struct pod_spec *spec = good(0, "Hostname=shop.example-1.org");

	(void)state;
	assert_string_equal(spec->hostname, "shop.example-1.org");
	pod_spec_free(spec);
	for (size_t i = 0; i < ARRAY_SIZE(fine); i++) {
		spec = good(2, fine[i]);
		assert_string_equal(spec->containers[0].run.user, fine[i] + strlen("User="));
		pod_spec_free(spec);
	}
	expect_faults(faults, ARRAY_SIZE(faults));
}

static void credential__values__stored_or_said_where(void **state)
{
	static const struct fault faults[] = {
		{ 2, "LoadCredential=db", "16: LoadCredential=: 'db' is no ID:PATH" },
		{ 2, "LoadCredential=:/a",
		  "16: LoadCredential=: the name of a credential has 1 to 255 bytes" },
		{ 2, "LoadCredential=..:/a", "16: LoadCredential=: '..' is no name of a file" },
		{ 2, "LoadCredential=a/b:/a", "16: LoadCredential=: 'a/b' is no name of a file" },
		{ 2, "LoadCredential=a b:/a",
		  "17: LoadCredential=: the name of a credential is printable ASCII "
		  "without blanks" },
		{ 2, "LoadCredential=a:b", "18: LoadCredential=: 'b' is no absolute path" },
		{ 2, "LoadCredential=a:/b/..", "21: LoadCredential=: '..' in a path" },
	};
	struct pod_spec *spec = good(2, "LoadCredential=x:/x\nLoadCredential=\n"
					"LoadCredential=db.key:/etc/a:b\n"
					"LoadCredential=tls:/etc/tls/");
	const struct container_spec *run = &spec->containers[0].run;

	(void)state;
	assert_int_equal(run->credential_n, 2);
	assert_string_equal(run->credentials[0].id, "db.key");
	assert_string_equal(run->credentials[0].source, "/etc/a:b");
	assert_string_equal(run->credentials[1].source, "/etc/tls");
	pod_spec_free(spec);
	expect_faults(faults, ARRAY_SIZE(faults));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limit__each_way_to_write_it__value),
		cmocka_unit_test(time__each_way_to_write_it__value),
		cmocka_unit_test(setting__each_way_to_write_it__value),
		cmocka_unit_test(number__bad__said_why),
		cmocka_unit_test(signal_parse__names_and_numbers__both_ways),
		cmocka_unit_test(exec__quoted_as_in_systemd__words),
		cmocka_unit_test(environment__assignments__added_and_replaced),
		cmocka_unit_test(words__bad__said_where),
		cmocka_unit_test(paths__good__cleaned_and_split),
		cmocka_unit_test(paths__from_dot__below_the_directory_of_the_file),
		cmocka_unit_test(paths__bad__said_where),
		cmocka_unit_test(sysctl__several_ways__one_of_each_name),
		cmocka_unit_test(rlimit__each_way_to_write_it__soft_and_hard),
		cmocka_unit_test(capabilities__each_way_to_write_them__masks),
		cmocka_unit_test(path__too_long__refused),
		cmocka_unit_test(names__good_and_bad__told_apart),
		cmocka_unit_test(credential__values__stored_or_said_where),
	};

	return cmocka_run_group_tests_name("config types", tests, NULL, NULL);
}
