"""Person tokens: stable in one data directory, different in another, and no way back without the key."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.persons import KEY_BYTES, KEY_FILE, PersonKeyUnusable, Persons, open_persons

ONE, OTHER = Persons(bytes(KEY_BYTES)), Persons(bytes(range(KEY_BYTES)))


@given(st.text())
def test_a_token_is_stable_and_hides_the_login(login: str) -> None:
    token = ONE.person_token(login)
    assert token == Persons(bytes(KEY_BYTES)).person_token(login)
    if not login.strip():
        assert token == ""
        return
    assert re.fullmatch("p:[0-9a-f]{16}", token)
    assert token != OTHER.person_token(login)


def test_a_login_is_one_person_however_it_is_written() -> None:
    assert ONE.person_token("Dana") == ONE.person_token(" dana ")
    assert ONE.person_token("dana") != ONE.person_token("dan")


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    first = open_persons(tmp_path).person_token("dana")
    key = tmp_path / KEY_FILE
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert open_persons(tmp_path).person_token("dana") == first
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


def test_another_directory_has_other_tokens(tmp_path: Path) -> None:
    tokens = set()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        tokens.add(open_persons(tmp_path / name).person_token("dana"))
    assert len(tokens) == 2


@pytest.mark.parametrize("damaged", ["", "abc", "zz" * KEY_BYTES, "00" * (KEY_BYTES - 1)])
def test_a_damaged_key_is_refused_and_kept(tmp_path: Path, damaged: str) -> None:
    (tmp_path / KEY_FILE).write_text(damaged)
    with pytest.raises(PersonKeyUnusable, match=KEY_FILE):
        open_persons(tmp_path)
    assert (tmp_path / KEY_FILE).read_text() == damaged
