"""Which version runs."""

from __future__ import annotations

from importlib import metadata

DISTRIBUTION = "aftermerge"


def version() -> str:
    """The installed version, or ``unreleased`` in a checkout that isn't installed."""
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "unreleased"
