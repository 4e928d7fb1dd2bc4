"""Who may read what: a bearer token, or a name from a proxy that is trusted to have asked for it."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, NamedTuple

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

Network = IPv4Network | IPv6Network

#: peers of a socket file have no address
UNIX_SOCKET = "unix"
IDENTITY_CHARACTERS_MAX = 200
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
    """Who asks, as far as we know, and in which role. A token's name is the beginning of its digest."""

    name: str
    role: Role

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
    """A proxy in front that signs people in (OIDC) and says who they are in a header.

    The header counts only when the peer's address is in ``networks``; name -> role, and ``default`` for
    everybody else whom the proxy let in (``None``: refused).
    """

    header: str
    networks: tuple[Network, ...]
    roles: Mapping[str, Role] = field(default_factory=dict)
    default: Role | None = Role.VIEWER

    def __post_init__(self) -> None:
        if not self.header or not self.networks:
            raise ValueError("a trusted proxy needs the name of its header and its addresses")

    def trusts(self, peer: str) -> bool:
        """Whether a peer is the proxy."""
        return _within(peer, self.networks)


@dataclass(frozen=True, slots=True)
class Access:
    """The readers. With neither tokens nor a proxy, whoever is on this machine may do everything."""

    #: digest of a token (``token_digest``) -> its role
    tokens: Mapping[str, Role] = field(default_factory=dict, repr=False)
    proxy: TrustedProxy | None = None

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
                found = Identity(f"token {digest[:8]}", role)
        return found

    def identify(self, headers: Mapping[str, str], peer: str) -> Identity | None:
        """Who sent a request, by headers with lower-case names and the peer's address or ``UNIX_SOCKET``."""
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and token.strip():
            return self.by_token(token.strip())
        if self.proxy is not None and self.proxy.trusts(peer):
            name = headers.get(self.proxy.header.lower(), "")[:IDENTITY_CHARACTERS_MAX]
            role = self.proxy.roles.get(name, self.proxy.default) if name else None
            return Identity(name, role) if role is not None else None
        if not self.configured and from_this_machine(headers, peer):
            return Identity("local", Role.ADMIN)
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
    """Whether an address, a host's name or ``UNIX_SOCKET`` is this machine itself."""
    if peer in (UNIX_SOCKET, "localhost"):
        return True
    try:
        address = ip_address(peer.strip("[]"))
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_loopback


def peer_of(scope: Mapping[str, Any]) -> str:
    """The address of whoever is connected; ``UNIX_SOCKET`` for a socket file."""
    client = scope.get("client")
    return str(client[0]) if client and client[0] else UNIX_SOCKET


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
    if peer == UNIX_SOCKET:
        return True
    host = headers.get("host", "").lower()
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    origin = headers.get("origin", "")
    return name in _NAMES_OF_LOOPBACK and (not origin or origin.partition("://")[2].lower() == host)


class OnlyThisMachine:
    """An application that asks nobody for a token: for programs on this machine, by its own name."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse with 403."""
        if scope["type"] == "http" and not from_this_machine(headers_of(scope), peer_of(scope)):
            refusal = PlainTextResponse(
                "ask from this machine as 127.0.0.1, or set a token for reading\n", 403
            )
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _within(peer: str, allowed: tuple[Network, ...]) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in allowed)
