"""What is known now: the rows that the store holds, asked for by key."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import msgspec

from pipeline.core.events import VerdictGiven
from pipeline.core.facts import DeploymentFact, Fact, IncidentFact
from pipeline.explain.known import (
    DEPLOYMENT,
    LANE_ROWS_MAX,
    NAMED_MAX,
    Named,
    commit_of,
    ends_with,
)
from pipeline.store import Store

F = TypeVar("F", bound=Fact)
S = TypeVar("S", bound=msgspec.Struct)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
#: values that one query names: a server bounds the length of a parameter
VALUES_MAX = 500
#: rows that may end in a name before the beginning of the word is looked at
_ENDING_ROWS_MAX = 20 * NAMED_MAX

_ENDING = """
SELECT kind, key, about FROM (
    SELECT 'incident' AS kind, incident AS key, title AS about, opened_at AS at FROM incidents FINAL
    WHERE workspace = {workspace:String} AND endsWith(incident, {name:String})
    UNION ALL
    SELECT 'change', change, title, coalesce(merged_at, opened_at, updated_at) FROM changes FINAL
    WHERE workspace = {workspace:String} AND endsWith(change, {name:String})
    UNION ALL
    SELECT 'deployment', deployment, '', live_at FROM deployments FINAL
    WHERE workspace = {workspace:String} AND endsWith(deployment, {name:String})
) ORDER BY at DESC, key LIMIT {limit:UInt32}
"""
_TAGGED = """
SELECT deployment, transition FROM deployments FINAL
WHERE workspace = {workspace:String}
  AND (tag = {name:String} OR concat(service, ' ', tag) = {name:String})
ORDER BY live_at DESC, deployment LIMIT {limit:UInt32}
"""
_TAG_ENDS = """
SELECT deployment, transition FROM deployments FINAL
WHERE workspace = {workspace:String} AND length({name:String}) > 1
  AND (endsWith(tag, concat('/', {name:String}))
    OR startsWith({name:String}, concat(service, ' '))
       AND endsWith(tag, concat('/', substring({name:String}, length(service) + 2))))
ORDER BY live_at DESC, deployment LIMIT {limit:UInt32}
"""
_REPORTED = """
FROM deployments FINAL
WHERE workspace = {workspace:String} AND hasAny(events, (
    SELECT groupUniqArray(id) FROM events_deployment_finished
    WHERE workspace = {workspace:String} AND deployment = {report:String}
)) ORDER BY deployment
"""
_COMMITTED = """
SELECT 'change', change, title FROM changes FINAL
WHERE workspace = {workspace:String} AND startsWith(sha, {name:String})
  AND {repository:String} IN ('', repository)
ORDER BY updated_at DESC, change LIMIT {limit:UInt32}
"""
_DEPLOYED = """
SELECT 'deployment', deployment, tag FROM deployments FINAL
WHERE workspace = {workspace:String} AND startsWith(sha, {name:String})
  AND {repository:String} IN ('', repository)
ORDER BY live_at DESC, deployment LIMIT {limit:UInt32}
"""
_LANE = """
FROM deployments FINAL
WHERE workspace = {workspace:String} AND service = {service:String} AND environment = {environment:String}
  AND kind = {kind:String}
  AND toUnixTimestamp64Micro(live_at) > {after:Int64} AND toUnixTimestamp64Micro(live_at) <= {until:Int64}
ORDER BY live_at, deployment LIMIT {limit:UInt32}
"""


class Live:
    """The rows of one workspace in a store."""

    def __init__(self, store: Store, workspace: str) -> None:
        self._store = store
        self._workspace = workspace

    def rows(self, fact: type[F], column: str, values: Collection[str]) -> list[F]:
        if column not in fact.__struct_fields__:
            raise ValueError(f"{fact.table} has no column {column!r}")
        if not values:
            return []
        keys, wanted = ", ".join(fact.keys), sorted(set(values))
        rest = (
            f"FROM {fact.table} FINAL WHERE workspace = {{workspace:String}}"
            f" AND {column} IN {{values:Array(String)}} ORDER BY {keys}"
        )
        found: list[F] = []
        for start in range(0, len(wanted), VALUES_MAX):
            found.extend(self._read(fact, rest, values=wanted[start : start + VALUES_MAX]))
        return found

    def incidents_with(self, member: str) -> list[IncidentFact]:
        return self._read(
            IncidentFact,
            "FROM incidents FINAL WHERE workspace = {workspace:String} AND has(members, {member:String})"
            " ORDER BY incident",
            member=member,
        )

    def deployments_with(self, report: str) -> list[DeploymentFact]:
        return self._read(DeploymentFact, _REPORTED, report=report)

    def lane(self, of: DeploymentFact, after: int, until: int) -> list[DeploymentFact]:
        return self._read(
            DeploymentFact,
            _LANE,
            service=of.service,
            environment=of.environment,
            kind=of.kind,
            after=after,
            until=until,
            limit=LANE_ROWS_MAX,
        )

    def matching(self, name: str) -> list[Named]:
        found = [
            Named(str(kind), str(key), str(about), "ending")
            for kind, key, about in self._ask(_ENDING, name=name, limit=_ENDING_ROWS_MAX)
            if ends_with(str(key), name)
        ]
        found.extend(
            Named(DEPLOYMENT, str(key), str(transition), "tag")
            for key, transition in self._ask(_TAGGED, name=name, limit=_ENDING_ROWS_MAX)
        )
        found.extend(
            Named(DEPLOYMENT, str(key), str(transition), "end of tag")
            for key, transition in self._ask(_TAG_ENDS, name=name, limit=_ENDING_ROWS_MAX)
        )
        commit = commit_of(name)
        if commit:
            place = name.rpartition("@")[0]
            for query in (_COMMITTED, _DEPLOYED):
                rows = self._ask(query, name=commit, repository=place, limit=_ENDING_ROWS_MAX)
                found.extend(Named(str(kind), str(key), str(about), "commit") for kind, key, about in rows)
        return found

    def verdicts(self, ids: Collection[str]) -> list[VerdictGiven]:
        return self._read(
            VerdictGiven,
            "FROM events_verdict_given FINAL WHERE workspace = {workspace:String}"
            " AND has({ids:Array(String)}, id) ORDER BY id, telling",
            ids=sorted(ids),
        )

    def _read(self, struct: type[S], rest: str, **parameters: object) -> list[S]:
        columns = ", ".join(struct.__struct_fields__)
        return [struct(*map(_as_known, row)) for row in self._ask(f"SELECT {columns} {rest}", **parameters)]

    def _ask(self, sql: str, **parameters: object) -> list[tuple[object, ...]]:
        return self._store.query(sql, {"workspace": self._workspace, **parameters}).rows


def _as_known(value: object) -> object:
    """A value of the store as the struct has it: times in microseconds."""
    if isinstance(value, datetime):
        return (value - _EPOCH) // _MICROSECOND
    return list(value) if isinstance(value, tuple) else value
