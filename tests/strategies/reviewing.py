"""What happens while a request is reviewed: who is asked, what is remarked, what the checks say."""

from __future__ import annotations

from typing import Any

from pipeline.core import events as e
from tests.strategies.names import BEGINNING, DAY, PERSONS, STEP, TEAMS
from tests.strategies.telling import World


def attempts(world: World, repository: str, sha: str) -> None:
    """A check of a commit under review, perhaps tried again."""
    name, kind = world.one_of((("unit", "test"), ("opa", "policy")))
    first = world.later(6)
    for attempt, time in enumerate((first, first + 2 * STEP)[: 1 + world.chance()], start=1):
        world.tell(
            e.CheckFinished,
            "ci",
            f"check {name} {attempt}",
            time,
            commit=f"{repository}@{sha}",
            repository=repository,
            sha=sha,
            name=name,
            kind=kind,
            attempt=attempt,
            outcome=world.one_of(("failure", "success")),
        )


def discussion(world: World, request: dict[str, Any], head_sha: str) -> None:
    """What is said around a request: who was asked, what was remarked, where it stood in the queue."""
    reviewer, asked, said, queued = world.one_of(PERSONS), world.now, world.later(6), world.later(40)
    state = world.one_of(("entered", "removed"))
    names = {"reviewer": reviewer} if world.chance() else {"team": world.one_of(TEAMS)}
    world.tell(e.ReviewRequested, "github", f"asks {reviewer}", asked, **request, **names)
    world.tell(
        e.CommentPosted, "github", f"comment {said}", said, **request, author=reviewer, commit_sha=head_sha
    )
    world.tell(e.QueueChanged, "github", f"queue {state}", queued, **request, branch="main", state=state)


def aftermath(world: World, fields: dict[str, Any], sha: str) -> None:
    """What is said of a merged change besides: its owners, a rule that was overridden, a late review."""
    about = {name: fields[name] for name in ("change", "repository", "number")}
    person = world.one_of(PERSONS)
    told = world.one_of(("owners", "owners", "rule", "review", "comment", "check"))
    if told == "owners":
        groups = world.one_of(([], [person], [f"{person} @{TEAMS[0]}", TEAMS[1]], [f"@{TEAMS[2]}"]))
        world.tell(e.OwnersRequired, "git", "owners", world.now, **about, groups=groups, unowned_files=1)
    elif told == "review":
        decision = world.one_of(("approved", "commented", "dismissed"))
        late = world.later(600)
        world.tell(
            e.ReviewSubmitted, "github", f"late {late}", late, **about, reviewer=person, decision=decision
        )
    elif told == "comment":
        late = world.later(600)
        world.tell(e.CommentPosted, "github", f"late comment {late}", late, **about, author=person)
    elif told == "rule":
        commit = {"commit": f"{about['repository']}@{sha}", "repository": about["repository"], "sha": sha}
        world.tell(e.RuleBypassed, "github", "rule bypassed", world.now, **commit, rule="two reviews")
    else:
        attempts(world, about["repository"], sha)


def rules(world: World) -> None:
    """A version of a policy, or of a class of changes."""
    if world.one_of((False, False, True)):
        world.tell(
            e.ClassDeclared,
            "catalogue",
            f"declared {world.now}",
            world.now,
            change_class=world.one_of(("money", "docs")),
            paths=world.one_of(([], ["web/"], ["app"], ["**/app"])),
            labels=world.one_of(([], ["hotfix"])),
        )
        return
    world.tell(
        e.PolicyDeclared,
        "catalogue",
        f"declared {world.now}",
        world.now,
        policy=world.one_of(("everything", "strict")),
        classes=world.one_of(([], ["money"], ["code", "docs"])),
        tiers=world.one_of(([], [1])),
        approvals=world.one_of((None, 1, 2)),
        roles=world.one_of(([], [TEAMS[0]], [TEAMS[2]])),
        sections=world.one_of(([], ["runbook"])),
        owner_approval=world.one_of((True, False)),
        retro_review_minutes=world.one_of((None, 1_440)),
    )


def team(world: World) -> None:
    """A version of a team's entry; a person may be in several teams, or in none any more."""
    opens, closes = world.one_of(((None, None), (0, 1_440), (720, 1_200), (1_320, 1_410)))
    world.tell(
        e.TeamDeclared,
        "catalogue",
        f"declared {world.now}",
        world.now,
        team=world.one_of(TEAMS),
        members=[person for person in PERSONS if world.chance()],
        aliases=world.one_of(([], [], ["acme/money"], ["shop"])),
        days=world.one_of(([], [], [1, 2, 3, 4, 5, 6, 7])),
        opens_minute=opens,
        closes_minute=closes,
        holidays=[19_724, 19_731] if world.chance() else [],
        offsets_from=[BEGINNING + 10 * DAY],
        offsets_seconds=world.one_of(([0, 3_600], [-12_600, -9_000])),
        response_minutes=world.one_of((None, 60)),
    )
