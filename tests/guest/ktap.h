/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KTAP for test programs in C: a plan, one line a result, diagnostics with
 * both values where a comparison fails, and an exit status that agrees.
 *
 * A program has a table of its cases, and runs it:
 *
 *	static const struct ktap_case cases[] = {
 *		{ "name", function, &argument },
 *	};
 *
 *	int main(int argc, char **argv)
 *	{
 *		return KTAP_MAIN(cases, SECONDS, NULL, argc, argv);
 *	}
 *
 * Each case runs in a child process with a deadline, so that a case in which the
 * driver hangs costs no more than its own verdict. Inside a case, use ktap_check()
 * and its kin: they print what differs and mark the case as failed, and the case
 * goes on.
 *
 * With names of cases as arguments a program runs these cases only; with "list" it
 * prints the names, one a line, and runs nothing. The first words of a name will do.
 */
#ifndef _KTAP_H
#define _KTAP_H

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The compiler checks the arguments that follow the format. */
#define ktap_format(format, args)	__format__(__printf__, format, args)
#define __printf(format, args)	__attribute__((ktap_format(format, args)))

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

#define KTAP_FAIL	1	/* exit status of a failed case or program */
#define KTAP_DAMAGE	2	/* of a failed case that left the guest damaged */
#define KTAP_SKIP	4	/* of a skipped case */

/**
 * struct ktap_case - one case of a program
 * @name: what it is called
 * @fn: what it does
 * @arg: for @fn
 * @seconds: its deadline; 0: that of the program
 */
struct ktap_case {
	const char *name;
	void (*fn)(const void *arg);
	const void *arg;
	unsigned int seconds;
};

/**
 * struct ktap - what a program has reported so far
 * @done: results reported
 * @failed: of them, not ok
 * @skipped: of them, skipped
 * @wrong: the case under way has failed
 * @damaged: a case left a driver that hangs, so that others would be misjudged
 */
struct ktap {
	unsigned int done;
	unsigned int failed;
	unsigned int skipped;
	bool wrong;
	bool damaged;
};

/* One for all files of a program. */
struct ktap ktap __attribute__((__weak__));

static inline __printf(1, 2)
void ktap_note(const char *format, ...)
{
	va_list args;

	printf("# ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
}

static inline __printf(2, 3)
bool ktap_result(bool ok, const char *format, ...)
{
	va_list args;

	ktap.done++;
	ktap.failed += !ok;
	printf("%s %u ", ok ? "ok" : "not ok", ktap.done);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	return ok;
}

static inline void ktap_skip(const char *name, const char *reason)
{
	ktap.done++;
	ktap.skipped++;
	printf("ok %u %s # SKIP %s\n", ktap.done, name, reason);
	fflush(stdout);
}

/* --- inside a case -------------------------------------------------------- */

#define ktap_check(cond, ...) ({					\
	bool _ok = (cond);						\
									\
	if (!_ok) {							\
		ktap.wrong = true;					\
		printf("# %s:%d: ", __func__, __LINE__);		\
		printf(__VA_ARGS__);					\
		printf("\n");						\
		fflush(stdout);						\
	}								\
	_ok;								\
})

#define ktap_compare(a, op, b) ({					\
	long long _a = (long long)(a);					\
	long long _b = (long long)(b);					\
									\
	ktap_check(_a op _b, "%s is %lld, %s is %lld, expected %s", #a,	\
		   _a, #b, _b, #op);					\
})

#define ktap_eq(a, b)	ktap_compare(a, ==, b)
#define ktap_ge(a, b)	ktap_compare(a, >=, b)
#define ktap_le(a, b)	ktap_compare(a, <=, b)

/* End the case as skipped. */
static inline noreturn __printf(1, 2)
void ktap_skip_case(const char *format, ...)
{
	va_list args;

	printf("# SKIP ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	_exit(KTAP_SKIP);
}

/* End the case here, with what was found so far. */
static inline noreturn void ktap_end_case(void)
{
	fflush(stdout);
	if (ktap.damaged)
		_exit(KTAP_DAMAGE);
	_exit(ktap.wrong ? KTAP_FAIL : 0);
}

/* --- cases ---------------------------------------------------------------- */

static inline double ktap_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static inline void ktap_nap(unsigned int ms)
{
	struct timespec ts = { ms / 1000, (ms % 1000) * 1000000L };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

/* Wait for a child; returns false when it has not ended by the deadline. */
static inline bool ktap_wait(pid_t pid, int *status, double deadline)
{
	for (;;) {
		if (waitpid(pid, status, WNOHANG) == pid)
			return true;
		if (ktap_now() > deadline)
			return false;
		ktap_nap(5);
	}
}

/*
 * Run a case in a child for at most its seconds, or @seconds, and report it. A child
 * that cannot even be killed sits in the kernel for good, and one that sets
 * ktap.damaged knows that a driver does: the cases after it would misjudge, so they
 * are skipped.
 */
static inline void ktap_run(const struct ktap_case *c, unsigned int seconds)
{
	const char *name = c->name;
	int status;
	pid_t pid;

	if (c->seconds)
		seconds = c->seconds;
	if (ktap.damaged) {
		ktap_skip(name, "an earlier case damaged the guest: use a fresh one");
		return;
	}
	fflush(stdout);
	pid = fork();
	if (!pid) {
		ktap.wrong = false;
		c->fn(c->arg);
		ktap_end_case();
	}
	if (pid < 0) {
		ktap_result(false, "%s # fork: %s", name, strerror(errno));
		return;
	}
	if (!ktap_wait(pid, &status, ktap_now() + seconds)) {
		kill(pid, SIGKILL);
		ktap.damaged = !ktap_wait(pid, &status, ktap_now() + 10);
		ktap_result(false, "%s # no end within %u s%s", name, seconds,
			    ktap.damaged ? ", and cannot be killed" : "");
	} else if (WIFSIGNALED(status)) {
		ktap_result(false, "%s # signal %d", name, WTERMSIG(status));
	} else if (WEXITSTATUS(status) == KTAP_SKIP) {
		ktap_skip(name, "reason above");
	} else {
		ktap.damaged = WEXITSTATUS(status) == KTAP_DAMAGE;
		ktap_result(!WEXITSTATUS(status), "%s", name);
	}
}

/* --- programs ------------------------------------------------------------- */

static inline bool ktap_is_called(const struct ktap_case *c, const char *name)
{
	size_t length = strlen(name);

	return !strncmp(c->name, name, length) &&
	       (!c->name[length] || c->name[length] == ' ');
}

/* Is it among the arguments? None: all are. */
static inline bool ktap_is_wanted(const struct ktap_case *c, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (ktap_is_called(c, argv[i]))
			return true;
	return argc < 2;
}

/**
 * ktap_main - run the cases of a program
 * @cases: the cases
 * @nr: length of @cases
 * @seconds: deadline of each that has none of its own
 * @prepare: called before the first one, or NULL
 * @argc: of main()
 * @argv: of main()
 *
 * Return: the exit status.
 */
static inline int ktap_main(const struct ktap_case *cases, unsigned int nr,
			    unsigned int seconds, void (*prepare)(void),
			    int argc, char **argv)
{
	unsigned int i, wanted = 0;

	if (argc == 2 && !strcmp(argv[1], "list")) {
		for (i = 0; i < nr; i++)
			puts(cases[i].name);
		return 0;
	}
	for (i = 0; i < nr; i++)
		wanted += ktap_is_wanted(&cases[i], argc, argv);
	printf("KTAP version 1\n1..%u\n", wanted);
	fflush(stdout);
	if (wanted && prepare)
		prepare();
	for (i = 0; i < nr; i++)
		if (ktap_is_wanted(&cases[i], argc, argv))
			ktap_run(&cases[i], seconds);
	if (!wanted)
		ktap_note("no case is called so");
	ktap_note("totals: pass:%u fail:%u skip:%u",
		  ktap.done - ktap.failed - ktap.skipped, ktap.failed, ktap.skipped);
	return ktap.failed || !wanted ? KTAP_FAIL : 0;
}

#define KTAP_MAIN(cases, seconds, prepare, argc, argv)				\
	ktap_main(cases, sizeof(cases) / sizeof((cases)[0]), seconds, prepare, argc, argv)

#endif /* _KTAP_H */
