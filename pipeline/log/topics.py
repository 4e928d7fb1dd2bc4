"""The topics that the steps write: one list for whoever opens a log."""

from __future__ import annotations

#: topic -> whether it is compacted; all of them have one partition in the embedded log
TOPICS = {
    "received": False,
    "events": False,
    "state": True,
    "dead_letters": False,
    "unused": True,
    "persons": True,
    "truths": True,
}
