"""Whole pages of incidents, as an engineer on call reads them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.explain.words import cells
from tests.explain import scenes
from tests.explain.conftest import Told
from tests.runs import PARAMETERS
from tests.worlds import back, burning, deployed, incident, judged, merged, sha, updated

RELEASE = """\
incident i1
  api, production, sev1, component app/: Searches fail
LIKELY: api v3, 96%
  provisional until 2024-01-06 22:30;
  rests on defaults (no labelled incident yet)
opened     2024-01-03 22:30 UTC, not resolved
onset      about 22:26, give or take 5 min: monitors' usual delay to report

1.  96%  api v3, live 22:00, 30 min before opening
     for: timing fits better than no. 2;
          riskier than no. 2: 2 changes, +404 lines; same service
      93% acme/api#3  Faster index
       3% acme/api#4  Docs
2.  <1%  api v2, live 2024-01-02 00:00, 1.9 days before opening
     against: timing fits worse than no. 1;
              less risky than no. 1: 1 change, +40 lines
3.  <1%  api v1, live 2024-01-01 02:00, 2.9 days before opening
     against: timing fits worse than no. 1

else       no deployment 4%, one that nobody reported <1%
left out   no deployment
silent     no source
roll back  to v2 (of 2024-01-02 00:00): takes back its 2 changes
"""

ROLLBACK = """\
incident i1
  api, production, sev1, component app/: Searches fail
LIKELY: api v3, >99%
  provisional until 2024-01-06 22:30;
  rests on defaults (no labelled incident yet)
opened     2024-01-03 22:30 UTC, resolved 23:06 after 36 min
onset      about 22:26, give or take 5 min: monitors' usual delay to report

1. >99%  api v3, live 22:00, 30 min before opening
     for: timing fits better than no. 2; the symptoms ended with its rollback;
          riskier than no. 2: 2 changes, +404 lines; same service
      97% acme/api#3  Faster index
       3% acme/api#4  Docs
2.  <1%  api v2, live 2024-01-02 00:00, 1.9 days before opening
     against: timing fits worse than no. 1;
              less risky than no. 1: 1 change, +40 lines
3.  <1%  api v1, live 2024-01-01 02:00, 2.9 days before opening
     against: timing fits worse than no. 1

else       no deployment <1%, one that nobody reported <1%
left out   no deployment
silent     no source
roll back  done 23:00, to api v2
"""

LATER = """\
incident i1
  api, production, sev1, component app/: Searches fail
LIKELY: api v3, 96%
  provisional until 2024-01-06 22:30;
  rests on defaults (no labelled incident yet)
opened     2024-01-03 22:30 UTC, not resolved
onset      about 22:26, give or take 5 min: monitors' usual delay to report

1.  96%  api v3, live 22:00, 30 min before opening
     for: timing fits better than no. 2;
          riskier than no. 2: 2 changes, +404 lines; same service
      93% acme/api#3  Faster index
       3% acme/api#4  Docs
2.  <1%  api v2, live 2024-01-02 00:00, 1.9 days before opening
     against: timing fits worse than no. 1;
              less risky than no. 1: 1 change, +40 lines
3.  <1%  api v1, live 2024-01-01 02:00, 2.9 days before opening
     against: timing fits worse than no. 1

else       no deployment 4%, one that nobody reported <1%
left out   no deployment
silent     no source
roll back  to v2 (of 2024-01-02 00:00): takes back its 2 changes
           and 2 later deployments (3 changes): v4, v5
"""

UNDECIDED = """\
incident i1
  web, production: Pages are slow
UNDECIDED: billing b2 47%, api a2 37%, all others 16%
  provisional until 2024-01-06 23:00;
  rests on defaults (no labelled incident yet)
opened     2024-01-03 23:00 UTC, not resolved
onset      22:54: whoever reported it said so

1.  47%  billing b2, live 22:06, 48 min before the onset
     for: web depends on billing directly
2.  37%  api a2, live 22:00, 54 min before the onset
     for: web depends on api directly
3.  <1%  api a1, live 2024-01-01 02:00, 2.9 days before the onset
     for: web depends on api directly
     against: timing fits worse than no. 1

else       no deployment 15%, one that nobody reported <1%, 1 other <1%
left out   no deployment
silent     no source
roll back  to b1 (of 2024-01-01 02:00): takes back no known change
"""

NONE = """\
incident i1
  web, production: Pages are slow
NONE: probably no deployment caused it, 99%
  none of the candidates is a deployment of web itself
  provisional until 2024-01-12 08:00;
  rests on defaults (no labelled incident yet)
opened     2024-01-09 08:00 UTC, not resolved
onset      about 07:00, give or take 3 h 29 min: people's usual delay to report

1.  <1%  billing b2, live 2024-01-01 10:00, 7.9 days before opening
     against: another service, no known link
2.  <1%  billing b1, live 2024-01-01 02:00, 8.2 days before opening
     against: another service, no known link

else       no deployment 99%, one that nobody reported 1%
left out   no deployment
silent     no source
"""

NOTHING = """\
incident i1
  web, production: (no title)
NONE: probably no deployment caused it, 99%
  provisional until 2024-01-04 05:00;
  rests on defaults (no labelled incident yet)
opened     2024-01-01 05:00 UTC, not resolved
onset      about 04:56, give or take 5 min: monitors' usual delay to report

no deployment in the window could have caused it

else       no deployment 99%, one that nobody reported 1%
left out   no deployment
silent     no source
"""

SILENT = """\
incident i1
  api, production: Searches fail
UNDECIDED: no deployment 37%, an unreported one 22%, all others 41%
  provisional until 2024-01-14 10:00;
  rests on defaults (no labelled incident yet)
opened     2024-01-11 10:00 UTC, not resolved
onset      about 09:56, give or take 5 min: monitors' usual delay to report

1.   2%  api v99, live 2024-01-09 06:00, 2.2 days before opening
     for: same service
2.   2%  api v98, live 2024-01-09 04:00, 2.2 days before opening
     nothing sets it apart
3.   2%  api v97, live 2024-01-09 02:00, 2.3 days before opening
     nothing sets it apart

else       no deployment 37%, one that nobody reported 22%, 97 others 36%
left out   no deployment
silent     gitops had stopped reporting: deployments may be missing
"""

VERDICT = """\
incident i1
  api, production, sev1, component app/: Searches fail
CONFIRMED: api v2, 89%
  p:0123456789abcdef named acme/api#2: "postmortem: the cache was stale"
  provisional until 2024-01-06 22:30; rests on a person's verdict
opened     2024-01-03 22:30 UTC, resolved 23:06 after 36 min
onset      about 22:26, give or take 5 min: monitors' usual delay to report

1.  89%  api v2, live 2024-01-02 00:00, 1.9 days before opening
     for: a person named it; same service
     against: timing fits worse than no. 2;
              less risky than no. 2: 1 change, +40 lines
      89% acme/api#2  Cache the answers
2.  11%  api v3, live 22:00, 30 min before opening
     for: timing fits better than no. 1; the symptoms ended with its rollback;
          riskier than no. 1: 2 changes, +404 lines
      11% acme/api#3 (+1 more)  Faster index
3.  <1%  api v1, live 2024-01-01 02:00, 2.9 days before opening
     for: riskier than no. 1: no known change came with it
     against: timing fits worse than no. 1
else       no deployment <1%, one that nobody reported <1%
left out   no deployment
silent     no source
roll back  to v1 (of 2024-01-01 02:00): takes back its 1 change
           and 2 later deployments (2 changes): v3, v2
"""


def test_a_new_version_is_the_likely_cause(told: Told) -> None:
    assert told.tell(*scenes.release()).text("i1") == RELEASE


def test_a_rollback_that_ends_the_symptoms_accuses(told: Told) -> None:
    assert told.tell(*scenes.rollback()).text("i1") == ROLLBACK


def test_a_rollback_would_take_back_what_came_later(told: Told) -> None:
    assert told.tell(*scenes.later()).text("i1") == LATER


def test_two_deployments_at_one_time_leave_it_undecided(told: Told) -> None:
    assert told.tell(*scenes.undecided()).text("i1") == UNDECIDED


def test_an_old_deployment_of_another_service_is_no_cause(told: Told) -> None:
    assert told.tell(*scenes.none()).text("i1") == NONE


def test_without_a_deployment_there_is_no_candidate(told: Told) -> None:
    assert told.tell(*scenes.nothing()).text("i1") == NOTHING


def test_a_source_that_fell_silent_is_named(told: Told) -> None:
    assert told.tell(*scenes.silent()).text("i1") == SILENT


def test_a_person_has_the_last_word(told: Told) -> None:
    assert told.tell(*scenes.verdict()).text("i1") == VERDICT


@pytest.mark.parametrize(
    ("cause", "lines"),
    [
        ("none", ["CONFIRMED: a person said that no deployment caused it", '  dana said so: "looked"']),
        (
            "unseen",
            [
                "CONFIRMED: a person said that a deployment caused it which nobody reported",
                '  dana said so: "looked"',
            ],
        ),
        (
            "acme/web#9",
            [
                "CONFIRMED: acme/web#9, which no deployment in question brought,",
                "           of these api v3 is likeliest",
                '  dana named acme/web#9: "looked"',
            ],
        ),
    ],
)
def test_what_a_person_confirmed_is_said_without_perhaps(told: Told, cause: str, lines: list[str]) -> None:
    told.tell(*scenes.release(), judged("i1", 90, cause=cause, by="dana", because="looked"))
    page = told.text("i1").splitlines()
    assert page[2 : 2 + len(lines)] == lines
    assert not any(line.startswith("roll back") for line in page), "what to roll back nobody knows"
    assert "probably" not in "\n".join(page)


def test_what_a_person_said_holds_until_it_is_taken_back(told: Told) -> None:
    told.tell(*scenes.verdict())
    *_, verdict = scenes.verdict()
    told.tell(back(verdict))
    page = told.text("i1")
    assert "LIKELY: api v3, >99%" in page
    assert "postmortem" not in page


def test_a_report_united_with_another_leads_to_the_incident(told: Told) -> None:
    told.tell(
        *scenes.release(),
        incident("i2", 70.6, ticket="OPS-1"),
        updated("i1", 70.7, ticket="OPS-1"),
    )
    page = told.text("i2")
    assert page.startswith("incident i1\n")
    assert "not resolved; 2 reports" in page


def test_a_burn_tells_the_onset(told: Told) -> None:
    told.tell(*scenes.release(), *burning("api", 70.3))
    assert "onset      22:18: an error budget began to burn\n" in told.text("i1")
    assert "live 22:00, 18 min before the onset" in told.text("i1")


def test_a_final_verdict_says_so(told: Told) -> None:
    told.tell(*scenes.release(), incident("other", 24 * 9, service="web"))
    assert "  final since 2024-01-06 22:30; rests on defaults" in told.text("i1")


def test_another_model_is_named(told: Told) -> None:
    told.tell(*scenes.release())
    told.parameters = replace(PARAMETERS, model="same-service")
    page = told.text("i1", 71)
    assert "LIKELY: api v3, 100%" in page
    assert "by the rule same-service, which knows no probabilities" in page


def test_titles_cannot_steer_the_terminal(told: Told) -> None:
    evil = "\x1b[2J\u202eevil\u202c \r\n \x07" + "wide\u4e16\u754c" * 40
    told.tell(
        merged("api#1", 1),
        deployed("api", 2, tag="v1", sha=sha("api#1"), repository="acme/api"),
        merged("api#2", 3, title=evil),
        deployed("api", 4, tag="v2", sha=sha("api#2"), repository="acme/api"),
        incident("i1", 4.2, title=evil),
    )
    for width in (60, 80, 200):
        page = told.text("i1", width=width)
        assert all(character.isprintable() or character == "\n" for character in page)
        assert "evil" in page
        assert all(cells(line) <= width for line in page.splitlines())
        assert "…\n" in page
