"""Registries for tests: the shared one without subjects, and one that may die and keeps what it knows."""

from __future__ import annotations

import json
import shutil
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pipeline import resources
from pipeline.registry import Registry, RegistrySettings
from tests.kafka import servers
from tests.kafka.artifacts import registry_home
from tests.kafka.servers import Server

ASK_SECONDS = 10


@contextmanager
def emptied() -> Iterator[Registry]:
    """The registry that all tests share, after every subject of ours was removed from it."""
    url = servers.registry()
    with urllib.request.urlopen(f"{url}/subjects", timeout=ASK_SECONDS) as answer:
        subjects = [subject for subject in json.load(answer) if subject.startswith("aftermerge.")]
    for subject in subjects:
        path = f"{url}/subjects/{urllib.parse.quote(subject)}"
        for how in ("", "?permanent=true"):
            removal = urllib.request.Request(path + how, method="DELETE")
            urllib.request.urlopen(removal, timeout=ASK_SECONDS).close()
    with closing(Registry(RegistrySettings.of(url))) as registry:
        yield registry


def durable(directory: Path) -> servers.Registry:
    """A registry of one's own that keeps its schemas in a file, as a registry in use does."""
    found = servers.Registry(directory)
    jar = next(registry_home().glob("*-runner.jar"))
    told = {
        "quarkus.http.port": found.port,
        "quarkus.http.host": "127.0.0.1",
        "quarkus.datasource.jdbc.url": f"jdbc:h2:file:{directory}/schemas;WRITE_DELAY=0",
    }
    options = [f"-D{name}={value}" for name, value in told.items()]
    found.server = Server("registry", directory, ["-Xmx400m", *options, "-jar", str(jar)])
    return found


def changed(directory: Path, file: str, fields: list[dict[str, object]]) -> Path:
    """The shipped schemas as a later version may have them: a record with more fields, or others."""
    root = directory / "schemas"
    if not root.exists():
        shutil.copytree(resources.schemas(), root)
    path = root / file
    document = json.loads(path.read_text(encoding="utf-8"))
    others = {field["name"] for field in fields}
    kept = [field for field in document["fields"] if field["name"] not in others]
    path.write_text(json.dumps({**document, "fields": [*kept, *fields]}))
    return root
