"""A million synthetic facts, and events in columns: what the shipped views are measured on."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pyarrow as pa

from pipeline.codec.blocks import schema_of
from pipeline.core.events import RECORDS
from pipeline.core.facts import (
    ArtifactFact,
    AttributionFact,
    ChangeAttributionFact,
    ChangeFact,
    DeploymentChangeFact,
    DeploymentFact,
    Fact,
    IncidentFact,
    ServiceFact,
)

HOUR = 3_600_000_000
START = 1_600_000_000_000_000
CHANGES = 115_000
DEPLOYMENTS = 46_000
DEPLOYMENT_CHANGES = 300_000
INCIDENTS = 5_000
CANDIDATES = 22  # of an incident: twenty, none and unseen
CHANGE_CANDIDATES = 20
ARTIFACTS = 60_000
EVENTS = 1_000_000
SERVICES = 120

Rng = random.Random


def changes(n: int, rng: Rng) -> Iterator[Fact]:
    """Merged requests, one each ten minutes."""
    for i in range(n):
        at = START + i * HOUR // 6
        repository = f"acme/service-{i % SERVICES}"
        deployment = f"deploy {i * DEPLOYMENTS // CHANGES}" if i % 10 else ""
        yield ChangeFact(
            change=f"{repository}#{i}", repository=repository, number=i, branch="main",
            sha=f"{rng.getrandbits(160):040x}", title=f"Make the handling of case {i} more careful",
            author=f"p:{i % 400:016x}", bot=False, state="merged", opened_at=at - 20 * HOUR, merged_at=at,
            closed_at=at, additions=i % 700, deletions=i % 300, files=i % 20,
            paths=[f"src/part_{i % 50}/file_{i % 7}.py", "tests/test_it.py"], owners=["@acme/team"],
            labels=["bug"] if i % 3 else [],
            emergency="label hotfix" if i % 40 == 0 else "", incidents=[], sections=["runbook"],
            reviews=2, approvals=1, change_requests=0,
            first_review_at=at - 10 * HOUR, approved_at=at - HOUR, checks=4, failed_checks=i % 2, reverts=[],
            reverted_by=[], deployment=deployment, deployed_at=at + 2 * HOUR if deployment else None,
            risk=0.0123, updated_at=at,
            events=[f"git {repository}#{i} {transition}" for transition in ("merged", "opened", "review 1")],
            first_commit_at=at - 22 * HOUR, picked_from=[], generated_lines=i % 90,
        )  # fmt: skip


def deployments(n: int, rng: Rng) -> Iterator[Fact]:
    """Deployments of 120 services, now and then a rollback."""
    for i in range(n):
        at = START + i * HOUR * CHANGES // DEPLOYMENTS // 6
        rollback = i % 50 == 49 and i > SERVICES
        yield DeploymentFact(
            deployment=f"deploy {i}", service=f"service-{i % SERVICES}", environment="production",
            kind="service", tag=f"release_{i}", repository=f"acme/service-{i % SERVICES}",
            sha=f"{rng.getrandbits(160):040x}", outcome="success", started_at=at - HOUR // 10, live_at=at,
            replaced_at=at + SERVICES * HOUR // 2, transition="rollback" if rollback else "forward",
            previous=f"deploy {i - SERVICES}" if i >= SERVICES else "",
            rolls_back=f"deploy {i - SERVICES}" if rollback else "",
            link_rule="branch" if i % 5 else "unlinked", changes=i % 5, additions=i % 900, risk=0.02,
            fraction=None, reporters=["ci/acme"], ignored=False,
            events=[f"ci deploy {i} finished"],
        )  # fmt: skip


def deployment_changes(n: int, rng: Rng) -> Iterator[Fact]:
    """Links, about six for each deployment."""
    for i in range(n):
        deployment = i * DEPLOYMENTS // DEPLOYMENT_CHANGES
        yield DeploymentChangeFact(
            deployment=f"deploy {deployment}", change=f"acme/service-{deployment % SERVICES}#{i}",
            service=f"service-{deployment % SERVICES}", environment="production", link_rule="branch",
            live_at=START + deployment * HOUR // 2,
        )  # fmt: skip


def incidents(n: int, rng: Rng) -> Iterator[Fact]:
    """Incidents, most of them with a cause."""
    for i in range(n):
        at = START + i * HOUR * CHANGES // n // 6
        verdict = rng.choice(["likely", "leading", "undecided", "none", "unseen"])
        blamed = verdict in ("likely", "leading")
        yield IncidentFact(
            incident=f"incident {i}", members=[f"incident {i}"], service=f"service-{i % SERVICES}",
            environment="production", severity="SEV2", title=f"Errors in case {i}", component="",
            opened_at=at, resolved_at=at + HOUR if i % 9 else None, onset_at=at - HOUR // 6,
            onset_source="usual delay", onset_uncertainty_seconds=300.0, verdict=verdict,
            cause=f"deploy {i * 9}" if blamed else "", cause_kind="deployment" if blamed else "",
            probability=0.7, change_probability=0.8, none_probability=0.1, unseen_probability=0.1,
            candidates=40, excluded={"too old": 12},
            silent_sources=["ci/acme"] if i % 50 == 0 else [],
            rollback_target=f"deploy {i * 9 - 1}", state="final", final_at=at + 72 * HOUR, basis="defaults",
            labels=0, model="intensity", model_version=1, events=[f"pager incident {i} opened"],
        )  # fmt: skip


def attributions(n: int, rng: Rng) -> Iterator[Fact]:
    """The candidates of every incident, with a dozen factors."""
    for i in range(n):
        for rank in range(1, CANDIDATES + 1):
            kind = {CANDIDATES - 1: "none", CANDIDATES: "unseen"}.get(rank, "deployment")
            deployment = max(0, i * 9 - rank)
            at = START + deployment * HOUR // 2
            yield AttributionFact(
                incident=f"incident {i}", candidate=f"deploy {deployment}" if kind == "deployment" else kind,
                kind=kind, rank=rank, probability=0.5**rank, service=f"service-{rank}",
                environment="production",
                live_at=at if kind == "deployment" else None,
                lag_seconds=3600.0 * rank if kind == "deployment" else None, onset_at=START + i * HOUR,
                factors={f"factor {f}": rng.random() - 0.5 for f in range(8)}, model="intensity",
                events=[f"ci deploy {deployment} finished"],
            )  # fmt: skip


def change_attributions(n: int, rng: Rng) -> Iterator[Fact]:
    """The changes behind the candidates."""
    for i in range(n):
        for rank in range(1, CHANGE_CANDIDATES + 1):
            yield ChangeAttributionFact(
                incident=f"incident {i}", change=f"acme/service-{(i + rank) % SERVICES}#{i + rank}",
                deployment=f"deploy {max(0, i * 9 - rank)}", rank=rank, probability=0.4**rank,
                onset_at=START + i * HOUR, model="intensity",
            )  # fmt: skip


def artifacts(n: int, rng: Rng) -> Iterator[Fact]:
    """Builds, most of them deployed."""
    for i in range(n):
        yield ArtifactFact(
            artifact=f"pkg:generic/service-{i % SERVICES}@{i}", tag=f"release_{i}", digest="",
            repository=f"acme/service-{i % SERVICES}", sha=f"{rng.getrandbits(160):040x}",
            packaged_at=START + i * HOUR // 3, deployed=i % 4 > 0, events=[f"ci build {i}"],
        )  # fmt: skip


def services(n: int, rng: Rng) -> Iterator[Fact]:
    """The catalogue."""
    for i in range(n):
        yield ServiceFact(
            service=f"service-{i}", declared=True, team=f"team {i % 12}", tier=1 + i % 3,
            repositories=[f"acme/service-{i}"], paths=[], depends_on=[f"service-{(i + 1) % SERVICES}"],
            aliases=[], problems=[], events=[],
        )  # fmt: skip


def event_batch(record: str, first: int, n: int) -> pa.RecordBatch:
    """Events as the codec decodes them."""
    schema = schema_of(RECORDS[record])
    span = CHANGES * HOUR // 6
    columns: list[pa.Array] = []
    for field in schema:
        times = pa.types.is_timestamp(field.type)
        if field.name == "id":
            column = pa.array(
                [f"git acme/service-{i % SERVICES}#{i} {record}" for i in range(first, first + n)]
            )
        elif times:
            column = pa.array([START + i * span // EVENTS for i in range(first, first + n)], field.type)
        elif field.type == pa.string():
            column = pa.array([f"{field.name}/{i % 40}" for i in range(first, first + n)])
        elif pa.types.is_list(field.type):
            column = pa.array([[f"a/{i % 90}", "b"] for i in range(first, first + n)], field.type)
        else:
            column = pa.array([i % 2 for i in range(first, first + n)], pa.int64()).cast(field.type)
        columns.append(column)
    return pa.RecordBatch.from_arrays(columns, schema=schema)
