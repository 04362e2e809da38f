# SPDX-License-Identifier: GPL-2.0-only
"""Show what the virtio balloon of this guest does, as vmstat does for memory.

For everyone who runs a guest with the driver of this project; with another driver it
shows what the kernel does. It only reads, and needs neither root nor another file.
balloonstat(8) explains what it shows.

  balloonstat             one line for each balloon
  balloonstat 1           one each second; a COUNT after it ends that
  balloonstat --wide 1    also how fast the host answers, for root
  balloonstat --once      all numbers, and in plain words what they mean
  balloonstat --json 5    an object for each balloon every 5 s
  balloonstat --screen    bars, until q
  balloonstat --prometheus --output FILE.prom     metrics for node_exporter
  balloonstat --report --output FILE              all that a bug report needs

Status: 0, also after Ctrl-C; 1 when there is no balloon of this driver to show, or
none any more; 2 for options that make no sense.
"""

import argparse
import os

from kernel import kernel_lines, kernel_sample
from lines import Table, follow, show_json
from output import put
from prometheus import metrics_text
from reading import VERSION, Nothing, Source, complain
from report import Report
from screen import show_screen
from watch import Watch
from words import once_lines

NOTHING_TO_SHOW = 1
# Shorter ones would measure this program, longer ones are a mistake.
SHORTEST, LONGEST = 0.1, 24 * 3600

NO_BALLOON = ("this guest has no balloon device. The host has to give it one, as QEMU does with "
              "-device virtio-balloon-pci")


def take_words(parser, args):
    """Sorts [DEVICE] [INTERVAL [COUNT]] out: only a device begins with a letter."""
    words = args.words
    if words and words[0][:1].isalpha():
        args.device.append(words.pop(0))
    interval, count, *more = words + [None] * (2 - len(words))
    if more or (interval and (args.once or args.prometheus or args.report)):
        parser.error(f"one argument too many: {words[-1]}")
    try:
        args.interval = float(interval or 1)
        args.count = int(count) if count else None
    except ValueError:
        parser.error(f"INTERVAL and COUNT are numbers, not {' '.join(words)}")
    if not SHORTEST <= args.interval <= LONGEST:
        parser.error(f"INTERVAL is from {SHORTEST} to {LONGEST} seconds, not {interval}")
    if count and args.count < 1:
        parser.error(f"COUNT is from 1 on, not {count}")
    if not interval and not args.screen:
        args.count = 1


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="balloonstat", description=__doc__, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="balloonstat [OPTION]... [DEVICE] [INTERVAL [COUNT]]")
    add = parser.add_argument
    add("words", nargs="*", metavar="DEVICE INTERVAL COUNT",
        help="of all balloons, once, if they are not given; INTERVAL is in seconds")
    add("-d", "--device", action="append", default=[], metavar="DEVICE",
        help="a device to show; may be given several times")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--once", action="store_true", help="all numbers, and what they mean")
    form.add_argument("--json", action="store_true", help="one object a line; sizes in bytes")
    form.add_argument("--screen", action="store_true", help="bars on the whole screen")
    form.add_argument("--prometheus", action="store_true",
                      help="metrics for node_exporter's textfile collector")
    form.add_argument("--report", action="store_true", help="all that a bug report needs")
    add("-o", "--output", metavar="FILE",
        help="write metrics or report to FILE, which is replaced at once")
    add("-w", "--wide", action="store_true", help="lines with requests and answers, for root")
    add("--sysfs", default="/sys", metavar="DIR", help="another place for /sys")
    add("--debugfs", default="/sys/kernel/debug", metavar="DIR", help="for /sys/kernel/debug")
    add("--proc", default="/proc", metavar="DIR", help="for /proc")
    add("--kmsg", default="/dev/kmsg", metavar="FILE", help="for /dev/kmsg")
    add("-V", "--version", action="version", version=f"balloonstat {VERSION}")
    args = parser.parse_intermixed_args()
    if args.output and not (args.prometheus or args.report):
        parser.error("--output goes with --prometheus or --report")
    take_words(parser, args)
    return args


def choose(source, named):
    """The devices to show: those that were named, or all balloons of our driver."""
    balloons = source.balloons()
    troubles = {name: source.trouble(name) for name in named or balloons}
    wrong = [trouble for trouble in troubles.values() if trouble]
    if named and wrong:
        raise Nothing("\n".join(wrong) + f"\nballoons here: {', '.join(balloons) or 'none'}")
    if len(wrong) == len(troubles):
        raise Nothing("\n".join(wrong) or NO_BALLOON)
    for trouble in wrong:
        complain(trouble)
    return [name for name, trouble in troubles.items() if not trouble]


def choose_any(source, named):
    """The balloons that were named, or all, whatever their driver."""
    balloons = source.balloons()
    wrong = [source.trouble(name) for name in named if name not in balloons]
    if wrong:
        raise Nothing("\n".join(wrong) + f"\nballoons here: {', '.join(balloons) or 'none'}")
    return list(dict.fromkeys(named)) or balloons


def show_kernels_own(source, args):
    """What there is of balloons that are not ours."""
    samples = [kernel_sample(source, device) for device in args.device or source.balloons()
               if source.is_balloon(device) and not source.is_ours(device)]
    if args.json:
        show_json(samples)
    elif samples:
        print("\n\n".join("\n".join(kernel_lines(sample)) for sample in samples), flush=True)


def show_report(source, args):
    report = Report(source)
    put(report.text(choose_any(source, args.device)), args.output)
    if report.unread:
        complain(f"not all could be read ({len(report.unread)}); the end of the report says why")


def show_ours(source, args):
    try:
        watch = Watch(source, choose(source, args.device))
    except Nothing:
        show_kernels_own(source, args)
        raise
    if args.once:
        print("\n\n".join("\n".join(once_lines(source, sample)) for sample in watch.look()),
              flush=True)
    elif args.screen:
        show_screen(watch, args)
    else:
        follow(watch, args, show_json if args.json else Table(args.wide).show)


def show(args):
    source = Source(args)
    if args.prometheus:
        put(metrics_text(source, choose_any(source, args.device)), args.output)
    elif args.report:
        show_report(source, args)
    else:
        show_ours(source, args)


def main():
    args = parse_arguments()
    try:
        show(args)
    except Nothing as nothing:
        complain(nothing)
        return NOTHING_TO_SHOW
    except KeyboardInterrupt:
        pass
    except OSError as error:
        # Nobody reads any more, or the disk is full. What is left to print must not
        # fail again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if not isinstance(error, BrokenPipeError):
            complain(f"cannot write: {error.strerror}")
            return NOTHING_TO_SHOW
    return 0
