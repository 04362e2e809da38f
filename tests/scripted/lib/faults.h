/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Allocations that fail, for the programs d_*.c: the kernel's fault injection
 * (CONFIG_FAILSLAB, CONFIG_FAIL_PAGE_ALLOC), for one task or for the kernel's
 * workers, in which most of a driver runs.
 */
#ifndef _FAULTS_H
#define _FAULTS_H

#include <stdbool.h>
#include <sys/types.h>

/* Which tasks: by the beginning of their names. */
#define FAULTS_WORKERS		"kworker/"
#define FAULTS_UNBOUND		"kworker/u"

bool faults_prepare(void);
bool faults_arm_self(unsigned int nth);
bool faults_disarm_self(void);
unsigned int faults_arm_tasks(const char *names, unsigned int nth);
bool faults_disarm_tasks(const char *names);
void faults_random(const char *names, unsigned int percent);
void faults_end_random(const char *names);

#endif /* _FAULTS_H */
