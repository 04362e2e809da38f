# SPDX-License-Identifier: GPL-2.0-only
"""The statements of the specification, judged on a debug kernel.

What make conformance judges, for what the kernel's watchers say of it; one test,
since each statement has its own on the other kernels.
"""

import pytest

from suite import conformance


@pytest.fixture(scope="module")
def verdicts(kernel, driver):
    return conformance.judge(kernel, driver,
                             {one.id for one in conformance.load()
                              if one.status == "tested"})


def test_statements(verdicts):
    failed = {name: verdict.detail for name, verdict in verdicts.by_id.items()
              if verdict.result == "FAIL"}
    assert not failed, "\n".join(f"{name}: {detail}" for name, detail in failed.items())
    assert any(verdict.result == "pass" for verdict in verdicts.by_id.values())


@pytest.mark.parametrize("append", conformance.FILLED)
def test_filled_pages(verdicts, ours, append):
    conformance.check_filled(verdicts, append)


def test_kernel_log(verdicts):
    assert not verdicts.complaints, "\n".join(verdicts.complaints)
