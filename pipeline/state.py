"""The changelog of the fold: what a process needs to go on where the last one stopped."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import msgspec

from pipeline.core.changelog import CLOCK, Clock
from pipeline.core.parameters import MODEL_VERSION, Parameters
from pipeline.log.protocol import Log, LogCorrupt, LogUnavailable, NewRecord, Record
from pipeline.log.topics import EVENTS, PARTITION, STATE

#: the group of whoever folds: state, rows and offset are committed in its name
GROUP = "correlate"
_SEPARATOR = b"\0"
_EPOCH = b"epoch"
_PARKED = b"parked/"
#: how many rows a version can count inside one epoch
_OFFSET_BITS = 40
READ_RECORDS_MAX = 20_000

_log = logging.getLogger(__name__)


class Unrestorable(LogCorrupt):
    """What is kept of a workspace can't be read back: its events have to be folded again."""

    def __init__(self, workspace: str, partition: int, error: Exception) -> None:
        super().__init__(
            f"partition {partition} of topic {STATE}: workspace {workspace!r} can't be read back"
            f" ({type(error).__name__}: {error})"
        )
        self.workspace = workspace


class Epoch(msgspec.Struct, frozen=True):
    """Which computation the rows come from; it rises with the model, the settings and a rebuild."""

    number: int
    model_version: int
    parameters: str
    rebuilding: bool = False

    def version(self, offset: int, *, refolded: bool = False) -> int:
        """Version of a row derived up to an offset: monotone for the one writer of a key."""
        return (self.number << _OFFSET_BITS) | (2 * offset + refolded)

    def outdated(self, parameters: Parameters) -> bool:
        """Whether rows of this epoch can't stand beside new ones."""
        return self.rebuilding or self.model_version != MODEL_VERSION or self.parameters != repr(parameters)


#: changelog keys and values of one workspace
Snapshot = dict[bytes, bytes]


class Told(NamedTuple):
    """A snapshot that another process committed; none says that the next one is of another computation."""

    workspace: str
    snapshot: Snapshot | None


class State:
    """Reads and makes the records of one partition of the ``state`` topic."""

    def __init__(
        self, log: Log, partition: int = PARTITION, latest: Mapping[bytes, bytes] | None = None
    ) -> None:
        """``latest`` is what the topic holds, where that was read already.

        Raises ``LogCorrupt`` for what nothing of the workspace can be told without, such as its epoch.
        """
        self._log = log
        self._partition = partition
        self._epochs: dict[str, Epoch] = {}
        self._parked: dict[str, dict[int, bytes]] = {}
        self._clocks: dict[str, bytes] = {}
        #: what was read and nobody asked for yet: a topic is read once, however many workspaces are in it
        self._unread: dict[str, list[tuple[bytes, bytes]]] = {}
        #: what was followed and belongs to a snapshot that has not ended, by workspace
        self._begun: dict[str, Snapshot] = {}
        for key, value in (log.latest(STATE, partition) if latest is None else latest).items():
            try:
                self._take(key, value)
            except ValueError as error:
                raise LogCorrupt(
                    f"partition {partition} of topic {STATE}: the record with the key {key!r} can't be read"
                    f" ({error}): it was not written by this program; restore the topic from another replica"
                    " or a backup"
                ) from None

    def _take(self, key: bytes, value: bytes) -> None:
        """Keep one record of the topic. Raises ``ValueError``."""
        name, _, entry = key.partition(_SEPARATOR)
        if entry == _EPOCH:
            self._epochs[name.decode()] = msgspec.json.decode(value, type=Epoch)
        elif entry.startswith(_PARKED):
            self._parked.setdefault(name.decode(), {})[int(entry[len(_PARKED) :])] = value
        else:
            self._unread.setdefault(name.decode(), []).append((entry, value))
            if entry == CLOCK:
                self._clocks[name.decode()] = value

    def workspaces(self) -> list[str]:
        """Workspaces that have a state."""
        return sorted(self._epochs)

    def epoch(self, workspace: str) -> Epoch:
        """The epoch in force; ``KeyError`` for a workspace that was never loaded."""
        return self._epochs[workspace]

    def behind_horizon(self, workspace: str) -> int:
        """How many events of a workspace waited for a rebuild when the state was read."""
        with self.read_back(workspace):
            return _behind_horizon(clock) if (clock := self._clocks.get(workspace)) else 0

    @contextmanager
    def read_back(self, workspace: str) -> Iterator[None]:
        """Inside, a workspace is made from its records; raises ``Unrestorable`` when that is not possible.

        No event is to blame for that: whoever folds must not take the next one for the culprit.
        """
        try:
            yield
        except (LogCorrupt, LogUnavailable, MemoryError):
            raise
        except Exception as error:
            raise Unrestorable(workspace, self._partition, error) from error

    def parked(self, workspace: str) -> dict[int, bytes]:
        """Records of unknown type, by offset."""
        return self._parked.get(workspace, {})

    def load(self, workspace: str, parameters: Parameters) -> list[tuple[bytes, bytes]]:
        """The entities' records of a workspace; a new workspace has none and begins its first epoch."""
        if workspace not in self._epochs:
            self._epochs[workspace] = Epoch(1, MODEL_VERSION, repr(parameters))
            return []
        unread = self._unread.pop(workspace, None)
        if unread is not None:
            return unread
        prefix = workspace.encode() + _SEPARATOR
        return [
            (key[len(prefix) :], value)
            for key, value in self._log.latest(STATE, self._partition).items()
            if key.startswith(prefix) and not key.startswith((prefix + _EPOCH, prefix + _PARKED))
        ]

    def follow(self, records: Iterable[Record]) -> Iterator[Told]:
        """Take in what another process committed since; gives what each snapshot says, as it ends.

        Where the topic was compacted meanwhile, several snapshots may come as one.
        """
        for record in records:
            name, _, entry = record.key.partition(_SEPARATOR)
            workspace = name.decode()
            if entry == _EPOCH:
                epoch = msgspec.json.decode(record.value, type=Epoch)
                if epoch != self._epochs.get(workspace):
                    self._epochs[workspace] = epoch
                    yield Told(workspace, None)
            elif entry.startswith(_PARKED):
                parked = self._parked.setdefault(workspace, {})
                parked.pop(int(entry[len(_PARKED) :]), None)
                if record.value:
                    parked[int(entry[len(_PARKED) :])] = record.value
            else:
                self._begun.setdefault(workspace, {})[entry] = record.value
                if entry == CLOCK:
                    self._unread.pop(workspace, None)
                    yield Told(workspace, self._begun.pop(workspace))

    def records(self, workspace: str, snapshot: Iterable[tuple[bytes, bytes]]) -> list[NewRecord]:
        """A snapshot as records of the topic, with the epoch it belongs to."""
        prefix = workspace.encode() + _SEPARATOR
        epoch = msgspec.json.encode(self._epochs[workspace])
        entities = [NewRecord(prefix + key, value) for key, value in snapshot]
        return [NewRecord(prefix + _EPOCH, epoch), *entities]

    def park(self, workspace: str, offset: int, value: bytes) -> NewRecord:
        """Keep a record whose type this version does not know."""
        self._parked.setdefault(workspace, {})[offset] = value
        return NewRecord(workspace.encode() + _SEPARATOR + _PARKED + str(offset).encode(), value)

    def unpark(self, workspace: str, offset: int) -> NewRecord:
        """A parked record was folded."""
        self._parked.get(workspace, {}).pop(offset, None)
        return NewRecord(workspace.encode() + _SEPARATOR + _PARKED + str(offset).encode(), b"")

    def begin(self, workspace: str, parameters: Parameters) -> Epoch:
        """Raise the epoch durably before a rebuild writes its first row."""
        number = self._epochs[workspace].number + 1 if workspace in self._epochs else 1
        epoch = Epoch(number, MODEL_VERSION, repr(parameters), rebuilding=True)
        self._epochs[workspace] = epoch
        self._unread.pop(workspace, None)
        key = workspace.encode() + _SEPARATOR + _EPOCH
        record = NewRecord(key, msgspec.json.encode(epoch))
        # a commit that moves nothing: whoever lost the partition meanwhile begins nothing
        offset = self._log.committed(GROUP, EVENTS, self._partition)
        appended = [(STATE, self._partition, [record])]
        self._log.commit(GROUP, EVENTS, self._partition, offset, appended=appended)
        return epoch

    def replace(
        self, workspace: str, snapshot: Sequence[tuple[bytes, bytes]], epoch: Epoch, group: str, offset: int
    ) -> None:
        """Put the state of a rebuild in the place of the former one, in one transaction."""
        self._epochs[workspace] = msgspec.structs.replace(epoch, rebuilding=False)
        self._clocks.pop(workspace, None)
        prefix = workspace.encode() + _SEPARATOR
        present = {prefix + key for key, _ in snapshot}
        kept = (prefix + _EPOCH, prefix + _PARKED)
        former = [
            NewRecord(key, b"")
            for key in self._log.latest(STATE, self._partition)
            if key.startswith(prefix) and key not in present and not key.startswith(kept)
        ]
        records = [*former, *self.records(workspace, snapshot)]
        self._log.commit(group, EVENTS, self._partition, offset, appended=[(STATE, self._partition, records)])


def restoring(attempt: Callable[[], None], rebuild: Callable[[str], object]) -> None:
    """Attempt what reads workspaces back; one that can't be is rebuilt, and it is attempted again.

    Raises ``Unrestorable`` for a workspace that was rebuilt and still can't be read back.
    """
    rebuilt: set[str] = set()
    while True:
        try:
            attempt()
            return
        except Unrestorable as error:
            if error.workspace in rebuilt:
                raise
            rebuilt.add(error.workspace)
            _log.warning("%s: it is computed anew from its events", error)
            rebuild(error.workspace)


def told_epochs(log: Log, workspace: str, partition: int, since: int) -> Iterator[Epoch]:
    """The epochs that whoever folds a workspace told from an offset of the topic on."""
    for value in _told(log, workspace, _EPOCH, partition, since):
        yield msgspec.json.decode(value, type=Epoch)


def told_behind_horizon(log: Log, workspace: str, partition: int, since: int) -> int:
    """How many events of a workspace were too old, in all since its last rebuild, as it was told last.

    ``since`` is an offset of the topic; 0 when nothing was told from there on.
    """
    last = b""
    for last in _told(log, workspace, CLOCK, partition, since):  # noqa: B007 - the last one holds
        pass
    return _behind_horizon(last) if last else 0


def _behind_horizon(clock: bytes) -> int:
    return msgspec.msgpack.decode(clock, type=Clock).behind_horizon


def _told(log: Log, workspace: str, entry: bytes, partition: int, since: int) -> Iterator[bytes]:
    key, offset = workspace.encode() + _SEPARATOR + entry, since
    while records := log.read(STATE, partition, offset, READ_RECORDS_MAX):
        offset = records[-1].offset + 1
        for record in records:
            if record.key == key and record.value:
                yield record.value
