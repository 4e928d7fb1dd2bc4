"""Who looks, and whose word a form brings: sign-in by token, seals of forms, persons."""

from __future__ import annotations

import pytest

from pipeline.receive.access import Access, Role, TrustedProxy, networks, token_digest
from tests.pages.site import TOKENS, Looked, plain, seal, sent, shown, signing_in

CAUSE = {"cause": "acme/api#2", "because": "the graph says so", "workspace": "acme", "incident": "i1"}


def test_a_verdict_is_given_with_a_form_of_this_browser(world: Looked) -> None:
    browser = world.browser()
    form = {**CAUSE, "seal": seal(shown(browser, "/incident", incident="i1"))}
    world.words.clear()
    answer = browser.post("/incident/verdict", data=form)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/incident?workspace=acme&incident=i1&said=yes#verdicts"
    ((workspace, said, login),) = world.words
    assert (workspace, said.incident, said.change, said.because) == (
        "acme",
        "i1",
        "acme/api#2",
        "the graph says so",
    )
    assert login
    other = {**form, "cause": "", "other": "acme/api#1"}
    assert sent(browser, "/incident/verdict", other) == 303
    assert world.words[-1][1].change == "acme/api#1"


@pytest.mark.parametrize(
    ("change", "headers", "status"),
    [
        ({"seal": ""}, {}, 403),
        ({"seal": "0" * 64}, {}, 403),
        ({}, {"origin": "http://evil.example"}, 401),
        ({"because": " "}, {}, 422),
        ({"because": "x" * 2001}, {}, 422),
        ({"cause": "", "other": ""}, {}, 422),
        ({"incident": ""}, {}, 422),
    ],
)
def test_other_forms_are_refused(
    world: Looked, change: dict[str, str], headers: dict[str, str], status: int
) -> None:
    browser = world.browser()
    form = {**CAUSE, "seal": seal(shown(browser, "/incident", incident="i1")), **change}
    world.words.clear()
    assert sent(browser, "/incident/verdict", form, **headers) == status
    assert world.words == []


def test_a_form_of_another_browser_is_refused(world: Looked) -> None:
    form = {**CAUSE, "seal": seal(shown(world.browser(), "/incident", incident="i1"))}
    other = world.browser()
    shown(other, "/incident", incident="i1")
    world.words.clear()
    assert sent(other, "/incident/verdict", form) == 403
    assert world.browser().post("/incident/verdict", content=b"{}").status_code == 415
    assert world.words == []


def test_whoever_is_not_on_this_machine_sees_nothing(world: Looked) -> None:
    browser = world.browser()
    for headers in ({"host": "evil.example"}, {"x-forwarded-for": "10.1.1.1"}):
        answer = browser.get("/executive", headers=headers)
        assert answer.status_code == 401
        assert "for this machine alone" in plain(answer.text)


def test_with_tokens_somebody_signs_in(world: Looked) -> None:
    browser = world.browser(signing_in())
    answer = browser.get("/on-call", params={"workspace": "acme"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?then=%2Fon-call%3Fworkspace%3Dacme"
    page = browser.get(answer.headers["location"])
    form = {"seal": seal(page.text), "then": "/on-call?workspace=acme", "token": "nobody's"}
    wrong = browser.post("/sign-in", data=form)
    assert wrong.status_code == 403
    assert "nobody" in wrong.text
    entered = browser.post("/sign-in", data={**form, "token": TOKENS[Role.VIEWER]})
    assert (entered.status_code, entered.headers["location"]) == (303, "/on-call?workspace=acme")
    cookie = entered.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()
    assert TOKENS[Role.VIEWER] not in cookie
    text = shown(browser, "/incident", incident="i1")
    assert "To give a verdict you need" in text
    assert sent(browser, "/incident/verdict", {**CAUSE, "seal": seal(text)}) == 403
    assert sent(browser, "/sign-out", {"seal": seal(text)}) == 303
    assert browser.get("/on-call").status_code == 303


@pytest.mark.parametrize(
    "then", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_signing_in_leads_nowhere_else(world: Looked, then: str) -> None:
    browser = world.browser(signing_in())
    form = {"seal": seal(browser.get("/sign-in").text), "then": then, "token": TOKENS[Role.VIEWER]}
    assert browser.post("/sign-in", data=form).headers["location"] == "/"


def test_a_responder_gives_a_verdict_as_a_person(world: Looked) -> None:
    browser = world.browser(signing_in())
    form = {"seal": seal(browser.get("/sign-in").text), "then": "/", "token": TOKENS[Role.RESPONDER]}
    assert browser.post("/sign-in", data=form).status_code == 303
    world.words.clear()
    mark = seal(shown(browser, "/incident", incident="i1"))
    assert sent(browser, "/incident/verdict", {**CAUSE, "seal": mark}) == 303
    assert [login for _, _, login in world.words] == ["person of responder"]
    for origin in ("https://evil.example", "null"):
        assert sent(browser, "/incident/verdict", {**CAUSE, "seal": mark}, origin=origin) == 403
    assert len(world.words) == 1


def test_a_token_that_several_may_have_is_no_person(world: Looked) -> None:
    browser = world.browser(Access({token_digest(TOKENS[Role.RESPONDER]): Role.RESPONDER}))
    form = {"seal": seal(browser.get("/sign-in").text), "then": "/", "token": TOKENS[Role.RESPONDER]}
    assert sent(browser, "/sign-in", form) == 303
    text = shown(browser, "/incident", incident="i1")
    assert "signed in as a person" in text
    assert "What caused it?" not in text
    world.words.clear()
    own = seal(text)
    assert sent(browser, "/incident/verdict", {**CAUSE, "seal": own}) == 403
    assert world.words == []


def test_behind_a_trusted_proxy_people_are_signed_in_and_cookies_are_for_tls(world: Looked) -> None:
    networks_of = networks(["127.0.0.1"])
    proxy = TrustedProxy("X-Role", networks_of, {str(role): role for role in Role}, None, "X-Login")
    browser = world.browser(Access(proxy=proxy))
    browser.headers |= {
        "x-role": "responder", "x-login": "ada", "host": "aftermerge.example", "x-forwarded-proto": "https",
    }  # fmt: skip
    answer = browser.get("/incident?workspace=acme&incident=i1")
    assert answer.status_code == 200
    assert "secure" in answer.headers["set-cookie"].lower()
    browser.cookies.set(
        "aftermerge_browser", answer.headers["set-cookie"].partition("=")[2].partition(";")[0]
    )
    form = {**CAUSE, "seal": seal(answer.text)}
    world.words.clear()
    assert sent(browser, "/incident/verdict", form, origin="https://aftermerge.example") == 303
    assert [login for _, _, login in world.words] == ["ada"]
    browser.headers.pop("x-role")
    assert browser.get("/executive").status_code == 401
