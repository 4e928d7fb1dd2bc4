"""``aftermerge up``: everything in one process, fed live."""

from __future__ import annotations

import click

from pipeline.cli.frame import Invocation, examples, shared_options


@click.command(
    short_help="Receive webhooks, attribute incidents, answer queries: all in one process.",
    epilog=examples(
        "aftermerge up                               listen on loopback",
        "AFTERMERGE_SECRET_GITHUB=... aftermerge up  take GitHub's webhooks at /receive/default/github",
        "aftermerge up --listen 0.0.0.0:8090         for others: needs secrets and a token",
    ),
)
@click.option("--listen", help="Address and port for deliveries [default: 127.0.0.1:8090].")
@click.option("--clickhouse-listen", help="Address and port for read-only queries [default: 127.0.0.1:8123].")
@shared_options
@click.pass_obj
def up(invocation: Invocation, listen: str | None, clickhouse_listen: str | None) -> None:
    """Run until Ctrl-C or SIGTERM: receive, normalize, correlate, write, serve.

    Deliveries come to /receive/WORKSPACE/SOURCE; a source is heard when AFTERMERGE_SECRET_SOURCE holds
    its secret. What was answered with 202 is on the disk. Other commands work meanwhile.

    Exit 0: stopped as told. 2: it may not listen there without secrets. 3: the data directory is held.
    4: the log or the store is unavailable for good.
    """
    from pipeline.cli.apart import refuse_on_a_cluster
    from pipeline.cli.live import serve

    invocation.overrides |= {"listen": listen, "clickhouse_listen": clickhouse_listen}
    refuse_on_a_cluster(
        invocation.settings,
        "`aftermerge up` has its log in a data directory",
        "start `aftermerge receive`, `normalize`, `correlate` and `sink`, or unset it",
    )
    serve(invocation.settings)
