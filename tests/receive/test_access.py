"""Who may read, and where the receiver refuses to listen."""

from __future__ import annotations

import pytest

from pipeline.receive import Access, ReceiverSettings, Role, SourceSecurity, TrustedProxy, refusal_to_listen
from pipeline.receive.access import LOCAL, AccessRefused, Identity, from_this_machine, networks, token_digest

TOKENS = {token_digest(role.value): role for role in Role}
PROXY = TrustedProxy("X-Forwarded-Email", networks(["10.1.0.0/16", "::1"]), {"ada@example.org": Role.ADMIN})
HERE = {"host": "localhost:8080"}


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


@pytest.mark.parametrize("headers", [{}, bearer("guess"), bearer(""), {"authorization": "viewer"}, HERE])
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
    assert access.require(Role.ADMIN, told, "10.1.2.3").role is Role.ADMIN
    assert access.require(Role.ADMIN, told, "::ffff:10.1.2.3").role is Role.ADMIN
    assert (
        access.require(Role.VIEWER, {"x-forwarded-email": "bob@example.org"}, "10.1.2.3").role is Role.VIEWER
    )
    for headers, peer in (
        (told, "10.2.0.1"),
        (told, ""),
        ({}, "10.1.2.3"),
        (HERE, "127.0.0.1"),
    ):
        assert access.identify(headers, peer) is None
    strict = Access(proxy=TrustedProxy("X-User", PROXY.networks, {"ada": Role.VIEWER}, default=None))
    assert strict.identify({"x-user": "bob"}, "10.1.2.3") is None


def test_a_person_is_named_by_the_proxy_or_by_the_token() -> None:
    proxy = TrustedProxy(
        "X-Role",
        PROXY.networks,
        {"responder": Role.RESPONDER},
        default=None,
        person_header="X-Forwarded-User",
    )
    owned = token_digest("responder")
    access = Access(TOKENS, proxy, {owned: "dana"})

    def person(headers: dict[str, str], peer: str = "10.1.2.3") -> str | None:
        identity = access.identify(headers, peer)
        return None if identity is None else identity.person

    role = {"x-role": "responder"}
    assert person({**role, "x-forwarded-user": "ada"}) == "ada"
    assert person({**role, "x-forwarded-user": "José".encode().decode("latin-1")}) == "José"
    # sent twice (one of them by the reader), too long, or no name at all: somebody in a role, and nobody
    for told in ("ada, eve", "ada,eve", "a b", "", "x" * 201, "\x80", "a\x07"):
        assert person({**role, "x-forwarded-user": told}) == ""
    assert person({"x-forwarded-user": "ada"}) is None
    assert person({**role, "x-forwarded-user": "ada"}, "10.2.0.1") is None
    # a token goes before the header, and is its person's, whatever that says
    assert person({**bearer("responder"), **role, "x-forwarded-user": "ada"}) == "dana"
    assert person({**bearer("admin"), "x-forwarded-user": "ada"}) == "token of admin"
    assert Access().identify(HERE, "127.0.0.1") == Identity(Role.ADMIN, LOCAL)
    # several may have a token that is of a role
    found = [access.identify(bearer(name), "10.2.0.1") for name in ("responder", "admin")]
    assert [one is not None and one.shared for one in found] == [False, True]


def test_a_token_may_stand_elsewhere() -> None:
    access = Access(TOKENS, PROXY)
    told = {"x-forwarded-email": "ada@example.org"}
    for peer, token, role in (
        ("10.1.2.3", "", Role.ADMIN),
        ("10.1.2.3", "viewer", Role.VIEWER),
        ("10.1.2.3", "guess", None),
        ("10.2.0.1", "", None),
        ("10.2.0.1", "viewer", Role.VIEWER),
    ):
        identity = access.identify(told, peer, token)
        assert (identity.role if identity else None) is role


@pytest.mark.parametrize(
    ("headers", "peer", "expected"),
    [
        (HERE, "127.0.0.1", True),
        ({"host": "127.0.0.1"}, "127.0.0.1", True),
        ({"host": "[::1]:80"}, "::1", True),
        ({"host": "[::1]"}, "::ffff:127.0.0.1", True),
        (HERE, "", False),
        ({**HERE, "origin": "http://localhost:8080"}, "127.0.0.1", True),
        ({**HERE, "origin": "https://evil.example"}, "127.0.0.1", False),
        ({**HERE, "origin": "null"}, "127.0.0.1", False),
        ({"host": "evil.example"}, "127.0.0.1", False),
        ({"host": "localhost.evil.example"}, "127.0.0.1", False),
        ({}, "127.0.0.1", False),
        (HERE, "203.0.113.9", False),
        ({**HERE, "x-forwarded-for": "203.0.113.9"}, "127.0.0.1", False),
    ],
)
def test_this_machine_by_its_own_name(headers: dict[str, str], peer: str, expected: bool) -> None:
    assert from_this_machine(headers, peer) is expected
    assert (Access().identify(headers, peer) is not None) is expected


PROVEN = {"github": SourceSecurity(("github",), ("secret",))}
OPEN = {"github": PROVEN["github"], "local": SourceSecurity(open=True)}


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost"])
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
