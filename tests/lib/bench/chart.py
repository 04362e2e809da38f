# SPDX-License-Identifier: GPL-2.0-only
"""The plot of README.md: bars of a few ratios beside a line for the in-tree driver.

Drawn by hand: it has to be the same wherever it is drawn, so that lint can compare it.
"""

from xml.sax.saxutils import escape

from . import summary

WIDTH, LEFT, RIGHT, TOP = 800, 200, 60, 40
BAR, GAP, GROUP_GAP = 15, 3, 18
FONT = 'font-family="DejaVu Sans, Verdana, sans-serif"'
# For each (kernel, init_on_alloc), in their order: two hues, light and dark.
COLOURS = ("#7fb3d9", "#2a6fa8", "#f2b47a", "#d9731a")
STYLE = """\
<style>
text { fill: #1f2328; font-size: 13px } .line { stroke: #1f2328 } .paper { fill: #ffffff }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .line { stroke: #e6edf3 } .paper { fill: #0d1117 } }
</style>"""


def _text(x, y, text, anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {FONT}>{escape(text)}</text>'


def _bar(top, value, scale, colour):
    length = max(1.0, value * scale)
    yield (f'<rect x="{LEFT}" y="{top:.1f}" width="{length:.1f}" height="{BAR}" '
           f'fill="{colour}"/>')
    yield _text(LEFT + length + 5, top + BAR - 3, f"{summary.short(value)}×")


def _group(top, title, values, scale):
    """values: {index of the column: ratio}"""
    for n, line in enumerate(title.split("\n")):
        yield _text(LEFT - 10, top + BAR - 3 + n * (BAR + GAP), line, "end")
    for n, (index, value) in enumerate(values.items()):
        yield from _bar(top + n * (BAR + GAP), value, scale, COLOURS[index])


def _height(values):
    return max(2, len(values)) * (BAR + GAP) + GROUP_GAP


def _legend(top, columns):
    for n, (kernel, init_on_alloc) in enumerate(columns):
        x = 10 + n * (WIDTH - 20) / len(columns)
        yield f'<rect x="{x:.1f}" y="{top}" width="{BAR}" height="{BAR}" fill="{COLOURS[n]}"/>'
        yield _text(x + BAR + 6, top + BAR - 3, f"{kernel}, init_on_alloc={init_on_alloc}")


def _body(groups, columns):
    """(lines, height)"""
    most = max(1.0, *(value for _, values in groups for value in values.values()))
    scale = (WIDTH - LEFT - RIGHT) / most
    lines, top = [], TOP
    for title, values in groups:
        lines += _group(top, title, values, scale)
        top += _height(values)
    at = LEFT + scale
    lines.append(f'<line x1="{at:.1f}" y1="{TOP - 8}" x2="{at:.1f}" y2="{top - GROUP_GAP + 6}" '
                 'class="line" stroke-width="1.5"/>')
    lines.append(_text(at, TOP - 14, "in-tree driver = 1", "middle" if most > 1.2 else "end"))
    lines += _legend(top, columns)
    return lines, top + BAR + 12


def draw(groups, columns):
    """An SVG. groups: [(title, {(kernel, init_on_alloc): ratio})]"""
    numbered = [(title, {n: values[one] for n, one in enumerate(columns)
                         if values.get(one) is not None}) for title, values in groups]
    lines, height = _body([one for one in numbered if one[1]], columns)
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}">', STYLE,
        f'<rect class="paper" width="{WIDTH}" height="{height}"/>', *lines, "</svg>"]) + "\n"
