"""The git program, run so that nothing of the clone is executed: no hooks, filters, pagers or helpers.

Every command reads; output is bytes, streamed. Input goes through a temporary file, so that no
pipe can fill up on both sides.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

CHUNK_BYTES = 1 << 20
ERROR_BYTES_MAX = 4_000
RECORD_BYTES_MAX = 64 << 20
BLOB_BYTES_MAX = 2 << 20
SIZED_FILE_BYTES_MAX = 512 << 10

#: what the configuration of a clone could make git execute, fetch or wait for; and what would change
#: the output we read
_SAFE = (
    "--no-pager",
    "--no-optional-locks",
    "--no-replace-objects",
    "--literal-pathspecs",
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.attributesFile=/dev/null"),
    *("-c", "core.quotePath=false"),
    *("-c", "protocol.allow=never"),
    # a bigger file is data, a lock file or generated: it counts as touched, its lines are not read
    *("-c", f"core.bigFileThreshold={SIZED_FILE_BYTES_MAX}"),
    *("-c", "log.showSignature=false"),
    *("-c", "mailmap.file="),
    *("-c", "mailmap.blob="),
    *("-c", "diff.suppressBlankEmpty=false"),
    *("-c", "diff.renames=false"),
)


class GitError(RuntimeError):
    """A clone can't be read; the message says what, where and what to do."""


class GitMissing(GitError):
    """There is no git program on this machine."""


class NotARepository(GitError):
    """The path holds no git repository."""


class RepositoryRefused(GitError):
    """git refuses a repository that belongs to somebody else."""


class EmptyRepository(GitError):
    """The repository has no commit, or not the branch that was asked for."""


class GitFailed(GitError):
    """A git command ended with an error, mostly because objects are missing from the clone."""


def _environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    # where the user's own configuration is kept may be said by variables; safe.directory is in there
    for key in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"):
        if key in os.environ:
            kept[key] = os.environ[key]
    return kept | {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1"}


class Git:
    """Runs git in one repository. Raises ``GitError`` with advice when it can't be read."""

    def __init__(self, path: Path) -> None:
        program = shutil.which("git")
        if program is None:
            raise GitMissing("git is not installed: install it with the package manager of this system")
        self.path = path
        #: where git runs: the top of the work tree once it is open, since it reads paths from there
        self.top = path
        self._program = (program, *_SAFE)
        self._environment = _environment()

    def open(self) -> Path:
        """The repository's git directory; checks that it is one and may be read."""
        if not self.path.is_dir():
            raise NotARepository(f"{self.path}: no such directory; give the path of a git clone")
        code, output, error = self._finished("rev-parse", "--absolute-git-dir")
        if code == 0:
            top = self.ask("rev-parse", "--show-toplevel")
            self.top = Path(os.fsdecode(top)) if top else self.path
            return Path(os.fsdecode(output.rstrip(b"\n")))
        if "dubious ownership" in error or "unsafe repository" in error:
            raise RepositoryRefused(
                f"{self.path}: belongs to another user, and git refuses to read it; if you trust it: "
                f"git config --global --add safe.directory {self.path.resolve()}"
            )
        if "not a git repository" in error:
            raise NotARepository(f"{self.path}: not a git repository; give the path of a clone")
        raise NotARepository(f"{self.path}: git can't read it: {error}")

    def ask(self, *arguments: str) -> bytes | None:
        """The output of a short command without its last newline; ``None`` when git answers no."""
        code, output, _ = self._finished(*arguments)
        return output.rstrip(b"\n") if code == 0 else None

    def _finished(self, *arguments: str) -> tuple[int, bytes, str]:
        done = subprocess.run(
            [*self._program, "-C", str(self.top), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=self._environment,
            check=False,
        )
        return done.returncode, done.stdout, _shown(done.stderr)

    @contextmanager
    def stream(self, *arguments: str, lines: Iterable[str] | None = None) -> Iterator[IO[bytes]]:
        """The output of a long command, as it comes; ``lines`` become its input.

        Raises ``GitFailed`` at the end when git failed, after everything it said was read. A reader
        that stops early stops git.
        """
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as errors:
            for line in lines or ():
                given.write(line.encode("utf-8", "surrogateescape") + b"\n")
            given.seek(0)
            with subprocess.Popen(
                [*self._program, "-C", str(self.top), *arguments],
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=self._environment,
            ) as process:
                assert process.stdout is not None
                try:
                    yield process.stdout
                    unread = process.stdout.read(1)
                except BaseException:
                    process.kill()
                    raise
                if unread:
                    process.kill()
                    return
            if process.returncode:
                errors.seek(0)
                said = _shown(errors.read(ERROR_BYTES_MAX))
                raise GitFailed(f"{self.path}: git {arguments[0]} failed: {said}")

    def records(self, *arguments: str, lines: Iterable[str] | None = None) -> Iterator[bytes]:
        """NUL-terminated records of a long command."""
        with self.stream(*arguments, lines=lines) as output:
            yield from split(output)

    def blobs(self, objects: Iterable[str]) -> Iterator[bytes | None]:
        """The contents of blobs in the order asked, by one process; ``None`` = missing, too big, no blob."""
        wanted = list(objects)
        told = 0
        try:
            for content in self._blobs(wanted):
                told += 1
                yield content
        except GitFailed:
            # of a clone without file contents git ends at the first that is missing, whatever comes after it
            yield from [None] * (len(wanted) - told)

    def _blobs(self, objects: Iterable[str]) -> Iterator[bytes | None]:
        with self.stream("cat-file", "--batch", lines=objects) as output:
            while header := output.readline():
                fields = header.rsplit(b" ", 2)
                if len(fields) < 3 or not fields[2].strip().isdigit():
                    yield None  # "<object> missing"
                    continue
                size = int(fields[2])
                if fields[1] != b"blob" or size > BLOB_BYTES_MAX:
                    _skip(output, size + 1)
                    yield None
                    continue
                content = output.read(size)
                output.read(1)
                yield content


def split(output: IO[bytes]) -> Iterator[bytes]:
    """Cut a stream at its NUL bytes; an unfinished last record is dropped, as git died in it."""
    rest = b""
    while chunk := output.read(CHUNK_BYTES):
        pieces = (rest + chunk).split(b"\0") if rest else chunk.split(b"\0")
        rest = pieces.pop()
        if len(rest) > RECORD_BYTES_MAX:
            rest = rest[:RECORD_BYTES_MAX]
        yield from pieces


def _skip(output: IO[bytes], size: int) -> None:
    while size > 0 and (chunk := output.read(min(size, CHUNK_BYTES))):
        size -= len(chunk)


def _shown(error: bytes) -> str:
    text = error[:ERROR_BYTES_MAX].decode("utf-8", "replace").strip()
    return text.removeprefix("fatal: ").replace("\n", "; ") or "no reason given"


def text(raw: bytes) -> str:
    """Bytes of a message or a path as text that every later step can encode."""
    return raw.decode("utf-8", "replace")
