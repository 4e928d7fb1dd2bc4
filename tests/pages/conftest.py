"""All pages before the small world, as a browser's requests meet them, without a server in between."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.pages.site import Looked, looked
from tests.store.conftest import fresh
from tests.store.world import fill


@pytest.fixture(scope="module")
def world(dsn: str) -> Iterator[Looked]:
    """The small world, for whoever is on this machine."""
    for store in fresh(dsn):
        store.migrate()
        fill(store)
        yield from looked(store)


@pytest.fixture(scope="module")
def nothing(dsn: str) -> Iterator[Looked]:
    """A store of which nothing was told yet."""
    for store in fresh(dsn):
        store.migrate()
        yield from looked(store)
