# SPDX-License-Identifier: GPL-2.0-only
"""How a program of this project ends."""

import subprocess
import sys
from pathlib import Path

from .errors import LabError


def run(main):
    """Call main() and exit with what it returns; 2 if it could not do its work."""
    try:
        sys.exit(main())
    except (LabError, subprocess.CalledProcessError) as error:
        print(f"{Path(sys.argv[0]).name}: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
