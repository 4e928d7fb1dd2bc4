"""Deployments from the image tags in a GitOps repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core.events import ArtifactPackaged, ChangeMerged, DeploymentFinished, IncidentDetected
from pipeline.sources.git import GitOptions, read_histories
from pipeline.sources.git.gitops import environment_of, service_of
from pipeline.sources.git.images import images_in
from tests.sources.git.clones import NOW, Clone, at, of_type, token

TAGS = "image-tags/{}/api"


def tag_file(tag: str) -> str:
    return f"image_tag: {tag}\nautomatic: true\n"


@pytest.fixture
def fleet(tmp_path: Path) -> Clone:
    return Clone(tmp_path / "fleet", "https://git.example/acme/fleet.git")


def test_one_deployment_for_each_service_environment_and_tag(fleet: Clone) -> None:
    first = fleet.commit(
        "Begin", 0, {TAGS.format("production"): tag_file("v1"), TAGS.format("staging"): tag_file("v1")}
    )
    fleet.commit("Switch off", 1, {TAGS.format("production"): "image_tag: v1\nautomatic: false\n"})
    fleet.commit("Deploy", 2, {TAGS.format("production"): tag_file("v2")})
    history = fleet.read(gitops=True)
    found = of_type(history, DeploymentFinished)
    assert [(one.service, one.environment, one.tag, one.time) for one in found] == [
        ("api", "production", "v1", at(0)),
        ("api", "staging", "v1", at(0)),
        ("api", "production", "v2", at(2)),
    ]
    assert found[0] == DeploymentFinished(
        id=f"git acme/fleet/api/production/v1/{first[:12]} finished",
        source="git/acme/fleet",
        time=at(0),
        received_at=at(0),
        imported=True,
        source_version=0,
        parser_version=3,
        retracted=False,
        sequence=0,
        deployment=f"git/acme/fleet/api/production/v1/{first[:12]}",
        service="api",
        environment="production",
        tag="v1",
    )
    # a line beside the tag makes a commit a change, too
    assert [change.title for change in of_type(history, ChangeMerged)] == ["Begin", "Switch off", "Deploy"]
    assert {type(event) for event in fleet.read().events} == {ChangeMerged}


def test_tags_lead_to_the_commits_of_the_application(fleet: Clone, tmp_path: Path) -> None:
    app = Clone(tmp_path / "api")
    one = app.commit("One", 0, {"a": "1"})
    app.tag("v1")
    two = app.commit("Two (#2)", 1, {"a": "2"})
    app.tag("v2", 1.5)
    three = app.commit("Three", 2, {"a": "3"})
    for hours, tag in ((3, "v1"), (4, "v2"), (5, f"main-{three[:9]}-77"), (6, "v1")):
        fleet.commit(f"Deploy {tag}", hours, {TAGS.format("production"): tag_file(tag)})
    options = GitOptions(gitops=True, now=NOW, incidents_from=frozenset({"rollbacks"}))
    history = read_histories([app.path, fleet.path], options, token)
    assert [(a.artifact, a.tag, a.repository, a.sha, a.time) for a in of_type(history, ArtifactPackaged)] == [
        ("acme/api:v1", "v1", "acme/api", one, at(0)),
        ("acme/api:v2", "v2", "acme/api", two, at(1.5)),
        (f"acme/api:main-{three[:9]}-77", f"main-{three[:9]}-77", "acme/api", three, at(2)),
    ]
    # the version tags of the application are no deployments of their own when the fleet tells them
    found = of_type(history, DeploymentFinished)
    assert [(d.tag, d.artifact, d.repository, d.branch, d.time) for d in found] == [
        ("v1", "acme/api:v1", "acme/api", "main", at(3)),
        ("v2", "acme/api:v2", "acme/api", "main", at(4)),
        (f"main-{three[:9]}-77", f"acme/api:main-{three[:9]}-77", "acme/api", "main", at(5)),
        ("v1", "acme/api:v1", "acme/api", "main", at(6)),
    ]
    assert [(incident.service, incident.time) for incident in of_type(history, IncidentDetected)] == [
        ("api", at(6) - 1)
    ]
    assert [truth.culprits for truth in history.truths] == [["acme/api#2", two, f"acme/api@{three}", three]]


def test_regions_that_follow_are_the_same_deployment(fleet: Clone) -> None:
    file = "apps/web/overlays/prod-{}/kustomization.yaml"
    content = "images:\n- name: acme/web\n  newTag: {}\n"
    for hours, region, tag in (
        (0, "eu", "1.0"),
        (1, "us", "1.0"),
        (2, "eu", "1.1"),
        (3, "us", "1.1"),
        (4, "eu", "1.0"),
    ):
        fleet.commit("Deploy", hours, {file.format(region): content.format(tag)})
    found = of_type(fleet.read(gitops=True), DeploymentFinished)
    assert [(one.service, one.environment, one.tag, one.time) for one in found] == [
        ("web", "production", "1.0", at(0)),
        ("web", "production", "1.1", at(2)),
        ("web", "production", "1.0", at(4)),
    ]


@pytest.mark.parametrize(
    ("path", "environment", "service"),
    [
        ("apps/api/overlays/prod-eu/kustomization.yaml", "production", "api"),
        ("charts/app-config/image-tags/staging/account-api", "staging", "account-api"),
        ("image-tags/production/release", "production", "release"),
        ("environments/production/values.yaml", "production", ""),
        ("services/web/values-production.yaml", "production", "web"),
        ("integration/web.yaml", "integration", "web"),
        ("web/deployment.yaml", "", "web"),
        ("production/test-runner/values.yaml", "production", "test-runner"),
    ],
)
def test_paths_tell_environment_and_service(path: str, environment: str, service: str) -> None:
    assert (environment_of(path), service_of(path)) == (environment, service)


@pytest.mark.parametrize(
    ("content", "images"),
    [
        ("image_tag: v12\n", [("", "v12")]),
        ("image:\n  repository: r.example/acme/api\n  tag: '1.2'  # now\n", [("api", "1.2")]),
        ("web:\n  image:\n    tag: 1\nworker:\n  image:\n    tag: 2\n", [("web", "1"), ("worker", "2")]),
        ("images:\n- name: acme/api\n  newTag: v2\n", [("api", "v2")]),
        (
            "images:\n  - name: a/api\n    newTag: 1\n  - name: nginx\n    newTag: 2\n",
            [("api", "1"), ("nginx", "2")],
        ),
        ("spec:\n  containers:\n  - name: api\n    image: r.example:5000/acme/api:v3\n", [("api", "v3")]),
        ("image: acme/api@sha256:" + "a" * 64 + "\n", [("api", "sha256:" + "a" * 64)]),
        ("image: {{ .Values.image }}\ntag: v1\n", []),
        ("image:\n  repository: acme/api\n  tag: latest\n", []),
        ("tag: v1\nname: x\n", []),
        ("- not\n  : yaml: [\n", []),
    ],
)
def test_where_image_tags_stand(content: str, images: list[tuple[str, str]]) -> None:
    assert [(image.name, image.tag) for image in images_in(content).values()] == images


def test_image_tags_in_json() -> None:
    content = '{"api": {"image": "acme/api:v4"}, "web": {"image_tag": "v5"}}'
    found = {(image.name, image.tag) for image in images_in(content, json_file=True).values()}
    assert found == {("api", "v4"), ("web", "v5")}
    assert images_in("{not json", json_file=True) == {}


def test_a_commit_of_image_tags_alone_is_no_change(fleet: Clone) -> None:
    path = TAGS.format("production")
    fleet.commit("Begin", 0, {path: "image_tag: v1\n", "README": "x\n"})
    fleet.commit("Deploy", 1, {path: "image_tag: v2\n"})
    history = fleet.read(gitops=True)
    assert [change.title for change in of_type(history, ChangeMerged)] == ["Begin"]
    assert history.report.counts["commits_of_image_tags_alone"] == 1
