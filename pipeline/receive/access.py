"""Who may read what: a bearer token, or a name from a proxy that is trusted to have asked for it."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, NamedTuple

Network = IPv4Network | IPv6Network

IDENTITY_CHARACTERS_MAX = 200
#: who acts on this machine where nobody is told from anybody else; no login has a space
LOCAL = "this machine"
_NAMES_OF_LOOPBACK = {"localhost", "127.0.0.1", "::1", "[::1]"}


class Role(StrEnum):
    """What a reader may do; see ``GRANTS`` for which includes which."""

    VIEWER = "viewer"
    RESPONDER = "responder"
    SECURITY = "security"
    ADMIN = "admin"


#: role -> the roles it includes
GRANTS: dict[Role, frozenset[Role]] = {
    Role.VIEWER: frozenset({Role.VIEWER}),
    Role.RESPONDER: frozenset({Role.VIEWER, Role.RESPONDER}),
    Role.SECURITY: frozenset({Role.VIEWER, Role.SECURITY}),
    Role.ADMIN: frozenset(Role),
}


class Identity(NamedTuple):
    """Who asks, as far as we know, and in which role.

    ``person`` is the login by which somebody's words are kept (as a keyed token): whose the reader's token
    is, or whom the proxy names; "" when the proxy names nobody.
    """

    role: Role
    person: str = ""
    #: whether several may have the token, so that ``person`` names it and nobody
    shared: bool = False

    def may(self, role: Role) -> bool:
        """Whether this identity's role includes another."""
        return role in GRANTS[self.role]


class AccessRefused(PermissionError):
    """``status`` is 401 for nobody we know, 403 for somebody who may not."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def token_digest(token: str) -> str:
    """How a token is kept: SHA-256 in hex. The token itself is held nowhere."""
    return sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(frozen=True, slots=True)
class TrustedProxy:
    """A proxy in front that signs people in (OIDC) and says in headers who they are.

    Headers count only when the peer's address is in ``networks``. ``roles``: what stands in ``header`` ->
    role, and ``default`` for everybody else whom the proxy let in (``None``: refused). ``person_header``
    has the login.
    """

    header: str
    networks: tuple[Network, ...]
    roles: Mapping[str, Role] = field(default_factory=dict)
    default: Role | None = Role.VIEWER
    person_header: str = ""

    def __post_init__(self) -> None:
        if not self.header or not self.networks:
            raise ValueError("a trusted proxy needs the name of its header and its addresses")

    def trusts(self, peer: str) -> bool:
        """Whether a peer is the proxy."""
        return _within(peer, self.networks)

    def identity(self, headers: Mapping[str, str]) -> Identity | None:
        """Whom the proxy means; only for what it sent itself."""
        name = headers.get(self.header.lower(), "")[:IDENTITY_CHARACTERS_MAX]
        role = self.roles.get(name, self.default) if name else None
        return Identity(role, _login(headers.get(self.person_header.lower(), ""))) if role else None


@dataclass(frozen=True, slots=True)
class Access:
    """The readers. With neither tokens nor a proxy, whoever is on this machine may do everything."""

    #: digest of a token (``token_digest``) -> its role
    tokens: Mapping[str, Role] = field(default_factory=dict, repr=False)
    proxy: TrustedProxy | None = None
    #: digest of a token -> the login of the one person who has it; of others only the role is known
    persons: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def configured(self) -> bool:
        """Whether anybody is told from anybody else."""
        return bool(self.tokens) or self.proxy is not None

    def by_token(self, token: str) -> Identity | None:
        """Whose token this is; ``None`` when it is nobody's."""
        digest = token_digest(token)
        found = None
        for known, role in self.tokens.items():
            if hmac.compare_digest(known.lower(), digest):
                person = self.persons.get(known)
                found = Identity(role, person or f"token of {role}", shared=person is None)
        return found

    def identify(self, headers: Mapping[str, str], peer: str, token: str | None = None) -> Identity | None:
        """Who sent a request, by headers with lower-case names and the peer's address ("": unknown).

        ``token`` is what the request has in a token's place, for who also looks elsewhere than in the
        header ``Authorization``.
        """
        if not self.configured:
            return Identity(Role.ADMIN, LOCAL) if from_this_machine(headers, peer) else None
        if token is None:
            token = _bearer(headers)
        if token:
            return self.by_token(token)
        if self.proxy is not None and self.proxy.trusts(peer):
            return self.proxy.identity(headers)
        return None

    def require(self, role: Role, headers: Mapping[str, str], peer: str) -> Identity:
        """Who sent a request, if that may act in a role. Raises ``AccessRefused``."""
        identity = self.identify(headers, peer)
        if identity is None:
            raise AccessRefused(
                401, "reading needs a token: send it as `Authorization: Bearer ...`, or sign in at the proxy"
            )
        if not identity.may(role):
            raise AccessRefused(
                403, f"this needs the role {role}, and you have {identity.role}: ask an admin for a token"
            )
        return identity


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Addresses or networks (``10.0.0.0/8``) of proxies. Raises ``ValueError`` naming the wrong one."""
    return tuple(ip_network(text.strip(), strict=False) for text in texts)


def is_loopback(peer: str) -> bool:
    """Whether an address or a host's name is this machine itself."""
    if peer == "localhost":
        return True
    try:
        address = ip_address(peer.strip("[]"))
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_loopback


def peer_of(scope: Mapping[str, Any]) -> str:
    """The address of whoever is connected; "" when that is not known."""
    client = scope.get("client")
    return str(client[0]) if client and client[0] else ""


def headers_of(scope: Mapping[str, Any]) -> dict[str, str]:
    """Headers by lower-case name; what is sent several times is joined by commas."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def from_this_machine(headers: Mapping[str, str], peer: str) -> bool:
    """Whether a program on this machine asks us by our own name.

    A page in somebody's browser asks from this machine too, but by a foreign name or with its origin;
    and a proxy says for whom it asks.
    """
    if not is_loopback(peer) or "x-forwarded-for" in headers or "forwarded" in headers:
        return False
    host = headers.get("host", "").lower()
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    origin = headers.get("origin", "")
    return name in _NAMES_OF_LOOPBACK and (not origin or origin.partition("://")[2].lower() == host)


def _bearer(headers: Mapping[str, str]) -> str:
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _login(told: str) -> str:
    """The login in a header; "" for what can't be one, such as two that were joined by a comma."""
    try:
        login = told.encode("latin-1").decode()
    except UnicodeError:
        return ""
    plain = login.isprintable() and not any(char.isspace() or char == "," for char in login)
    return login if plain and len(login) <= IDENTITY_CHARACTERS_MAX else ""


def _within(peer: str, allowed: tuple[Network, ...]) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in allowed)
