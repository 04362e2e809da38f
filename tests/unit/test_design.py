# SPDX-License-Identifier: GPL-2.0-only
"""Shows that Documentation/design.rst is true: its layers and its walks.

The table of layers has the objects of Kbuild, from the highest to the lowest. Each walk is
followed in the sources: the file has the function, and something that was listed before
calls it. A mark says how else a function is reached; then the kick or the registration has
to be there.
"""

import re
from dataclasses import dataclass
from functools import cache

import pytest

from lab.paths import REPO

DRIVER = REPO / "drivers/virtio/balloon"
PAGE = (REPO / "Documentation/design.rst").read_text()
STEP = re.compile(r"^(\d+)\. ``(\S+): (\w+)\(\)``(?: \(([^)]*)\))?: (.*)$", re.M)
KICK = re.compile(r"balloon_work_(?:kick|interrupt|plan|flush)\(&?([\w.>-]+)")
INIT = re.compile(r"balloon_work_init\(&?([\w.>-]+), [\w>-]+, (\w+)\)")
STREAM = re.compile(r"balloon_(?:stream|pool)_init\([^;]*?&([\w.>-]+)\);")


@dataclass
class Step:
    number: int
    file: str
    function: str
    mark: str

    def __str__(self):
        return f"step {self.number}, {self.file}: {self.function}()"


@cache
def source(file):
    """A file without comments and strings."""
    text = (DRIVER / file).read_text()
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.S)
    return re.sub(r'"(\\.|[^"\\\n])*"', '""', text)


@cache
def whole():
    return "".join(source(path.name) for path in sorted(DRIVER.glob("*.[ch]")))


@cache
def body(file, function):
    """Of a function, or None if the file does not define it."""
    found = re.search(rf"^[a-z][^\n;]*\b{function}\([^;{{}}]*\)\n{{\n(.*?)^}}", source(file),
                      re.M | re.S)
    return found and found[1]


def uses(step, pattern):
    return re.search(rf"{pattern}\(", body(step.file, step.function))


def same(path, item):
    """Whether "&vb->hint.work" or "hint->work" is what a mark calls hint.work."""
    return f".{path.replace('->', '.')}".endswith(f".{item}")


def is_kicked(item, steps):
    """A stream kicks what it was initialised with."""
    kicked = [path for step in steps for path in KICK.findall(body(step.file, step.function))]
    return any(same(path, item) or (path == "stream->work" and
                                    any(same(one, item) for one in STREAM.findall(whole())))
               for path in kicked)


def thread_of(before):
    """The steps of the thread that has run last."""
    start = max((place for place, step in enumerate(before) if step.mark not in ("", "part")),
                default=0)
    return before[start:]


def wrong_work_item(step, before):
    item, number = re.fullmatch(r"work item (\S+?)(?: of step (\d+))?", step.mark).groups()
    if not any(same(path, item) and function == step.function
               for path, function in INIT.findall(source(step.file))):
        return f"is not what the work item {item} runs"
    by = [before[int(number) - 1]] if number else thread_of(before)
    # The first step of a walk may have been kicked by what is not listed.
    if before and not is_kicked(item, by):
        return f"the work item {item} is kicked by none of " + "; ".join(map(str, by))
    return None


def wrong_callback(step, before):
    if not re.search(rf"= *&?{step.function}\s*[,;]", whole()):
        return "is registered nowhere as a callback"
    if step.mark == "host" and not any(uses(one, r"\bvirtqueue_notify")
                                       for one in thread_of(before)):
        return "no step before it notifies the host"
    return None


def wrong_part(step, stack):
    part, verb = re.fullmatch(r"balloon_(\w+)_(\w+)", step.function).groups()
    if not re.search(rf"PART\({part},[^\n]*(\n\t[^\n]*)?\b{verb.upper()}\({part}\)",
                     source("main.c")):
        return f"is not in main.c's table of parts as {verb.upper()}({part})"
    while stack and not uses(stack[-1], rf"(?:->|\.){verb}"):
        stack.pop()
    return None if stack else f"no caller before it calls {verb}() of the parts"


def wrong_call(step, stack):
    """Goes back to the caller, of those that have not returned."""
    callers = [str(one) for one in stack]
    while stack and not uses(stack[-1], rf"\b{step.function}"):
        stack.pop()
    return None if stack else "is called by none of " + "; ".join(reversed(callers))


def wrong_step(step, stack, before):
    """What is wrong with it, or None. The stack has its callers then."""
    if step.mark == "part":
        return wrong_part(step, stack)
    if not step.mark:
        return wrong_call(step, stack) if before else None
    stack.clear()
    if step.mark in ("core", "host"):
        return wrong_callback(step, before)
    if step.mark.startswith("work item "):
        return wrong_work_item(step, before)
    return f"has the mark ({step.mark}), which is none"


def walk_text(title):
    return re.search(rf"^{title}\n-+\n\n(.*?)(?=^\S[^\n]*\n[-=]{{3,}}$)", PAGE, re.M | re.S)[1]


def walk_of(text):
    return [Step(int(number), file, function, mark)
            for number, file, function, mark, _ in STEP.findall(text)]


def titles():
    section = re.search(r"^Walks\n=+\n(.*?)^[^\n]+\n==+$", PAGE, re.M | re.S)[1]
    return re.findall(r"^(\w[^\n]*)\n--+$", section, re.M)


def follow(walk):
    """Complaints."""
    stack, before = [], []
    for step in walk:
        if body(step.file, step.function) is None:
            yield f"{step}: {step.file} does not define it"
            return
        wrong = wrong_step(step, stack, before)
        if wrong:
            yield f"{step}: {wrong}"
        stack.append(step)
        before.append(step)


def test_three_walks():
    assert titles() == ["One page", "One round of hints", "One suspend to disk"]


@pytest.mark.parametrize("title", titles())
def test_walk_is_what_the_sources_do(title):
    text = walk_text(title)
    walk = walk_of(text)
    lines = re.findall(r"^\d+\. ", text, re.M)
    assert len(walk) == len(lines), (
        "a step is no '1. ``file.c: function()`` (mark): what for' on one line")
    assert [step.number for step in walk] == list(range(1, len(walk) + 1))
    complaints = list(follow(walk))
    assert not complaints, "design.rst does not fit the sources:\n" + "\n".join(complaints)


@pytest.mark.parametrize("title", titles())
def test_walk_is_as_long_as_the_page_says(title):
    """A walk that became shorter lowers its limit: it does not grow back unseen."""
    text = walk_text(title)
    limit = tuple(map(int, re.search(r"Limit: (\d+) functions in (\d+)\s+files", text).groups()))
    walk = walk_of(text)
    have = (len({(step.file, step.function) for step in walk}),
            len({step.file for step in walk}))
    assert have == limit, (f"'{title}' has {have[0]} functions in {have[1]} files; shorten the "
                           f"way in the driver, or change 'Limit:' in design.rst")


def test_layers_are_those_of_kbuild():
    objects = re.findall(r"\b(\w+)\.o\b", "\n".join(
        re.findall(r"^virtio_balloon-.*$", (DRIVER / "Kbuild").read_text(), re.M)))
    rows = re.findall(r"^(\d) +``(\w+)\.c`` ", PAGE, re.M)
    assert [name for _, name in rows] == objects[::-1], (
        "the table of layers in design.rst is not Kbuild's list, turned around")
    assert [layer for layer, _ in rows] == sorted((layer for layer, _ in rows), reverse=True)


def test_files_that_are_named_exist():
    """Those of the driver by their names alone; the kernel's are linux/ and so on."""
    named = set(re.findall(r"``([\w/-]+\.(?:c|h|py|probe))\b", PAGE))
    assert len(named) > 30
    assert not {name for name in named if not name.startswith("linux/") and
                not (DRIVER / name).exists() and not (REPO / name).exists()}


# -- that the walk notices ---------------------------------------------------------

def complaint(*steps):
    text = "\n".join(f"{number}. {step}: because" for number, step in enumerate(steps, 1))
    walk = walk_of(text)
    assert len(walk) == len(steps)
    return "\n".join(follow(walk))


@pytest.mark.parametrize("steps, wrong", [
    (["``size.c: size_steps()``"], "does not define it"),
    (["``size.c: balloon_inflate()``"], "does not define it"),
    (["``size.c: size_step()``", "``pages.c: balloon_pages_settle()``"], "called by none of"),
    # What has returned calls nothing more.
    (["``size.c: balloon_size_work()``", "``size.c: size_step()``", "``size.c: size_rest()``",
      "``size.c: size_inflate()``"], "called by none of"),
    (["``size.c: balloon_size_work()``", "``pm.c: pm_wake()`` (core)"], "registered nowhere"),
    (["``size.c: size_step()``", "``queue.c: queue_interrupt()`` (host)"], "notifies the host"),
    (["``size.c: size_step()``", "``size.c: balloon_size_work()`` (work item worker)"],
     "is kicked by none of"),
    (["``size.c: balloon_size_work()`` (work item worker)", "``pm.c: pm_down()`` (core)",
      "``size.c: balloon_size_work()`` (work item worker)"], "is kicked by none of"),
    (["``hint.c: hint_work()`` (work item worker)"], "not what the work item worker runs"),
    (["``device.c: balloon_device_stop()``", "``size.c: balloon_size_start()`` (part)"],
     "calls start() of the parts"),
    (["``device.c: balloon_device_stop()``", "``size.c: balloon_size_init()`` (part)"],
     "table of parts"),
    (["``size.c: size_step()``", "``size.c: size_inflate()`` (soon)"], "which is none"),
])
def test_wrong_walk(steps, wrong):
    assert wrong in complaint(*steps)


def test_right_walk():
    assert not complaint("``device.c: balloon_device_stop()``",
                         "``size.c: balloon_size_stop()`` (part)",
                         "``work.c: balloon_work_stop()``")
