"""Flaky checks, the slow way: every week from all events, every probability by a sum over fine steps.

Nothing of this is shared with the core but the events and the numbers of the model.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from pipeline.core import events as e
from pipeline.core.limits import FlakeLimits
from pipeline.core.parameters import WEEK

#: (repository, name, workflow)
Check = tuple[str, str, str]
#: a Monday, 1970-01-05
FIRST_MONDAY = 4 * 86_400 * e.MICROSECONDS


def monday(time: int) -> int:
    """When the week of a time begins."""
    return time - (time - FIRST_MONDAY) % WEEK


def runs(history: Iterable[e.Event]) -> dict[tuple[Check, str], list[e.CheckFinished]]:
    """The runs that count, in order, by check and commit."""
    found: dict[tuple[Check, str], list[e.CheckFinished]] = defaultdict(list)
    counted = [
        event
        for event in history
        if isinstance(event, e.CheckFinished)
        and not event.retracted
        and event.outcome in ("success", "failure", "failed", "error")
        and event.kind != "smoke"
        and event.name
        and "@" in event.commit
    ]
    with_jobs = {event.commit for event in counted if event.kind != "workflow"}
    for event in counted:
        if event.kind != "workflow" or event.commit not in with_jobs:
            repository, sha = event.commit.rsplit("@", 1)
            found[(repository, event.name, event.workflow), sha].append(event)
    return {
        place: sorted(told, key=lambda run: (run.time, run.attempt, run.id))[:20]
        for place, told in found.items()
    }


def flakes(history: Iterable[e.Event]) -> dict[tuple[str, str, str, str], dict[str, Any]]:
    """What the rows of certain flakes have to say."""
    found = {}
    for ((repository, name, workflow), sha), told in runs(history).items():
        reds = [run for run in told if run.outcome.startswith("fail")]
        greens = [run for run in told if run.outcome == "success"]
        if reds and greens:
            ways, _ = waits(told)
            found[repository, sha, name, workflow] = {
                "failed_at": reds[0].time,
                "runs": len(reds) + len(greens),
                "failed": len(reds),
                "errors": len(told) - len(reds) - len(greens),
                "reruns": sum(count for count, _ in ways),
                "waited_seconds": sum(seconds for _, seconds in ways),
                "events": [run.id for run in told],
            }
    return found


def waits(told: Sequence[e.CheckFinished]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """(further runs, seconds) of each way from red to green: after failures, and after errors alone."""
    after_failures: list[tuple[int, int]] = []
    after_errors: list[tuple[int, int]] = []
    for place, run in enumerate(told):
        before = told[place - 1].outcome if place else "success"
        if run.outcome == "success" or before != "success":
            continue
        end = next((at for at in range(place, len(told)) if told[at].outcome == "success"), None)
        if end is not None:
            way = (end - place, (told[end].time - run.time) // e.MICROSECONDS)
            only_errors = all(told[at].outcome == "error" for at in range(place, end))
            (after_errors if only_errors else after_failures).append(way)
    return after_failures, after_errors


def weeks(
    history: Iterable[e.Event], now: int, window: int
) -> dict[tuple[str, str, str, int], dict[str, Any]]:
    """What the rows of weeks that are over have to say; ``patterns`` holds what the estimate rests on."""
    by_week: dict[tuple[Check, int], list[list[e.CheckFinished]]] = defaultdict(list)
    for (check, _), told in runs(history).items():
        by_week[check, monday(told[0].time)].append(told)
    found = {}
    for (check, week), commits in by_week.items():
        if week + WEEK > now:
            continue
        in_window = [
            told
            for (other, past), several in by_week.items()
            if other == check and week - window * WEEK < past <= week
            for told in several
        ]
        row = {**_counted(commits), "window_weeks": window}
        together = _counted(in_window)
        row |= {f"window_{name}": together[name] for name in ("commits", "runs", "failed", "flaked")}
        row["patterns"] = Counter(
            (
                sum(run.outcome != "error" for run in told),
                sum(run.outcome.startswith("fail") for run in told),
                [run.outcome for run in told if run.outcome != "error"][-1:] not in ([], ["success"]),
            )
            for told in in_window
        )
        found[(*check, week)] = row
    return found


def _counted(commits: Sequence[Sequence[e.CheckFinished]]) -> dict[str, Any]:
    every = [run.outcome for told in commits for run in told]
    after_failures = [way for told in commits for way in waits(told)[0]]
    after_errors = [way for told in commits for way in waits(told)[1]]
    return {
        "commits": len(commits),
        "runs": sum(outcome != "error" for outcome in every),
        "failed": sum(outcome.startswith("fail") for outcome in every),
        "flaked": sum(
            {"success"} < {run.outcome.replace("failed", "failure") for run in told} - {"error"}
            for told in commits
        ),
        "reruns": sum(count for count, _ in after_failures),
        "waited_seconds": sum(seconds for _, seconds in after_failures),
        "errors": every.count("error"),
        "error_reruns": sum(count for count, _ in after_errors),
        "error_waited_seconds": sum(seconds for _, seconds in after_errors),
    }


def posterior(
    patterns: Counter[tuple[int, int, bool]], limits: FlakeLimits, steps: int = 240
) -> dict[str, float]:
    """The estimate by plain sums: ``steps`` of flake, a fifth as many of broken, finer near zero."""
    again = sum((failed - left) * count for (_, failed, left), count in patterns.items())
    left_red = sum(left * count for (_, _, left), count in patterns.items())
    odds = (again + 0.5) / (left_red + 0.5)
    flakes = [0.9 * ((step + 0.5) / steps) ** 2 for step in range(steps)]
    brokens = [((step + 0.5) / (steps // 5)) ** 2 for step in range(steps // 5)]
    logs: dict[tuple[int, int], list[float]] = defaultdict(list)
    for likeness, weight in limits.likeness:
        for more in limits.flake_again:
            for less in limits.broken_again:
                good, bad = odds * more / (1 + odds * more), (odds / less) / (1 + odds / less)
                for i, flake in enumerate(flakes):
                    as_good = [
                        _beta_binomial(runs, failed, flake, likeness)
                        * good ** (failed - left)
                        * (1 - good) ** left
                        for runs, failed, left in patterns
                    ]
                    as_bad = [
                        0.98**failed * 0.02 ** (runs - failed) * bad ** (failed - left) * (1 - bad) ** left
                        for runs, failed, left in patterns
                    ]
                    counts = list(patterns.values())
                    for j, broken in enumerate(brokens):
                        log = math.log(weight)
                        for one, other, count in zip(as_good, as_bad, counts, strict=True):
                            log += count * math.log((1 - broken) * one + broken * other)
                        logs[i, j].append(log)
    highest = max(max(several) for several in logs.values())
    mass = []
    for i, flake in enumerate(flakes):
        width = math.sqrt(flake)
        prior = sum(share * b * (1 - flake) ** (b - 1) for share, b in limits.flake_prior) * width
        mass.append(
            prior
            * sum(
                math.exp(log - highest) * (1 - broken) ** (limits.broken_prior - 1) * math.sqrt(broken)
                for j, broken in enumerate(brokens)
                for log in logs[i, j]
            )
        )
    total = sum(mass)
    found = {"flake": sum(flake * share for flake, share in zip(flakes, mass, strict=True)) / total}
    found["above"] = (
        sum(share for flake, share in zip(flakes, mass, strict=True) if flake > limits.flaky_above) / total
    )
    below = 0.0
    for flake, share in zip(flakes, mass, strict=True):
        below += share / total
        if below >= (1 - limits.interval) / 2 and "low" not in found:
            found["low"] = flake
        if below >= (1 + limits.interval) / 2 and "high" not in found:
            found["high"] = flake
    return found


def _beta_binomial(runs: int, failed: int, flake: float, likeness: float) -> float:
    if not likeness:
        return float(flake**failed * (1 - flake) ** (runs - failed))
    a, b = flake * (1 - likeness) / likeness, (1 - flake) * (1 - likeness) / likeness
    logs = (
        math.lgamma(a + failed) + math.lgamma(b + runs - failed) - math.lgamma(a + b + runs)
        + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    )  # fmt: skip
    return math.exp(logs)
