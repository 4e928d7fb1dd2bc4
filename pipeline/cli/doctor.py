"""``aftermerge doctor``: what is installed, where data lives, what is in it, and what is missing."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.asking import tables
from pipeline.cli.declared import catalogue_lines
from pipeline.cli.exits import Exit, Problem
from pipeline.cli.finding import Finding
from pipeline.cli.frame import Invocation, examples, known_problem, shared_options
from pipeline.cli.holding import LOCK_FILE, holder
from pipeline.cli.kept import kept_lines, size_text
from pipeline.cli.leftovers import behind_horizon_lines, dead_letter_lines, unused_lines
from pipeline.cli.output import format_option, write_rows
from pipeline.cli.version import DISTRIBUTION, version
from pipeline.running import Running, is_alive, live, read
from pipeline.settings import ENVIRONMENT_PREFIX, Settings, unknown_variables

if TYPE_CHECKING:
    from pipeline.log.protocol import Log
    from pipeline.store import Store

GIT_VERSION_MIN = (2, 30)
GIT_SECONDS_MAX = 10
DISK_FREE_BYTES_MIN = 1_000_000_000
EMBEDDED = "embedded"

DISTRIBUTIONS = (
    "chdb",
    "clickhouse-connect",
    "pyarrow",
    "fastavro",
    "pyruhvro",
    "confluent-kafka",
    "msgspec",
    "numpy",
    "pydantic-settings",
    "click",
)


@click.command(
    short_help="What is installed, what is in there, what is missing.",
    epilog=examples(
        "aftermerge doctor                    what is wrong, and what to do about it",
        "aftermerge doctor --acknowledge      I have seen these dead letters: speak of new ones only",
        "aftermerge doctor --settings         every setting with its value and meaning",
        "aftermerge doctor --format json      for a bug report",
    ),
)
@click.option("--settings", "only_settings", is_flag=True, help="List every setting with its meaning.")
@click.option(
    "--acknowledge",
    is_flag=True,
    help="Note that somebody has looked at the dead letters there are: from now on only newer ones count.",
)
@format_option
@shared_options
@click.pass_obj
def doctor(invocation: Invocation, only_settings: bool, acknowledge: bool, format_: str) -> None:
    """Say what is installed, where data lives, what is in it, and what is missing.

    Exit 0: fine. 1: something to repair, or dead letters that nobody acknowledged. 3: the data directory
    is held or can't be used, or topics are missing. 4: the log or the store is unavailable. Nothing is
    changed but what --acknowledge notes, and no secret is printed.

    Of a cluster it says which brokers there are, whether topics and schemas fit, and how far each step is.

    A dead letter counts until its file is read again without it, its event is taken in, or somebody
    acknowledges it. The table `dead_letters` keeps all of them until they expire.
    """
    settings = invocation.settings
    if only_settings:
        write_rows(["setting", "variable", "value", "meaning"], list(_settings(settings)), format_)
        return
    code = Exit.OK
    findings = [*_versions(), *_variables(settings)]
    parts = (_directory, partial(_contents, acknowledge=acknowledge))
    if settings.kafka_bootstrap:
        parts = (_cluster, partial(_cluster_contents, acknowledge=acknowledge))
    for part in parts:
        try:
            findings += part(settings)
        except Problem as problem:
            findings.append(Finding("data", "unusable", problem.message, "problem", problem.hint))
            code = problem.code
            break
    write_rows(Finding._fields, findings, format_)
    if code == Exit.OK and any(finding.state == "problem" for finding in findings):
        code = Exit.PARTLY
    click.get_current_context().exit(code)


def _settings(settings: Settings) -> Iterator[tuple[str, str, str, str]]:
    shown = settings.shown()
    for name, field in type(settings).model_fields.items():
        yield name, ENVIRONMENT_PREFIX + name.upper(), shown[name], field.description or ""


def _versions() -> Iterator[Finding]:
    yield Finding("version", DISTRIBUTION, version())
    yield Finding("version", "python", platform.python_version())
    yield Finding("version", "system", f"{platform.system()} {platform.release()} {platform.machine()}")
    for name in DISTRIBUTIONS:
        try:
            yield Finding("version", name, metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Finding("version", name, "missing", "problem", "install aftermerge again")
    yield _git()


def _git() -> Finding:
    get = "`import git` needs it: install git with the package manager of this system"
    program = shutil.which("git")
    if program is None:
        return Finding("version", "git", "missing", "problem", get)
    try:
        said = subprocess.run(
            [program, "version"], capture_output=True, text=True, timeout=GIT_SECONDS_MAX, check=True
        ).stdout.split()
        number = tuple(int(digits) for digits in said[2].split(".")[:2])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        return Finding("version", "git", f"doesn't run: {error}", "problem", get)
    if number < GIT_VERSION_MIN:
        wanted = ".".join(map(str, GIT_VERSION_MIN))
        return Finding("version", "git", said[2], "problem", f"`import git` needs {wanted} or newer")
    return Finding("version", "git", said[2])


def _variables(settings: Settings) -> Iterator[Finding]:
    shown = settings.shown()
    fields = type(settings).model_fields
    for name, field in fields.items():
        default = field.get_default(call_default_factory=True, validated_data={})
        changed = getattr(settings, name) != default
        yield Finding("setting", name, shown[name], "note" if changed else "ok", "not the default" * changed)
    for variable in unknown_variables(os.environ):
        yield Finding(
            "setting", variable, "unknown", "problem", "no such setting: see `aftermerge doctor --settings`"
        )


def _directory(settings: Settings) -> Iterator[Finding]:
    """The data directory itself, looked at without holding it."""
    directory = settings.data
    if not (directory / LOCK_FILE).exists():
        advice = "start with `aftermerge demo` or `aftermerge import git PATH`"
        yield Finding("data", "directory", f"{directory} (nothing there yet)", "note", advice)
        return
    yield Finding("data", "directory", str(directory))
    for what, path in (("log", settings.log_path), ("embedded store", settings.store_path)):
        if path.exists():
            yield Finding("data", f"size of {what}", size_text(_size_bytes(path)))
    free = shutil.disk_usage(directory).free
    if free < DISK_FREE_BYTES_MIN:
        yield Finding("data", "disk free", size_text(free), "problem", "make room, or move --data DIR")
    else:
        yield Finding("data", "disk free", size_text(free))
    running = read(directory)
    if running is not None and is_alive(running):
        yield from _running(running, settings.workspace)
    elif by := holder(directory):
        raise Problem(
            f"{directory} is held by {by}",
            hint="what is inside can be looked at when it has ended, or with another --data DIR",
            code=Exit.DATA,
        )
    elif running is not None:
        text = f"process {running.pid}, running since {running.started_at:%Y-%m-%d %H:%M} UTC, was killed"
        yield Finding("up", "aftermerge up", text, "note", "nothing is lost: start it again when you like")


def _running(running: Running, workspace: str) -> Iterator[Finding]:
    """The process that holds the directory, by its own words."""
    from pipeline.cli.following import status

    with _known():
        now = status(running, workspace)
    other = running.version != version()
    since = f"process {running.pid} since {running.started_at:%Y-%m-%d %H:%M} UTC"
    advice = "another version than this command's: restart it" * other
    state = "problem" if other else "ok"
    yield Finding("up", "aftermerge up", f"{since}, version {running.version}", state, advice)
    if now["trouble"]:
        yield Finding("up", "waits", now["trouble"], "problem", "it goes on by itself when that is repaired")
    yield Finding("up", "lag", f"{now['lag']:,} events")


def _cluster(settings: Settings) -> Iterator[Finding]:
    """The parts of a cluster, looked at without taking part in it."""
    from pipeline.cli.looking import cluster_lines

    with _known():
        yield from cluster_lines(settings)


def _cluster_contents(settings: Settings, *, acknowledge: bool) -> Iterator[Finding]:
    """How far its steps are, and what log and store hold; the log is told even when the store is down."""
    from pipeline.cli.looking import step_lines
    from pipeline.cli.wiring import opened_log, opened_store

    with _known():
        with opened_log(settings, create=False) as log:
            yield from step_lines(settings, log)
            yield from _left(settings, log, acknowledge=acknowledge)
        with opened_store(settings) as store:
            yield from _store(settings, store, store.place)


def _contents(settings: Settings, *, acknowledge: bool) -> Iterator[Finding]:
    """What the log and the store hold; the log is told even when the store is down."""
    if not (settings.data / LOCK_FILE).exists():
        return
    from pipeline.cli.wiring import opened_log, opened_store

    with _known(), opened_log(settings, create=False) as log:
        yield from _log(log, served=live(settings.data) is not None)
        yield from (Finding("kept", topic, words) for topic, words in kept_lines(settings, log))
        yield from _left(settings, log, acknowledge=acknowledge)
        with opened_store(settings) as store:
            yield from _store(settings, store, EMBEDDED if settings.embedded else store.place)


@contextmanager
def _known() -> Iterator[None]:
    """What goes wrong inside is told in words, with its exit code."""
    try:
        yield
    except Problem:
        raise
    except Exception as error:
        raise known_problem(error) from error


def _left(settings: Settings, log: Log, *, acknowledge: bool) -> Iterator[Finding]:
    lines = dead_letter_lines(log, acknowledge=acknowledge)
    yield from (Finding("dead letters", *line) for line in lines)
    yield from (Finding("unused", *line) for line in unused_lines(log))
    yield from (Finding("log", *line) for line in behind_horizon_lines(log, settings.workspace))


def _log(log: Log, *, served: bool) -> Iterator[Finding]:
    from pipeline.reached import CORRELATE, lags

    for topic in ("events", "dead_letters"):
        yield Finding("log", topic, f"{log.end(topic, 0):,}")
    behind = sum(lags(log, CORRELATE).values())
    if behind:
        advice = "the next import or replay goes on with them, or `aftermerge rebuild`"
        if served:
            advice = "`aftermerge up` is at it"
        yield Finding("log", "not yet correlated", f"{behind:,}", "note" if served else "problem", advice)
    else:
        yield Finding("log", "not yet correlated", "0")


def _store(settings: Settings, store: Store, place: str) -> Iterator[Finding]:
    ((engine,),) = store.query("SELECT version()").rows
    yield Finding("store", "ClickHouse", f"{engine} ({place})")
    if place != EMBEDDED:
        sized = "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase()"
        ((size,),) = store.query(sized).rows
        yield Finding("store", "size", size_text(int(str(size))))
    for name, kind, rows, _ in tables(store):
        if kind == "table" and rows:
            yield Finding("store", str(name), f"{rows:,} stored rows")
    yield from (Finding("catalogue", *line) for line in catalogue_lines(store, settings.workspace))


def _size_bytes(path: Path) -> int:
    if path.is_file():
        companions = (path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm"))
        return sum(file.stat().st_size for file in companions if file.exists())
    total = 0
    for folder, _, files in os.walk(path):
        for name in files:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size
            except OSError:  # a merge of the engine removed it while we looked
                continue
    return total
