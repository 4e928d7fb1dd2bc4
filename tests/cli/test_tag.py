"""``aftermerge tag`` in every form, from every place; and the ready-made jobs in ``examples``."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import unquote

import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cli import main
from pipeline.cli.exits import Exit
from pipeline.sources.deploy_tag import DeployTag, home_of, label_value
from tests.cli.test_report import GITHUB, SHA

ROOT = Path(__file__).resolve().parents[2]
GITLAB = {
    "GITLAB_CI": "true",
    "CI_PROJECT_PATH": "acme/api",
    "CI_PROJECT_URL": "https://gitlab.example.com/acme/api",
    "CI_COMMIT_SHA": SHA,
    "CI_PIPELINE_SOURCE": "push",
    "CI_JOB_ID": "77",
}
#: what the scripts of the examples set before they use it
SET_BY_SCRIPTS = {
    "STATE": "success",
    "OUTCOME": "failure",
    "COVERAGE": "81.5",
    "COST": "12",
    "INCIDENT": "INC-7",
    "TITLE": "checkout fails",
}
EXAMPLES = sorted((ROOT / "examples").glob("*/*.yml"))


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("AFTERMERGE_", "GITHUB_", "GITLAB_", "CI_", "GIT_")):
            monkeypatch.delenv(name)


def tag(*arguments: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(main, ["tag", *arguments], env=env)


def document(*arguments: str, env: dict[str, str] | None = None) -> dict[str, Any]:
    result = tag(*arguments, "--format", "json", env=env)
    assert result.exit_code == Exit.OK, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


GIVEN = ("api", "--tag", "v42", "--environment", "production")


def test_image_labels_are_arguments_of_a_build() -> None:
    words = shlex.split(tag(*GIVEN, "--format", "labels", env=GITHUB).stdout)
    assert set(words[::2]) == {"--label"}
    assert dict(word.split("=", 1) for word in words[1::2]) == {
        "org.opencontainers.image.title": "api",
        "org.opencontainers.image.version": "v42",
        "org.opencontainers.image.revision": SHA,
        "org.opencontainers.image.source": "https://github.example.com/acme/api",
        "aftermerge.service": "api",
        "aftermerge.deploy-tag": "v42",
        "aftermerge.repository": "acme/api",
    }


def test_annotations_are_yaml_and_carry_the_resource() -> None:
    told = yaml.safe_load(tag(*GIVEN, "--format", "annotations", env=GITHUB).stdout)
    assert told["labels"] == {"app.kubernetes.io/name": "api", "app.kubernetes.io/version": "v42"}
    annotations = told["annotations"]
    assert annotations["aftermerge/deploy-tag"] == "v42"
    assert annotations["resource.opentelemetry.io/service.version"] == "v42"
    assert annotations["resource.opentelemetry.io/deployment.environment.name"] == "production"


def test_resource_attributes_can_be_read_back() -> None:
    told = tag("api", "--tag", "sha256:ab,c=d", "--format", "otel", env=GITHUB).stdout.strip()
    name, _, pairs = told.partition("=")
    assert name == "OTEL_RESOURCE_ATTRIBUTES"
    assert {key: unquote(value) for key, value in (pair.split("=") for pair in pairs.split(","))} == {
        "service.name": "api",
        "service.version": "sha256:ab,c=d",
        "vcs.ref.head.revision": SHA,
        "vcs.repository.url.full": "https://github.example.com/acme/api",
    }


def test_all_holds_the_three_forms() -> None:
    told = tag(*GIVEN, env=GITHUB).stdout
    for form in ("labels", "annotations", "otel"):
        assert tag(*GIVEN, "--format", form, env=GITHUB).stdout in told + "\n"


def test_what_a_job_says_is_the_default() -> None:
    assert document("api", env=GITHUB)["tag"] == SHA[:12]
    assert document("api", env={**GITLAB, "CI_COMMIT_TAG": "v7"})["tag"] == "v7"
    other = document("api", "--tag", "v1", "--repository", "acme/other", env=GITHUB)
    assert (other["sha"], other["home"]) == ("", ""), "another repository has other commits"
    assert document("api", "--sha", "b" * 40, env=GITHUB)["tag"] == "b" * 12


def test_a_clone_says_its_tag_and_no_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=dana", "-c", "user.email=dana@example.com")
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    monkeypatch.chdir(tmp_path)
    empty = tag("api")
    assert empty.exit_code == Exit.USAGE
    assert "--tag" in empty.stderr
    git("init", "--quiet")
    git("remote", "add", "origin", "https://oauth2:hunter2@git.example.com/acme/api.git")
    git("commit", "--quiet", "--allow-empty", "--message", "one")
    git("tag", "v1.2")
    told = document("api")
    assert (told["tag"], told["repository"]) == ("v1.2", "acme/api")
    assert told["home"] == "https://git.example.com/acme/api"
    git("commit", "--quiet", "--allow-empty", "--message", "two")
    assert re.fullmatch(r"v1\.2-1-g[0-9a-f]{12}", document("api")["tag"])
    assert document("api", "--version", "v9")["tag"] == "v9"


@pytest.mark.parametrize("arguments", [("",), ("api", "--tag", ""), ("my api", "--tag", "v1")])
def test_what_can_not_be_carried_is_refused(arguments: tuple[str, ...]) -> None:
    assert tag(*arguments, env=GITHUB).exit_code == Exit.USAGE


@given(st.text(max_size=80))
def test_a_label_is_one_that_kubernetes_takes(text: str) -> None:
    value = label_value(text)
    assert len(value) <= 63
    assert re.fullmatch(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?", value)


@given(st.text(st.characters(min_codepoint=33, exclude_categories=("Z", "C")), min_size=1, max_size=40))
def test_any_word_survives_yaml_and_percent_encoding(word: str) -> None:
    told = DeployTag(word, word, word)
    assert yaml.safe_load(told.printed("annotations"))["annotations"] == told.kubernetes_annotations()
    pairs = told.printed("otel").partition("=")[2].split(",")
    assert {pair.partition("=")[0]: unquote(pair.partition("=")[2]) for pair in pairs} == told.resource()


@pytest.mark.parametrize(
    ("remote", "home"),
    [
        ("git@example.org:acme/api.git", "https://example.org/acme/api"),
        ("ssh://git@example.org:2222/acme/api.git", "https://example.org/acme/api"),
        ("https://user:pw@example.org:8443/acme/api/", "https://example.org:8443/acme/api"),
        ("/srv/git/api.git", ""),
        ("file:///srv/git/api.git", ""),
    ],
)
def test_a_remote_becomes_an_address_for_people(remote: str, home: str) -> None:
    assert home_of(remote) == home


def scripts(node: Any) -> Iterator[str]:
    """Every script of a pipeline, whichever CI's."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name in ("run", "script", "before_script", "after_script"):
                yield "\n".join(value) if isinstance(value, list) else value
            else:
                yield from scripts(value)
    elif isinstance(node, list):
        for one in node:
            yield from scripts(one)


def variables(node: Any) -> dict[str, str]:
    """What the pipeline itself sets for its jobs, with the forge's own expressions put in."""
    told = node.get("env") or node.get("variables") or {}
    plain = {name: value for name, value in told.items() if isinstance(value, str)}
    return {name: SHA if "sha" in value.lower() else value for name, value in plain.items()}


def lines(path: Path) -> list[str]:
    """The command lines of ours in one example, with their variables put in."""
    pipeline = yaml.safe_load(path.read_text(encoding="utf-8"))
    known = {**SET_BY_SCRIPTS, **variables(pipeline)}
    found = []
    for script in scripts(pipeline):
        for line in re.findall(r"(?<![\w-])aftermerge (?:[^\n;)|>&]|(?<=\$)\()+", script):
            found.append(Template(line).substitute(known))
    return found


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_line_of_an_example_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = lines(path)
    assert told
    for line in told:
        words = shlex.split(line)[1:]
        dry = ["--dry-run"] if words[0] == "report" else []
        env = GITHUB if path.parent.name == "github-actions" else GITLAB
        result = CliRunner().invoke(main, [*words, *dry], env=env)
        assert result.exit_code == Exit.OK, f"{line}\n{result.output}"
        assert "warning" not in result.stderr, "best effort hides what is wrong"
        assert not list(tmp_path.iterdir())


def test_there_are_examples_for_both() -> None:
    assert {path.parent.name for path in EXAMPLES} == {"github-actions", "gitlab-ci"}
    spoken = " ".join(line for path in EXAMPLES for line in lines(path))
    for words in ("started", '"success"', "report smoke", "tag ", "report incident", "report drift"):
        assert words in spoken, words
