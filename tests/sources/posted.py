"""Deliveries as they are posted, and what golden ones become.

A golden delivery is ``<name>.json`` beside ``<name>.expected.json``: the body alone, or ``headers`` and
``body``. Write the expected files anew with ``python -m tests.sources.posted`` and read what changed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from pipeline.core.events import RECORD_OF
from pipeline.sources import alertmanager, cloudevents_http, grafana_alerting, mapping
from pipeline.sources.deliveries import Delivery, Parser, Reader, Reading
from pipeline.sources.mapping import load_mapping
from pipeline.sources.texts import Patterns

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden"
MAPPINGS = ROOT / "examples/mappings"
#: 2024-05-01T15:00:00Z, after everything that the golden deliveries tell
RECEIVED_AT = 1_714_575_600_000_000


def token(login: str) -> str:
    return f"p:{login.encode().hex()[:16]:0>16}"


def delivery(
    body: Any,
    source: str = "alertmanager",
    headers: dict[str, str] | None = None,
    received_at: int = RECEIVED_AT,
) -> Delivery:
    """A delivery of bytes, or of anything as JSON; header names with ``_`` for ``-``."""
    posted = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    named = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
    return Delivery("acme", source, received_at, named, posted)


def mappings() -> dict[str, object]:
    """The mappings of the examples, by name."""
    return {
        path.stem: load_mapping(path.read_text(encoding="utf-8"), path.name)
        for path in sorted(MAPPINGS.glob("*.yaml"))
    }


READER = Reader(token, Patterns(), mappings=mappings())

_PARSERS: dict[str, Parser] = {
    "alertmanager": alertmanager.parse,
    "grafana": grafana_alerting.parse,
    "cloudevents_http": cloudevents_http.parse,
    "mappings": mapping.parse,
}


def goldens(folder: str) -> list[Path]:
    """The golden deliveries of one source."""
    return sorted(
        path for path in (GOLDEN / folder).glob("*.json") if not path.name.endswith(".expected.json")
    )


def golden(path: Path) -> Delivery:
    """One of them, as it was posted."""
    told = json.loads(path.read_bytes())
    # of a mapping's delivery the name of the mapping is the first word
    source = path.stem.partition("_")[0] if path.parent.name == "mappings" else path.parent.name
    if set(told) == {"headers", "body"}:
        posted = json.dumps(told["body"], ensure_ascii=False).encode()
        return Delivery("acme", source, RECEIVED_AT, told["headers"], posted)
    return Delivery("acme", source, RECEIVED_AT, {"content-type": "application/json"}, path.read_bytes())


def read(path: Path) -> Reading:
    """What a golden delivery becomes."""
    return _PARSERS[path.parent.name](golden(path), READER)


def shown(reading: Reading) -> dict[str, Any]:
    """A reading as JSON says it."""
    return {
        "events": [
            {"record": RECORD_OF[type(event)], **msgspec.structs.asdict(event)} for event in reading.events
        ],
        "unused": reading.unused,
        "refused": list(reading.refused),
    }


def expected(path: Path) -> Any:
    """What it is to become."""
    return json.loads(path.with_suffix(".expected.json").read_bytes())


def _write() -> None:
    for folder in _PARSERS:
        for path in goldens(folder):
            text = json.dumps(shown(read(path)), indent=2, ensure_ascii=False)
            path.with_suffix(".expected.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    _write()
