# SPDX-License-Identifier: GPL-2.0-only
"""What the pytest suites share beyond the lab itself.

guests.py keeps guests between tests, books.py counts every page, ktap.py reads
the verdicts of test programs, report.py and schedule.py are for pytest.
"""
