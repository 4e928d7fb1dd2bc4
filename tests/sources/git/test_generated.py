"""Generated and vendored files: attributes as git reads them, well-known names, what a change counts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.events import ChangeMerged
from pipeline.sources.git.generated import ATTRIBUTES, GeneratedOverTime, usually_generated
from pipeline.sources.git.history import GitOptions
from pipeline.sources.git.repository import open_repository
from tests.sources.git.clones import Clone, of_type

PATTERNS = (
    "*.go", "a", "a/", "a/*", "a/**", "**/b", "**/b/*.go", "/b", "/a/b", "a/**/b", "b?", "[ab].go", "[!a].go",
    "a*b", "a**b", "**", "*", "\\*", "a/b/", "**/a/**", "?", "[", '"a b"', "b/[a-c]*", "a/*/b", "#a", "!a",
)  # fmt: skip
SAID = (
    "linguist-generated", "-linguist-generated", "linguist-generated=false", "linguist-generated=true",
    "!linguist-generated", "linguist-vendored", "gitlab-generated -linguist-vendored", "text eol=lf",
)  # fmt: skip
PARTS = ("a", "b", "c", "a b", "*", "ab", "acb", "bx", "#a")
PATHS = st.builds(
    lambda directories, name: "/".join((*directories, name)),
    st.lists(st.sampled_from(PARTS), max_size=3),
    st.sampled_from((*PARTS, "a.go", "b.go", "x.go")),
)
FILES = st.lists(st.tuples(st.sampled_from(PATTERNS), st.sampled_from(SAID)), min_size=1, max_size=5)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    return Clone(tmp_path_factory.mktemp("git") / "api")


@settings(max_examples=80, deadline=None)
@given(FILES, FILES, st.lists(PATHS, min_size=1, max_size=12, unique=True))
def test_attributes_are_read_as_git_reads_them(
    clone: Clone, root: list[tuple[str, str]], inner: list[tuple[str, str]], paths: list[str]
) -> None:
    for place, rules in ((".gitattributes", root), ("a/.gitattributes", inner)):
        clone.write(place, "".join(f"{pattern} {said}\n" for pattern, said in rules))
    clone.commit("Attributes", 1)
    told = clone.run(
        ("check-attr", "-z", "--stdin", *sorted(ATTRIBUTES)), 0, "Ada", None, "\0".join(paths).encode()
    ).decode()
    fields = told.split("\0")[:-1]
    expected: dict[str, bool | None] = dict.fromkeys(paths)
    for path, _, value in zip(fields[::3], fields[1::3], fields[2::3], strict=True):
        if value != "unspecified":
            expected[path] = bool(expected[path]) or value not in ("unset", "false")
    repository = open_repository(clone.path, GitOptions())
    generated = GeneratedOverTime()
    generated.read(repository)
    held = generated.at(len(repository.line) - 1)
    found = {path: generated.is_generated(held, path) for path in paths}
    assert found == {
        path: usually_generated(path) if value is None else value for path, value in expected.items()
    }


@pytest.mark.parametrize(
    ("path", "generated"),
    [
        ("package-lock.json", True),
        ("web/yarn.lock", True),
        ("vendor/golang.org/x/net/a.go", True),
        ("src/vendor.py", False),
        ("api/v1/orders.pb.go", True),
        ("static/app.min.js", True),
        ("static/app.js", False),
        ("package.json", False),
        ("Cargo.toml", False),
    ],
)
def test_what_usually_is_generated(path: str, generated: bool) -> None:
    assert usually_generated(path) == generated


def test_a_change_counts_by_the_attributes_of_its_own_commit(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "api")
    clone.commit("Start", 0, {"client.py": "1\n", "go.sum": "a\nb\n"})
    clone.commit("More", 1, {"client.py": "1\n2\n", "go.sum": "a\nb\nc\n", "main.py": "1\n2\n3\n"})
    clone.commit(
        "It is made by a machine",
        2,
        {".gitattributes": "client.py linguist-generated\ngo.sum -linguist-generated\n", "client.py": "2\n"},
    )
    clone.commit("More", 3, {"client.py": "2\n3\n", "go.sum": "a\nb\nc\nd\n", "main.py": "1\n"})
    clone.git("rm", "--quiet", ".gitattributes")
    clone.commit("Again", 4, {"client.py": "2\n3\n4\n"})
    told = [
        (event.additions, event.deletions, event.generated_additions, event.generated_deletions)
        for event in of_type(clone.read(), ChangeMerged)
    ]
    assert told == [(3, 0, 2, 0), (5, 0, 1, 0), (2, 1, 0, 1), (2, 2, 1, 0), (1, 2, 0, 0)]


def test_attributes_of_a_merge_are_those_that_it_brings(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "api")
    clone.commit("Start", 0, {"a": "1\n"})
    clone.request(1, "made", "Made", 3, {"out/.gitattributes": "* linguist-generated\n", "out/a": "1\n2\n"})
    (_, merged) = of_type(clone.read(), ChangeMerged)
    assert (merged.additions, merged.generated_additions) == (3, 3)
