"""Real repositories made with the git command, with fixed clocks and persons."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from pipeline.core.events import Event
from pipeline.sources.git import GitOptions, History, read_history

E = TypeVar("E", bound=Event)

START = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
NOW = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
HOUR = 3_600 * 1_000_000
T0 = int(START.timestamp()) * 1_000_000


def at(hours: float) -> int:
    """Microseconds of an hour after the start of all test histories."""
    return T0 + round(hours * HOUR)


def envelope(id_: str, time: int, sequence: int) -> tuple[str, str, int, int, bool, int, int, bool, int]:
    """The first fields of an event that the clone of acme/api tells."""
    return (id_, "git/acme/api", time, time, True, 0, 3, False, sequence)


def token(login: str) -> str:
    return f"p:{login}"


class Clone:
    """A repository under construction; ``hours`` count from the start of the history."""

    def __init__(self, path: Path, url: str = "https://git.example/acme/api.git") -> None:
        self.path = path
        path.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")
        if url:
            self.git("remote", "add", "origin", url)

    def git(
        self, *arguments: str, hours: float = 0, author: str = "Ada", author_hours: float | None = None
    ) -> str:
        return self.run(arguments, hours, author, author_hours, None).decode("utf-8", "replace").strip()

    def run(
        self,
        arguments: tuple[str, ...],
        hours: float,
        author: str,
        author_hours: float | None,
        given: bytes | None,
    ) -> bytes:
        committed = START + timedelta(hours=hours)
        authored = committed if author_hours is None else START + timedelta(hours=author_hours)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.path),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": author,
            "GIT_AUTHOR_EMAIL": f"{author.lower()}@example.org",
            "GIT_COMMITTER_NAME": "Forge",
            "GIT_COMMITTER_EMAIL": "noreply@github.com",
            "GIT_AUTHOR_DATE": f"@{int(authored.timestamp())} +0000",
            "GIT_COMMITTER_DATE": f"@{int(committed.timestamp())} +0000",
        }
        return subprocess.run(
            ["git", "-C", str(self.path), *arguments],
            env=environment,
            check=True,
            capture_output=True,
            input=given,
        ).stdout

    def write(self, path: str, content: str) -> None:
        file = self.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
        self.git("add", "--", path)

    def commit(
        self,
        message: str,
        hours: float,
        files: dict[str, str] | None = None,
        author: str = "Ada",
        author_hours: float | None = None,
    ) -> str:
        """Commit files (or nothing) on the current branch; returns the sha."""
        for path, content in (files or {}).items():
            self.write(path, content)
        self.git(
            "commit",
            "--quiet",
            "--allow-empty",
            "-m",
            message,
            hours=hours,
            author=author,
            author_hours=author_hours,
        )
        return self.git("rev-parse", "HEAD")

    def merge(self, branch: str, message: str, hours: float, author: str = "Mia") -> str:
        self.git("merge", "--quiet", "--no-ff", "-m", message, branch, hours=hours, author=author)
        return self.git("rev-parse", "HEAD")

    def request(
        self, number: int, branch: str, title: str, hours: float, files: dict[str, str], message: str = ""
    ) -> str:
        """A request of one commit, an hour old, merged as GitHub does it; returns the merge's sha."""
        self.git("checkout", "--quiet", "-b", branch)
        self.commit(message or title, hours - 0.5, files, author_hours=hours - 1)
        self.git("checkout", "--quiet", "main")
        return self.merge(branch, f"Merge pull request #{number} from acme/{branch}\n\n{title}", hours)

    def tag(self, name: str, hours: float | None = None, target: str = "HEAD") -> None:
        """An annotated tag of that time, or a lightweight one without a time."""
        if hours is None:
            self.git("tag", name, target)
        else:
            self.git("tag", "-a", "-m", name, name, target, hours=hours)

    def read(self, **options: object) -> History:
        return read(self.path, **options)


def read(path: Path, **options: object) -> History:
    return read_history(path, GitOptions(**{"now": NOW, **options}), token)  # type: ignore[arg-type]


def of_type(history: History, kind: type[E]) -> list[E]:
    return [event for event in history.events if isinstance(event, kind)]
