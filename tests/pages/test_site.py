"""Every page: on nothing, on a small world, with names that are not harmless, and for whom it is."""

from __future__ import annotations

import json
import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest

from pipeline.core.facts import ChangeFact, IncidentFact, ServiceFact
from pipeline.pages.dashboards import BY_KEY
from pipeline.pages.showing import POLICY
from pipeline.receive.access import Role
from tests.pages.site import AT, TOKENS, Looked, plain, seal, shown, signing_in
from tests.store.rows import MONDAY, WORKSPACE, row

MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)> \"quoted\" 'and' \u202ebackwards"
DASHBOARDS = sorted(set(BY_KEY) - {"service"})


@pytest.mark.parametrize("key", sorted(BY_KEY))
def test_without_anything_each_panel_says_what_to_connect(nothing: Looked, key: str) -> None:
    text = shown(nothing.browser(), f"/{key}", service="api")
    assert "Nothing was received yet" in text
    assert "could not be answered" not in text
    for panel in BY_KEY[key].panels:
        assert f'id="{panel.key}"' in text
    assert text.count('class="empty"') >= len(BY_KEY[key].panels)


@pytest.mark.parametrize("key", sorted(BY_KEY))
def test_a_small_world_is_shown(world: Looked, key: str) -> None:
    text = shown(world.browser(), f"/{key}", service="api", deployment="d2", at=AT)
    assert "could not be answered" not in text
    filled = set(re.findall(r'id="([a-z0-9-]+)" data-digest', text)) - {"meanwhile", "notices"}
    assert filled == {panel.key for panel in BY_KEY[key].panels}
    assert text.count('class="empty"') < len(filled)


def test_figures_are_those_of_the_store(world: Looked) -> None:
    text = shown(world.browser(), "/on-call", at=AT)
    ((opened,),) = world.store.query("SELECT count() FROM open_incidents WHERE workspace = 'acme'").rows
    section = text.split('id="on-call-open-incidents"')[1].split("</section>")[0]
    assert opened
    assert section.count('<td data-head="Incident"') == opened
    assert 'href="/incident?workspace=acme' in section


def test_a_chart_has_its_figures_beside_it(world: Looked) -> None:
    text = shown(world.browser(), "/executive", at=AT, hours="9000")
    section = text.split('id="executive-incidents-weeks"')[1].split("</section>")[0]
    assert 'data-chart="{&#34;form&#34;:&#34;bars&#34;' in section
    assert "<table>" in section


def test_what_happened_meanwhile_is_marked_on_charts_and_listed(world: Looked) -> None:
    text = shown(world.browser(), "/executive", at=AT, hours="9000")
    told = text.split('id="meanwhile"')[1].split("</details>")[0]
    marks = json.loads(unescape(re.findall(r'data-marks="([^"]*)"', told)[0]))
    counts = [int(count) for count in re.findall(r"<b>(\d+)</b>", told)]
    assert [len(kind["times"]) for kind in marks] == counts
    assert min(counts) > 0
    assert told.count("<tr>") == sum(counts) + 1
    for link in ("/debug?workspace=acme&amp;hours=9000", "incident=i1", "/change?workspace=acme"):
        assert link in told
    # where no chart is, nothing is marked
    assert 'id="meanwhile"' not in shown(world.browser(), "/on-call", at=AT)


def test_what_shows_now_says_so_where_somebody_looks_at_then(world: Looked) -> None:
    for when, says in (({"at": AT}, True), ({}, False)):
        text = shown(world.browser(), "/on-call", **when)
        for panel in BY_KEY["on-call"].panels:
            section = text.split(f'id="{panel.key}"')[1].split("</section>")[0]
            assert ("As it is now" in section) == (says and panel.of_now), panel.key
    assert any(panel.of_now for panel in BY_KEY["on-call"].panels)


def test_pages_of_things(world: Looked) -> None:
    browser = world.browser()
    incident = plain(shown(browser, "/incident", incident="i1"))
    assert "Likely : api v2, 80%" in incident
    assert "Roll back done 2024-01-02 06:00, to api v1" in incident
    assert "What caused it?" in incident
    change = plain(shown(browser, "/change", change="acme/api#2"))
    assert "Break it" in change
    assert "80% of" in change
    deployment = plain(shown(browser, "/deployment", deployment="d2"))
    assert "Beside the one before it" in deployment
    assert "v1" in deployment


def test_a_name_of_another_kind_leads_to_its_own_page(world: Looked) -> None:
    answer = world.browser().get("/incident", params={"workspace": "acme", "incident": "d2"})
    assert answer.status_code == 303
    found = urlsplit(answer.headers["location"])
    assert found.path == "/deployment"
    assert parse_qs(found.query) == {"workspace": ["acme"], "deployment": ["d2"]}


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/incident?workspace=acme", 400, "which incident?"),
        ("/incident?workspace=acme&incident=nope", 404, "is called"),
        ("/service?workspace=acme", 400, "which service?"),
        ("/incident?workspace=acme&incident=i1&as_of=yesterday", 400, "as_of is a moment"),
        ("/change?workspace=acme&change=nope", 404, "is called"),
    ],
)
def test_what_is_wrong_is_said_on_a_page(world: Looked, path: str, status: int, says: str) -> None:
    answer = world.browser().get(path)
    assert answer.status_code == status
    assert says in plain(answer.text)
    assert answer.headers["content-security-policy"] == POLICY


@pytest.mark.parametrize(
    "told",
    [
        "hours=-1",
        "hours=x",
        "hours=99999999",
        "hours=000000019999999999",
        "at=soon",
        "at=0",
        "at=99999999999999",
    ],
)
def test_an_address_that_can_t_be_read_is_told_and_shown_without(world: Looked, told: str) -> None:
    answer = world.browser().get(f"/on-call?workspace=acme&{told}")
    assert answer.status_code == 200
    assert "not as it should be" in answer.text or told == "at=99999999999999"


def test_names_from_events_are_text_and_nothing_else(dsn: str, world: Looked) -> None:
    store = world.store
    hostile = "hostile"
    store.insert_facts(
        "services", hostile, 1, [row(ServiceFact, service="null"), row(ServiceFact, service=MARKUP)]
    )
    told = {
        "opened_at": MONDAY,
        "onset_at": MONDAY,
        "verdict": "undecided",
        "state": "final",
        "final_at": MONDAY,
    }
    store.insert_facts(
        "incidents",
        hostile,
        1,
        [
            row(
                IncidentFact, incident=f"i {MARKUP}", title=MARKUP, service="null", environment=MARKUP, **told
            ),
            row(IncidentFact, incident="n", title="plain", service="null", environment="production", **told),
        ],
    )
    change = row(
        ChangeFact, change=f"x#{MARKUP}", title=MARKUP, state="merged", merged_at=MONDAY, updated_at=MONDAY
    )
    store.insert_facts("changes", hostile, 1, [change])
    browser = world.browser()
    asked = [
        ("/on-call", {"service": "null"}),
        ("/on-call", {"service": MARKUP}),
        ("/service", {"service": "null"}),
        ("/service", {"service": MARKUP}),
        ("/incident", {"incident": f"i {MARKUP}"}),
        ("/change", {"change": f"x#{MARKUP}"}),
        ("/sql", {"q": f"SELECT '{MARKUP.replace(chr(39), '')}' AS `<b>`"}),
        ("/sql", {"q": MARKUP}),
        ("/executive", {"workspace": MARKUP}),
        ("/executive", {"hours": "90000"}),
    ]
    for path, chosen in asked:
        answer = browser.get(path, params={"workspace": hostile, "at": AT, **chosen})
        assert answer.status_code == 200, (path, chosen, answer.text)
        lowered = answer.text.lower()
        assert "<script>alert" not in lowered, path
        assert "<img src=x" not in lowered, path
        assert "could not be answered" not in lowered, path
    named = shown(browser, "/on-call", workspace=hostile, service="null", at=AT)
    assert 'value="null" selected' in named
    assert "plain" in named


def test_a_panel_that_fails_says_why_and_the_page_stays(dsn: str, nothing: Looked) -> None:
    store = nothing.store
    store._command("RENAME TABLE findings TO findings_away", "hide a table")
    store._command("DROP VIEW IF EXISTS slo_budgets", "hide a view")
    store._command("DROP VIEW IF EXISTS retro_reviews", "hide what charts mark")
    try:
        text = shown(nothing.browser(), "/executive")
        assert "of the panels could not be answered" in text
        assert "Not marked on the charts: Past review" in plain(text)
        section = text.split('id="executive-objectives"')[1].split("</section>")[0]
        assert "slo_budgets" in section
        assert "This could not be answered" in section
        assert (
            "This could not be answered"
            not in text.split('id="executive-violations"')[1].split("</section>")[0]
        )
    finally:
        store._command("RENAME TABLE findings_away TO findings", "show it again")
        store.migrate()


def test_headers_and_what_has_not_changed(world: Looked) -> None:
    browser = world.browser()
    answer = browser.get("/on-call", params={"workspace": "acme", "at": AT})
    assert answer.headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "style=" not in answer.text
    assert " onclick" not in answer.text
    mark = answer.headers["etag"]
    again = browser.get("/on-call", params={"workspace": "acme", "at": AT}, headers={"if-none-match": mark})
    assert (again.status_code, again.content) == (304, b"")
    for file in set(re.findall(r'"(/static/[^"]+)"', answer.text)):
        found = browser.get(file)
        assert found.status_code == 200
        assert "immutable" in found.headers["cache-control"]
        assert "http://" not in found.text.replace("http://www.w3.org/2000/svg", "").replace(
            "http://localhost", ""
        ), file
    assert browser.get("/static/x/nothing.js").status_code == 404


def test_the_console_reads_and_does_nothing_else(world: Looked) -> None:
    browser = world.browser()
    found = shown(
        browser, "/sql", q="SELECT count() AS many FROM incidents FINAL WHERE workspace = {workspace:String}"
    )
    assert "<bdi>many</bdi>" in found
    for statement, says in [
        ("DROP TABLE incidents", "only"),
        ("SELECT * FROM url('http://127.0.0.1')", "not"),
        ("SELECT nothing FROM nowhere", "nowhere"),
        ("x" * 20_001, "at most"),
        ("SELECT 1; SELECT 2", "Syntax error"),
        ("SELECT 1 FORMAT CSV", "leave FORMAT CSV out"),
        ("SELECT number FROM numbers(20000)", "Limit for result"),
    ]:
        text = shown(browser, "/sql", q=statement)
        assert 'role="alert"' in text, statement
        assert says in plain(text), statement
    many = "SELECT arrayJoin(range(600)) AS n"
    assert "100 of them are not shown" in shown(browser, "/sql", q=many)
    documented = shown(browser, "/sql")
    assert "which_change_broke_it" in documented
    assert "Which change most likely broke production" in documented


def test_what_scanners_found_is_for_the_security_role(world: Looked) -> None:
    counted = (
        "SELECT count() AS many FROM signals"
        " WHERE workspace = {workspace:String} AND signal = 'late-findings'"
    )
    found = {}
    for role in (Role.VIEWER, Role.SECURITY):
        browser = world.browser(signing_in())
        form = {"seal": seal(browser.get("/sign-in").text), "then": "/", "token": TOKENS[role]}
        browser.post("/sign-in", data=form)
        text = shown(browser, "/sql", q=counted)
        found[role] = re.findall(r'data-head="many"><bdi>(\d+)</bdi>', text)
        refused = shown(browser, "/sql", q="SELECT count() FROM findings")
        assert ("may not read" in refused) == (role is Role.VIEWER)
    assert found[Role.VIEWER] == ["0"]
    assert found[Role.SECURITY] != ["0"]


def test_workspaces_are_told_apart(world: Looked) -> None:
    browser = world.browser()
    first = browser.get("/")
    assert first.status_code == 303
    assert urlsplit(first.headers["location"]).path == "/executive"
    assert WORKSPACE in parse_qs(urlsplit(first.headers["location"]).query)["workspace"]
    assert "i1" not in plain(shown(browser, "/on-call", workspace="another"))


@pytest.mark.parametrize("name", ["back\\slash\\n", "tab\there", "new\nline", "a'b\"c", "%7B{x:String}"])
def test_a_name_means_itself(world: Looked, name: str) -> None:
    world.store.insert_facts("services", "odd", 1, [row(ServiceFact, service=name)])
    told = {
        "opened_at": MONDAY,
        "onset_at": MONDAY,
        "verdict": "undecided",
        "state": "final",
        "final_at": MONDAY,
    }
    found = row(
        IncidentFact, incident=f"i {name}", title="odd", service=name, environment="production", **told
    )
    world.store.insert_facts("incidents", "odd", 1, [found])
    text = shown(world.browser(), "/on-call", workspace="odd", service=name, at=AT)
    section = text.split('id="on-call-open-incidents"')[1].split("</section>")[0]
    assert section.count('<td data-head="Incident"') == 1
    assert "could not be answered" not in text


def test_a_workspace_of_which_nothing_was_told_is_said_to_be_one(world: Looked) -> None:
    text = shown(world.browser(), "/on-call", workspace="acmee")
    assert "Nothing was ever told of a workspace called" in text


def test_the_change_stays_when_what_was_measured_can_t_be_asked_for(nothing: Looked) -> None:
    store = nothing.store
    told = {"title": "Kept", "state": "merged", "merged_at": MONDAY, "updated_at": MONDAY}
    store.insert_facts("changes", "acme", 1, [row(ChangeFact, change="x#1", **told)])
    store._command("RENAME TABLE outcomes TO outcomes_away", "hide a table")
    try:
        text = shown(nothing.browser(), "/change", change="x#1")
        assert "Kept" in text
        assert 'role="alert"' in text
    finally:
        store._command("RENAME TABLE outcomes_away TO outcomes", "show it again")
        store._command("TRUNCATE TABLE changes SYNC", "forget it")


def test_nobody_knows_yet_what_will_be_known(world: Looked) -> None:
    answer = world.browser().get("/incident?workspace=acme&incident=i1&as_of=2999-01-01")
    assert answer.status_code == 400
    assert "lies in the future" in answer.text
