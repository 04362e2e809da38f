# SPDX-License-Identifier: GPL-2.0-only
"""The whole screen, with a bar for each balloon."""

import os
import signal
import textwrap

from lines import Table, follow
from reading import complain
from words import meaning, rate_text, size


def bar(sample, scale, width):
    """# is in the balloon, + in flight, | where the balloon should end."""
    actual, target, flying = (sample[name] or 0 for name in ("actual", "target", "in_flight"))
    full = actual * width // scale
    cells = "#" * full + "+" * ((actual + flying) * width // scale - full)
    cells = cells.ljust(width, ".")
    end = min(target * width // scale, width - 1)
    return cells if target == actual else cells[:end] + "|" + cells[end + 1:]


def screen_lines(samples, most, width):
    """The bar of a balloon is as long as the most that was seen of it, kept in most."""
    for sample in samples:
        device = sample["device"]
        there = (sample["actual"] or 0) + (sample["in_flight"] or 0)
        most[device] = max(most.get(device, 1), there, sample["target"] or 0)
        yield (f"{device}  {size(sample['actual'])} of {size(sample['target'])}  "
               f"{rate_text(sample['rate'])} MiB/s  {sample['state'] or '-'}")
        yield f"[{bar(sample, most[device], max(width - 3, 10))}]"
        for sentence in meaning(sample):
            yield from textwrap.wrap(sentence, max(width - 1, 20))
        yield ""


def draw_and_follow(window, watch, args, gone):
    most = {}
    # Then getch() is a pause, which any key and a resized terminal end early.
    window.timeout(int(args.interval * 1000))

    def show(samples):
        height, width = window.getmaxyx()
        head = f"balloonstat, every {args.interval:g} s; q ends"
        window.erase()
        for row, text in enumerate([head, *gone, "", *screen_lines(samples, most, width)]):
            # Not what does not fit, and not the last cell, which cannot be written.
            if row < height:
                window.addnstr(row, 0, text, width - 1)
        window.refresh()

    follow(watch, args, show, lambda _: window.getch() == ord("q"))


def show_screen(watch, args):
    try:
        if not (os.isatty(0) and os.isatty(1)):
            raise OSError("this is not a terminal")
        import curses   # pylint: disable=import-outside-toplevel
        curses.setupterm()
    except Exception as error:  # pylint: disable=broad-except  # its own may be missing too
        complain(f"lines instead of a screen: {error}")
        follow(watch, args, Table(args.wide).show)
        return
    gone = []
    watch.tell = gone.append
    # As Ctrl-C: curses has to give the terminal back.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        curses.wrapper(draw_and_follow, watch, args, gone)
    finally:
        for message in gone:
            complain(message)
