"""GitHub's own examples of its payloads, as it publishes them.

``python -m tests.sources.github_examples`` fetches them (`make examples`).
"""

from __future__ import annotations

import json
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from tests.npm import Package

PACKAGE = Package(
    "@octokit/webhooks-examples",
    "7.6.1",
    "api.github.com/index.json",
    "09d8f0c617876ae9dad22e26fea5510bfcaad50ee7e602659f6db25b87b25815",
    "webhooks-examples",
)


class Example(NamedTuple):
    """One payload: the kind of its delivery, its action ("" when it has none), and the body."""

    kind: str
    action: str
    payload: dict[str, Any]

    @property
    def body(self) -> bytes:
        return json.dumps(self.payload, separators=(",", ":"), ensure_ascii=False).encode()


def index() -> Path:
    """The file that has all of them."""
    return PACKAGE.checked


@cache
def examples() -> tuple[Example, ...]:
    """Every payload of api.github.com; skips the test, or fails it under CI, when they were not fetched."""
    PACKAGE.needed()
    return tuple(
        Example(event["name"], payload.get("action") or "", payload)
        for event in json.loads(index().read_bytes())
        for payload in event["examples"]
    )


def main() -> int:
    wrong = PACKAGE.fetch()
    if not wrong:
        sys.stdout.write(f"GitHub's examples are in {PACKAGE.place}\n")
        return 0
    sys.stderr.write(f"GitHub's examples were not fetched, tests that need them are skipped: {wrong}\n")
    return 1 if os.environ.get("CI") else 0


if __name__ == "__main__":
    raise SystemExit(main())
