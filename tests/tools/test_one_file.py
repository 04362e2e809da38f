# SPDX-License-Identifier: GPL-2.0-only
"""Shows that scripts/one-file makes one balloonstat of the modules, with nothing lost.

The other tests of balloonstat run the file that it makes.
"""

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from lab.paths import REPO
from suite.balloonstat import TIMEOUT, script
from suite.sources import version

MODULES = sorted((REPO / "scripts/balloonstat.d").glob("*.py"))


def names(tree):
    """What is defined at the top, and not imported."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        for target in getattr(node, "targets", ()):
            yield from (name.id for name in ast.walk(target) if isinstance(name, ast.Name))


def parsed(path):
    return ast.parse(Path(path).read_text())


def test_no_name_is_in_two_modules():
    found = Counter(name for path in MODULES for name in names(parsed(path)))
    assert len(found) > 50
    assert not [name for name, times in found.items() if times > 1]


def test_all_of_each_module_is_in_it():
    """Statement by statement, but for docstrings, imports and the version."""
    def statements(tree):
        return [ast.dump(node) for node in tree.body[1:]
                if not isinstance(node, (ast.Import, ast.ImportFrom))
                and "VERSION" not in list(names(ast.Module([node], [])))]

    modules = [statement for path in MODULES for statement in statements(parsed(path))]
    *made, last = statements(parsed(script()))
    assert sorted(made) == sorted(modules)
    assert "__main__" in last


def test_modules_import_names_as_they_are():
    for path in MODULES:
        for node in ast.walk(parsed(path)):
            for alias in getattr(node, "names", ()):
                assert not getattr(alias, "asname", None), f"{path.name}: {alias.asname}"


def test_every_module_has_its_heading():
    text = Path(script()).read_text()
    for path in MODULES:
        assert re.search(rf"^# -- {path.stem} --$", text, re.M)


def test_older_python_takes_it():
    ast.parse(Path(script()).read_text(), feature_version=(3, 9))


def run(path, *arguments):
    return subprocess.run([sys.executable, "-I", "-S", path, *arguments], capture_output=True,
                          text=True, check=True, timeout=TIMEOUT).stdout


def test_version():
    assert run(script(), "--version") == f"balloonstat {version()}\n"


def test_runs_from_the_sources():
    """And leaves nothing behind."""
    assert run(REPO / "scripts/balloonstat", "--help") == run(script(), "--help")
    assert not (REPO / "scripts/balloonstat.d/__pycache__").exists()
