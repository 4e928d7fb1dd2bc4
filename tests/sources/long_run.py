"""One source's parser in a process of its own, under hostile deliveries; the process has to stay small.

``python -m tests.sources.long_run SOURCE SEED INPUTS [MEASURED_EVERY]`` reads every shape, then so many
inputs of the fuzzer, and prints what it counted as JSON. It ends with 1 and says why when one of them breaks
something, when it grew too much meanwhile, or when it is stuck: nothing hangs or takes down the tests.
"""

from __future__ import annotations

import gc
import json
import sys
from itertools import islice

from tests.sources.bounds import GROWTH_BYTES_MAX, ended_when_stuck, limit_memory, resident_bytes
from tests.sources.fuzzing import Fuzzer, fuzz
from tests.sources.shapes import shaped

#: what is read before anything is compared: caches and pools of memory fill
WARM_UP_INPUTS = 500


def main(
    source: str, seed: int, inputs: int, measured_every: int = 1, growth_bytes_max: int = GROWTH_BYTES_MAX
) -> dict[str, int]:
    """Returns what was counted; raises ``Broken`` or ``AssertionError``."""
    limit_memory()
    with ended_when_stuck() as alive:
        shapes = fuzz(shaped(source, seed), alive=alive)
        fuzz(islice(Fuzzer(source, seed + 1), WARM_UP_INPUTS), alive=alive)
        gc.collect()
        before = resident_bytes()
        found = fuzz(islice(Fuzzer(source, seed), inputs), measured_every=measured_every, alive=alive)
        grown = resident_bytes() - before
    assert grown <= growth_bytes_max, f"{source}: {grown} bytes more after {inputs} inputs than before"
    return {
        "shapes": shapes.inputs,
        "shapes_read": shapes.inputs - shapes.invalid,
        "inputs": found.inputs,
        "events": found.events,
        "invalid": found.invalid,
        "refused": found.refused,
        "grown": grown,
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], *map(int, sys.argv[2:]))))  # noqa: T201 - whoever started it reads it
