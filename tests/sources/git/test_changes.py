"""Changes: merges, squashes and direct commits of the main line, with their sizes, people and owners."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core.events import ChangeMerged
from pipeline.sources.git import History
from pipeline.sources.git.messages import request_of
from pipeline.sources.git.repository import name_of_url
from tests.sources.git.clones import Clone, at, envelope, of_type, read


def changes(history: History) -> list[ChangeMerged]:
    return of_type(history, ChangeMerged)


def test_merge_squash_and_direct_commit(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "api")
    first = clone.commit("Start", 0, {"README": "a\n"})
    clone.git("checkout", "--quiet", "-b", "cache")
    one = clone.commit("Add cache", 2, {"app/cache.py": "1\n2\n3\n"}, author="Bob", author_hours=1)
    two = clone.commit("Test it", 3, {"test/cache.py": "1\n"}, author="Bob")
    clone.git("checkout", "--quiet", "main")
    merged = clone.merge("cache", "Merge pull request #12 from acme/cache\n\nCache answers", 4)
    squash = clone.commit("Faster start (#14)", 5, {"README": "b\n"}, author="Cy")

    history = clone.read()

    assert changes(history) == [
        ChangeMerged(
            *envelope(f"git acme/api@{first} merged", at(0), 0),
            change=f"acme/api@{first}",
            repository="acme/api",
            branch="main",
            sha=first,
            title="Start",
            author="p:ada@example.org",
            additions=1,
            deletions=0,
            files=1,
            paths=["README"],
            first_commit_at=at(0),
            generated_additions=0,
            generated_deletions=0,
        ),
        ChangeMerged(
            *envelope("git acme/api#12 merged", at(4), 1),
            change="acme/api#12",
            repository="acme/api",
            number=12,
            branch="main",
            sha=merged,
            commits=[one, two],
            title="Cache answers",
            author="p:bob@example.org",
            merged_by="p:mia@example.org",
            opened_at=at(1),
            additions=4,
            deletions=0,
            files=2,
            paths=["app/cache.py", "test/cache.py"],
            first_commit_at=at(1),
            generated_additions=0,
            generated_deletions=0,
        ),
        ChangeMerged(
            *envelope("git acme/api#14 merged", at(5), 2),
            change="acme/api#14",
            repository="acme/api",
            number=14,
            branch="main",
            sha=squash,
            title="Faster start",
            author="p:cy@example.org",
            additions=1,
            deletions=1,
            files=1,
            paths=["README"],
            generated_additions=0,
            generated_deletions=0,
        ),
    ]
    counts = history.report.counts
    assert (counts["commits"], counts["merges"], counts["squashes"], counts["direct_commits"]) == (5, 1, 1, 1)


def test_the_first_commit_of_a_change(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "api")
    clone.commit("Start", 0)
    clone.git("checkout", "--quiet", "-b", "cache")
    clone.commit("Later, rebased first", 6, author_hours=3)
    clone.commit("Earlier", 6, author_hours=2)
    clone.git("checkout", "--quiet", "main")
    clone.merge("cache", "Merge pull request #1 from acme/cache", 7)
    clone.commit("Squashed by hand (#2)", 9, author_hours=8)
    clone.commit("Squashed by a forge (#3)", 10)
    clone.commit("Written yesterday", 40, author_hours=16)
    clone.commit("By a clock that is ahead", 41, author_hours=90)
    told = [change.first_commit_at for change in changes(clone.read())]
    assert told == [at(0), at(2), at(8), None, at(16), None]


def test_what_a_change_was_picked_from(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "api")
    one, two = "a" * 40, "b" * 40
    clone.commit("Start", 0)
    clone.commit(f"Fix the total (#4)\n\nAs told.\n\n(cherry picked from commit {one})", 1)
    clone.git("checkout", "--quiet", "-b", "backport")
    clone.commit(f"Fix it\n\n(cherry picked from commit {two})", 2)
    clone.commit(f"Fix it more\n\n(cherry picked from commit {one})\n(cherry picked from commit {two})", 3)
    clone.git("checkout", "--quiet", "main")
    clone.merge("backport", "Merge pull request #5 from acme/backport", 4)
    clone.commit(f"Not what was cherry picked from commit {one}", 5)
    start, squash, merge, other = (change.picked_from for change in changes(clone.read()))
    assert (start, squash, sorted(merge), other) == ([], [one], [one, two], [])


@pytest.mark.parametrize(
    ("message", "merge", "number", "title", "branch"),
    [
        ("Merge pull request #7 from acme/x/y\n\nTitle", True, 7, "Title", "x/y"),
        ("Merge pull request #7 from acme/x", True, 7, "Merge pull request #7 from acme/x", "x"),
        ("Merge branch 'fix' into 'main'\n\nTitle\n\nSee merge request acme/api!8", True, 8, "Title", "fix"),
        ("Title\n\nSee merge request group/sub/proj!9\n", False, 9, "Title", ""),
        ("Merged in fix/a (pull request #10)\n\nTitle\n\nApproved-by: x", True, 10, "Title", "fix/a"),
        ("Merged PR 11: Title", False, 11, "Title", ""),
        ("Pull request #12: Title\n\nMerge in A/api from fix to main", True, 12, "Title", "fix"),
        ("Auto merge of #13 - bob:fix, r=ada\n\nTitle", True, 13, "Title", "bob:fix"),
        ("Title (#14)", False, 14, "Title", ""),
        ("Title (#14) (#15)", False, 15, "Title (#14)", ""),
        ("Fix #16", False, None, "Fix #16", ""),
        ("Merge branch 'fix'", True, None, "Merge branch 'fix'", "fix"),
        ("", False, None, "", ""),
    ],
)
def test_what_forges_write(message: str, merge: bool, number: int | None, title: str, branch: str) -> None:
    request = request_of(message, merge)
    assert (request.number, request.title, request.branch) == (number, title, branch)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("git@example.org:acme/api.git", "acme/api"),
        ("https://user:secret@example.org/acme/api", "acme/api"),
        ("ssh://git@example.org:7999/acme/api.git", "acme/api"),
        ("https://example.org/group/sub/api.git", "group/sub/api"),
        ("https://dev.example.org/acme/_git/api", "acme/api"),
        ("file:///srv/api.git", ""),
        ("../api.git", ""),
        ("", ""),
    ],
)
def test_the_name_of_a_repository_comes_from_its_remote(url: str, name: str) -> None:
    assert name_of_url(url) == name


def test_without_a_remote_the_directory_names_the_repository(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "billing", url="")
    sha = clone.commit("Start", 0, {"a": "a"})
    assert [change.change for change in changes(clone.read())] == [f"billing@{sha}"]


def test_bots_are_labelled(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "api")
    clone.commit("Start", 0, {"a": "a"})
    clone.commit("Bump x (#2)", 1, {"a": "b"}, author="dependabot[bot]")
    clone.request(3, "renovate/y", "Update y", 3, {"b": "b"})
    assert [change.labels for change in changes(clone.read())] == [[], ["bot"], ["bot"]]


def test_a_number_named_twice_belongs_to_the_oldest(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "api")
    clone.commit("Fix (#5)", 0, {"a": "a"})
    again = clone.commit("Fix (#5)", 1, {"a": "b"})
    history = clone.read()
    assert [change.change for change in changes(history)] == ["acme/api#5", f"acme/api@{again}"]
    assert changes(history)[1].number is None
    assert history.report.counts["numbers_named_twice"] == 1


def test_the_main_line_is_what_the_remote_says(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "api")
    first = clone.commit("Start", 0, {"a": "a"})
    clone.git("update-ref", "refs/remotes/origin/trunk", first)
    clone.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk")
    later = clone.commit("Not pushed", 1, {"a": "b"})
    assert [(change.sha, change.branch) for change in changes(clone.read())] == [(first, "trunk")]
    assert [change.sha for change in changes(clone.read(branch="main"))] == [first, later]


def test_since_drops_what_was_before(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "api")
    clone.commit("Start", 0, {"a": "a"})
    later = clone.commit("Later", 2, {"a": "b"})
    found = changes(clone.read(since=at(1)))
    assert [(change.sha, change.sequence, change.files) for change in found] == [(later, 1, 1)]


def test_owners_are_those_before_the_change(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "api")
    clone.commit("Start", 0, {"app/a.py": "1\n"})
    clone.commit("Own", 1, {"CODEOWNERS": "* @acme/core\n/app/ @ada a@example.org\n/app/free.py\n"})
    clone.commit("Use", 2, {"app/a.py": "2\n", "other": "x"})
    clone.commit("Nobody's", 3, {"app/free.py": "1\n"})
    clone.commit("Hand over", 4, {"app/a.py": "3\n", ".github/CODEOWNERS": "/app/ @acme/apps # new\n"})
    clone.commit("Use again", 5, {"app/a.py": "4\n"})
    clone.git("rm", "--quiet", ".github/CODEOWNERS")
    clone.commit("Back", 6)
    clone.commit("Last", 7, {"app/a.py": "5\n"})
    history = clone.read()
    persons = ["p:a@example.org", "p:ada"]
    assert [change.owners for change in changes(history)] == [
        [],
        [],
        ["@acme/core", *persons],
        [],
        ["@acme/core", *persons],
        ["@acme/apps"],
        [],
        persons,
    ]
    assert history.report.counts["changes_with_owners"] == 4


def test_many_files_are_told_by_directory(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "api")
    lines = [b"blob\nmark :1\ndata 2\nx\n\ncommit refs/heads/main\n"]
    lines.append(b"committer A <a@example.org> 1714564800 +0000\ndata 4\nmany\n")
    lines += [b"M 100644 :1 data/d%d/f%d.txt\n" % (number % 300, number) for number in range(100_000)]
    lines.append(b"M 100644 :1 one.txt\n")
    clone.run(("fast-import", "--quiet"), 0, "Ada", None, b"".join(lines))
    (change,) = changes(clone.read())
    assert (change.files, change.additions) == (100_001, 100_001)
    assert change.paths == ["data", "."]


def test_a_few_files_more_are_told_by_their_own_directories(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "api")
    files = {f"apps/one/f{number}.py": "x\n" for number in range(15)}
    files |= {f"apps/two/f{number}.py": "x\n" for number in range(10)}
    clone.commit("Many", 0, files)
    (change,) = changes(clone.read())
    assert (change.files, change.paths) == (25, ["apps/one", "apps/two"])


def test_a_monorepo_path_keeps_its_file(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "api")
    clone.commit("Start", 0, {"a": "1"})
    clone.commit("Two", 1, {"apps/web/x.py": "1\n2\n", "apps/api/y.py": "1\n"})
    assert changes(read(clone.path))[1].paths == ["apps/web/x.py", "apps/api/y.py"]


def test_progress_counts_the_main_line(tmp_path: Path) -> None:
    from pipeline.sources.git import GitOptions, read_history

    clone = Clone(tmp_path / "api")
    clone.commit("One", 0, {"a": "1"})
    clone.commit("Two", 1, {"a": "2"})
    told: list[tuple[int, int]] = []
    read_history(clone.path, GitOptions(), str, lambda done, total: told.append((done, total)))
    assert told[-1] == (2, 2)
