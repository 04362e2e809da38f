# SPDX-License-Identifier: GPL-2.0-only
"""Files that are made once for each content they depend on."""

import hashlib
import os
import tempfile
from pathlib import Path

from .paths import CACHE, KEEP_CACHED, prune


def cached(name, make):
    """The cached file of that name; make(path) fills it if it is not there.

    Made under another name, because several processes may do so at once.
    """
    path = CACHE / name
    if path.exists():
        os.utime(path)      # prune() drops what was not used for longest
        return path
    CACHE.mkdir(parents=True, exist_ok=True)
    prune(CACHE, KEEP_CACHED)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix=".new.") as directory:
        new = Path(directory) / "new"
        make(new)
        new.rename(path)
    return path


def digest(*parts):
    """A short name for contents: of files (Path), and of anything else."""
    total = hashlib.sha256()
    for part in parts:
        data = part.read_bytes() if isinstance(part, Path) else repr(part).encode()
        total.update(hashlib.sha256(data).digest())
    return total.hexdigest()[:16]
