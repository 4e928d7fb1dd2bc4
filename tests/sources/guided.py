"""The parsers under a fuzzer that follows which code an input reaches (atheris), which has to be installed.

``python -m tests.sources.guided SOURCE CORPUS [-runs=N, and what else libFuzzer takes]``. ``CORPUS`` is a
directory that keeps what reached something new; golden deliveries are put there first. An input is a
byte that chooses the headers of a golden delivery, and a body. A nightly test runs it where atheris is.
"""

from __future__ import annotations

import hashlib
import importlib
import sys
from pathlib import Path
from typing import Any

SOURCES_ROOM = "pipeline.sources"


def main(arguments: list[str]) -> None:
    """Runs until it is done, or an input breaks something; libFuzzer ends the process."""
    atheris: Any = importlib.import_module("atheris")
    source, directory, *options = arguments
    with atheris.instrument_imports(include=[SOURCES_ROOM]):
        importlib.import_module(f"{SOURCES_ROOM}.live")
    from pipeline.sources.deliveries import Delivery
    from tests.sources.deliveries import RECEIVED_AT
    from tests.sources.fuzzing import Checked, corpus

    seeds = corpus(source)
    headers = [dict(items) for items in dict.fromkeys(tuple(seed.headers.items()) for seed in seeds)][:256]
    kept = Path(directory)
    kept.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        if seed.headers in headers:
            told = bytes([headers.index(seed.headers)]) + seed.body
            (kept / hashlib.sha256(told).hexdigest()).write_bytes(told)
    checked = Checked()

    def one(told: bytes) -> None:
        if told:
            chosen = headers[told[0] % len(headers)]
            checked.read(Delivery("acme", source, RECEIVED_AT, dict(chosen), told[1:]))

    atheris.Setup([sys.argv[0], str(kept), *options], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
