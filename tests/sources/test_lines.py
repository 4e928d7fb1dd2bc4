"""Files of lines: plain, gzip, damaged, huge, or none at all."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import pytest

from pipeline.sources.lines import LINE_BYTES_MAX, LinesFile, UnreadableFile

TEXT = b'{"a": 1}\n\n  \n{"b": 2}\r\n{"c": 3}'
LINES = [(1, b'{"a": 1}'), (4, b'{"b": 2}'), (5, b'{"c": 3}')]


@pytest.mark.parametrize("packed", [False, True])
def test_lines_keep_their_numbers_and_can_be_read_again(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "any.name"
    path.write_bytes(gzip.compress(TEXT) if packed else TEXT)
    lines = LinesFile(path)
    assert list(lines) == LINES
    assert list(lines) == LINES


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert list(LinesFile(tmp_path / "empty")) == []


def test_a_huge_line_is_cut_and_the_next_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    path.write_bytes(b"x" * (3 * LINE_BYTES_MAX + 5) + b"\n" + b"next\n")
    (first, huge), (second, after) = LinesFile(path)
    assert (first, second, after) == (1, 2, b"next")
    assert len(huge) == LINE_BYTES_MAX + 1


def test_a_line_of_exactly_the_maximum_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "exact"
    path.write_bytes(b"x" * LINE_BYTES_MAX + b"\n" + b"next\n")
    assert [(number, len(line)) for number, line in LinesFile(path)] == [(1, LINE_BYTES_MAX), (2, 4)]


@pytest.mark.parametrize("damage", ["cut", "corrupt"])
def test_damaged_gzip_gives_its_good_lines_first(tmp_path: Path, damage: str) -> None:
    body = b"".join(b"%d\n" % random.Random(1).getrandbits(60 + n % 7) for n in range(40_000))
    packed = bytearray(gzip.compress(body))
    packed = packed[:-20] if damage == "cut" else packed[:-8] + b"\0\0\0\0" + packed[-4:]
    path = tmp_path / "damaged.gz"
    path.write_bytes(packed)
    lines = iter(LinesFile(path))
    assert len([next(lines) for _ in range(1_000)]) == 1_000
    with pytest.raises(UnreadableFile, match=r"damaged\.gz: damaged or cut off after line \d+"):
        list(lines)


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    for path, reason in ((tmp_path, "Is a directory"), (tmp_path / "nowhere", "No such file")):
        with pytest.raises(UnreadableFile, match=reason):
            list(LinesFile(path))
