"""``aftermerge receive``: deliveries onto the log of a cluster."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import click

from pipeline.cli.exits import Exit, Problem
from pipeline.cli.frame import Invocation, examples, shared_options
from pipeline.cli.version import version
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.cli.cluster.opening import Codecs
    from pipeline.log.kafka import KafkaLog
    from pipeline.receive.configuration import ReceiverSettings
    from pipeline.receive.serving import Server
    from pipeline.store import Store

#: how long it may take until the log is told that a minute has begun
TICK_POLL_SECONDS = 1.0


@click.command(
    short_help="A process of a cluster: take deliveries over HTTP.",
    epilog=examples("AFTERMERGE_SECRET_GITHUB=... AFTERMERGE_KAFKA_BOOTSTRAP=broker:9092 aftermerge receive"),
)
@click.option("--listen", help="Address and port for deliveries [default: 127.0.0.1:8090].")
@shared_options
@click.pass_obj
def receive(invocation: Invocation, listen: str | None) -> None:
    """Take deliveries at /receive/WORKSPACE/SOURCE, append them to the log, then answer.

    It is what `aftermerge up` does with deliveries, and listens by the same rules. With a store
    (AFTERMERGE_STORE_DSN) it takes verdicts, too. It tells every workspace once a minute that time passes.

    Exit 0: stopped as told. 2: it may not listen there without secrets. 3: topics are missing. 4: the log
    is unavailable for good.
    """
    from pipeline.cli.cluster.opening import opened_cluster, opened_codecs
    from pipeline.cli.stopping import stopped_by_signals
    from pipeline.embedded import machine_clock
    from pipeline.log.protocol import LogUnavailable
    from pipeline.ticking import Ticker

    invocation.overrides |= {"listen": listen}
    settings = invocation.settings
    receiver = _receiver_of(settings)
    stop = threading.Event()
    with (
        opened_cluster(settings, "receive") as log,
        opened_codecs(settings) as codecs,
        stopped_by_signals(stop),
        _served(settings, receiver, log, codecs) as server,
    ):
        ticker = Ticker(log, codecs.events(), sorted(receiver.workspaces))
        while not stop.wait(TICK_POLL_SECONDS):
            if server.failure is not None:
                raise server.failure
            try:
                ticker.tick(machine_clock())
            except LogUnavailable:
                continue  # whoever delivers is told 503 meanwhile


def _receiver_of(settings: Settings) -> ReceiverSettings:
    from pipeline.cli.configuring import access_of, host_of, mappings_of, receiver_of
    from pipeline.credentials import WrongCredentials, read_credentials
    from pipeline.receive.configuration import refusal_to_listen
    from pipeline.receive.keeping import KeyRing

    try:
        credentials = read_credentials(os.environ)
        keys = KeyRing.of(credentials.delivery_keys)
        access = access_of(settings, credentials)
        receiver = receiver_of(settings, credentials, access, keys, mappings_of(settings.mappings))
    except (WrongCredentials, ValueError) as error:
        raise Problem(str(error), hint="docs/up.md lists every secret and token", code=Exit.USAGE) from None
    if refusal := refusal_to_listen(host_of(settings.listen), receiver.sources, access):
        raise Problem(refusal, code=Exit.USAGE)
    return receiver


@contextmanager
def _served(
    settings: Settings, receiver: ReceiverSettings, log: KafkaLog, codecs: Codecs
) -> Iterator[Server]:
    from pipeline.cli.cluster.opening import opened_server
    from pipeline.cli.configuring import host_of, judge_of, port_of
    from pipeline.log.topics import RECEIVED
    from pipeline.receive.appending import Appender
    from pipeline.receive.application import application
    from pipeline.receive.serving import CannotListen, Server

    store_of = nullcontext[Store | None](None) if settings.embedded else opened_server(settings, waiting=True)
    with store_of as store:
        appender = Appender(log, waiting_max=receiver.limits.waiting_max, partitions=log.partitions(RECEIVED))
        judge = None
        if store is not None:
            judge = judge_of(settings, log, codecs.events(), store)
        server = Server(
            application(receiver, appender, judge=judge),
            host=host_of(settings.listen),
            port=port_of(settings.listen),
        )
        appender.start()
        try:
            server.start()
            print(  # noqa: T201
                f"aftermerge {version()}: receive is up; POST {server.address}/receive/WORKSPACE/SOURCE",
                file=sys.stderr,
                flush=True,
            )
            yield server
        except CannotListen as error:
            raise Problem(str(error), code=Exit.USAGE) from None
        finally:
            server.stop()
            appender.stop()
