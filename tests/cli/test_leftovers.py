"""``doctor`` on what nothing was made of: deliveries without a use, and letters that were repaired since."""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.cli.exits import Exit
from pipeline.cli.leftovers import KIND_CHARACTERS_MAX
from pipeline.dead_letters import bury
from pipeline.log.protocol import Record
from pipeline.log.sqlite import SqliteLog
from pipeline.poison import UNFOLDABLE, letter_of
from tests.cli.test_imports import world, written
from tests.test_normalize import MAPPING, delivered, normalizer, reader

#: a mapping that takes some deliveries only
NARROW = MAPPING.replace("    event:", "    when: \"body.status == 'done'\"\n    event:")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory with a few events in it."""
    for name in [name for name in os.environ if name.startswith("AFTERMERGE_")]:
        monkeypatch.delenv(name)
    directory = tmp_path / "data"
    told = CliRunner().invoke(
        main, ["--data", str(directory), "replay", str(written(tmp_path / "in.jsonl", world()))]
    )
    assert told.exit_code == Exit.OK, told.output
    return directory


def log_of(data: Path) -> closing[SqliteLog]:
    """Its log, for a while: no command may hold it meanwhile."""
    return closing(SqliteLog(data / "log.sqlite"))


def findings(data: Path, section: str) -> tuple[int, list[dict[str, str]]]:
    result = CliRunner().invoke(main, ["--data", str(data), "doctor", "--format", "json"])
    return result.exit_code, [line for line in json.loads(result.stdout) if line["section"] == section]


def test_kinds_that_nothing_is_made_of_are_told_by_source(data: Path) -> None:
    assert findings(data, "unused") == (Exit.OK, [])
    with log_of(data) as log:
        for _ in range(3):
            delivered(log, {"action": "started"}, kind="watch")
        delivered(log, {"zen": "it works"}, kind="ping")
        delivered(log, {"eventType": "none that is known"}, kind="", source="jenkins")
        assert normalizer(log, reader(jenkins=NARROW)).run().unused == 5
    code, (github, jenkins) = findings(data, "unused")
    assert code == Exit.OK, "it is nothing to repair"
    assert (github["what"], github["state"]) == ("github", "note")
    assert github["value"].startswith("4 (watch started 3, ping 1), the last one 2026-")
    assert jenkins["value"].startswith("1 (")


def test_a_sender_can_not_make_the_report_longer(data: Path) -> None:
    with log_of(data) as log:
        for number in range(30):
            delivered(log, {}, kind=f"kind{number:02}" + "x" * 30)
        normalizer(log).run()
    _, (github,) = findings(data, "unused")
    assert github["value"].startswith("30 (kind00xxx")
    assert ", 20 further kinds 20), the last one" in github["value"]
    assert len(github["value"]) < 11 * KIND_CHARACTERS_MAX


def test_a_letter_of_a_delivery_that_can_be_read_now_is_no_problem(data: Path) -> None:
    broken = MAPPING.replace("body.at", "body.missing")
    build = {"job": "api", "service": "api", "number": 1, "at": "2026-09-01T10:00:00Z"}
    with log_of(data) as log:
        delivered(log, build, kind="", source="jenkins")
        assert normalizer(log, reader(jenkins=broken)).run().dead_letters == 1
    code, (letter,) = findings(data, "dead letters")
    assert (code, letter["state"]) == (Exit.PARTLY, "problem")
    with log_of(data) as log:
        assert normalizer(log, reader(jenkins=MAPPING)).again("jenkins", 0).settled == 1
    assert findings(data, "dead letters")[1] == []


def test_an_event_that_can_not_be_folded_is_nobody_s_input(data: Path) -> None:
    reason = f"{UNFOLDABLE}OverflowError: too large"
    with log_of(data) as log:
        bury(log, [letter_of(Record(0, b"default", b"an event"), reason)])
    code, (letter,) = findings(data, "dead letters")
    assert (code, letter["what"]) == (Exit.PARTLY, reason)
    assert "report it" in letter["advice"]
