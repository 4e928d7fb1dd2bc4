"""Secrets come from the environment or from files it names, and from nowhere else.

``AFTERMERGE_SECRET_<SOURCE>`` proves the deliveries of a source, ``AFTERMERGE_TOKEN_<ROLE>`` lets people
and programs read, ``AFTERMERGE_DELIVERY_KEYS`` encrypts what is kept. Each may instead be the name of a
file, under the same name with ``_FILE`` behind it. Several values, one a line, are all good: the first
is the newest, the others are about to go. A line ``LOGIN: VALUE`` among tokens says whose a token is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

SECRET = "AFTERMERGE_SECRET_"
TOKEN = "AFTERMERGE_TOKEN_"
DELIVERY_KEYS = "AFTERMERGE_DELIVERY_KEYS"
FILE = "_FILE"

ROLES = ("viewer", "responder", "security", "admin")
#: values that one variable may hold, or one person in it: the newest, and those that are being replaced
VALUES_MAX = 4
#: tokens of one role, of all persons together
TOKENS_MAX = 400
#: shorter ones can be guessed
SECRET_CHARACTERS_MIN = 12
FILE_BYTES_MAX = 64 * 1024

_NAME = re.compile(r"[A-Z0-9][A-Z0-9_]*")
#: no token that can be sent as a header has a space
_OF_PERSON = re.compile(r"([^\s:,]{1,200}):\s+(\S+)")


class WrongCredentials(ValueError):
    """A secret can't be used; the text names the variable and never the value."""


class Credentials(NamedTuple):
    """What was found: source -> secrets, role -> tokens, and the keys of kept deliveries.

    ``persons``: token -> the login of the person who has it; of other tokens nobody knows.
    """

    secrets: dict[str, tuple[str, ...]]
    tokens: dict[str, tuple[str, ...]]
    delivery_keys: tuple[str, ...]
    persons: Mapping[str, str] = MappingProxyType({})


#: what `aftermerge report` reads, wherever it runs
REPORTING = ("AFTERMERGE_URL", "AFTERMERGE_REPORT_TOKEN")


def is_credential(variable: str) -> bool:
    """Whether a variable of the environment holds a secret or names a file that does."""
    return variable.startswith((SECRET, TOKEN)) or variable in (DELIVERY_KEYS, DELIVERY_KEYS + FILE)


def read_credentials(environment: Mapping[str, str]) -> Credentials:
    """Everything that the environment tells; raises ``WrongCredentials``."""
    secrets: dict[str, tuple[str, ...]] = {}
    tokens: dict[str, tuple[str, ...]] = {}
    keys: tuple[str, ...] = ()
    persons: dict[str, str] = {}
    for variable in sorted(filter(is_credential, environment)):
        if not environment[variable]:
            continue
        name = variable.removesuffix(FILE)
        if name != variable and environment.get(name):
            raise WrongCredentials(f"{name} and {variable} are both set: keep one of them")
        lines = _lines(variable, environment[variable])
        if name == DELIVERY_KEYS:
            keys = _checked(variable, lines)
        elif name.startswith(TOKEN):
            role = name.removeprefix(TOKEN).lower()
            if role not in ROLES:
                raise WrongCredentials(f"{variable}: there is no role {role!r}, only {', '.join(ROLES)}")
            owned = _owned(variable, lines)
            tokens[role] = tuple(token for token, _ in owned)
            persons |= {token: login for token, login in owned if login}
        else:
            source = name.removeprefix(SECRET)
            if not _NAME.fullmatch(source):
                raise WrongCredentials(f"{variable} names no source: write {SECRET}GITHUB for github")
            secrets[source.lower().replace("_", "-")] = _checked(variable, lines)
    return Credentials(secrets, tokens, keys, persons)


def _lines(variable: str, told: str) -> list[str]:
    text = told
    if variable.endswith(FILE):
        path = Path(told)
        try:
            with path.open("rb") as file:
                text = file.read(FILE_BYTES_MAX).decode()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise WrongCredentials(f"{variable}: {path} can't be read: {reason}") from None
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise WrongCredentials(f"{variable}: there is nothing in it")
    return lines


def _owned(variable: str, lines: list[str]) -> list[tuple[str, str]]:
    """Each token with the login of its person; "" for a token of nobody in particular."""
    if len(lines) > TOKENS_MAX:
        raise WrongCredentials(f"{variable}: {len(lines)} tokens, at most {TOKENS_MAX}")
    owned = []
    for line in lines:
        named = _OF_PERSON.fullmatch(line)
        owned.append((named[2], named[1]) if named else (line, ""))
    for login in dict.fromkeys(login for _, login in owned):
        _checked(variable, [token for token, its in owned if its == login], login)
    return owned


def _checked(variable: str, values: list[str], login: str = "") -> tuple[str, ...]:
    if len(values) > VALUES_MAX:
        whose = f" of {login}" if login else ""
        raise WrongCredentials(f"{variable}: {len(values)} values{whose}, at most {VALUES_MAX} at a time")
    if short := [value for value in values if len(value) < SECRET_CHARACTERS_MIN]:
        raise WrongCredentials(
            f"{variable}: a value has {len(short[0])} characters, at least {SECRET_CHARACTERS_MIN} are needed"
        )
    return tuple(values)
