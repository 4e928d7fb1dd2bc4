"""Settings: where they come from, what is refused and in which words, and that secrets stay secret."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.cli.configuring import reader_of
from pipeline.settings import (
    ENVIRONMENT_PREFIX,
    InvalidSettings,
    Settings,
    load_settings,
    masked_dsn,
    unknown_variables,
)

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "settings.md"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(ENVIRONMENT_PREFIX + name.upper(), raising=False)


def test_an_option_beats_the_environment_and_that_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().workspace == "default"
    monkeypatch.setenv("AFTERMERGE_WORKSPACE", "acme")
    assert load_settings().workspace == "acme"
    assert load_settings(workspace="other").workspace == "other"
    assert load_settings(workspace=None).workspace == "acme"


def test_the_data_directory_follows_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert load_settings().data == tmp_path / "aftermerge"
    monkeypatch.setenv("XDG_DATA_HOME", "relative/counts/as/unset")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_settings().data == tmp_path / ".local" / "share" / "aftermerge"


def test_the_data_directory_is_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert load_settings(data=Path("here/../there")).data == tmp_path / "there"
    assert load_settings(data=Path("~/d")).data == tmp_path / "home" / "d"


def test_a_wrong_value_is_named_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERMERGE_HORIZON_DAYS", "soon")
    with pytest.raises(InvalidSettings, match=r"^AFTERMERGE_HORIZON_DAYS: .*integer"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("workspace", ""),
        ("workspace", "a b"),
        ("database", "drop table"),
        ("horizon_days", 0),
        ("model", "guess"),
        ("batch_rows", 0),
        ("dead_letter_ratio_max", 1.5),
        ("store_dsn", "mysql://host"),
        ("revert_pattern", "reverts #(\\d+)"),
        ("emergency_pattern", "("),
    ],
)
def test_what_can_not_work_is_refused(name: str, value: object) -> None:
    with pytest.raises(InvalidSettings, match=f"^{name}: "):
        load_settings(**{name: value})


def test_the_window_lies_within_the_horizon() -> None:
    with pytest.raises(InvalidSettings, match="AFTERMERGE_ATTRIBUTION_WINDOW_HOURS"):
        load_settings(horizon_days=3, attribution_window_hours=100)


def test_no_secret_is_ever_shown() -> None:
    dsn = "clickhouse://reader:hunter2@db.example:8443/x?password=hunter2"
    settings = load_settings(store_dsn=dsn)
    assert settings.resolved_dsn() == dsn
    for text in (repr(settings), str(settings), str(settings.shown()), masked_dsn(dsn)):
        assert "hunter2" not in text
    with pytest.raises(InvalidSettings) as refused:
        load_settings(store_dsn="mysql://u:hunter2@h")
    assert "hunter2" not in str(refused.value)


def test_the_store_is_embedded_unless_a_server_is_named(tmp_path: Path) -> None:
    settings = load_settings(data=tmp_path)
    assert settings.embedded
    assert settings.resolved_dsn() == f"chdb://{tmp_path}/clickhouse"
    assert not load_settings(store_dsn="clickhouse://h").embedded


def test_misspelled_variables_are_found() -> None:
    environment = {"AFTERMERGE_WORKSPCE": "x", "AFTERMERGE_WORKSPACE": "y", "PATH": "z"}
    assert unknown_variables(environment) == ["AFTERMERGE_WORKSPCE"]


def test_what_is_looked_for_in_texts_is_what_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERMERGE_EMERGENCY_LABELS", "now, at once")
    monkeypatch.setenv("AFTERMERGE_EMERGENCY_PATTERN", "^fire:")
    monkeypatch.setenv("AFTERMERGE_INCIDENT_PATTERN", r"ticket (\d+)")
    monkeypatch.setenv("AFTERMERGE_SECTION_PATTERNS", '{"plan": "plan b"}')
    monkeypatch.setenv("AFTERMERGE_REVERT_PATTERN", r"undoes (?:(\w+/\w+) )?no\. (\d+)")
    monkeypatch.setenv("AFTERMERGE_INCIDENT_LABELS", "outage")
    reader = reader_of(load_settings(), str, {})
    said = reader.patterns.read(
        "acme/api", "change", "## Plan B\nticket 77, undoes no. 5 and undoes acme/web no. 6", ["At Once"]
    )
    assert said == ("At Once", ["77"], ["plan"], ["acme/api#5", "acme/web#6"])
    assert reader.patterns.read("acme/api", "Fire: now", "", []).emergency == "Fire"
    usual = reader.patterns.read("acme/api", "hotfix: INC-42", "## Runbook\nreverts #5", ["hotfix"])
    assert usual == ("", [], [], [])
    assert reader.incident_labels == {"outage"}


def test_every_setting_is_documented_with_its_meaning() -> None:
    text = " ".join(DOCUMENT.read_text(encoding="utf-8").split())
    for name, field in Settings.model_fields.items():
        assert field.description, f"{name} needs a description"
        assert f"`{ENVIRONMENT_PREFIX}{name.upper()}`" in text, f"{name} is missing in docs/settings.md"
        assert " ".join(field.description.split()) in text, f"docs/settings.md tells {name} otherwise"


def test_the_document_names_no_setting_that_is_not_there() -> None:
    known = {ENVIRONMENT_PREFIX + name.upper() for name in Settings.model_fields}
    named = set(re.findall(r"`(AFTERMERGE_[A-Z_]+)`", DOCUMENT.read_text(encoding="utf-8")))
    assert named - known == set()
