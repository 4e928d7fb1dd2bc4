"""Weekly counts and alarms, the slow way: from the rows of what happened, every week from scratch.

Nothing of the core's counting and judging is shared: things are sorted into weeks from the rows of changes,
reviews, incidents, drifts and deployments and from the checks as told; probabilities are products, term by
term.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from pipeline.core import events as e
from pipeline.core.limits import SpikeRules
from tests.runs import Live

Key = tuple[str, str, str]
SHARES = ("bypasses", "flaky_reruns", "rubber_stamps")
EPOCH = datetime.date(1970, 1, 1)


class Row(NamedTuple):
    """What a row of weekly_counts has to say."""

    k: int
    n: int
    history: tuple[int, int, int]
    prediction: tuple[float, int, int, float] | None
    cusum: float
    alarm: str


def weekly_counts(live: Live, history: Sequence[e.Event], now: int, rules: SpikeRules) -> dict[Any, Row]:
    """The rows by (series, dimension, value, Monday)."""
    counts: dict[Key, dict[datetime.date, list[int]]] = {}
    for series, at, where, hit in _things(live, history):
        for dimension, value in {"all": "", **where}.items():
            if value or dimension == "all":
                weeks = counts.setdefault((series, dimension, value), {})
                held = weeks.setdefault(_monday(at), [0, 0])
                held[0] += 1
                held[1] += hit
    found: dict[Any, Row] = {}
    mondays = sorted({week for weeks in counts.values() for week in weeks})
    if not mondays:
        return {}
    week = mondays[0]
    seen: dict[tuple[str, str], datetime.date] = {}
    past: dict[Key, dict[datetime.date, tuple[int, int, bool, int, float]]] = {}
    while week <= mondays[-1] + datetime.timedelta(weeks=rules.history_weeks):
        if week + datetime.timedelta(weeks=1) > EPOCH + datetime.timedelta(microseconds=now):
            break
        _judge(week, counts, past, rules, found)
        week += datetime.timedelta(weeks=1)
    assert not seen
    return found


def _monday(at: int) -> datetime.date:
    date = EPOCH + datetime.timedelta(microseconds=at)
    return date - datetime.timedelta(days=date.weekday())


def _things(live: Live, history: Sequence[e.Event]) -> list[tuple[str, int, dict[str, str], bool]]:
    rows: dict[str, list[Any]] = {}
    for (table, _), row in live.items():
        rows.setdefault(table, []).append(row)
    services = {row.service: row for row in rows.get("services", ())}

    def place(service: str, repository: str = "") -> dict[str, str]:
        if not service:
            owners = [name for name, row in services.items() if repository in row.repositories]
            service = owners[0] if len(owners) == 1 else repository.rsplit("/", 1)[-1]
            team = services[service].team if service in services else ""
            return {"service": service, "team": team, "repository": repository}
        return {"service": service, "team": services[service].team if service in services else ""}

    things = [
        ("bypasses", row.merged_at, place("", row.repository), row.bypassed != [])
        for row in rows.get("compliance", ())
        if row.merged_at is not None and not row.bot
    ]
    things += [
        ("rubber_stamps", row.merged_at, place("", row.repository), row.rubber_stamp)
        for row in rows.get("reviews", ())
        if row.merged_at is not None
        and not row.bot
        and row.lines is not None
        and row.lines >= 50
        and row.approval_seconds is not None
    ]
    things += [
        ("incidents", row.opened_at, place(row.service) if row.service else {}, True)
        for row in rows.get("incidents", ())
        if row.environment in ("", "production")
    ]
    things += [
        ("drift", row.detected_at, place(row.service) if row.service else {}, True)
        for row in rows.get("drifts", ())
    ]
    things += [
        ("deployments", row.live_at, place(row.service), False)
        for row in rows.get("deployments", ())
        if row.environment == "production" and row.outcome not in ("failure", "failed", "error", "cancelled")
    ]
    commits: dict[str, list[e.CheckFinished]] = {}
    for event in history:
        if isinstance(event, e.CheckFinished):
            commits.setdefault(event.commit, []).append(event)
    for commit, checks in commits.items():
        checks.sort(key=lambda event: (event.time, event.sequence, event.id))
        flaky = any(
            one.name == other.name and one.outcome == "failure" and other.outcome == "success"
            for place_of, one in enumerate(checks)
            for other in checks[place_of + 1 :]
            # a policy is met by what people do elsewhere
            if other.attempt >= one.attempt and other.kind != "policy"
        )
        repository = commit.rpartition("@")[0]
        things.append(("flaky_reruns", checks[0].time, place("", repository), flaky))
    return things


def _judge(
    week: datetime.date,
    counts: dict[Key, Any],
    past: dict[Key, Any],
    rules: SpikeRules,
    found: dict[Any, Row],
) -> None:
    window = [week - datetime.timedelta(weeks=back) for back in range(rules.history_weeks, 0, -1)]
    judged: dict[Key, tuple[Any, ...]] = {}
    present: dict[Key, tuple[Any, ...]] = {}
    for key in sorted(counts):
        weeks = counts[key]
        n, k = weeks.get(week, [0, 0])
        share = key[0] in SHARES
        if key[0] == "deployments" or not (
            n if share else any(weeks.get(w, [0, 0])[1] for w in [*window, week])
        ):
            continue
        known = past.setdefault(key, {})
        calm, everything = _history(key, window, counts, known)
        hits, exposure = sum(w[1] for w in calm), sum(w[0] for w in calm)
        present[key] = (n, k, (len(calm), hits, exposure))
        if len(calm) < rules.history_weeks_min:
            continue
        share_of = None
        if share:
            every = _history((key[0], "all", ""), window, counts, past.get((key[0], "all", ""), {}))[0]
            share_of = (sum(w[1] for w in every) + rules.prior_hits) / (
                sum(w[0] for w in every) + 2 * rules.prior_hits
            )
        mean, size, chances = _prediction(n, hits, exposure, len(calm), everything, share_of, rules, 1.0)
        # what is left of the distribution has to be far below what decides anything
        risen = _prediction(n, hits, exposure, len(calm), everything, share_of, rules, rules.shift_multiple)[
            2
        ]
        p = math.fsum(chances[k:])
        low = next(x for x in range(size) if math.fsum(chances[: x + 1]) >= rules.outside_interval / 2)
        high = next(x for x in range(size) if math.fsum(chances[x + 1 :]) <= rules.outside_interval / 2)
        carried = next(((0.0 if known[w][2] else known[w][4]) for w in reversed(window) if w in known), 0.0)
        cusum = max(0.0, carried + math.log(risen[k] / chances[k]))
        limit = next(x for x in range(size + 1) if math.fsum(chances[x:]) <= rules.alpha)
        judged[key] = (mean, low, high, p, cusum, risen[k] > chances[k], max(limit, rules.hits_min))
    for key, (n, k, history) in present.items():
        alarms = []
        mean, low, high, p, cusum, rising, limit = judged.get(key, (0.0, 0, 0, 1.0, 0.0, False, 0))
        if key in judged:
            if k >= limit and _rate(p, [other[3] for other in judged.values()]) <= rules.false_discoveries:
                alarms.append("spike")
            sums = [math.exp(-other[4]) for other in judged.values()]
            if (
                rising
                and cusum >= rules.shift_threshold
                and _rate(math.exp(-cusum), sums) <= rules.false_discoveries
            ):
                alarms.append("shift")
        past[key][week] = (n, k, bool(alarms), min(k, limit) if alarms else k, cusum)
        unit = 1 if key[0] in SHARES else 7
        found[(*key, week)] = Row(
            k,
            n if unit == 1 else 7,
            (history[0], history[1], history[2] * unit),
            (mean, low, high, p) if key in judged else None,
            cusum,
            " and ".join(alarms),
        )


def _history(key: Key, window: Sequence[datetime.date], counts: dict[Key, Any], known: dict[Any, Any]) -> Any:
    """Weeks before, as (things, hits): those that did not alarm; and all, as others see how weeks differ."""
    calm, everything = [], []
    after_alarm = False
    seen = [w for other in counts if other[1:] == key[1:] for w in counts[other]]
    for week in window:
        n, k = counts.get(key, {}).get(week, [0, 0])
        if key[0] in SHARES:
            if not n:
                continue
        elif not seen or week < min(seen):
            continue
        else:
            n = 1
        alarmed, tamed = known[week][2:4] if week in known else (False, k)
        if not (alarmed and after_alarm):
            everything.append((n, tamed))
        after_alarm = alarmed
        if not alarmed:
            calm.append((n, k))
    return calm, everything


def _prediction(
    n: int,
    hits: int,
    exposure: int,
    weeks: int,
    everything: Sequence[tuple[int, int]],
    usual: float | None,
    rules: SpikeRules,
    multiple: float,
) -> tuple[float, int, list[float]]:
    """Expected hits, and the probability of each number of hits."""
    phi = 1.0
    if len(everything) > 1 and hits and (usual is None or hits < exposure):
        rate = hits / exposure
        phi = sum(
            (k - m * rate) ** 2 / (m * rate * (1 - (rate if usual is not None else 0))) for m, k in everything
        )
        phi /= len(everything) - 1
    excess = max(0.0, phi - 1) * (1 + rules.unseen_weeks / weeks)
    if usual is None:
        mean = (hits + rules.prior_hits) / (exposure + rules.prior_weeks)
        spread = 1 / (hits + rules.prior_hits) + excess / mean
        shape, risen = 1 / spread, mean * multiple
        chance = (shape / (shape + risen)) ** shape
        chances = []
        for k in range(400):
            chances.append(chance)
            chance *= (shape + k) / (k + 1) * risen / (shape + risen)
        return mean, 400, chances
    rate = (hits + rules.prior_things * usual) / (exposure + rules.prior_things)
    things = exposure / weeks
    rho = min(rules.correlation_max, excess / (things - 1)) if things > 1 else 0.0
    size = 1 / (1 / (exposure + rules.prior_things) + rho / (1 - rho))
    risen = rate if multiple == 1 else min(rate * multiple, (1 + rate) / 2)
    a, b = Fraction(risen * size), Fraction(size) - Fraction(risen * size)
    chances = []
    for k in range(n + 1):
        exact = Fraction(math.comb(n, k))
        for i in range(k):
            exact *= (a + i) / (a + b + i)
        for i in range(n - k):
            exact *= (b + i) / (a + b + k + i)
        chances.append(float(exact))
    return n * rate, n + 1, chances


def _rate(chance: float, chances: Sequence[float]) -> float:
    """Benjamini and Hochberg: of all that are as small or smaller, at most so many are false."""
    return min(
        other * len(chances) / sum(each <= other * (1 + 1e-9) for each in chances)
        for other in chances
        if other >= chance * (1 - 1e-9)
    )
