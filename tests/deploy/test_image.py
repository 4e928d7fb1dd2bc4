"""The Dockerfile: what goes in, what runs, and what says that it works; where no engine can build it."""

from __future__ import annotations

import fnmatch
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from typing import NamedTuple

import pytest

from tests.deploy.composition import ROOT, RUN_SECONDS_MAX
from tests.ports import free_ports

HEALTHY = ROOT / "compose/healthy.py"


class Instruction(NamedTuple):
    """One instruction of a Dockerfile, its lines joined."""

    name: str
    text: str


def stages() -> list[list[Instruction]]:
    """The instructions of each stage, beginning with its FROM; those before the first are left out."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    text = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    found: list[list[Instruction]] = []
    for line in filter(str.strip, text.replace("\\\n", " ").splitlines()):
        name, _, rest = line.strip().partition(" ")
        if name == "FROM":
            found.append([])
        if found:
            found[-1].append(Instruction(name, " ".join(rest.split())))
    return found


def of(stage: list[Instruction], name: str) -> list[str]:
    return [instruction.text for instruction in stage if instruction.name == name]


def test_every_stage_is_of_one_pinned_python() -> None:
    bases = {of(stage, "FROM")[0].partition(" ")[0] for stage in stages()}
    assert bases == {"python:${PYTHON_TAG}"}
    (tag,) = re.findall(r"^ARG PYTHON_TAG=(.*)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.M)
    version = re.fullmatch(r"(\d+\.\d+)\.\d+-slim-[a-z]+", tag)
    assert version, tag
    supported = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f"Programming Language :: Python :: {version[1]}" in supported


def test_everything_is_installed_by_hash_or_is_our_own_wheel() -> None:
    commands = [
        command
        for stage in stages()
        for run in of(stage, "RUN")
        for command in re.split(r"&&|;", run)
        if re.search(r"\bpip\b.* install ", command)
    ]
    assert len(commands) == 3
    for command in commands:
        hashed = "--require-hashes" in command and "--only-binary :all:" in command
        assert hashed or "--no-deps --no-index" in command, command


def test_the_last_stage_runs_without_root_and_builds_nothing() -> None:
    final = stages()[-1]
    (user,) = of(final, "USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user), (
        "a number, or an orchestrator can't see that it is not root"
    )
    names = [instruction.name for instruction in final]
    assert names.index("USER") > max(index for index, name in enumerate(names) if name in ("RUN", "COPY"))
    ran = " ".join(of(final, "RUN"))
    assert not re.search(r"\bapt|\bgcc|pip install|hatchling", ran)
    assert "pip uninstall" in ran
    copied = of(final, "COPY")
    assert [text for text in copied if "--from=build" in text] == [
        "--from=build /opt/aftermerge /opt/aftermerge"
    ]
    labels = " ".join(of(final, "LABEL"))
    for label in ("title", "description", "licenses", "version", "revision"):
        assert f"org.opencontainers.image.{label}=" in labels
    assert of(final, "HEALTHCHECK")[0].endswith('CMD ["python", "/opt/aftermerge/healthy.py"]')
    assert of(final, "ENTRYPOINT") == ['["aftermerge"]']


def test_the_context_holds_what_is_copied_and_nothing_secret() -> None:
    copied = [
        source
        for stage in stages()
        for text in of(stage, "COPY")
        if "--from" not in text
        for source in [word for word in text.split() if not word.startswith("--")][:-1]
    ]
    assert {"pipeline", "schemas", "sql", "examples", "pyproject.toml"} <= set(copied)
    for source in copied:
        assert (ROOT / source).exists(), source
        assert sent(source), source
    assert sent("pipeline/core/events/changes.py")
    for kept in (
        ".env",
        "compose/.env",
        ".git/config",
        ".venv/bin/python",
        "tests/conftest.py",
        "docker-compose.yml",
    ):
        assert not sent(kept), kept
    assert not sent("examples/kubernetes/sink.yaml")
    assert not sent("pipeline/core/entities.cpython-311-x86_64-linux-gnu.so")


def sent(path: str) -> bool:
    """Whether .dockerignore lets a file in: the last line that fits it, or a directory of it, decides."""
    fits, parts = True, PurePosixPath(path)
    places = [str(place) for place in (parts, *parts.parents) if str(place) != "."]
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = line.removeprefix("!")
        anywhere = pattern.removeprefix("**/")
        tried = [place.rpartition("/")[2] for place in places] if anywhere != pattern else places
        # a star stays inside of one name
        if any(fnmatch.fnmatchcase(p, anywhere) and p.count("/") == anywhere.count("/") for p in tried):
            fits = line.startswith("!")
    return fits


@pytest.mark.parametrize(("status", "expected"), [(200, 0), (503, 1)])
def test_healthy_repeats_what_the_process_says(status: int, expected: int) -> None:
    with answering(status) as port:
        assert asked(f"0.0.0.0:{port}", "127.0.0.1:1")[0] == expected
        # `up` and `receive` answer where deliveries come in
        (closed,) = free_ports(1)
        assert asked(f"127.0.0.1:{closed}", f"0.0.0.0:{port}")[0] == expected


def test_healthy_is_not_what_nobody_answers() -> None:
    one, other = free_ports(2)
    code, said = asked(f"127.0.0.1:{one}", f"127.0.0.1:{other}")
    assert code == 1
    assert said.count("does not answer") == 2


def test_a_step_that_is_unwell_is_not_excused_by_another_port() -> None:
    with answering(503) as unwell, answering(200) as well:
        code, said = asked(f"127.0.0.1:{unwell}", f"127.0.0.1:{well}")
        assert (code, "says 503: stuck" in said) == (1, True)


def asked(health: str, listen: str) -> tuple[int, str]:
    environment = {
        "AFTERMERGE_LISTEN_HEALTH": health,
        "AFTERMERGE_LISTEN": listen,
        "PATH": os.environ["PATH"],
    }
    # a proxy that does not exist: it must not be asked
    environment["http_proxy"] = "http://127.0.0.1:1"
    ran = subprocess.run(
        [sys.executable, HEALTHY],
        env=environment,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS_MAX,
        check=False,
    )
    return ran.returncode, ran.stderr


@contextmanager
def answering(status: int) -> Iterator[int]:
    """A process that says at /healthz how it is."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else 404)
            self.end_headers()
            self.wfile.write(b"stuck")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
