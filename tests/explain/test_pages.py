"""Whatever the rows hold: at most 25 lines, none wider than the terminal, nothing that steers it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.facts import AttributionFact, ChangeFact, DeploymentFact, IncidentFact
from pipeline.core.parameters import Parameters
from pipeline.explain import LINES_MAX, render_text
from pipeline.explain.findings import BroughtChange, Candidate, IncidentFindings, Rollback
from pipeline.explain.reasons import AGAINST, FOR, NEITHER, Subject, reasons, texts
from pipeline.explain.words import between, cells, count, cut, cut_left, flow, safe, share, span
from tests.strategies import HOUR

NAMES = (
    "risk", "lag", "nearness", "component", "verdict", "postmortem", "mentioned", "rolled_back", "recovered",
    "rollback_changed_nothing", "reinstated", "reverted", "burn_after", "drift", "symptoms_before",
    "wave_of_rollbacks", "score", "something_new",
)  # fmt: skip
texts_of = st.text(max_size=200) | st.sampled_from(
    ["", "api", "\x1b[2J", "\u202e", "世界" * 60, "e\u0301" * 90]
)
times = st.integers(0, 4 * 10**15)
probabilities = st.floats(0, 1)
factor_maps = st.dictionaries(
    st.sampled_from(NAMES), st.floats(-700, 20).map(lambda value: round(value, 3)), max_size=len(NAMES)
)


changes = st.builds(
    ChangeFact,
    **dict.fromkeys(("change", "repository", "branch", "sha", "title", "author", "state"), texts_of),
    paths=st.lists(texts_of, max_size=3),
    events=st.just([]),
)
deployments = st.builds(
    DeploymentFact,
    **dict.fromkeys(("deployment", "service", "environment", "tag", "repository", "sha"), texts_of),
    live_at=times,
    changes=st.integers(0, 10**6),
    additions=st.integers(0, 10**9),
    transition=st.sampled_from(["forward", "rollback", "baseline", "failed", ""]),
    events=st.just([]),
)


@st.composite
def incidents(draw: st.DrawFn) -> IncidentFindings:
    """Findings of one incident, whatever the model may have said."""
    incident = draw(
        st.builds(
            IncidentFact,
            **dict.fromkeys(
                ("incident", "service", "environment", "severity", "title", "component"), texts_of
            ),
            opened_at=times,
            resolved_at=st.none() | times,
            onset_at=times,
            onset_uncertainty_seconds=st.just(0.0) | st.floats(0, 10**7),
            final_at=times,
            verdict=st.sampled_from(["confirmed", "likely", "leading", "undecided", "none", "unseen"]),
            cause_kind=st.sampled_from(["deployment", "none", "unseen"]),
            state=st.sampled_from(["provisional", "final", "revised"]),
            probability=probabilities,
            none_probability=probabilities,
            unseen_probability=probabilities,
            candidates=st.integers(0, 10**5),
            excluded=st.dictionaries(texts_of, st.integers(1, 10**6), max_size=4),
            silent_sources=st.lists(texts_of, max_size=4),
            labels=st.integers(0, 10**4),
            model=st.sampled_from(["intensity", "same-service"]),
            events=st.just([]),
            members=st.lists(texts_of, min_size=1, max_size=3),
        )
    )
    subjects = [
        Subject(
            AttributionFact(
                incident.incident, f"d{rank}", "deployment", rank, draw(probabilities), draw(texts_of),
                "production", draw(times), draw(st.floats(-200, 14 * 86400)), incident.onset_at,
                draw(factor_maps), "intensity", [],
            ),
            draw(st.none() | deployments),
            draw(st.lists(changes, max_size=3)),
        )
        for rank in range(1, draw(st.integers(0, 5)) + 1)
    ]  # fmt: skip
    candidates = [
        Candidate(
            subject.row,
            subject.deployment,
            [
                BroughtChange(change.change, change, draw(st.none() | probabilities))
                for change in subject.changes
            ],
            reasons(
                incident,
                subject,
                subjects[1 if index == 0 else 0] if len(subjects) > 1 else None,
                Parameters(),
            ),
        )
        for index, subject in enumerate(subjects)
    ]
    rollback = draw(
        st.none()
        | st.builds(
            Rollback,
            deployments,
            st.none() | deployments,
            st.none() | deployments,
            st.lists(deployments, max_size=5),
            st.lists(texts_of, max_size=3),
        )
    )
    as_of = draw(st.none() | times)
    return IncidentFindings("acme", as_of, incident, [], candidates, None, None, None, [], rollback)


@given(found=incidents(), width=st.integers(20, 300))
@settings(max_examples=60)
def test_a_page_fits_any_terminal(found: IncidentFindings, width: int) -> None:
    page = render_text(found, width)
    lines = page.splitlines()
    assert page.endswith("\n")
    assert 0 < len(lines) <= LINES_MAX
    assert page.count("\n") == len(lines)
    for line in lines:
        assert cells(line) <= min(200, max(60, width))
        assert line.isprintable()
    kept = [line.split("  ")[0] for line in lines]
    for name in ("opened", "onset", "else", "left out", "silent"):
        assert name in kept
    for rank in range(1, min(3, len(found.candidates)) + 1):
        assert any(line.startswith(f"{rank}. ") for line in lines)


@given(factors=factor_maps, other=factor_maps, service=st.sampled_from(["api", "web", ""]))
def test_every_factor_has_words_and_a_side(
    factors: dict[str, float], other: dict[str, float], service: str
) -> None:
    incident = _incident(service)
    subject, rival = _subject(factors, 1), _subject(other, 2)
    found = reasons(incident, subject, rival, Parameters())
    assert {reason.name for reason in found} == factors.keys()
    assert all(reason.side in (FOR, AGAINST, NEITHER) for reason in found)
    silent = {reason.name for reason in found if not reason.text}
    assert silent <= {"rolled_back"}
    assert not silent or "recovered" in factors


@pytest.mark.parametrize(
    ("factors", "rival", "speaks_for", "against"),
    [
        ({"nearness": 0.0, "lag": -8.0}, {"nearness": 0.0, "lag": -12.0},
         ["timing fits better than no. 2", "same service"], []),
        ({"nearness": -0.693}, {"nearness": -0.693}, ["api depends on web directly"], []),
        ({"nearness": -1.386}, {"nearness": 0.0}, [], ["api depends on web over 2 calls"]),
        ({"nearness": -2.303}, {"nearness": 0.0}, [], ["web only calls api"]),
        ({"nearness": -4.605}, {"nearness": 0.0}, [], ["web is unrelated to api"]),
        ({"nearness": -3.9}, {"nearness": 0.0}, [], ["another service, no known link"]),
        ({"lag": -8.0, "risk": -4.0}, {"lag": -8.1, "risk": -3.9}, [], []),
        ({"rolled_back": 2.5, "recovered": 1.0}, {}, ["the symptoms ended with its rollback"], []),
        ({"rolled_back": 2.5}, {}, ["it was rolled back"], []),
        ({"rollback_changed_nothing": -2.0}, {}, [], ["its rollback changed nothing"]),
        ({"reinstated": -2.5}, {}, [], ["it went out again unchanged, and stayed"]),
        ({"wave_of_rollbacks": 0.0}, {}, [], []),
    ],
)  # fmt: skip
def test_factors_in_words(
    factors: dict[str, float], rival: dict[str, float], speaks_for: list[str], against: list[str]
) -> None:
    service = "api" if factors.get("nearness") == 0.0 else "web"
    found = reasons(_incident("api"), _subject(factors, 1, service), _subject(rival, 2), Parameters())
    assert texts(found, FOR) == speaks_for
    assert texts(found, AGAINST) == against


def test_a_single_candidate_is_compared_with_the_usual() -> None:
    found = reasons(_incident("api"), _subject({"lag": -8.0, "risk": -6.0}, 1), None, Parameters())
    assert texts(found, FOR) == ["symptoms often start about this soon"]
    assert texts(found, AGAINST) == ["risk 0.2% before any incident"]


@pytest.mark.parametrize(
    ("service", "value", "side", "text"),
    [
        ("api", 0.0, FOR, "same service"),
        ("web", math.log(0.5), FOR, "api depends on web directly"),
        ("web", 2 * math.log(0.5), FOR, "api depends on web over 2 calls"),
        ("web", math.log(0.1), AGAINST, "web only calls api"),
        ("web", math.log(0.01), AGAINST, "web is unrelated to api"),
        ("web", math.log(0.05), AGAINST, "another service, no known link"),
    ],
)
def test_a_single_candidate_is_near_or_far_by_itself(
    service: str, value: float, side: str, text: str
) -> None:
    found = reasons(_incident("api"), _subject({"nearness": value}, 1, service), None, Parameters())
    assert texts(found, side) == [text]


def _incident(service: str) -> IncidentFact:
    return IncidentFact(
        "i1", ["i1"], service, "production", "", "", "app", 0, None, 0, "event", 0.0, "likely", "d1",
        "deployment", 0.9, 0.9, 0.1, 0.0, 2, {}, [], "", "final", 0, "defaults", 0, "intensity", 1, [],
    )  # fmt: skip


def _subject(factors: dict[str, float], rank: int, service: str = "web") -> Subject:
    row = AttributionFact(
        "i1", f"d{rank}", "deployment", rank, 0.5, service, "production", 0, 60.0, 0, factors, "intensity", []
    )
    return Subject(row, None, [])


@given(text=st.text(max_size=80), width=st.integers(1, 60))
def test_cut_texts_fit(text: str, width: int) -> None:
    shown = safe(text)
    assert shown.isprintable()
    assert safe(shown) == shown
    for short in (cut(shown, width), cut_left(shown, width)):
        assert cells(short) <= width
        assert cells(shown) > width or short == shown


@given(phrases=st.lists(st.text("ab世 ", min_size=1, max_size=30), max_size=8), lines_max=st.integers(1, 3))
def test_flowing_phrases_lose_none_silently(phrases: list[str], lines_max: int) -> None:
    lines = flow("for: ", phrases, 40, lines_max=lines_max)
    assert len(lines) <= lines_max
    assert all(cells(line) <= 40 for line in lines)
    told = " ".join(lines)
    assert "more" in told or "…" in told or all(phrase in told for phrase in phrases)


def test_times_and_shares_in_words() -> None:
    assert [span(seconds) for seconds in (4, 95, 3600, 5400, 3 * 3600 + 59, 50_000, 200_000, -60)] == [
        "4 s", "2 min", "60 min", "1 h 30 min", "3 h 1 min", "14 h", "2.3 days", "60 s",
    ]  # fmt: skip
    assert between(0, 2 * HOUR) == "2 h"
    assert [share(p) for p in (0.0, 0.0001, 0.01, 0.5, 0.99, 0.9999, 1.0)] == [
        "0%", "<1%", "1%", "50%", "99%", ">99%", "100%",
    ]  # fmt: skip
    assert (count(1, "change"), count(1200, "change")) == ("1 change", "1,200 changes")
