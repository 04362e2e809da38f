# SPDX-License-Identifier: GPL-2.0-only
"""Metrics in the text format of Prometheus, as node_exporter's textfile collector reads it."""

import re

from kernel import BALLOON_FEATURES, features, page_size
from reading import read
from words import HINTS, REPORTS, STATES

PREFIX = "virtio_balloon_"

# {attribute: metric} of the sizes in sysfs.
SIZES = {"target": "target_bytes", "actual": "actual_bytes", "in_flight": "in_flight_bytes",
         "floor": "floor_bytes", "element": "element_bytes",
         "whole_blocks": "whole_blocks_bytes", "hint_held": "hint_held_bytes",
         "reported": "reported_bytes_total"}
# {attribute: its words}. Each word is a series, 1 for the present one.
STATE_SETS = {"state": STATES, "hint_state": HINTS, "report_state": REPORTS}
# {counter of /proc/vmstat, in pages: metric}
VMSTAT = {"balloon_inflate": "vmstat_inflated_bytes_total",
          "balloon_deflate": "vmstat_deflated_bytes_total",
          "balloon_migrate": "vmstat_migrated_bytes_total",
          "nr_balloon_pages": "vmstat_present_bytes"}
# The words that debugfs has for each queue.
QUEUE = re.compile("(inflate|deflate|stats|hint|reporting)_(requests|completions|kicks|interrupts)")

HELP = {
    "devices": "Balloon devices of this guest, whatever their driver.",
    "info": "The driver of a balloon (out-of-tree, in-tree or none), its version and modes.",
    "feature": "1 if device and driver have agreed on the feature, otherwise 0.",
    "debugfs_readable": "1 if the driver's counters in debugfs can be read, otherwise 0.",
    "target_bytes": "Size that the host wants the balloon to have.",
    "actual_bytes": "Memory in the balloon.",
    "in_flight_bytes": "Memory that the host was told of and has not acknowledged yet.",
    "floor_bytes": "Available memory that inflating leaves to the guest.",
    "element_bytes": "Memory that one request names at most.",
    "whole_blocks_bytes": "The part of the balloon that is blocks of inflate=range.",
    "hint_held_bytes": "Free memory that is held for free page hinting.",
    "reported_bytes_total": "Free memory that was reported to the host, as in sysfs.",
    "state": "1 for what the balloon does, or why it is not at its target; otherwise 0.",
    "hint_state": "1 for what free page hinting does, otherwise 0.",
    "report_state": "1 for what free page reporting does, otherwise 0.",
    "queue_requests_total": "Requests made on the queue.",
    "queue_completions_total": "Requests that the host has completed.",
    "queue_kicks_total": "Notifications of the host.",
    "queue_interrupts_total": "Interrupts by the host.",
    "vmstat_inflated_bytes_total": "Memory that went into all balloons of the guest.",
    "vmstat_deflated_bytes_total": "Memory that came back from all balloons of the guest.",
    "vmstat_migrated_bytes_total": "Memory in balloons that the kernel has moved.",
    "vmstat_present_bytes": "Memory in all balloons of the guest.",
}

# The events of totals, as the driver writes them: dashes are underscores.
EVENTS = {
    "up": "Times that the device started.",
    "down": "Times that the device was reset.",
    "target": "Times that the host asked for another size.",
    "actual": "Times that the host was told the size.",
    "state": "Changes of the state.",
    "silent": "Times that a queue completed nothing for 10 s, once in 5 minutes at most.",
    "broken": "Queues that broke while the device went on.",
    "hint_command": "Commands of the host for free page hinting.",
    "hint_begin": "Rounds of free page hinting.",
    "hint_end": "Rounds of free page hinting that ended.",
    "hint_release": "Times that memory held for hinting was released.",
    "report_failed": "Reports of free memory that failed.",
    "oom": "Times that the guest ran out of memory and got some from the balloon.",
    "resync_begin": "Times that the driver began to announce the whole balloon again.",
    "resync_end": "Times that the whole balloon was announced again.",
    "sleep_prepare": "Times that the system was about to sleep.",
    "sleep_end": "Times that the target was followed again after a sleep.",
    "sleep": "Times that the driver stopped for a sleep.",
    "wake": "Times that the driver started after a sleep.",
    "release": "Times that the balloon was emptied without the host.",
}
HELP.update({f"event_{name}_total": text for name, text in EVENTS.items()})
HELP.update({f"state_{state.replace('-', '_')}_total": f"Times that the state became {state}."
             for state in STATES})


def escape(text):
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


class Metrics:
    """{metric: {labels: value}}: the format wants the series of a metric together."""

    def __init__(self):
        self.series = {}

    def add(self, name, value, **labels):
        """What is not known has no series, and what is there already stays."""
        if isinstance(value, int):
            pairs = ",".join(f'{label}="{escape(text)}"' for label, text in labels.items())
            self.series.setdefault(name, {}).setdefault(f"{{{pairs}}}" if pairs else "", value)

    def text(self):
        lines = []
        for name, series in self.series.items():
            kind = "counter" if name.endswith("_total") else "gauge"
            text = HELP.get(name, f"The line {name[:-len('_total')]} of totals in debugfs.")
            lines += [f"# HELP {PREFIX}{name} {text}", f"# TYPE {PREFIX}{name} {kind}"]
            lines += [f"{PREFIX}{name}{labels} {value}" for labels, value in series.items()]
        return "\n".join(lines) + "\n"


def total_name(line):
    """The metric of a line in totals, whatever its name is."""
    name = re.sub("[^a-zA-Z0-9_]", "_", line)
    return name if name.endswith("_total") else f"{name}_total"


def add_info(metrics, source, device, values):
    ours = source.is_ours(device)
    labels = {"driver": "out-of-tree" if ours else "in-tree" if source.driver(device) else "none"}
    if ours:
        labels["version"] = read(f"{source.modules}/virtio_balloon/version")
        labels.update({name: values[name] for name in ("inflate", "take", "hint")})
    metrics.add("info", 1, device=device,
                **{name: text for name, text in labels.items() if text is not None})
    names = features(source, device)
    for name in BALLOON_FEATURES if names is not None else ():
        metrics.add("feature", int(name in names), device=device, feature=name)


def add_states(metrics, device, values):
    for name, words in STATE_SETS.items():
        if values[name] is not None:
            # A newer driver may have a word that is not known here.
            for word in dict.fromkeys((*words, values[name])):
                metrics.add(name, int(word == values[name]), device=device, **{name: word})


def add_counters(metrics, source, device):
    counters = source.counters(device)
    metrics.add("debugfs_readable", int(counters is not None), device=device)
    for line, value in (counters or {}).get("totals", {}).items():
        metrics.add(total_name(line), value, device=device)
    for line, value in (counters or {}).get("queues", {}).items():
        match = QUEUE.fullmatch(line)
        if match:
            metrics.add(f"queue_{match[2]}_total", value, device=device, queue=match[1])


def metrics_text(source, devices):
    """All metrics of these devices, and of the guest."""
    metrics = Metrics()
    metrics.add("devices", len(source.balloons()))
    for device in devices:
        values = source.attributes(device)
        add_info(metrics, source, device, values)
        for attribute, name in SIZES.items():
            metrics.add(name, values[attribute], device=device)
        add_states(metrics, device, values)
        if source.is_ours(device):
            add_counters(metrics, source, device)
    for counter, pages in (source.vmstat() or {}).items():
        if counter in VMSTAT:
            metrics.add(VMSTAT[counter], pages * page_size())
    return metrics.text()
