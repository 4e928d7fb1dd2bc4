"""docker-compose.yml: Docker Compose's own loader reads it; it is closed, and starts only with secrets."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline.cli import COMMANDS
from pipeline.credentials import SECRET, SECRET_CHARACTERS_MIN, is_credential
from pipeline.receive.keeping import KeyRing
from pipeline.worker import TURN_SECONDS_MAX
from tests.deploy.composition import (
    COMPOSE_FILE,
    ROOT,
    RUN_SECONDS_MAX,
    Tree,
    filled,
    generated,
    plain,
    read,
    settings_known,
)
from tests.kafka.artifacts import KAFKA, REGISTRY

PINNED = re.compile(r"[a-z0-9-]+(?:/[a-z0-9-]+)?:v?\d+\.\d+(?:\.\d+)*[A-Za-z0-9.-]*")
SECRET_NAMES = re.compile(r"PASSWORD|SECRET|TOKEN|_KEYS?$|JAAS|DSN")
STEPS = {"receive", "normalize", "correlate", "sink"}
ONCE = {"prepare", "acls", "topics", "tables"}
PERSON_KEY = re.compile(r"[0-9a-f]{64}")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return generated(tmp_path_factory.mktemp("compose"))


@pytest.fixture(scope="module")
def services(environment: dict[str, str]) -> dict[str, Tree]:
    found: dict[str, Tree] = filled(environment)["services"]
    return found


@pytest.mark.slow
def test_docker_compose_reads_it(services: dict[str, Tree]) -> None:
    others = {"kafka", "registry", "clickhouse", "grafana", "alertmanager", "collector"}
    assert set(services) == STEPS | ONCE | others


@pytest.mark.slow
def test_the_loader_refuses_what_is_no_compose_file(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = tmp_path / "docker-compose.yml"
    for broken in ("    restrat: always", "    depends_on: {nobody: {condition: service_healthy}}"):
        wrong.write_text(f"services:\n  one:\n    image: a:1.0\n{broken}\n")
        monkeypatch.setattr("tests.deploy.composition.COMPOSE_FILE", wrong)
        with pytest.raises(ValueError, match=r"restrat|nobody"):
            filled(environment)


@pytest.mark.slow
def test_it_refuses_to_start_without_any_one_of_its_secrets(environment: dict[str, str]) -> None:
    optional = {name for name in environment if name.startswith(SECRET)} - {f"{SECRET}CLOUDEVENTS"}
    for name in environment.keys() - optional:
        for without in ({**environment, name: ""}, {k: v for k, v in environment.items() if k != name}):
            with pytest.raises(ValueError, match=f"{name} is missing a value: run compose/generate-env"):
                filled(without)


@pytest.mark.slow
def test_nothing_listens_beyond_this_machine(services: dict[str, Tree]) -> None:
    published = [(name, port) for name, one in services.items() for port in one.get("ports", ())]
    assert {name for name, _ in published} >= {"receive", "grafana", "clickhouse", "kafka"}
    assert [(name, port) for name, port in published if port.get("host_ip") != "127.0.0.1"] == []
    assert len({port["published"] for _, port in published}) == len(published)
    for name, one in services.items():
        assert one.get("network_mode") in (None, "none"), name
        assert not one.get("privileged"), name
        assert one["cap_drop"] == ["ALL"], name
        for volume in one.get("volumes", ()):
            if volume["type"] == "bind":
                assert volume["read_only"], f"{name}: {volume['source']}"
                assert Path(volume["source"]).exists(), f"{name}: {volume['source']}"
                assert "docker.sock" not in volume["source"]


@pytest.mark.slow
def test_every_service_is_watched_limited_and_started_again(services: dict[str, Tree]) -> None:
    for name, one in services.items():
        limits = one["deploy"]["resources"]["limits"]
        assert {"cpus", "memory", "pids"} <= limits.keys(), name
        checked = not one.get("healthcheck", {"disable": True}).get("disable")
        if name in ONCE:
            assert not checked, name
            assert one["restart"].startswith("on-failure:"), name
        else:
            assert checked, name
            assert one["restart"] == "unless-stopped", name
        for other, condition in one.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if other in ONCE else "service_healthy"
            assert condition["condition"] == wanted, f"{name} waits for {other}"
    for name in STEPS:
        one = services[name]
        assert one["read_only"], name
        assert one["security_opt"] == ["no-new-privileges:true"], name
        assert _seconds(one["stop_grace_period"]) > TURN_SECONDS_MAX, name
        assert one["command"] == [name]


@pytest.mark.slow
def test_each_step_knows_its_own_secrets_and_no_others(
    services: dict[str, Tree], environment: dict[str, str]
) -> None:
    def holders(variable: str) -> set[str]:
        return {name for name, one in services.items() if environment[variable] in str(one)}

    for step in STEPS:
        assert holders(f"KAFKA_{step.upper()}_PASSWORD") == {step, "kafka"}
    assert holders("KAFKA_BROKER_PASSWORD") == {"kafka", "acls"}
    assert holders("KAFKA_ADMIN_PASSWORD") == {"kafka", "topics"}
    assert holders("CLICKHOUSE_OWNER_PASSWORD") == {"clickhouse", "tables"}
    assert holders("CLICKHOUSE_SINK_PASSWORD") == {"clickhouse", "sink"}
    assert holders("CLICKHOUSE_GRAFANA_PASSWORD") == {"clickhouse", "grafana"}
    assert holders("CLICKHOUSE_OTEL_PASSWORD") == {"clickhouse", "collector"}
    assert holders("AFTERMERGE_PERSON_KEY") == {"receive", "normalize"}
    assert holders("AFTERMERGE_DELIVERY_KEYS") == {"receive", "normalize"}
    assert holders("AFTERMERGE_SECRET_GITHUB") == {"receive"}


def test_images_are_pinned_and_are_the_versions_that_are_tested() -> None:
    images = {name: str(one["image"]) for name, one in plain()["services"].items()}
    foreign = {name: image for name, image in images.items() if not image.startswith("aftermerge:")}
    assert [image for image in foreign.values() if not PINNED.fullmatch(image)] == []
    assert foreign["kafka"] == foreign["acls"] == f"apache/kafka:{KAFKA}"
    assert foreign["registry"].endswith(f":{REGISTRY}")
    assert {name for name in images if name not in foreign} == STEPS | {"topics", "tables"}


def test_every_command_exists() -> None:
    ours = [one for one in plain()["services"].values() if str(one["image"]).startswith("aftermerge:")]
    assert {one["command"][0] for one in ours} - COMMANDS.keys() == set()


def test_the_file_itself_holds_no_secret() -> None:
    tree = plain()
    told = [one.get("environment", {}) for one in tree["services"].values()] + [tree["x-cluster"]]
    literal = {
        f"{name}={value}"
        for variables in told
        for name, value in variables.items()
        if SECRET_NAMES.search(name) and not re.search(r"\$\{[A-Z_]+(?::\?|:-\})", str(value))
    }
    assert literal == set()


def test_every_setting_exists() -> None:
    known = settings_known()
    assert "AFTERMERGE_KAFKA_BOOTSTRAP" in known
    told = {
        name
        for one in plain()["services"].values()
        for name in one.get("environment", {})
        if name.startswith("AFTERMERGE_")
    }
    assert len(told) > 15
    assert {name for name in told if name not in known and not is_credential(name)} == set()


def test_generated_secrets_are_secret_new_and_good_for_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    one, other = generated(tmp_path), generated(tmp_path / "other")
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    empty = {"AFTERMERGE_SECRET_PAGERDUTY"}
    values = [value for name, value in one.items() if name not in empty]
    assert min(map(len, values)) >= SECRET_CHARACTERS_MIN
    assert len({*values, *(value for name, value in other.items() if name not in empty)}) == 2 * len(values)
    KeyRing.of((one["AFTERMERGE_DELIVERY_KEYS"],))
    assert PERSON_KEY.fullmatch(one["AFTERMERGE_PERSON_KEY"])
    asked_for = set(re.findall(r"\$\{([A-Z_]+):\?", COMPOSE_FILE.read_text(encoding="utf-8")))
    assert asked_for <= one.keys()
    again = subprocess.run(
        [ROOT / "compose/generate-env", tmp_path / ".env"],
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS_MAX,
        check=False,
    )
    assert again.returncode == 1
    assert "stays as it is" in again.stderr
    assert read(tmp_path / ".env") == one


def test_docker_compose_itself_accepts_it(environment: dict[str, str], tmp_path: Path) -> None:
    docker = shutil.which("docker")
    if docker is None:
        pytest.skip("there is no docker here: the loader of Docker Compose reads the file instead")
    asked = subprocess.run([docker, "compose", "version"], capture_output=True, text=True, check=False)
    if asked.returncode:
        pytest.skip("this docker has no `compose`: the loader of Docker Compose reads the file instead")
    file = tmp_path / "env"
    file.write_text("".join(f"{name}={value}\n" for name, value in environment.items()))
    command = [docker, "compose", "--env-file", str(file), "--file", str(COMPOSE_FILE), "config", "--quiet"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=RUN_SECONDS_MAX, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


def _seconds(duration: str) -> int:
    parts = re.fullmatch(r"(?:(\d+)m)?(?:(\d+)s)?", duration)
    assert parts, duration
    return 60 * int(parts[1] or 0) + int(parts[2] or 0)
