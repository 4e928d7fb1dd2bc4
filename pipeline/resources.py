"""Where the files that travel with the code are: schemas, SQL and example data.

In a checkout they stand beside the package, where people read and edit them; in a wheel they are
inside it, under ``pipeline/_data`` (``pyproject.toml`` puts them there). Callers see one path.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def schemas() -> Path:
    """The directory of the Avro schemas, one ``<record>.avsc`` per event type."""
    return _directory("schemas")


def sql() -> Path:
    """The directory that holds ``migrations/`` and ``views/``."""
    return _directory("sql")


def examples() -> Path:
    """The directory of the delivery histories that are shipped as examples."""
    return _directory("examples")


def _directory(name: str) -> Path:
    # An installed wheel is asked first: site-packages may hold a stranger's top-level `schemas`.
    candidates = (_PACKAGE / "_data" / name, _PACKAGE.parent / name)
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    places = " and ".join(str(candidate) for candidate in candidates)
    raise FileNotFoundError(
        f"no directory {name!r} at {places}: the installation is incomplete, install aftermerge again"
    )
