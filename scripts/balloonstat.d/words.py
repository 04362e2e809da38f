# SPDX-License-Identifier: GPL-2.0-only
"""What a sample means, in plain words."""

import textwrap

from reading import BYTES, KIB, MIB, WORDS

# What each state means for who has never heard of balloons.
STATES = {
    "idle": "The balloon has the size that the host wants, and rests.",
    "inflating": "The balloon grows: memory of the guest goes to the host.",
    "deflating": "The balloon shrinks: memory comes back from the host.",
    "waiting-for-memory": "Inflating has stopped because no more memory of the guest can be "
    "reclaimed. The driver tries again after 0.2 s to 10 s, or when the host wants another size.",
    "floor": "Inflating has stopped because the rest is left to the guest: {floor} have to stay "
    "available (parameter floor of the module). The driver tries again after 0.2 s to 10 s, or "
    "when the host wants another size.",
    "waiting-for-compaction": "Deflating has stopped for a moment: the kernel is moving the "
    "pages that are left. The driver tries again after 20 ms.",
    "paused-after-oom": "Inflating has stopped for 1 s to 60 s because the guest ran out of "
    "memory and got some from the balloon.",
    "host-silent": "Nothing moves because the host does not answer. The guest goes on without "
    "the memory that is in flight; look at the host.",
    "broken": "Nothing moves because the device is broken; the host's log should say more. To "
    "get the memory back: echo {device} >/sys/bus/virtio/drivers/virtio_balloon/unbind",
    "suspending": "The guest is about to sleep, and the balloon stays as it is.",
    "resyncing": "All of the balloon is announced to the host again, about 1 s a GiB.",
}

HINTS = {
    "none": "the device asks for no hints.",
    "idle": "the host does not ask for hints at present.",
    "hinting": "the host asks what is free, as it does for a migration, and is being told.",
    "holding": "they stay untouched until the host is done. The kernel gets them back when it "
    "needs memory.",
    "waiting": "the host knows what is free, and is not done yet. Nothing had to be held.",
}

REPORTS = {
    "none": "does not go to the host by itself: there is no free page reporting.",
    "unregistered": "is not reported to this device; the kernel's log says why.",
    "idle": "goes to the host by itself, {reported} so far.",
    "reporting": "goes to the host by itself, {reported} so far, and more at this moment.",
}


def size(amount):
    """Rounded down: what is not quite there must not look as if it were."""
    if amount is None:
        return "unknown"
    if amount % MIB == 0:
        return f"{amount // MIB} MiB"
    if amount < MIB:
        return f"{amount // KIB} KiB"
    return f"{amount * 10 // MIB / 10:.1f} MiB"


def whole(amount, unit):
    return "-" if amount is None else f"{amount // unit:.0f}"


def rate_text(rate):
    return "-" if rate is None else f"{rate / MIB:+.1f}" if rate else "0.0"


def host_sentence(sample):
    owed = f"{size(sample['in_flight'])} in flight"
    if sample["state"] == "broken":
        return f"The host cannot answer: the device is broken, with {owed}."
    if sample["state"] == "host-silent":
        return f"The host does not answer: for 10 s or more nothing came from it, with {owed}."
    if sample["in_flight"] is None:
        return "Whether the host answers is not known here."
    if sample["in_flight"]:
        return f"The host answers, as far as one can tell: with {owed}, it was not silent for 10 s."
    return "The host has answered everything: nothing is in flight."


def meaning(sample):
    """Sentences: what the balloon does, whether the host answers, what is hinted."""
    state, held, hints = sample["state"], sample["hint_held"], sample["hint_state"]
    text = STATES.get(state, "The state is {state}; this program has no words for it.")
    yield text.format(state=state, device=sample["device"], floor=size(sample["floor"]))
    yield host_sentence(sample)
    lead = "No memory is" if held == 0 else f"Of the free memory {size(held)} are"
    yield f"{lead} held for hints: {HINTS.get(hints, f'the state of hinting is {hints}.')}"
    if sample["report_state"] in REPORTS:
        text = REPORTS[sample["report_state"]].format(reported=size(sample["reported"]))
        yield f"What the guest frees {text}"


def missing(source, sample):
    """Sentences: what could not be read."""
    absent = [name for name in BYTES + WORDS if sample[name] is None]
    if absent:
        yield f"The driver does not show {', '.join(absent)}: it is of another version."
    if sample["debugfs"] is None:
        yield (f"The counters in {source.debugfs} are missing here: they need root, a mounted "
               "debugfs, and a kernel that has it.")
    if not sample["vmstat"]:
        yield f"The counters in {source.vmstat_file} are missing here."


def counter(name, value):
    """Counters tell their unit by their name: release_usecs_max, held_bytes."""
    if "bytes" in name.split("_") and isinstance(value, int):
        return size(value)
    return f"{value} us" if name.endswith(("usecs", "usecs_max")) else value


def once_lines(source, sample):
    yield f"device: {sample['device']}"
    yield from (f"{name}: {size(sample[name])}" for name in BYTES)
    yield from (f"{name}: {sample[name] or 'unknown'}" for name in WORDS)
    for name, value in (sample["vmstat"] or {}).items():
        yield f"vmstat.{name}: {value} pages"
    for file, values in (sample["debugfs"] or {}).items():
        yield from (f"debugfs.{file}.{name}: {counter(name, value)}"
                    for name, value in values.items())
    yield ""
    size_sentence = (f"The balloon of {sample['device']} has {size(sample['actual'])}; the host "
                     f"wants it to have {size(sample['target'])}.")
    for sentence in (size_sentence, *meaning(sample), *missing(source, sample)):
        yield from textwrap.wrap(sentence, 79, break_long_words=False, break_on_hyphens=False)
