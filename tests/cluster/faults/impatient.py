"""A command that gives up sooner: ``python -m tests.cluster.faults.impatient SECONDS sink``.

An outage is waited for so many seconds rather than minutes, and the answer to an insert for one.
"""

from __future__ import annotations

import sys

from pipeline import store, worker
from pipeline.cli import main
from pipeline.store import Patience, retrying

REQUEST_SECONDS = 1
PAUSE_SECONDS_MAX = 0.5

if __name__ == "__main__":
    seconds = float(sys.argv.pop(1))
    store.PATIENT = Patience(seconds / 2, REQUEST_SECONDS)  # type: ignore[misc]
    retrying.RETRY_WAIT_SECONDS_MAX = PAUSE_SECONDS_MAX
    worker.OUTAGE_SECONDS_MAX = seconds
    main()
