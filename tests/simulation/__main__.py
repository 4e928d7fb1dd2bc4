"""Repeat seeds by hand: ``python -m tests.simulation 17`` shows what happened in it.

``python -m tests.simulation 0 500`` runs so many from the first on, and shows those that fail.
"""

from __future__ import annotations

import sys
import time

from tests.simulation.seeds import simulate


def main(first: int, count: int) -> int:
    failed, began = 0, time.monotonic()
    for seed in range(first, first + count):
        outcome = simulate(seed)
        if count == 1:
            sys.stdout.write("\n".join([*outcome.trace, *outcome.differences, ""]))
        elif outcome.differences:
            sys.stdout.write(f"seed {seed}: {len(outcome.differences)}: {outcome.differences[0][:400]}\n")
        failed += bool(outcome.differences)
    seconds = (time.monotonic() - began) / count
    sys.stdout.write(f"{count} seeds, {failed} failed, {seconds:.3f} s each\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1))
