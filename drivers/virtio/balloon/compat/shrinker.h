/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A shrinker: newer kernels allocate it, older ones embed it.
 */
#ifndef BALLOON_COMPAT_SHRINKER_H
#define BALLOON_COMPAT_SHRINKER_H

#include <linux/sched.h>
#include <linux/shrinker.h>
#include <linux/swap.h>

typedef unsigned long (*balloon_shrinker_fn)(struct shrinker *shrinker,
					     struct shrink_control *control);

/*
 * Whole pages that a shrinker frees count as reclaimed only if it reports them. Otherwise
 * reclaim continues as if nothing had been freed.
 */
#ifndef BALLOON_HAVE_ACCOUNT_RECLAIMED
static inline void mm_account_reclaimed_pages(unsigned long nr_pages)
{
	if (current->reclaim_state)
		current->reclaim_state->reclaimed_slab += nr_pages;
}
#endif

/* Both kinds are called for each node. */
#ifdef BALLOON_HAVE_SHRINKER_ALLOC
struct balloon_compat_shrinker {
	struct shrinker *shrinker;
};

static inline struct balloon_compat_shrinker *
balloon_compat_shrinker_of(struct shrinker *shrinker)
{
	return shrinker->private_data;
}

static inline int
balloon_compat_shrinker_add(struct balloon_compat_shrinker *compat,
			    const char *name, balloon_shrinker_fn count,
			    balloon_shrinker_fn scan)
{
	struct shrinker *shrinker = shrinker_alloc(SHRINKER_NUMA_AWARE, "%s", name);

	if (!shrinker)
		return -ENOMEM;
	shrinker->count_objects = count;
	shrinker->scan_objects = scan;
	shrinker->private_data = compat;
	compat->shrinker = shrinker;
	shrinker_register(shrinker);
	return 0;
}

static inline void
balloon_compat_shrinker_remove(struct balloon_compat_shrinker *compat)
{
	shrinker_free(compat->shrinker);
	compat->shrinker = NULL;
}
#else
struct balloon_compat_shrinker {
	struct shrinker shrinker;
};

static inline struct balloon_compat_shrinker *
balloon_compat_shrinker_of(struct shrinker *shrinker)
{
	return container_of(shrinker, struct balloon_compat_shrinker, shrinker);
}

static inline int
balloon_compat_shrinker_add(struct balloon_compat_shrinker *compat,
			    const char *name, balloon_shrinker_fn count,
			    balloon_shrinker_fn scan)
{
	compat->shrinker.count_objects = count;
	compat->shrinker.scan_objects = scan;
	compat->shrinker.seeks = DEFAULT_SEEKS;
	compat->shrinker.flags = SHRINKER_NUMA_AWARE;
	return register_shrinker(&compat->shrinker, "%s", name);
}

static inline void
balloon_compat_shrinker_remove(struct balloon_compat_shrinker *compat)
{
	unregister_shrinker(&compat->shrinker);
}
#endif

#endif /* BALLOON_COMPAT_SHRINKER_H */
