"""How fast a clone becomes events: a repository of 50,000 commits, made on the spot.

``python -m benchmarks.import_git [COMMITS] [DIRECTORY]``: half of the main line are merges of two
commits, the rest squashes; there are tags, reverts and a CODEOWNERS file that changes.
``python -m benchmarks.import_git --clone PATH`` measures a clone of your own.
"""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import commands
from benchmarks.figures import Figure, at_most, known
from pipeline.sources.git import GitOptions, read_history

COMMITS = 50_000
QUICK_COMMITS = 2_000
SECONDS_MAX = 60.0
START_SECONDS = 1_500_000_000
STEP_SECONDS = 900
DIRECTORIES = 40
FILES_PER_DIRECTORY = 50
LINES_PER_FILE = 60
CHANGED_FILES_MAX = 5
REVERT_EVERY = 97
TAG_EVERY = 20
OWNERS_EVERY = 5_000
INCIDENTS = frozenset({"reverts", "rollbacks"})


class _Stream:
    """Commands of ``git fast-import`` for a history with a given number of commits."""

    def __init__(self, commits: int) -> None:
        self.draw = random.Random(7)
        self.commits = commits
        self.marks = 0
        self.lines: dict[str, list[int]] = {}

    def commands(self) -> Iterator[bytes]:
        written, number, tip = 0, 0, 0
        previous = "Begin"
        while written < self.commits:
            number += 1
            when = START_SECONDS + number * STEP_SECONDS
            if number % OWNERS_EVERY == 1:
                yield from self._commit("main", when, "Owners", tip, 0, self._owners(number))
            elif number % 2:
                side = tip
                for offset in (600, 300):
                    yield from self._commit(
                        f"side{number}", when - offset, f"Step of {number}", side, 0, self._edits()
                    )
                    side = self.marks
                message = f"Merge pull request #{number} from acme/side{number}\n\nChange {number}"
                yield from self._commit("main", when, message, tip, side, b"")
                written += 2
            else:
                title = f'Revert "{previous}"' if number % REVERT_EVERY == 0 else f"Change {number}"
                yield from self._commit("main", when, f"{title} (#{number})", tip, 0, self._edits())
            previous = f"Change {number}"
            tip = self.marks
            written += 1
            if number % TAG_EVERY == 0:
                yield b"tag production-%d\nfrom :%d\ntagger A <a@example.org> %d +0000\ndata 0\n" % (
                    number,
                    tip,
                    when + 60,
                )

    def _commit(
        self, branch: str, when: int, message: str, parent: int, other: int, edits: bytes
    ) -> Iterator[bytes]:
        self.marks += 1
        author = f"author{self.draw.randrange(80)}"
        text = message.encode()
        yield b"commit refs/heads/%s\nmark :%d\n" % (branch.encode(), self.marks)
        yield b"author %s <%s@example.org> %d +0000\n" % (author.encode(), author.encode(), when)
        yield b"committer Forge <noreply@github.com> %d +0000\ndata %d\n%s\n" % (when, len(text), text)
        if parent:
            yield b"from :%d\n" % parent
        if other:
            yield b"merge :%d\n" % other
            # a merge takes the side's tree over; one touched file stands for it
            edits = edits or self._edits()
        yield edits + b"\n"

    def _edits(self) -> bytes:
        edits = []
        for _ in range(self.draw.randint(1, CHANGED_FILES_MAX)):
            path = f"d{self.draw.randrange(DIRECTORIES)}/src/f{self.draw.randrange(FILES_PER_DIRECTORY)}.py"
            lines = self.lines.setdefault(path, [0] * LINES_PER_FILE)
            for _ in range(8):
                lines[self.draw.randrange(LINES_PER_FILE)] = self.draw.randrange(1_000_000)
            content = b"".join(b"value_%d = %d\n" % (number, value) for number, value in enumerate(lines))
            edits.append(b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(content), content))
        return b"".join(edits)

    def _owners(self, number: int) -> bytes:
        rules = b"".join(b"/d%d/ @acme/team%d\n" % (one, (one + number) % 12) for one in range(DIRECTORIES))
        return b"M 100644 inline CODEOWNERS\ndata %d\n%s\n" % (len(rules), rules)


def make(path: Path, commits: int) -> None:
    """Make a bare repository with so many commits."""
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(path)], check=True)
    command = ["git", "-C", str(path), "fast-import", "--quiet", "--force"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        for piece in _Stream(commits).commands():
            process.stdin.write(piece)
        process.stdin.close()
    if process.returncode:
        raise SystemExit("git fast-import failed")


def measure(path: Path) -> None:
    """Print rate and memory of reading one clone."""
    begun = time.perf_counter()
    history = read_history(path, GitOptions(incidents_from=INCIDENTS), lambda login: f"p:{login}")
    seconds = time.perf_counter() - begun
    counts = history.report.counts
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    # macOS counts bytes, Linux kilobytes
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    print(f"  {counts['commits']:,} commits, {counts['changes']:,} changes, {len(history.events):,} events")
    print(f"  {seconds:.1f} s, {counts['commits'] / seconds:,.0f} commits/s")
    print(f"  peak memory {peak / unit:,.0f} MB, of the largest git process {child / unit:,.0f} MB")


def figures(directory: Path, files: Sequence[Path], *, quick: bool) -> list[Figure]:
    """The whole command on a clone: read, append, correlate and write, from its start to its end."""
    commits = QUICK_COMMITS if quick else COMMITS
    with TemporaryDirectory(dir=directory) as place:
        clone = Path(place) / "api.git"
        make(clone, commits)
        begun = time.perf_counter()
        events = len(read_history(clone, GitOptions(incidents_from=INCIDENTS), lambda login: login).events)
        reading = time.perf_counter() - begun
        kinds = ",".join(sorted(INCIDENTS))
        done = commands.run(
            ["import", "git", str(clone), "--incidents-from", kinds, "--data", f"{place}/data"]
        )
    text = f"{done.seconds:.1f} s ({events:,} events; to read the clone alone {reading:.1f} s)"
    memory = done.peak_bytes / 2**20
    return [
        at_most(
            f"`import git` of {commits:,} commits", done.seconds, SECONDS_MAX, text, f"< {SECONDS_MAX:g} s"
        ),
        known("its peak memory, MB", memory, f"{memory:,.0f}"),
    ]


def main(arguments: list[str]) -> None:
    """Make a repository and read it, or read the clone that is named."""
    if arguments[:1] == ["--clone"]:
        measure(Path(arguments[1]))
        return
    commits = int(arguments[0]) if arguments else COMMITS
    where = arguments[1] if len(arguments) > 1 else None
    with TemporaryDirectory(dir=where) as directory:
        path = Path(directory) / "api.git"
        begun = time.perf_counter()
        make(path, commits)
        print(f"a repository of {commits:,} commits, made in {time.perf_counter() - begun:.0f} s")
        measure(path)


if __name__ == "__main__":
    main(sys.argv[1:])
