"""Events as a job tells them: what one report becomes, with its natural id, checked field by field.

An id is made of what was told (``ci api production v42 8123 success``): told twice by one run of a job it
is one fact, of which the telling told last holds. A deployment, a drift, a burn and a measurement happen
to one thing again and again, so their ids also name the run; where no run is known, a deployment goes
without, and the others are told apart by their time.
"""

from __future__ import annotations

import math
import re
from hashlib import blake2b
from typing import Any, NamedTuple

from pipeline.core import events as e
from pipeline.sources.times import TIME_MAX, TIME_MIN, instant

PARSER_VERSION = 1
FAMILY = "ci"

TEXT_CHARACTERS_MAX = 1_024
REFERENCES_MAX = 1_000
#: what claims to come from further ahead is refused where it arrives
AHEAD_SECONDS_MAX = 3_600
_DIGEST_BYTES = 4

STARTED, PROGRESSED = "started", "progressed"
DEPLOYMENT_STATES = (STARTED, PROGRESSED, "success", "failure", "cancelled")
DEPLOYMENT_KINDS = ("service", "flag", "configuration", "infrastructure", "migration")
CHECK_OUTCOMES = ("success", "failure", "cancelled", "skipped", "error")
CHECK_KINDS = ("build", "test", "policy", "security", "smoke")
INCIDENT_STATES = ("detected", "updated", "resolved")
FINDING_KINDS = ("code", "secret", "dependency")

_INCIDENTS: dict[str, type[e.IncidentDetected] | type[e.IncidentUpdated] | type[e.IncidentResolved]]
_INCIDENTS = {"detected": e.IncidentDetected, "updated": e.IncidentUpdated, "resolved": e.IncidentResolved}
_TOLD_WITH = "status, causes, responders and postmortem are told with `updated`, the rest with `detected`"
#: options that are not called like the field that they give
_OPTIONS = {
    "changes": "--change",
    "commits": "--commit",
    "mentions": "--mention",
    "causes": "--cause",
    "responders": "--responder",
    "onset_at": "--onset",
    "onset_earliest_at": "--onset-earliest",
    "url": "--details",
}

_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REPOSITORY = re.compile(r"[^\s/#@:]+(?:/[^\s/#@:]+)+")
_WORD = re.compile(r"\S+")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")


class WrongReport(ValueError):
    """A value can't be told; the text names it, and ``advice`` says what to give instead."""

    def __init__(self, text: str, advice: str = "") -> None:
        super().__init__(text)
        self.advice = advice


class Telling(NamedTuple):
    """What all reports have in common; times in microseconds UTC."""

    #: when it happened
    at: int
    #: when it is told
    told_at: int
    source: str
    run: str = ""
    #: an id in place of the natural one
    id: str = ""


def deployment(
    telling: Telling,
    service: str,
    environment: str,
    tag: str,
    state: str,
    *,
    stage: str = "",
    fraction: float | None = None,
    **fields: Any,
) -> e.DeploymentProgressed | e.DeploymentFinished:
    """A deployment that started, came a step further, or ended.

    ``fields`` are those of ``DeploymentFinished``; before the end only service and environment count.
    """
    for name, value in (("SERVICE", service), ("ENVIRONMENT", environment), ("TAG", tag)):
        required(name, value)
    key = " ".join(filter(None, (FAMILY, service, environment, tag, telling.run)))
    if state in (STARTED, PROGRESSED):
        if state == PROGRESSED and not stage and fraction is None:
            raise WrongReport("progressed: how far?", "name the stage (--stage canary) or --fraction 0.25")
        if fraction is not None and not 0 <= fraction <= 1:
            raise WrongReport(f"--fraction: {fraction} is no share", "write a quarter as 0.25")
        stage = stage or (STARTED if state == STARTED else "")
        return e.DeploymentProgressed(
            **head_of(telling, key, stage or f"{fraction:g}"),
            deployment=key,
            service=service,
            environment=environment,
            stage=checked_text("--stage", stage),
            fraction=fraction,
        )
    if stage or fraction is not None:
        raise WrongReport(
            f"--stage and --fraction say how far it came, not that it ended in {state}",
            f"tell `{PROGRESSED}` with them, and the end without",
        )
    _between("--started-at", fields.get("started_at"), telling.at)
    return e.DeploymentFinished(
        **head_of(telling, key, state),
        deployment=key,
        service=service,
        environment=environment,
        outcome=state,
        tag=tag,
        **checked(fields),
    )


def check(telling: Telling, name: str, outcome: str, **fields: Any) -> e.CheckFinished:
    """One attempt of one job on one commit; a smoke test is one of the kind ``smoke``."""
    fields = checked(fields)
    repository, sha = fields.get("repository", ""), fields.get("sha", "")
    if not repository or not sha:
        missing = "--repository" if not repository else "--sha"
        raise WrongReport(
            f"{missing}: a check is of a commit, and nothing says of which",
            'give --repository owner/name and --sha "$(git rev-parse HEAD)"',
        )
    if (attempt := fields.get("attempt", 1)) < 1:
        raise WrongReport(f"--attempt: {attempt}, but the first attempt is 1")
    _between("--started-at", fields.get("started_at"), telling.at)
    commit = f"{repository}@{sha}"
    what = " ".join(filter(None, (FAMILY, commit, required("NAME", name), telling.run)))
    return e.CheckFinished(
        **head_of(telling, what, f"attempt {attempt}"), commit=commit, name=name, outcome=outcome, **fields
    )


def incident(
    telling: Telling, key: str, state: str, **fields: Any
) -> e.IncidentDetected | e.IncidentUpdated | e.IncidentResolved:
    """What became known about an incident; two different updates are two facts, the same one is one."""
    _word("INCIDENT", key)
    struct = _INCIDENTS[state]
    fields = checked({name: value for name, value in fields.items() if value not in ("", None, [])})
    if unknown := [name for name in fields if name not in struct.__struct_fields__]:
        raise WrongReport(f"{_option(unknown[0])}: {state} does not tell that", _TOLD_WITH)
    step = state
    if struct is e.IncidentUpdated:
        if not fields:
            raise WrongReport("updated: what is new?", "give --status, --severity, --cause or another option")
        step = f"{state} {_digest(telling, fields)}"
    for name in ("onset_at", "onset_earliest_at"):
        _between(_option(name), fields.get(name), telling.at)
    return struct(**head_of(telling, f"{FAMILY} incident {key}", step), incident=key, **fields)


def drift(
    telling: Telling, resource: str, *, detected: bool, **fields: Any
) -> e.DriftDetected | e.DriftCorrected:
    """A resource that differs from its declaration, or does so no longer."""
    what = f"{FAMILY} drift {required('RESOURCE', resource)} {_occasion(telling)}"
    if detected:
        return e.DriftDetected(**head_of(telling, what, "detected"), resource=resource, **checked(fields))
    if fields.pop("summary", ""):
        raise WrongReport("--summary: says what differs, and nothing does any more")
    return e.DriftCorrected(**head_of(telling, what, "corrected"), resource=resource, **checked(fields))


def burn(telling: Telling, slo: str, *, started: bool, **fields: Any) -> e.BurnStarted | e.BurnEnded:
    """An error budget that is spent too fast, or is so no longer."""
    what = f"{FAMILY} slo {required('SLO', slo)} {_occasion(telling)}"
    rate, window = fields["burn_rate"], fields["window_seconds"]
    if started:
        if rate is not None and not (math.isfinite(rate) and rate >= 0):
            raise WrongReport(f"--burn-rate: {rate} is no rate", "1 spends exactly the whole budget")
        if window is not None and window < 1:
            raise WrongReport(f"--window-seconds: {window}, but a window is a second or longer")
        return e.BurnStarted(**head_of(telling, what, "started"), slo=slo, **checked(fields))
    if rate is not None or window is not None:
        raise WrongReport("--burn-rate, --window-seconds: nothing burns any more, leave them out")
    del fields["burn_rate"], fields["window_seconds"]
    return e.BurnEnded(**head_of(telling, what, "ended"), slo=slo, **checked(fields))


def finding(telling: Telling, key: str, state: str, **fields: Any) -> e.FindingReported:
    """A scanner's finding as it stands on one commit."""
    fields = checked(fields)
    what = " ".join(filter(None, (FAMILY, "finding", required("FINDING", key), fields.get("sha", ""))))
    return e.FindingReported(
        **head_of(telling, what, _word("STATE", state)), finding=f"{FAMILY} {key}", state=state, **fields
    )


def measurement(telling: Telling, kind: str, name: str, value: float, **fields: Any) -> e.MeasurementReported:
    """A number, of a service, a deploy tag or a change."""
    if not math.isfinite(value):
        raise WrongReport(f"VALUE: {value} is no number that can be kept")
    fields = checked(fields)
    about = [fields.get(field, "") for field in ("service", "environment", "tag", "change")]
    parts = (FAMILY, kind, required("NAME", name), *about, _occasion(telling))
    key = " ".join(filter(None, parts))
    return e.MeasurementReported(
        **head_of(telling, key, "measured"), measurement=key, kind=kind, name=name, value=value, **fields
    )


def head_of(telling: Telling, what: str, step: str) -> dict[str, Any]:
    """The nine fields that every event begins with; offline it counts as received at its own time."""
    if not TIME_MIN <= telling.at <= TIME_MAX:
        raise WrongReport("--at: is outside the years 1990 to 2262")
    if telling.at > telling.told_at + AHEAD_SECONDS_MAX * e.MICROSECONDS:
        raise WrongReport(f"--at: {instant(telling.at)} is in the future", "is this machine's clock right?")
    return {
        "id": checked_text("--id", telling.id) or f"{what} {step}",
        "source": _word("--source", telling.source),
        "time": telling.at,
        "received_at": telling.at,
        "imported": True,
        # the last word holds
        "source_version": telling.told_at,
        "parser_version": PARSER_VERSION,
        "retracted": False,
        "sequence": 0,
    }


def _occasion(telling: Telling) -> str:
    return telling.run or instant(telling.at)


def _digest(telling: Telling, fields: dict[str, Any]) -> str:
    """What an update says, in short. Persons stay out of it, or an id could be tried out for names."""
    told = fields | ({"responders": _occasion(telling)} if "responders" in fields else {})
    return blake2b(repr(sorted(told.items())).encode(), digest_size=_DIGEST_BYTES).hexdigest()


def _option(name: str) -> str:
    """The option that gives a field."""
    return _OPTIONS.get(name) or f"--{name.replace('_', '-')}"


def checked(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of a struct as options gave them; raises with the option's name."""
    for name, value in fields.items():
        option = _option(name)
        if isinstance(value, list):
            if len(value) > REFERENCES_MAX:
                raise WrongReport(f"{option}: {len(value)} of them, at most {REFERENCES_MAX} are taken")
            for one in value:
                _word(option, one)
        elif isinstance(value, str) and value:
            checked_text(option, value)
            if name in ("sha", "previous_sha") and not _SHA.fullmatch(value):
                raise WrongReport(
                    f"{option}: {value!r} is no whole commit id", '`git rev-parse "$REVISION"` prints it'
                )
            if name == "repository" and not _REPOSITORY.fullmatch(value):
                raise WrongReport(f"{option}: {value!r} is no repository", "write it as owner/name")
    return fields


def checked_text(name: str, value: str) -> str:
    if len(value) > TEXT_CHARACTERS_MAX:
        raise WrongReport(f"{name}: {len(value)} characters, at most {TEXT_CHARACTERS_MAX} are taken")
    if _UNPRINTABLE.search(value):
        raise WrongReport(
            f"{name}: {value!r} holds a line's end or another control character", "write one line"
        )
    return value


def required(name: str, value: str) -> str:
    if not value.strip():
        raise WrongReport(f"{name}: is empty", "is the variable that it comes from set in this job?")
    return checked_text(name, value)


def _word(name: str, value: str) -> str:
    if required(name, value) and not _WORD.fullmatch(value):
        raise WrongReport(f"{name}: {value!r} holds a space", "write it as one word")
    return value


def _between(option: str, moment: int | None, end: int) -> None:
    if moment is None:
        return
    if not TIME_MIN <= moment <= TIME_MAX:
        raise WrongReport(f"{option}: is outside the years 1990 to 2262")
    if moment > end:
        raise WrongReport(f"{option}: {instant(moment)} is after {instant(end)}, when it was over (--at)")
