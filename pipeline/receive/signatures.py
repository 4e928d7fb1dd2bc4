"""Did the sender know the secret? One function per scheme; pure, and over the body exactly as it came.

Every comparison takes the same time wherever the values differ, and every secret of a source is tried
even when an earlier one fits, so an answer's delay says nothing about them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

#: how far a signed timestamp may be from our clock, either way
TOLERANCE_SECONDS = 300
#: how many signatures of one header are compared: senders send two while a secret is rotated
SIGNATURES_MAX = 10
#: how many secrets one source may have at once
SECRETS_MAX = 5

_SIGNING_TOKEN_PREFIX = "whsec_"
_TIMESTAMP_DIGITS_MAX = 12


class Verified(NamedTuple):
    """The delivery comes from somebody who knows a secret of the source."""

    scheme: str
    #: what is the same for every repetition of this delivery and of no other; "" where the scheme has
    #: nothing that could tell a repetition from a new delivery
    identity: str = ""


class Rejected(NamedTuple):
    """Nobody who knows a secret sent this, as far as can be told; ``reason`` names no secret."""

    reason: str


Outcome = Verified | Rejected
Scheme = Callable[[Sequence[str], Mapping[str, str], bytes, int], Outcome]


def verify(
    schemes: Sequence[str],
    secrets: Sequence[str],
    headers: Mapping[str, str],
    body: bytes,
    now: int,
) -> Outcome:
    """Whether one of the schemes accepts a delivery.

    ``headers`` have lower-case names; ``body`` is what was sent, before any decompression; ``now`` is in
    seconds UTC. Without a secret nothing is accepted.
    """
    usable = [secret for secret in secrets if secret]
    if not usable or not schemes:
        return Rejected("no secret is set for this source: set one, and give the sender the same")
    reasons = []
    for name in schemes:
        outcome = SCHEMES[name](usable, headers, body, now)
        if isinstance(outcome, Verified):
            return outcome
        reasons.append(outcome.reason)
    return Rejected("; ".join(reasons))


def needs_body(schemes: Sequence[str]) -> bool:
    """Whether any of the schemes signs the body; the others can be checked before it is read."""
    return any(name not in _OF_HEADERS_ALONE for name in schemes)


def github(secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: int) -> Outcome:
    """GitHub: ``X-Hub-Signature-256: sha256=<hex>`` over the body. It signs no time and no id.

    The identity holds the event's name beside the signature, which does not cover it.
    """
    sent = headers.get("x-hub-signature-256", "")
    if not sent:
        return Rejected("the header X-Hub-Signature-256 is missing: set a secret in the webhook's settings")
    algorithm, _, signature = sent.partition("=")
    if algorithm != "sha256":
        return Rejected("the header X-Hub-Signature-256 does not begin with sha256=")
    fitting = _fitting(secrets, body, [signature])
    if not fitting:
        return Rejected("the header X-Hub-Signature-256 does not fit: use the same secret on both sides")
    return Verified("github", f"{headers.get('x-github-event', '')} {fitting}")


def pagerduty(secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: int) -> Outcome:
    """PagerDuty v3: ``X-PagerDuty-Signature: v1=<hex>[,v1=<hex>]`` over the body; any one may fit."""
    sent = headers.get("x-pagerduty-signature", "")
    if not sent:
        return Rejected("the header X-PagerDuty-Signature is missing")
    listed = [part.strip() for part in sent.split(",")][:SIGNATURES_MAX]
    signatures = [part.removeprefix("v1=") for part in listed if part.startswith("v1=")]
    if not signatures:
        return Rejected("the header X-PagerDuty-Signature has no signature of version v1")
    fitting = _fitting(secrets, body, signatures)
    if not fitting:
        return Rejected("the header X-PagerDuty-Signature does not fit: copy the subscription's secret anew")
    return Verified("pagerduty", fitting)


def gitlab_token(secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: int) -> Outcome:
    """GitLab's plain token: ``X-Gitlab-Token`` is the secret. ``Idempotency-Key`` stays over retries.

    Nothing signs the body: it is a part of the identity, or another one under the same key would be answered
    as if it were stored.
    """
    sent = headers.get("x-gitlab-token", "")
    if not sent:
        return Rejected("the header X-Gitlab-Token is missing: set a secret token in the webhook's settings")
    if not _any_equal(secrets, sent):
        return Rejected("the header X-Gitlab-Token does not fit: use the same token on both sides")
    key = headers.get("idempotency-key", "")
    return Verified("gitlab-token", f"{key} {hashlib.sha256(body).hexdigest()}" if key else "")


def standard_webhooks(secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: int) -> Outcome:
    """Standard Webhooks (GitLab's signing token too): HMAC-SHA256 over ``id.timestamp.body``, base64.

    A secret that begins with ``whsec_`` is base64 of the key; any other is the key itself.
    """
    identity = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    sent = headers.get("webhook-signature", "")
    if not (identity and timestamp and sent):
        return Rejected("one of the headers webhook-id, webhook-timestamp, webhook-signature is missing")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _TIMESTAMP_DIGITS_MAX):
        return Rejected("the header webhook-timestamp is no number of seconds")
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        return Rejected(
            f"the header webhook-timestamp is more than {TOLERANCE_SECONDS} seconds off: check both clocks"
        )
    signed = b"%s.%s.%s" % (identity.encode("latin-1", "replace"), timestamp.encode(), body)
    listed = sent.split()[:SIGNATURES_MAX]
    signatures = [part.removeprefix("v1,") for part in listed if part.startswith("v1,")]
    fits = False
    for secret in secrets:
        expected = base64.b64encode(hmac.digest(_signing_key(secret), signed, "sha256"))
        for signature in signatures:
            fits |= hmac.compare_digest(expected, signature.encode("latin-1", "replace"))
    if not fits:
        return Rejected("the header webhook-signature does not fit: use the same signing token on both sides")
    return Verified("standard-webhooks", identity)


def bearer(secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: int) -> Outcome:
    """``Authorization: Bearer <token>``: for senders that sign nothing (Alertmanager, Grafana, CI jobs)."""
    kind, _, sent = headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not sent.strip():
        return Rejected("the header Authorization has no bearer token")
    if not _any_equal(secrets, sent.strip()):
        return Rejected("the bearer token does not fit: use the same token on both sides")
    return Verified("bearer")


def basic(secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: int) -> Outcome:
    """``Authorization: Basic``; a secret is ``user:password``."""
    kind, _, sent = headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic" or not sent.strip():
        return Rejected("the header Authorization has no user and password")
    try:
        pair = base64.b64decode(sent.strip(), validate=True)
    except (binascii.Error, ValueError):
        return Rejected("the header Authorization is no base64 of user:password")
    if not _any_same(secrets, pair):
        return Rejected("user or password do not fit: use the same on both sides")
    return Verified("basic")


#: name of a scheme, as the settings spell it -> its function
SCHEMES: dict[str, Scheme] = {
    "github": github,
    "gitlab-token": gitlab_token,
    "standard-webhooks": standard_webhooks,
    "pagerduty": pagerduty,
    "bearer": bearer,
    "basic": basic,
}
_OF_HEADERS_ALONE = {"gitlab-token", "bearer", "basic"}


def _fitting(secrets: Sequence[str], signed: bytes, signatures: Sequence[str]) -> str:
    """A signature in hex that one of the secrets makes; "" when none fits."""
    fitting = ""
    for secret in secrets:
        expected = hmac.digest(secret.encode(), signed, "sha256").hex()
        for signature in signatures:
            if hmac.compare_digest(expected.encode(), signature.lower().encode("latin-1", "replace")):
                fitting = expected
    return fitting


def _any_equal(secrets: Sequence[str], sent: str) -> bool:
    return _any_same(secrets, sent.encode("latin-1", "replace"))


def _any_same(secrets: Sequence[str], sent: bytes) -> bool:
    # digests of equal length: comparing values of different length would tell the secret's
    given = hmac.digest(b"compare", sent, "sha256")
    fits = False
    for secret in secrets:
        fits |= hmac.compare_digest(hmac.digest(b"compare", secret.encode(), "sha256"), given)
    return fits


def _signing_key(secret: str) -> bytes:
    if secret.startswith(_SIGNING_TOKEN_PREFIX):
        encoded = secret.removeprefix(_SIGNING_TOKEN_PREFIX)
        try:
            return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        except (binascii.Error, ValueError):
            pass  # a plain secret that happens to begin so
    return secret.encode()
