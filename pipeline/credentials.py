"""Secrets come from the environment or from files it names, and from nowhere else.

``AFTERMERGE_SECRET_<SOURCE>`` proves the deliveries of a source, ``AFTERMERGE_TOKEN_<ROLE>`` lets people
and programs read, ``AFTERMERGE_DELIVERY_KEYS`` encrypts what is kept. Each may instead be the name of a
file, under the same name with ``_FILE`` behind it. Several values, one a line, are all good: the first
is the newest, the others are about to go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

SECRET = "AFTERMERGE_SECRET_"
TOKEN = "AFTERMERGE_TOKEN_"
DELIVERY_KEYS = "AFTERMERGE_DELIVERY_KEYS"
FILE = "_FILE"

ROLES = ("viewer", "responder", "security", "admin")
#: values that one variable may hold: the newest, and those that are being replaced
VALUES_MAX = 4
#: shorter ones can be guessed
SECRET_CHARACTERS_MIN = 12
FILE_BYTES_MAX = 64 * 1024

_NAME = re.compile(r"[A-Z0-9][A-Z0-9_]*")


class WrongCredentials(ValueError):
    """A secret can't be used; the text names the variable and never the value."""


class Credentials(NamedTuple):
    """What was found: source -> secrets, role -> tokens, and the keys of kept deliveries."""

    secrets: dict[str, tuple[str, ...]]
    tokens: dict[str, tuple[str, ...]]
    delivery_keys: tuple[str, ...]


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
    for variable in sorted(filter(is_credential, environment)):
        if not environment[variable]:
            continue
        name = variable.removesuffix(FILE)
        if name != variable and environment.get(name):
            raise WrongCredentials(f"{name} and {variable} are both set: keep one of them")
        values = _values(variable, environment[variable])
        if name == DELIVERY_KEYS:
            keys = values
        elif name.startswith(TOKEN):
            role = name.removeprefix(TOKEN).lower()
            if role not in ROLES:
                raise WrongCredentials(f"{variable}: there is no role {role!r}, only {', '.join(ROLES)}")
            tokens[role] = values
        else:
            source = name.removeprefix(SECRET)
            if not _NAME.fullmatch(source):
                raise WrongCredentials(f"{variable} names no source: write {SECRET}GITHUB for github")
            secrets[source.lower().replace("_", "-")] = values
    return Credentials(secrets, tokens, keys)


def _values(variable: str, told: str) -> tuple[str, ...]:
    text = told
    if variable.endswith(FILE):
        path = Path(told)
        try:
            with path.open("rb") as file:
                text = file.read(FILE_BYTES_MAX).decode()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise WrongCredentials(f"{variable}: {path} can't be read: {reason}") from None
    values = tuple(line.strip() for line in text.splitlines() if line.strip())
    if not values:
        raise WrongCredentials(f"{variable}: there is nothing in it")
    if len(values) > VALUES_MAX:
        raise WrongCredentials(f"{variable}: {len(values)} values, at most {VALUES_MAX} at a time")
    if short := [value for value in values if len(value) < SECRET_CHARACTERS_MIN]:
        raise WrongCredentials(
            f"{variable}: a value has {len(short[0])} characters, at least {SECRET_CHARACTERS_MIN} are needed"
        )
    return values
