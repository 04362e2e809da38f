# SPDX-License-Identifier: GPL-2.0-only
"""Run shell commands in the guest: the host's end of the agent's protocol.

The protocol is described in tests/guest/agent/init.c. Frames may be lost or cut
when the guest is suspended or moved: what does not fit is skipped, and answers
to requests of another time are ignored.
"""

import random
import struct
import threading
import time
from dataclasses import dataclass

from .deadline import Deadline
from .errors import LabError, TimedOut
from .line import Line

MAGIC = b"BLM1"
HEADER = struct.Struct("<4sIII")        # magic, id, kind, length
WORD = struct.Struct("<I")
STATUS = struct.Struct("<i")
PING, RUN, POWER_OFF = 1, 2, 3
HELLO, OUTPUT, END = 16, 17, 18
REQUEST_MAX = 128 * 1024
OUTPUT_MAX = 4096                       # of one frame, the agent's buffer

TIMED_OUT, NOT_STARTED = -1, -2
# What the agent may take to kill a command and to get a word in, in seconds.
GRACE = 20


@dataclass
class Result:
    """What became of a command. out: stdout and stderr as they came."""

    status: int
    out: str

    @property
    def ok(self):
        return self.status == 0

    @property
    def timed_out(self):
        return self.status == TIMED_OUT

    def __str__(self):
        return self.out


class Channel:
    """Over a connected socket, with a transcript for people to read."""

    def __init__(self, sock, transcript):
        self._line = Line(sock, "the command channel")
        # Not the ids of whoever talked to this guest before a restore.
        self._last_id = random.randrange(1 << 31)
        self._lock = threading.RLock()      # one request at a time
        self._transcript = open(transcript, "w", encoding="utf-8", errors="replace")
        self._start = time.monotonic()

    def _note(self, text):
        self._transcript.write(f"[{time.monotonic() - self._start:8.3f}] {text}\n")
        self._transcript.flush()

    def _parse(self):
        """The next whole frame of the buffer, or None."""
        line = self._line
        while len(line.buffer) >= HEADER.size:
            magic, ident, kind, length = HEADER.unpack_from(line.buffer)
            if magic != MAGIC or length > OUTPUT_MAX:
                start = line.buffer.find(MAGIC, 1)
                line.buffer = line.buffer[start:] if start > 0 else line.buffer[-3:]
                if start < 0:
                    return None
                continue
            if len(line.buffer) < HEADER.size + length:
                return None
            payload = line.buffer[HEADER.size:HEADER.size + length]
            line.buffer = line.buffer[HEADER.size + length:]
            return ident, kind, payload
        return None

    def _frame(self, deadline):
        while not (frame := self._parse()):
            self._line.receive(deadline)
        return frame

    def _send(self, kind, payload=b""):
        if len(payload) > REQUEST_MAX:
            raise LabError(f"a script of {len(payload)} bytes is too long; use files=")
        self._last_id = (self._last_id + 1) % (1 << 32)
        self._line.send(HEADER.pack(MAGIC, self._last_id, kind, len(payload)) + payload, GRACE)
        return self._last_id

    def wait_hello(self, timeout):
        """Wait until the guest is up; the names of modules that did not load."""
        deadline = Deadline(timeout)
        while True:
            _, kind, payload = self._frame(deadline)
            if kind == HELLO:
                self._note("guest is up")
                return payload.decode().split()

    def sync(self, timeout=30):
        """Wait until the agent answers, whatever went over the line before."""
        deadline = Deadline(timeout)
        sent = []       # one may be lost, or answered late
        with self._lock:
            while True:
                sent.append(self._send(PING))
                try:
                    self._wait_end(sent, Deadline(min(1, deadline.left())), None)
                    return
                except TimedOut:
                    if deadline.expired():
                        raise TimedOut("no answer from the guest within "
                                       f"{deadline.seconds:.0f} s") from None

    def _wait_end(self, idents, deadline, on_output):
        while True:
            got, kind, payload = self._frame(deadline)
            if got not in idents:
                continue
            if kind == OUTPUT and on_output:
                on_output(payload)
            elif kind == END:
                return STATUS.unpack(payload)[0]

    def send(self, script, timeout=30):
        """Start a command whose answer nobody waits for: it may never come."""
        with self._lock:
            self._note(f"$ {script}   (not waited for)")
            self._send(RUN, WORD.pack(int(timeout * 1000)) + script.encode())

    def run(self, script, timeout=30, on_output=None):
        """Run a shell script; killed after timeout seconds."""
        chunks = []

        def collect(data):
            chunks.append(data)
            if on_output:
                on_output(data)

        limit = Deadline(timeout).seconds
        with self._lock:
            self._note(f"$ {script}")
            ident = self._send(RUN, WORD.pack(int(limit * 1000)) + script.encode())
            status = self._wait_end([ident], Deadline(timeout + GRACE), collect)
            out = b"".join(chunks).decode(errors="replace")
            self._note(f"{out}=> {status}")
        return Result(status, out)

    def power_off(self):
        """Ask the agent to power off; it does so without a process."""
        with self._lock:
            self._note("power off")
            self._send(POWER_OFF)

    def hang_up(self):
        """Whoever waits for an answer, in another thread, gets GuestDied."""
        self._line.hang_up()

    def close(self):
        self._line.close()
        self._transcript.close()
