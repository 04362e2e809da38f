# SPDX-License-Identifier: GPL-2.0-only
"""Scripts that run among commands which are made up."""

import subprocess


class Commands:
    """Commands made up: each notes how it was called, and answers."""

    def __init__(self, path):
        path.mkdir()
        self.path = path
        self.log = path / "log"
        self.log.touch()

    def add(self, name, answer=""):
        path = self.path / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >>{self.log}\n{answer}\n')
        path.chmod(0o755)

    def run(self, *command, **environment):
        done = subprocess.run(command, capture_output=True, text=True, check=False,
                              env={"PATH": f"{self.path}:/usr/bin:/bin", **environment})
        assert not done.returncode, done.stderr
        return done

    @property
    def calls(self):
        return self.log.read_text().splitlines()
