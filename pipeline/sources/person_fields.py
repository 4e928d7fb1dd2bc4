"""Which fields of events name persons, and how a name that comes from outside becomes a token."""

from __future__ import annotations

import re
from collections.abc import Callable

PersonToken = Callable[[str], str]

#: fields that name one person; and lists of persons
PERSON_FIELDS = frozenset({"author", "merged_by", "reviewer", "actor", "by"})
PERSON_LISTS = frozenset({"responders", "members"})
#: lists of owners of code, who are persons or teams; an entry may name several
OWNER_LISTS = frozenset({"owners", "groups"})

_TOKEN = re.compile(r"p:[0-9a-f]{16}")


def token_of(name: str, person_token: PersonToken) -> str:
    """The token of a person; what is one already, or empty, stays."""
    return name if not name or _TOKEN.fullmatch(name) else person_token(name)


def owner_of(owner: str, person_token: PersonToken) -> str:
    """An entry of CODEOWNERS: ``@acme/team`` stays, a person's ``@login`` or address becomes a token."""
    if "@" not in owner or (owner.startswith("@") and "/" in owner):
        return owner
    return person_token(owner.removeprefix("@"))


def owners_of(owners: list[str], person_token: PersonToken) -> list[str]:
    """Entries of CODEOWNERS, each with one owner or several, separated by blanks."""
    return [" ".join(owner_of(owner, person_token) for owner in entry.split()) for entry in owners]
