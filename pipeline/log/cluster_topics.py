"""The topics of a cluster: those of every log, and the rows, for sinks and for everybody else."""

from __future__ import annotations

from pipeline.core.facts import TABLES
from pipeline.log.topics import (
    DEAD_LETTERS,
    EVENTS,
    PARKED,
    PERSONS,
    RECEIVED,
    STATE,
    TOPICS,
    UNUSED,
    fact_topic,
)

_FACTS = tuple(fact_topic(table) for table in TABLES)
#: topic -> whether it is compacted
CLUSTER_TOPICS = TOPICS | {PARKED: True} | dict.fromkeys(_FACTS, True)
#: step -> the topics that it reads or writes, so that it need not be allowed to see any other
STEP_TOPICS = {
    "receive": (RECEIVED, EVENTS, PERSONS),
    "normalize": (RECEIVED, EVENTS, PERSONS, UNUSED, DEAD_LETTERS),
    "correlate": (EVENTS, STATE, DEAD_LETTERS, *_FACTS),
    "sink": (EVENTS, DEAD_LETTERS, PARKED, *_FACTS),
}
