"""Formats and settings that a client may wish for: harmless ones, and limits that become lower."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.store.answering import LIMITS
from pipeline.web.allowed import FORMATS, IGNORED_SETTINGS, SETTING_PREFIXES, SETTINGS
from pipeline.web.refusals import BAD_ARGUMENTS, SETTING_CONSTRAINT_VIOLATION, UNKNOWN_FORMAT, Refused


def checked_format(name: str) -> str:
    """The name of an output format; raises ``Refused`` for one that reads schemas or asks a registry."""
    if name.lower() not in FORMATS:
        raise Refused(UNKNOWN_FORMAT, f"the format {name} is not available here")
    return name


def checked_setting(name: str, value: object) -> None:
    """Raise ``Refused`` unless a setting is harmless, or lowers a limit."""
    if name in LIMITS:
        try:
            asked = float(str(value))
        except ValueError:
            asked = 0
        if not 0 < asked <= LIMITS[name]:
            raise Refused(
                SETTING_CONSTRAINT_VIOLATION,
                f"Setting {name} can be lowered only: it is more than 0 and at most {LIMITS[name]}",
            )
    elif not is_harmless(name):
        raise Refused(SETTING_CONSTRAINT_VIOLATION, f"Setting {name} can't be changed here")


def is_harmless(name: str) -> bool:
    """Whether a setting changes only how an answer looks or what it means."""
    return name in SETTINGS or (name.startswith(SETTING_PREFIXES) and name != "output_format_schema")


def requested_settings(asked: Mapping[str, str]) -> dict[str, str | int]:
    """The settings of a request; limits above ours become ours, as those of a server's profile would.

    Raises ``Refused`` for what could do harm; what only concerns a server's connection is left away.
    """
    settings: dict[str, str | int] = {}
    for name, value in asked.items():
        if name in IGNORED_SETTINGS:
            continue
        if name in LIMITS:
            try:
                number = float(value)
            except ValueError:
                raise Refused(BAD_ARGUMENTS, f"the setting {name} is no number") from None
            settings[name] = value if 0 < number <= LIMITS[name] else LIMITS[name]
            continue
        checked_setting(name, value)
        settings[name] = value
    return settings
