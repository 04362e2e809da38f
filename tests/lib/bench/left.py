# SPDX-License-Identifier: GPL-2.0-only
"""What a balloon takes from a guest that has used its memory, and leaves to it.

Fragments are all the same to the guest, and the host holds them. Whole blocks of 2 MiB
and more are what the guest has for huge pages, and if nobody touched them the host
gets nothing.
"""

from lab import MIB
from suite import used

HUGE_MIB = 2
# Of the whole blocks before, asked for as huge pages: so many are left by who takes
# fragments, and the kernel does not run short.
ASKED_SHARE = 0.75


def before(guest):
    """{metric: value} of a guest that has no driver yet.

    Free page reports begin as soon as there is one. They can return blocks that are
    split for the balloon later, and cannot be returned twice.
    """
    return {"rss_prepared": guest.rss() / MIB,
            "blocks_before": used.whole_blocks(guest) / MIB}


def after(guest, values):
    """The same when it was inflated; values: what was measured of that."""
    blocks = used.whole_blocks(guest) / MIB
    asked = int(values["blocks_before"] * ASKED_SHARE) // HUGE_MIB
    return {"host_got": values["rss_prepared"] - values["rss_after"],
            "blocks_after": blocks,
            "pages_asked": asked,
            "pages_got": used.huge_pages(guest, asked)}
