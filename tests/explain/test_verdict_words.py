"""The two verdicts between likely and undecided: a cause that is only ahead, and one that nobody reported."""

from __future__ import annotations

from tests.explain import scenes
from tests.explain.conftest import Told
from tests.worlds import deployed

LEADING = """\
incident i1
  web, production: Pages are slow
LEADING: billing b2, 61%
  provisional until 2024-01-06 23:00;
  rests on defaults (no labelled incident yet)
opened     2024-01-03 23:00 UTC, not resolved
onset      22:54: whoever reported it said so

1.  61%  billing b2, live 22:06, 48 min before the onset
     for: timing fits better than no. 2; web depends on billing directly
2.  19%  api a2, live 21:30, 84 min before the onset
     for: web depends on api directly
     against: timing fits worse than no. 1
3.  <1%  api a1, live 2024-01-01 02:00, 2.9 days before the onset
     for: web depends on api directly
     against: timing fits worse than no. 1

else       no deployment 19%, one that nobody reported <1%, 1 other <1%
left out   no deployment
silent     no source
roll back  to b1 (of 2024-01-01 02:00): takes back no known change
"""

UNSEEN = """\
incident i1
  api, production: Searches fail
UNSEEN: probably a deployment that nobody reported, 53%
  provisional until 2024-01-20 16:00;
  rests on defaults (no labelled incident yet)
opened     2024-01-17 16:00 UTC, not resolved
onset      about 15:56, give or take 5 min: monitors' usual delay to report

1.  <1%  api v399, live 2024-01-09 07:30, 8.4 days before opening
     for: same service
2.  <1%  api v398, live 2024-01-09 07:00, 8.4 days before opening
     nothing sets it apart
3.  <1%  api v397, live 2024-01-09 06:30, 8.4 days before opening
     nothing sets it apart

else       no deployment 22%, one that nobody reported 53%, 269 others 25%
left out   no deployment
silent     gitops had stopped reporting: deployments may be missing
"""


def test_a_deployment_that_is_ahead_of_all_others_leads(told: Told) -> None:
    page = told.tell(*scenes.leading()).text("i1")
    assert page == LEADING


def test_a_rival_nearer_in_time_takes_the_lead_away(told: Told) -> None:
    told.tell(*scenes.leading())
    told.tell(deployed("api", 70.1, tag="a3"))
    page = told.text("i1")
    assert "LEADING" not in page
    assert "UNDECIDED: " in page


def test_a_deployment_that_nobody_reported_is_named_as_the_likeliest(told: Told) -> None:
    page = told.tell(*scenes.unseen()).text("i1")
    assert page == UNSEEN
