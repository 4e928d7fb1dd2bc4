"""How long a server is waited for: an insert that fails is made again in place, for a while.

Whoever inserts holds its batch meanwhile and commits nothing. When the server is away for longer, it is
told so, and decides what to do.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from pipeline.store.connection import REQUEST_SECONDS_MAX
from pipeline.store.errors import StoreUnavailable

#: one insert is made again for so long, counted from its first failure
RETRY_SECONDS_MAX = 30.0
RETRY_WAIT_SECONDS = 0.25
RETRY_WAIT_SECONDS_MAX = 8.0
#: an insert that has no answer after so long has failed: whoever waits can still say that it lives
INSERT_SECONDS_MAX = 60
#: waits are drawn between this share and all of it: what failed together does not come back together
_JITTER = 0.5

_log = logging.getLogger(__name__)


class Patience(NamedTuple):
    """How long a server may take.

    ``retry_seconds``: an insert is made again for so long; 0: whoever inserts does that by itself.
    ``request_seconds``: how long one request is waited for.
    """

    retry_seconds: float = 0.0
    request_seconds: int = REQUEST_SECONDS_MAX


AT_ONCE: Final = Patience()
PATIENT: Final = Patience(RETRY_SECONDS_MAX, INSERT_SECONDS_MAX)


class Retrying:
    """Makes a call again while the store is unavailable. May be used from several threads."""

    def __init__(
        self,
        seconds: float,
        wait: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``seconds`` is the budget of one call, from its first failure on."""
        #: what a call under way waits for; "" when none does
        self.trouble = ""
        self.seconds = seconds
        self._wait = wait
        self._clock = clock

    def run(self, attempt: Callable[[], None]) -> None:
        """Call until it succeeds. Raises its ``StoreUnavailable`` when the budget does not allow one more."""
        pause, until = RETRY_WAIT_SECONDS, 0.0
        try:
            while True:
                try:
                    attempt()
                    return
                except StoreUnavailable as error:
                    now = self._clock()
                    until = until or now + self.seconds
                    wait = random.uniform(_JITTER, 1.0) * pause
                    if now + wait > until:
                        raise
                    self.trouble = str(error)
                    _log.warning("%s; trying again for %.0f s", error, until - now)
                self._wait(wait)
                pause = min(2 * pause, RETRY_WAIT_SECONDS_MAX)
        finally:
            self.trouble = ""
