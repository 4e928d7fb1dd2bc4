"""A step that is stuck ends by itself: whoever only starts again what has ended starts it again."""

from __future__ import annotations

import subprocess
import sys

from pipeline.cli.exits import Exit
from tests.live.process import ROOT

PROGRAM = """
import time
from pipeline.cli.cluster import working

working.LOOKED_AT_EVERY_SECONDS, working.ENDED_AFTER_SECONDS = 0.01, 0.1
answers = iter({answers})
with working.ended_when_stuck(lambda: next(answers, "a turn lasts for 241 s already: it is stuck")):
    time.sleep({seconds})
print("went on")
"""


def ended(seconds: float, answers: list[str]) -> subprocess.CompletedProcess[str]:
    told = PROGRAM.format(answers=answers, seconds=seconds)
    return subprocess.run(
        [sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def test_what_is_stuck_for_long_ends_and_says_why() -> None:
    done = ended(30, [])
    assert done.returncode == Exit.UNAVAILABLE
    assert "a turn lasts for 241 s already: it is stuck; the process ends" in done.stderr
    assert done.stdout == ""


def test_what_goes_on_is_let_live() -> None:
    done = ended(1, ["stuck", "stuck", ""] * 1_000)
    assert (done.returncode, done.stdout) == (0, "went on\n")
