"""The command ``aftermerge``: one file per group of commands, and the place where parts are wired.

Only this package reads settings and talks to a person; click, rich and prompt_toolkit live here.
"""

from __future__ import annotations

import click

from pipeline.cli.exits import MEANINGS
from pipeline.cli.frame import CommandGroup, Loader, shared_options
from pipeline.cli.version import DISTRIBUTION, version


def _demo() -> click.Command:
    from pipeline.cli.demo import demo

    return demo


def _import() -> click.Command:
    from pipeline.cli.importing import import_

    return import_


def _up() -> click.Command:
    from pipeline.cli.serving import up

    return up


def _explain() -> click.Command:
    from pipeline.cli.explaining import explain

    return explain


def _verdict() -> click.Command:
    from pipeline.cli.judging import verdict

    return verdict


def _sql() -> click.Command:
    from pipeline.cli.query import sql

    return sql


def _evaluate() -> click.Command:
    from pipeline.cli.recomputing import evaluate

    return evaluate


def _replay() -> click.Command:
    from pipeline.cli.moving import replay

    return replay


def _export() -> click.Command:
    from pipeline.cli.moving import export

    return export


def _simulate() -> click.Command:
    from pipeline.cli.simulating import simulate

    return simulate


def _rebuild() -> click.Command:
    from pipeline.cli.recomputing import rebuild

    return rebuild


def _report() -> click.Command:
    from pipeline.cli.report import report

    return report


def _tag() -> click.Command:
    from pipeline.cli.tagging import tag

    return tag


def _renormalize() -> click.Command:
    from pipeline.cli.keeping import renormalize

    return renormalize


def _dlq() -> click.Command:
    from pipeline.cli.dlq import dlq

    return dlq


def _backup() -> click.Command:
    from pipeline.cli.keeping import backup

    return backup


def _restore() -> click.Command:
    from pipeline.cli.keeping import restore

    return restore


def _forget() -> click.Command:
    from pipeline.cli.keeping import forget

    return forget


def _doctor() -> click.Command:
    from pipeline.cli.doctor import doctor

    return doctor


def _views() -> click.Command:
    from pipeline.cli.computing import views

    return views


def _topics() -> click.Command:
    from pipeline.cli.cluster.topics import topics

    return topics


def _migrate() -> click.Command:
    from pipeline.cli.cluster.steps import migrate

    return migrate


def _receive() -> click.Command:
    from pipeline.cli.cluster.receiving import receive

    return receive


def _normalize() -> click.Command:
    from pipeline.cli.cluster.steps import normalize

    return normalize


def _correlate() -> click.Command:
    from pipeline.cli.cluster.steps import correlate

    return correlate


def _sink() -> click.Command:
    from pipeline.cli.cluster.steps import sink

    return sink


#: command -> what imports it, in the order in which a newcomer needs them
COMMANDS: dict[str, Loader] = {
    "demo": _demo,
    "import": _import,
    "up": _up,
    "explain": _explain,
    "verdict": _verdict,
    "sql": _sql,
    "views": _views,
    "evaluate": _evaluate,
    "replay": _replay,
    "export": _export,
    "simulate": _simulate,
    "rebuild": _rebuild,
    "report": _report,
    "tag": _tag,
    "renormalize": _renormalize,
    "dlq": _dlq,
    "backup": _backup,
    "restore": _restore,
    "forget": _forget,
    "doctor": _doctor,
    "topics": _topics,
    "migrate": _migrate,
    "receive": _receive,
    "normalize": _normalize,
    "correlate": _correlate,
    "sink": _sink,
}

_EXIT_CODES = "\b\nExit codes:" + "".join(f"\n  {int(code):>3}  {text}" for code, text in MEANINGS.items())


@click.group(
    cls=CommandGroup,
    loaders=COMMANDS,
    epilog=_EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@shared_options
@click.version_option(version(), prog_name=DISTRIBUTION)
def main() -> None:
    """Which change most likely caused which incident, or that none did.

    \b
    First steps:
      aftermerge demo                     a real history, attributed, in a minute
      aftermerge import git ~/src/app     your own clone
      aftermerge explain INCIDENT         why, in 25 lines
      aftermerge sql                      every fact is a table
    """
