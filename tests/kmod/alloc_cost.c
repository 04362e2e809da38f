// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it costs to take memory from the allocator, without any driver: the
 * yardstick of the benchmark.
 *
 * Takes and frees a number of blocks when it is loaded, the way the balloon
 * takes whole blocks, and shows how long both took. With an instruction count
 * for a clock (QEMU's -icount shift=0) a nanosecond is an instruction.
 */
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sizes.h>

static unsigned int order;
module_param(order, uint, 0444);
MODULE_PARM_DESC(order, "order of each block");

static unsigned int mib = 64;
module_param(mib, uint, 0444);
MODULE_PARM_DESC(mib, "memory to take, in MiB");

static bool movable;
module_param(movable, bool, 0444);
MODULE_PARM_DESC(movable, "leave the memory among that which can be moved");

static bool touch;
module_param(touch, bool, 0444);
MODULE_PARM_DESC(touch, "write to each page, so that the host has to hold it");

static unsigned int nr_blocks;
module_param(nr_blocks, uint, 0444);
MODULE_PARM_DESC(nr_blocks, "result: blocks that were to be had");

static ulong alloc_ns;
module_param(alloc_ns, ulong, 0444);
MODULE_PARM_DESC(alloc_ns, "result: time to take them, in ns");

static ulong free_ns;
module_param(free_ns, ulong, 0444);
MODULE_PARM_DESC(free_ns, "result: time to free them, in ns");

/* As the balloon's: what lies there, and nothing reclaimed for it. */
#define ALLOC_COST_GFP	((GFP_HIGHUSER | __GFP_NOMEMALLOC | __GFP_NORETRY | \
			  __GFP_NOWARN) & ~__GFP_RECLAIM)

static unsigned int alloc_cost_take(struct list_head *blocks, unsigned int nr)
{
	gfp_t gfp = ALLOC_COST_GFP | (movable ? __GFP_MOVABLE : 0);
	unsigned int taken;
	struct page *page;

	for (taken = 0; taken < nr; taken++) {
		page = alloc_pages(gfp, order);
		if (!page)
			break;
		list_add_tail(&page->lru, blocks);
	}
	return taken;
}

static void alloc_cost_touch(struct list_head *blocks)
{
	struct page *page;
	unsigned long i;

	list_for_each_entry(page, blocks, lru)
		for (i = 0; i < 1UL << order; i++)
			WRITE_ONCE(*(int *)page_address(page + i), 1);
}

static void alloc_cost_free(struct list_head *blocks)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, blocks, lru) {
		list_del(&page->lru);
		__free_pages(page, order);
	}
}

static int __init alloc_cost_init(void)
{
	unsigned long nr = ((unsigned long)mib * SZ_1M >> PAGE_SHIFT) >> order;
	LIST_HEAD(blocks);
	u64 start;

	start = ktime_get_ns();
	nr_blocks = alloc_cost_take(&blocks, nr);
	alloc_ns = ktime_get_ns() - start;
	if (touch)
		alloc_cost_touch(&blocks);
	start = ktime_get_ns();
	alloc_cost_free(&blocks);
	free_ns = ktime_get_ns() - start;
	return 0;
}
module_init(alloc_cost_init);

static void __exit alloc_cost_exit(void)
{
}
module_exit(alloc_cost_exit);

MODULE_DESCRIPTION("Cost of allocating blocks of memory");
MODULE_LICENSE("GPL");
