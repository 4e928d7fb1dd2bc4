"""``renormalize``, ``backup``, ``restore`` and ``forget``: looking after what is kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from pipeline.cli.exits import Exit, Problem
from pipeline.cli.frame import Invocation, examples, shared_options
from pipeline.cli.instants import INSTANT, machine_now, microseconds, moment
from pipeline.cli.output import format_option, write_rows
from pipeline.cli.progress import bars
from pipeline.cli.reporting import Line, Outcome, report
from pipeline.measuring import ProgressCall

if TYPE_CHECKING:
    from pipeline.cli.wiring import Parts
    from pipeline.cluster_upkeep import ClusterUpkeep
    from pipeline.sources.deliveries import Delivery
    from pipeline.upkeep import Upkeep

DAY = 24 * 3_600 * 1_000_000
_CLOSED = "deliveries that can't be opened"

_BACKUP_ON_A_CLUSTER = (
    "Kafka keeps copies (AFTERMERGE_KAFKA_REPLICAS): back up its topics with Kafka's own means;"
    " `aftermerge export` writes the events of a workspace into a file"
)
_RESTORE_ON_A_CLUSTER = (
    "unset it and restore; then `aftermerge export` there, and `aftermerge replay --as-received` here,"
    " brings the events of a workspace onto the cluster"
)
_FORGET_ON_A_CLUSTER = (
    "kept deliveries that name a person can't be emptied one by one in Kafka, they expire after"
    " AFTERMERGE_RECEIVED_DAYS; nor do the running processes learn that a person is not to be kept again"
)


@click.command(
    short_help="Parse kept deliveries of a source again.",
    epilog=examples(
        "aftermerge renormalize --source github",
        "aftermerge renormalize --source jenkins --since 2026-05-03",
    ),
)
@click.option(
    "--source", required=True, metavar="NAME", help="Whose deliveries, as in /receive/WORKSPACE/NAME."
)
@click.option("--since", type=INSTANT, metavar="TIME", help="Leave out what was received before.")
@format_option
@shared_options
@click.pass_obj
def renormalize(invocation: Invocation, source: str, since: datetime | None, format_: str) -> None:
    """Run the parser of today over the deliveries of a source that are kept, and correlate.

    For when a parser, or a mapping, was mended: what landed in the dead letters is taken in, with the ids
    that it would have had, and its letters are settled. What is known already changes nothing; where a
    parser says something else than before, the higher parser version (of a mapping: `revision`) holds.
    """
    from pipeline.cli.intake import correlate
    from pipeline.cli.wiring import opened

    since_at = microseconds(since) if since is not None else 0
    with opened(invocation.settings, create=False) as parts, bars() as progress:
        done = _asked(parts, progress, "renormalize", {"source": source, "since": since_at})
        outcome = Outcome(
            [
                Line("read", "deliveries", done["deliveries"], f"of {source}"),
                Line("read", "deliveries without use", done["unused"]),
                Line("read", "dead letters settled", done["settled"]),
                *(Line("read", *row) for row in _if_any(_CLOSED, done["sealed"], "their key is not set")),
            ],
            appended=done["events"],
            unchanged=done["known"],
            dead_letters=done["dead_letters"],
            closed=done["sealed"],
        )
        # deliveries of all workspaces were parsed
        outcome = correlate(parts, outcome, progress, everywhere=True)
    if not done["deliveries"] and not done["sealed"]:
        outcome.notes.append(
            f"no delivery of {source} is kept from that time; `aftermerge doctor` says since when"
        )
    report(outcome, format_)


@click.command(
    short_help="Write everything that can't be computed anew into one file.",
    epilog=examples(
        "aftermerge backup /backups/monday.tar",
        "aftermerge backup /backups/monday.tar --without-deliveries",
        "aftermerge backup /backups/monday                           a directory instead",
    ),
)
@click.argument("target", metavar="FILE.tar|DIRECTORY", type=click.Path(path_type=Path))
@click.option(
    "--without-deliveries", is_flag=True, help="Leave out the deliveries that are kept as they came."
)
@format_option
@shared_options
@click.pass_obj
def backup(invocation: Invocation, target: Path, without_deliveries: bool, format_: str) -> None:
    """Write the log, the key behind the person tokens, and a manifest to FILE.tar or DIRECTORY.

    It is consistent, also while `aftermerge up` goes on writing. The tables are not in it: they follow from
    the log. The backup holds the key, the names of persons and kept deliveries: only its owner can
    read it, and it belongs where the data directory would.
    """
    from pipeline.cli.apart import refuse_on_a_cluster
    from pipeline.cli.wiring import opened_log
    from pipeline.running import live

    settings = invocation.settings
    refuse_on_a_cluster(settings, "a backup is of a data directory", _BACKUP_ON_A_CLUSTER)
    asked = {"target": str(target.absolute()), "deliveries": not without_deliveries}
    with _usage_errors(), opened_log(settings, create=False) as log, bars() as progress:
        from pipeline.backup import back_up
        from pipeline.cli.version import version
        from pipeline.log.sqlite import SqliteLog

        if isinstance(log, SqliteLog):
            made = back_up(
                log,
                target.absolute(),
                version=version(),
                deliveries=not without_deliveries,
                progress=progress,
            )
            parts = {name: part.size_bytes for name, part in made.parts.items()}
        else:
            told = _told(live(settings.data), progress, "backup", asked)
            parts = {name: part["size_bytes"] for name, part in told["parts"].items()}
    write_rows(["part", "bytes"], list(parts.items()), format_)


@click.command(
    short_help="Make a data directory of a backup.",
    epilog=examples(
        "aftermerge restore /backups/monday.tar --data /srv/aftermerge",
        "AFTERMERGE_DATA=/srv/aftermerge aftermerge restore /backups/monday.tar",
    ),
)
@click.argument("backup", metavar="FILE.tar|DIRECTORY", type=click.Path(exists=True, path_type=Path))
@format_option
@shared_options
@click.pass_obj
def restore(invocation: Invocation, backup: Path, format_: str) -> None:
    """Check a backup, make the empty directory --data of it, and compute all tables anew.

    Nothing is restored into a directory that holds something. A backup that was cut short, altered or made
    by a later version is refused, and leaves the directory as it was. Ctrl-C while the tables are computed
    loses nothing: the next command goes on.
    """
    from pipeline.backup import restore as restored
    from pipeline.cli.apart import refuse_on_a_cluster
    from pipeline.cli.holding import held
    from pipeline.cli.intake import correlate
    from pipeline.cli.modelling import parameters
    from pipeline.cli.wiring import opened

    settings = invocation.settings
    refuse_on_a_cluster(settings, "a backup becomes a data directory", _RESTORE_ON_A_CLUSTER)
    with _usage_errors(), held(settings.data, create=True):
        manifest = restored(backup.absolute(), settings.data, parameters(settings))
    with opened(settings, create=False) as parts, bars() as progress:
        outcome = correlate(parts, Outcome(), progress)
        events = parts.log.end("events", 0)
    rows = [
        ("backup of", f"{manifest.made_at:%Y-%m-%d %H:%M} UTC", f"made by aftermerge {manifest.version}"),
        ("events", events, ""),
        ("events correlated", outcome.correlated, ""),
        ("kept deliveries", "in it" if manifest.deliveries else "left out", ""),
    ]
    write_rows(["what", "value", "remark"], rows, format_)


@click.command(
    short_help="Erase who a person token stands for.",
    epilog=examples(
        "aftermerge forget dana",
        "aftermerge forget dana --deliveries-too    and drop every kept delivery now",
    ),
)
@click.argument("login", metavar="LOGIN")
@click.option(
    "--deliveries-too",
    is_flag=True,
    help="Drop all kept deliveries, of every source, not only those that name LOGIN.",
)
@format_option
@shared_options
@click.pass_obj
def forget(invocation: Invocation, login: str, deliveries_too: bool, format_: str) -> None:
    """Erase the entry that names a person, for good, and never write it again.

    Kept deliveries and dead letters that hold LOGIN are emptied. Events stay, with a token that nothing
    explains any more. What titles, branches and repositories say stays too, and is counted. Backups made
    before still name the person. A delivery that comes later and holds LOGIN is kept like any other,
    until it expires.
    """
    from pipeline.cli.apart import refuse_on_a_cluster
    from pipeline.cli.wiring import opened

    settings = invocation.settings
    refuse_on_a_cluster(settings, "nobody can be forgotten there yet", _FORGET_ON_A_CLUSTER)
    with opened(settings, create=False) as parts, bars() as progress:
        found = _asked(parts, progress, "forget", {"login": login, "all_deliveries": deliveries_too})
    until = moment(machine_now() + settings.received_days * DAY)
    kept = f"kept until {until:%Y-%m-%d} at the latest"
    rows = [
        ("token", found["token"], "" if found["was_known"] else "no entry said whose it is"),
        ("deliveries erased", found["deliveries_erased"], ""),
        ("dead letters erased", found["letters_erased"], ""),
        *_if_any(_CLOSED, found["deliveries_sealed"], f"their key is not set: {kept}"),
        *_if_any(
            "deliveries not read yet", found["deliveries_waiting"], f"{kept}: `aftermerge up` reads them"
        ),
        *_if_any(
            "events whose texts name it", found["events_naming"], "titles, branches, repositories: they stay"
        ),
        *_if_any("other places in the log's file", _others(found), kept),
    ]
    write_rows(["what", "value", "remark"], rows, format_)


def _others(found: dict[str, Any]) -> int:
    return 0 if found["events_naming"] else int(found["standing_times"])


def _if_any(what: str, count: int, remark: str) -> Iterator[tuple[str, int, str]]:
    if count:
        yield what, count, remark


@contextmanager
def _usage_errors() -> Iterator[None]:
    """What a part says about what it was asked for is told as such."""
    try:
        yield
    except ValueError as error:
        raise Problem(str(error), code=Exit.USAGE) from None


def _asked(parts: Parts, progress: ProgressCall, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Do it here, or have the process do it that holds the directory."""
    with _usage_errors():
        if parts.running is not None:
            return _told(parts.running, progress, name, arguments)
        done = getattr(upkeep_here(parts), name)(progress=progress, **arguments)
    found: dict[str, Any] = msgspec.to_builtins(done)
    return found


def _told(running: Any, progress: ProgressCall, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    from pipeline.log.served.jobs import act

    if running is None:
        raise Problem(
            "the process that held the data directory has ended meanwhile",
            hint="run the same command again, which works without it",
            code=Exit.UNAVAILABLE,
        )
    found: dict[str, Any] = act(running.control_socket, name, progress, **arguments)
    return found


def upkeep_here(parts: Parts) -> Upkeep | ClusterUpkeep:
    """What looks after a directory that this process holds, or after the log of a cluster."""
    from pipeline.cli.configuring import mappings_of, reader_of, upkeep_of
    from pipeline.normalize import Normalizer

    unseal = unsealer_here()
    if parts.settings.kafka_bootstrap:
        from pipeline.cluster_upkeep import ClusterUpkeep

        mapped = reader_of(parts.settings, parts.person_token, mappings_of(parts.settings.mappings))
        return ClusterUpkeep(parts.log, parts.codec, parts.persons, mapped, unseal, machine_now)
    reader = reader_of(parts.settings, parts.person_token, {})
    normalizer = Normalizer(parts.log, parts.codec, reader, unseal, machine_now, parts.persons)
    return upkeep_of(parts, normalizer, unseal)


def unsealer_here() -> Callable[[bytes], Delivery]:
    """Opens kept deliveries with the keys of this command's environment."""
    from pipeline.cli.configuring import unsealer_of
    from pipeline.credentials import read_credentials
    from pipeline.receive.keeping import KeyRing

    return unsealer_of(KeyRing.of(read_credentials(os.environ).delivery_keys))
