# SPDX-License-Identifier: GPL-2.0-only
"""Judge a driver by the VIRTIO specification, statement by statement.

"scripts/check --conformance" builds what it needs and runs it. Our driver is shown beside
the in-tree one of the same kernel. Fails if ours fails a statement, or, with
--driver in-tree, if that one does.
"""

import argparse
import subprocess
import textwrap
import time
from collections import Counter

from lab import SERIES, Kernel, program
from lab.paths import REPO

from . import conformance, conformance_page

WIDTH = 100
ORDER = ("pass", "FAIL", "not yet", "erratum", "skip", "-")
IN_TREE = "in-tree"


def parse_arguments():
    parser = argparse.ArgumentParser(prog="scripts/check --conformance", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--kernel", action="append", choices=SERIES, help="default: all")
    add("--driver", default="ours", choices=("ours", IN_TREE))
    add("--document", action="store_true",
        help="put the verdicts on both drivers and all kernels into Documentation")
    add("--verbose", action="store_true", help="say why something was skipped")
    add("ids", nargs="*", metavar="ID", help="statements to judge; default: all")
    return parser.parse_args()


def to_run(statements, driver):
    """Of ours, what it does not do yet is known beforehand."""
    return {statement.id for statement in statements
            if statement.status == "tested"
            or (statement.status == "not-yet" and driver == IN_TREE)}


def results_of(statements, driver, verdicts):
    """{id: Verdict} with what need not be run filled in."""
    found = {}
    for statement in statements:
        if statement.status == "erratum":
            verdict = conformance.Verdict("erratum", statement.reason)
        elif statement.status == "not-yet" and driver == "ours":
            verdict = conformance.Verdict("not yet", statement.reason)
        else:
            verdict = verdicts.by_id.get(statement.id, conformance.Verdict("-"))
        found[statement.id] = verdict
    return found


def print_table(statements, columns):
    """columns: {driver: {id: Verdict}}."""
    head = f"{'id':<14}{'level':<8}" + "".join(f"{one:<9}" for one in columns)
    print(head + "statement")
    for statement in statements:
        row = f"{statement.id:<14}{statement.level:<8}" + "".join(
            f"{found[statement.id].result:<9}" for found in columns.values())
        print(textwrap.fill(statement.text, WIDTH, initial_indent=row,
                            subsequent_indent=" " * len(head)))


def print_details(driver, found, verbose):
    for name, verdict in found.items():
        if verdict.result == "FAIL" or (verbose and verdict.result == "skip"):
            print(f"\n{driver} {name}: {verdict.result}")
            print(textwrap.indent(verdict.detail, "    "))


def print_totals(columns):
    print()
    for driver, found in columns.items():
        count = Counter(verdict.result for verdict in found.values())
        print(f"{driver}: " + ", ".join(f"{count[kind]} {kind}" for kind in ORDER
                                        if count[kind]))


def judge(series, drivers, statements):
    """(the kernel, {driver: {id: Verdict}}, {driver: what its kernels complained of})"""
    kernel = Kernel(series)
    columns, complaints = {}, {}
    for driver in drivers:
        verdicts = conformance.judge(kernel, driver, to_run(statements, driver))
        columns[driver] = results_of(statements, driver, verdicts)
        complaints[driver] = verdicts.complaints
    return kernel, columns, complaints


def document():
    """Judge both drivers on all kernels; a statement that got no verdict ends it."""
    statements, releases, found = conformance.load(), {}, {}
    for series in SERIES:
        kernel, columns, _ = judge(series, conformance_page.DRIVERS, statements)
        releases[series] = kernel.release
        for driver, verdicts in columns.items():
            lacking = [name for name, verdict in verdicts.items() if verdict.result == "-"]
            if lacking:
                raise SystemExit(f"conformance: {series}, {driver}: no verdict on "
                                 f"{', '.join(lacking)}; nothing was written")
            found[series, driver] = verdicts
            print(f"{series}, {driver}: judged", flush=True)
    columns = {(series, driver): found[series, driver]
               for driver in conformance_page.DRIVERS for series in SERIES}
    conformance_page.write(conformance_page.RESULTS, time.strftime("%Y-%m-%d"), releases, columns)
    subprocess.run([REPO / "scripts/figures"], check=True)
    return any(verdict.result == "FAIL" for (_, driver), verdicts in found.items()
               if driver == "ours" for verdict in verdicts.values())


def show(series, args):
    """Judge the drivers on a kernel, and print what came of it; whether it was bad."""
    statements = [one for one in conformance.load()
                  if not args.ids or one.id in args.ids]
    drivers = ["ours", IN_TREE] if args.driver == "ours" else [IN_TREE]
    kernel, columns, complaints = judge(series, drivers, statements)
    print(f"\nkernel {kernel.release}\n")
    print_table(statements, columns)
    for driver, found in columns.items():
        print_details(driver, found, args.verbose)
        for complaint in complaints[driver]:
            print(f"\n{driver}: the kernel complained:\n"
                  + textwrap.indent(complaint, "    "))
    print_totals(columns)
    failed = any(verdict.result in ("FAIL", "-")
                 for verdict in columns[args.driver].values())
    return failed or (args.driver == "ours" and bool(complaints["ours"]))


def main():
    args = parse_arguments()
    faults = conformance.check_table()
    if faults:
        print("\n".join(faults))
        return True
    if args.document:
        return document()
    return any([show(series, args) for series in args.kernel or SERIES])


if __name__ == "__main__":
    program.run(main)
