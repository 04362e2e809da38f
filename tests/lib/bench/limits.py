# SPDX-License-Identifier: GPL-2.0-only
"""What the driver has to reach, and whether it does.

Limits are ratios to the in-tree driver, or counts for each GiB, never times:
they hold on every machine.
"""

from dataclasses import dataclass

from .contest import BARE, IN_TREE, MODES

PASS, FAIL, UNKNOWN = "pass", "FAIL", "–"


@dataclass(frozen=True)
class Limit:
    """One line. find: places it is about; value(results, place, driver)."""

    text: str
    drivers: dict           # {driver: most that is allowed}
    find: dict              # fields of Place
    metric: str             # that says in which places it was measured
    value: callable
    unit: str = "×"


@dataclass(frozen=True)
class Judgement:
    """A limit for one kernel, driver and phase."""

    text: str
    kernel: str
    driver: str
    value: float
    limit: float
    unit: str

    @property
    def verdict(self):
        if self.value is None:
            return UNKNOWN
        return PASS if self.value <= self.limit else FAIL


def _ratio(metric):
    return lambda results, place, driver: results.ratio(place, driver, metric)


def _per_gib(metric):
    return lambda results, place, driver: results.per_gib(place, driver, metric)


def _plain(metric):
    return lambda results, place, driver: results.median(place, driver, metric)


def _bare_cost(results, place, driver):
    """Of the largest blocks there are: what range takes."""
    return results.ratio(place, driver, "instructions", f"{BARE} order 10")


def _huge_pages_lost(results, place, driver):
    before = results.median(place, driver, "huge_before")
    after = results.median(place, driver, "huge_after")
    return None if before is None else (before - after) / place.size_mib


def _not_got(results, place, driver):
    """The part of what was asked for that did not come to the host."""
    got = results.median(place, driver, "host_got")
    return None if got is None else 1 - got / place.size_mib


def _fewer(metric, whole):
    """The in-tree driver's to this one's, where more is better: each as a part of what
    there was, which differs from turn to turn."""
    def part(results, place, driver):
        some, every = (results.median(place, driver, name) for name in (metric, whole))
        return None if None in (some, every) else max(some, 1) / max(every, 1)

    def value(results, place, driver):
        ours, theirs = (part(results, place, one) for one in (driver, IN_TREE))
        return None if None in (ours, theirs) else theirs / ours
    return value


def _time(init_on_alloc, memory, phase):
    return {"run": "time", "init_on_alloc": init_on_alloc, "memory": memory,
            "phase": phase}


def _count(memory, phase):
    return {"run": "count", "init_on_alloc": 0, "memory": memory, "phase": phase}


def _faster():
    """Wall times."""
    yield Limit("inflate populated memory, init_on_alloc=0: wall time",
                {"pfn": 0.6, "auto": 0.5, "range": 0.04},
                _time(0, "populated", "inflate"), "wall", _ratio("wall"))
    yield Limit("inflate populated memory, init_on_alloc=1: wall time",
                {"pfn": 1, "auto": 1}, _time(1, "populated", "inflate"), "wall",
                _ratio("wall"))
    for init_on_alloc in (0, 1):
        yield Limit(f"deflate, init_on_alloc={init_on_alloc}: time until usable",
                    dict.fromkeys(MODES, 0.5),
                    _time(init_on_alloc, "populated", "deflate"), "usable",
                    _ratio("usable"))


def _smaller():
    """Instructions and memory."""
    yield Limit("inflate, init_on_alloc=1: instructions, to the bare cost",
                {"range": 1.05}, {"run": "icount", "init_on_alloc": 1,
                                  "phase": "inflate"}, "instructions", _bare_cost)
    for memory in ("populated", "untouched"):
        yield Limit(f"inflate {memory} memory, init_on_alloc=1: peak RSS above the start",
                    dict.fromkeys(MODES, 64), _time(1, memory, "inflate"),
                    "rss_peak", _plain("rss_peak"), "MiB")


def _quieter():
    """Events for each GiB."""
    limits = {"kicks": 32, "interrupts": 64, "config": 40}
    names = {"kicks": "kicks", "interrupts": "interrupts",
             "config": "config accesses"}
    for phase in ("inflate", "deflate"):
        for metric, most in limits.items():
            yield Limit(f"{phase}: {names[metric]} for each GiB", {"pfn": most},
                        _count("populated", phase), metric, _per_gib(metric), "")
    # Whole blocks make 256. Before them go all fragments that a fresh guest has, some
    # 16 MiB, which are told page by page.
    yield Limit("inflate: host discards for each GiB", {"range": 300 + 4096},
                _count("populated", "inflate"), "discards", _per_gib("discards"), "")
    yield Limit("inflate compacted memory, take=blocks: huge pages lost, to what was "
                "ballooned", dict.fromkeys(MODES, 1.1),
                _count("compacted-blocks", "inflate"), "huge_before", _huge_pages_lost)


def _fragments():
    """Where what is free lies in fragments."""
    for init_on_alloc in (0, 1):
        for metric, most, what in (("wall", 0.9, "wall time"),
                                   ("cpu", 1, "processor time of QEMU")):
            yield Limit(f"inflate fragmented memory, init_on_alloc={init_on_alloc}: {what}",
                        dict.fromkeys(MODES, most),
                        _time(init_on_alloc, "fragmented", "inflate"), metric,
                        _ratio(metric))


def _used():
    """What the host gets, and what the guest keeps."""
    for memory in ("used", "cached"):
        for init_on_alloc in (0, 1):
            about = f"inflate {memory} memory, init_on_alloc={init_on_alloc}"
            where = _time(init_on_alloc, memory, "inflate")
            yield Limit(f"{about}: not come to the host, of what was asked",
                        dict.fromkeys(MODES, 0.03), where, "host_got", _not_got)
            yield Limit(f"{about}: whole blocks, the in-tree driver's to ours",
                        dict.fromkeys(MODES, 1.05), where, "blocks_after",
                        _fewer("blocks_after", "blocks_before"))
            yield Limit(f"{about}: huge pages, the in-tree driver's to ours",
                        dict.fromkeys(MODES, 1.02), where, "pages_got",
                        _fewer("pages_got", "pages_asked"))


LIMITS = (*_faster(), *_smaller(), *_quieter(), *_fragments(), *_used())


def _matches(place, kernel, find):
    return place.kernel == kernel and all(getattr(place, name) == wanted
                                          for name, wanted in find.items())


def judge(results):
    """A Judgement of each limit for each kernel and driver."""
    judged = []
    for kernel in results.kernels():
        for limit in LIMITS:
            places = [place for place in results.places(limit.metric)
                      if _matches(place, kernel, limit.find)]
            for driver, most in limit.drivers.items():
                value = (limit.value(results, places[0], driver)
                         if places else None)
                judged.append(Judgement(limit.text, kernel, driver, value, most,
                                        limit.unit))
    return judged


def beside(results, judgement):
    """What the in-tree driver has where the limit is not a ratio to it."""
    for limit in LIMITS:
        if limit.text != judgement.text or limit.value.__qualname__.startswith(
                ("_ratio", "_fewer")):
            continue
        for place in results.places(limit.metric):
            if _matches(place, judgement.kernel, limit.find):
                return limit.value(results, place, IN_TREE)
    return None
