"""A Kafka broker, a schema registry and a JDBC driver as Maven artifacts, fetched once into the user's cache.

``python -m tests.kafka.artifacts`` fetches them (needs Maven and a Java runtime, version 17 or newer) and
compares every file with a list, ``artifacts.sha256`` here or ``tests/web/jdbc.sha256``. Without them the
tests that need them are skipped, which pytest says at its end; where the variable CI is set they fail.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Collection
from pathlib import Path

import pytest

KAFKA = "4.3.1"
#: Kafka's modules still speak to SLF4J 1.7, so `-slf4j-`, not `-slf4j2-`
LOG4J = "2.25.3"
REGISTRY = "2.6.13.Final"
REGISTRY_ARCHIVE = f"apicurio-registry-app-{REGISTRY}-all.tar.gz"
#: ClickHouse's JDBC driver
JDBC = "0.9.8"
#: it says what it does to SLF4J, which throws that away
SLF4J = "2.0.17"

FETCH_TRIES_MAX = 4
FETCH_SECONDS_MAX = 600
RETRY_WAIT_SECONDS = 5
#: Debian's package `maven` brings Java with it
HOW = "`apt-get install maven` (with Java 17 or newer), then `.venv/bin/python -m tests.kafka.artifacts`"

_SUMS = Path(__file__).with_name("artifacts.sha256")
_JDBC_SUMS = Path(__file__).parents[1] / "web" / "jdbc.sha256"
_DEPENDENCIES = (
    ("org.apache.kafka", "kafka_2.13", KAFKA),
    ("org.apache.logging.log4j", "log4j-slf4j-impl", LOG4J),
    ("org.apache.logging.log4j", "log4j-core", LOG4J),
)
_POM = """<project><modelVersion>4.0.0</modelVersion>
<groupId>tests</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>{}</dependencies></project>
"""
_DEPENDENCY = "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"
#: the jar with all that it needs inside, so without what its description asks for beside it
_JDBC_DEPENDENCIES = (
    "<dependency><groupId>com.clickhouse</groupId><artifactId>clickhouse-jdbc</artifactId>"
    f"<version>{JDBC}</version><classifier>all</classifier>"
    "<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions></dependency>"
    + _DEPENDENCY.format("org.slf4j", "slf4j-nop", SLF4J)
)
_MAVEN = ("mvn", "--quiet", "--batch-mode")


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "aftermerge"


def kafka_jars() -> Path:
    """The directory of the broker's jars, there or not."""
    return _cache() / f"kafka-{KAFKA}"


def registry_home() -> Path:
    """The directory of the unpacked registry, there or not."""
    return _cache() / f"apicurio-registry-{REGISTRY}"


def jdbc_jars() -> Path:
    """The directory of the JDBC driver's jars, there or not."""
    return _cache() / f"clickhouse-jdbc-{JDBC}"


def demand(home: Path) -> None:
    """Skip the test, or fail it under CI, when Java or what ``home`` should hold is missing."""
    if shutil.which("java") is None:
        missing = f"java was not found, which {home.name} runs on: {HOW}"
    elif not home.is_dir():
        missing = f"{home} is not there: {HOW}"
    else:
        return
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


def fetch() -> str:
    """Fetch what is missing; returns what went wrong, or ""."""
    homes = (
        (kafka_jars(), _download_kafka),
        (registry_home(), _download_registry),
        (jdbc_jars(), _download_jdbc),
    )
    if all(home.is_dir() for home, _ in homes):
        return ""
    if missing := [name for name in ("mvn", "java") if shutil.which(name) is None]:
        return f"{' and '.join(missing)} not found: {HOW}"
    _cache().mkdir(parents=True, exist_ok=True)
    for home, download in homes:
        if home.is_dir():
            continue
        with tempfile.TemporaryDirectory(dir=_cache(), prefix="fetching-") as scratch:
            target = Path(scratch) / home.name
            target.mkdir()
            if wrong := download(target):
                return wrong
            target.rename(home)
    return ""


def _download_kafka(target: Path) -> str:
    dependencies = "".join(_DEPENDENCY.format(*each) for each in _DEPENDENCIES)
    return _copy(dependencies, target) or _compare(target, _SUMS, {REGISTRY_ARCHIVE})


def _download_jdbc(target: Path) -> str:
    return _copy(_JDBC_DEPENDENCIES, target) or _compare(target, _JDBC_SUMS)


def _copy(dependencies: str, target: Path) -> str:
    """Everything that these need when they run, as files beside each other."""
    pom = target.with_name("pom.xml")
    pom.write_text(_POM.format(dependencies))
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={target}"]
    return _run([*_MAVEN, "--file", str(pom), *goal])


def _download_registry(target: Path) -> str:
    artifact = f"io.apicurio:apicurio-registry-app:{REGISTRY}:tar.gz:all"
    archives = target.with_name("archives")
    goal = ["dependency:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={archives}"]
    others = set(_listed(_SUMS)) - {REGISTRY_ARCHIVE}
    if wrong := _run([*_MAVEN, *goal]) or _compare(archives, _SUMS, others):
        return wrong
    with tarfile.open(archives / REGISTRY_ARCHIVE) as archive:
        archive.extractall(target, filter="data")
    return ""


def _run(command: list[str]) -> str:
    wrong = ""
    for tried in range(1, FETCH_TRIES_MAX + 1):
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=FETCH_SECONDS_MAX, check=False
            )
            if done.returncode == 0:
                return ""
            wrong = (done.stdout + done.stderr).strip()[-500:]
        except subprocess.TimeoutExpired:
            wrong = f"Maven did not end within {FETCH_SECONDS_MAX} s"
        if tried < FETCH_TRIES_MAX:
            time.sleep(RETRY_WAIT_SECONDS * tried)
    return f"gave up after {FETCH_TRIES_MAX} tries: {wrong}"


def _listed(sums: Path) -> dict[str, str]:
    lines = sums.read_text(encoding="utf-8").split("\n")
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines if line)}


def _compare(directory: Path, sums: Path, elsewhere: Collection[str] = ()) -> str:
    """What differs between the files of a directory and the list (without what is kept elsewhere)."""
    listed = {name: digest for name, digest in _listed(sums).items() if name not in elsewhere}
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.iterdir()
        if path.is_file()
    }
    wrong = sorted(name for name in {*listed, *found} if listed.get(name) != found.get(name))
    return f"not what {sums.name} lists: {', '.join(wrong)}" if wrong else ""


def main() -> int:
    if wrong := fetch():
        sys.stderr.write(f"no Kafka or JDBC driver for the tests, those that need it are left out: {wrong}\n")
        return 1 if os.environ.get("CI") else 0
    sys.stdout.write(f"Kafka {KAFKA}, the registry {REGISTRY} and JDBC {JDBC} are in {_cache()}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
