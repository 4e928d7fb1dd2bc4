"""Persons become keyed tokens before anything is written down.

The same login gives the same token in one data directory, and another one in every other. Without
the key nobody can go back from a token to a name by trying names; deleting the key forgets them all.

One topic of the log, ``persons``, says which login a token stands for: key token, value login. Nothing
else does, so erasing its record (``pipeline.forgetting``) forgets a person in a log that never forgets.
A record whose value is ``BLOCKED`` keeps the login from coming back.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from pipeline.log.protocol import Log, NewRecord
from pipeline.log.topics import PARTITION, PERSONS

#: stands in the place of a login that was forgotten
BLOCKED = b"\0"
#: a longer one is no login: it gets a token, which nothing explains
LOGIN_CHARACTERS_MAX = 200
#: logins whose tokens are not computed again
TOKENS_HELD_MAX = 100_000

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
            if len(self._tokens) >= TOKENS_HELD_MAX:
                self._tokens.clear()
            token = self._tokens[login] = self._computed(login)
        return token

    def forget(self, login: str) -> None:
        """Hold no login that has the token of this one."""
        token = self.person_token(login)
        for held in [held for held, its in self._tokens.items() if its == token]:
            del self._tokens[held]

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


class KnownPersons:
    """Turns logins into tokens, and keeps for each new token whose it is.

    What ``new_records`` gives belongs into the topic ``persons``, in one transaction with the events that
    carry the tokens; ``written`` says that it is there. For one thread at a time.
    """

    def __init__(self, persons: Persons, log: Log) -> None:
        self._persons = persons
        self._log = log
        self._held: set[str] | None = None
        self._new: dict[str, str] = {}

    def person_token(self, login: str) -> str:
        """See ``Persons.person_token``."""
        token = self._persons.person_token(login)
        if self._held is None:
            self._held = {key.decode() for key in self._log.latest(PERSONS, PARTITION)}
        if token and token not in self._held and token not in self._new:
            self._new[token] = login.strip()
        return token

    def new_records(self) -> list[NewRecord]:
        """Tokens that the topic does not explain yet; forgotten ones are never among them."""
        return [
            NewRecord(token.encode(), login.encode("utf-8", "replace"))
            for token, login in self._new.items()
            if len(login) <= LOGIN_CHARACTERS_MAX
        ]

    def written(self) -> None:
        """What ``new_records`` gave is in the log."""
        if self._new and self._held is not None:
            self._held.update(self._new)
        self._new.clear()

    def keep(self) -> None:
        """Append what is new to the topic; for who has no transaction of its own."""
        if not self._new:
            return
        # somebody may have been forgotten by another process since
        self._held = {key.decode() for key in self._log.latest(PERSONS, PARTITION)}
        self._new = {token: login for token, login in self._new.items() if token not in self._held}
        if records := self.new_records():
            self._log.append(PERSONS, PARTITION, records)
        self.written()

    def block(self, login: str) -> str:
        """Never keep a login from now on, and hold it no more; returns its token. Erases nothing."""
        token = self._persons.person_token(login)
        self._persons.forget(login)
        self._log.append(PERSONS, PARTITION, [NewRecord(token.encode(), BLOCKED)])
        self._new.pop(token, None)
        if self._held is not None:
            self._held.add(token)
        return token


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
