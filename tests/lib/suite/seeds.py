# SPDX-License-Identifier: GPL-2.0-only
"""Chance that can be repeated: a test that failed names the seed to do so."""

import random


def numbers(request, record_property):
    """Random numbers of --seed, or of a new seed."""
    seed = request.config.option.seed
    seed = random.randrange(1 << 32) if seed is None else seed
    print(f"replay with --seed {seed}")
    record_property("seed", seed)
    return random.Random(seed)
