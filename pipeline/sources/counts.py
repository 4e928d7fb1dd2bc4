"""Counters of objectives as a job tells them: one bucket, whose last telling holds."""

from __future__ import annotations

from typing import Any

from pipeline.core.events import ObjectiveCounted
from pipeline.sources.objectives import InvalidObjective, sensible
from pipeline.sources.reports import (
    FAMILY,
    Telling,
    WrongReport,
    checked,
    checked_text,
    head_of,
    required,
)
from pipeline.sources.times import instant


def counted(telling: Telling, slo: str, *, shard: str, **fields: Any) -> ObjectiveCounted:
    """How many events were good, of how many, in the seconds up to a time.

    ``shard`` tells those apart that count side by side: what they count adds up.
    """
    if any(fields.get(name) is not None for name in ("burn_rate", "window_seconds")):
        raise WrongReport("--burn-rate, --window-seconds: follow from what was counted, leave them out")
    told = {name: value for name, value in fields.items() if name not in ("burn_rate", "window_seconds")}
    if any(told[name] is None for name in ("seconds", "good", "total")):
        raise WrongReport("--seconds, --good, --total: a count needs all three")
    told = checked(told)
    bucket = (told.get("service", ""), told.get("environment", ""), checked_text("--shard", shard))
    parts = (FAMILY, "slo", required("SLO", slo), *bucket, instant(telling.at), f"{told['seconds']}s")
    try:
        return sensible(
            ObjectiveCounted(**head_of(telling, " ".join(filter(None, parts)), "counted"), slo=slo, **told)
        )
    except InvalidObjective as error:
        raise WrongReport(f"--{error}") from None


def not_counted(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of another report on an objective; raises ``WrongReport`` for those of a count."""
    counts = ("seconds", "good", "total")
    if fields.get("shard") or any(fields.get(name) is not None for name in counts):
        raise WrongReport("--seconds, --good, --total, --shard: are told with `counted`")
    return {name: value for name, value in fields.items() if name not in (*counts, "shard")}
