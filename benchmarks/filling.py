"""A store of many changes, made by the store itself: in Python, ten million would take too long.

Five years, 400 services, in the order of time; every table that a measure is computed from has rows.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.store import Store
from tests.store.rows import batch, event

CHUNK_ROWS = 1_000_000
SERVICES, TEAMS, CHECKS = 400, 40, 8
YEARS_SECONDS, WEEKS = 5 * 365 * 86_400, 260
BEGIN = "2021-11-01 00:00:00"
#: when the newest thing happened, in microseconds since 1970
NEWEST = 1_793_404_800_000_000
_LAST = f"toDateTime64('{BEGIN}', 6, 'UTC') + toIntervalSecond({YEARS_SECONDS})"
_HASH = "cityHash64(number)"
_SERVICE = f"concat('service-', toString({_HASH} % {SERVICES}))"
_REPOSITORY = f"concat('acme/service-', toString({_HASH} % {SERVICES}))"
_TEAM = f"concat('team ', toString({_HASH} % {SERVICES} % {TEAMS}))"
_SHA = "lower(hex(SHA1(toString(number))))"
_KEY = f"concat({_REPOSITORY}, '#', toString(number))"
_BOT = f"{_HASH} % 9 = 0"
_DEPLOYMENT = "concat('deploy ', toString(intDiv(number, 3)))"
_CLASSES = "['code', 'iam', 'database-migration', 'iac', 'docs', 'api-contract', 'observability']"
_CLASS = f"{_CLASSES}[1 + {_HASH} % 7]"

#: its name, number of rows, and an expression for each column that is not left at its default
Table = tuple[str, int, dict[str, str]]


def _at(count: int, hours: float = 0.0) -> str:
    """When the row of this number happened."""
    seconds = f"intDiv(number * {YEARS_SECONDS}, {count}) + {round(hours * 3600)}"
    return f"toDateTime64('{BEGIN}', 6, 'UTC') + toIntervalSecond({seconds})"


def _around(salt: int, typical: float) -> str:
    """A number that is spread like times and sizes are: to both sides by its logarithm."""
    lots = " + ".join(f"cityHash64(number, {salt + 100 * turn}) % 1000000 / 1000000" for turn in range(3))
    return f"toInt64({typical} * exp(1.2 * (2 * ({lots}) - 3)))"


def _of_changes(changes: int) -> list[Table]:
    """The tables that have a row for each change."""
    lines, merged = _around(1, 60), _at(changes)
    size = f"multiIf({lines} < 10, 'tiny', {lines} < 50, 'small', {lines} < 300, 'medium', 'large')"
    whose = {"change": _KEY, "repository": _REPOSITORY, "bot": _BOT, "state": "'merged'"}
    placed = {"service": _SERVICE, "team": _TEAM, "change_class": _CLASS, "merged_at": merged}
    return [
        ("reviews", changes, whose | placed | {
            "lines": lines, "size": size, "opened_at": f"{merged} - toIntervalSecond({_around(2, 72_000)})",
            "ready_at": f"{merged} - toIntervalSecond({_around(2, 72_000)})", "closed_at": merged,
            "first_response_at": f"{merged} - toIntervalHour(1)", "response_seconds": _around(3, 9_000),
            "response_working_seconds": _around(4, 5_000), "response_target_seconds": "14400",
            "waiting_seconds": _around(5, 20_000), "waiting_working_seconds": _around(6, 9_000),
            "author_seconds": _around(7, 9_000), "merging_seconds": _around(8, 900), "rounds": "2",
            "comments": "3", "substantive_comments": "1", "approval_seconds": _around(9, 600),
            "rubber_stamp": f"{_HASH} % 33 = 0",
        }),
        ("compliance", changes, whose | placed | {
            "classes": f"[{_CLASS}]", "branch": "'main'", "opened_at": f"{merged} - toIntervalHour(20)",
            "policies": "['default']", "approvals_needed": "1", "approvals": "1", "owners_told": "1",
            "owners_needed": "1", "owners_approved": f"toInt64({_HASH} % 10 > 0)",
            "bypassed": f"if({_HASH} % 31 = 0, ['label'], [])",
            "retro_review_due_at": f"if({_HASH} % 31 = 0, {merged} + toIntervalDay(3), NULL)",
            "retro_reviewed_at": f"if({_HASH} % 62 = 0, {merged} + toIntervalDay(1), NULL)",
            "violations": f"if({_HASH} % 23 = 0, ['approvals'], [])",
            "violation_states": f"if({_HASH} % 23 = 0, ['merged'], [])",
        }),
        ("outcomes", changes, whose | placed | {
            "branch": "'main'", "lines": lines, "generated_lines": "0", "size": size, "checks": "4",
            "red_checks": f"if({_HASH} % 40 = 0, ['unit'], [])",
            "red_at": f"if({_HASH} % 40 = 0, {merged}, NULL)",
            "green_at": f"if({_HASH} % 40 = 0, {_at(changes, 1)}, NULL)",
        }),
        ("changes", changes, whose | {
            "number": "number", "branch": "'main'", "sha": _SHA,
            "title": "concat('Make case ', toString(number), ' better')",
            "author": f"concat('p:', toString({_HASH} % 4000))",
            "opened_at": f"{merged} - toIntervalHour(20)",
            "merged_at": merged, "closed_at": merged, "additions": lines, "deletions": "5", "files": "3",
            "paths": "['src/a.py', 'tests/a.py']", "owners": "['@acme/team']", "reviews": "1",
            "approvals": "1", "checks": "4", "deployment": _DEPLOYMENT, "deployed_at": _at(changes, 2),
            "updated_at": merged, "events": "['a', 'b', 'c']",
            "first_commit_at": f"{merged} - toIntervalHour(25)",
        }),
    ]  # fmt: skip


def _of_deployments(changes: int) -> list[Table]:
    """What becomes of changes: one of three is a deployment, one of two hundred an incident."""
    deployments, incidents = changes // 3, max(1, changes // 200)
    return [
        ("deployment_changes", changes, {
            "deployment": _DEPLOYMENT, "change": _KEY, "service": _SERVICE, "environment": "'production'",
            "link_rule": "'branch'", "live_at": _at(changes, 2),
        }),
        ("deployments", deployments, {
            "deployment": "concat('deploy ', toString(number))", "service": _SERVICE,
            "environment": "'production'", "kind": "'service'", "tag": "concat('v', toString(number))",
            "repository": _REPOSITORY, "sha": "lower(hex(SHA1(toString(number * 3))))",
            "outcome": "'success'", "live_at": _at(deployments, 2),
            "transition": f"if({_HASH} % 50 = 0, 'rollback', 'forward')", "changes": "3", "events": "['x']",
        }),
        ("incidents", incidents, {
            "incident": "concat('incident ', toString(number))", "service": _SERVICE,
            "environment": "'production'", "opened_at": _at(incidents, 3), "onset_at": _at(incidents, 3),
            # the newest ones are open
            "resolved_at": f"if(number >= {incidents} - 8, NULL, {_at(incidents, 4)})",
            "verdict": "'likely'", "cause_kind": "'deployment'",
            "cause": "concat('deploy ', toString(number * 66))", "probability": "0.7", "state": "'final'",
        }),
        ("attributions", incidents * 10, {
            "incident": "concat('incident ', toString(intDiv(number, 10)))", "kind": "'deployment'",
            "candidate": "concat('deploy ', toString(intDiv(number, 10) * 66 + number % 10))",
            "rank": "1 + number % 10", "probability": "pow(0.5, 1 + number % 10)", "service": _SERVICE,
            "environment": "'production'", "live_at": _at(incidents * 10, 2),
            "onset_at": _at(incidents * 10, 3),
        }),
        ("services", SERVICES, {
            "service": "concat('service-', toString(number))", "declared": "1",
            "team": f"concat('team ', toString(number % {TEAMS}))",
            "repositories": "[concat('acme/service-', toString(number))]",
        }),
    ]  # fmt: skip


def _of_production(changes: int) -> list[Table]:
    """What else is told of production: drift, findings, and what became of error budgets."""
    deployments, rare = changes // 3, max(1, changes // 100)
    placed = {"service": _SERVICE, "environment": "'production'"}
    promised = {"slo": "'availability'", **placed}
    return [
        ("drifts", rare, placed | {
            "resource": "concat('resource ', toString(number % 5000))", "detected_at": _at(rare),
            "corrected_at": f"if({_HASH} % 200 = 0, NULL, {_at(rare, 7)})", "summary": "'one more replica'",
        }),
        ("findings", rare, {
            "finding": "concat('finding ', toString(number))", "repository": _REPOSITORY, "service": _SERVICE,
            "team": _TEAM, "kind": "'code'", "severity": "'high'", "rule": "'sql-injection'",
            "state": f"if({_HASH} % 10 = 0, 'open', 'fixed')", "found_at": _at(rare),
            "closed_at": f"if({_HASH} % 10 = 0, NULL, {_at(rare, 70)})",
            "change": f"concat({_REPOSITORY}, '#', toString(number * 100))",
            "after_merge": f"{_HASH} % 3 = 0",
        }),
        ("budgets", SERVICES, {
            "slo": "'availability'", "service": "concat('service-', toString(number))",
            "environment": "'production'", "target_ppm": "999000", "period_seconds": "2592000",
            "counted_from_at": _at(1), "counted_until_at": _LAST, "good": "999500", "total": "1000000",
            "consumed": f"{_HASH} % 100 / 80", "remaining": f"1 - {_HASH} % 100 / 80",
            "burn_rates": "map('5m', 0.5, '30m', 0.6, '1h', 1.5, '6h', 0.9, '3d', 1.1)",
            "state": "'within budget'",
        }),
        ("budget_burns", rare, promised | {
            "rule": "'fast burn'", "began_at": _at(rare), "severity": "'page'", "window_seconds": "3600",
            "ended_at": f"if(number > {rare} - 9, NULL, {_at(rare, 2)})", "onset_at": _at(rare),
            "onset_earliest_at": _at(rare), "target_ppm": "999000", "bad": "20", "total": "1000",
            "burn_rate": "14.4", "consumed": "0.02",
        }),
        ("budget_spending", deployments, promised | {
            "deployment": "concat('deploy ', toString(number))", "live_at": _at(deployments, 2),
            "until_at": _at(deployments, 40), "counted_until_at": _at(deployments, 40), "good": "9990",
            "total": "10000", "spent": f"{_HASH} % 1000 / 5000", "consumed": "0.4",
        }),
    ]  # fmt: skip


def _of_checks(changes: int) -> list[Table]:
    """Runs of checks, one for each change, and what weeks and commits say about how flaky each check is."""
    rare, named = max(1, changes // 100), f"concat('check ', toString({_HASH} % {CHECKS}))"
    numbers = (
        "commits",
        "runs",
        "failed",
        "flaked",
        "reruns",
        "errors",
        "error_reruns",
        "error_waited_seconds",
    )
    week = f"toDateTime64('{BEGIN}', 6, 'UTC') + toIntervalWeek(intDiv(number, {SERVICES * CHECKS}))"
    return [
        ("events_check_finished", changes, {
            "id": "concat('github check ', toString(number))", "source": "'github/acme'",
            "time": _at(changes), "received_at": _at(changes), "repository": _REPOSITORY, "name": named,
            "attempt": "1", "sha": _SHA, "commit": f"concat({_REPOSITORY}, '@', {_SHA})",
            "kind": f"if({_HASH} % 20 = 0, 'smoke', 'test')", "url": "'https://ci.example/run/1'",
            "outcome": f"if({_HASH} % 12 = 0, 'failure', 'success')", "started_at": _at(changes),
        }),
        ("check_flakiness", SERVICES * CHECKS * WEEKS, dict.fromkeys(numbers, f"{_HASH} % 20") | {
            "repository": f"concat('acme/service-', toString(number % {SERVICES}))", "workflow": "'ci'",
            "name": f"concat('check ', toString(intDiv(number, {SERVICES}) % {CHECKS}))", "week_at": week,
            "waited_seconds": f"{_HASH} % 9000", "window_weeks": "12", "window_commits": "200",
            "window_runs": "240", "window_failed": "30", "window_flaked": "6", "flake_probability": "0.03",
            "flake_low": "0.01", "flake_high": "0.06", "flaky_probability": f"{_HASH} % 100 / 100",
            "flaky": f"{_HASH} % 10 = 0", "quarantine": f"{_HASH} % 40 = 0", "broken_share": "0.1",
        }),
        ("flaky_runs", rare, {
            "repository": _REPOSITORY, "sha": _SHA, "name": named,
            "workflow": "'ci'", "branch": "'main'", "first_at": _at(rare), "failed_at": _at(rare),
            "passed_at": _at(rare, 1), "runs": "2", "failed": "1", "reruns": "1", "waited_seconds": "3600",
            "changes": f"[concat({_REPOSITORY}, '#', toString(number * 100))]",
        }),
    ]  # fmt: skip


def _weeks() -> Table:
    """Weekly counts of five series in each place, with an alarm in one of fifty weeks."""
    places = 1 + TEAMS + 2 * SERVICES
    place = f"intDiv(number, 5) % {places}"
    return ("weekly_counts", 5 * places * WEEKS, {
        "series": "['bypasses', 'drift', 'flaky_reruns', 'incidents', 'rubber_stamps'][1 + number % 5]",
        "dimension": f"multiIf({place} = 0, 'all', {place} <= {TEAMS}, 'team',"
                     f" {place} <= {TEAMS + SERVICES}, 'service', 'repository')",
        "value": f"multiIf({place} = 0, '', {place} <= {TEAMS}, concat('team ', toString({place} - 1)),"
                 f" concat('service-', toString({place})))",
        "week_at": f"toDateTime64('{BEGIN}', 6, 'UTC') + toIntervalWeek(intDiv(number, {5 * places}))",
        "k": f"{_HASH} % 9", "n": "100", "history_weeks": "26", "history_k": "60", "history_n": "2600",
        "dispersion": "1", "expected": "2.3", "low": "0", "high": "6", "p": "0.01", "q": "0.1", "cusum": "1",
        "alarm": f"if({_HASH} % 50 = 0, 'spike', '')",
    })  # fmt: skip


def fill(store: Store, changes: int) -> None:
    """Make the rows of this many changes, and of what belongs to them, where they are kept."""
    tables = (
        *_of_changes(changes),
        *_of_deployments(changes),
        *_of_production(changes),
        *_of_checks(changes),
    )
    for table, count, told in (*tables, _weeks()):
        held = {} if table.startswith("events_") else {"version": "1", "is_deleted": "0"}
        columns: Mapping[str, str] = {"workspace": "'acme'", **held, **told}
        for start in range(0, count, CHUNK_ROWS):
            store._command(
                f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(columns.values())}"
                f" FROM numbers({start}, {min(CHUNK_ROWS, count - start)})",
                f"fill {table}",
            )
    last = event("change_merged", id="last", source="git", time=NEWEST, received_at=NEWEST, imported=True)
    store.insert_events("change_merged", "acme", batch("change_merged", [last]))
