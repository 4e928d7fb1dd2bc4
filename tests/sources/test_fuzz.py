"""Whatever is posted, a parser gives clean events or says what is wrong: no crash, no hang, no flood."""

from __future__ import annotations

import os
import secrets
from itertools import islice

import pytest

from pipeline.sources.expressions import MappingError
from pipeline.sources.mapping import load_mapping
from tests.sources.fuzzing import EVERY_FORM, Checked, Fuzzer, sources, watched

INPUTS = 1_500
NIGHTLY_INPUTS = 1_000_000
#: with the seed of a failure, the same inputs come again
SEED = int(os.environ.get("FUZZ_SEED", "20240501"))


def fuzz(source: str, seed: int, inputs: int) -> Checked:
    checked = Checked()
    with watched() as begin:
        for delivery in islice(Fuzzer(source, seed), inputs):
            begin()
            checked.read(delivery)
        begin()
        checked.flush()
    return checked


@pytest.mark.parametrize("source", sources())
def test_nothing_but_events_and_reasons_comes_out(source: str) -> None:
    checked = fuzz(source, SEED, INPUTS)
    assert checked.inputs == INPUTS
    # damage that leaves nothing whole, or changes nothing, would find nothing
    assert checked.events > 0
    assert checked.invalid > 0


@pytest.mark.nightly
@pytest.mark.parametrize("source", sources())
def test_a_million_inputs(source: str) -> None:
    seed = SEED if "FUZZ_SEED" in os.environ else secrets.randbits(32)
    share = -(-NIGHTLY_INPUTS // len(sources()))
    try:
        fuzz(source, seed, share)
    except BaseException:
        print(f"to see it again: FUZZ_SEED={seed}")  # noqa: T201 - pytest shows it with the failure
        raise


def test_the_same_seed_makes_the_same_inputs() -> None:
    assert list(islice(Fuzzer("github", 1), 50)) == list(islice(Fuzzer("github", 1), 50))
    assert list(islice(Fuzzer("github", 1), 50)) != list(islice(Fuzzer("github", 2), 50))


def test_a_mapping_is_loaded_or_refused() -> None:
    fuzzer = Fuzzer("every-form", SEED)
    loaded = 0
    with watched() as begin:
        for _ in range(INPUTS):
            begin()
            text = fuzzer._with_other_bytes(EVERY_FORM.encode()).decode("utf-8", "replace")  # noqa: SLF001
            try:
                load_mapping(text, "every-form.yaml")
                loaded += 1
            except MappingError as error:
                str(error).encode()
    assert 0 < loaded < INPUTS
