"""How fast events become bytes, columns and structs, on a mixed batch in one process.

``python -m benchmarks.codec [EVENTS]``
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from typing import TypeVar

from pipeline.codec import Codec
from pipeline.core.events import (
    ChangeMerged,
    CheckFinished,
    DeploymentFinished,
    Event,
    ReviewSubmitted,
)

EVENTS = 50_000
ROUNDS = 7
START_MICROSECONDS = 1_700_000_000_000_000
#: of ten events: two merges with five paths each, four checks, three reviews, one deployment
MIX = ("merge",) * 2 + ("check",) * 4 + ("review",) * 3 + ("deployment",)

T = TypeVar("T")


def mixed(count: int) -> list[Event]:
    """Events of four records, as many as asked, of 40 services and 200 persons; always the same."""
    draw = random.Random(1)
    persons = [f"p:{draw.getrandbits(64):016x}" for _ in range(200)]
    paths = [f"src/module_{module}/file_{file}.py" for module in range(50) for file in range(40)]
    return [_event(MIX[number % len(MIX)], number, draw, persons, paths) for number in range(count)]


def _event(kind: str, number: int, draw: random.Random, persons: list[str], paths: list[str]) -> Event:
    at = START_MICROSECONDS + number * 1_000_000
    name = f"service-{draw.randrange(40)}"
    repository = f"acme/{name}"
    sha = f"{draw.getrandbits(160):040x}"
    head = (f"github {repository}#{number} {kind}", f"github/{repository}", at, at + 2_000_000, False, 0, 1)
    person = draw.choice(persons)
    if kind == "merge":
        return ChangeMerged(
            *head, False, 0, f"{repository}#{number}",
            repository=repository, number=number, branch="main", sha=sha,
            title=f"Make part {number} of the service faster", author=person, merged_by=draw.choice(persons),
            opened_at=at - 86_400_000_000, additions=draw.randrange(500), deletions=draw.randrange(200),
            files=5, paths=draw.sample(paths, 5), owners=[draw.choice(persons)],
            labels=["bug"] if number % 3 == 0 else [],
        )  # fmt: skip
    if kind == "check":
        return CheckFinished(
            *head, False, 0, f"{repository}@{sha}",
            repository=repository, sha=sha, name=draw.choice(["unit", "lint", "browser"]), kind="test",
            outcome="success", started_at=at - 300_000_000,
        )  # fmt: skip
    if kind == "review":
        return ReviewSubmitted(
            *head, False, 0, f"{repository}#{number}",
            repository=repository, number=number, reviewer=person, decision="approved", commit_sha=sha,
            comments=2,
        )  # fmt: skip
    return DeploymentFinished(
        *head, False, 0, f"{repository} production {number}",
        service=name, environment="production", tag=f"v{number}", repository=repository, branch="main",
        sha=sha, started_at=at - 600_000_000, actor=person,
    )  # fmt: skip


def rate(count: int, action: Callable[[], T]) -> tuple[float, T]:
    """Units a second of the best of several rounds, and what the action returned."""
    best = float("inf")
    result = action()
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        result = action()
        best = min(best, time.perf_counter() - begun)
    return count / best, result


def main() -> None:
    """Print the rates."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    codec = Codec()
    events = mixed(count)
    encoding, values = rate(count, lambda: codec.encode(events))
    decoding, decoded = rate(count, lambda: codec.decode(values))
    building, _ = rate(count, lambda: [columns.events() for columns in decoded.columns])
    whole, _ = rate(count, lambda: [columns.events() for columns in codec.decode(values).columns])
    poisoned = list(values)
    for position in range(0, count, 5_000):
        poisoned[position] = poisoned[position][:-1]
    rescuing, _ = rate(count, lambda: codec.decode(poisoned))
    print(f"codec: {count} mixed events of {sum(map(len, values)) / count:.0f} bytes")
    for what, speed in (
        ("structs -> bytes", encoding),
        ("bytes -> columns", decoding),
        ("columns -> structs", building),
        ("bytes -> structs", whole),
        ("bytes -> columns, one in 5,000 bad", rescuing),
    ):
        print(f"  {what:36}{speed / 1_000:9,.0f} k/s")


if __name__ == "__main__":
    main()
