"""Who may read, and where the receiver refuses to listen."""

from __future__ import annotations

import pytest

from pipeline.receive import Access, ReceiverSettings, Role, SourceSecurity, TrustedProxy, refusal_to_listen
from pipeline.receive.access import UNIX_SOCKET, AccessRefused, from_this_machine, networks, token_digest

TOKENS = {token_digest(role.value): role for role in Role}
PROXY = TrustedProxy("X-Forwarded-Email", networks(["10.1.0.0/16", "::1"]), {"ada@example.org": Role.ADMIN})
LOCAL = {"host": "localhost:8080"}


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    ("role", "may"),
    [
        (Role.VIEWER, {Role.VIEWER}),
        (Role.RESPONDER, {Role.VIEWER, Role.RESPONDER}),
        (Role.SECURITY, {Role.VIEWER, Role.SECURITY}),
        (Role.ADMIN, set(Role)),
    ],
)
def test_what_each_role_may(role: Role, may: set[Role]) -> None:
    access = Access(TOKENS)
    for asked in Role:
        if asked in may:
            assert access.require(asked, bearer(role.value), "203.0.113.9").role is role
        else:
            with pytest.raises(AccessRefused) as refused:
                access.require(asked, bearer(role.value), "203.0.113.9")
            assert refused.value.status == 403


@pytest.mark.parametrize("headers", [{}, bearer("guess"), bearer(""), {"authorization": "viewer"}, LOCAL])
def test_nobody_reads_without_a_token_once_there_is_one(headers: dict[str, str]) -> None:
    with pytest.raises(AccessRefused) as refused:
        Access(TOKENS).require(Role.VIEWER, headers, "127.0.0.1")
    assert refused.value.status == 401


def test_a_digest_is_no_token() -> None:
    assert Access(TOKENS).identify(bearer(token_digest("admin")), "127.0.0.1") is None
    assert "admin" not in repr(Access(TOKENS))


def test_a_name_counts_from_the_proxy_alone() -> None:
    access = Access(proxy=PROXY)
    told = {"x-forwarded-email": "ada@example.org"}
    assert access.require(Role.ADMIN, told, "10.1.2.3").name == "ada@example.org"
    assert access.require(Role.ADMIN, told, "::ffff:10.1.2.3").role is Role.ADMIN
    assert (
        access.require(Role.VIEWER, {"x-forwarded-email": "bob@example.org"}, "10.1.2.3").role is Role.VIEWER
    )
    for headers, peer in (
        (told, "10.2.0.1"),
        (told, UNIX_SOCKET),
        (told, ""),
        ({}, "10.1.2.3"),
        (LOCAL, "127.0.0.1"),
    ):
        assert access.identify(headers, peer) is None
    strict = Access(proxy=TrustedProxy("X-User", PROXY.networks, {"ada": Role.VIEWER}, default=None))
    assert strict.identify({"x-user": "bob"}, "10.1.2.3") is None


@pytest.mark.parametrize(
    ("headers", "peer", "expected"),
    [
        (LOCAL, "127.0.0.1", True),
        ({"host": "127.0.0.1"}, "127.0.0.1", True),
        ({"host": "[::1]:80"}, "::1", True),
        ({"host": "[::1]"}, "::ffff:127.0.0.1", True),
        ({}, UNIX_SOCKET, True),
        ({**LOCAL, "origin": "http://localhost:8080"}, "127.0.0.1", True),
        ({**LOCAL, "origin": "https://evil.example"}, "127.0.0.1", False),
        ({**LOCAL, "origin": "null"}, "127.0.0.1", False),
        ({"host": "evil.example"}, "127.0.0.1", False),
        ({"host": "localhost.evil.example"}, "127.0.0.1", False),
        ({}, "127.0.0.1", False),
        (LOCAL, "203.0.113.9", False),
        ({**LOCAL, "x-forwarded-for": "203.0.113.9"}, "127.0.0.1", False),
    ],
)
def test_this_machine_by_its_own_name(headers: dict[str, str], peer: str, expected: bool) -> None:
    assert from_this_machine(headers, peer) is expected
    assert (Access().identify(headers, peer) is not None) is expected


PROVEN = {"github": SourceSecurity(("github",), ("secret",))}
OPEN = {"github": PROVEN["github"], "local": SourceSecurity(open=True)}


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost", UNIX_SOCKET])
def test_this_machine_needs_nothing(host: str) -> None:
    assert refusal_to_listen(host, OPEN, Access()) == ""


@pytest.mark.parametrize(
    "host", ["", "0.0.0.0", "::", "10.0.0.1", "aftermerge.example.org", "127.evil.example"]
)
def test_elsewhere_needs_secrets_and_a_token(host: str) -> None:
    assert refusal_to_listen(host, PROVEN, Access(TOKENS)) == ""
    assert refusal_to_listen(host, PROVEN, Access(proxy=PROXY)) == ""
    assert "post to local" in refusal_to_listen(host, OPEN, Access(TOKENS))
    assert "post to github" in refusal_to_listen(
        host, {"github": SourceSecurity(("github",))}, Access(TOKENS)
    )
    assert "anybody could read" in refusal_to_listen(host, PROVEN, Access())
    both = refusal_to_listen(host, OPEN, Access())
    assert "post to local" in both
    assert "anybody could read" in both


def test_settings_that_are_refused() -> None:
    for wrong, said in (
        ((("hub",), ("s",)), "no scheme"),
        ((("github",), ("s", " ")), "empty"),
        (((), ("s",)), "needs a scheme"),
        ((("github",), ("s",) * 6), "at most"),
    ):
        with pytest.raises(ValueError, match=said):
            SourceSecurity(*wrong)
    for told, said in (
        ({"sources": {"Git Hub": PROVEN["github"]}}, "called"),
        ({"sources": PROVEN, "workspaces": frozenset({"a/b"})}, "called"),
        ({"sources": PROVEN, "workspace_pattern": "("}, "regular expression"),
    ):
        with pytest.raises(ValueError, match=said):
            ReceiverSettings(**told)
    assert "top-secret" not in repr(SourceSecurity(("github",), ("top-secret",)))
