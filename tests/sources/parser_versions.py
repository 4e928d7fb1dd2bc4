"""Which parser made the golden results: what a known delivery becomes changes with a higher version only.

A higher version is what lets ``aftermerge renormalize`` replace what was made before. Write the record anew
with ``python -m tests.sources.parser_versions``; it refuses when a version has to be raised first.
"""

from __future__ import annotations

import json
import sys
from hashlib import blake2b
from pathlib import Path
from typing import TypedDict

from pipeline.sources.live import MAPPED, SOURCES

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
RECORD = GOLDEN / "parser_versions.json"
#: folder of golden deliveries -> the source that reads them, where the names differ
SOURCE_OF = {"cloudevents_http": "cloudevents", "mappings": ""}
_SUFFIX = ".expected.json"


class Made(TypedDict):
    """By which version of its parser the results of a folder were made, and digests of them."""

    version: int
    results: dict[str, str]


def made() -> dict[str, Made]:
    """What the golden folders hold now, with the versions of the parsers as they are."""
    found: dict[str, Made] = {}
    for path in sorted(GOLDEN.rglob(f"*{_SUFFIX}")):
        folder = path.relative_to(GOLDEN).parts[0]
        name = SOURCE_OF.get(folder, folder)
        version = (SOURCES[name] if name else MAPPED).parser_version
        held = found.setdefault(folder, {"version": version, "results": {}})
        place = str(path.relative_to(GOLDEN / folder)).removesuffix(_SUFFIX)
        held["results"][place] = blake2b(path.read_bytes(), digest_size=8).hexdigest()
    return found


def recorded() -> dict[str, Made]:
    """What the record says."""
    held: dict[str, Made] = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    return held


def unraised(now: dict[str, Made], before: dict[str, Made]) -> list[str]:
    """Results that became others although the version of their parser did not rise."""
    return [
        f"{folder}/{name}: raise PARSER_VERSION of {folder}, it makes something else of this delivery"
        for folder, held in before.items()
        for name, digest in held["results"].items()
        if folder in now
        and now[folder]["version"] <= held["version"]
        and now[folder]["results"].get(name, digest) != digest
    ]


def main() -> int:
    now = made()
    if wrong := unraised(now, recorded()):
        sys.stderr.write("\n".join([*wrong, ""]))
        return 1
    RECORD.write_text(json.dumps(now, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
