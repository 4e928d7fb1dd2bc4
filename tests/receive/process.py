"""A receiver in a process of its own, to be killed: ``python -m tests.receive.process DIRECTORY [BYTES]``.

With BYTES, no file may grow beyond that size, as on a full disk. Prints its port; ends with its input.
"""

from __future__ import annotations

import resource
import signal
import sys
from dataclasses import replace
from pathlib import Path

from pipeline.receive import Limits
from tests.receive.running import SETTINGS, running


def main() -> None:
    settings = replace(SETTINGS, limits=Limits(append_seconds_max=60))
    with running(Path(sys.argv[1]), settings) as receiver:
        if len(sys.argv) > 2:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
        sys.stdout.write(f"{receiver.server.port}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
