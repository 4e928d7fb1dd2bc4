"""Whose approval a change needs: CODEOWNERS of its base commit, files nobody owns, stale entries."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from pipeline.core.events import ChangeMerged, Event, OwnersRequired
from pipeline.core.facts import ComplianceFact, Fact
from pipeline.sources.git import GitOptions, History, read_histories
from pipeline.sources.git.codeowners import Owners
from pipeline.sources.git.diffs import GROUPS_MAX
from pipeline.sources.git.stale import STALE_ENTRIES_MAX
from tests.runs import oracle
from tests.sources.git.clones import NOW, Clone, at, envelope, of_type, read, token
from tests.sources.git.test_gitops import TAGS, tag_file
from tests.worlds import reviewed

RULES = """
# what nobody else owns
*            @acme/core
/app/        @Ada a@example.org   # two of whom one is enough
/app/free/
/app/money/  @acme/money
docs/*       @acme/writers
/lost/       @acme/core
*.rb         @Bob
"""


def told(history: History) -> list[OwnersRequired]:
    return of_type(history, OwnersRequired)


def test_whose_approval_each_change_needs(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "api")
    clone.commit("Start", 0, {"app/a.py": "1\n", "docs/a.md": "1\n"})
    clone.commit("Own (#1)", 1, {"CODEOWNERS": RULES})
    clone.request(2, "pay", "Pay", 4, {"app/a.py": "2\n", "app/money/pay.py": "1\n", "app/free/x.py": "1\n"})
    clone.commit("Free (#3)", 5, {"app/free/x.py": "2\n", "app/free/y.py": "2\n"})
    direct = clone.commit("Deep", 6, {"docs/deep/b.md": "1\n", "docs/a.md": "2\n", "lost/x.rb": "1\n"})
    clone.commit("Nothing (#4)", 7)
    clone.git("rm", "--quiet", "-r", "lost")
    clone.commit("Gone (#5)", 8)
    clone.commit("Last (#6)", 9, {"README": "1\n"})

    history = clone.read()

    found = told(history)
    assert found[0] == OwnersRequired(
        *envelope("git acme/api#2 owners", at(4), 2),
        change="acme/api#2",
        repository="acme/api",
        number=2,
        groups=["@acme/money", "p:a@example.org p:ada"],
        unowned_files=1,
        stale_entries=["/app/free/", "/app/money/", "/lost/", "*.rb"],
    )
    assert [(one.number, one.groups, one.unowned_files, one.stale_entries) for one in found[1:]] == [
        (3, [], 2, ["/lost/", "*.rb"]),
        (None, ["@acme/core", "@acme/writers", "p:bob"], 0, ["/lost/", "*.rb"]),
        (4, [], 0, []),
        (5, ["p:bob"], 0, []),
        (6, ["@acme/core"], 0, ["/lost/", "*.rb"]),
    ]
    assert found[2].change == f"acme/api@{direct}"
    assert [one.id for one in found] == [
        f"git {one.change} owners" for one in of_type(history, ChangeMerged)[2:]
    ]
    since = clone.read(since=at(6))
    assert told(since) == found[2:]


def test_the_file_moves_in_history(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "api")
    clone.commit("Start", 0, {".gitlab/CODEOWNERS": "/a @acme/lab\n/c @acme/lab\n", "a": "1", "b": "1"})
    clone.commit("Docs", 1, {"a": "2", "docs/CODEOWNERS": "/a @acme/docs\n/d @acme/docs\n"})
    clone.commit("Root", 2, {"a": "3", "CODEOWNERS": "/a @acme/root\n/e @acme/root\n"})
    clone.commit("GitHub", 3, {"a": "4", ".github/CODEOWNERS": "/a @acme/hub\n/f @acme/hub\n/a @acme/hub\n"})
    clone.git("rm", "--quiet", ".github/CODEOWNERS")
    clone.commit("Back", 4, {"a": "5"})
    clone.git("rm", "--quiet", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")
    clone.commit("Without", 5, {"a": "6"})
    clone.commit("Nobody's", 6, {"a": "7"})
    clone.commit("Empty", 7, {"a": "8", "CODEOWNERS": "# nobody\n"})
    clone.commit("Nobody's", 8, {"a": "9"})
    found = {one.sequence: (one.groups, one.unowned_files, one.stale_entries) for one in told(clone.read())}
    assert found == {
        1: (["@acme/lab"], 1, ["/c"]),
        2: (["@acme/docs"], 1, ["/d"]),
        3: (["@acme/root"], 1, ["/e"]),
        4: (["@acme/hub"], 1, ["/f"]),
        5: (["@acme/root"], 3, ["/e"]),
        8: ([], 1, []),
    }


def test_without_a_file_nothing_is_told(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "api")
    clone.commit("Start", 0, {"a": "1", "src/CODEOWNERS": "* @acme/core"})
    clone.commit("Use (#1)", 1, {"a": "2"})
    clone.commit("Too late (#2)", 2, {"a": "3", "CODEOWNERS": "* @acme/core"})
    assert told(clone.read()) == []


def test_a_commit_of_image_tags_alone_is_no_change(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "fleet", "https://git.example/acme/fleet.git")
    clone.commit("Start", 0, {"CODEOWNERS": "* @acme/core\n", TAGS.format("production"): tag_file("v1")})
    clone.commit("Deploy", 1, {TAGS.format("production"): tag_file("v2")})
    history = clone.read(gitops=True)
    assert history.report.counts["commits_of_image_tags_alone"] == 1
    assert told(history) == []
    assert len(told(clone.read())) == 1


def test_a_clone_read_from_inside_and_two_clones(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "api")
    clone.commit("Start", 0, {"CODEOWNERS": "* @acme/core\n/gone\n", "src/a": "1"})
    clone.commit("Use", 1, {"src/a": "2"})
    other = Clone(tmp_path / "web", "https://git.example/acme/web.git")
    other.commit("Start", 0, {"CODEOWNERS": "* @acme/web\n", "src/a": "1"})
    other.commit("Use", 1, {"src/a": "2"})
    (one,) = told(clone.read())
    assert (one.groups, one.stale_entries) == (["@acme/core"], ["/gone"])
    assert told(read(clone.path / "src")) == [one]
    both = read_histories([clone.path, other.path], GitOptions(now=NOW), token)
    assert [(two.repository, two.groups) for two in told(both)] == [
        ("acme/api", ["@acme/core"]),
        ("acme/web", ["@acme/web"]),
    ]


@pytest.mark.parametrize(
    ("content", "location", "path", "names", "groups"),
    [
        # GitHub skips what it can't read
        ("* @a\n!/x @b\n", ".github/CODEOWNERS", "x", ["@a"], [["@a"]]),
        ("* @a\n/[xy] @b\n", "CODEOWNERS", "x", ["@a"], [["@a"]]),
        ("* @a\n/x bob @b\n", "CODEOWNERS", "x", ["@a"], [["@a"]]),
        ("* @a\n/x # @b\n", "CODEOWNERS", "x", [], []),
        ("* @a\n/x\\ y @b\n", "CODEOWNERS", "x y", ["@b"], [["@b"]]),
        # GitLab knows sections, owners of a section, optional ones and what is taken out
        ("* @a\n!/x\n", ".gitlab/CODEOWNERS", "x", [], []),
        ("* @a\n/[xy] @b\n", ".gitlab/CODEOWNERS", "x", ["@b"], [["@b"]]),
        ("* @a\n[Two]\n* @b\n", "CODEOWNERS", "x", ["@a", "@b"], [["@a"], ["@b"]]),
        ("* @a\n[Two] @b @c\n/x\n!/y\n", "CODEOWNERS", "x", ["@a", "@b", "@c"], [["@a"], ["@b", "@c"]]),
        ("* @a\n[Two][2] @b # us\n/x\n", "docs/CODEOWNERS", "x", ["@a", "@b"], [["@a"], ["@b"]]),
        ("* @a\n^[Two] @b\n/x\n", "docs/CODEOWNERS", "x", ["@a", "@b"], [["@a"]]),
    ],
)
def test_dialects(content: str, location: str, path: str, names: list[str], groups: list[list[str]]) -> None:
    owned = Owners(content, location).of(path)
    assert (list(owned.names), [list(group) for group in owned.groups]) == (names, groups)


def test_what_is_too_much_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clone = Clone(tmp_path / "api")
    rules = "".join(f"/a{number} @acme/t{number:02}\n" for number in range(60))
    clone.commit("Own", 0, {"CODEOWNERS": rules})
    clone.commit("Use", 1, {"a": "1", **{f"a{number}": "1" for number in range(60)}})
    (one,) = told(clone.read())
    assert (len(one.groups), one.unowned_files) == (GROUPS_MAX, 1)
    assert one.stale_entries == [f"/a{number}" for number in range(STALE_ENTRIES_MAX)]
    monkeypatch.setattr("pipeline.sources.git.diffs.OWNED_PATHS_MAX", 3)
    monkeypatch.setattr("pipeline.sources.git.stale.SEARCHED_FILES_MAX", 0)
    (one,) = told(clone.read())
    assert (one.groups, one.unowned_files, one.stale_entries) == (["@acme/t00", "@acme/t01"], None, [])


def test_a_clone_without_file_contents_tells_no_owners(tmp_path: Path) -> None:
    whole = Clone(tmp_path / "whole")
    whole.git("config", "uploadpack.allowFilter", "true")
    whole.commit("Own", 0, {"CODEOWNERS": RULES})
    whole.commit("Use", 1, {"a": "1"})
    assert len(told(whole.read())) == 1
    whole.git("clone", "--quiet", "--bare", "--filter=blob:none", whole.path.as_uri(), str(tmp_path / "bare"))
    assert told(read(tmp_path / "bare")) == []


# -- against a plain reading of every tree --------------------------------------------------------

PATTERNS = [
    "*",
    "/a/",
    "a/",
    "b",
    "/a/b/",
    "a/b",
    "*.py",
    "/a/*.py",
    "a/*",
    "**/c",
    "a/**/c",
    "/c",
    "/a/b/c.py",
]
NAMES = ["a", "b", "c", "c.py", "d.py"]


def expression(pattern: str) -> re.Pattern[str]:
    """What a pattern means, put together another way: the tables of gitignore's manual, by hand."""
    body = re.escape(pattern.strip("/")).replace(r"/\*\*/", "/(.*/)?").replace(r"\*\*/", "(.*/)?")
    body = body.replace(r"\*", "[^/]*")
    start = "" if "/" in pattern.rstrip("/") else "(.*/)?"
    end = "" if pattern.endswith("/*") else "/.*" if pattern.endswith("/") else "(/.*)?"
    return re.compile(start + body + end)


def expected(files: set[str], content: str, touched: set[str]) -> tuple[list[str], int, list[str]]:
    rules = [(line.split()[0], line.split()[1:]) for line in content.splitlines()]
    groups, unowned = set(), 0
    for path in touched:
        owners = [who for pattern, who in rules if expression(pattern).fullmatch(path)]
        if owners and owners[-1]:
            groups.add(" ".join(sorted(owners[-1])))
        else:
            unowned += 1
    stale = [
        pattern for pattern, _ in rules if not any(expression(pattern).fullmatch(path) for path in files)
    ]
    return sorted(groups), unowned, list(dict.fromkeys(stale))


@pytest.mark.parametrize("seed", range(6))
def test_what_is_followed_is_what_every_tree_says(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    clone = Clone(tmp_path / "api")
    files: dict[str, int] = {}
    content = ""
    want = []
    commands = []
    for place in range(150):
        before, held = set(files), content
        touched = set()
        lines = []
        for _ in range(draw.randrange(4)):
            path = "/".join(draw.choice(NAMES) for _ in range(draw.randint(1, 3)))
            if files.keys() - {"CODEOWNERS"} and draw.random() < 0.6:
                path = draw.choice(sorted(files.keys() - {"CODEOWNERS"}))
                del files[path]
                touched.add(path)
                lines.append(f"D {path}\n")
            elif path not in files:
                # a file takes the place of a directory, or the other way round
                gone = [one for one in files if one.startswith(f"{path}/") or path.startswith(f"{one}/")]
                for one in gone:
                    del files[one]
                    lines.append(f"D {one}\n")
                files[path] = place
                touched.update((path, *gone))
                lines.append(f"M 100644 inline {path}\ndata {len(f'{place}')}\n{place}\n")
        if place == 3 or (place > 3 and draw.random() < 0.1):
            chosen = draw.sample(PATTERNS, draw.randint(1, 6))
            content = "".join(f"{one}{draw.choice(['', ' @z/a', ' @z/b @z/a', ' @z/c'])}\n" for one in chosen)
            content += f"/n{place} @z/n\n"
            touched.add("CODEOWNERS")
            files["CODEOWNERS"] = place
            lines.append(f"M 100644 inline CODEOWNERS\ndata {len(content)}\n{content}\n")
        # a path that came and went in one commit, or is as it was, was not touched
        touched = {one for one in touched if (one in before) != (one in files) or files.get(one) == place}
        message = f"Change (#{place + 1})"
        commands.append(
            f"commit refs/heads/main\ncommitter A <a@x.org> {1_714_564_800 + place * 60} +0000\n"
            f"data {len(message)}\n{message}\n{''.join(lines)}\n"
        )
        if held:
            want.append((place + 1, *expected(before, held, touched)))
    clone.run(("fast-import", "--quiet"), 0, "Ada", None, "".join(commands).encode())
    found = [(one.number, one.groups, one.unowned_files, one.stale_entries) for one in told(clone.read())]
    assert found == want


def test_owners_that_a_clone_tells_are_judged_where_a_forge_told_of_the_review(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "api")
    clone.commit("Own", 0, {"CODEOWNERS": RULES})
    clone.commit("Pay (#1)", 1, {"app/a.py": "1\n", "app/money/pay.py": "1\n", "app/free/x.py": "1\n"})
    clone.commit("Pay more (#2)", 2, {"app/a.py": "2\n"})
    alone = clone.read().events
    approval = replace(reviewed("acme/api#1", 0, "p:ada", "approved"), time=at(0.5), received_at=at(0.5))

    def rows(events: list[Event]) -> dict[str, Fact]:
        return {
            str(key[0]): row for (table, key), row in oracle(events).items() if table == ComplianceFact.table
        }

    assert rows(alone) == {}
    found = rows([*alone, approval])
    assert rows([approval, *reversed(alone), *alone]) == found
    row = found.pop("acme/api#1")
    assert found == {}
    assert isinstance(row, ComplianceFact)
    assert (row.owners_told, row.owners_needed, row.owners_approved) == (True, 2, 1)
    assert (row.owners_missing, row.unowned_files) == (["@acme/money"], 1)
    assert row.stale_entries == ["/app/", "/app/free/", "/app/money/", "docs/*", "/lost/", "*.rb"]
