# SPDX-License-Identifier: GPL-2.0-only
"""What scripts/demo shows: a module for each part, and screen.py for all of them."""
