/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The few words of the kernel that the driver's pure headers use.
 */
#ifndef UNIT_KERNEL_H
#define UNIT_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

typedef uint32_t u32;
typedef uint64_t u64;

#define U32_MAX	UINT32_MAX

#define WRITE_ONCE(x, value)	((x) = (value))

#endif /* UNIT_KERNEL_H */
