"""What a request tells on its way: opened, pushed to, asked about, reviewed, queued, merged."""

from __future__ import annotations

from math import log1p

from pipeline.core import events as e
from pipeline.simulate.checking import CheckTeller
from pipeline.simulate.desk import MICROSECONDS as M
from pipeline.simulate.desk import Desk, Landed, envelope
from pipeline.simulate.kinds import DEPENDENCY, KINDS, paths, title, words
from pipeline.simulate.plan import DIRECT, LABELLED, WeekPlan
from pipeline.simulate.planting import (
    BOTTLENECK_SHARE,
    OLD_BRANCH_DAYS,
    OLD_BRANCH_SHARE,
    STAMPED_ELSEWHERE,
    STAMPED_SHARE,
)
from pipeline.simulate.ruling import RULED_SHARE, overridden, owners
from pipeline.simulate.truth import TrueBypass, TrueReview

HEADS_MAX = 5
#: pushes come in this part of a request's life
PUSHED_WITHIN = 0.6
SHAS_A_CHANGE = HEADS_MAX + 1
SECTIONS = ("impact", "testing", "runbook", "metrics")
_NEEDED = frozenset({"runbook", "metrics"})
_COMMENTS_MAX = 6
_COMMENTS_MEAN = 1.4
_LARGE_LINES = 200
#: characters, words, and what an approval of four letters is besides: nothing but filler
_LGTM = (4, 1, False, False, False, False, True)
#: a uniform number gives further ones by its later digits
_FURTHER = 8191.0
_DAY = 86_400


class ChangeTeller:
    """Tells the changes of a week, one by one."""

    def __init__(self, desk: Desk, checks: CheckTeller) -> None:
        self._desk, self._checks = desk, checks
        self._organisation = desk.organisation

    def tell(self, plan: WeekPlan, row: int, service: int, merged: int, shas: list[str], turn: int) -> Landed:
        """One change that reaches the main branch at ``merged``; ``turn`` orders merges of one second."""
        u = plan.change_draws[row]
        if plan.bypass[row] == DIRECT:
            return self._pushed(plan, row, service, merged, shas[-1], turn)
        desk, its = self._desk, self._organisation.services[service]
        number = desk.next_number(its.repository)
        repository = self._organisation.repositories[its.repository]
        team, kind = self._organisation.teams[its.team], plan.kind[row]
        name, key = repository.name, f"{repository.name}#{number}"
        author = self._organisation.dependency_bot if kind == DEPENDENCY else team.members[plan.author[row]]
        opened = plan.opened_at[row]
        head = 1 if u[14] < 0.55 else 2 if u[14] < 0.8 else 3 if u[14] < 0.92 else 4
        broken = [u[32 + place] < 0.05 for place in range(head)]
        if broken[-1]:
            broken.append(False)
        heads = shas[: len(broken)]
        a, b = words(u[15], u[16])
        text, labels = title(kind, u[17], a, b), list(KINDS[kind].labels)
        sections = [one for place, one in enumerate(SECTIONS) if u[26] * (7, 53, 401, 3001)[place] % 1 < 0.7]
        if its.team in desk.silent:
            sections = [one for one in sections if one not in _NEEDED]
        draft = u[13] < 0.15
        source, lead = f"github/{name}", f"github {key} "
        add = desk.events.append
        add(e.ChangeOpened(*envelope(f"{lead}opened", source, opened * M), key, name, number,
            "main", text, author, heads[0], draft, labels, [], "", [], sections))  # fmt: skip
        span = merged - opened
        last = opened
        step = span * PUSHED_WITHIN / len(heads)
        for place, sha in enumerate(heads):
            pushed = opened + int(step * place)
            if place:
                at = pushed * M
                add(e.ChangeUpdated(*envelope(f"{lead}synchronize {sha}", source, at), key, name, number,
                    "main", text, author, sha, False, labels, [], "", [], sections))  # fmt: skip
            self._checks.tell(
                its.repository, name, sha, pushed, merged - pushed, broken[place], u, 37 + 5 * place
            )
            last = pushed
        if draft:
            at = (opened + span // 20) * M
            add(e.ChangeUpdated(*envelope(f"{lead}ready_for_review", source, at), key,
                name, number, "main", text, author, "", False, labels, [], "", [], sections))  # fmt: skip
        labelled = plan.bypass[row] == LABELLED
        if labelled:
            labels = [*labels, "hotfix"]
            at = (merged - 60) * M
            add(e.ChangeUpdated(*envelope(f"{lead}labeled hotfix", source, at), key, name,
                number, "main", text, author, "", False, labels, [], "hotfix", [], sections))  # fmt: skip
            row_ = TrueBypass(key, name, team.name, "label", its.team in desk.bypassers)
            desk.truths.append((merged, row_))
        lines = plan.additions[row] + plan.deletions[row]
        reviewer = self._reviewed(
            plan, row, key, name, number, its.team, last, heads, lines, merged, labelled
        )
        files = 1 + int(u[18] * (2 + lines**0.5 / 3))
        sha = shas[-1]
        if repository.queue and not labelled:
            self._queued(lead, source, key, name, number, merged, min(600, span // 8), sha, u[27])
        neglected = desk.at_work("stale-owners", its.team)
        add(owners(key, name, number, team.name, merged, u[31], neglected=neglected))
        merger = self._organisation.queue_bot if repository.queue else (author if u[27] < 0.7 else reviewer)
        add(e.ChangeMerged(*envelope(f"{lead}merged", source, merged * M, turn), key, name, number,
            "main", sha, heads if u[17] < 0.5 else [], text, author, merger, opened * M, plan.additions[row],
            plan.deletions[row], files, paths(kind, files, its.path, a, b, number), [f"@acme/{team.name}"],
            labels, [], "hotfix" if labelled else "", [], sections,
            first_commit_at=self._begun(its.repository, opened, u[3])))  # fmt: skip
        self.on_main(its.repository, name, sha, merged, merger, u[62])
        return Landed(key, sha, text, author, merged)

    def _reviewed(self, plan: WeekPlan, row: int, key: str, name: str, number: int, team: int, last: int,
                  heads: list[str], lines: int, merged: int, labelled: bool) -> str:  # fmt: skip
        """Requests, reviews and comments; returns who reviewed last."""
        desk, u = self._desk, plan.change_draws[row]
        members = self._organisation.teams[team].members
        source, lead, head = f"github/{name}", f"github {key} ", heads[-1]
        author, first = plan.author[row], plan.reviewed_at[row]
        place = (author + 1 + int(u[19] * (len(members) - 1))) % len(members)
        by_one = team in desk.bottlenecks and u[19] * _FURTHER % 1 < BOTTLENECK_SHARE
        if by_one and desk.bottlenecks[team] != author:
            place = desk.bottlenecks[team]
        reviewer = members[place]
        add = desk.events.append
        asked = plan.opened_at[row] + 60
        at = asked * M
        group = f"acme/{self._organisation.teams[team].name}" if u[29] < 0.1 else ""
        add(e.ReviewRequested(*envelope(f"{lead}review_requested {group or reviewer}", source, at), key,
            name, number, "" if group else reviewer, group))  # fmt: skip
        if desk.at_work("reviewer-load", team):
            others = [one for one in members if one not in (members[author], group or reviewer)]
            self._ask(lead, source, at, key, name, number, others)
        if u[30] < 0.1:
            at = (asked + 120) * M
            add(e.ReviewSubmitted(*envelope(f"{lead}review 9 commented", source, at), key,
                name, number, self._organisation.dependency_bot, "commented", heads[0], 1, True,
                240))  # fmt: skip
        if labelled:
            if u[28] < 0.6 and not desk.at_work("overdue-retro-reviews", team):  # somebody looks afterwards
                at = (merged + 1_800 + int(u[25] * 90_000)) * M
                add(e.ReviewSubmitted(*envelope(f"{lead}review 8 approved", source, at), key, name, number,
                    reviewer, "approved", head, 0, False, 20, 3))  # fmt: skip
            return reviewer
        if u[24] < (STAMPED_SHARE if team in desk.stampers else STAMPED_ELSEWHERE):
            review = f"{lead}review 1 approved"
            at = min(max(last, asked) + 20 + int(u[25] * 90), merged - 1) * M
            add(e.ReviewSubmitted(*envelope(review, source, at), key, name, number, reviewer,
                "approved", head, 0, False, *_LGTM))  # fmt: skip
            desk.truths.append((at // M, TrueReview(review, key, reviewer)))
            return reviewer
        comments = min(_COMMENTS_MAX, int(-_COMMENTS_MEAN * log1p(-u[22]) * (1.0 + lines / 400.0)))
        decision = "changes_requested" if u[20] < 0.12 else "commented" if u[20] < 0.3 else "approved"
        pushes = plan.opened_at[row], (merged - plan.opened_at[row]) * PUSHED_WITHIN / len(heads)
        seen = heads[min(len(heads) - 1, int((first - pushes[0]) / pushes[1]))]
        at = first * M
        add(e.ReviewSubmitted(*envelope(f"{lead}review 1 {decision}", source, at), key,
            name, number, reviewer, decision, seen, comments, False,
            12 + 90 * comments, 2 + 15 * comments, False, False, False, decision == "changes_requested",
            decision == "approved" and not comments))  # fmt: skip
        rest = merged - first
        for turn in range(comments):
            v = (u[23] * _FURTHER * (turn + 1)) % 1
            at = (first + int(rest * 0.6 * (turn + v) / comments)) * M
            reply = turn % 3 == 2
            add(e.CommentPosted(*envelope(f"{lead}review comment {turn + 1}", source, at), key, name,
                number, members[author] if reply else reviewer, False,
                "" if v < 0.2 else f"src/part{turn}.py", seen, reply, 15 + int(v * 400), v > 0.85,
                0.4 < v < 0.6, v >= 0.2, 2 + int(v * 65), 0.3 < v < 0.4, v > 0.7, v < 0.08))  # fmt: skip
        if decision != "approved":
            at = (first + int(rest * (0.62 + 0.3 * u[25]))) * M
            add(e.ReviewSubmitted(*envelope(f"{lead}review 2 approved", source, at), key,
                name, number, reviewer, "approved", head, 0, False, *_LGTM))  # fmt: skip
        if u[21] < (0.6 if lines > _LARGE_LINES else 0.2) and len(members) > 2:
            other = members[(place + 1) % len(members)]
            if (place + 1) % len(members) == author:
                other = members[(place + 2) % len(members)]
            at = (first + int(rest * (0.5 + 0.4 * u[21]))) * M
            add(e.ReviewSubmitted(*envelope(f"{lead}review 3 approved", source, at), key,
                name, number, other, "approved", head, 0, False, 30, 5))  # fmt: skip
        return reviewer

    def _ask(self, lead: str, source: str, at: int, key: str, name: str, number: int,
             persons: list[str]) -> None:  # fmt: skip
        """These are asked for a review, too."""
        for one in persons:
            self._desk.events.append(
                e.ReviewRequested(*envelope(f"{lead}review_requested {one}", source, at), key, name, number,
                one, "")
            )  # fmt: skip

    def _begun(self, repository: int, opened: int, u: float) -> int | None:
        """When the first commit of a request was made, in microseconds; elsewhere nobody tells."""
        if not self._desk.at_work("long-lived-branches", repository):
            return None
        least, most = OLD_BRANCH_DAYS if u < OLD_BRANCH_SHARE else (0, 2)
        return (opened - _DAY * least - int(u * _FURTHER % 1 * _DAY * (most - least))) * M

    def _queued(self, lead: str, source: str, key: str, name: str, number: int, merged: int, wait: int,
                sha: str, u: float) -> None:  # fmt: skip
        add = self._desk.events.append
        at = (merged - wait) * M
        add(e.QueueChanged(*envelope(f"{lead}queue entered", source, at), key, name,
            number, "main", "entered", "", sha))  # fmt: skip
        if u < 0.04:
            at = (merged - wait * 2 // 3) * M
            add(e.QueueChanged(*envelope(f"{lead}queue removed", source, at), key, name,
                number, "main", "removed", "checks failed", sha))  # fmt: skip
            at = (merged - wait // 3) * M
            add(e.QueueChanged(*envelope(f"{lead}queue entered again", source, at), key,
                name, number, "main", "entered", "", sha))  # fmt: skip
        at = (merged - 1) * M
        add(e.QueueChanged(*envelope(f"{lead}queue merged", source, at), key, name, number,
            "main", "merged", "", sha))  # fmt: skip

    def on_main(self, repository: int, name: str, sha: str, merged: int, actor: str, u: float) -> None:
        """The push that a merge is, and the checks of the main branch."""
        desk = self._desk
        before, at = desk.main_heads[repository], merged * M
        desk.events.append(
            e.BranchPushed(*envelope(f"github {name} push main {before}..{sha}", f"github/{name}", at),
            f"{name} main {before}..{sha}", name, "main", before, sha, [sha], False, actor)
        )  # fmt: skip
        desk.main_heads[repository] = sha
        self._checks.tell_main(repository, name, sha, merged, u)

    def _pushed(self, plan: WeekPlan, row: int, service: int, merged: int, sha: str, turn: int) -> Landed:
        """A commit that was pushed to the main branch, past every review."""
        desk, its, u = self._desk, self._organisation.services[service], plan.change_draws[row]
        name = self._organisation.repositories[its.repository].name
        team, kind = self._organisation.teams[its.team], plan.kind[row]
        a, b = words(u[15], u[16])
        key, text, author = f"{name}@{sha}", title(kind, u[17], a, b), team.members[plan.author[row]]
        lines = plan.additions[row] + plan.deletions[row]
        files = 1 + int(u[18] * (2 + lines**0.5 / 3))
        at = merged * M
        desk.events.append(
            e.ChangeMerged(*envelope(f"github {key} merged", f"github/{name}", at, turn), key,
            name, None, "main", sha, [], text, author, author, None, plan.additions[row], plan.deletions[row],
            files, paths(kind, files, its.path, a, b, row), [f"@acme/{team.name}"])
        )  # fmt: skip
        if u[28] < RULED_SHARE:
            desk.events.append(overridden(name, sha, merged, author))
        row_ = TrueBypass(key, name, team.name, "push", its.team in desk.bypassers)
        desk.truths.append((merged, row_))
        self.on_main(its.repository, name, sha, merged, author, u[62])
        return Landed(key, sha, text, author, merged)
