"""A real browser before `aftermerge demo --web`: what it draws and says, and who can use it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from playwright.sync_api import Browser, Page, sync_playwright

from tests.answers import ask
from tests.live.process import ROOT, STOP_SECONDS_MAX, TOKEN, command, environment, eventually
from tests.ports import free_ports

CHROMIUM = "chromium"
DEMO_SECONDS_MAX = 300
_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync")
_AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
#: what nobody may meet; a smaller one is named by the test, too
_SERIOUS = {"critical", "serious"}


class Demo:
    """The demo, while it serves."""

    def __init__(self, listen: str, queries: str, said: Path, pid: int) -> None:
        self.listen = listen
        self.place = f"http://{listen}"
        self.pid = pid
        self.queries = queries
        self._said = said

    @property
    def said(self) -> str:
        return self._said.read_text(encoding="utf-8", errors="replace")

    def table(self, statement: str) -> tuple[list[str], list[list[Any]]]:
        """What the ClickHouse port answers: columns and rows."""
        answer = ask(self.queries, "/", f"{statement} FORMAT JSONCompact".encode())
        assert answer.status == 200, (statement, answer.body)
        return [column["name"] for column in answer.json["meta"]], answer.json["data"]

    def value(self, statement: str) -> Any:
        """The one value of a statement."""
        _, ((found,),) = self.table(statement)
        return found

    def report(self, *told: str) -> None:
        """`aftermerge report`, into the workspace in which the demo listens."""
        subprocess.run(
            command("report", *told, "--url", self.place, "--workspace", "live"),
            cwd=ROOT,
            env=environment(report_token=TOKEN),
            check=True,
            timeout=STOP_SECONDS_MAX,
        )

    def address(self, path: str, **told: str) -> str:
        return f"{self.place}{path}?{urlencode({'workspace': 'simulated', **told}, quote_via=quote)}"


@contextmanager
def demo(directory: Path) -> Iterator[Demo]:
    """`aftermerge demo --web` on free ports, ended as by Ctrl-C."""
    listen, queries = (f"127.0.0.1:{port}" for port in free_ports(2))
    said = directory / "said.txt"
    with said.open("wb") as out:
        process = subprocess.Popen(
            command("--data", directory / "data", "demo", "--web"),
            cwd=ROOT,
            env=environment(listen=listen, clickhouse_listen=queries),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    shown = Demo(listen, queries, said, process.pid)

    def serves() -> bool:
        assert process.poll() is None, f"it ended with {process.returncode}: {shown.said}"
        return "Ctrl-C stops it" in shown.said

    try:
        eventually(serves, "the demo does not serve", DEMO_SECONDS_MAX)
        yield shown
        process.terminate()
        assert process.wait(STOP_SECONDS_MAX) == 0, shown.said
    finally:
        process.kill()
        process.wait(STOP_SECONDS_MAX)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, which talks to nobody by itself."""
    with sync_playwright() as playwright:
        place = shutil.which(CHROMIUM)
        assert place is not None
        browser = playwright.chromium.launch(executable_path=place, args=list(_FLAGS))
        try:
            yield browser
        finally:
            browser.close()


class Window:
    """A window of the browser; everything it complains about is kept."""

    def __init__(self, browser: Browser) -> None:
        self._context = browser.new_context(viewport={"width": 1400, "height": 900}, color_scheme="light")
        self.page: Page = self._context.new_page()
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda said: self.complaints.append(f"{said.type}: {said.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))

    def open(self, address: str) -> Page:
        """The page, with its charts drawn."""
        answer = self.page.goto(address)
        assert answer is not None
        assert answer.status == 200, (address, answer.status)
        self.page.wait_for_function("[...document.querySelectorAll('.chart')].every((c) => c.dataset.drawn)")
        return self.page

    def dark(self) -> None:
        """As who prefers dark colours sees it."""
        self.page.emulate_media(color_scheme="dark")

    def violations(self) -> list[str]:
        """What axe finds that keeps somebody out."""
        self.page.evaluate(_AXE)
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{one['impact']} {one['id']}: {json.dumps([node['target'] for node in one['nodes']][:3])}"
            for one in found["violations"]
            if one["impact"] in _SERIOUS
        ]

    def close(self) -> None:
        self._context.close()


def coloured(page: Page, key: str) -> int:
    """How many points of a panel's chart have a colour: its axes and its grid are grey."""
    found = page.evaluate(
        "(key) => { const c = document.querySelector(`#${key} canvas`);"
        " const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let seen = 0;"
        " for (let i = 0; i < d.length; i += 4) if (d[i + 3] > 60"
        " && Math.max(d[i], d[i+1], d[i+2]) - Math.min(d[i], d[i+1], d[i+2]) > 60) seen += 1;"
        " return seen; }",
        key,
    )
    return int(found)


def empty_panels(html: str) -> set[str]:
    """Keys of the panels on a page that have nothing to show."""
    return {part.split('"')[0] for part in _panels(html) if 'class="empty"' in part}


def failed_panels(html: str) -> set[str]:
    """Keys of the panels that could not be answered."""
    return {part.split('"')[0] for part in _panels(html) if 'class="trouble"' in part}


def _panels(html: str) -> list[str]:
    return re.split(r'<section class="panel wide-\d+" id="', html)[1:]
