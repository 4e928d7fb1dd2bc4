"""GitHub's own examples of its payloads: fetched once into a cache outside of the checkout, never committed.

``python -m tests.sources.github_examples`` fetches them (`make examples`). Without them the tests that
need them are skipped, which pytest says at its end; where the variable CI is set they fail instead.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

PACKAGE = "@octokit/webhooks-examples"
VERSION = "7.6.1"
SHA256 = "09d8f0c617876ae9dad22e26fea5510bfcaad50ee7e602659f6db25b87b25815"
DEPENDENCIES = "node_modules"
INSTALL_TRIES_MAX = 4
INSTALL_SECONDS_MAX = 120
RETRY_WAIT_SECONDS = 5


class Example(NamedTuple):
    """One payload: the kind of its delivery, its action ("" when it has none), and the body."""

    kind: str
    action: str
    payload: dict[str, Any]

    @property
    def body(self) -> bytes:
        return json.dumps(self.payload, separators=(",", ":"), ensure_ascii=False).encode()


def place() -> Path:
    """Where the examples of this version are kept."""
    cache_home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache_home) / "aftermerge" / f"webhooks-examples-{VERSION}"


def index() -> Path:
    return place() / DEPENDENCIES / PACKAGE / "api.github.com" / "index.json"


@cache
def examples() -> tuple[Example, ...]:
    """Every payload of api.github.com; skips the test, or fails it under CI, when they were not fetched."""
    if not index().is_file():
        missing = f"{PACKAGE} {VERSION} is not in {place()}: fetch it with `make examples` (needs npm)"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    held = index().read_bytes()
    assert hashlib.sha256(held).hexdigest() == SHA256, f"{index()} is not what {VERSION} holds: remove it"
    return tuple(
        Example(event["name"], payload.get("action") or "", payload)
        for event in json.loads(held)
        for payload in event["examples"]
    )


def fetch() -> str:
    """Install the examples into the cache unless they are there; returns what went wrong, or ""."""
    if index().is_file():
        return ""
    npm = shutil.which("npm")
    if npm is None:
        return "npm was not found"
    target = place()
    target.mkdir(parents=True, exist_ok=True)
    quiet = ["--no-save", "--ignore-scripts", "--no-audit", "--no-fund"]
    command = [npm, "install", *quiet, "--prefix", str(target), f"{PACKAGE}@{VERSION}"]
    wrong = ""
    for tried in range(1, INSTALL_TRIES_MAX + 1):
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=INSTALL_SECONDS_MAX, check=False
            )
            if done.returncode == 0 and index().is_file():
                return ""
            wrong = done.stderr.strip()[-500:]
        except subprocess.TimeoutExpired:
            wrong = f"npm did not end within {INSTALL_SECONDS_MAX} s"
        if tried < INSTALL_TRIES_MAX:
            time.sleep(RETRY_WAIT_SECONDS * tried)
    shutil.rmtree(target, ignore_errors=True)
    return f"gave up after {INSTALL_TRIES_MAX} tries: {wrong}"


def main() -> int:
    wrong = fetch()
    if not wrong:
        sys.stdout.write(f"GitHub's examples are in {place()}\n")
        return 0
    sys.stderr.write(f"GitHub's examples were not fetched, tests that need them are skipped: {wrong}\n")
    return 1 if os.environ.get("CI") else 0


if __name__ == "__main__":
    raise SystemExit(main())
