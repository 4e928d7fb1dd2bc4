"""The topics that the steps write: one list for whoever opens a log."""

from __future__ import annotations

RECEIVED = "received"
EVENTS = "events"
STATE = "state"
DEAD_LETTERS = "dead_letters"
UNUSED = "unused"
PERSONS = "persons"
TRUTHS = "truths"

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
