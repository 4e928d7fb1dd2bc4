"""``aftermerge demo``: a real history, attributed, and what to try next. Fits 80 columns."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.exits import Exit, Problem
from pipeline.cli.explaining import write_page
from pipeline.cli.frame import Invocation, examples, shared_options
from pipeline.cli.output import printable
from pipeline.cli.progress import bars
from pipeline.cli.version import DISTRIBUTION

if TYPE_CHECKING:
    from pipeline.cli.reporting import Outcome
    from pipeline.cli.wiring import Parts
    from pipeline.evaluate import Evaluation, Row

HISTORIES = "*.jsonl.gz"
INCIDENTS_SHOWN = 8
#: likely incidents that are looked at for one whose true culprit is known
CHOICES_MAX = 200
WIDTH = 78
#: the rule to beat: the incident's own service first, then its latest deployment
RULE = "nearest-dependency"

_READ = """
SELECT (SELECT count() FROM changes FINAL WHERE workspace = {workspace:String}),
       (SELECT uniqExact(repository) FROM changes FINAL WHERE workspace = {workspace:String}),
       count(), uniqExact(service), toDate(min(live_at)), toDate(max(live_at)),
       (SELECT count() FROM changes FINAL WHERE workspace = {workspace:String} AND deployment != ''),
       countIf(link_rule = 'baseline'), countIf(link_rule = 'unlinked'),
       countIf(transition IN ('rollback', 'redeploy')),
       (SELECT count() FROM incidents FINAL WHERE workspace = {workspace:String})
FROM deployments FINAL WHERE workspace = {workspace:String}
"""
_UNLINKED = """
SELECT n, of FROM unlinked
WHERE workspace = {workspace:String} AND kind = 'merged change that was never deployed'
"""
_LATEST = """
SELECT formatDateTime(opened_at, '%Y-%m-%d %H:%i') AS opened, service, verdict, probability, change,
       change_title, tag, deployed_service, deployment_probability, lag_hours, f.factors AS factors,
       has(f.services, service) AS own
FROM which_change_broke_it AS w
LEFT JOIN (SELECT incident, argMin(factors, rank) AS factors, groupUniqArray(service) AS services
           FROM attributions FINAL
           WHERE workspace = {workspace:String} AND kind = 'deployment' GROUP BY incident) AS f
    ON f.incident = w.incident
WHERE workspace = {workspace:String}
ORDER BY opened_at DESC, w.incident LIMIT {limit:UInt16}
"""
_LIKELY = """
SELECT i.incident, groupUniqArrayArray([c.change, c.sha]) FROM incidents AS i FINAL
INNER JOIN (
    SELECT d.deployment AS deployment, d.change AS change, m.sha AS sha
    FROM (SELECT * FROM deployment_changes FINAL WHERE workspace = {workspace:String}) AS d
    INNER JOIN (SELECT * FROM changes FINAL WHERE workspace = {workspace:String}) AS m
        ON m.change = d.change
) AS c ON c.deployment = i.cause
WHERE i.workspace = {workspace:String} AND i.verdict = 'likely'
GROUP BY i.incident, i.opened_at ORDER BY i.opened_at DESC, i.incident LIMIT {limit:UInt16}
"""
#: what a factor beyond time and service says, when it speaks for and when it speaks against
_SAYS = {
    "component": ("touches the part concerned", "touches other parts"),
    "rolled_back": ("was rolled back, and it ended", ""),
    "reverted": ("was reverted", ""),
    "rollback_changed_nothing": ("", "rolling it back changed nothing"),
    "reinstated": ("", "went out again unchanged, and stayed"),
    "symptoms_before": ("", "the same was seen before it"),
    "mentioned": ("is mentioned in the incident", ""),
    "burn_after": ("the error budget burnt right after it", ""),
}


@click.command(
    short_help="A real history, attributed, and what to try next.",
    epilog=examples("aftermerge demo", "aftermerge --data /tmp/try demo", "aftermerge demo --web"),
)
@click.option(
    "--web", is_flag=True, help="Then make an organisation up, too, and show both in a browser, until Ctrl-C."
)
@shared_options
@click.pass_obj
def demo(invocation: Invocation, *, web: bool) -> None:
    """Import the shipped real history, attribute its incidents, and show what there is to see.

    The history holds facts of 44 services of GOV.UK, August 2023 to February 2025: changes, production
    deployments, reverts and rollbacks. A second run changes nothing.
    """
    from pipeline.cli.intake import import_histories
    from pipeline.cli.wiring import evaluated, opened
    from pipeline.resources import examples as shipped
    from pipeline.sources.history import HistoryOptions

    files = sorted(shipped().glob(HISTORIES))
    if not files:
        raise Problem(
            f"no example history in {shipped()}",
            hint="the installation is incomplete: install aftermerge again",
            code=Exit.DATA,
        )
    with opened(invocation.settings, create=True) as parts:
        with bars() as progress:
            outcome = import_histories(parts, files, HistoryOptions(), progress)
        _show_what_was_read(parts, files, outcome)
        _show_latest(parts)
        with bars() as progress:
            evaluation = evaluated(parts, progress)
        _show_evaluation(evaluation)
        told = _agreeing(parts)
        if told:
            _show_explanation(parts, told)
        _show_next(invocation, told)
    if web:
        from pipeline.cli.demo_web import show

        show(invocation.settings)


def _show_what_was_read(parts: Parts, files: Sequence[Path], outcome: Outcome) -> None:
    (row,) = _asked(parts, _READ)
    (
        changes,
        repositories,
        deployments,
        services,
        first,
        last,
        linked,
        first_ones,
        unlinked,
        back,
        incidents,
    ) = row
    never, of = next(iter(_asked(parts, _UNLINKED)), (0, 0))
    _heading("What was read", ", ".join(file.name for file in files))
    _count(changes, f"changes in {repositories} repositories")
    _count(deployments, f"deployments of {services} services, {first} to {last}")
    _count(incidents, "incidents, one for each revert; what it undid is kept from the models")
    for line in outcome.lines:
        if line.what in ("re-lands", "rollbacks") and line.value:
            _count(int(line.value), f"{line.what} left out")
    if not outcome.appended:
        click.echo(
            f"  Nothing new: all {outcome.unchanged:,} events were known, {outcome.rows} rows changed."
        )
    _heading("What was linked")
    _count(linked, "changes reached production, each with its deployment")
    _count(never, f"of {of:,} changes were passed over by their repository's deployments")
    _count(unlinked, "deployments of a commit that nobody merged")
    _count(first_ones, "deployments are the first of their service: what they brought is open")
    _count(back, "deployments are rollbacks or the same version again, with nothing new")
    _count(outcome.dead_letters, "lines or events could not be read")


def _show_latest(parts: Parts) -> None:
    _heading(f"The latest {INCIDENTS_SHOWN} incidents", "verdict, probability, likeliest change, why")
    for row in _asked(parts, _LATEST, INCIDENTS_SHOWN):
        opened, service, verdict, probability, change, title, tag, deployed, best, lag, factors, own = row
        _line(f"  {opened}  {service:24}  {verdict} {probability:.2f}")
        if verdict in ("none", "unseen"):
            why = "no deployment stands out" if own else "nothing of its own is a candidate"
            _line(f"      {why}; the best: {best or 0:.2f}, of {deployed or 'no service'}")
            continue
        _line(f"      {change or tag}  {title or ''}")
        reasons = [f"live {_hours(lag)} before it was noticed"]
        reasons += [] if deployed == service else [f"of {deployed}"]
        for name, weight in dict(factors).items():
            reasons += [_SAYS[name][weight < 0]] if name in _SAYS and weight else []
        _line("      " + "; ".join(filter(None, reasons)))


def _hours(hours: float | None) -> str:
    if hours is None:
        return "at an unknown time"
    return (
        f"{hours * 60:.0f} min" if hours < 1 else f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.0f} days"
    )


def _show_evaluation(evaluation: Evaluation) -> None:
    from pipeline.evaluate import LIVE, OURS

    ours, rule = evaluation.row(OURS), evaluation.row(RULE)
    if ours is None or rule is None:
        return
    left_out = ", ".join(f"{count} {reason}" for reason, count in evaluation.left_out.items())
    _heading("How often the true culprit was found")
    click.echo("  Each incident is judged by what had happened when it was opened.")
    click.echo(f"  The culprit is what its revert undid. Left out: {left_out or 'none'}.")
    click.echo(f"\n  {'':34}first, %  [95 % interval]  in first 3")
    for title, stratum in (("all", "all"), ("the culprit was live", LIVE)):
        pair = evaluation.row(OURS, stratum), evaluation.row(RULE, stratum)
        if pair[0] is None or pair[1] is None:
            continue
        click.echo(f"  {title} (n = {pair[0].n})")
        _shares("Aftermerge", pair[0])
        _shares("the service's own latest deployment", pair[1])
        low, high = pair[1].ahead_low or 0.0, pair[1].ahead_high or 0.0
        click.echo(
            f"    {'ahead by':34}{100 * (pair[1].ahead or 0):+6.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"
        )
    if ours.none_recall is not None and ours.none_precision is not None:
        click.echo(
            f"\n  {ours.none_true} times no candidate held the culprit: it was undone before it went out, or"
            f"\n  live for longer. Aftermerge said `none` in {ours.none_recall:.0%} of them, and was right in"
            f"\n  {ours.none_precision:.0%} of the {ours.none_said} times it said so."
        )


def _shares(title: str, row: Row) -> None:
    interval = f"[{100 * row.top1_low:.0f}, {100 * row.top1_high:.0f}]"
    click.echo(f"    {title:36}{100 * row.top1:4.0f} {interval:20}{100 * row.top3:4.0f}")


def _agreeing(parts: Parts) -> str:
    """The newest likely incident whose true culprit is in the deployment held likely; "" without one."""
    from pipeline.evaluate import read_truths

    truths = read_truths(parts.log)
    for incident, names in _asked(parts, _LIKELY, CHOICES_MAX):
        truth = truths.get(incident)
        if truth is not None and not truth.planned and not set(truth.culprits).isdisjoint(names):
            return str(incident)
    return ""


def _show_explanation(parts: Parts, incident: str) -> None:
    from pipeline.cli.wiring import explained

    _heading(f"aftermerge explain {incident}")
    click.echo("  (the newest incident with a likely cause that its revert confirms)\n")
    explanation = explained(parts, incident, None)
    if explanation is not None:
        write_page(explanation)


def _show_next(invocation: Invocation, incident: str) -> None:
    command = _command(invocation)
    _heading("What to try next", "everything stays in the data directory")
    for line in (
        f"{command} demo --web",
        f"{command} explain '{incident or 'INCIDENT'}' --json",
        f"{command} sql 'SELECT * FROM which_change_broke_it LIMIT 9'",
        f"{command} evaluate",
        f"{command} --workspace mine import git ~/src/app --incidents-from reverts",
    ):
        click.echo(f"  {line}")


def _command(invocation: Invocation) -> str:
    """How this program was called, with the options that lead to the same data."""
    called = sys.argv[0]
    program = called if Path(called).name == DISTRIBUTION and not shutil.which(DISTRIBUTION) else DISTRIBUTION
    return program + "".join(f" --{name} {value}" for name, value in invocation.overrides.items())


def _asked(parts: Parts, query: str, limit: int = 1) -> Sequence[Sequence[Any]]:
    return parts.store.query(query, {"workspace": parts.workspace, "limit": limit}).rows


def _heading(text: str, remark: str = "") -> None:
    click.echo(f"\n{click.style(text, bold=True)}" + (f"  ({remark})" if remark else ""))


def _count(count: int, what: str) -> None:
    click.echo(f"  {count:>7,} {what}")


def _line(text: str) -> None:
    shown = printable(text)
    click.echo(shown if len(shown) <= WIDTH else shown[: WIDTH - 1].rstrip() + "…")
