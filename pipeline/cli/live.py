"""The parts of ``aftermerge up``, put together from the settings, and taken apart in order at its end.

Stopping loses nothing: the servers take nothing new and answer what has begun, the appender writes what
waits, the steps take in what was received, and only then log and store are closed.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.configuring import (
    access_of,
    host_of,
    judge_of,
    mappings_of,
    port_of,
    reader_of,
    receiver_of,
    unsealer_of,
    upkeep_of,
)
from pipeline.cli.exits import Exit, Problem
from pipeline.cli.showing import answers_of, let_go, pages_of, reading_served
from pipeline.cli.stopping import stopped_by_signals
from pipeline.cli.version import version
from pipeline.cli.wiring import Parts, correlator, opened, rehearsed
from pipeline.credentials import WrongCredentials, read_credentials
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.embedded import Embedded
    from pipeline.health import StepMeters
    from pipeline.receive.configuration import ReceiverSettings
    from pipeline.receive.keeping import KeyRing

SWITCH_SECONDS = 0.001
STEPS_NICENESS = 10


def serve(settings: Settings) -> None:
    """Run until SIGINT or SIGTERM; raises ``Problem`` for what keeps it from beginning."""
    from pipeline.receive.configuration import refusal_to_listen
    from pipeline.receive.keeping import KeyRing

    try:
        credentials = read_credentials(os.environ)
        keys = KeyRing.of(credentials.delivery_keys)
        access = access_of(settings, credentials)
        mappings = mappings_of(settings.mappings)
        receiver = receiver_of(settings, credentials, access, keys, mappings)
    except (WrongCredentials, ValueError) as error:
        raise Problem(str(error), hint="docs/up.md lists every secret and token", code=Exit.USAGE) from None
    for address in filter(None, (settings.listen, settings.clickhouse_listen)):
        if refusal := refusal_to_listen(host_of(address), receiver.sources, access):
            raise Problem(refusal, code=Exit.USAGE)
    with opened(settings, create=True) as parts:
        if parts.follower is not None:
            raise Problem(
                f"aftermerge up runs already on {settings.data}",
                hint="stop that one, or use another --data directory",
                code=Exit.DATA,
            )
        _run(parts, receiver, keys, mappings)


def _run(parts: Parts, receiver: ReceiverSettings, keys: KeyRing, mappings: Mapping[str, object]) -> None:
    from pipeline.actions import actions_of
    from pipeline.embedded import Embedded, machine_clock
    from pipeline.health import StepMeters
    from pipeline.normalize import Normalizer
    from pipeline.reached import CORRELATE, NORMALIZE
    from pipeline.upkeep import upkeep_actions

    reader = reader_of(parts.settings, parts.person_token, mappings)
    unseal = unsealer_of(keys)
    meters = StepMeters()
    normalizer = Normalizer(
        parts.log, parts.codec, reader, unseal, machine_clock, parts.persons, meter=meters.of(NORMALIZE)
    )
    step = correlator(parts, meters.of(CORRELATE))
    loop = Embedded(
        parts.log,
        parts.codec,
        normalizer,
        step,
        workspaces=sorted(receiver.workspaces),
        unseal=unseal,
        kept_days=parts.settings.received_days,
        letters_days=parts.settings.letters_kept_days,
        now=machine_clock,
    )
    # the receiver answers in milliseconds while the steps work: they hand the interpreter over sooner
    sys.setswitchinterval(SWITCH_SECONDS)
    stop = threading.Event()
    started_at = datetime.now(UTC)
    actions = {
        **actions_of(
            loop,
            step,
            lambda workspace, progress: rehearsed(parts, progress, workspace),
            version=version(),
            started_at=started_at,
        ),
        **upkeep_actions(loop, upkeep_of(parts, normalizer, unseal)),
    }
    with (
        stopped_by_signals(stop, loop.wake),
        _served(parts, receiver, loop, actions, started_at, meters) as check,
    ):
        _give_way()
        loop.run(stop, check)
    loop.finish()


def _give_way() -> None:
    """The steps, and the engine's threads that they start, let the receiver go first."""
    if sys.platform == "linux":  # elsewhere the whole process would give way
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), STEPS_NICENESS)


@contextmanager
def _served(
    parts: Parts,
    receiver: ReceiverSettings,
    loop: Embedded,
    actions: Mapping[str, Callable[..., object]],
    started_at: datetime,
    meters: StepMeters,
) -> Iterator[Callable[[], None]]:
    """Everything that answers from outside, and the note that says where.

    Gives a check that raises when one of them has ended by itself.
    """
    from pipeline import running
    from pipeline.receive.appending import Appender
    from pipeline.receive.application import application
    from pipeline.receive.serving import CannotListen, Server
    from pipeline.web.control_socket import control_served

    settings = parts.settings
    appender = Appender(parts.log, waiting_max=receiver.limits.waiting_max, on_appended=loop.wake)
    judge = judge_of(settings, parts.log, parts.codec, parts.store, loop.wake)
    answers, shown = answers_of(parts), answers_of(parts)
    app = application(
        receiver,
        appender,
        stuck=loop.stuck,
        waiting=loop.waiting_for,
        judge=judge,
        watched=_watched(settings, loop),
        registry=meters.registry,
        pages=pages_of(parts, receiver, shown, answers, judge, loop),
    )
    server = Server(app, host=host_of(settings.listen), port=port_of(settings.listen))
    token = secrets.token_urlsafe(32)
    appender.start()
    try:
        with (
            reading_served(parts, receiver.access, answers, token) as reading,
            control_served(parts.log, actions, settings.data) as socket,
        ):
            queries = reading.address if reading is not None else ""
            note = running.Running(
                pid=os.getpid(),
                version=version(),
                control_socket=socket,
                clickhouse_url=queries,
                token=token,
                started_at=started_at,
            )
            # last, so that whoever finds it ready finds everything else, too
            server.start()
            running.write(settings.data, note)
            _say(settings, receiver, server.address, queries)

            def check() -> None:
                for part in (appender, server, reading):
                    if part is not None and part.failure is not None:
                        raise part.failure

            try:
                yield check
            finally:
                running.remove(settings.data)
                server.stop()
    except CannotListen as error:
        raise Problem(str(error), code=Exit.USAGE) from None
    finally:
        server.stop()
        appender.stop()
        let_go(answers, shown)


def _watched(settings: Settings, loop: Embedded) -> dict[str, tuple[str, Callable[[], float]]]:
    """What `/metrics` tells beside the receiver's own numbers."""
    condition = loop.condition
    return {
        "deliveries_lag": ("Deliveries that wait for their parser", lambda: loop.lag()[0]),
        "events_lag": ("Events that wait to be correlated", lambda: loop.lag()[1]),
        "normalized_deliveries": ("Deliveries that were parsed", lambda: condition.deliveries),
        "normalized_events": ("Events that were made of them", lambda: condition.events),
        "unused_deliveries": ("Deliveries of kinds that nothing is made of", lambda: condition.unused),
        "dead_letters": ("Messages that could not be read or folded", lambda: condition.dead_letters),
        "written_rows": ("Rows written into the store", lambda: condition.rows),
        "expired_deliveries": ("Kept deliveries that were dropped by age", lambda: condition.expired),
        "waiting_for": ("1 while the store or the log is waited for", lambda: bool(condition.trouble)),
        "turned_at_seconds": (
            "When the steps last turned, in seconds UTC",
            lambda: condition.turned_at / 1e6,
        ),
        "log_bytes": ("Size of the log's files", lambda: size_of(settings.log_path.parent, "log.sqlite*")),
        "store_bytes": ("Size of the embedded store", lambda: size_of(settings.store_path, "**/*")),
        "disk_free_bytes": ("Free space where the data is", lambda: shutil.disk_usage(settings.data).free),
    }


def size_of(directory: Path, pattern: str) -> int:
    """Bytes of the files that fit; what vanishes meanwhile counts nothing."""
    total = 0
    for path in directory.glob(pattern):
        with suppress(OSError):
            total += path.stat().st_size
    return total


def _say(settings: Settings, receiver: ReceiverSettings, address: str, reading: str) -> None:
    """What somebody who started it wants to know: where it listens, and what it hears."""
    heard = sorted(name for name, security in receiver.sources.items() if security.secrets or security.open)
    lines = [
        f"aftermerge {version()} is up, with its data in {settings.data}",
        f"  deliveries  POST {address}/receive/{settings.workspace}/SOURCE",
        f"  sources     {', '.join(heard) or 'none yet: set AFTERMERGE_SECRET_GITHUB'}",
        f"  pages       {address}/",
        f"  queries     {reading or 'no address is set'}",
        f"  health      {address}/healthz  /readyz  /metrics",
        "Ctrl-C stops it; nothing is lost.",
    ]
    print("\n".join(lines), file=sys.stderr, flush=True)  # noqa: T201
