"""Signatures: the examples that their makers publish, and the law that a changed delivery never passes."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.receive.signatures import SCHEMES, Rejected, Verified, needs_body, verify
from tests.receive.running import NEXT_SECRET, SECRET

NOW = 1_614_265_330
Headers = dict[str, str]

#: published by the specification's authors with their libraries
STANDARD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
STANDARD_BODY = b'{"test": 2432232314}'
STANDARD_HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": str(NOW),
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}


def _hex(secret: str, body: bytes) -> str:
    return hmac.digest(secret.encode(), body, "sha256").hex()


def _standard(secret: str, body: bytes) -> Headers:
    signed = b"id-1.%d.%s" % (NOW, body)
    signature = base64.b64encode(hmac.digest(secret.encode(), signed, "sha256")).decode()
    return {"webhook-id": "id-1", "webhook-timestamp": str(NOW), "webhook-signature": f"v1,{signature}"}


SIGN: dict[str, Callable[[str, bytes], Headers]] = {
    "github": lambda secret, body: {"x-hub-signature-256": f"sha256={_hex(secret, body)}"},
    "pagerduty": lambda secret, body: {"x-pagerduty-signature": f"v1={_hex(secret, body)}"},
    "standard-webhooks": _standard,
    "gitlab-token": lambda secret, body: {"x-gitlab-token": secret},
    "bearer": lambda secret, body: {"authorization": f"Bearer {secret}"},
    "basic": lambda secret, body: {"authorization": f"Basic {base64.b64encode(secret.encode()).decode()}"},
}
OVER_THE_BODY = sorted(name for name in SCHEMES if needs_body([name]))

#: what a header can carry as it is
secrets = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60)


def test_the_example_of_github() -> None:
    told = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert isinstance(
        verify(["github"], [SECRET], {"x-hub-signature-256": told}, b"Hello, World!", NOW), Verified
    )
    assert isinstance(
        verify(["github"], [SECRET], {"x-hub-signature-256": told}, b"Hello, World.", NOW), Rejected
    )


def test_the_example_of_standard_webhooks() -> None:
    outcome = verify(["standard-webhooks"], [STANDARD_SECRET], STANDARD_HEADERS, STANDARD_BODY, NOW)
    assert outcome == Verified("standard-webhooks", "msg_p5jXN8AQM9LWM0D4loKWxJek")


@pytest.mark.parametrize(("off", "accepted"), [(-300, True), (300, True), (-301, False), (301, False)])
def test_a_signed_time_may_be_five_minutes_off(off: int, accepted: bool) -> None:
    outcome = verify(["standard-webhooks"], [STANDARD_SECRET], STANDARD_HEADERS, STANDARD_BODY, NOW + off)
    assert isinstance(outcome, Verified) is accepted


@pytest.mark.parametrize("timestamp", ["", "now", "-1", "1e9", "٣٤", "9" * 5_000])
def test_a_timestamp_that_is_none(timestamp: str) -> None:
    headers = {**STANDARD_HEADERS, "webhook-timestamp": timestamp}
    assert isinstance(verify(["standard-webhooks"], [STANDARD_SECRET], headers, STANDARD_BODY, NOW), Rejected)


def test_a_list_of_signatures_passes_when_one_fits() -> None:
    stale = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= v1a,AAAA "
    headers = {**STANDARD_HEADERS, "webhook-signature": stale + STANDARD_HEADERS["webhook-signature"]}
    assert (
        verify(["standard-webhooks"], [STANDARD_SECRET], headers, STANDARD_BODY, NOW)[0]
        == "standard-webhooks"
    )
    several = {"x-pagerduty-signature": f"v1={'0' * 64}, v1={_hex(SECRET, b'x')},v2=abc"}
    assert verify(["pagerduty"], [SECRET], several, b"x", NOW) == Verified("pagerduty", _hex(SECRET, b"x"))


def test_one_secret_for_both_schemes_of_gitlab() -> None:
    schemes = ["standard-webhooks", "gitlab-token"]
    for name in schemes:
        outcome = verify(schemes, [SECRET], SIGN[name](SECRET, b"{}"), b"{}", NOW)
        assert isinstance(outcome, Verified)
        assert outcome.scheme == name


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_two_secrets_at_once_while_one_replaces_the_other(scheme: str) -> None:
    for sent in (SECRET, NEXT_SECRET):
        headers = SIGN[scheme](sent, b"body")
        assert isinstance(verify([scheme], [SECRET, NEXT_SECRET], headers, b"body", NOW), Verified)
    assert isinstance(verify([scheme], [NEXT_SECRET], SIGN[scheme](SECRET, b"body"), b"body", NOW), Rejected)


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_without_a_secret_nothing_passes(scheme: str) -> None:
    for known in ([], [""]):
        outcome = verify([scheme], known, SIGN[scheme]("", b"body"), b"body", NOW)
        assert isinstance(outcome, Rejected)
    assert isinstance(verify([scheme], [SECRET], {}, b"body", NOW), Rejected)


@given(st.sampled_from(sorted(SCHEMES)), secrets, st.binary(max_size=200))
def test_what_is_signed_passes(scheme: str, secret: str, body: bytes) -> None:
    assert isinstance(verify([scheme], [secret], SIGN[scheme](secret, body), body, NOW), Verified)


@given(st.sampled_from(OVER_THE_BODY), secrets, st.binary(max_size=200), st.binary(max_size=200))
def test_another_body_does_not_pass(scheme: str, secret: str, body: bytes, other: bytes) -> None:
    assume(body != other)
    assert isinstance(verify([scheme], [secret], SIGN[scheme](secret, body), other, NOW), Rejected)


@given(st.sampled_from(sorted(SCHEMES)), secrets, secrets, st.binary(max_size=50))
def test_another_secret_does_not_pass(scheme: str, secret: str, other: str, body: bytes) -> None:
    assume(secret.encode().ljust(64, b"\0") != other.encode().ljust(64, b"\0"))
    outcome = verify([scheme], [secret], SIGN[scheme](other, body), body, NOW)
    assert isinstance(outcome, Rejected)
    assert len(secret) < 4 or secret not in outcome.reason


@given(
    st.sampled_from(sorted(SCHEMES)),
    st.dictionaries(
        st.sampled_from(
            [
                "x-hub-signature-256",
                "x-pagerduty-signature",
                "x-gitlab-token",
                "authorization",
                "webhook-id",
                "webhook-timestamp",
                "webhook-signature",
            ]
        ),  # fmt: skip
        st.text(st.characters(max_codepoint=255), max_size=80)
        | st.sampled_from(["sha256=", "v1=", "Basic ", "Bearer ", "v1,", str(NOW), "Basic !", "Bearer x"]),
    ),
)
def test_whatever_the_headers_hold_it_is_an_answer(scheme: str, headers: Headers) -> None:
    assert isinstance(verify([scheme], [SECRET], headers, b"body", NOW), Rejected)
