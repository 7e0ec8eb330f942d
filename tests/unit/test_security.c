/* SPDX-License-Identifier: MIT */
/* podctl security: each key that opens something is a row, with its line. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "config/load.h"
#include "ctl/security.h"

struct judged {
	struct config_diags diags;
	struct config_origins origins;
	struct pod_spec *spec;
	struct security_report report;
};

static void judge(struct judged *j, const char *text, const char *host_policy)
{
	const struct config_bytes file = { "/tmp/a.pod", text, strlen(text) };
	const struct config_env env = { .hostname = "host", .origins = &j->origins };
	struct err err = { 0 };

	memset(j, 0, sizeof(*j));
	if (config_load_bytes(&j->spec, &file, &env, &j->diags, &err) < 0)
		fail_msg("%s: %s", err.msg, j->diags.n ? j->diags.list[0].message : "");
	assert_int_equal(security_judge(&j->report, j->spec, &j->origins, host_policy), 0);
}

static void judged_done(struct judged *j)
{
	security_report_done(&j->report);
	config_origins_done(&j->origins);
	pod_spec_free(j->spec);
	config_diags_done(&j->diags);
}

static const struct security_row *row_in(const struct security_subject *s, const char *key,
					 const char *value)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->rows[i].key, key) == 0 && strcmp(s->rows[i].value, value) == 0)
			return &s->rows[i];
	return NULL;
}

/* In the pod's rows or the first container's. */
static const struct security_row *row(const struct judged *j, const char *key, const char *value)
{
	const struct security_row *found = row_in(&j->report.pod, key, value);

	if (!found)
		found = row_in(&j->report.containers[0], key, value);
	if (!found)
		fail_msg("no row %s=%s", key, value);
	return found;
}

#define BASE "[Container web]\nRootfs=/srv/web\nExec=/bin/true\n" /* three lines */

static const struct {
	const char *text, *key, *value;
	unsigned score, line;
} judged_rows[] = {
	{ BASE, "UserNamespace", "auto", 0, 0 },
	{ "[Pod]\nUserNamespace=host\n" BASE, "UserNamespace", "host", 40, 2 },
	{ "[Network]\nMode=host\n" BASE, "Mode", "host", 40, 2 },
	{ "[Network]\nMode=none\n" BASE, "Mode", "none", 0, 2 },
	{ BASE, "Writable", "tmpfs", 1, 0 },
	{ BASE "Writable=yes\n", "Writable", "yes", 4, 4 },
	{ BASE "Writable=yes\nX-A=1\n", "Writable", "yes", 4, 4 },
	{ BASE, "User", "root", 4, 0 },
	{ BASE "User=0:5\n", "User", "0:5", 4, 4 },
	{ BASE "User=10\n", "User", "10", 0, 4 },
	{ BASE "User=app\n", "User", "app", 1, 4 },
	{ BASE "User=app\n", "DropCapability", "none", 1, 0 },
	{ BASE "User=app\nRunAsNonRoot=yes\n", "User", "app", 0, 4 },
	{ "[Pod]\nUserNamespace=host\n" BASE "User=app\n", "User", "app", 5, 6 },
	{ "[Pod]\nUserNamespace=host\n" BASE, "User", "root", 20, 0 },
	{ BASE "RunAsNonRoot=yes\n", "User", "root", 0, 0 },
	{ BASE "NoNewPrivileges=no\n", "NoNewPrivileges", "no", 8, 4 },
	{ BASE "AddCapability=KILL\nAddCapability=cap_net_raw SYS_ADMIN\n", "AddCapability",
	  "NET_RAW", 10, 5 },
	{ BASE "AddCapability=SYS_ADMIN\n", "AddCapability", "SYS_ADMIN", 30, 4 },
	{ "[Pod]\nUserNamespace=host\n" BASE "AddCapability=SYS_ADMIN\n", "AddCapability",
	  "SYS_ADMIN", 90, 6 },
	{ "[Pod]\nUserNamespace=host\n" BASE "AddCapability=all\n", "AddCapability", "all",
	  100, 6 },
	{ BASE, "DropCapability", "none", 3, 0 },
	{ BASE "DropCapability=KILL\n", "DropCapability", "KILL", 3, 4 },
	{ BASE "DropCapability=all\n", "DropCapability", "all", 0, 4 },
	{ BASE "SeccompProfile=unconfined\n", "SeccompProfile", "unconfined", 30, 4 },
	{ BASE "SeccompProfile=/a.json\n", "SeccompProfile", "/a.json", 30, 4 }, /* not there */
	{ BASE "SeccompProfile=audit:/a.json\n", "SeccompProfile", "audit:/a.json", 30, 4 },
	{ BASE, "SeccompProfile", "default", 0, 0 },
	{ BASE, "MemoryMax", "infinity", 5, 0 },
	{ BASE "MemoryMax=infinity\n", "MemoryMax", "infinity", 5, 4 },
	{ BASE "MemoryMax=64K\n", "MemoryMax", "65536", 0, 4 },
	{ "[Pod]\nTasksMax=7\n" BASE, "TasksMax", "7", 0, 2 },
	{ BASE "Volume=/:/host\n", "Volume", "/:/host:rw", 100, 4 },
	{ BASE "Volume=/:/host:ro\n", "Volume", "/:/host:ro", 60, 4 },
	{ BASE "Volume=/srv/x:/x\n", "Volume", "/srv/x:/x:rw", 5, 4 },
	{ BASE "Volume=/srv/x:/x:ro\n", "Volume", "/srv/x:/x:ro", 1, 4 },
	{ BASE "Volume=/srv/x:/x:rw,noidmap\n", "Volume", "/srv/x:/x:rw,noidmap", 4, 4 },
	{ BASE "Volume=/run/docker.sock:/s:ro\n", "Volume", "/run/docker.sock:/s:ro", 60, 4 },
	{ BASE "Volume=/srv/a.sock:/s:ro\n", "Volume", "/srv/a.sock:/s:ro", 60, 4 },
	{ BASE "Volume=/runner:/s:ro\n", "Volume", "/runner:/s:ro", 1, 4 },
	{ BASE "Volume=/dev:/host/dev\n", "Volume", "/dev:/host/dev:rw", 60, 4 },
	{ BASE "Volume=/etc/shadow:/x\n", "Volume", "/etc/shadow:/x:rw", 90, 4 },
	{ BASE "Volume=/var/lib/shop:/x\n", "Volume", "/var/lib/shop:/x:rw", 5, 4 },
	{ BASE "Volume=/var/lib:/x\n", "Volume", "/var/lib:/x:rw", 90, 4 },
	{ BASE "Volume=/var:/x\n", "Volume", "/var:/x:rw", 100, 4 },
	{ BASE "Volume=/var/spool:/x\n", "Volume", "/var/spool:/x:rw", 90, 4 },
	{ BASE "Volume=/var/spool/shop:/x\n", "Volume", "/var/spool/shop:/x:rw", 5, 4 },
	{ BASE "Volume=/var/lib/dpkg:/x\n", "Volume", "/var/lib/dpkg:/x:rw", 90, 4 },
	{ BASE "Volume=/tmp:/x\n", "Volume", "/tmp:/x:rw", 30, 4 },
	{ BASE "Volume=/a:/a\nVolume=\nVolume=/b:/b\nVolume=/c:/c\n", "Volume", "/c:/c:rw", 5,
	  7 },
	{ BASE "Device=/dev/sda\n", "Device", "/dev/sda:rw", 90, 4 },
	{ BASE "Device=/dev/kvm\n", "Device", "/dev/kvm:rw", 10, 4 },
	{ BASE "Device=/dev/sg0:ro\n", "Device", "/dev/sg0:ro", 90, 4 },
	{ BASE "Device=class:scsi_generic/*\n", "Device", "class:scsi_generic/*:rw", 90, 4 },
	{ BASE "Device=class:block/sd*:ro\n", "Device", "class:block/sd*:ro", 60, 4 },
	{ BASE "Device=class:misc/*\n", "Device", "class:misc/*:rw", 100, 4 },
	{ BASE "Device=class:misc/ui*\n", "Device", "class:misc/ui*:rw", 60, 4 },
	{ BASE "Device=class:misc/dev*\n", "Device", "class:misc/dev*:rw", 90, 4 },
	{ BASE "Device=class:tty/tty[1-6]\n", "Device", "class:tty/tty[1-6]:rw", 30, 4 },
	{ BASE "Device=class:hidraw/hidraw0\n", "Device", "class:hidraw/hidraw0:rw", 30, 4 },
	{ BASE "LoadCredential=a:/etc\n", "LoadCredential", "a:/etc", 30, 4 },
	{ BASE "Device=class:misc/kvm\n", "Device", "class:misc/kvm:rw", 10, 4 },
	{ BASE "Device=class:vfio/*\n", "Device", "class:vfio/*:rw", 70, 4 },
	{ BASE "Device=class:vc/*:ro\n", "Device", "class:vc/*:ro", 30, 4 },
	{ BASE "Device=class:tty/*\n", "Device", "class:tty/*:rw", 30, 4 },
	{ BASE "Device=class:tty/ttyUSB*\n", "Device", "class:tty/ttyUSB*:rw", 10, 4 },
	{ BASE "Device=/dev/vcs1\n", "Device", "/dev/vcs1:rw", 30, 4 },
	{ BASE "Device=/dev/console\n", "Device", "/dev/console:rw", 30, 4 },
	{ BASE "Device=/dev/kmsg\n", "Device", "/dev/kmsg:rw", 30, 4 },
	{ BASE "Device=usb:0403:6001/tty\n", "Device", "usb:0403:6001/tty:rw", 10, 4 },
	{ BASE "LogDriver=passthrough\n", "LogDriver", "passthrough", 5, 4 },
	{ BASE, "Landlock", "auto", 0, 0 },
	{ BASE "Landlock=no\n", "Landlock", "no", 3, 4 },
	{ "[Pod]\nUserNamespace=host\n" BASE "Landlock=no\n", "Landlock", "no", 8, 6 },
	{ BASE "AddCapability=SYS_PTRACE\n", "Landlock", "auto", 3, 0 },
	{ BASE "AddCapability=SYS_PTRACE\nLandlock=yes\n", "Landlock", "yes", 0, 5 },
	{ BASE "SELinuxContext=a:b:c:s0\n", "SELinuxContext", "a:b:c:s0", 0, 4 },
	{ BASE "AppArmorProfile=-web\n", "AppArmorProfile", "web", 0, 4 },
	{ "[Pod]\nSysctl=net.core.somaxconn=100\nSysctl=net.ipv4.ip_forward=1\n" BASE, "Sysctl",
	  "net.ipv4.ip_forward=1", 3, 3 },
	{ "[Pod]\nSysctl='net.ipv4.ping_group_range=0 0'\n" BASE, "Sysctl",
	  "net.ipv4.ping_group_range=0 0", 0, 2 },
	{ BASE "LimitNOFILE=10:20\n", "LimitNOFILE", "10:20", 0, 4 },
	{ BASE "LimitRTPRIO=1\n", "LimitRTPRIO", "1:1", 10, 4 },
	{ BASE "LimitRTPRIO=0\n", "LimitRTPRIO", "0:0", 0, 4 },
	{ BASE "LimitMEMLOCK=8M:infinity\n", "LimitMEMLOCK", "8388608:infinity", 2, 4 },
	{ BASE "LoadCredential=db:/etc/db\n", "LoadCredential", "db:/etc/db", 0, 4 },
	{ BASE "LoadCredential=db:/run/secrets/db\n", "LoadCredential", "db:/run/secrets/db",
	  0, 4 },
	{ BASE "LoadCredential=a:/etc/shadow\n", "LoadCredential", "a:/etc/shadow", 30, 4 },
	{ BASE "LoadCredential=a:/root/.ssh/id\n", "LoadCredential", "a:/root/.ssh/id", 30, 4 },
	{ BASE "LoadCredential=a:/etc/shadow-\n", "LoadCredential", "a:/etc/shadow-", 30, 4 },
	{ BASE "LoadCredential=a:/etc/gshadow-\n", "LoadCredential", "a:/etc/gshadow-", 30, 4 },
	{ BASE "LoadCredential=a:/etc/ssh/ssh_host_rsa_key\n", "LoadCredential",
	  "a:/etc/ssh/ssh_host_rsa_key", 30, 4 },
	{ BASE "LoadCredential=a:/home/u/.ssh/id_rsa\n", "LoadCredential",
	  "a:/home/u/.ssh/id_rsa", 30, 4 },
	{ BASE "LoadCredential=a:/home/u/db.key\n", "LoadCredential", "a:/home/u/db.key", 0, 4 },
	{ BASE "Volume=/etc/shadow-:/x:ro\n", "Volume", "/etc/shadow-:/x:ro", 30, 4 },
	{ BASE "Device=/dev/sr0\n", "Device", "/dev/sr0:rw", 90, 4 },
	{ BASE "Device=/dev/fd0\n", "Device", "/dev/fd0:rw", 90, 4 },
	{ BASE "Device=/dev/rbd0\n", "Device", "/dev/rbd0:rw", 90, 4 },
	{ BASE "Device=/dev/bcache0:ro\n", "Device", "/dev/bcache0:ro", 60, 4 },
	{ BASE "Device=/dev/pmem0\n", "Device", "/dev/pmem0:rw", 90, 4 },
	{ BASE "Device=/dev/zd0\n", "Device", "/dev/zd0:rw", 90, 4 },
	{ BASE "Device=/dev/raw/raw1\n", "Device", "/dev/raw/raw1:rw", 90, 4 },
	{ BASE "Device=/dev/dax0.0\n", "Device", "/dev/dax0.0:rw", 90, 4 },
	{ BASE "Device=/dev/ng0n1:ro\n", "Device", "/dev/ng0n1:ro", 90, 4 },
	{ BASE "Device=/dev/iommu\n", "Device", "/dev/iommu:rw", 70, 4 },
	{ BASE "Device=class:nvme-generic/*:ro\n", "Device", "class:nvme-generic/*:ro", 90, 4 },
	{ BASE "Device=class:dax/*\n", "Device", "class:dax/*:rw", 90, 4 },
	{ BASE "Device=class:iommu/*\n", "Device", "class:iommu/*:rw", 70, 4 },
	{ BASE "Device=class:misc/io*\n", "Device", "class:misc/io*:rw", 70, 4 },
	{ BASE "LogMaxSize=infinity\n", "LogMaxSize", "infinity", 4, 4 },
	{ BASE "LogMaxSize=100G\n", "LogMaxSize", "107374182400", 4, 4 },
	{ "[Pod]\nLogMaxSize=infinity\n" BASE, "LogMaxSize", "infinity", 4, 2 },
	{ BASE "Tmpfs=/x\n", "Tmpfs", "/x", 3, 4 },
	{ BASE "Tmpfs=/y:size=1M\nTmpfs=/x:size=1T\n", "Tmpfs", "/x:size=1099511627776", 3, 5 },
	{ BASE "Tmpfs=/x:size=1M\n", "Tmpfs", "/x:size=1048576", 0, 4 },
	{ BASE "Tmpfs=/x\nMemoryMax=1G\n", "Tmpfs", "/x", 0, 4 },
	{ "[Pod]\nMemoryMax=1G\n" BASE "Tmpfs=/x\n", "Tmpfs", "/x", 0, 6 },
	{ BASE "WritableSize=1T\n", "WritableSize", "1099511627776", 3, 4 },
	{ BASE "WritableSize=1M\n", "WritableSize", "1048576", 0, 4 },
	{ BASE, "HugetlbMax", "infinity", 1, 0 },
	{ BASE "HugetlbMax=2M:infinity\n", "HugetlbMax", "infinity", 1, 4 },
	{ BASE "HugetlbMax=2M:64M 1G:0\n", "HugetlbMax", "2097152:67108864 1073741824:0", 0, 4 },
	{ "[Pod]\nHugetlbMax=2M:0\n" BASE, "HugetlbMax", "2097152:0", 0, 2 },
	{ "[Container web]\nRootfs=/\nExec=/bin/true\n", "Rootfs", "/", 60, 2 },
	{ "[Container web]\nRootfs=/etc:/b\nExec=/bin/true\n", "Rootfs", "/etc:...", 30, 2 },
	{ "[Container web]\nRootfs=/b:/root/x\nExec=/bin/true\n", "Rootfs", "/root/x:...", 30, 2 },
	{ "[Container web]\nRootfs=/a:/b\nExec=/bin/true\n", "Rootfs", "/a:...", 0, 2 },
	{ "[Container web]\nImage=a/b:1\n", "ImagePolicy", "any", 5, 0 },
	{ "[Pod]\nImagePolicy=/k.pem\n[Container web]\nImage=a/b:1\n", "ImagePolicy", "/k.pem",
	  0, 2 },
	{ "[Container web]\nImage=a/b:1\n", "Pull", "never", 0, 0 },
	{ "[Container web]\nImage=a/b:1\nPull=missing\n", "Pull", "missing", 10, 3 },
	{ "[Pod]\nImagePolicy=/k.pem\n[Container web]\nImage=a/b:1\nPull=missing\n", "Pull",
	  "missing", 2, 5 },
};

static void judge__one_key__row_with_score_and_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(judged_rows) / sizeof(*judged_rows); i++) {
		struct judged j;
		const struct security_row *r;

		judge(&j, judged_rows[i].text, "any ");
		r = row(&j, judged_rows[i].key, judged_rows[i].value);
		if (r->score != judged_rows[i].score || r->pos.line != judged_rows[i].line)
			fail_msg("case %zu, %s=%s: score %u, line %u", i,
				 r->key, r->value, r->score, r->pos.line);
		judged_done(&j);
	}
}

/* Its row's value must end in @calls. */
static unsigned score_of_profile_with(const char *text, const char *calls, const char *keys)
{
	char path[] = "/tmp/podd-test-XXXXXX", pod[256], value[256];
	struct judged j;
	unsigned score;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(close(fd), 0);
	snprintf(pod, sizeof(pod), BASE "SeccompProfile=%s\n%s", path, keys);
	snprintf(value, sizeof(value), "%s%s", path, calls);
	judge(&j, pod, "any");
	score = row(&j, "SeccompProfile", value)->score;
	judged_done(&j);
	assert_int_equal(unlink(path), 0);
	return score;
}

static unsigned score_of_profile(const char *text)
{
	return score_of_profile_with(text, "", "");
}

#define PROFILE(rules) "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[" rules "]}"
#define ALLOW(names) "{\"action\":\"SCMP_ACT_ALLOW\",\"names\":[" names "]}"
#define ALLOW_IF(names, args) \
	"{\"action\":\"SCMP_ACT_ALLOW\",\"names\":[" names "],\"args\":[" args "]}"
#define ARG(index, value, op) \
	"{\"index\":" #index ",\"value\":" #value ",\"op\":\"SCMP_CMP_" op "\"}"

#define DENY(names) "{\"action\":\"SCMP_ACT_ERRNO\",\"names\":[" names "]}"
#define DENY_AS(names, number) \
	"{\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":" #number ",\"names\":[" names "]}"
#define DENY_IF(names, args) \
	"{\"action\":\"SCMP_ACT_ERRNO\",\"names\":[" names "],\"args\":[" args "]}"
#define MASKED(index, value) \
	"{\"index\":" #index ",\"value\":4294967295,\"valueTwo\":" #value "," \
	"\"op\":\"SCMP_CMP_MASKED_EQ\"}"

/* Calls that podd's own profile refuses, or allows only with some args, are named. */
static const struct {
	const char *text, *keys, *calls;
	unsigned score;
} profiles[] = {
	{ PROFILE(ALLOW("\"read\",\"openat\"")), "", "", 5 },
	{ PROFILE(ALLOW("\"read\",\"bpf\",\"io_uring_setup\"") "," ALLOW("\"bpf\"")), "",
	  ": bpf io_uring_setup", 11 },
	{ PROFILE("{\"action\":\"SCMP_ACT_ALLOW\",\"name\":\"bpf\"}"), "", ": bpf", 8 },
	{ "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_X86_64\","
	  "\"SCMP_ARCH_X32\"]}", "", ": SCMP_ARCH_X32", 8 },
	{ "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"archMap\":["
	  "{\"architecture\":\"SCMP_ARCH_X86_64\","
	  "\"subArchitectures\":[\"SCMP_ARCH_X86\",\"SCMP_ARCH_X32\"]},"
	  "{\"architecture\":\"SCMP_ARCH_S390X\","
	  "\"subArchitectures\":[\"SCMP_ARCH_S390\"]}]}",
	  "", ": SCMP_ARCH_X32", 8 },
	{ PROFILE(ALLOW("\"bpf\"")), "AddCapability=BPF\n", "", 5 },
	{ PROFILE("{\"action\":\"SCMP_ACT_ERRNO\",\"names\":[\"bpf\"]}"), "", "", 5 },
	{ PROFILE(ALLOW("\"clone\"")), "", ": clone", 8 },
	{ PROFILE("{\"action\":\"SCMP_ACT_ALLOW\",\"names\":[\"clone\"],"
		  "\"args\":[{\"index\":0,\"value\":2114060288,\"valueTwo\":0,"
		  "\"op\":\"SCMP_CMP_MASKED_EQ\"}]}"),
	  "", "", 5 },
	{ PROFILE(ALLOW_IF("\"personality\"", ARG(0, 8, "EQ"))), "", "", 5 },
	{ PROFILE(ALLOW_IF("\"personality\"", ARG(0, 9, "EQ"))), "", ": personality", 8 },
	{ PROFILE(ALLOW_IF("\"personality\"", ARG(1, 8, "EQ"))), "", ": personality", 8 },
	{ PROFILE(ALLOW_IF("\"socket\"", ARG(0, 40, "NE"))), "", ": socket", 8 },
	{ PROFILE("{\"action\":\"SCMP_ACT_ALLOW\",\"names\":[\"bpf\"],"
		  "\"includes\":{\"caps\":[\"CAP_BPF\"]}}"), "", "", 5 },
	{ PROFILE("{\"action\":\"SCMP_ACT_LOG\",\"names\":[\"ptrace\"],"
		  "\"includes\":{\"caps\":[\"CAP_CHOWN\"]}}"), "", ": ptrace", 8 },
	/* One rule does not apply, or is within podd's own; the next is not. */
	{ PROFILE("{\"action\":\"SCMP_ACT_ALLOW\",\"names\":[\"mount\"],"
		  "\"includes\":{\"caps\":[\"CAP_SYS_ADMIN\"]}}," ALLOW("\"mount\"")), "",
	  ": mount", 8 },
	{ PROFILE(ALLOW_IF("\"socket\"", ARG(0, 1, "EQ")) "," ALLOW("\"socket\"")), "",
	  ": socket", 8 },
	{ PROFILE(DENY("\"mount\"") "," ALLOW("\"mount\"")), "", ": mount", 8 },
	{ PROFILE(DENY_AS("\"mount\"", 38) "," ALLOW("\"mount\"")), "", "", 5 },
	{ PROFILE(ALLOW("\"mount\"") "," DENY_AS("\"mount\"", 38)), "", ": mount", 8 },
	/* What podd's own denies of a call, the file must deny before. */
	{ PROFILE(ALLOW("\"ioctl\",\"socketcall\"")), "", ": ioctl socketcall", 11 },
	{ PROFILE(ALLOW_IF("\"ioctl\"", ARG(1, 21505, "EQ"))), "", "", 5 },
	{ PROFILE(ALLOW_IF("\"ioctl\"", ARG(1, 21522, "EQ"))), "", ": ioctl", 8 },
	{ PROFILE(ALLOW_IF("\"socketcall\"", ARG(0, 3, "EQ"))), "", "", 5 },
	{ PROFILE(DENY_IF("\"ioctl\"", MASKED(1, 21522) "," MASKED(1, 21532)) ","
		  ALLOW("\"ioctl\"")), "", "", 5 },
	{ PROFILE(DENY_IF("\"ioctl\"", MASKED(1, 21522)) "," ALLOW("\"ioctl\"")), "",
	  ": ioctl", 8 },
	{ PROFILE(ALLOW("\"ioctl\"") ","
		  DENY_IF("\"ioctl\"", MASKED(1, 21522) "," MASKED(1, 21532))), "",
	  ": ioctl", 8 },
	{ PROFILE(DENY_IF("\"ioctl\"", ARG(1, 21522, "EQ") "," ARG(1, 21532, "EQ")) ","
		  ALLOW("\"ioctl\"")), "", ": ioctl", 8 }, /* CVE-2019-10063 */
	{ PROFILE(ALLOW_IF("\"socket\"", ARG(0, 16, "EQ"))), "", ": socket", 8 },
	{ PROFILE(ALLOW_IF("\"socket\"", ARG(0, 16, "EQ"))),
	  "AddCapability=AUDIT_WRITE\n", "", 5 },
	{ PROFILE(ALLOW_IF("\"socket\"", ARG(0, 16, "EQ") "," ARG(2, 0, "EQ"))), "", "", 5 },
	{ PROFILE(DENY_IF("\"socket\"", MASKED(0, 16) "," MASKED(2, 9)) ","
		  ALLOW_IF("\"socket\"", ARG(0, 2, "EQ") "," ARG(0, 16, "EQ"))), "", "", 5 },
	{ PROFILE(ALLOW_IF("\"clone\"", "{\"index\":1,\"value\":2114060288,"
		  "\"valueTwo\":0,\"op\":\"SCMP_CMP_MASKED_EQ\"}")), "", ": clone", 8 },
	{ PROFILE(ALLOW("\"add_key\",\"bpf\",\"delete_module\",\"finit_module\","
			"\"init_module\",\"kexec_file_load\",\"kexec_load\",\"keyctl\","
			"\"mount\",\"open_by_handle_at\",\"perf_event_open\","
			"\"pivot_root\",\"process_vm_writev\",\"ptrace\"")), "",
	  ": add_key bpf delete_module finit_module init_module kexec_file_load "
	  "kexec_load keyctl mount open_by_handle_at perf_event_open pivot_root "
	  "and 2 more", 30 },
};

static void judge__profile__by_what_it_allows_beyond_podds_own(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(profiles) / sizeof(*profiles); i++)
		assert_int_equal(score_of_profile_with(profiles[i].text, profiles[i].calls,
						       profiles[i].keys), profiles[i].score);
}

static void judge__podds_own_profile_as_a_file__nothing_beyond_it(void **state)
{
	static const char *const keys[] = { "", "AddCapability=AUDIT_WRITE NET_RAW BPF\n",
					    "AddCapability=all\n", "DropCapability=all\n" };
	char here[PATH_MAX], pod[PATH_MAX + 256], path[PATH_MAX + 64];
	struct judged j;

	(void)state;
	assert_non_null(getcwd(here, sizeof(here)));
	snprintf(path, sizeof(path), "%s/seccomp/default.json", here);
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		snprintf(pod, sizeof(pod), BASE "SeccompProfile=%s\n%s", path, keys[i]);
		judge(&j, pod, "any");
		assert_int_equal(row(&j, "SeccompProfile", path)->score, 5);
		judged_done(&j);
	}
}

/* The score of a key whose value begins with @path. */
static unsigned score_of_path(const char *path, const char *format, const char *key,
			      const char *value)
{
	char pod[256], whole[256];
	struct judged j;
	unsigned score;

	snprintf(pod, sizeof(pod), format, path);
	snprintf(whole, sizeof(whole), "%s%s", path, value);
	judge(&j, pod, "any");
	score = row(&j, key, whole)->score;
	judged_done(&j);
	return score;
}

/* What a path leads to is what is given away. */
static void judge__links__by_what_they_lead_to(void **state)
{
	static const char volume[] = BASE "Volume=%s:/x:ro\n", device[] = BASE "Device=%s\n";
	static const char root[] = "[Container web]\nRootfs=%s:/b\nExec=/bin/true\n";
	static const char credential[] = BASE "LoadCredential=%s\n";
	char path[] = "/dev/podd-test-XXXXXX", node[64], whole[64];

	(void)state;
	assert_non_null(mkdtemp(path)); /* a device is below /dev */
	snprintf(node, sizeof(node), "%s/node", path);
	if (mknod(node, S_IFBLK | 0600, makedev(7, 0)) == 0) {
		assert_int_equal(score_of_path(node, device, "Device", ":rw"), 90);
		assert_int_equal(unlink(node), 0);
	}
	if (mknod(node, S_IFCHR | 0600, makedev(1, 1)) == 0) {
		assert_int_equal(score_of_path(node, device, "Device", ":rw"), 100);
		assert_int_equal(unlink(node), 0);
	}
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(symlink("/etc", path), 0);
	assert_int_equal(score_of_path(path, volume, "Volume", " -> /etc:/x:ro"), 30);
	assert_int_equal(score_of_path(path, root, "Rootfs", " -> /etc:..."), 30);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_int_equal(score_of_path(path, device, "Device", " -> /dev/null:rw"), 10);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(score_of_path("/srv/none", volume, "Volume", ":/x:ro"), 1);
	assert_int_equal(symlink("/etc/shadow", path), 0);
	snprintf(whole, sizeof(whole), "a:%s", path);
	assert_int_equal(score_of_path(whole, credential, "LoadCredential", " -> /etc/shadow"), 30);
	assert_int_equal(unlink(path), 0);
}

/* Who may go there can run as root what the container's root makes there. */
static void judge__volume_that_others_reach__worth_more(void **state)
{
	static const char rw[] = BASE "Volume=%s:/x\n", ro[] = BASE "Volume=%s:/x:ro\n";
	static const char user[] = BASE "User=7\nVolume=%s:/x\n";
	static const char noidmap[] = BASE "Volume=%s:/x:noidmap\n";
	char top[] = "/var/podd-test-XXXXXX", place[64];

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_non_null(mkdtemp(top)); /* of mode 0700 */
	snprintf(place, sizeof(place), "%s/data", top);
	assert_int_equal(mkdir(place, 0700), 0);
	assert_int_equal(score_of_path(place, rw, "Volume", ":/x:rw"), 5);
	assert_int_equal(chmod(top, 0711), 0);
	/* Its own mode is the container's root's to change. */
	assert_int_equal(score_of_path(place, rw, "Volume", ":/x:rw"), 8);
	assert_int_equal(score_of_path(place, user, "Volume", ":/x:rw"), 6);
	assert_int_equal(score_of_path(place, ro, "Volume", ":/x:ro"), 1);
	assert_int_equal(score_of_path(place, noidmap, "Volume", ":/x:rw,noidmap"), 4);
	assert_int_equal(rmdir(place), 0);
	assert_int_equal(rmdir(top), 0);
}

static void judge__profile__by_what_it_does_with_what_it_does_not_name(void **state)
{
	(void)state;
	assert_int_equal(score_of_profile("{\"defaultAction\":\"SCMP_ACT_ERRNO\"}"), 5);
	assert_int_equal(score_of_profile("{\"defaultAction\":\"SCMP_ACT_ALLOW\"}"), 30);
	assert_int_equal(score_of_profile("{\"defaultAction\":\"SCMP_ACT_LOG\"}"), 30);
	assert_int_equal(score_of_profile("{}"), 30);
	assert_int_equal(score_of_profile("{"), 30);
}

static void judge__policy_of_the_host__is_in_force(void **state)
{
	struct judged j;

	(void)state;
	judge(&j, "[Container web]\nImage=a/b:1\nPull=missing\n", "/etc/key.pem");
	assert_int_equal(row(&j, "ImagePolicy", "/etc/key.pem")->score, 0);
	assert_int_equal(row(&j, "Pull", "missing")->score, 2);
	judged_done(&j);
	judge(&j, "[Pod]\nImagePolicy=any\n[Container web]\nImage=a/b:1\n", "/etc/key.pem");
	assert_int_equal(row(&j, "ImagePolicy", "any")->score, 5);
	judged_done(&j);
}

static void judge__rows__add_up_to_the_exposure(void **state)
{
	struct judged j;

	(void)state;
	/* bridge 0.2, tmpfs 0.1, root 0.4, default capabilities 0.3, no limit of memory 0.5,
	 * nor of huge pages 0.1 */
	judge(&j, BASE, "any");
	assert_int_equal(j.report.containers[0].exposure, 15);
	assert_int_equal(j.report.pod.exposure, 15);
	judged_done(&j);
	judge(&j, "[Network]\nMode=none\n[Container a]\nRootfs=/r\nExec=/x\nUser=1\nWritable=no\n"
		  "MemoryMax=1M\nTasksMax=1\nHugetlbMax=2M:0 1G:0\n" BASE, "any");
	assert_int_equal(j.report.containers[0].exposure, 0);
	assert_string_equal(security_level(0), "PERFECT");
	/* The pod is as exposed as its most exposed container. */
	assert_int_equal(j.report.containers[1].exposure, 13);
	assert_int_equal(j.report.pod.exposure, 13);
	judged_done(&j);
	judge(&j, BASE "Volume=/:/host\n", "any");
	assert_int_equal(j.report.pod.exposure, 100);
	assert_string_equal(security_level(100), "DANGEROUS");
	judged_done(&j);
}

static void judge__each_key_more__never_less_exposed(void **state)
{
	static const char *const keys[] = { "NoNewPrivileges=no\n", "Device=/dev/kvm\n",
					    "SeccompProfile=unconfined\n",
					    "AddCapability=SYS_ADMIN\n", "Volume=/opt:/opt\n",
					    "Writable=yes\n" };
	unsigned before[2] = { 0, 0 };
	char text[512];

	(void)state;
	for (unsigned host = 0; host < 2; host++) {
		snprintf(text, sizeof(text), "%s" BASE, host ? "[Pod]\nUserNamespace=host\n" : "");
		for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
			struct judged j;

			strcat(text, keys[i]);
			judge(&j, text, "any");
			/* A small one may be less than a tenth of what is left. */
			assert_true(j.report.pod.exposure >= before[host] + (i < 4));
			before[host] = j.report.pod.exposure;
			judged_done(&j);
		}
	}
	assert_true(before[1] > before[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(judge__one_key__row_with_score_and_line),
		cmocka_unit_test(judge__profile__by_what_it_allows_beyond_podds_own),
		cmocka_unit_test(judge__podds_own_profile_as_a_file__nothing_beyond_it),
		cmocka_unit_test(judge__links__by_what_they_lead_to),
		cmocka_unit_test(judge__volume_that_others_reach__worth_more),
		cmocka_unit_test(judge__profile__by_what_it_does_with_what_it_does_not_name),
		cmocka_unit_test(judge__policy_of_the_host__is_in_force),
		cmocka_unit_test(judge__rows__add_up_to_the_exposure),
		cmocka_unit_test(judge__each_key_more__never_less_exposed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
