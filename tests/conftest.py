# SPDX-License-Identifier: GPL-2.0-only
"""Every test on every kernel, with a guest, and judged by the kernel log too.

Options, fixtures and what happens around a test. How they work is in tests/lib.
"""

import pytest
from _pytest.runner import runtestprotocol

from lab import DEBUG_SERIES, OVERLAY_SERIES, SERIES, Kernel
from lab.deadline import SCALE
from suite import books, guests
from suite.kernels import left_out
from suite.report import Report

# A net for tests whose own deadlines do not hold, in seconds. With --full they do the
# same a multiple of times: after twenty shortages each waits for a pause of a minute.
TEST_TIMEOUT = 240
TEST_TIMEOUT_FULL = 2400


def pytest_addoption(parser):
    group = parser.getgroup("balloon")
    group.addoption("--kernel", action="append", choices=SERIES + DEBUG_SERIES + OVERLAY_SERIES,
                    help="only on this kernel; may be given several times")
    group.addoption("--driver", choices=("ours", "in-tree"), default="ours",
                    help="the driver to judge")
    group.addoption("--full", action="store_true",
                    help="repeat as often as a judgement needs, not as a run can afford")
    group.addoption("--seed", type=int,
                    help="replay a test that takes random numbers")
    group.addoption("--case", help="only this case of each program")
    group.addoption("--fuzz", type=float, metavar="SECONDS", default=0,
                    help="play random hosts for so long, see scripted/test_fuzz.py")
    group.addoption("--steps", type=int, help="of a new seed")
    group.addoption("--life", type=int, help="play this device of a seed only")


def is_worker(config):
    return hasattr(config, "workerinput")


def pytest_configure(config):
    if not is_worker(config) and not config.option.collectonly:
        config.pluginmanager.register(Report(), "balloon-report")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    from suite.schedule import ByGuest      # pylint: disable=import-outside-toplevel
    return ByGuest(config, log)


def kernels_for(config, module):
    """Those that were asked for.

    A file with ENDS_OF_RANGE costs minutes on each, and the kernels between the
    oldest and the newest have little of their own: they are left out when both ends
    are there, without --full.
    """
    wanted = list(config.option.kernel or SERIES)
    if getattr(module, "ENDS_OF_RANGE", False):
        return [series for series in wanted if series not in left_out(config.option)]
    return wanted


def pytest_generate_tests(metafunc):
    if "kernel" in metafunc.fixturenames:
        metafunc.parametrize("kernel", kernels_for(metafunc.config, metafunc.module),
                             indirect=True, scope="module")


def pytest_report_header(config):
    missing = [series for series in left_out(config.option)
               if series in (config.option.kernel or SERIES)]
    if not missing:
        return None
    return (f"files with ENDS_OF_RANGE leave out {', '.join(missing)}, without --full: "
            "name one kernel to have them there")


def pytest_collection_modifyitems(config, items):
    long = config.option.full or config.option.fuzz
    timeout = (TEST_TIMEOUT_FULL if long else TEST_TIMEOUT) + config.option.fuzz
    for item in items:
        if item.get_closest_marker("rare") and not config.option.full:
            item.add_marker(pytest.mark.skip(reason="takes time: with --full"))
        if not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(timeout * SCALE))


# -- the verdict --

def kernel_complaints(item):
    """What the kernels of the test's guests complained of."""
    allowed = [pattern for mark in item.iter_markers("allow_log")
               for pattern in mark.args]
    found = (watched.complaint(allowed) for watched in guests.watched(item))
    return "\n".join(filter(None, found))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if call.when == "call" and report.passed:
        complaints = kernel_complaints(item)
        if complaints:
            report.outcome = "failed"
            report.longrepr = f"the kernel complained:\n{complaints}"
    if report.failed:
        item.stash[guests.FAILED] = True
        for watched in guests.watched(item):
            report.sections.append(("guest", watched.artefacts()))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    """Run a test once more when it was the emulated machine that failed, and say so."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    fault = any(report.failed for report in reports) and guests.machine_failed(item)
    if fault:
        guests.forget(item)
        item.user_properties.append(("figure", f"run again, the machine failed: {fault}"))
        item._initrequest()             # pylint: disable=protected-access
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


# -- fixtures --

@pytest.fixture(scope="module")
def kernel(request):
    return Kernel(request.param)


@pytest.fixture(scope="session")
def driver(request):
    """Which driver is judged: "ours" or "in-tree"."""
    return request.config.option.driver


@pytest.fixture
def ours(driver):
    """For tests of what only our driver has."""
    if driver != "ours":
        pytest.skip("only our driver has this")


@pytest.fixture(scope="module")
def _slot(request, kernel, driver):
    slot = guests.Slot(kernel, driver, getattr(request.module, "GUEST", {}))
    yield slot
    slot.close()


@pytest.fixture
def guest(request, _slot):
    """A guest with an empty balloon, shared by the tests of a file.

    GUEST in the file has options for it.
    """
    _slot.watch(request.node)
    guest, mark = _slot.get()
    guests.watch(request.node, guest, mark)
    yield guest
    _slot.put(request.node.stash.get(guests.FAILED, False))


@pytest.fixture
def boot(request, kernel, driver):
    """A function that boots a guest with options of its own, for one test."""
    with guests.factory(request.node, kernel, driver) as function:
        yield function


@pytest.fixture
def start(guest):
    """The books of the shared guest before the test."""
    return books.at_rest(guest)
