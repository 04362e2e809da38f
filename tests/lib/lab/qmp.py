# SPDX-License-Identifier: GPL-2.0-only
"""A small QMP client: commands, and events with deadlines."""

import json
import threading

from .deadline import Deadline
from .errors import QMPError
from .line import Line


class QMP:
    """Over a connected socket. Events are kept until someone asks for them."""

    def __init__(self, sock):
        self._line = Line(sock, "its QMP socket")
        self._lock = threading.RLock()      # one command or wait at a time
        self.events = []

    def negotiate(self, timeout=30):
        """QEMU greets first; then it wants to hear what we can do."""
        self._message(Deadline(timeout))
        self.execute("qmp_capabilities", timeout=timeout)

    def _message(self, deadline):
        while b"\n" not in self._line.buffer:
            self._line.receive(deadline)
        message, _, self._line.buffer = self._line.buffer.partition(b"\n")
        return json.loads(message)

    def execute(self, command, arguments=None, timeout=30):
        """Run a command, return what it returns."""
        request = {"execute": command, "arguments": arguments or {}}
        deadline = Deadline(timeout)
        with self._lock:
            self._line.send(json.dumps(request).encode(), timeout)
            while True:
                message = self._message(deadline)
                if "event" in message:
                    self.events.append(message)
                elif "error" in message:
                    raise QMPError(f"{command}: {message['error']['desc']}")
                else:
                    return message["return"]

    def _take(self, name, match):
        for event in self.events:
            if event["event"] == name and match(event.get("data", {})):
                self.events.remove(event)
                return event
        return None

    def wait_event(self, name, timeout=30, match=lambda data: True):
        """Take the oldest event of a name, waiting for it if need be."""
        deadline = Deadline(timeout)
        with self._lock:
            while not (event := self._take(name, match)):
                message = self._message(deadline)
                if "event" in message:
                    self.events.append(message)
            return event

    def clear_events(self):
        """Forget what was not asked for so far; poll first with a command."""
        self.events.clear()

    def close(self):
        self._line.close()
