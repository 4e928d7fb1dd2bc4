"""The embedded engine runs within limits, and freed memory goes back while much is written."""

from __future__ import annotations

import pytest

from pipeline.store import Store
from pipeline.store import memory as memory_module
from pipeline.store.memory import RETURNED_AFTER_BYTES, FreedMemory


def test_one_merge_at_a_time_in_small_blocks(empty: Store) -> None:
    server = "SELECT value FROM system.server_settings WHERE name = 'background_pool_size'"
    merges = "SELECT value FROM system.merge_tree_settings WHERE name = 'merge_max_block_size_bytes'"
    assert empty.query(server).rows == [("1",)]
    assert empty.query(merges).rows == [("1048576",)]


def test_freed_memory_is_given_back_once_enough_was_inserted(monkeypatch: pytest.MonkeyPatch) -> None:
    trims: list[int] = []
    monkeypatch.setattr(memory_module, "_trim", lambda: trims.append)
    freed = FreedMemory(None)
    freed.inserted(RETURNED_AFTER_BYTES - 1)
    assert trims == []
    freed.inserted(1)
    assert trims == [0]
    freed.inserted(RETURNED_AFTER_BYTES - 1)
    assert trims == [0]
