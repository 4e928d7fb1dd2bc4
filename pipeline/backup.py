"""Backups: the log, the key behind the person tokens, and a manifest; never the store, which follows from it.

A backup is a tar archive (its name ends in ``.tar``) or a directory of the same three files. Nothing is
unpacked by the names that an archive tells: three names are known, and anything else is refused. What
is restored is checked against the manifest before it becomes a data directory.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import msgspec

from pipeline.core.parameters import Parameters
from pipeline.log.sqlite import SqliteLog
from pipeline.log.sqlite.upkeep import FORMAT, LogUpkeep
from pipeline.log.topics import RECEIVED
from pipeline.measuring import ProgressCall
from pipeline.persons import KEY_FILE, PersonKeyUnusable, open_persons
from pipeline.state import State

MANIFEST = "manifest.json"
LOG_FILE = "log.sqlite"
PARTS = (LOG_FILE, KEY_FILE)
ARCHIVE_FORMAT = 1
ARCHIVE_SUFFIX = ".tar"
MANIFEST_BYTES_MAX = 64 * 1024
COPIED_BYTES = 4 * 2**20
#: where a restore checks what it unpacks; a killed one leaves it behind, and the next one begins anew
UNPACKED = ".restoring"
#: what else may be in a directory that counts as empty: its lock
LOCKS = ("lock", f"{LOG_FILE}.lock")


class BackupUnusable(ValueError):
    """A backup can't be written there, or can't be restored; the text says what is wrong with what."""


class Part(msgspec.Struct, frozen=True):
    """One file of a backup."""

    size_bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds; ``made_at`` is aware, in UTC. ``deliveries``: whether kept ones are in it."""

    format: int
    version: str
    made_at: datetime
    log_format: int
    deliveries: bool
    parts: dict[str, Part]


def back_up(
    log: SqliteLog,
    target: Path,
    *,
    version: str,
    deliveries: bool = True,
    progress: ProgressCall | None = None,
) -> Manifest:
    """Write a backup of the log that this process holds, as it is at this moment.

    ``target`` is absolute; it appears under its name when all of it is on the disk, and only its owner can
    read it. Raises ``BackupUnusable`` for a target that can't be written or is there already,
    ``LogUnavailable`` and ``LogCorrupt``.
    """
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise BackupUnusable(f"{target} is there already: name another place")
    try:
        with tempfile.TemporaryDirectory(prefix=".backup-", dir=target.parent) as name:
            parts = Path(name) / "parts"
            parts.mkdir(mode=0o700)
            upkeep = LogUpkeep(log)
            upkeep.copy_to(parts / LOG_FILE, without=() if deliveries else (RECEIVED,), progress=progress)
            _copy_key(upkeep.path.parent / KEY_FILE, parts / KEY_FILE)
            manifest = Manifest(
                format=ARCHIVE_FORMAT,
                version=version,
                made_at=datetime.now(UTC),
                log_format=FORMAT,
                deliveries=deliveries,
                parts={part: _described(parts / part) for part in PARTS},
            )
            _write(parts / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
            if target.suffix == ARCHIVE_SUFFIX:
                _pack(parts, Path(name) / "archive")
                os.replace(Path(name) / "archive", target)
            else:
                os.replace(parts, target)
            _settle_name(target.parent)
    except OSError as error:
        raise BackupUnusable(
            f"{error.filename or target} can't be written: {error.strerror or error}"
        ) from None
    return manifest


def restore(backup: Path, directory: Path, parameters: Parameters) -> Manifest:
    """Make a data directory of a backup; its tables are made when the next step prepares them.

    The directory is held by the caller, and holds nothing but its lock. The epoch of every workspace
    rises, so that no row of the time after the backup stands beside new ones. Raises ``BackupUnusable``,
    and leaves the directory as it was.
    """
    if strangers := sorted(path.name for path in directory.iterdir() if path.name not in (*LOCKS, UNPACKED)):
        raise BackupUnusable(
            f"{directory} is not empty ({', '.join(strangers[:3])}): restore into a new directory"
        )
    unpacked = directory / UNPACKED
    shutil.rmtree(unpacked, ignore_errors=True)
    try:
        unpacked.mkdir(mode=0o700)
        manifest = _unpack(backup, unpacked)
        _raise_epochs(unpacked / LOG_FILE, parameters)
        # the log last: without it the directory is still an empty one
        for part in reversed(PARTS):
            os.replace(unpacked / part, directory / part)
        _settle_name(directory)
    except tarfile.TarError as error:
        raise BackupUnusable(f"{backup} is no backup, or was cut short: {error}") from None
    except EOFError:
        raise BackupUnusable(f"{backup} was cut short: get it again from where it was made") from None
    except OSError as error:
        raise BackupUnusable(f"{error.filename or backup}: {error.strerror or error}") from None
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
    return manifest


def _raise_epochs(path: Path, parameters: Parameters) -> None:
    log = SqliteLog(path)
    try:
        log.create_topic("state", compacted=True)
        state = State(log)
        for workspace in state.workspaces():
            state.begin(workspace, parameters)
    finally:
        log.close()


# -- what is written --------------------------------------------------------------------------------


def _copy_key(source: Path, target: Path) -> None:
    open_persons(source.parent)  # a damaged key must not be what the backup holds
    _write(target, source.read_bytes())


def _write(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _described(path: Path) -> Part:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(COPIED_BYTES):
            digest.update(block)
        return Part(file.tell(), digest.hexdigest())


def _pack(parts: Path, archive: Path) -> None:
    with (
        os.fdopen(os.open(archive, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file,
        tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name in (MANIFEST, *PARTS):
            tar.add(parts / name, name, recursive=False, filter=_nameless)
        tar.close()
        file.flush()
        os.fsync(file.fileno())


def _nameless(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Who made the backup is nobody's business."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


def _settle_name(directory: Path) -> None:
    """A file that was renamed has its new name after a crash, too."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# -- what is read -----------------------------------------------------------------------------------


def _unpack(backup: Path, directory: Path) -> Manifest:
    members = _of_directory(backup) if backup.is_dir() else _of_archive(backup)
    with members as found:
        name, content = next(found, ("", io.BytesIO()))
        if name != MANIFEST:
            raise BackupUnusable(f"{backup} is no backup: it does not begin with {MANIFEST}")
        manifest = _read_manifest(backup, content)
        left = set(PARTS)
        for name, content in found:
            if name not in left:
                raise BackupUnusable(f"{backup} is no backup of ours: it holds {name[:100]!r}")
            left.remove(name)
            _take(backup, name, content, manifest.parts[name], directory / name)
        if left:
            raise BackupUnusable(f"{backup} lacks {', '.join(sorted(left))}: it was cut short")
    try:
        open_persons(directory)
    except PersonKeyUnusable as error:
        raise BackupUnusable(f"{backup}: {error}") from None
    return manifest


@contextmanager
def _of_archive(path: Path) -> Iterator[Iterator[tuple[str, IO[bytes]]]]:
    def members(tar: tarfile.TarFile) -> Iterator[tuple[str, IO[bytes]]]:
        for member in tar:
            content = tar.extractfile(member) if member.isreg() else None
            if content is None:
                raise BackupUnusable(f"{path} is no backup of ours: {member.name[:100]!r} is no file")
            yield member.name, content

    with tarfile.open(path, mode="r:") as tar:
        yield members(tar)


@contextmanager
def _of_directory(path: Path) -> Iterator[Iterator[tuple[str, IO[bytes]]]]:
    def members() -> Iterator[tuple[str, IO[bytes]]]:
        for name in (MANIFEST, *PARTS):
            with (path / name).open("rb") as content:
                yield name, content

    yield members()


def _read_manifest(backup: Path, content: IO[bytes]) -> Manifest:
    try:
        told = msgspec.json.decode(content.read(MANIFEST_BYTES_MAX), type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BackupUnusable(f"{backup}: its {MANIFEST} can't be read: {error}") from None
    if told.format > ARCHIVE_FORMAT or told.log_format > FORMAT:
        raise BackupUnusable(
            f"{backup} was made by aftermerge {told.version[:50]}, whose log has format {told.log_format};"
            f" this program reads format {FORMAT}: restore it with that version, or a newer one"
        )
    if set(told.parts) != set(PARTS):
        raise BackupUnusable(f"{backup}: its {MANIFEST} tells of other files than {', '.join(PARTS)}")
    return told


def _take(backup: Path, name: str, content: IO[bytes], part: Part, target: Path) -> None:
    """Copy one file, no more of it than was told, and compare."""
    digest, size = hashlib.sha256(), 0
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        while block := content.read(min(COPIED_BYTES, part.size_bytes - size + 1)):
            size += len(block)
            if size > part.size_bytes:
                break
            digest.update(block)
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    if size < part.size_bytes:
        raise BackupUnusable(f"{backup}: {name} was cut short after {size:,} of {part.size_bytes:,} bytes")
    if size > part.size_bytes or digest.hexdigest() != part.sha256:
        raise BackupUnusable(f"{backup}: {name} is not what its {MANIFEST} says: damaged, or altered")
