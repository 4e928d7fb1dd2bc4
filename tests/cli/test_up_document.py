"""docs/up.md shows commands, variables, addresses and metrics that are there.

``python -m tests.cli.test_up_document`` writes the table of metrics anew.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import click
import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.cli import main
from pipeline.credentials import DELIVERY_KEYS, REPORTING, ROLES, SECRET, TOKEN
from pipeline.live_settings import LiveSettings
from pipeline.settings import Settings
from pipeline.sources.live import SOURCES
from tests.live.process import up

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs/up.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")
METRICS = re.compile(r"(<!-- metrics: begin -->\n)(.*?)(<!-- metrics: end -->)", re.S)
VARIABLES = re.compile(r"AFTERMERGE_[A-Z_]+[A-Z]")


def table(exposed: str) -> str:
    """The metrics that a process shows, as the document has them."""
    families = sorted(text_string_to_metric_families(exposed), key=lambda family: family.name)
    rows = [
        f"| `{family.name}{'_total' * (family.type == 'counter')}` | {family.type} | {family.documentation} |"
        for family in families
        if family.name.startswith("aftermerge_") and not family.name.endswith("_created")
    ]
    return "\n".join(["| metric | kind | meaning |", "|---|---|---|", *rows, ""])


def exposed(directory: Path) -> str:
    with up(directory / "data") as started:
        return started.ask("/metrics").body.decode()


def test_metrics_are_told(tmp_path: Path) -> None:
    held = METRICS.search(TEXT)
    assert held is not None
    assert held[2] == table(exposed(tmp_path)), "run `python -m tests.cli.test_up_document`"


def test_metrics_that_are_named_are_in_the_table() -> None:
    held = METRICS.search(TEXT)
    assert held is not None
    for name in re.findall(r"`(aftermerge_\w+)", TEXT):
        assert f"| `{name}` |" in held[2]


def test_commands_that_are_shown_exist() -> None:
    shown = [line.split() for line in re.findall(r"^ {4}aftermerge (.+)$", TEXT, re.M)]
    shown += [line.split() for line in re.findall(r"`aftermerge ([^`]+)`", TEXT)]
    shown += [line.split() for line in re.findall(r"^ExecStart=\S+/aftermerge (.+)$", TEXT, re.M)]
    assert len(shown) > 8
    context = click.Context(main)
    for words in shown:
        command: click.Command = main
        for word in words:
            if isinstance(command, click.Group):
                found = command.get_command(context, word)
                assert found is not None, words
                command = found
            elif word.startswith("--"):
                known = {name for parameter in command.params for name in parameter.opts}
                assert word in known | {"--help"}, words


def test_every_secret_and_token_is_told_and_no_other() -> None:
    told = set(VARIABLES.findall(TEXT))
    tokens = {f"{TOKEN}{role.upper()}" for role in ROLES}
    sources = {f"{SECRET}{name.upper()}" for name in SOURCES}
    assert told >= tokens | sources | {DELIVERY_KEYS}
    settings = {f"AFTERMERGE_{name.upper()}" for name in Settings.model_fields}
    examples = {f"{SECRET}MY_DESK", f"{SECRET}GITHUB_FILE"}
    unknown = told - tokens - sources - settings - examples - set(REPORTING) - {DELIVERY_KEYS}
    assert unknown - {SECRET.removesuffix("_")} == set()


def test_every_source_has_its_line() -> None:
    lines = re.findall(r"^\| \[.*$", TEXT, re.M)
    assert sum(f"`{SECRET}{name.upper()}`" in line for name in SOURCES for line in lines) == len(SOURCES)


def test_defaults_are_those_of_the_settings() -> None:
    defaults = LiveSettings()
    for told in (defaults.listen, defaults.clickhouse_listen, f"{defaults.received_days} days"):
        assert told in TEXT
    assert defaults.proxy_role_header in TEXT


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!https?:)([^)]+)\)", TEXT))))
def test_links_lead_somewhere(link: str) -> None:
    name, _, place = link.partition("#")
    target = DOCUMENT.parent / name if name else DOCUMENT
    assert target.is_file()
    headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.M)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    assert not place or place in anchors


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        found = table(exposed(Path(scratch)))
    DOCUMENT.write_text(METRICS.sub(lambda held: held[1] + found + held[3], TEXT), encoding="utf-8")
