# SPDX-License-Identifier: GPL-2.0-only
"""A socket that leads to QEMU, and what came over it and is not read yet."""

import socket

from .errors import GuestDied, TimedOut


class Line:
    """name: what QEMU closes when it ends, as in "its QMP socket"."""

    def __init__(self, sock, name):
        self._sock = sock
        self._name = name
        self.buffer = b""

    def receive(self, deadline):
        """Wait for more in the buffer."""
        self._sock.settimeout(max(deadline.left(), 0.001))
        try:
            data = self._sock.recv(65536)
        except TimeoutError:
            raise TimedOut(f"no answer over {self._name} within "
                           f"{deadline.seconds:.0f} s") from None
        except ConnectionError:
            data = b""
        if not data:
            raise GuestDied(f"QEMU closed {self._name}")
        self.buffer += data

    def send(self, data, seconds):
        self._sock.settimeout(seconds)
        try:
            self._sock.sendall(data)
        except ConnectionError:
            raise GuestDied(f"QEMU closed {self._name}") from None

    def hang_up(self):
        """Whoever waits for an answer, in another thread, gets GuestDied."""
        self._sock.shutdown(socket.SHUT_RDWR)

    def close(self):
        self._sock.close()
