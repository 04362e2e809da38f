#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Find what renders wrongly in pages of reStructuredText, and names of what is not there.

For scripts/lint, which runs it where the sources are. It prints a line for each of

- what docutils warns of;
- a row of a simple table that looks like the rest of the one above: only lines with an
  empty first column continue a row. Where it is none, make the first column wider;
- a cell that breaks a word at a hyphen or a slash, which renders with a space in it;
- a cell that is a minus, which renders as a list without an item;
- a line of a code block that is too long for a page;
- a file, a script or a target of make that a page names and that does not exist.

usage: pages.py FILE...
"""

import re
import sys
from pathlib import Path

from docutils import nodes
from docutils.core import publish_doctree
from docutils.parsers.rst import Directive, directives, roles

CODE_WIDTH = 88
# The longest line of the last column may stand out of it by so much.
SLACK = 5
LITERAL = re.compile(r"``.*?``")
BROKEN_WORD = re.compile(r"\S*\w[-/_]\n\s*\w\S*")
# Files of this project as pages name them; what a build makes is left out.
NAMED = re.compile(r"(?<![\w./-])((?:Documentation|scripts|tests|packaging|drivers|include)"
                   r"/[\w./-]*\w)(?![\w*<{/])")
# What a page says of the kernel's tree, too.
KERNELS = re.compile(r"^Documentation/process/|^drivers/virtio/(?:Kconfig|Makefile|\w+[.]c)$")
# What a build makes, and stands for any name.
MADE = re.compile(r"[.]ko$|/NN-")
MAKE = re.compile(r"(?:^|&&|;|[$#])[ \t]*make ([a-z][\w-]*)", re.M)
# Code in Markdown.
FENCED = re.compile(r"^```\n(.*?)^```$|`([^`\n]+)`", re.M | re.S)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


class Ignored(Directive):
    """A directive of Sphinx's: its body is no business of docutils."""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True
    option_spec = None

    def run(self):
        return []


def teach_docutils():
    """What Sphinx knows besides."""
    directives.register_directive("toctree", Ignored)
    for name in ("doc", "ref"):
        roles.register_generic_role(name, nodes.literal)


def warnings(document):
    for message in document.findall(nodes.system_message):
        if message["level"] > 1:
            yield message.get("line", 0), message.astext().replace("\n", " ")


def line_of(node):
    return next((one.line for one in node.findall() if one.line), 0)


def raw_cells(row):
    """What stands in the source of each cell."""
    return ["\n".join(one.rawsource for one in cell.findall(nodes.paragraph)) for cell in row]


def is_rest(above, row, widths):
    """Whether a row is how one line of text goes on that did not fit its columns."""
    def full(before, after, width):
        return not after or len(before) + 1 + len(after.split()[0]) > width - SLACK

    return not any("\n" in cell for cell in above) and bool(row[0]) and \
        all(map(full, above, row, widths)) and " " in LITERAL.sub("", above[0]).strip()


def row_faults(table):
    widths = [spec["colwidth"] for spec in table.findall(nodes.colspec)]
    for body in table.findall(nodes.tbody):
        above = [""] * len(widths)
        for row in body:
            cells = raw_cells(row)
            if cells[0] and not any(cells[1:]) and len(cells) > 1 or is_rest(above, cells, widths):
                yield line_of(row), f"is the row of '{cells[0]}' the rest of the one above?"
            above = cells


def word_faults(table):
    for cell in table.findall(nodes.entry):
        if re.search(r"\w-$", cell.astext()):
            yield line_of(cell), f"a cell ends within a word, '{cell.astext()}'"
        if any(not item.children for item in cell.findall(nodes.list_item)):
            yield line_of(cell) or line_of(table), "a cell is a minus, which makes a list"
        for paragraph in cell.findall(nodes.paragraph):
            for word in BROKEN_WORD.findall(paragraph.rawsource):
                yield line_of(cell), f"a cell breaks the word '{' '.join(word.split())}'"


def table_faults(document):
    for table in document.findall(nodes.table):
        yield from row_faults(table)
        yield from word_faults(table)


def code_faults(document):
    for block in document.findall(nodes.literal_block):
        for line in block.astext().splitlines():
            if len(line) > CODE_WIDTH:
                yield block.line or 0, f"a line of code has {len(line)} columns, " \
                    f"{CODE_WIDTH} fit: {line.strip()[:40]}..."


def targets(makefile):
    return set(re.findall(r"^([a-z][\w-]*):", makefile.read_text(encoding="utf-8"), re.M))


def name_faults(path, text, code, known):
    """code: the parts of the text that are code; known: targets of make"""
    for name in sorted(set(NAMED.findall(text))):
        if not (Path(name).exists() or MADE.search(name) or KERNELS.search(name)):
            yield 0, f"there is no {name}"
    for word in (word for part in code for word in MAKE.findall(part)):
        if word not in known:
            yield 0, f"make has no target {word}"
    if path.suffix == ".md":
        yield from ((0, f"a link to {name}, which does not exist")
                    for name in LINK.findall(text) if not (path.parent / name).exists())


def faults(path, known):
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".rst":
        code = [part for found in FENCED.findall(text) for part in found]
        yield from name_faults(path, text, code, known)
        return
    document = publish_doctree(text, str(path), settings_overrides={
        "report_level": 2, "halt_level": 5, "warning_stream": False})
    code = [one.astext() for kind in (nodes.literal, nodes.literal_block)
            for one in document.findall(kind)]
    yield from name_faults(path, text, code, known)
    yield from warnings(document)
    yield from table_faults(document)
    yield from code_faults(document)


def main():
    teach_docutils()
    known = targets(Path("Makefile"))
    found = [f"{path}:{line}: {what}" for path in map(Path, sys.argv[1:])
             for line, what in faults(path, known)]
    print(*found, sep="\n", end="\n" if found else "")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
