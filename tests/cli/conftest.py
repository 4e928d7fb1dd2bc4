"""Commands that run in this process open a data directory, with an engine of its own."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _opens_directories(own_engine: None) -> None:
    """Whatever ran before these tests, the engine is free."""
