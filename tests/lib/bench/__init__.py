# SPDX-License-Identifier: GPL-2.0-only
"""The benchmarks: our driver beside the in-tree one.

engine.py has what all of them do alike. scripts/bench measures sizes of the balloon
(course.py), scripts/bench-migration and scripts/bench-reporting what turns.py lets take
turns. samples.py keeps what was measured, and knows medians and ratios. Nothing in here
knows how the results look but table.py and plot.py, and nothing what they should be but
limits.py.
"""
