# SPDX-License-Identifier: GPL-2.0-only
"""A text on standard output, or in a file that others read at any moment."""

import errno
import os
import tempfile

from reading import Nothing

ADVICE = {
    errno.ENOENT: ": make its directory first, or name another file",
    errno.EACCES: ": run this as root, or name another file",
    errno.EROFS: ": name another file; a service of systemd needs ReadWritePaths= for it",
}


def replace_file(path, text):
    """A reader sees the old file or the new one, whole. Everybody may read it."""
    directory, name = os.path.split(path)
    # A hidden name, and none that anybody could foresee: the directory may be another
    # user's.
    descriptor, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=directory or ".")
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, 0o644)
            file.write(text)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def put(text, path):
    """To the file, or to standard output if path is None."""
    if path is None:
        print(text, end="", flush=True)
        return
    try:
        replace_file(path, text)
    except OSError as error:
        advice = ADVICE.get(error.errno, "")
        raise Nothing(f"cannot write {path}: {error.strerror}{advice}") from error
