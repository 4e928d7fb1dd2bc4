"""The topics that the steps write: one list for whoever opens a log."""

from __future__ import annotations

RECEIVED = "received"
EVENTS = "events"
STATE = "state"
DEAD_LETTERS = "dead_letters"
UNUSED = "unused"
PERSONS = "persons"
TRUTHS = "truths"
#: events of a type that whoever keeps the tables does not know yet: key workspace and offset
PARKED = "parked"

#: topic -> whether it is compacted; all of them have one partition in the embedded log
TOPICS = {
    RECEIVED: False,
    EVENTS: False,
    STATE: True,
    DEAD_LETTERS: False,
    UNUSED: True,
    PERSONS: True,
    TRUTHS: True,
}
#: the only partition of a topic of the embedded log
PARTITION = 0

#: topics that have one partition in a cluster, too: little is in them, and all of it belongs together
UNDIVIDED = frozenset({DEAD_LETTERS, PERSONS, TRUTHS})


def fact_topic(table: str) -> str:
    """The topic of a table's rows."""
    return f"facts.{table}"
