"""Persons become keyed tokens before anything is written down.

The same login gives the same token in one data directory, and another one in every other. Without
the key nobody can go back from a token to a name by trying names; deleting the key forgets them all.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

KEY_FILE = "persons.key"
KEY_BYTES = 32
TOKEN_HEX_DIGITS = 16
TOKEN_PREFIX = "p:"


class PersonKeyUnusable(RuntimeError):
    """The key file is there and can't be used; tokens made with another key would match nothing."""


class Persons:
    """Turns logins into tokens with the secret of one data directory."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise PersonKeyUnusable(f"a key has {KEY_BYTES} bytes, not {len(key)}")
        self._key = key
        self._tokens: dict[str, str] = {}

    def person_token(self, login: str) -> str:
        """``p:`` and 16 hex digits for a login, whatever its case; ``""`` for an empty one."""
        token = self._tokens.get(login)
        if token is None:
            token = self._tokens[login] = self._computed(login)
        return token

    def _computed(self, login: str) -> str:
        person = login.strip().casefold()
        if not person:
            return ""
        digest = hashlib.blake2b(
            person.encode("utf-8", "surrogateescape"),
            key=self._key,
            digest_size=TOKEN_HEX_DIGITS // 2,
        )
        return TOKEN_PREFIX + digest.hexdigest()


def open_persons(directory: Path) -> Persons:
    """The tokens of a data directory; its key is made on first use, readable by its owner alone.

    Raises ``PersonKeyUnusable`` when the key file exists and is unreadable or damaged.
    """
    path = directory / KEY_FILE
    if not path.exists():
        _write_key(path)
    try:
        text = path.read_text("ascii").strip()
        return Persons(bytes.fromhex(text))
    except (OSError, ValueError, PersonKeyUnusable) as error:
        raise PersonKeyUnusable(
            f"{path}: {error}; restore it from a backup, or delete it to give every person a new token"
        ) from None


def _write_key(path: Path) -> None:
    """Write the key under another name and rename it, so that a crash leaves no half key.

    Whoever calls holds the data directory, so no second process does the same at this moment.
    """
    draft = path.with_name(f".{path.name}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(KEY_BYTES) + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
