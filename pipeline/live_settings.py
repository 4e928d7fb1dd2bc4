"""The settings of ``aftermerge up``: where it listens, whom it hears, and what it looks for in texts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, field_validator

from pipeline.sources import texts

_ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):\d{1,5}")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class LiveSettings(BaseModel):
    """What only the live process needs."""

    listen: Annotated[
        str,
        Field(
            description="Address and port where `aftermerge up` takes deliveries and answers /healthz,"
            " /readyz and /metrics. Anything but loopback needs a secret for every source and a token.",
        ),
    ] = "127.0.0.1:8090"
    clickhouse_listen: Annotated[
        str,
        Field(
            description="Address and port where `aftermerge up` answers read-only queries by the"
            " ClickHouse HTTP interface (Grafana, DBeaver, curl). Empty: only to other commands of this"
            " machine.",
        ),
    ] = "127.0.0.1:8123"
    workspaces: Annotated[
        str,
        Field(
            description="Further workspaces that deliveries may be for, separated by commas, beside"
            " AFTERMERGE_WORKSPACE.",
        ),
    ] = ""
    open_sources: Annotated[
        str,
        Field(
            description="Sources that need no secret, separated by commas: only while `aftermerge up`"
            " listens on loopback, where whoever can post is on this machine.",
        ),
    ] = ""
    mappings: Annotated[
        Path | None,
        Field(
            description="Directory of mappings (`<source>.yaml`), each of which makes one more source"
            " out of any JSON; docs/sources.md says how they are written.",
        ),
    ] = None
    received_days: Annotated[
        int,
        Field(
            ge=1,
            le=3650,
            description="How many days deliveries are kept as they came. They may name persons; what"
            " was made of them does not, and stays.",
        ),
    ] = 30
    dead_letters_days: Annotated[
        int | None,
        Field(
            ge=1,
            le=3650,
            description="How many days dead letters are kept, with what was refused; the oldest of more than"
            " 20000 go before. Empty: as long as deliveries.",
        ),
    ] = None
    delivery_bytes_max: Annotated[
        int,
        Field(
            ge=1_024,
            le=64 << 20,
            description="Longest delivery that is taken, in bytes, unpacked. GitHub sends up to 25 MiB.",
        ),
    ] = 25 << 20
    deliveries_per_second_max: Annotated[
        float,
        Field(
            gt=0,
            le=1e6,
            description="How many deliveries a second one source may send for long; short bursts may"
            " be ten times as many. More are told to come again later (429).",
        ),
    ] = 2_000.0
    trusted_proxies: Annotated[
        str,
        Field(
            description="Addresses of proxies, separated by commas, whose headers (below) say who"
            " reads: an OpenID Connect proxy in front. Empty: nobody's.",
        ),
    ] = ""
    proxy_role_header: Annotated[
        str,
        Field(description="Header in which a trusted proxy names the reader's role."),
    ] = "X-Aftermerge-Role"
    proxy_person_header: Annotated[
        str,
        Field(
            description="Header in which a trusted proxy names the reader's login, which verdicts need: the"
            " one that the forge knows the person by, so that tokens are the same.",
        ),
    ] = "X-Forwarded-User"
    incident_labels: Annotated[
        str,
        Field(description="Labels that make an issue an incident, separated by commas."),
    ] = "incident"
    emergency_labels: Annotated[
        str,
        Field(description="Labels that make a change an emergency, separated by commas."),
    ] = ",".join(texts.EMERGENCY_LABELS)
    emergency_pattern: Annotated[
        str,
        Field(description="Regular expression: a title that it finds itself in is an emergency."),
    ] = texts.EMERGENCY_TEXT
    incident_pattern: Annotated[
        str,
        Field(
            description="Regular expression that finds the incidents which a change's text names; its"
            " first group that matched is the incident.",
        ),
    ] = texts.INCIDENTS
    revert_pattern: Annotated[
        str,
        Field(
            description="Regular expression that finds the changes which a change's text says it takes back,"
            " with two groups: the repository, which may be left out, and the number.",
        ),
    ] = texts.REVERTS
    section_patterns: Annotated[
        dict[str, str],
        Field(
            description="Sections that a description should have, as JSON: name -> regular expression.",
        ),
    ] = texts.SECTIONS

    @property
    def letters_kept_days(self) -> int:
        """How many days dead letters are kept."""
        return self.received_days if self.dead_letters_days is None else self.dead_letters_days

    @field_validator("listen", "clickhouse_listen")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if value and (not _ADDRESS.fullmatch(value) or int(value.rpartition(":")[2]) > 65_535):
            raise ValueError("must be host:port, such as 127.0.0.1:8090 or [::1]:8090")
        return value

    @field_validator("listen")
    @classmethod
    def _is_told(cls, value: str) -> str:
        if not value:
            raise ValueError("must be host:port, such as 127.0.0.1:8090")
        return value

    @field_validator("emergency_pattern", "incident_pattern")
    @classmethod
    def _is_a_pattern(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from None
        return value

    @field_validator("revert_pattern")
    @classmethod
    def _is_a_revert(cls, value: str) -> str:
        groups = re.compile(cls._is_a_pattern(value)).groups
        if groups != texts.REVERT_GROUPS:
            raise ValueError(f"needs {texts.REVERT_GROUPS} groups, repository and number, it has {groups}")
        return value

    @field_validator("section_patterns")
    @classmethod
    def _are_patterns(cls, value: dict[str, str]) -> dict[str, str]:
        for name, pattern in value.items():
            if not _NAME.fullmatch(name):
                raise ValueError(f"the section {name!r} needs a name of small letters and digits")
            cls._is_a_pattern(pattern)
        return value


def names(text: str) -> tuple[str, ...]:
    """The parts of a setting that is a list separated by commas."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
