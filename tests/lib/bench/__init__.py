# SPDX-License-Identifier: GPL-2.0-only
"""The benchmark: the driver in each of its modes beside the in-tree one.

scripts/bench is its entry. Nothing in here knows how the results look but
table.py and plot.py, and nothing what they should be but limits.py.
"""
