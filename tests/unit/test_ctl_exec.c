/* SPDX-License-Identifier: MIT */
/* podctl against a podd that runs commands on this host: exec, with a terminal too. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <poll.h>

#include "tests/unit/test_ctl.h"

#define SH(script) "exec", "shop", "web", "--", "sh", "-c", script

static void exec__plain__output_and_code_are_the_commands(void **state)
{
	struct fixture *f = *state;
	struct outcome *o = podctl(f, SH("echo out; echo err >&2; exit 7"));

	assert_string_equal(o->out, "out\n");
	assert_string_equal(o->errors, "err\n");
	assert_int_equal(o->code, 7);
	o = podctl(f, SH("kill -KILL $$"));
	assert_int_equal(o->code, 128 + SIGKILL);
	o = podctl(f, "exec", "-e", "COLOUR=blue", "shop", "web", "sh", "-c",
		   "echo $COLOUR --json");
	assert_string_equal(o->out, "blue --json\n");
	assert_int_equal(o->code, 0);
}

static void exec__interactive__reads_our_input_else_none(void **state)
{
	struct outcome *o = podctl_reading(
		*state, "typed\n",
		(const char *const[]){ "exec", "-i", "shop", "web", "--", "cat", NULL });

	assert_string_equal(o->out, "typed\n");
	assert_int_equal(o->code, 0);
	o = podctl_reading(*state, "typed\n",
			   (const char *const[]){ "exec", "shop", "web", "--", "cat", NULL });
	assert_string_equal(o->out, "");
	assert_int_equal(o->code, 0);
}

static void exec__much_output__none_lost(void **state)
{
	struct outcome *o = podctl(*state, SH("i=0; while [ $i -lt 1000 ]; do echo line $i; "
					      "i=$((i + 1)); done"));

	assert_int_equal(strlen(o->out), 10 * 7 + 90 * 8 + 900 * 9);
}

static void exec__cannot_start__126_127_125(void **state)
{
	struct fixture *f = *state;
	struct outcome *o = podctl(f, "exec", "shop", "web", "--", "/no/such");

	assert_string_equal(o->errors, "podctl: pod 'shop': start '/no/such': No such file or "
				       "directory\n");
	assert_int_equal(o->code, CTL_EXEC_NOT_FOUND);
	o = podctl(f, "exec", "shop", "web", "--", "/etc/passwd");
	assert_string_equal(o->errors, "podctl: pod 'shop': start '/etc/passwd': Permission "
				       "denied\n");
	assert_int_equal(o->code, CTL_EXEC_NOT_EXECUTABLE);
	o = podctl(f, "exec", "shop", "wbe", "--", "true");
	assert_string_equal(o->errors, "podctl: pod 'shop' has no container 'wbe'; did you mean "
				       "'web'?\n");
	assert_int_equal(o->code, CTL_EXEC_FAILED);
	o = podctl(f, "exec", "-it", "shop", "web", "--", "true");
	assert_memory_equal(o->errors, "podctl: -it needs a terminal on standard input;", 46);
	assert_int_equal(o->code, CTL_EXEC_FAILED);
	o = podctl(f, "exec", "shop", "web", "--", "printf", "\xff");
	assert_memory_equal(o->errors, "podctl: '\xff' is not UTF-8;", 25);
	assert_int_equal(o->code, CTL_EXEC_FAILED);
}

static void exec__podd_dies__125_and_a_line(void **state)
{
	struct fixture *f = *state;
	char script[64];
	struct outcome *o;

	/* The command ends its podd, so there is no race to wait for. */
	snprintf(script, sizeof(script), "kill -KILL %d", (int)f->host);
	o = podctl(f, SH(script));
	assert_string_equal(o->errors,
			    "podctl: pod 'shop': podd ended before the command did, which "
			    "may still run\n");
	assert_int_equal(o->code, CTL_EXEC_FAILED);
}

/* ---- with a terminal ---- */

struct typist {
	int master, slave; /* the operator's terminal */
	pid_t pid;
	char seen[8192];
	size_t n;
	struct termios before;
};

static void sit_down(struct fixture *f, struct typist *t, const char *script)
{
	struct winsize size = { .ws_row = 33, .ws_col = 101 };

	memset(t, 0, sizeof(*t));
	assert_int_equal(openpty(&t->master, &t->slave, NULL, NULL, &size), 0);
	fcntl(t->master, F_SETFD, FD_CLOEXEC);
	fcntl(t->slave, F_SETFD, FD_CLOEXEC);
	assert_int_equal(tcgetattr(t->slave, &t->before), 0);
	fflush(stdout);
	t->pid = fork();
	assert_true(t->pid >= 0);
	if (t->pid == 0) {
		setsid();
		ioctl(t->slave, TIOCSCTTY, 0);
		for (int i = 0; i < 3; i++)
			dup2(t->slave, i);
		close(t->master);
		podctl_child(f, (const char *const[]){ "exec", "-it", "shop", "web", "--", "sh",
						       "-c", script, NULL });
	}
}

static void see(struct typist *t, const char *text)
{
	struct pollfd p = { .fd = t->master, .events = POLLIN };

	while (!strstr(t->seen, text)) {
		ssize_t n;

		if (poll(&p, 1, DEADLINE_MS) != 1 || t->n + 1 >= sizeof(t->seen))
			fail_msg("did not see '%s' in '%s'", text, t->seen);
		n = read(t->master, t->seen + t->n, sizeof(t->seen) - 1 - t->n);
		if (n <= 0)
			fail_msg("terminal closed before '%s' in '%s'", text, t->seen);
		t->n += (size_t)n;
		t->seen[t->n] = '\0';
	}
}

static void type(struct typist *t, const char *text)
{
	assert_int_equal(write(t->master, text, strlen(text)), (ssize_t)strlen(text));
}

/* Return: podctl's exit code; the terminal must be as it was. */
static int get_up(struct typist *t)
{
	struct termios after;
	int code = exit_code(t->pid);

	assert_int_equal(tcgetattr(t->slave, &after), 0);
	assert_int_equal(after.c_iflag, t->before.c_iflag);
	assert_int_equal(after.c_oflag, t->before.c_oflag);
	assert_int_equal(after.c_lflag, t->before.c_lflag);
	close(t->master);
	close(t->slave);
	return code;
}

static void exec_tty__size_input_and_code__passed_through(void **state)
{
	struct typist t;

	sit_down(*state, &t, "test -t 0 && test -t 1 && stty size; read x; echo got $x; exit 7");
	see(&t, "33 101");
	type(&t, "abc\r");
	see(&t, "got abc");
	assert_int_equal(get_up(&t), 7);
}

static void exec_tty__ctrl_c__goes_to_the_command(void **state)
{
	struct typist t;

	sit_down(*state, &t, "trap 'echo caught; exit 5' INT; echo go; while :; do read x; done");
	see(&t, "go\r");
	type(&t, "\003");
	see(&t, "caught");
	assert_int_equal(get_up(&t), 5);
}

static void exec_tty__window_resized__command_follows(void **state)
{
	struct winsize size = { .ws_row = 17, .ws_col = 55 };
	struct typist t;

	sit_down(*state, &t, "trap 'stty size; exit 0' WINCH; echo go; while :; do read x; done");
	see(&t, "go\r");
	assert_int_equal(ioctl(t.master, TIOCSWINSZ, &size), 0);
	see(&t, "17 55");
	assert_int_equal(get_up(&t), 0);
}

static void exec_tty__podctl_terminated__terminal_restored(void **state)
{
	struct typist t;

	sit_down(*state, &t, "echo go; read x");
	see(&t, "go\r");
	assert_int_equal(kill(t.pid, SIGTERM), 0);
	assert_int_equal(get_up(&t), 128 + SIGTERM);
}

static void exec_tty__podd_killed__session_goes_on(void **state)
{
	struct fixture *f = *state;
	struct typist t;

	sit_down(f, &t, "echo go; read x; echo got $x");
	see(&t, "go\r");
	end_host(f);
	see(&t, "podctl: podd ended; the command goes on");
	type(&t, "more\r");
	see(&t, "got more");
	assert_int_equal(get_up(&t), CTL_EXEC_FAILED);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(exec__plain__output_and_code_are_the_commands),
		T(exec__interactive__reads_our_input_else_none),
		T(exec__much_output__none_lost),
		T(exec__cannot_start__126_127_125),
		T(exec__podd_dies__125_and_a_line),
		T(exec_tty__size_input_and_code__passed_through),
		T(exec_tty__ctrl_c__goes_to_the_command),
		T(exec_tty__window_resized__command_follows),
		T(exec_tty__podctl_terminated__terminal_restored),
		T(exec_tty__podd_killed__session_goes_on),
	};

	return cmocka_run_group_tests_name("ctl exec", tests, NULL, NULL);
}
