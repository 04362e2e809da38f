/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KTAP for test programs in C: a plan, one line a result, diagnostics with
 * both values where a comparison fails, and an exit status that agrees.
 *
 * A program calls ktap_plan() once with the number of results to come, reports
 * each with ktap_result(), ktap_skip() or ktap_run(), and ends with
 * "return ktap_exit();". A missing or surplus result is a failure.
 *
 * ktap_run() runs one case in a child process with a deadline, so that a case
 * in which the driver hangs costs no more than its own verdict. Inside a case,
 * use ktap_check() and its kin: they print what differs and mark the case as
 * failed, and the case goes on.
 *
 * With the name of a case as argument a program runs that case only; with
 * "list" it prints the names, one a line, and runs nothing.
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

#define KTAP_FAIL	1	/* exit status of a failed case or program */
#define KTAP_DAMAGE	2	/* of a failed case that left the guest damaged */
#define KTAP_SKIP	4	/* of a skipped case */

/**
 * struct ktap - what a program has reported so far
 * @planned: results announced
 * @done: results reported
 * @failed: of them, not ok
 * @skipped: of them, skipped
 * @wrong: the case under way has failed
 * @damaged: a case left a driver that hangs, so that others would be misjudged
 * @list: print names only
 * @only: run cases of this name only, or NULL
 */
struct ktap {
	unsigned int planned;
	unsigned int done;
	unsigned int failed;
	unsigned int skipped;
	bool wrong;
	bool damaged;
	bool list;
	const char *only;
};

static struct ktap ktap;

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

/* Announce how many results follow; @argv[1], if any, names the only case. */
static inline void ktap_plan(unsigned int planned, int argc, char **argv)
{
	ktap.only = argc > 1 ? argv[1] : NULL;
	ktap.planned = ktap.only ? 1 : planned;
	ktap.list = ktap.only && !strcmp(ktap.only, "list");
	if (!ktap.list)
		printf("KTAP version 1\n1..%u\n", ktap.planned);
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

static inline int ktap_exit(void)
{
	if (ktap.list)
		return 0;
	if (ktap.done != ktap.planned) {
		ktap_note("planned %u results, reported %u", ktap.planned,
			  ktap.done);
		ktap.failed++;
	}
	ktap_note("totals: pass:%u fail:%u skip:%u",
		  ktap.done - ktap.failed - ktap.skipped, ktap.failed,
		  ktap.skipped);
	return ktap.failed ? KTAP_FAIL : 0;
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
 * Run @fn in a child for at most @seconds and report it under @name. A child
 * that cannot even be killed sits in the kernel for good, and one that sets
 * ktap.damaged knows that a driver does: the cases after it would misjudge, so
 * they are skipped.
 */
static inline void ktap_run(const char *name, void (*fn)(const void *arg),
			    const void *arg, unsigned int seconds)
{
	int status;
	pid_t pid;

	if (ktap.list) {
		puts(name);
		return;
	}
	if (ktap.only && strcmp(ktap.only, name))
		return;
	if (ktap.damaged) {
		ktap_skip(name, "an earlier case damaged the guest: use a fresh one");
		return;
	}
	fflush(stdout);
	pid = fork();
	if (!pid) {
		ktap.wrong = false;
		fn(arg);
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

#endif /* _KTAP_H */
