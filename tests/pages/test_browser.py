"""The demo in Chromium: all is drawn, followed, used by keyboard, and a verdict restates what is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from grafana.statements import statement
from pipeline.pages.dashboards import BY_KEY
from pipeline.panels import DASHBOARDS
from pipeline.panels.panel import Form, Panel
from tests.grafana.sent import ALL, sent
from tests.live.process import needs
from tests.pages.browser import CHROMIUM, Demo, Window, chromium, coloured, demo, empty_panels, failed_panels
from tests.web import go_client

#: a deployment that broke something, of a service with an objective
CULPRIT = """
SELECT cause FROM incidents FINAL WHERE workspace = 'simulated' AND cause_kind = 'deployment'
AND cause IN (SELECT deployment FROM budget_by_deployment WHERE workspace = 'simulated')
ORDER BY probability DESC, opened_at DESC LIMIT 1
"""
INCIDENT = """
SELECT incident FROM which_change_broke_it
WHERE workspace = 'simulated' AND change != '' AND verdict IN ('likely', 'leading')
ORDER BY opened_at DESC LIMIT 1
"""
_CHANGE = """
SELECT change FROM change_attributions FINAL
WHERE workspace = 'simulated' ORDER BY probability DESC LIMIT 1
"""
_SHOWN_SECONDS_MAX = 30


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    needs((CHROMIUM,), CHROMIUM)
    with demo(tmp_path_factory.mktemp("demo")) as found:
        yield found


@pytest.fixture(scope="module")
def browser(shown: Demo) -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def window(browser: Browser) -> Iterator[Window]:
    opened = Window(browser)
    yield opened
    opened.close()
    assert opened.complaints == []


@pytest.fixture(scope="module")
def addresses(shown: Demo) -> dict[str, str]:
    """Every page of the demo, by what it shows."""
    culprit, incident, change = (shown.value(one) for one in (CULPRIT, INCIDENT, _CHANGE))
    told = {told.key: shown.address(f"/{told.key}") for told in DASHBOARDS}
    return told | {
        "debug": shown.address("/debug", deployment=culprit),
        "service": shown.address("/service", service="web"),
        "incident": shown.address("/incident", incident=incident),
        "change": shown.address("/change", change=change),
        "deployment": shown.address("/deployment", deployment=culprit),
        "sql": shown.address("/sql", q="SELECT * FROM open_incidents LIMIT 5"),
        "the real history": f"{shown.place}/executive?workspace=default",
    }


PAGES = [
    *(told.key for told in DASHBOARDS),
    "service",
    "incident",
    "change",
    "deployment",
    "sql",
    "the real history",
]


@pytest.mark.parametrize("name", [told.key for told in DASHBOARDS])
def test_every_panel_is_filled_and_every_chart_drawn(
    window: Window, addresses: dict[str, str], name: str
) -> None:
    page = window.open(addresses[name])
    html = page.content()
    assert empty_panels(html) == set()
    assert failed_panels(html) == set()
    # what is marked on all charts would pass for what one of them draws
    page.evaluate(
        "() => { const told = document.getElementById('meanwhile'); if (told) told.dataset.marks = '[]';"
        " window.charts.drawAll(document); }"
    )
    for panel in _charts(name):
        # something else than paper is on the canvas
        assert coloured(page, panel.key) > 0, f"{panel.key}: nothing but axes is drawn"


def _charts(name: str) -> list[Panel]:
    return [panel for panel in BY_KEY[name].panels if panel.form in (Form.LINES, Form.BARS)]


def test_what_happened_meanwhile_is_drawn_on_charts(window: Window, addresses: dict[str, str]) -> None:
    page = window.open(addresses["executive"])
    with_marks = {panel.key: coloured(page, panel.key) for panel in _charts("executive")}
    page.evaluate("() => { document.getElementById('meanwhile').dataset.marks = '[]'; }")
    page.get_by_role("button", name="Dark").click()
    page.get_by_role("button", name="Light").click()
    for key, count in with_marks.items():
        assert count > coloured(page, key), key
    page.locator("#meanwhile summary").click()
    expect(page.locator("#meanwhile tbody tr").first).to_be_visible()
    assert window.violations() == []


def test_grafana_s_driver_reads_what_grafana_would_ask_on_the_demo(shown: Demo) -> None:
    newest = "SELECT toUnixTimestamp(max(received_at)) FROM events WHERE workspace = 'simulated'"
    until = int(shown.value(newest))
    nothing = dict.fromkeys(("team", "service", "environment", "change_class"), ALL)
    chosen = {**nothing, "workspace": "simulated", "deployment": shown.value(CULPRIT), "until": until}
    asked = []
    for told in DASHBOARDS:
        since = until - told.hours * 3600
        for panel in told.panels:
            asked.append((panel, sent(statement(panel.sql), {**chosen, "since": since}, since, until)))
    answers = go_client.read(go_client.built(), shown.queries, [text for _, text in asked])
    for (panel, _), answer in zip(asked, answers, strict=True):
        assert answer["error"] == "", panel.key
        assert answer["rows"], panel.key
        assert {column.name for column in panel.columns} <= set(answer["columns"]), panel.key


@pytest.mark.parametrize("name", PAGES)
def test_everybody_can_use_it_on_every_screen(window: Window, addresses: dict[str, str], name: str) -> None:
    page = window.open(addresses[name])
    assert window.violations() == []
    window.dark()
    assert window.violations() == []
    for wide in (360, 768, 3840):
        page.set_viewport_size({"width": wide, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= wide, wide
    foreign = [address for address in window.asked if not address.startswith("http://127.0.0.1:")]
    assert foreign == []


def test_from_executive_to_on_call_to_debug_to_the_change(window: Window, shown: Demo) -> None:
    page = window.open(shown.address("/executive"))
    page.get_by_role("link", name="Do deployments fail?").click()
    expect(page).to_have_url(shown.address("/on-call"))
    # the likeliest to have broken something, of those that brought changes
    nothing = page.locator("td[data-head='Changes']", has_text=re.compile("^0$"))
    row = page.locator("#on-call-recent-deployments tbody tr", has_not=nothing).first
    row.locator("td[data-head='Deployment'] a").click()
    expect(page.locator("h1")).to_have_text("Debug")
    here = page.url
    page.locator("#debug-deployment td[data-head='Before it'] a").click()
    expect(page).not_to_have_url(here)
    expect(page.locator("h1")).to_have_text("Debug")
    page.go_back()
    change = page.locator("#debug-changes td[data-head='Change'] a").first
    name = change.inner_text()
    change.click()
    assert page.url.startswith(f"{shown.place}/change")
    expect(page.locator(".lead code")).to_have_text(name)
    expect(page.locator("#life .life li").first).to_be_visible()


def test_what_is_chosen_stays_in_the_address(window: Window, shown: Demo) -> None:
    page = window.open(shown.address("/on-call"))
    page.get_by_label("Service").select_option("ledger")
    page.wait_for_url("**service=ledger**")
    page.get_by_label("Looks back").select_option("672")
    page.wait_for_url("**hours=672**")
    services = page.locator("#on-call-recent-deployments td[data-head='Service']").all_inner_texts()
    assert set(services) == {"ledger"}
    page.get_by_role("link", name="Executive").click()
    page.wait_for_url("**/executive?**service=ledger**")


def test_by_keyboard_alone(window: Window, shown: Demo) -> None:
    page = window.open(shown.address("/on-call"))
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("To the content")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Workspace")).to_be_focused()
    theme = page.get_by_role("button", name="Dark")
    theme.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 28)"
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_a_verdict_restates_what_is_shown(window: Window, shown: Demo) -> None:
    incident = shown.value(INCIDENT)
    page = window.open(shown.address("/incident", incident=incident))
    expect(page.locator(".answer")).not_to_contain_text("Confirmed")
    page.get_by_label("No deployment").check()
    page.get_by_label("How do you know?").fill("the power was gone <b>in the whole</b> building")
    page.get_by_role("button", name="Give the verdict").click()
    expect(page.locator(".said")).to_contain_text("shown here within seconds")
    expect(page).not_to_have_url(re.compile("said="))  # whoever is sent the address is not told
    # nobody loads the page again: what has changed is replaced in place
    expect(page.locator(".answer")).to_contain_text("Confirmed", timeout=1000 * _SHOWN_SECONDS_MAX)
    expect(page.locator(".answer")).to_contain_text("a person said that no deployment caused it")
    expect(page.locator("#verdicts")).to_contain_text(
        "the power was gone <b>in the whole</b> building", timeout=1000 * _SHOWN_SECONDS_MAX
    )


def test_whoever_waits_for_the_past_can_use_the_page_meanwhile(window: Window, shown: Demo) -> None:
    """The first look at a moment may take long: that page is one for everybody, too."""
    incident = shown.value(INCIDENT)
    for moment in ("2026-05-28T17:50:00Z", "2026-05-28T17:40:00Z", "2026-05-28T17:30:00Z"):
        page = window.page
        page.goto(shown.address("/incident", incident=incident, as_of=moment))
        if page.locator("h1").inner_text() == "Being worked out":
            assert window.violations() == []
            page.get_by_role("link", name="Look again").click()
            expect(page.locator("h1")).not_to_be_empty()
            return
    pytest.fail("every moment was answered at once: choose one further back")


def test_what_was_known_when(window: Window, shown: Demo) -> None:
    page = window.open(shown.address("/incident", incident=shown.value(INCIDENT)))
    page.get_by_role("link", name="a minute after it was opened").click()
    expect(page.locator(".tabs a[aria-current]")).to_have_text(
        "a minute after it was opened", timeout=1000 * 3 * _SHOWN_SECONDS_MAX
    )
    expect(page.locator("#answer")).to_contain_text("provisional until")
    assert page.locator("form[action='/incident/verdict']").count() == 0


def test_what_is_told_appears_without_loading_again(window: Window, shown: Demo) -> None:
    page = window.open(f"{shown.place}/on-call?workspace=live")
    expect(page.locator("#on-call-recent-deployments")).to_contain_text("Nothing went live in this time")
    shown.report("deployment", "paper", "production", "v1", "success")
    row = page.locator("#on-call-recent-deployments tbody tr")
    expect(row).to_contain_text("paper", timeout=1000 * _SHOWN_SECONDS_MAX)


def test_it_is_live(window: Window, shown: Demo) -> None:
    page = window.open(shown.address("/on-call"))
    expect(page.locator("#live")).to_have_text("Live")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#live")).to_have_text("Paused")


def test_without_scripts_everything_is_there(browser: Browser, shown: Demo) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(shown.address("/executive"))
    page.locator("#executive-fail-rate-weeks summary", has_text="Figures").click()
    assert page.locator("#executive-fail-rate-weeks tbody tr").count() > 2
    page.get_by_label("Team").select_option(index=1)
    page.get_by_role("button", name="Show").click()
    assert "team=" in page.url
    context.close()
