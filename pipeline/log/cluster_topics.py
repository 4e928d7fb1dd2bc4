"""The topics of a cluster: those of every log, and the rows, for sinks and for everybody else."""

from __future__ import annotations

from pipeline.core.facts import TABLES
from pipeline.log.topics import PARKED, TOPICS, fact_topic

#: topic -> whether it is compacted
CLUSTER_TOPICS = TOPICS | {PARKED: True} | {fact_topic(table): True for table in TABLES}
