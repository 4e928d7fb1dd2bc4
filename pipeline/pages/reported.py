"""Figures of weeks that are over, as they were first shown: where news has changed one since, both are shown.

Somebody has told the first one to somebody else. It is kept in a file beside the data; nothing is computed
from it, and without it figures are shown as they are.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

import msgspec

#: rows of all panels and choices that are remembered, the longest unseen go first
ROWS_MAX = 20_000
SAVED_EVERY_SECONDS = 2.0


class First(msgspec.Struct):
    """A row as it was first shown: the day, and its figures in words."""

    day: str
    figures: dict[str, str]


_Kept = dict[str, First]


class Reported:
    """What was shown first."""

    def __init__(self, file: Path | None = None) -> None:
        """Without a file it is known as long as the process runs."""
        self._file = file
        self._rows: OrderedDict[str, First] = OrderedDict()
        self._saved_at = -SAVED_EVERY_SECONDS
        self._changed = False
        #: pages are made in one thread, and saved in others
        self._rows_held, self._saving = threading.Lock(), threading.Lock()
        self._not_saved = ""
        self._not_read = ""
        self._load()

    @property
    def trouble(self) -> str:
        """Why figures are shown without what they were; empty: they are not."""
        return self._not_saved or self._not_read

    def _load(self) -> None:
        if self._file is None or not self._file.exists():
            return
        try:
            self._rows.update(msgspec.json.decode(self._file.read_bytes(), type=_Kept))
        except (OSError, msgspec.MsgspecError) as error:
            # what is in it may be mended by a person: the next save must not take its place
            aside = self._file.with_suffix(".unreadable")
            self._not_read = f"{aside} can't be read, figures are shown as they are: {error}"
            try:
                self._file.replace(aside)
            except OSError:
                self._not_read = f"{self._file} can't be read, figures are shown as they are: {error}"
                self._file = None

    def restated(
        self, key: tuple[str, ...], figures: Mapping[str, str], day: str
    ) -> dict[str, tuple[str, str]]:
        """Figure -> what it was first and when that was shown, of those that are another one now."""
        name = "\x1f".join(key)
        with self._rows_held:
            first = self._rows.get(name)
            if first is None:
                self._rows[name] = First(day, dict(figures))
                self._changed = True
                while len(self._rows) > ROWS_MAX:
                    self._rows.popitem(last=False)
                return {}
            self._rows.move_to_end(name)
        known = first.figures
        return {
            column: (known[column], first.day)
            for column, text in figures.items()
            if column in known and known[column] != text
        }

    def waits(self) -> bool:
        """Whether there is something to save, and the last time is long enough ago."""
        due = time.monotonic() - self._saved_at >= SAVED_EVERY_SECONDS
        return self._file is not None and self._changed and due

    def save(self) -> None:
        """Write the file anew, whole or not at all; a disk that is full changes no page."""
        if self._file is None:
            return
        with self._saving:
            with self._rows_held:
                rows = dict(self._rows)
                self._saved_at, self._changed = time.monotonic(), False
            beside = self._file.with_suffix(".new")
            try:
                beside.write_bytes(msgspec.json.encode(rows))
                beside.chmod(0o600)
                os.replace(beside, self._file)
                self._not_saved = ""
            except OSError as error:
                self._changed = True  # it is tried again
                self._not_saved = f"{self._file} can't be written: {error}"
