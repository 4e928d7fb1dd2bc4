"""A Kafka broker and a schema registry as Maven artifacts: fetched once into a cache outside of the checkout.

``python -m tests.kafka.artifacts`` fetches them (needs Maven and a Java runtime, version 17 or newer) and
compares every file with ``artifacts.sha256``. Without them the tests that need them are skipped, which
pytest says at its end; where the variable CI is set they fail instead.
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
from pathlib import Path

import pytest

KAFKA = "4.3.1"
#: Kafka's modules still speak to SLF4J 1.7, so `-slf4j-`, not `-slf4j2-`
LOG4J = "2.25.3"
REGISTRY = "2.6.13.Final"
REGISTRY_ARCHIVE = f"apicurio-registry-app-{REGISTRY}-all.tar.gz"

FETCH_TRIES_MAX = 4
FETCH_SECONDS_MAX = 600
RETRY_WAIT_SECONDS = 5
#: Debian's package `maven` brings Java with it
HOW = "`apt-get install maven` (with Java 17 or newer), then `.venv/bin/python -m tests.kafka.artifacts`"

_SUMS = Path(__file__).with_name("artifacts.sha256")
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
    if kafka_jars().is_dir() and registry_home().is_dir():
        return ""
    if missing := [name for name in ("mvn", "java") if shutil.which(name) is None]:
        return f"{' and '.join(missing)} not found: {HOW}"
    _cache().mkdir(parents=True, exist_ok=True)
    for home, download in ((kafka_jars(), _download_kafka), (registry_home(), _download_registry)):
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
    pom = target.with_name("pom.xml")
    pom.write_text(_POM.format("".join(_DEPENDENCY.format(*each) for each in _DEPENDENCIES)))
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={target}"]
    return _run([*_MAVEN, "--file", str(pom), *goal]) or _compare(target, {REGISTRY_ARCHIVE})


def _download_registry(target: Path) -> str:
    artifact = f"io.apicurio:apicurio-registry-app:{REGISTRY}:tar.gz:all"
    archives = target.with_name("archives")
    goal = ["dependency:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={archives}"]
    others = set(_sums()) - {REGISTRY_ARCHIVE}
    if wrong := _run([*_MAVEN, *goal]) or _compare(archives, others):
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


def _sums() -> dict[str, str]:
    lines = _SUMS.read_text(encoding="utf-8").split("\n")
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines if line)}


def _compare(directory: Path, elsewhere: set[str]) -> str:
    """What differs between the files of a directory and the list (without what is kept elsewhere)."""
    listed = {name: digest for name, digest in _sums().items() if name not in elsewhere}
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.iterdir()
        if path.is_file()
    }
    wrong = sorted(name for name in {*listed, *found} if listed.get(name) != found.get(name))
    return f"not what {_SUMS.name} lists: {', '.join(wrong)}" if wrong else ""


def main() -> int:
    if wrong := fetch():
        sys.stderr.write(f"no Kafka for the tests, those that need it are left out: {wrong}\n")
        return 1 if os.environ.get("CI") else 0
    sys.stdout.write(f"Kafka {KAFKA} and the registry {REGISTRY} are in {_cache()}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
