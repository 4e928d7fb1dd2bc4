"""Without Java or Maven, tests that need a broker say how to get it; where CI has to have it, they fail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kafka import artifacts
from tests.kafka.artifacts import demand, fetch, kafka_jars, registry_home

MAVEN = "apt-get install maven"
FETCHING = "-m tests.kafka.artifacts"


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """No program is found, and the cache is there but empty."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("CI", raising=False)
    yield tmp_path
    assert not list(tmp_path.glob("aftermerge/*")), "nothing was fetched, and nothing half of it is left"


@pytest.fixture
def java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program of this name is found; nothing here runs it."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "java").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(programs))


def demanded(home: Path) -> tuple[str, str]:
    """What becomes of a test that demands this, and why; a skip must not skip the test that looks at it."""
    try:
        demand(home)
    except pytest.skip.Exception as skipped:
        return "skipped", str(skipped)
    except pytest.fail.Exception as failed:
        return "failed", str(failed)
    return "goes on", ""


def test_without_java_a_test_is_skipped_and_says_how_to_get_it() -> None:
    ended, said = demanded(kafka_jars())
    assert ended == "skipped"
    assert said.startswith(f"java was not found, which kafka-{artifacts.KAFKA} runs on: ")
    assert MAVEN in said
    assert FETCHING in said


@pytest.mark.usefixtures("java")
def test_without_the_files_a_test_is_skipped_and_says_how_to_get_them() -> None:
    ended, said = demanded(registry_home())
    assert ended == "skipped"
    assert said.startswith(f"{registry_home()} is not there: ")
    assert MAVEN in said
    assert FETCHING in said


@pytest.mark.usefixtures("java")
def test_with_both_a_test_goes_on(bare: Path) -> None:
    assert demanded(bare) == ("goes on", "")


def test_under_ci_a_test_fails_with_the_same_words(monkeypatch: pytest.MonkeyPatch) -> None:
    ended, said = demanded(kafka_jars())
    assert ended == "skipped"
    monkeypatch.setenv("CI", "true")
    assert demanded(kafka_jars()) == ("failed", said)


def test_fetching_says_what_is_missing_and_how_to_get_it() -> None:
    assert fetch() == f"mvn and java not found: {artifacts.HOW}"
    assert MAVEN in artifacts.HOW
    assert FETCHING in artifacts.HOW


@pytest.mark.usefixtures("java")
def test_fetching_names_only_what_is_missing() -> None:
    assert fetch() == f"mvn not found: {artifacts.HOW}"


def test_the_command_goes_on_without_but_not_under_ci(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert artifacts.main() == 0
    said = capsys.readouterr()
    assert "those that need it are left out: mvn and java not found" in said.err
    assert artifacts.HOW in said.err
    monkeypatch.setenv("CI", "true")
    assert artifacts.main() == 1
    assert capsys.readouterr().err == said.err
