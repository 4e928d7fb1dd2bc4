"""The rows of outcomes: what became of a change on its branch after it was merged.

Which change broke the branch is told check by check: the first commit on which a check fails in its last
attempt is to blame, and those after it are not while it stays red. A check that fails and then passes on one
commit is flaky, and breaks nothing.

Rows rest on what stands beside a change on its branch, so they are settled a little before a change is
forgotten: its neighbours are still known then, and a row never changes because the past was dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pipeline.core.building import Building
from pipeline.core.catalogue import Catalogue
from pipeline.core.change_index import Position, stands
from pipeline.core.changes import ChangeSummary
from pipeline.core.checks import CheckEnd, CommitSummary, ends_of
from pipeline.core.entities import Entity
from pipeline.core.facts import OutcomeFact
from pipeline.core.measures.classing import Classing
from pipeline.core.measures.undoing import reverted_in_turn, undoings_of
from pipeline.core.parameters import Parameters
from pipeline.core.rows import Rows

Branch = tuple[str, str]


class Outcomes:
    """Which changes have to be looked at again, and their rows."""

    def __init__(
        self,
        parameters: Parameters,
        families: Mapping[str, Mapping[str, Entity]],
        catalogue: Catalogue,
        classing: Classing,
        building: Building,
    ) -> None:
        self._sizes = parameters.reviewing
        self._undoings_max = parameters.outcomes.undoings_max
        self._within = min(parameters.outcomes.line_within, parameters.horizon // 8)
        #: reverts after this are read when the change may be forgotten already
        self._undone_within = parameters.horizon - 2 * self._within
        self._changes = families["change"]
        self._commits = families["commit"]
        self._catalogue = catalogue
        self._classing = classing
        self._building = building
        #: changes before this stay as they were written
        self._settled_before = 0
        #: changes on whose commit a check failed at any time, by branch: when they were merged
        self._red: dict[Branch, dict[str, int]] = {}
        #: branches on which the checks of a commit became others, and when it was merged
        self._touched: dict[tuple[Branch, int], None] = {}
        self._stale: dict[str, None] = {}
        self._gone: dict[str, None] = {}
        self._ends: dict[str, dict[str, CheckEnd]] = {}

    # -- what has to be looked at again ---------------------------------------------------------

    def change_corrected(self, key: str, old: object, new: object) -> None:
        """A change's summary became another one."""
        before = old if isinstance(old, ChangeSummary) else None
        after = new if isinstance(new, ChangeSummary) else None
        if _has_row(after):
            self._stale[key] = None
            self._gone.pop(key, None)
        elif _has_row(before):
            self._gone[key] = None
            self._stale.pop(key, None)
        references = [*(before.reverts if before else ()), *(after.reverts if after else ())]
        if references:
            self._stale.update(reverted_in_turn(self._building, references))
        was, now = stands(key, before), stands(key, after)
        sha_before, sha_after = before.sha if before else "", after.sha if after else ""
        if (was, sha_before) == (now, sha_after):
            return
        if was is not None:
            self._leave(was[:2], key)
            self._touch(was[:2], was[2][0], sha_before)
        if now is not None:
            self._enter(now[:2], key, now[2][0], sha_after)
            self._touch(now[:2], now[2][0], sha_after)

    def commit_corrected(self, key: str, changes: Iterable[tuple[str, ChangeSummary]]) -> None:
        """The checks of a commit of these changes became others."""
        sha = key.rpartition("@")[2]
        for change, summary in changes:
            place = stands(change, summary) if summary.sha == sha else None
            if place is None:
                continue
            self._stale[change] = None
            self._leave(place[:2], change)
            self._enter(place[:2], change, place[2][0], sha)
            self._touch(place[:2], place[2][0], sha)

    def _touch(self, branch: Branch, merged_at: int, sha: str) -> None:
        if f"{branch[0]}@{sha}" in self._commits:
            self._touched[(branch, merged_at)] = None

    def _enter(self, branch: Branch, key: str, merged_at: int, sha: str) -> None:
        commit = self._commits.get(f"{branch[0]}@{sha}")
        checks = commit.summary if commit is not None else None
        if isinstance(checks, CommitSummary) and checks.red:
            self._red.setdefault(branch, {})[key] = merged_at

    def _leave(self, branch: Branch, key: str) -> None:
        red = self._red.get(branch)
        if red is not None:
            red.pop(key, None)
            if not red:
                del self._red[branch]

    def everything_corrected(self) -> None:
        """Teams, services or classes were declared anew: any row may name another one."""
        self._stale.update(dict.fromkeys(self._changes))

    def forget_before(self, before: int) -> None:
        """What is older than a time is forgotten: nobody knows any more what stood beside it."""
        self._settled_before = before + 2 * self._within
        for branch in list(self._red):
            for key, merged_at in list(self._red[branch].items()):
                if merged_at < before:
                    self._leave(branch, key)

    def settle(self) -> None:
        """All rows that were marked are written."""
        self._stale.clear()
        self._gone.clear()
        self._touched.clear()
        self._ends.clear()

    # -- rows -----------------------------------------------------------------------------------

    def write(self, rows: Rows) -> None:
        """The rows of changes that are not as they were written."""
        for branch, at in self._touched:
            for key, merged_at in self._red.get(branch, {}).items():
                if abs(merged_at - at) <= self._within:
                    self._stale[key] = None
        for key in self._gone:
            rows.delete(OutcomeFact.table, (key,))
        for key in self._stale:
            summary = self._building.summary_of(key)
            if summary is None or not _has_row(summary):
                continue
            if summary.merged_at is not None and summary.merged_at < self._settled_before:
                continue
            rows.write(self._fact(key, summary))
        self.settle()

    def _fact(self, key: str, summary: ChangeSummary) -> OutcomeFact:
        service = self._catalogue.service_of("", summary.repository)
        declared = self._catalogue.declared.get(service)
        fact = OutcomeFact(
            change=key,
            repository=summary.repository,
            branch=summary.branch,
            service=service,
            team=declared.team if declared is not None else "",
            bot=summary.bot,
            state=summary.state,
            lines=summary.lines,
            generated_lines=summary.generated_lines,
            size=self._sizes.size_of(summary.written_lines),
            undoes=bool(summary.reverts),
            merged_at=summary.merged_at,
            reverted_at=None,
            reverted_by="",
            restored_at=None,
            restored_by="",
            checks=0,
            red_checks=[],
            flaky_checks=[],
            red_at=None,
            green_at=None,
            green_by="",
            ejections=[at for at, _ in summary.ejections],
            ejected_for=[reason for _, reason in summary.ejections],
            change_class=self._classing.of(self._changes[key], summary)[0],
        )
        place = stands(key, summary)
        if place is not None:
            until = place[2][0] + self._undone_within
            found = undoings_of(self._building, key, summary, until, self._undoings_max)
            fact.reverted_at, fact.reverted_by, fact.restored_at, fact.restored_by = found
            self._tell_checks(fact, place[:2], place[2])
        return fact

    # -- checks of a branch ---------------------------------------------------------------------

    def _tell_checks(self, fact: OutcomeFact, branch: Branch, position: Position) -> None:
        ends = self._ends_at(branch[0], position)
        fact.checks = len(ends)
        fact.flaky_checks = sorted(
            [name for name, end in ends.items() if end.failed_before and not end.failed]
        )
        failing = {name for name, end in ends.items() if end.failed}
        if not failing:
            return
        red_before = self._red_before(branch, position, failing)
        fact.red_checks = sorted(failing - red_before)
        if not fact.red_checks:
            return
        fact.red_at = min(ends[name].at for name in fact.red_checks)
        greens = self._green_after(branch, position, set(fact.red_checks))
        if len(greens) == len(fact.red_checks):
            _, fact.green_at, fact.green_by = max(greens)

    def _red_before(self, branch: Branch, position: Position, names: set[str]) -> set[str]:
        """Which of these checks failed already on the nearest commit before it on which they ran."""
        line = self._building.index.branches[branch]
        wanted, found = set(names), set()
        index = line.position(position)
        while wanted and index > 0:
            index -= 1
            before = line.items[index]
            if before[0] < position[0] - self._within:
                break
            ends = self._ends_at(branch[0], before)
            for name in wanted & ends.keys():
                wanted.discard(name)
                if ends[name].failed:
                    found.add(name)
        return found

    def _green_after(
        self, branch: Branch, position: Position, names: set[str]
    ) -> list[tuple[Position, int, str]]:
        """For each of these checks the first later commit on which it passed: where, when, and whose."""
        line = self._building.index.branches[branch]
        wanted = set(names)
        found: list[tuple[Position, int, str]] = []
        for index in range(line.position(position) + 1, len(line)):
            after = line.items[index]
            if not wanted or after[0] > position[0] + self._within:
                break
            ends = self._ends_at(branch[0], after)
            for name in wanted & ends.keys():
                if not ends[name].failed:
                    wanted.discard(name)
                    found.append((after, ends[name].at, after[2]))
        return found

    def _ends_at(self, repository: str, position: Position) -> dict[str, CheckEnd]:
        """How the checks of the commit as which a change was merged ended, around its merge."""
        known = self._ends.get(position[2])
        if known is not None:
            return known
        summary = self._building.summary_of(position[2])
        commit = self._commits.get(f"{repository}@{summary.sha}") if summary is not None else None
        found: dict[str, CheckEnd] = {}
        if commit is not None:
            found = ends_of(commit, position[0] - self._within, position[0] + self._within)
            commit.pack()
        self._ends[position[2]] = found
        return found


def _has_row(summary: ChangeSummary | None) -> bool:
    """Whether anything can have become of a change."""
    return summary is not None and (summary.state == "merged" or bool(summary.ejections))
