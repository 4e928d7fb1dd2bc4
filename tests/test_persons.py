"""Person tokens: stable in one data directory, different in another, and no way back without the key."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.log.protocol import LogUnavailable
from pipeline.log.sqlite import SqliteLog
from pipeline.log.topics import PERSONS
from pipeline.persons import (
    BLOCKED,
    KEY_BYTES,
    KEY_FILE,
    LOGIN_CHARACTERS_MAX,
    TOKENS_HELD_MAX,
    KnownPersons,
    PersonKeyUnusable,
    Persons,
    open_persons,
)

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


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteLog]:
    with closing(SqliteLog(tmp_path / "log.sqlite")) as log:
        log.create_topic(PERSONS, compacted=True)
        yield log


def named(log: SqliteLog) -> dict[str, bytes]:
    return {key.decode(): value for key, value in log.latest(PERSONS, 0).items()}


def test_whose_a_token_is_is_kept_once(log: SqliteLog) -> None:
    known = KnownPersons(ONE, log)
    for login in ("Dana", " dana ", "ada", "", "x" * (LOGIN_CHARACTERS_MAX + 1)):
        assert known.person_token(login) == ONE.person_token(login)
    known.keep()
    assert named(log) == {ONE.person_token("dana"): b"Dana", ONE.person_token("ada"): b"ada"}
    end = log.end(PERSONS, 0)
    for again in (known, KnownPersons(ONE, log)):
        again.person_token("DANA")
        assert again.new_records() == []
        again.keep()
    assert log.end(PERSONS, 0) == end


def test_what_was_not_written_is_told_again(log: SqliteLog) -> None:
    known = KnownPersons(ONE, log)
    known.person_token("dana")
    first = known.new_records()
    assert first
    assert known.new_records() == first, "the transaction failed: the next one has it"
    known.written()
    assert known.new_records() == []
    log.close()
    known.person_token("ada")
    with pytest.raises(LogUnavailable):
        known.keep()


def test_a_blocked_login_is_never_kept_again(log: SqliteLog) -> None:
    here, beside = KnownPersons(ONE, log), KnownPersons(ONE, log)
    here.person_token("dana")
    beside.person_token("Dana")
    token = here.block("DANA")
    assert token == ONE.person_token("dana")
    for known in (here, beside, KnownPersons(ONE, log)):
        known.person_token("dana")
        known.keep()
        assert named(log) == {token: BLOCKED}


def test_logins_do_not_pile_up_in_memory() -> None:
    persons = Persons(bytes(KEY_BYTES))
    for number in range(TOKENS_HELD_MAX + 10):
        persons.person_token(str(number))
    assert len(persons._tokens) <= TOKENS_HELD_MAX
    persons.person_token("Dana")
    persons.forget("dana ")
    assert "Dana" not in persons._tokens
