# SPDX-License-Identifier: GPL-2.0-only
"""Write cpio archives as the kernel unpacks them (format "newc").

Ours rather than cpio(1): everything belongs to root whoever runs us, files can
be put in under other names, and the archives are reproducible. See
Documentation/driver-api/early-userspace/buffer-format.rst in the kernel.
"""

import stat
from pathlib import PurePosixPath


class Cpio:
    """An archive that grows in an open binary file; parents are made."""

    def __init__(self, out):
        self._out = out
        self._inode = 0
        self._seen = {PurePosixPath("."), PurePosixPath("/")}

    def _pad(self):
        self._out.write(bytes(-self._out.tell() % 4))

    def _entry(self, name, mode, data=b""):
        self._inode += 1
        encoded = name.encode() + b"\0"
        fields = (self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0,
                  len(encoded), 0)
        self._out.write(b"070701" + b"".join(b"%08x" % field for field in fields))
        self._out.write(encoded)
        self._pad()
        self._out.write(data)
        self._pad()

    def directory(self, path):
        path = PurePosixPath(str(path).strip("/") or ".")
        if path in self._seen:
            return
        self.directory(path.parent)
        self._seen.add(path)
        self._entry(str(path), stat.S_IFDIR | 0o755)

    def _in_directory(self, path):
        path = PurePosixPath(str(path).strip("/"))
        self.directory(path.parent)
        self._seen.add(path)
        return str(path)

    def file(self, path, data, mode=0o644):
        self._entry(self._in_directory(path), stat.S_IFREG | mode, data)

    def symlink(self, path, target):
        self._entry(self._in_directory(path), stat.S_IFLNK | 0o777, target.encode())

    def copy(self, path, source):
        """A file of this machine, with its permissions."""
        self.file(path, source.read_bytes(), source.stat().st_mode & 0o777)

    def finish(self):
        self._entry("TRAILER!!!", 0)
