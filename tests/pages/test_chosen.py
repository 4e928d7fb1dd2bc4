"""Addresses: what was chosen comes back from them, and what can't be read is told."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.pages.chosen import CARRIED, CUTS, HOURS_MAX, Chosen, chosen, instant, instant_micros, moment

NAMES = st.text(st.characters(codec="utf-8"), max_size=60)
SECONDS = st.integers(1, 4_000_000_000)


@given(
    NAMES, st.fixed_dictionaries(dict.fromkeys(CUTS, NAMES)), st.integers(0, HOURS_MAX), st.just(0) | SECONDS
)
def test_an_address_holds_what_was_chosen(workspace: str, cuts: dict[str, str], hours: int, at: int) -> None:
    told = Chosen(workspace, cuts, hours, at)
    address = told.address("/on-call", deployment=cuts["deployment"])
    assert address.startswith("/on-call?")
    assert not set(address) & set("<>\"' \n")
    query = {name: value for name, (value,) in parse_qs(urlsplit(address).query).items()}
    assert chosen(query) == told
    kept = parse_qs(urlsplit(told.address("/x")).query)
    assert set(kept) <= set(CARRIED)


@given(SECONDS)
def test_a_moment_is_read_as_it_is_written(seconds: int) -> None:
    assert instant(moment(seconds)) == seconds
    assert instant_micros(moment(seconds)) == seconds * 1_000_000


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("2024-01-05", 1_704_412_800_000_000),
        ("2024-01-05T01:00:00+01:00", 1_704_412_800_000_000),
        ("2024-01-05T00:00:00.25Z", 1_704_412_800_250_000),
        ("1704412800250", 1_704_412_800_250_000),
    ],
)
def test_moments(text: str, micros: int) -> None:
    assert instant_micros(text) == micros


@given(st.text(max_size=30))
def test_anything_else_is_refused_in_words(text: str) -> None:
    told = chosen({"hours": text, "at": text})
    assert told.wrong or (told.hours, told.at) != (0, 0) or text in ("",) or text.startswith("now")


def test_links_of_grafana_keep_their_time() -> None:
    told = chosen({"workspace": "acme", "from": "1704326400000", "to": "1704412800000"})
    assert (told.hours, told.at) == (24, 1_704_412_800)
    assert chosen({"from": "now-24h", "to": "now"}) == Chosen("", dict.fromkeys(CUTS, ""), 0, 0)
