"""``aftermerge report deployment|check|smoke``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import click

from pipeline.cli.frame import examples
from pipeline.cli.instants import INSTANT
from pipeline.cli.report.telling import Report, at_of, commit_options, telling
from pipeline.sources import reports

Command = TypeVar("Command", bound=Callable[..., Any])


@click.command(
    short_help="A deployment began, came a step further, or ended.",
    epilog=examples(
        "aftermerge report deployment api production v42 started",
        "aftermerge report deployment api production v42 progressed --stage canary --fraction 0.1",
        "aftermerge report deployment api production v42 success",
        "aftermerge report deployment api production v41 success --rolled-back",
        "aftermerge report deployment checkout-v2 production on success --kind flag",
    ),
)
@click.argument("service")
@click.argument("environment")
@click.argument("tag")
@click.argument("state", type=click.Choice(reports.DEPLOYMENT_STATES))
@click.option("--stage", metavar="NAME", default="", help="Stage that was reached (with `progressed`).")
@click.option("--fraction", type=float, metavar="SHARE", help="Share on the new version, 0 to 1.")
@click.option(
    "--kind",
    type=click.Choice(reports.DEPLOYMENT_KINDS),
    default="service",
    show_default=True,
    help="What changed in production.",
)
@click.option("--artifact", metavar="KEY", default="", help="What was deployed, as the registry calls it.")
@commit_options
@click.option("--previous-sha", metavar="SHA", default="", help="Commit that was live before.")
@click.option(
    "--change", "changes", metavar="KEY", multiple=True, help="A change that it brought; repeatable."
)
@click.option(
    "--commit", "commits", metavar="SHA", multiple=True, help="A commit that it brought; repeatable."
)
@click.option("--shared-id", metavar="TEXT", default="", help="Id that other reporters of it tell too.")
@click.option("--started-at", type=INSTANT, metavar="TIME", help="When it began.")
@click.option("--rolled-back", is_flag=True, help="It went back to an older version.")
@click.option("--actor", metavar="LOGIN", help="Who started it; kept as a token. [default: the CI's]")
@telling
def deployment(
    report: Report,
    service: str,
    environment: str,
    tag: str,
    state: str,
    stage: str,
    fraction: float | None,
    repository: str | None,
    sha: str | None,
    branch: str | None,
    changes: tuple[str, ...],
    commits: tuple[str, ...],
    started_at: datetime | None,
    actor: str | None,
    **fields: Any,
) -> None:
    """Tell that SERVICE in ENVIRONMENT goes over to TAG: a version, an image's tag, a digest.

    STATE is started, progressed, success, failure or cancelled. Beginning and end of one deployment
    belong together by service, environment, tag and run: where no CI names the run, give --run, or two
    deployments of one tag are one.
    """
    fields |= report.commit(repository, sha, branch, deployed=tag)
    fields["actor"] = report.take("actor", actor, report.around.actor)
    fields |= {"changes": list(changes), "commits": list(commits), "started_at": at_of(started_at)}
    if report.run is None and not report.around.run.value:
        click.echo(f"no run is known: all deployments of {tag} are one; --run tells them apart", err=True)
    report.tell(
        lambda told: reports.deployment(
            told, service, environment, tag, state, stage=stage, fraction=fraction, **fields
        )
    )


def _check_options(command: Command) -> Command:
    for option in (
        click.option("--workflow", metavar="NAME", help="Workflow that it belongs to. [default: the CI's]"),
        click.option("--details", metavar="URL", help="Where it can be read. [default: the CI's]"),
        click.option("--started-at", type=INSTANT, metavar="TIME", help="When this attempt began."),
        click.option(
            "--attempt", type=int, metavar="N", help="Which attempt on this commit. [default: the CI's]"
        ),
    ):
        command = option(command)
    return commit_options(command)


@click.command(
    short_help="A build, a test or another check of a commit ended.",
    epilog=examples(
        "aftermerge report check unit success --kind test",
        "aftermerge report check licences failure --kind policy --details https://ci.example.com/8123",
        'aftermerge report check unit success --repository acme/api --sha "$(git rev-parse HEAD)"',
    ),
)
@click.argument("name")
@click.argument("outcome", type=click.Choice(reports.CHECK_OUTCOMES))
@click.option("--kind", type=click.Choice(reports.CHECK_KINDS), default=None, help="What it checked.")
@_check_options
@telling
def check(report: Report, kind: str | None, **fields: Any) -> None:
    """Tell that the check NAME ended in OUTCOME: success, failure, cancelled, skipped or error.

    NAME stays the same from attempt to attempt; error means that the machinery failed, not the commit.
    """
    _check(report, kind or "", **fields)


@click.command(
    short_help="A smoke test after a deployment ended.",
    epilog=examples(
        "aftermerge report smoke checkout success",
        'aftermerge report smoke login failure --repository acme/web --sha "$DEPLOYED_SHA"',
    ),
)
@click.argument("name")
@click.argument("outcome", type=click.Choice(reports.CHECK_OUTCOMES))
@_check_options
@telling
def smoke(report: Report, **fields: Any) -> None:
    """Tell that the smoke test NAME of what was deployed ended in OUTCOME.

    The same as `aftermerge report check --kind smoke`.
    """
    _check(report, "smoke", **fields)


def _check(
    report: Report,
    kind: str,
    *,
    name: str,
    outcome: str,
    repository: str | None,
    sha: str | None,
    branch: str | None,
    attempt: int | None,
    started_at: datetime | None,
    details: str | None,
    workflow: str | None,
) -> None:
    around = report.around
    fields: dict[str, Any] = {"kind": kind, "started_at": at_of(started_at)}
    fields |= report.commit(repository, sha, branch)
    fields["url"] = report.take("details", details, around.url)
    fields["workflow"] = report.take("workflow", workflow, around.workflow)
    if attempt is None:
        told = report.take("attempt", None, around.attempt)
        attempt = int(told) if told.isascii() and told.isdigit() and len(told) < 10 else 1
    report.tell(lambda telling: reports.check(telling, name, outcome, attempt=attempt, **fields))
