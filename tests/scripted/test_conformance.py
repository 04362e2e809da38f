# SPDX-License-Identifier: GPL-2.0-only
"""What the specification asks of a driver, one test a statement.

All statements of a kernel are judged at once, in a guest for each command line,
when the first test asks. make conformance prints the same as a table, beside the
in-tree driver; Documentation/conformance says what the ids stand for.
"""

import pytest

from suite import conformance

STATEMENTS = [statement for statement in conformance.load()
              if statement.status == "tested"]


@pytest.fixture(scope="module")
def verdicts(kernel, driver):
    return conformance.judge(kernel, driver,
                             {statement.id for statement in STATEMENTS})


def test_table():
    """Each statement has a test or a reason, each test a statement."""
    assert not conformance.check_table()


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda one: one.id)
def test_statement(verdicts, statement):
    verdict = verdicts.by_id[statement.id]
    if verdict.result == "skip":
        pytest.skip(verdict.detail)
    assert verdict.result == "pass", (
        f"{statement.level}, {statement.section}: {statement.text}\n{verdict.detail}")


@pytest.mark.parametrize("append", conformance.FILLED)
def test_filled_pages(verdicts, kernel, ours, append):
    """Nothing about them is left out in a guest that fills free pages like that."""
    if reason := conformance.why_not(kernel, append):
        pytest.skip(reason)
    conformance.check_filled(verdicts, append)


def test_kernel_log(verdicts):
    assert not verdicts.complaints, "\n".join(verdicts.complaints)
