# SPDX-License-Identifier: GPL-2.0-only
"""Shows that libvirt can do with the balloon what its users do with it.

virsh setmem and dommemstat, managedsave and what follows it, and migrate between two
libvirt hosts: the balloon stays, the memory is whole, the books balance. These are two
libvirtd of the test's own, in the build root; the machine's are not touched.
"""

import pytest

from lab import MIB
from suite import books, guests
from suite.guests import full_size
from suite.libvirt import Domain, Host

ENDS_OF_RANGE = True

MEMORY, GIVEN = 512, 300 * MIB
# QEMU's own, beside the guest's.
QEMU_MEMORY = 250 * MIB
# By libvirt's names, and where they stand in /proc/meminfo.
STATISTICS = {"available": "MemTotal", "unused": "MemFree", "usable": "MemAvailable"}


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    directory = tmp_path_factory.mktemp("libvirt")
    hosts = [Host(directory / name) for name in ("here", "there")]
    try:
        yield [host.start() for host in hosts]
    finally:
        for host in hosts:
            host.stop()


@pytest.fixture(scope="module")
def _domain(hosts, kernel, driver):
    domain = Domain(hosts[0], kernel, driver, memory_mib=MEMORY, smp=1,
                    append="init_on_alloc=0").start()
    yield domain
    domain.stop()


@pytest.fixture
def domain(request, _domain):
    guests.watch(request.node, _domain, _domain.log_mark())
    _domain.resize(full_size(_domain))
    return _domain


@pytest.fixture
def kept(domain):
    """A function that checks that the guest's memory is whole."""
    domain.check("dd if=/dev/urandom of=/tmp/kept bs=1M count=32 2>/dev/null")
    before = domain.check("md5sum /tmp/kept", 60)

    def check():
        assert domain.check("md5sum /tmp/kept", 60) == before, "the guest's memory changed"

    yield check
    domain.check("rm /tmp/kept")


def test_memory(domain):
    before = books.at_rest(domain)
    domain.check("dd if=/dev/zero of=/tmp/used bs=1M count=300 2>/dev/null; rm /tmp/used")
    domain.resize(full_size(domain) - GIVEN)
    books.check(domain, before, total_falls=False)
    domain.wait_for(lambda: domain.rss() < full_size(domain) - GIVEN + QEMU_MEMORY, 30,
                    lambda: f"rss to fall, it is {domain.rss() // MIB} MiB")
    domain.resize(full_size(domain))
    books.check(domain, before)


def test_statistics(domain):
    """They are the guest's, and fresh."""
    def last():
        return domain.memory_statistics().get("last_update", 0)

    first = domain.wait_for(last, 30, "statistics")
    domain.wait_for(lambda: last() > first, 30, "the next statistics")
    wrong = []

    def same():
        stats, meminfo = domain.memory_statistics(), domain.meminfo()
        wrong[:] = [f"{name} {stats[name]}, {field} {meminfo[field]}"
                    for name, field in STATISTICS.items()
                    if abs(stats[name] - meminfo[field]) >= 16 * MIB]
        return not wrong

    # Memory that is being reported is not free for a moment.
    domain.wait_for(same, 30, lambda: f"the same statistics; {'; '.join(wrong)}")


def test_managed_save(domain, kept):
    before = books.at_rest(domain)
    domain.resize(full_size(domain) - GIVEN)
    domain.managed_save()
    domain.start_again()
    domain.wait_actual(full_size(domain) - GIVEN)
    kept()
    domain.resize(full_size(domain))
    books.check(domain, before)


def test_migrate(domain, kept, hosts):
    before = books.at_rest(domain)
    domain.resize(full_size(domain) - GIVEN)
    domain.migrate(hosts[1])
    domain.wait_actual(full_size(domain) - GIVEN)
    kept()
    domain.resize(full_size(domain))
    books.check(domain, before)
