"""``aftermerge tag``: the deploy tag as images, workloads and telemetry carry it."""

from __future__ import annotations

import os
from pathlib import Path

import click

from pipeline.cli.exits import Exit, Problem
from pipeline.cli.frame import examples, shared_options
from pipeline.sources.ci_jobs import read_ci_job
from pipeline.sources.deploy_tag import DeployTag, WrongTag, home_of

FORMATS = ("labels", "annotations", "otel", "json", "all")
SHORT_SHA_DIGITS = 12


@click.command(
    short_help="Print the deploy tag for images, workloads and telemetry.",
    epilog=examples(
        "docker build $(aftermerge tag api --tag v42 --format labels) .",
        "aftermerge tag api --environment production --format annotations",
        'export "$(aftermerge tag api --environment production --format otel)"',
        "aftermerge tag api --format json | jq -r .tag",
    ),
)
@click.argument("service")
@click.option("--environment", metavar="NAME", default="", help="Where it runs, such as production.")
@click.option(
    "--tag",
    "--version",
    "tag",
    metavar="TAG",
    help="Deploy tag. [default: the CI's git tag, else the commit; in a clone `git describe`]",
)
@click.option("--sha", metavar="SHA", help="Commit it was built from. [default: the CI's, or the clone's]")
@click.option(
    "--repository", metavar="NAME", help="Repository, owner/name. [default: the CI's, or the clone's]"
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="all",
    show_default=True,
    help="Image labels, Kubernetes metadata, OpenTelemetry attributes, one JSON document, or all.",
)
@shared_options
def tag(
    service: str, environment: str, tag: str | None, sha: str | None, repository: str | None, form: str
) -> None:
    """Print the deploy tag of SERVICE, so that deployments, images and telemetry can be joined.

    Report the deployment under the same tag: `aftermerge report deployment SERVICE ENVIRONMENT TAG ...`.
    """
    found = _found(service)
    if repository is not None and repository != found.repository:
        found = DeployTag(service, "", repository=repository)
    if sha is not None and sha != found.sha:
        found = found._replace(sha=sha, tag=sha[:SHORT_SHA_DIGITS])
    told = found._replace(tag=found.tag if tag is None else tag, environment=environment)
    if not told.service.strip() or not told.tag.strip():
        missing = "SERVICE" if not told.service.strip() else "--tag"
        raise Problem(
            f"{missing}: is empty, and nothing around says it",
            hint="run it in a clone or a CI job, or give --tag (is the variable set in this job?)",
            code=Exit.USAGE,
        )
    try:
        click.echo(told.checked().printed(form))
    except WrongTag as wrong:
        raise Problem(str(wrong), hint="write it as one word") from None


def _found(service: str) -> DeployTag:
    """What the job's environment says, else the clone in the working directory."""
    around = read_ci_job(os.environ)
    if around.ci:
        sha = around.sha.value
        return DeployTag(
            service,
            around.tag.value or sha[:SHORT_SHA_DIGITS],
            sha=sha,
            repository=around.repository.value,
            home=around.home.value,
        )
    from pipeline.sources.git.command import Git, GitError, text
    from pipeline.sources.git.repository import name_of_url

    try:
        git = Git(Path.cwd())
        git.open()
    except GitError:
        return DeployTag(service, "")
    described = git.ask("describe", "--tags", "--always", f"--abbrev={SHORT_SHA_DIGITS}")
    remote = text(git.ask("config", "--local", "--get", "remote.origin.url") or b"")
    return DeployTag(
        service,
        text(described or b""),
        sha=text(git.ask("rev-parse", "--verify", "--quiet", "HEAD") or b""),
        repository=name_of_url(remote),
        home=home_of(remote),
    )
