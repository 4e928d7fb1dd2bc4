"""Clones that are broken, cut off, foreign or empty: a clear error, or a line of the report."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pipeline.core.events import ChangeMerged
from pipeline.sources.git import (
    EmptyRepository,
    GitMissing,
    GitOptions,
    NotARepository,
    RepositoryRefused,
    read_histories,
)
from tests.sources.git.clones import Clone, of_type, read, token


def test_not_a_repository(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    with pytest.raises(NotARepository, match=r"plain: not a git repository; give the path of a clone"):
        read(plain)
    with pytest.raises(NotARepository, match=r"nowhere: no such directory"):
        read(tmp_path / "nowhere")


def test_an_empty_repository(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "api")
    with pytest.raises(EmptyRepository, match="HEAD names no commit"):
        clone.read()
    clone.commit("Start", 0, {"a": "1"})
    with pytest.raises(EmptyRepository, match="no branch 'trunk'; there are: main"):
        clone.read(branch="trunk")


def test_a_branch_that_looks_like_an_option(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "api")
    clone.commit("Start", 0, {"a": "1"})
    with pytest.raises(EmptyRepository, match="no branch '--all'"):
        clone.read(branch="--all")


def test_git_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitMissing, match="git is not installed: install it"):
        read(tmp_path)


def test_a_repository_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clone = Clone(tmp_path / "api")
    clone.commit("Start", 0, {"a": "1"})
    if os.geteuid() != 0:
        pytest.skip("only root can give a directory to somebody else")
    monkeypatch.delenv("SUDO_UID", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("GIT_CONFIG_GLOBAL", raising=False)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for path in (clone.path, clone.path / ".git"):
        os.chown(path, 12_345, 12_345)
    with pytest.raises(RepositoryRefused, match=r"git config --global --add safe\.directory .*/api"):
        clone.read()


def test_a_shallow_clone_says_what_is_missing(tmp_path: Path) -> None:
    whole = Clone(tmp_path / "whole")
    for number in range(4):
        whole.commit(f"Change (#{number + 1})", number, {f"f{number}": "x\n"})
    cut = tmp_path / "cut"
    subprocess.run(
        ["git", "clone", "--quiet", "--depth", "2", whole.path.as_uri(), str(cut)],
        check=True,
        capture_output=True,
    )
    history = read(cut)
    found = of_type(history, ChangeMerged)
    assert [(change.number, change.files, change.paths) for change in found] == [
        (3, None, []),
        (4, 1, ["f3"]),
    ]
    assert any("shallow clone" in note and "git fetch --unshallow" in note for note in history.report.notes)


def test_a_bare_clone_gives_the_same(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "api")
    clone.commit("Start", 0, {"a": "1"})
    clone.request(2, "x", "X", 2, {"b": "1", "CODEOWNERS": "* @acme/all"})
    clone.request(3, "y", "Y", 4, {"b": "2"})
    clone.tag("prod-1", 5)
    bare = tmp_path / "bare.git"
    subprocess.run(
        ["git", "clone", "--quiet", "--bare", str(clone.path), str(bare)], check=True, capture_output=True
    )
    assert read(bare, repository="acme/api").events == clone.read().events


def test_a_clone_without_file_contents_has_no_sizes(tmp_path: Path) -> None:
    whole = Clone(tmp_path / "whole")
    whole.git("config", "uploadpack.allowFilter", "true")
    for number in range(3):
        whole.commit(f"Change (#{number + 1})", number, {"a": f"{number}\n"})
    partial = tmp_path / "partial"
    subprocess.run(
        ["git", "clone", "--quiet", "--bare", "--filter=blob:none", whole.path.as_uri(), str(partial)],
        check=True,
        capture_output=True,
    )
    history = read(partial)
    found = of_type(history, ChangeMerged)
    assert [(change.additions, change.files, change.paths) for change in found] == [(None, 1, ["a"])] * 3
    assert history.report.counts["changes_without_size"] == 3


def test_messages_and_paths_that_are_not_utf8(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "api")
    stream = (
        b"commit refs/heads/main\ncommitter J\xfcrgen <j@example.org> 1714564800 +0000\ndata 9\ncaf\xe9 (#7)"
        b'\nM 100644 inline "d\\351j\\340/\\n.txt"\ndata 2\nx\n\n'
    )
    clone.run(("fast-import", "--quiet"), 0, "Ada", None, stream)
    (change,) = of_type(clone.read(), ChangeMerged)
    assert (change.title, change.number, change.paths) == ("caf\ufffd", 7, ["d\ufffdj\ufffd/\n.txt"])


def test_a_submodule_counts_as_one_path(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "api")
    first = clone.commit("Start", 0, {"a": "1"})
    clone.git("update-index", "--add", "--cacheinfo", f"160000,{first},vendor/part")
    clone.commit("Submodule", 1)
    assert of_type(clone.read(gitops=True), ChangeMerged)[1].paths == ["vendor/part"]


def test_nothing_of_the_clone_is_executed(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "api")
    clone.commit("Start", 0, {"a.txt": "1\n", ".gitattributes": "*.txt diff=evil filter=evil\n"})
    clone.commit("More", 1, {"a.txt": "2\n"})
    clone.tag("v1", 2)
    trap = tmp_path / "trap"
    evil = f"touch {trap}; cat"
    for key in (
        "diff.evil.textconv",
        "diff.evil.command",
        "diff.external",
        "filter.evil.smudge",
        "core.pager",
        "core.fsmonitor",
        "core.sshCommand",
        "gpg.program",
        "core.editor",
    ):
        clone.git("config", key, evil)
    clone.git("config", "log.showSignature", "true")
    clone.git("config", "core.hooksPath", str(tmp_path / "hooks"))
    history = clone.read(gitops=True)
    assert [change.additions for change in of_type(history, ChangeMerged)] == [2, 1]
    assert not trap.exists()


def test_one_repository_given_twice(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "api")
    clone.commit("Start", 0, {"a": "1"})
    with pytest.raises(ValueError, match="acme/api is given twice"):
        read_histories([clone.path, clone.path], GitOptions(), token)


def test_an_unknown_source_of_incidents() -> None:
    with pytest.raises(ValueError, match="can't be read from tickets"):
        GitOptions(incidents_from=frozenset({"tickets"}))


def test_the_report_says_what_would_light_up_each_question(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "api")
    clone.commit("Start", 0, {"a": "1"})
    questions = {one.name: one for one in clone.read().report.questions}
    assert questions["changes"].answered
    assert not questions["deployments"].answered
    assert "--deploy-tags" in questions["deployments"].needs
    assert "--incidents-from" in questions["incidents"].needs
    clone.tag("prod-1", 1)
    clone.commit("Bad", 2, {"a": "2"})
    clone.tag("prod-2", 3)
    clone.commit('Revert "Bad"', 4, {"a": "1"})
    asked = {one.name: one for one in clone.read(incidents_from=frozenset({"reverts"})).report.questions}
    assert [asked[name].answered for name in ("deployments", "incidents", "reviews")] == [True, True, False]


def test_a_directory_inside_a_clone_means_the_clone(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "api")
    clone.commit("Start", 0, {"src/a": "1", "b": "2"})
    subprocess.run(["git", "-C", str(tmp_path / "api"), "remote", "remove", "origin"], check=True)

    inside = read(tmp_path / "api" / "src")

    assert inside.events == clone.read().events
    assert [change.repository for change in of_type(inside, ChangeMerged)] == ["api"]
