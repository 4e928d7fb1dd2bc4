"""Everything the receiver is told when it is put together, and what it refuses to be told."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pipeline.receive.access import Access, is_loopback
from pipeline.receive.keeping import KeyRing
from pipeline.receive.limits import Limits
from pipeline.receive.signatures import SCHEMES, SECRETS_MAX

SOURCES_MAX = 200

_WORKSPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SOURCE = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._-]{0,99}/)?[a-z0-9][a-z0-9_-]{0,49}")


@dataclass(frozen=True, slots=True)
class SourceSecurity:
    """How one source proves itself.

    ``schemes`` are names of ``signatures.SCHEMES``, any of which may fit; ``secrets`` are the ones in
    force (two while one is being replaced). ``open`` accepts deliveries without proof, from this machine
    alone, and counts only while there is no secret.
    """

    schemes: tuple[str, ...] = ()
    secrets: tuple[str, ...] = field(default=(), repr=False)
    open: bool = False

    def __post_init__(self) -> None:
        unknown = sorted(set(self.schemes) - set(SCHEMES))
        if unknown:
            raise ValueError(f"no scheme is called {unknown[0]!r}: use one of {', '.join(sorted(SCHEMES))}")
        if len(self.secrets) > SECRETS_MAX:
            raise ValueError(f"{len(self.secrets)} secrets for one source: at most {SECRETS_MAX} at once")
        if not all(secret.strip() for secret in self.secrets):
            raise ValueError("one of the secrets is empty: leave it out, or set it")
        if self.secrets and not self.schemes:
            raise ValueError("a source with a secret needs a scheme that says how it is used")

    def shown(self) -> dict[str, object]:
        """For people: no secret, only how many there are."""
        return {"schemes": list(self.schemes), "secrets": len(self.secrets), "open": self.open}


@dataclass(frozen=True, slots=True)
class ReceiverSettings:
    """What is received, from whom, and how much of it.

    ``sources``: name -> its security, the name being what stands in ``/receive/{workspace}/{source}``; the
    name ``workspace/source`` holds for one workspace and goes before the plain one. A workspace is
    accepted when it is listed or when the whole of it fits ``workspace_pattern``.
    """

    sources: Mapping[str, SourceSecurity]
    workspaces: frozenset[str] = frozenset({"default"})
    workspace_pattern: str = ""
    access: Access = field(default_factory=Access)
    limits: Limits = field(default_factory=Limits)
    keys: KeyRing = field(default_factory=KeyRing)
    #: whether `/metrics` is shown without a token
    open_metrics: bool = False
    #: further settings as `/config` shows them, secrets already masked
    shown: Callable[[], Mapping[str, object]] = dict

    def __post_init__(self) -> None:
        if len(self.sources) > SOURCES_MAX:
            raise ValueError(f"{len(self.sources)} sources: at most {SOURCES_MAX}")
        for name in self.sources:
            if not _SOURCE.fullmatch(name):
                raise ValueError(
                    f"a source can't be called {name!r}: use lower-case letters, digits, - and _"
                )
        for name in self.workspaces:
            if not _WORKSPACE.fullmatch(name):
                raise ValueError(
                    f"a workspace can't be called {name!r}: use letters, digits, '.', '_' and '-'"
                )
        try:
            re.compile(self.workspace_pattern)
        except re.error as error:
            raise ValueError(f"the pattern of workspaces is no regular expression: {error}") from None

    def accepts(self, workspace: str) -> bool:
        """Whether deliveries for a workspace are taken."""
        if workspace in self.workspaces:
            return True
        pattern = self.workspace_pattern
        return bool(pattern and _WORKSPACE.fullmatch(workspace) and re.fullmatch(pattern, workspace))

    def security(self, workspace: str, source: str) -> SourceSecurity | None:
        """How a source of a workspace proves itself; ``None`` for one that is not enabled."""
        return self.sources.get(f"{workspace}/{source}") or self.sources.get(source)

    @property
    def source_names(self) -> frozenset[str]:
        """The names of the sources, without workspaces."""
        return frozenset(name.rpartition("/")[2] for name in self.sources)


def refusal_to_listen(host: str, sources: Mapping[str, SourceSecurity], access: Access) -> str:
    """Why an address must not be listened on; "" when it may.

    Off this machine, every enabled source needs a secret, and reading needs a token or a trusted proxy.
    ``host`` is an address or a name; "" means every address.
    """
    if is_loopback(host):
        return ""
    unproven = sorted(name for name, security in sources.items() if not security.secrets)
    wrong = []
    if unproven:
        wrong.append(
            f"anybody could post to {', '.join(unproven)}: set a secret for each, or leave the source out"
        )
    if not access.configured:
        wrong.append("anybody could read: set a token for reading, or a trusted proxy")
    if not wrong:
        return ""
    return f"refusing to listen on {host or 'every address'}: {'; '.join(wrong)}; or listen on 127.0.0.1"
