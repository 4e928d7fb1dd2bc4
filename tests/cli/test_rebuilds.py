"""`aftermerge rebuild` says what it did, also when the opening of the directory did it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from pipeline.cli.exits import Exit
from pipeline.correlate import Correlator, Summary
from tests.cli.test_imports import HOUR, START, counts, run, world, written


def test_a_rebuild_that_a_setting_asks_for_is_not_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    assert run(data, "replay", written(tmp_path / "in.jsonl", world())).exit_code == Exit.OK
    monkeypatch.setenv("AFTERMERGE_HORIZON_DAYS", "200")
    done = run(data, "rebuild", "--format", "json")
    assert (done.exit_code, counts(done)["rows written"] > 0) == (Exit.OK, True)


def test_a_rebuild_that_applies_what_waited_behind_the_horizon_is_not_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, old = tmp_path / "data", written(tmp_path / "old.jsonl", world())
    newest = msgspec.structs.replace(
        world(1)[0], id="newest", time=START + 400 * 24 * HOUR, change="acme/api#9"
    )
    newest = msgspec.structs.replace(newest, received_at=newest.time)
    assert run(data, "replay", written(tmp_path / "new.jsonl", [newest])).exit_code == Exit.OK

    def interrupted(self: Correlator, name: str, progress: object = None) -> Summary:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Correlator, "rebuild", interrupted)
        assert run(data, "replay", old).exit_code == Exit.INTERRUPTED
    done = run(data, "rebuild", "--format", "json")
    assert counts(done)["events behind the horizon"] == 10
    assert done.exit_code == Exit.OK
