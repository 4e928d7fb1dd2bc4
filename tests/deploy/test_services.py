"""What docker-compose.yml mounts into ClickHouse, Grafana, Alertmanager and the Collector."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET

import pytest
import yaml

from pipeline.store import Store
from tests.deploy.composition import ROOT, RUN_SECONDS_MAX, Tree, plain

FORMATTED = "SELECT formatQuerySingleLine({q:String})"
USERS = ROOT / "compose/clickhouse/users.xml"
#: makes or changes tables; nobody who only reads or writes rows may have any of it
CHANGES = re.compile(r"\b(?:ALTER|DROP|ALL|SYSTEM|CREATE (?:VIEW|USER|ROLE)|GRANT OPTION)\b")


def users() -> dict[str, ET.Element]:
    found = ET.parse(USERS).getroot().find("users")
    assert found is not None
    return {user.tag: user for user in found if "remove" not in user.attrib}


def grants(user: str) -> list[str]:
    return [query.text or "" for query in users()[user].iterfind("grants/query")]


def told(service: str) -> Tree:
    variables: Tree = plain()["services"][service]["environment"]
    return variables


def loaded(path: str) -> Tree:
    tree: Tree = yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))
    return tree


def test_clickhouse_has_no_user_without_a_password_of_its_own() -> None:
    found = ET.parse(USERS).getroot().find("users/default")
    assert found is not None
    assert found.attrib == {"remove": "remove"}
    assert set(users()) == {"owner", "sink", "grafana", "otel"}
    for name, user in users().items():
        password = user.find("password")
        assert password is not None
        assert password.attrib["from_env"] == f"CLICKHOUSE_{name.upper()}_PASSWORD"
        assert not (password.text or "").strip()
        assert password.attrib["from_env"] in told("clickhouse")
        assert user.find("access_management") is None


def test_every_grant_is_one_that_the_engine_reads(dsn: str) -> None:
    store = Store.open(dsn)
    try:
        for name in users():
            for grant in grants(name):
                rows = store.query(
                    "SELECT formatQuerySingleLine({q:String})", {"q": f"{grant} TO {name}"}
                ).rows
                assert rows == [(f"{grant} TO {name}",)]
    finally:
        store.close()


def test_rights_in_clickhouse_are_the_least() -> None:
    for name in users():
        assert {grant.partition(" ON ")[2].partition(".")[0] for grant in grants(name)} <= {
            "owner": {"aftermerge", "aftermerge_rehearsal", "system"},
            "sink": {"aftermerge", "system"},
            "grafana": {"aftermerge", "otel", "system"},
            "otel": {"otel"},
        }[name]
        assert all(" SELECT ON " in f" {grant}" for grant in grants(name) if " ON system." in grant)
    for name in ("sink", "grafana"):
        assert [grant for grant in grants(name) if CHANGES.search(grant)] == []
    assert [grant for grant in grants("grafana") if re.search("INSERT|CREATE|TRUNCATE", grant)] == []
    grafana = users()["grafana"]
    assert (grafana.findtext("profile"), ET.parse(USERS).getroot().findtext("profiles/asking/readonly")) == (
        "asking",
        "2",
    )
    assert grafana.findtext("databases/aftermerge/events_finding_reported/filter") == "0"


def test_the_configuration_of_clickhouse_is_well_formed_and_mounted_last() -> None:
    assert ET.parse(ROOT / "compose/clickhouse/config.xml").getroot().tag == "clickhouse"
    mounted = [volume for volume in plain()["services"]["clickhouse"]["volumes"] if volume.startswith("./")]
    # files are merged in the order of their names: nothing of the image comes after these
    assert {volume.split(":")[1].rpartition("/")[2] for volume in mounted} == {"zz-aftermerge.xml"}


def test_grafana_asks_clickhouse_as_the_user_that_only_reads() -> None:
    (source,) = loaded("grafana/provisioning/datasources/clickhouse.yaml")["datasources"]
    plugin, _, version = told("grafana")["GF_PLUGINS_PREINSTALL_SYNC"].partition("@")
    assert source["type"] == plugin
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert source["jsonData"]["username"] == "grafana"
    asked_for = set(re.findall(r"\$([A-Z_]+)", str(source)))
    assert asked_for == {"CLICKHOUSE_HOST", "CLICKHOUSE_GRAFANA_PASSWORD"}
    assert asked_for <= told("grafana").keys()
    assert source["secureJsonData"] == {"password": "$CLICKHOUSE_GRAFANA_PASSWORD"}
    collector = loaded("compose/collector.yaml")["exporters"]["clickhouse"]
    for signal in ("logs", "traces"):
        assert source["jsonData"][signal]["defaultDatabase"] == collector["database"]
        assert source["jsonData"][signal]["defaultTable"] == collector[f"{signal}_table_name"]


def test_the_collector_writes_traces_and_logs_into_the_same_clickhouse() -> None:
    tree = loaded("compose/collector.yaml")
    exporter = tree["exporters"]["clickhouse"]
    assert exporter["endpoint"].startswith("tcp://clickhouse:9000")
    assert (exporter["traces_table_name"], exporter["logs_table_name"]) == ("otel_traces", "otel_logs")
    assert exporter["username"] == "otel"
    assert exporter["password"] == "${env:CLICKHOUSE_OTEL_PASSWORD}"
    assert "CLICKHOUSE_OTEL_PASSWORD" in told("collector")
    assert all(f"ON {exporter['database']}.*" in grant for grant in grants("otel"))
    pipelines = tree["service"]["pipelines"]
    assert set(pipelines) == {"traces", "logs"}
    for pipeline in pipelines.values():
        for kind, names in pipeline.items():
            assert names
            assert set(names) <= tree[kind].keys()
    assert set(tree["service"]["extensions"]) == tree["extensions"].keys()
    # the addresses that docker-compose.yml publishes and asks
    ports = {port.rpartition(":")[2] for port in plain()["services"]["collector"]["ports"]}
    protocols = tree["receivers"]["otlp"]["protocols"].values()
    assert {protocol["endpoint"].rpartition(":")[2] for protocol in protocols} == ports
    health = tree["extensions"]["health_check"]["endpoint"].rpartition(":")[2]
    assert f":{health}/" in plain()["services"]["collector"]["healthcheck"]["test"][-1]


def test_alertmanager_takes_its_configuration() -> None:
    amtool = shutil.which("amtool")
    if amtool is None:
        if os.environ.get("CI"):
            pytest.fail("there is no amtool here, and CI has to have it (Debian: prometheus-alertmanager)")
        pytest.skip("there is no amtool here (Debian: prometheus-alertmanager)")
    command = [amtool, "check-config", str(ROOT / "compose/alertmanager.yml")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=RUN_SECONDS_MAX, check=False)
    assert ran.returncode == 0, ran.stderr
