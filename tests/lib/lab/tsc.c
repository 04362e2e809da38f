// SPDX-License-Identifier: GPL-2.0-only
/* Print this machine's TSC frequency in kHz; tsc.py says what for. */
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

static long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_RAW, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

int main(void)
{
	long long start_ns = now_ns(), ns;
	unsigned long long start = __rdtsc(), ticks;

	do {
		ticks = __rdtsc() - start;
		ns = now_ns() - start_ns;
	} while (ns < 50000000);
	printf("%lld\n", (long long)(ticks * 1000000 / ns));
	return 0;
}
