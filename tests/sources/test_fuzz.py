"""Whatever is posted, a parser gives clean events or says what is wrong: no crash, no hang, no flood."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.events import ChangeMerged, Event
from pipeline.sources.deliveries import Delivery, Reader, Reading, envelope
from pipeline.sources.expressions import MappingError
from pipeline.sources.live import SOURCES, LiveSource
from pipeline.sources.mapping import load_mapping
from tests.sources.bounds import watched
from tests.sources.fuzzing import Broken, Fuzzer, fuzz, sources
from tests.sources.hostile import EVERY_FORM
from tests.sources.shapes import SHAPES

ROOT = Path(__file__).resolve().parents[2]
#: of each parser, with the memory of every one of them measured
INPUTS = 3_000
RUN_SECONDS_MAX = 600
#: of each parser, every night: some 20 minutes for all of them together
NIGHTLY_INPUTS = 1_000_000
NIGHTLY_MEASURED_EVERY = 20
NIGHTLY_SECONDS_MAX = 4 * 3_600
GUIDED_INPUTS = 50_000
GUIDED_SECONDS_MAX = 1_800
GUIDED_MEMORY_MB_MAX = 2_048
#: with the seed of a failure, the same inputs come again
SEED = int(os.environ.get("FUZZ_SEED", "20240501"))


def ran(*arguments: str, seconds: float) -> subprocess.CompletedProcess[str]:
    """A run in a process of its own: what hangs, crashes or takes all memory does so there."""
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False
    )


def read_apart(source: str, seed: int, inputs: int, measured_every: int, seconds: float) -> dict[str, Any]:
    done = ran(
        "-m", "tests.sources.long_run", source, str(seed), str(inputs), str(measured_every), seconds=seconds
    )
    assert done.returncode == 0, done.stderr[-20_000:]
    counted: dict[str, Any] = json.loads(done.stdout)
    return counted


@pytest.mark.slow
@pytest.mark.parametrize("source", sources())
def test_nothing_but_events_and_reasons_comes_out(source: str) -> None:
    counted = read_apart(source, SEED, INPUTS, 1, RUN_SECONDS_MAX)
    assert counted["inputs"] == INPUTS
    # damage that leaves nothing whole, or changes nothing, would find nothing
    assert counted["events"] > 0
    assert counted["invalid"] > 0
    assert counted["shapes"] > 2 * len(SHAPES)
    assert counted["shapes_read"] > 0


@pytest.mark.nightly
@pytest.mark.parametrize("source", sources())
def test_a_million_inputs(source: str) -> None:
    seed = SEED if "FUZZ_SEED" in os.environ else secrets.randbits(32)
    print(f"to see a failure again: FUZZ_SEED={seed}")  # noqa: T201 - pytest shows it with the failure
    counted = read_apart(source, seed, NIGHTLY_INPUTS, NIGHTLY_MEASURED_EVERY, NIGHTLY_SECONDS_MAX)
    assert counted["inputs"] == NIGHTLY_INPUTS


@pytest.mark.nightly
@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris is not installed: pip install atheris")
@pytest.mark.parametrize("source", sources())
def test_inputs_that_follow_the_code(source: str, tmp_path: Path) -> None:
    bounds = [f"-runs={GUIDED_INPUTS}", "-timeout=20", f"-rss_limit_mb={GUIDED_MEMORY_MB_MAX}"]
    options = [str(tmp_path / "corpus"), f"-artifact_prefix={tmp_path}/", *bounds]
    done = ran("-m", "tests.sources.guided", source, *options, seconds=GUIDED_SECONDS_MAX)
    assert done.returncode == 0, done.stderr[-20_000:]
    assert f"Done {GUIDED_INPUTS} runs" in done.stderr


# the fuzzer itself


def test_the_same_seed_makes_the_same_inputs() -> None:
    assert list(islice(Fuzzer("github", 1), 50)) == list(islice(Fuzzer("github", 1), 50))
    assert list(islice(Fuzzer("github", 1), 50)) != list(islice(Fuzzer("github", 2), 50))


def merged(delivery: Delivery, **fields: object) -> Event:
    head = envelope(delivery, id="a#1 merged", source="github/a", time=1, parser_version=1)
    return ChangeMerged(**{**head, "change": "a#1", **fields})  # type: ignore[arg-type]


def crashes(delivery: Delivery, reader: Reader) -> Reading:
    raise KeyError("action")


def floods(delivery: Delivery, reader: Reader) -> Reading:
    return Reading([merged(delivery)] * 20_000)


def swells(delivery: Delivery, reader: Reader) -> Reading:
    return Reading([merged(delivery, title=delivery.body.decode("latin-1"))] * 400)


def does_not_fit(delivery: Delivery, reader: Reader) -> Reading:
    return Reading([merged(delivery, sequence=2**70)])


def hoards(delivery: Delivery, reader: Reader) -> Reading:
    assert len(bytearray(len(delivery.body) * 200 + 1_000_000)) > 0
    return Reading([], "given back again")


def grows_with_the_square(delivery: Delivery, reader: Reader) -> Reading:
    texts = [delivery.body[:end] for end in range(0, len(delivery.body), 10)]
    return Reading([], f"{len(texts)} beginnings")


def mumbles(delivery: Delivery, reader: Reader) -> Reading:
    return Reading([], "\ud800")


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (crashes, "KeyError: 'action'"),
        (floods, "20000 events"),
        (swells, "bytes of events"),
        (does_not_fit, "codec"),
        (mumbles, "surrogates not allowed"),
        (hoards, "bytes of memory for"),
        (grows_with_the_square, "bytes of memory for"),
    ],
)
def test_a_bad_parser_is_found(bad: object, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SOURCES, "github", LiveSource(bad, 1, ()))  # type: ignore[arg-type]
    with pytest.raises(Broken, match=f"github: .*{said}"):
        fuzz(islice(Fuzzer("github", SEED), 1))


def test_a_parser_that_hangs_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def hangs(delivery: Delivery, reader: Reader) -> Reading:
        time.sleep(600)
        return Reading([])

    monkeypatch.setitem(SOURCES, "github", LiveSource(hangs, 1, ()))
    with pytest.raises(Broken, match="more than"):
        fuzz(islice(Fuzzer("github", SEED), 1), seconds=0.2)


STUCK = """
import itertools
from tests.sources.bounds import ended_when_stuck, watched

def hangs_where_no_signal_is_heard():
    sum(itertools.repeat(0))

with ended_when_stuck(1.0), watched(0.1) as begin:
    begin()
    hangs_where_no_signal_is_heard()
"""
LEAKING = """
from pipeline.sources.deliveries import Reading
from pipeline.sources.live import SOURCES, LiveSource
from tests.sources.long_run import main

kept = []

def keeps(delivery, reader):
    kept.append(b"x" * 20_000)
    return Reading([])

SOURCES["github"] = LiveSource(keeps, 1, ())
main("github", 1, 4_000, 1_000)
"""


def test_a_parser_that_hangs_inside_a_library_ends_its_process() -> None:
    done = ran("-c", STUCK, seconds=RUN_SECONDS_MAX)
    assert done.returncode == 1
    assert done.stderr.startswith("Timeout (0:00:01")
    assert "hangs_where_no_signal_is_heard" in done.stderr


def test_a_parser_that_keeps_what_it_reads_is_found() -> None:
    done = ran("-c", LEAKING, seconds=RUN_SECONDS_MAX)
    assert done.returncode == 1
    assert "bytes more after 4000 inputs than before" in done.stderr


# mappings are fuzzed as files, too


def test_a_mapping_is_loaded_or_refused() -> None:
    fuzzer = Fuzzer("every-form", SEED)
    loaded = 0
    with watched() as begin:
        for _ in range(INPUTS // 10):
            begin()
            text = fuzzer.with_other_bytes(EVERY_FORM.encode()).decode("utf-8", "replace")
            try:
                load_mapping(text, "every-form.yaml")
                loaded += 1
            except MappingError as error:
                str(error).encode()
    assert 0 < loaded < INPUTS // 10
