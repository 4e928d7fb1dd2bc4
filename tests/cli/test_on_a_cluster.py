"""What a command refuses where the log is a cluster's, before it asks any broker."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from pipeline.cli.exits import Exit
from pipeline.cli.wiring import persons_for
from pipeline.settings import load_settings

#: nobody listens there
NOWHERE = "127.0.0.1:9"


@pytest.fixture(autouse=True)
def on_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AFTERMERGE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AFTERMERGE_KAFKA_BOOTSTRAP", NOWHERE)


def run(data: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["--data", str(data), *map(str, arguments)])


@pytest.mark.parametrize(
    ("arguments", "instead"),
    [
        (("up",), "aftermerge receive"),
        (("backup", "all.tar"), "aftermerge export"),
        (("restore", "."), "replay --as-received"),
        (("forget", "dana"), "AFTERMERGE_RECEIVED_DAYS"),
    ],
)
def test_what_belongs_to_a_data_directory_is_refused(
    tmp_path: Path, arguments: tuple[str, ...], instead: str
) -> None:
    data = tmp_path / "data"
    said = run(data, *arguments)
    assert said.exit_code == Exit.USAGE, said.output
    assert "AFTERMERGE_KAFKA_BOOTSTRAP is set" in said.stderr
    assert instead in said.stderr
    assert not data.exists()


def test_a_person_has_no_token_of_this_machine_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    persons = persons_for(load_settings(data=tmp_path))
    with pytest.raises(Exception, match="AFTERMERGE_PERSON_KEY is not set"):
        persons.person_token("dana")
    monkeypatch.setenv("AFTERMERGE_PERSON_KEY", "5f" * 32)
    assert persons_for(load_settings(data=tmp_path)).person_token("dana").startswith("p:")
    assert not any(tmp_path.iterdir())


def test_the_settings_are_told_without_a_broker(tmp_path: Path) -> None:
    said = run(tmp_path, "doctor", "--settings")
    assert said.exit_code == Exit.OK
    assert NOWHERE in said.stdout
