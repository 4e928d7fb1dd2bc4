"""Every setting, in one class: the name of its variable, its meaning, its default and its limits.

A setting comes from an option of the command, else from the variable ``AFTERMERGE_<NAME>``, else
from the default below. Only ``pipeline.cli`` reads this class; the steps are handed what they need.
``docs/settings.md`` lists all of it, and a test compares the two.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlencode

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipeline.cluster_settings import ClusterSettings
from pipeline.credentials import FILE, REPORTING, is_credential
from pipeline.live_settings import LiveSettings

ENVIRONMENT_PREFIX = "AFTERMERGE_"

Model = Literal["intensity", "last-deployment", "same-service", "nearest-dependency", "time-and-depth"]

_PASSWORD_IN_DSN = re.compile(r"(?P<scheme>://)(?P<user>[^:/@]*):(?P<password>.*)@")
_SECRET_PARAMETER = re.compile(r"(?P<name>[?&](?:password|token|access_token)=)[^&]*", re.I)


class InvalidSettings(ValueError):
    """A setting has a value that can't be used; the text names the setting and says why."""


def default_data_directory() -> Path:
    """Where data lives unless told: the XDG data directory of this user, so it is found again
    from every working directory and never lands in somebody's repository."""
    base = os.environ.get("XDG_DATA_HOME", "")
    # The XDG rule: a relative path in the variable counts as unset.
    home = Path(base) if base and Path(base).is_absolute() else Path.home() / ".local" / "share"
    return home / "aftermerge"


class Settings(ClusterSettings, LiveSettings, BaseSettings):
    """What can be set, with the meaning of each."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    data: Annotated[
        Path,
        Field(
            default_factory=default_data_directory,
            description="Directory that holds everything: the log, the embedded ClickHouse, the"
            " secret behind the person tokens. One process at a time may hold it.",
        ),
    ]
    workspace: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
            description="Name of the unit of correlation, usually one organisation. Everything"
            " inside a workspace can be joined; nothing is joined across workspaces.",
        ),
    ] = "default"
    store_dsn: Annotated[
        SecretStr,
        Field(
            description="Address of your own ClickHouse, clickhouse://user:password@host:8123 (or"
            " clickhouses:// for TLS). Empty: the ClickHouse engine embedded in this process, with"
            " its files in the data directory. A password in it is never printed.",
        ),
    ] = SecretStr("")
    database: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$",
            description="ClickHouse database that holds the tables and views; made when missing.",
        ),
    ] = "aftermerge"
    horizon_days: Annotated[
        int,
        Field(
            ge=1,
            le=3650,
            description="How far back joins look and how long closed things stay in memory, in"
            " days. Events that arrive later than this are kept and counted; `aftermerge rebuild`"
            " applies them (an import does so by itself).",
        ),
    ] = 90
    attribution_window_hours: Annotated[
        int,
        Field(
            ge=1,
            le=24 * 365,
            description="A deployment is a candidate cause of an incident that began at most this"
            " many hours after it went live. At most the horizon.",
        ),
    ] = 336
    budget_window_hours: Annotated[
        int,
        Field(
            ge=1,
            le=72,
            description="More than half of an error budget spent within so many hours calls for a review"
            " of what changed recently, more than all of it for somebody to be paged.",
        ),
    ] = 6
    model: Annotated[
        Model,
        Field(
            description="What attributes incidents: `intensity` (competing intensities, can say"
            " none and unseen) or one of the baselines that it is compared with.",
        ),
    ] = "intensity"
    batch_rows: Annotated[
        int,
        Field(
            ge=1,
            le=1_000_000,
            description="How many events are decoded, folded, written and committed at a time."
            " More is faster and takes more memory; Ctrl-C repeats at most one batch.",
        ),
    ] = 50_000
    dead_letter_ratio_max: Annotated[
        float,
        Field(
            ge=0.0,
            le=1.0,
            description="An input of which more than this share is unreadable stops the command,"
            " since it is then more likely the wrong input than a few bad lines.",
        ),
    ] = 0.2

    @field_validator("data")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return Path(os.path.abspath(value.expanduser()))

    @field_validator("store_dsn")
    @classmethod
    def _known_scheme(cls, value: SecretStr) -> SecretStr:
        dsn = value.get_secret_value()
        if dsn and not dsn.startswith(("clickhouse://", "clickhouses://", "chdb://", "http://", "https://")):
            raise ValueError("must start with clickhouse://, clickhouses://, http(s):// or chdb://")
        return value

    @property
    def embedded(self) -> bool:
        """Whether the ClickHouse engine runs inside this process."""
        return self.resolved_dsn().startswith("chdb://")

    @property
    def log_path(self) -> Path:
        """The one file that holds the log."""
        return self.data / "log.sqlite"

    @property
    def store_path(self) -> Path:
        """The directory of the embedded ClickHouse; unused with a server."""
        return self.data / "clickhouse"

    def resolved_dsn(self) -> str:
        """The store's address as the store needs it, secrets included: never print it."""
        dsn = self.store_dsn.get_secret_value()
        if not dsn:
            return f"chdb://{self.store_path}"
        return f"{dsn}?{urlencode({'ca_cert': self.store_ssl_ca})}" if self.store_ssl_ca else dsn

    def shown(self) -> dict[str, str]:
        """Every setting as text for people, secrets masked."""
        values = {name: str(getattr(self, name)) for name in type(self).model_fields}
        values["store_dsn"] = masked_dsn(self.resolved_dsn())
        values |= {name: "***" for name in SECRETS if name != "store_dsn" and values[name]}
        return values


def masked_dsn(dsn: str) -> str:
    """An address without its password."""
    return _SECRET_PARAMETER.sub(r"\g<name>***", _PASSWORD_IN_DSN.sub(r"\g<scheme>\g<user>:***@", dsn))


def load_settings(**overrides: object) -> Settings:
    """The settings in force; an override of ``None`` counts as not given.

    Raises ``InvalidSettings`` with one line per wrong setting.
    """
    given = _from_files(os.environ) | {name: value for name, value in overrides.items() if value is not None}
    try:
        settings = Settings(**given)  # type: ignore[arg-type]  # pydantic validates what it is given
    except ValidationError as invalid:
        lines = []
        for error in invalid.errors(include_url=False, include_input=False, include_context=False):
            name = str(error["loc"][0]) if error["loc"] else "settings"
            where = name if name in given else ENVIRONMENT_PREFIX + name.upper()
            lines.append(f"{where}: {error['msg']}")
        raise InvalidSettings("\n".join(lines)) from None
    if settings.attribution_window_hours > settings.horizon_days * 24:
        raise InvalidSettings(
            f"{ENVIRONMENT_PREFIX}ATTRIBUTION_WINDOW_HOURS: {settings.attribution_window_hours} h is"
            f" longer than the horizon of {settings.horizon_days} days; raise"
            f" {ENVIRONMENT_PREFIX}HORIZON_DAYS or lower it"
        )
    return settings


#: settings that are secrets: each may be read from a file, named by its variable with _FILE behind it
SECRETS = tuple(name for name, field in Settings.model_fields.items() if field.annotation is SecretStr)


def _from_files(environment: Mapping[str, str]) -> dict[str, object]:
    """Secrets whose variables name files, by setting. Raises ``InvalidSettings``."""
    found: dict[str, object] = {}
    for name in SECRETS:
        variable = ENVIRONMENT_PREFIX + name.upper()
        path = environment.get(variable + FILE, "")
        if not path:
            continue
        if environment.get(variable):
            raise InvalidSettings(f"{variable} and {variable}{FILE} are both set: keep one of them")
        try:
            found[name] = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise InvalidSettings(f"{variable}{FILE}: {path} can't be read: {reason}") from None
    return found


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Variables that carry our prefix and name no setting: most likely spelled wrong."""
    known = {ENVIRONMENT_PREFIX + name.upper() for name in Settings.model_fields}
    known |= {ENVIRONMENT_PREFIX + name.upper() + FILE for name in SECRETS}
    return sorted(
        name
        for name in environment
        if name.upper().startswith(ENVIRONMENT_PREFIX)
        and name.upper() not in known
        and not is_credential(name.upper())
        and name.upper() not in REPORTING
    )
