"""Packages of npm that tests read: fetched once into a cache outside of the checkout, never committed.

Without them the tests that need them are skipped, which pytest says at its end; where the variable CI is set
they fail instead.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

import pytest

INSTALL_TRIES_MAX = 4
INSTALL_SECONDS_MAX = 120
RETRY_WAIT_SECONDS = 5


class Package(NamedTuple):
    """One version of a package; ``file`` is in it, and what holds has this digest."""

    name: str
    version: str
    file: str
    sha256: str
    directory: str

    @property
    def place(self) -> Path:
        """Where it is kept."""
        cache_home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        return Path(cache_home) / "aftermerge" / f"{self.directory}-{self.version}"

    @property
    def root(self) -> Path:
        """The package itself."""
        return self.place / "node_modules" / self.name

    @property
    def checked(self) -> Path:
        """The file by which it is known."""
        return self.root / self.file

    def needed(self) -> Path:
        """The package; skips the test, or fails it under CI, where it was not fetched."""
        if not self.checked.is_file():
            missing = (
                f"{self.name} {self.version} is not in {self.place}: `make examples` fetches it (needs npm)"
            )
            if os.environ.get("CI"):
                pytest.fail(missing)
            pytest.skip(missing)
        held = hashlib.sha256(self.checked.read_bytes()).hexdigest()
        assert held == self.sha256, f"{self.checked} is not what {self.version} holds: remove it"
        return self.root

    def fetch(self) -> str:
        """Install it into the cache unless it is there; returns what went wrong, or ""."""
        if self.checked.is_file():
            return ""
        npm = shutil.which("npm")
        if npm is None:
            return "npm was not found"
        self.place.mkdir(parents=True, exist_ok=True)
        quiet = ["--no-save", "--ignore-scripts", "--no-audit", "--no-fund"]
        command = [npm, "install", *quiet, "--prefix", str(self.place), f"{self.name}@{self.version}"]
        wrong = ""
        for tried in range(1, INSTALL_TRIES_MAX + 1):
            try:
                done = subprocess.run(
                    command, capture_output=True, text=True, timeout=INSTALL_SECONDS_MAX, check=False
                )
                if done.returncode == 0 and self.checked.is_file():
                    return ""
                wrong = done.stderr.strip()[-500:]
            except subprocess.TimeoutExpired:
                wrong = f"npm did not end within {INSTALL_SECONDS_MAX} s"
            if tried < INSTALL_TRIES_MAX:
                time.sleep(RETRY_WAIT_SECONDS * tried)
        shutil.rmtree(self.place, ignore_errors=True)
        return f"gave up after {INSTALL_TRIES_MAX} tries: {wrong}"
