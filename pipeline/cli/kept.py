"""What each topic of the log holds, since when, and for how long it is kept: for ``doctor``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from pipeline.cli.instants import moment
from pipeline.running import live
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.log.protocol import Log


def kept_lines(settings: Settings, log: Log) -> Iterator[tuple[str, str]]:
    """Each topic with its records, their size, the oldest one and the retention, in words."""
    for found in _kept(settings, log):
        count = found["records"]
        parts = [f"{count:,} record{'s' * (count != 1)}", size_text(found["size_bytes"])]
        if found["oldest_at"]:
            parts.append(f"since {moment(found['oldest_at']):%Y-%m-%d %H:%M} UTC")
        yield found["topic"], f"{', '.join(parts)}; kept {_retention(found, settings)}"


def _kept(settings: Settings, log: Log) -> list[dict[str, Any]]:
    from pipeline.log.sqlite import SqliteLog

    if isinstance(log, SqliteLog):
        from pipeline.cli.configuring import unsealer_of
        from pipeline.cli.keeping import unsealer_here
        from pipeline.credentials import WrongCredentials
        from pipeline.receive.keeping import KeyRing
        from pipeline.upkeep import kept_in

        try:
            unseal = unsealer_here()
        except WrongCredentials:  # `up` says what is wrong with a key; here, times stay unknown
            unseal = unsealer_of(KeyRing())
        here: list[dict[str, Any]] = msgspec.to_builtins(kept_in(log, unseal))
        return here
    from pipeline.log.served.jobs import act

    running = live(settings.data)
    try:
        found: list[dict[str, Any]] = [] if running is None else act(running.control_socket, "kept")
    except KeyError:  # an older version, which can't tell
        return []
    return found


def _retention(found: dict[str, Any], settings: Settings) -> str:
    if found["topic"] == "received":
        return f"for {settings.received_days} days"
    if found["topic"] == "dead_letters":
        return f"for {settings.letters_kept_days} days"
    return "while it holds" if found["compacted"] else "for good"


def size_text(size_bytes: float) -> str:
    """A size for people: three digits and a unit."""
    for unit in ("B", "KB", "MB", "GB"):
        if size_bytes < 1000:
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.1f} TB"
