"""The manifests of examples/kubernetes: valid, without privileges and secrets, in accord with the program."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator

import kubernetes_validate  # type: ignore[import-untyped]  # it ships no types
import pytest
import yaml

from pipeline.cluster_settings import ClusterSettings
from pipeline.credentials import is_credential
from pipeline.worker import TURN_SECONDS_MAX
from tests.deploy.composition import ROOT, RUN_SECONDS_MAX, Tree, settings_known

MANIFESTS = ROOT / "examples/kubernetes"
#: the oldest Kubernetes that README.md names; the newest is whatever kubernetes-validate knows
KUBERNETES_MIN = "1.30"
WORKLOADS = {"Deployment", "StatefulSet", "Job"}
STEPS = {"receive", "normalize", "correlate", "sink"}
#: resources of KEDA, which kubernetes-validate does not know
FOREIGN = {"ScaledObject", "TriggerAuthentication"}
#: what the trigger `kafka` of KEDA can be told in its metadata
TRIGGER_NAMES = {
    "bootstrapServers",
    "consumerGroup",
    "topic",
    "lagThreshold",
    "activationLagThreshold",
    "offsetResetPolicy",
    "allowIdleConsumers",
    "excludePersistentLag",
    "limitToPartitionsWithLag",
}


def documents() -> list[Tree]:
    found: list[Tree] = []
    for path in sorted(MANIFESTS.glob("*.yaml")):
        found += yaml.safe_load_all(path.read_text(encoding="utf-8"))
    return [document for document in found if document["kind"] != "Kustomization"]


def of_kind(*kinds: str) -> dict[str, Tree]:
    return {each["metadata"]["name"]: each for each in documents() if each["kind"] in kinds}


def pods() -> Iterator[tuple[str, Tree, Tree]]:
    """Name, pod and only container of everything that runs."""
    for name, workload in of_kind(*WORKLOADS).items():
        pod = workload["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        yield name, pod, container


@pytest.mark.parametrize("version", [KUBERNETES_MIN, kubernetes_validate.latest_version()])
def test_the_api_takes_every_manifest(version: str) -> None:
    checked = [document for document in documents() if document["kind"] not in FOREIGN]
    assert len(checked) >= 15
    for document in checked:
        kubernetes_validate.validate(document, version, strict=True)


def test_what_the_api_does_not_know_is_refused() -> None:
    document = of_kind("Deployment")["sink"]
    document["spec"]["template"]["spec"]["containers"][0]["readyProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="readyProbe"):
        kubernetes_validate.validate(document, KUBERNETES_MIN, strict=True)


def test_every_file_is_listed_and_kustomize_builds_them() -> None:
    listed = yaml.safe_load((MANIFESTS / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]
    assert set(listed) == {path.name for path in MANIFESTS.glob("*.yaml")} - {"kustomization.yaml"}
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("there is no kubectl here: the list of files is checked, kustomize does not build them")
    built = subprocess.run(
        [kubectl, "kustomize", MANIFESTS],
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS_MAX,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    assert built.stdout.count("\nkind: ") == len(documents())


def test_one_workload_runs_each_step_and_two_jobs_prepare() -> None:
    ran = {name: tuple(container["args"]) for name, _, container in pods()}
    assert ran == {
        **{step: (step,) for step in STEPS},
        "topics": ("topics", "create"),
        "tables": ("migrate",),
    }
    assert set(of_kind("StatefulSet")) == {"correlate"}


def test_no_container_has_a_privilege() -> None:
    for name, pod, container in pods():
        context = pod["securityContext"]
        assert (context["runAsNonRoot"], context["runAsUser"]) == (True, 10001), name
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert pod["automountServiceAccountToken"] is False, name
        assert not any(pod.get(shared) for shared in ("hostNetwork", "hostPID", "hostIPC")), name
        assert all("hostPath" not in volume for volume in pod["volumes"]), name
        limits, requests = container["resources"]["limits"], container["resources"]["requests"]
        assert "memory" in limits, name
        assert {"cpu", "memory"} <= requests.keys(), name


def test_what_a_container_mounts_is_there_and_can_be_written_where_it_must() -> None:
    for name, pod, container in pods():
        mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        assert mounts.keys() == volumes.keys(), name
        written = {mounts[volume]["mountPath"] for volume in volumes if "emptyDir" in volumes[volume]}
        assert written == {"/tmp", "/var/lib/aftermerge"}, name
        assert all(mounts[volume]["readOnly"] for volume in volumes if "secret" in volumes[volume]), name
        files = {one["name"]: one["value"] for one in container["env"] if one["name"].endswith("_FILE")}
        places = {mount["mountPath"] for mount in mounts.values()}
        assert files, name
        assert {file.rpartition("/")[0] for file in files.values()} <= places, name


def test_secrets_are_referred_to_and_described_and_never_contained() -> None:
    assert of_kind("Secret") == {}
    for name, _, container in pods():
        told = {one["name"]: one.get("value", "") for one in container["env"]}
        hidden = {variable for variable in told if re.search("PASSWORD|SECRET|TOKEN|_KEY|DSN", variable)}
        assert {told[variable][:1] for variable in hidden} <= {"/"}, name
        assert all(variable.endswith("_FILE") for variable in hidden), name
    for document in documents():
        assert not re.search(
            r"(?:password|token|secret)[\w-]*['\"]?: *['\"]?[0-9a-f]{16}", str(document).lower()
        )
    readme = (MANIFESTS / "README.md").read_text(encoding="utf-8")
    wanted = {
        volume["secret"]["secretName"]
        for _, pod, _ in pods()
        for volume in pod["volumes"]
        if "secret" in volume
    }
    described = {secret for secret in wanted if f"`{secret}`" in readme}
    steps = {f"aftermerge-kafka-{step}" for step in STEPS if f"-{step}`" in readme}
    assert wanted == described | steps


def test_every_setting_exists() -> None:
    known = settings_known()
    told = set(of_kind("ConfigMap")["aftermerge"]["data"])
    for _, _, container in pods():
        told |= {one["name"] for one in container["env"]}
    assert "AFTERMERGE_KAFKA_BOOTSTRAP" in told
    assert {
        name
        for name in told
        if name not in known and name.removesuffix("_FILE") not in known and not is_credential(name)
    } == set()


def test_settings_have_values_that_the_program_takes() -> None:
    data = of_kind("ConfigMap")["aftermerge"]["data"]
    told = {name.removeprefix("AFTERMERGE_").lower(): value for name, value in data.items()}
    cluster = ClusterSettings.model_validate(
        {name: value for name, value in told.items() if name in ClusterSettings.model_fields}
    )
    assert (cluster.kafka_partitions, cluster.kafka_security_protocol) == (6, "SASL_SSL")


def test_steps_are_probed_and_get_the_time_to_finish() -> None:
    for name, pod, container in pods():
        if name not in STEPS:
            continue
        ports = {port["name"] for port in container["ports"]}
        for probe, path in (("startup", "/healthz"), ("liveness", "/healthz"), ("readiness", "/readyz")):
            asked = container[f"{probe}Probe"]["httpGet"]
            assert asked["path"] == path, f"{name}: {probe}"
            assert asked["port"] in ports, f"{name}: {probe}"
        assert pod["terminationGracePeriodSeconds"] > (TURN_SECONDS_MAX if name != "receive" else 60), name
    assert set(of_kind("PodDisruptionBudget")) == STEPS
    instances = {name for name, _, container in pods() if "AFTERMERGE_KAFKA_INSTANCE" in str(container)}
    assert instances == set(of_kind("StatefulSet"))


def test_what_is_selected_exists() -> None:
    labels = {
        name: workload["spec"]["template"]["metadata"]["labels"]
        for name, workload in of_kind(*WORKLOADS).items()
    }
    for name, workload in of_kind("Deployment", "StatefulSet").items():
        assert workload["spec"]["selector"]["matchLabels"] == labels[name]
    for name, budget in of_kind("PodDisruptionBudget").items():
        assert budget["spec"]["selector"]["matchLabels"] == labels[name]
    for name, service in of_kind("Service").items():
        assert service["spec"]["selector"] == labels[name]
    for name, policy in of_kind("NetworkPolicy").items():
        chosen = policy["spec"]["podSelector"]["matchLabels"].items()
        assert any(chosen <= each.items() for each in labels.values()), name


def test_steps_scale_on_the_lag_of_their_own_group() -> None:
    partitions = int(of_kind("ConfigMap")["aftermerge"]["data"]["AFTERMERGE_KAFKA_PARTITIONS"])
    bootstrap = of_kind("ConfigMap")["aftermerge"]["data"]["AFTERMERGE_KAFKA_BOOTSTRAP"]
    scaled = of_kind("ScaledObject")
    assert set(scaled) == set(of_kind("TriggerAuthentication")) == STEPS - {"receive"}
    workloads = of_kind("Deployment", "StatefulSet")
    for name, one in scaled.items():
        target = one["spec"]["scaleTargetRef"]
        assert target == {"kind": workloads[name]["kind"], "name": name}
        assert "replicas" not in workloads[name]["spec"], "the scaler and the manifest would undo each other"
        assert one["spec"]["maxReplicaCount"] == partitions
        (trigger,) = one["spec"]["triggers"]
        assert trigger["type"] == "kafka"
        metadata = trigger["metadata"]
        assert metadata.keys() <= TRIGGER_NAMES
        assert all(isinstance(value, str) for value in metadata.values())
        assert (metadata["consumerGroup"], metadata["bootstrapServers"]) == (name, bootstrap)
        assert trigger["authenticationRef"] == {"name": name}
    (hpa,) = of_kind("HorizontalPodAutoscaler").values()
    assert hpa["spec"]["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "receive"}
