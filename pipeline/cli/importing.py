"""``aftermerge import``: git clones, history files, or a catalogue become events and then facts."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from pipeline.cli.frame import FILES, Invocation, examples, shared_options
from pipeline.cli.instants import INSTANT, microseconds
from pipeline.cli.output import format_option
from pipeline.cli.progress import bars
from pipeline.cli.reporting import report

INCIDENT_KINDS = ("reverts", "rollbacks")


class Kinds(click.ParamType[frozenset[str]]):
    """``reverts``, ``rollbacks``, both with a comma, or ``none``."""

    name = "kinds"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> frozenset[str]:
        """The set of kinds; empty for ``none``."""
        if isinstance(value, frozenset):
            return value
        kinds = frozenset(filter(None, (kind.strip() for kind in str(value).split(","))))
        if kinds == {"none"}:
            return frozenset()
        if unknown := sorted(kinds - set(INCIDENT_KINDS)):
            self.fail(f"{unknown[0]!r} is none of {', '.join(INCIDENT_KINDS)}, none", param, ctx)
        return kinds


@click.group(
    "import",
    short_help="A git clone, a history file or a catalogue becomes facts.",
    epilog=examples(
        "aftermerge import git ~/src/app",
        "aftermerge import history fleet.jsonl.gz",
        "aftermerge import catalogue teams.yaml",
    ),
)
@shared_options
def import_() -> None:
    """Read what happened from a git clone or a history file, or who is there from a catalogue.

    An import can be repeated: what is known already changes nothing. Ctrl-C loses nothing either; the
    same command goes on.
    """


@import_.command(
    short_help="Changes, deployments and incidents of git clones.",
    epilog=examples(
        "aftermerge import git ~/src/app",
        "aftermerge import git ~/src/app --deploy-tags 'release-*' --incidents-from reverts",
        "aftermerge import git ~/src/api ~/src/web ~/src/gitops --gitops --incidents-from reverts,rollbacks",
    ),
)
@click.argument(
    "clones",
    metavar="PATH...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@click.option("--branch", metavar="NAME", default="", help="The main line. [default: what origin/HEAD names]")
@click.option(
    "--deploy-tags",
    metavar="PATTERN",
    multiple=True,
    default=("auto",),
    show_default=True,
    help="Tags that stand for deployments, as a shell pattern; may be repeated. `auto` recognises families of"
    " tags, `none` reads none.",
)
@click.option("--gitops", is_flag=True, help="Read image tags that commits change in YAML and JSON files.")
@click.option(
    "--incidents-from",
    type=Kinds(),
    default="none",
    show_default=True,
    metavar="KINDS",
    help="Let reverts, rollbacks or both (reverts,rollbacks) stand in for incidents. What names the culprit"
    " is kept for `evaluate` and hidden from the engine.",
)
@click.option("--service", metavar="NAME", default="", help="Name of the service. [default: the repository]")
@click.option("--repository", metavar="NAME", default="", help="owner/name. [default: from the remote]")
@click.option(
    "--environment",
    metavar="NAME",
    default="production",
    show_default=True,
    help="Where deployments went.",
)
@click.option("--since", type=INSTANT, help="Leave out what happened before, ISO 8601.")
@format_option
@shared_options
@click.pass_obj
def git(
    invocation: Invocation,
    clones: tuple[Path, ...],
    branch: str,
    deploy_tags: tuple[str, ...],
    gitops: bool,
    incidents_from: frozenset[str],
    service: str,
    repository: str,
    environment: str,
    since: datetime | None,
    format_: str,
) -> None:
    """Read changes, deployments and incidents from the git clone at each PATH.

    Changes come from merges, squash merges and direct commits on the main line; deployments from tags or
    from a GitOps repository. It ends by saying which questions this history can answer.
    """
    from pipeline.cli.intake import import_clones
    from pipeline.cli.wiring import opened
    from pipeline.sources.git import GitOptions

    if len(clones) > 1 and (service or repository):
        raise click.UsageError("--service and --repository are for a single PATH")
    options = GitOptions(
        branch=branch,
        deploy_tags=() if deploy_tags == ("none",) else deploy_tags,
        gitops=gitops,
        incidents_from=incidents_from,
        service=service,
        repository=repository,
        environment=environment,
        since=None if since is None else microseconds(since),
    )
    with opened(invocation.settings, create=True) as parts, bars() as progress:
        outcome = import_clones(parts, clones, options, progress)
    report(outcome, format_)


@import_.command(
    short_help="Delivery histories in the compact format.",
    epilog=examples(
        "aftermerge import history examples/govuk-fleet.jsonl.gz",
        "aftermerge import history app.jsonl --incidents-from reverts --without-planned",
    ),
)
@FILES
@click.option(
    "--incidents-from",
    type=Kinds(),
    default="reverts",
    show_default=True,
    metavar="KINDS",
    help="What stands in for incidents: reverts, rollbacks, reverts,rollbacks or none.",
)
@click.option("--without-planned", is_flag=True, help="Leave out reverts that were intended from the start.")
@format_option
@shared_options
@click.pass_obj
def history(
    invocation: Invocation,
    files: tuple[Path, ...],
    incidents_from: frozenset[str],
    without_planned: bool,
    format_: str,
) -> None:
    """Read a delivery history in the compact format from each FILE: JSON Lines, plain or gzip.

    Lines that can't be read land in the dead letters with their reason and place, and the exit status is 1.
    """
    from pipeline.cli.intake import import_histories
    from pipeline.cli.wiring import opened
    from pipeline.sources.history import HistoryOptions

    options = HistoryOptions(incidents_from=incidents_from, planned=not without_planned)
    with opened(invocation.settings, create=True) as parts, bars() as progress:
        outcome = import_histories(parts, files, options, progress)
    report(outcome, format_)


@import_.command(
    short_help="Teams and services, as files of YAML declare them.",
    epilog=examples(
        "aftermerge import catalogue catalogue.yaml",
        "aftermerge import catalogue teams.yaml services/*.yaml",
    ),
)
@FILES
@format_option
@shared_options
@click.pass_obj
def catalogue(invocation: Invocation, files: tuple[Path, ...], format_: str) -> None:
    """Read teams (members, hours, holidays) and services (team, repositories, dependencies) from each FILE.

    An entry holds from `valid_from` on, else from now on, which is the newest event of the workspace; the
    first version holds from the beginning. What a file doesn't name stays as it is. When something in a
    file is wrong, nothing is imported.
    """
    from pipeline.cli.cataloguing import import_catalogues, read_files
    from pipeline.cli.wiring import opened

    read = read_files(files)
    with opened(invocation.settings, create=True) as parts, bars() as progress:
        outcome = import_catalogues(parts, read, progress)
    report(outcome, format_)
