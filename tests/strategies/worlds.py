"""Whole histories: small coherent worlds, told in the order in which they happened.

``histories()`` draws what a small organisation did within three weeks: changes travel from opening to
production, deployments are told in every way there is, some break, people judge. All events are
imported, and sorted by own time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from pipeline.core import events as e
from tests.strategies.counting import counting
from tests.strategies.names import DAY, ENVIRONMENTS, HOUR, PERSONS, STEP, TEAMS
from tests.strategies.reviewing import aftermath, attempts, discussion, rules, team
from tests.strategies.telling import PLACES, Place, World

ACTIONS_MAX = 14
#: the most that one history spans
SPAN = 21 * DAY


def change(world: World) -> None:
    """A request or a direct commit, with reviews and checks, ending merged, abandoned or nowhere."""
    place = world.one_of(PLACES)
    repository, sha = place.repository, world.sha()
    author, opened_at = world.one_of(PERSONS), world.now
    fields: dict[str, Any] = {"repository": repository}
    if world.chance():
        number = world.numbers[repository] = world.numbers.get(repository, 0) + 1
        fields |= {"change": f"{repository}#{number}", "number": number}
        request = {"branch": "main", "title": "A change", "author": author, "head_sha": f"f{sha[1:]}"}
        draft = world.one_of((False, False, True))
        world.tell(e.ChangeOpened, "github", "opened", opened_at, **fields, **request, draft=draft)
        if world.chance():
            world.wait(6)
            request["head_sha"] = world.one_of((request["head_sha"], f"e{sha[1:]}"))
            world.tell(e.ChangeUpdated, "github", f"updated {world.now}", world.now, **fields, **request)
        if world.chance():
            attempts(world, repository, request["head_sha"])
        if world.chance():
            reviewer, decision = world.one_of(PERSONS), world.one_of(("approved", "changes_requested"))
            world.tell(
                e.ReviewSubmitted,
                "github",
                f"review {reviewer}",
                world.later(6),
                **fields,
                reviewer=reviewer,
                decision=decision,
                commit_sha=request["head_sha"],
            )
        if world.chance():
            discussion(world, fields, request["head_sha"])
    else:
        fields |= {"change": f"{repository}@{sha}", "number": None}
    world.wait(30)
    end = world.one_of(("open", "abandoned", "merged", "merged", "merged"))
    if end == "abandoned" and fields["number"]:
        world.tell(e.ChangeAbandoned, "github", "abandoned", world.now, **fields)
    if end == "merged":
        reverts = [world.one_of(world.changes)] if world.changes and world.chance() else []
        world.tell(
            e.ChangeMerged,
            "github",
            "merged",
            world.now,
            **fields,
            branch="main",
            sha=sha,
            title="A change",
            author=author,
            opened_at=opened_at if fields["number"] else None,
            additions=world.one_of((1, 200)),
            deletions=0,
            files=1,
            paths=[f"{place.path}/app" if place.path else "app"],
            reverts=reverts,
            emergency=world.one_of(("", "hotfix")),
        )
        world.changes.append(fields["change"])
        world.merged.setdefault(repository, []).append(sha)
        if world.chance():
            build(world, place, sha)
        if world.chance():
            aftermath(world, fields, sha)


def build(world: World, place: Place, sha: str) -> None:
    """The check and the artifact of one commit; the tag is usually the service's next one."""
    world.tell(
        e.CheckFinished,
        "ci",
        "check unit 1",
        world.later(3),
        commit=f"{place.repository}@{sha}",
        repository=place.repository,
        sha=sha,
        name="unit",
        kind="test",
        outcome=world.one_of(("success", "failure")),
    )
    tags = world.tags.setdefault(place.service, [])
    tag = f"v{len(tags) + 1}"
    world.tell(
        e.ArtifactPackaged,
        "ci",
        "packaged",
        world.later(3),
        artifact=f"pkg:oci/{place.service}@{tag}",
        tag=tag,
        repository=place.repository,
        sha=sha,
    )
    tags.append((tag, sha))


def deployment(world: World) -> None:
    """A deployment by tag, commit, range, list or flag; perhaps in stages, told twice, or failed."""
    place = world.one_of(PLACES)
    merged = world.merged.get(place.repository, [])
    tags = world.tags.get(place.service, [])
    fields: dict[str, Any] = {
        "service": place.service,
        "environment": world.one_of(ENVIRONMENTS[:1] * 3 + ENVIRONMENTS[1:]),
    }
    stage, told = dict(fields), world.one_of(("tag", "sha", "range", "list", "flag", "unknown tag"))
    if told == "tag" and tags:
        # an old tag is as likely as the newest: a rollback
        fields["tag"] = world.one_of(tags)[0]
    elif told in {"sha", "range"} and merged:
        fields |= {"sha": world.one_of(merged), "repository": place.repository, "branch": "main"}
        if told == "range":
            fields["previous_sha"] = world.one_of(merged)
    elif told == "list" and world.changes:
        fields |= {"changes": [world.one_of(world.changes)], "tag": f"list-{len(world.deployments)}"}
    elif told == "flag":
        fields |= {"kind": world.one_of(("flag", "configuration")), "tag": "checkout=on"}
    else:
        fields["tag"] = world.one_of(("lost-1", "lost-2"))
    if world.chance():
        fields["outcome"] = world.one_of(("success", "failure"))
    fields["rolled_back"] = world.one_of((False, False, False, True))
    key = f"deployment-{len(world.deployments) + 1}"
    if world.chance():
        for name, fraction in (("started", 0.0), ("canary", 0.1)):
            world.tell(
                e.DeploymentProgressed,
                "ci",
                name,
                world.now,
                deployment=key,
                stage=name,
                fraction=fraction,
                **stage,
            )
            world.wait(2)
    if world.chance():
        fields["shared_id"] = f"run-{key}"
    world.tell(e.DeploymentFinished, "ci", "finished", world.now, deployment=key, **fields)
    world.deployments.append(key)
    if world.chance():
        # the second reporter is slower, by less than an hour or by just more
        time = world.now + world.one_of((0, HOUR // 2, HOUR, HOUR + STEP))
        world.tell(e.DeploymentFinished, "gitops", "finished", time, deployment=f"{key}-gitops", **fields)


def incident(world: World) -> None:
    """An incident with any of: onset, mentions, an update, an end."""
    key = f"incident-{len(world.incidents) + 1}"
    service = world.one_of((*(place.service for place in PLACES), "shop-frontend", ""))
    world.tell(
        e.IncidentDetected,
        "pager",
        "detected",
        world.now,
        incident=key,
        service=service,
        environment=world.one_of(("production", "production", "")),
        severity=world.one_of(("", "critical")),
        component=world.one_of(("", "web")),
        deduplication_key=world.one_of(("", "checkout")),
        mentions=[world.one_of(world.changes)] if world.changes and world.chance() else [],
        onset_at=world.now - HOUR if world.chance() else None,
        onset_earliest_at=world.now - DAY if world.chance() else None,
    )
    world.incidents.append(key)
    if world.chance():
        time = world.later(6)
        world.tell(
            e.IncidentUpdated,
            "pager",
            f"updated {time}",
            time,
            incident=key,
            status="acknowledged",
            service=world.one_of(("", "billing")),
            causes=[world.one_of(world.changes)] if world.changes and world.chance() else [],
        )
    if world.chance():
        world.tell(e.IncidentResolved, "pager", "resolved", world.later(30), incident=key, service=service)


def burn(world: World) -> None:
    """An error budget burns, perhaps for good."""
    place, start = world.one_of(PLACES), world.now
    fields = {"slo": f"{place.service}-slo", "service": place.service, "environment": "production"}
    world.tell(e.BurnStarted, "slo", f"started {start}", start, **fields, burn_rate=14.4, window_seconds=3600)
    if world.chance():
        end = world.later(12)
        world.tell(e.BurnEnded, "slo", f"ended {end}", end, **fields)


def drift(world: World) -> None:
    """A resource drifts, perhaps for good."""
    fields = {"resource": world.one_of(("network", "bucket")), "service": world.one_of(("", "api"))}
    world.tell(
        e.DriftDetected, "terraform", f"detected {world.now}", world.now, **fields, summary="1 changed"
    )
    if world.chance():
        end = world.later(12)
        world.tell(e.DriftCorrected, "terraform", f"corrected {end}", end, **fields)


def verdict(world: World) -> None:
    """A person's word about an incident or a deployment that exists, or about one that doesn't."""
    subject = world.one_of((*world.incidents, "incident-0"))
    kind = world.one_of(("cause", "merge", "onset", "ignore"))
    fields: dict[str, Any] = {}
    if kind == "cause":
        fields["cause"] = world.one_of((*world.changes, "none", "unseen"))
    elif kind == "merge":
        fields["other_incident"] = world.one_of((*world.incidents, "incident-0"))
    elif kind == "onset":
        fields["onset_at"] = world.now - HOUR
    else:
        fields["deployment"] = world.one_of((*world.deployments, "deployment-0"))
    world.tell(
        e.VerdictGiven,
        "person",
        f"{kind} {world.now}",
        world.now,
        verdict_key=subject,
        incident=subject,
        verdict=kind,
        by=world.one_of(PERSONS),
        **fields,
    )


def declaration(world: World) -> None:
    """A service in the catalogue; its dependencies may run in circles, its aliases may be another's."""
    place = world.one_of(PLACES)
    world.tell(
        e.ServiceDeclared,
        "catalogue",
        f"declared {world.now}",
        world.now,
        service=place.service,
        team=world.one_of(("", *TEAMS)),
        repositories=[place.repository] if world.chance() else [],
        tier=world.one_of((None, 1, 2)),
        paths=[place.path] if place.path and world.chance() else [],
        depends_on=world.draw(
            st.lists(st.sampled_from([p.service for p in PLACES]), max_size=2, unique=True)
        ),
        aliases=world.one_of(([], [], ["shop-frontend"], ["billing"])),
    )


def observation(world: World) -> None:
    """What is kept as told and joined with nothing: a push, a release, a policy, a number."""
    repository, now = world.one_of(PLACES).repository, world.now
    struct, fields = world.one_of(
        (
            (e.BranchPushed, {"push": f"{repository} {now}", "repository": repository, "branch": "main"}),
            (e.ReleasePublished, {"release": f"{repository} v1", "repository": repository, "tag": "v1"}),
            (e.PolicyEdited, {"policy": f"{repository} main", "action": "edited", "edited": ["reviews"]}),
            (e.MeasurementReported, {"measurement": "build cost", "kind": "cost", "value": 1.5}),
        )
    )
    world.tell(struct, "github", f"told {now}", now, **fields)


def finding(world: World) -> None:
    """A scanner's finding in some commit or none, perhaps fixed, perhaps found again."""
    repository = world.one_of(PLACES).repository
    commits = [*world.merged.get(repository, []), "", f"f{world.shas:039x}"]
    world.tell(
        e.FindingReported,
        "github",
        f"told {world.now}",
        world.now,
        finding=f"{repository} code {world.one_of((1, 2))}",
        repository=repository,
        kind="code",
        state=world.one_of(("open", "fixed", "dismissed")),
        sha=world.one_of(commits),
        branch=world.one_of(("", "main", "feature")),
    )


def limit(world: World) -> None:
    """Thresholds of a signal."""
    world.tell(
        e.ThresholdSet,
        "catalogue",
        f"set {world.now}",
        world.now,
        signal=world.one_of(("bypass-abuse", "late-findings")),
        opens_from=world.one_of((None, 0.5)),
        off=world.chance(),
    )


def tick(world: World) -> None:
    """The clock of a live receiver."""
    world.tell(e.ClockTicked, "clock", str(world.now), world.now, clock="clock")


#: the plainest first, since examples shrink towards it; what makes a history comes more often
ACTIONS: tuple[Callable[[World], None], ...] = (
    tick,
    observation,
    drift,
    finding,
    limit,
    burn,
    verdict,
    declaration,
    team,
    *[rules] * 2,
    counting,
    *[incident] * 2,
    *[deployment] * 3,
    *[change] * 4,
)


@st.composite
def _step(draw: st.DrawFn, world: World) -> bool:
    """One action and some time after it, or the end; a draw of its own, so that it shrinks away alone."""
    if draw(st.integers(0, 15)) == 0:
        return False
    world.draw = draw
    draw(st.sampled_from(ACTIONS))(world)
    world.wait(90)
    return True


@st.composite
def histories(draw: st.DrawFn, actions_max: int = ACTIONS_MAX) -> list[e.Event]:
    """The events of a small world, imported, sorted by own time; no id occurs twice."""
    world = World(draw)
    for _ in range(actions_max):
        if not draw(_step(world)):
            break
    unique = {event.id: event for event in world.events}
    return sorted(unique.values(), key=lambda event: (event.time, event.id))
