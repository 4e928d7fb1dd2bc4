"""Changes that repair: a fix, a revert, and the revert of a revert."""

from __future__ import annotations

from pipeline.core import events as e
from pipeline.simulate.changing import SECTIONS, ChangeTeller
from pipeline.simulate.checking import CheckTeller
from pipeline.simulate.desk import MICROSECONDS as M
from pipeline.simulate.desk import Desk, Landed, envelope
from pipeline.simulate.kinds import FIX, paths, words
from pipeline.simulate.truth import TrueBypass

SHAS_A_REPAIR = 2


class Repairs:
    """Tells small requests that somebody merges in a hurry."""

    def __init__(self, desk: Desk, checks: CheckTeller, changes: ChangeTeller) -> None:
        self._desk, self._checks, self._changes = desk, checks, changes

    def fix(self, service: int, opened: int, merged: int, u: float, shas: list[str], incident: str) -> Landed:
        """What makes an incident end; four of ten pass the review by the label."""
        a, b = words(u, u * 97 % 1)
        return self._tell(
            service, opened, merged, u, shas, f"Mend {a} of {b}", [], [incident], u * 13 % 1 < 0.4
        )

    def revert(self, service: int, opened: int, merged: int, u: float, shas: list[str], of: Landed) -> Landed:
        """Take a change back; of a revert, this brings the change in again."""
        return self._tell(service, opened, merged, u, shas, f'Revert "{of.title}"', [of.key], [], False)

    def _tell(self, service: int, opened: int, merged: int, u: float, shas: list[str], title: str,
              reverts: list[str], incidents: list[str], hurried: bool) -> Landed:  # fmt: skip
        desk = self._desk
        its = desk.organisation.services[service]
        name = desk.organisation.repositories[its.repository].name
        team = desk.organisation.teams[its.team]
        number = desk.next_number(its.repository)
        key, source = f"{name}#{number}", f"github/{name}"
        place = int(u * 31 % 1 * len(team.members))
        author, reviewer = team.members[place], team.members[(place + 1) % len(team.members)]
        opened = min(opened, merged - 120)
        labels = ["fix", "hotfix"] if hurried else ["fix"]
        emergency = "hotfix" if hurried else ""
        sections = [] if its.team in desk.silent else [SECTIONS[0]]
        head, sha = shas
        add, at = desk.events.append, opened * M
        add(e.ChangeOpened(*envelope(f"github {key} opened", source, at), key, name, number,
            "main", title, author, head, False, labels, reverts, emergency, incidents, sections))  # fmt: skip
        quiet = [0.5] * 8
        self._checks.tell(its.repository, name, head, opened, merged - opened, False, quiet, 0)
        if hurried:
            desk.truths.append((merged, TrueBypass(key, name, team.name, "label", False)))
            at = (merged + 7_200) * M
        else:
            at = (merged - 60) * M
        add(e.ReviewSubmitted(*envelope(f"github {key} review 1 approved", source, at), key,
            name, number, reviewer, "approved", head, 0, False, 8, 2, False, False, False, False,
            True))  # fmt: skip
        lines, at = 2 + int(u * 40), merged * M
        a, b = words(u, u * 97 % 1)
        touched = paths(FIX, 2, its.path, a, b, number)
        add(e.ChangeMerged(*envelope(f"github {key} merged", source, at), key, name, number,
            "main", sha, [], title, author, author, opened * M, lines, lines // 2, len(touched), touched,
            [f"@acme/{team.name}"], labels, reverts, emergency, incidents, sections))  # fmt: skip
        self._changes.on_main(its.repository, name, sha, merged, author, 0.5)
        return Landed(key, sha, title, author, merged)
