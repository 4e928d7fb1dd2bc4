"""The table ``dead_letters``, emptied: it is the one table that holds what people wrote, byte for byte."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.store import Store


def letters_hold(store: Store, texts: Iterable[bytes]) -> bool:
    """Whether a letter holds one of these texts, in small or capital letters."""
    # in hexadecimal, so that no log of queries holds what is to be forgotten
    found = " OR ".join(
        f"positionCaseInsensitiveUTF8(concat(place, '\\n', reason, '\\n', bytes), unhex('{text.hex()}')) > 0"
        for text in texts
    )
    return store.holds(f"SELECT 1 FROM dead_letters WHERE {found} LIMIT 1")


def empty_letters(store: Store) -> None:
    """Drop all rows and their files at once; the sink copies the letters of the log anew."""
    store._command("TRUNCATE TABLE dead_letters SYNC", "empty the table dead_letters")
