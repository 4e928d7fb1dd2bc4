"""One incident on one page: the verdict, its reasons, and what to do."""

from __future__ import annotations

from pipeline.core.events import VerdictGiven
from pipeline.core.facts import AttributionFact
from pipeline.explain.findings import Candidate, IncidentFindings
from pipeline.explain.labels import deployment_label, version_label
from pipeline.explain.page import Page
from pipeline.explain.reasons import AGAINST, FOR, texts
from pipeline.explain.words import between, clock, count, safe, share, span

CANDIDATES_SHOWN = 3
CHANGES_SHOWN = 2
#: a change is worth a line from this share of the incident on
_CHANGE_MIN = 0.01
_LATER_SHOWN = 3
#: what is left beside the two likeliest is told from this share on
_OTHERS_MIN = 0.1
_NO_KNOWN_DEPLOYMENT = {
    "none": "probably no deployment caused it",
    "unseen": "probably a deployment that nobody reported",
}
_ONSET = {
    "verdict": "a person said so",
    "event": "whoever reported it said so",
    "burn": "an error budget began to burn",
    "alert window": "the middle of the alert's window",
    "learned delay": "this service's usual delay to report",
    "usual delay": "monitors' usual delay to report",
    "usual delay of people": "people's usual delay to report",
}
#: where there is no room for everything, changes give way before evidence
_EVIDENCE, _CHANGES = 20, 30


def incident_page(found: IncidentFindings, width: int) -> Page:
    """The page of one incident."""
    incident, page = found.incident, Page(width)
    about = [safe(incident.service) or "no service named", safe(incident.environment)]
    if incident.severity:
        about.append(safe(incident.severity))
    if incident.component:
        about.append(f"component {safe(incident.component)}/")
    page.line(f"incident {safe(incident.incident)}")
    page.line(f"  {', '.join(about)}: {safe(incident.title) or '(no title)'}")
    page.known_at(found.as_of)
    _verdict(page, found)
    page.flow("  ", state_words(found), lines_max=2)
    page.field("opened", _opened(found))
    page.flow_field("onset", onset_words(found), lines_max=2, between=": ")
    page.blank()
    shown = found.candidates[:CANDIDATES_SHOWN]
    for candidate in shown:
        _candidate(page, found, candidate)
    if not shown:
        page.line("no deployment in the window could have caused it")
    page.blank()
    page.flow_field("else", _else(found, len(shown)), lines_max=2, between=", ")
    page.flow_field("left out", excluded_words(found), lines_max=1)
    page.flow_field("silent", silent_words(found), lines_max=1)
    _rollback(page, found)
    return page


def _verdict(page: Page, found: IncidentFindings) -> None:
    incident = found.incident
    said = _said(found)
    page.flow(f"{incident.verdict.upper()}: ", answer_words(found), lines_max=2, between=", ")
    own = any(entry.row.service == incident.service for entry in found.candidates)
    if incident.service and incident.cause_kind != "deployment" and found.candidates and not own:
        page.line(f"  none of the candidates is a deployment of {safe(incident.service)} itself")
    if said is not None:
        words = "said so" if said.cause in _NO_KNOWN_DEPLOYMENT else f"named {safe(said.cause)}"
        who = [f"{safe(said.by) or 'somebody'} {words}"]
        if said.because:
            who.append(f'"{safe(said.because)}"')
        page.flow("  ", who, lines_max=2, between=": ")


def _said(found: IncidentFindings) -> VerdictGiven | None:
    return next((event for event in reversed(found.verdicts) if event.verdict == "cause"), None)


def answer_words(found: IncidentFindings) -> list[str]:
    """What caused it, as far as that is known."""
    said = _said(found)
    if found.incident.verdict == "undecided":
        return _undecided(found)
    if said is not None and found.incident.verdict == "confirmed":
        return _confirmed(found, said)
    return _likeliest(found)


def _likeliest(found: IncidentFindings) -> list[str]:
    """The likeliest cause in words, and its probability."""
    p = share(found.incident.probability)
    if found.incident.cause_kind in _NO_KNOWN_DEPLOYMENT:
        return [_NO_KNOWN_DEPLOYMENT[found.incident.cause_kind], p]
    return [_label(found.candidates[0]) if found.candidates else "", p]


def _confirmed(found: IncidentFindings, said: VerdictGiven) -> list[str]:
    """What a person named, which is certain; the probability is that of the candidate it leads to."""
    if said.cause == "none":
        return ["a person said that no deployment caused it"]
    if said.cause == "unseen":
        return ["a person said that a deployment caused it which nobody reported"]
    if _is_named(found):
        return _likeliest(found)
    left = [f"of these {_label(found.candidates[0])} is likeliest"] if found.candidates else []
    return [safe(said.cause), "which no deployment in question brought", *left]


def _is_named(found: IncidentFindings) -> bool:
    """Whether the likeliest candidate is what a person named: its change may never have been deployed."""
    return bool(found.candidates) and "verdict" in found.candidates[0].row.factors


def _undecided(found: IncidentFindings) -> list[str]:
    incident = found.incident
    rivals = [
        ("no deployment", incident.none_probability),
        ("an unreported one", incident.unseen_probability),
    ]
    rivals.extend((_label(entry), entry.row.probability) for entry in found.candidates[:2])
    rivals.sort(key=lambda pair: -pair[1])
    (first, first_p), (second, second_p) = rivals[:2]
    left = max(0.0, 1.0 - first_p - second_p)
    others = [f"all others {share(left)}"] if left >= _OTHERS_MIN else []
    return [f"{first} {share(first_p)}", f"{second} {share(second_p)}", *others]


def _label(candidate: Candidate) -> str:
    if candidate.deployment is None:
        return safe(candidate.row.candidate)
    return deployment_label(candidate.deployment)


def state_words(found: IncidentFindings) -> list[str]:
    """Whether the answer is final, and what it rests on."""
    incident = found.incident
    if incident.verdict == "confirmed":
        basis = "rests on a person's verdict"
    elif incident.model != "intensity":
        basis = f"by the rule {safe(incident.model)}, which knows no probabilities"
    elif incident.labels:
        basis = f"rests on {count(incident.labels, 'labelled incident')}"
    else:
        basis = "rests on defaults (no labelled incident yet)"
    at = clock(incident.final_at)
    if incident.state == "provisional":
        return [f"provisional until {at}", basis]
    if incident.state == "revised":
        return [f"revised: news came after it was final ({at})", basis]
    return [f"final since {at}", basis]


def _opened(found: IncidentFindings) -> str:
    incident = found.incident
    if incident.resolved_at is None:
        end = "not resolved"
    else:
        lasted = between(incident.opened_at, incident.resolved_at)
        end = f"resolved {clock(incident.resolved_at, incident.opened_at)} after {lasted}"
    united = f"; {len(incident.members)} reports" if len(incident.members) > 1 else ""
    return f"{clock(incident.opened_at)} UTC, {end}{united}"


def onset_words(found: IncidentFindings) -> list[str]:
    """When the trouble began, and who says so."""
    incident = found.incident
    source = _ONSET.get(incident.onset_source, safe(incident.onset_source))
    at = clock(incident.onset_at, incident.opened_at)
    if incident.onset_uncertainty_seconds <= 0:
        return [at, source]
    return [f"about {at}, give or take {span(incident.onset_uncertainty_seconds)}", source]


def _candidate(page: Page, found: IncidentFindings, candidate: Candidate) -> None:
    row = candidate.row
    lead = row.rank * 3 - 3  # what is said of later candidates gives way sooner
    head = [_label(candidate), *_when(found, row)]
    page.flow(f"{row.rank}. {share(row.probability):>4}  ", head, lines_max=2, between=", ")
    speaks_for, against = texts(candidate.reasons, FOR), texts(candidate.reasons, AGAINST)
    if not speaks_for and not against:
        page.optional(_EVIDENCE + lead, "     nothing sets it apart")
    page.flow("     for: ", speaks_for, lines_max=2, rank=_EVIDENCE + lead)
    page.flow("     against: ", against, lines_max=2, rank=_EVIDENCE + lead)
    worth = [entry for entry in candidate.changes if (entry.share or 0.0) >= _CHANGE_MIN]
    limit = CHANGES_SHOWN if row.rank == 1 else 1
    total = max(len(candidate.changes), candidate.deployment.changes if candidate.deployment else 0)
    for index, entry in enumerate(worth[:limit]):
        title = f"  {safe(entry.change.title)}" if entry.change is not None else ""
        left = total - limit
        more = f" (+{left:,} more)" if index == limit - 1 and left > 0 else ""
        page.optional(
            _CHANGES + lead + index, f"     {share(entry.share or 0.0):>4} {safe(entry.key)}{more}{title}"
        )


def anchor_word(found: IncidentFindings) -> str:
    """What lags are counted from."""
    return "the onset" if found.incident.onset_uncertainty_seconds <= 0 else "opening"


def _when(found: IncidentFindings, row: AttributionFact) -> list[str]:
    incident = found.incident
    anchor = anchor_word(found)
    if row.lag_seconds is None or row.live_at is None:
        return []
    side = "before" if row.lag_seconds >= 0 else "after"
    return [f"live {clock(row.live_at, incident.opened_at)}", f"{span(row.lag_seconds)} {side} {anchor}"]


def _else(found: IncidentFindings, shown: int) -> list[str]:
    incident = found.incident
    none = f"no deployment {share(incident.none_probability)}"
    if found.none is not None and "wave_of_rollbacks" in found.none.factors:
        none += " (many services rolled back at once)"
    others = incident.candidates - shown
    rest = sum(entry.row.probability for entry in found.candidates[shown:])
    rest += found.rest.probability if found.rest is not None else 0.0
    phrases = [none, f"one that nobody reported {share(incident.unseen_probability)}"]
    if others > 0:
        phrases.append(f"{count(others, 'other')} {share(rest)}")
    return phrases


def excluded_words(found: IncidentFindings) -> list[str]:
    """Deployments that are no candidates, by the reason."""
    excluded = found.incident.excluded
    return [
        f"{number:,} {safe(why)}" for why, number in sorted(excluded.items(), key=lambda pair: -pair[1])
    ] or ["no deployment"]


def silent_words(found: IncidentFindings) -> list[str]:
    """Sources that had stopped reporting."""
    silent = found.incident.silent_sources
    if not silent:
        return ["no source"]
    return [f"{safe(source)} had stopped reporting: deployments may be missing" for source in silent]


def is_to_blame(found: IncidentFindings) -> bool:
    """Whether the likeliest deployment is what somebody would undo."""
    if found.incident.cause_kind != "deployment":
        return False
    return found.incident.verdict != "confirmed" or _is_named(found)


def _rollback(page: Page, found: IncidentFindings) -> None:
    """What to do about the likeliest deployment, unless none of them is to blame."""
    rollback = found.rollback
    incident = found.incident
    if rollback is None or not is_to_blame(found):
        return
    if rollback.undone_by is not None:
        undone = rollback.undone_by
        at = clock(undone.live_at, incident.opened_at)
        page.flow_field(
            "roll back", [f"done {at}", f"to {deployment_label(undone)}"], lines_max=2, between=", "
        )
        return
    if rollback.target is None:
        page.field("roll back", "no version before it is known")
        return
    target = rollback.target
    phrases = [
        f"to {version_label(target)} (of {clock(target.live_at)})",
        f"takes back its {count(rollback.deployment.changes, 'change')}"
        if rollback.deployment.changes
        else "takes back no known change",
    ]
    page.flow_field("roll back", phrases, lines_max=2, between=": ")
    if rollback.later:
        names = [version_label(row) for row in rollback.later[:_LATER_SHOWN]]
        left = len(rollback.later) - len(names)
        if left:
            names.append(f"{left:,} more")
        changes = count(len(rollback.later_changes), "change")
        also = f"and {count(len(rollback.later), 'later deployment')} ({changes}):"
        listed = [f"{name}," for name in names[:-1]] + names[-1:]
        page.flow_field("", [also, *listed], lines_max=2, between=" ")
