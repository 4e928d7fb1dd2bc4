"""``aftermerge report incident|drift|slo``."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from pipeline.cli.frame import examples
from pipeline.cli.instants import INSTANT
from pipeline.cli.report.telling import Report, at_of, service_options, telling
from pipeline.sources import counts, reports


@click.command(
    short_help="An incident was noticed, became better known, or ended.",
    epilog=examples(
        'aftermerge report incident INC-7 detected --service api --severity SEV2 --title "checkout fails"',
        "aftermerge report incident INC-7 updated --status mitigated",
        "aftermerge report incident INC-7 updated --cause acme/api#17 --postmortem https://wiki/inc-7",
        "aftermerge report incident INC-7 resolved",
    ),
)
@click.argument("incident")
@click.argument("state", type=click.Choice(reports.INCIDENT_STATES))
@service_options
@click.option("--severity", metavar="TEXT", default="", help="Severity in your own words.")
@click.option("--title", metavar="TEXT", default="", help="What is wrong, in one line.")
@click.option("--status", metavar="WORD", default="", help="acknowledged, investigating, mitigated ...")
@click.option("--deduplication-key", metavar="KEY", default="", help="Alerts of one incident share it.")
@click.option("--ticket", metavar="KEY", default="", help="Ticket about it: its key or its address.")
@click.option("--component", metavar="NAME", default="", help="Part of the service that misbehaves.")
@click.option("--mention", "mentions", metavar="KEY", multiple=True, help="A change it names; repeatable.")
@click.option(
    "--cause", "causes", metavar="KEY", multiple=True, help="The change that caused it; repeatable."
)
@click.option("--responder", "responders", metavar="LOGIN", multiple=True, help="Who was called; repeatable.")
@click.option("--postmortem", metavar="URL", default="", help="Where the postmortem can be read.")
@click.option("--onset", type=INSTANT, metavar="TIME", help="When the symptoms began.")
@click.option("--onset-earliest", type=INSTANT, metavar="TIME", help="Before this they can't have begun.")
@telling
def incident(
    report: Report,
    incident: str,
    state: str,
    mentions: tuple[str, ...],
    causes: tuple[str, ...],
    responders: tuple[str, ...],
    onset: datetime | None,
    onset_earliest: datetime | None,
    **fields: Any,
) -> None:
    """Tell that INCIDENT was detected, updated or resolved.

    INCIDENT is its key in your tracker; `aftermerge explain INCIDENT` then says what caused it.
    """
    fields |= {"mentions": list(mentions), "causes": list(causes), "responders": list(responders)}
    fields |= {"onset_at": at_of(onset), "onset_earliest_at": at_of(onset_earliest)}
    report.tell(lambda told: reports.incident(told, incident, state, **fields))


@click.command(
    short_help="A resource differs from its declaration, or no longer does.",
    epilog=examples(
        'aftermerge report drift aws_lb.public detected --service api --summary "idle_timeout 60 -> 300"',
        "aftermerge report drift aws_lb.public corrected",
    ),
)
@click.argument("resource")
@click.argument("state", type=click.Choice(("detected", "corrected")))
@service_options
@click.option("--summary", metavar="TEXT", default="", help="What differs, in one line.")
@telling
def drift(report: Report, resource: str, state: str, **fields: Any) -> None:
    """Tell that RESOURCE drifted (detected), or matches what the repository declares (corrected)."""
    report.tell(lambda told: reports.drift(told, resource, detected=state == "detected", **fields))


@click.command(
    short_help="An error budget is spent too fast, or no longer; how many events were good.",
    epilog=examples(
        "aftermerge report slo availability counted --service api --seconds 300 --good 998 --total 1000",
        "aftermerge report slo checkout-availability started --service api --burn-rate 14.4",
        "aftermerge report slo checkout-availability ended",
    ),
)
@click.argument("slo")
@click.argument("state", type=click.Choice(("counted", "started", "ended")))
@service_options
@click.option("--burn-rate", type=float, metavar="RATE", help="1 spends exactly the whole budget.")
@click.option("--window-seconds", type=int, metavar="N", help="Window that the rate was measured over.")
@click.option("--good", type=int, metavar="N", help="How many events were good (with counted).")
@click.option("--total", type=int, metavar="N", help="How many events there were (with counted).")
@click.option("--seconds", type=int, metavar="N", help="Over how long, up to --at (with counted).")
@click.option("--shard", metavar="NAME", default="", help="Which of several that count; their counts add up.")
@telling
def slo(report: Report, slo: str, state: str, **fields: Any) -> None:
    """Tell how many events of objective SLO were good, or that its burn started or ended."""
    if state == "counted":
        report.tell(lambda told: counts.counted(told, slo, **fields))
        return
    started = state == "started"
    report.tell(lambda told: reports.burn(told, slo, started=started, **counts.not_counted(fields)))
