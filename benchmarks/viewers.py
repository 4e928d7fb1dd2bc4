"""What pages cost: until the first one is drawn in a browser, and while many look at them.

``python -m benchmarks viewers``: `aftermerge demo --web` in a process of its own, Chromium, and 50 viewers
who ask every 5 s, as the pages' own script does, for a minute (``--quick``: 15 s): while nothing is told, and
while an event arrives each second, after which no answer that was kept is taken for granted.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import count, cycle, islice
from pathlib import Path

import httpx

from benchmarks.figures import Figure, at_most, known
from tests.live.process import TOKEN, command, environment
from tests.pages.browser import Demo, Window, chromium, demo

VIEWERS, EVERY_SECONDS = 50, 5.0
SECONDS, QUICK_SECONDS = 60.0, 15.0
OPENED = 12
FIRST_PAGE_MILLISECONDS_MAX, CORES_MAX = 500.0, 1.0
PAGES = ("/executive", "/on-call", "/review", "/debug")
_TICKS = os.sysconf("SC_CLK_TCK")


def figures(directory: Path, files: Sequence[Path], *, quick: bool) -> list[Figure]:
    """The first page, each dashboard, and the cores that viewers cost."""
    with tempfile.TemporaryDirectory(dir=directory) as place, demo(Path(place)) as shown:
        opened = _opened(shown)
        idle = _cores(shown.pid, lambda: time.sleep(EVERY_SECONDS))
        seconds = QUICK_SECONDS if quick else SECONDS
        cores, answers = _while_watched(shown, seconds, telling=False)
        busy, later = _while_watched(shown, seconds, telling=True)
    first = statistics.median(opened["/executive"])
    worst = max(opened, key=lambda page: statistics.median(opened[page]))
    return [
        at_most("first page, from request to drawn, browser warm", first, FIRST_PAGE_MILLISECONDS_MAX,
                f"{first:.0f} ms", f"<= {FIRST_PAGE_MILLISECONDS_MAX:g} ms"),
        known("slowest dashboard, from request to drawn", statistics.median(opened[worst]),
              f"{statistics.median(opened[worst]):.0f} ms ({worst})"),
        at_most(f"{VIEWERS} viewers, each every {EVERY_SECONDS:g} s", cores, CORES_MAX,
                f"{cores:.2f} cores ({idle:.2f} without)", f"<= {CORES_MAX:g} core"),
        known("their answers, median", statistics.median(answers), f"{statistics.median(answers):.0f} ms"),
        at_most("the same viewers, while an event arrives each second", busy, CORES_MAX,
                f"{busy:.2f} cores, answers in {statistics.median(later):.0f} ms", f"<= {CORES_MAX:g} core"),
    ]  # fmt: skip


def _opened(shown: Demo) -> dict[str, list[float]]:
    """Milliseconds from each request to the last chart; the first look at each page is left out."""
    found: dict[str, list[float]] = {}
    with chromium() as browser:
        window = Window(browser)
        for page in PAGES:
            taken = []
            for _ in range(OPENED):
                window.open(shown.address(page))
                taken.append(
                    float(window.page.evaluate("performance.getEntriesByName('drawn')[0].startTime"))
                )
            found[page] = taken[1:]
            print(f"{page:12} first {taken[0]:5.0f} ms, then {statistics.median(taken[1:]):5.0f} ms")
        window.close()
    return found


def _while_watched(shown: Demo, seconds: float, *, telling: bool) -> tuple[float, list[float]]:
    """Cores that the process uses meanwhile, and the milliseconds of its answers."""
    answers: list[float] = []
    cores = _cores(shown.pid, lambda: answers.extend(asyncio.run(_watched(shown, seconds, telling=telling))))
    return cores, answers


async def _watched(shown: Demo, seconds: float, *, telling: bool) -> list[float]:
    """Viewers who look at one page each for so long; milliseconds of their answers."""
    until = time.monotonic() + seconds
    reporter = asyncio.create_task(_told(shown, until)) if telling else None
    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=VIEWERS)) as client:
        addresses = islice(cycle(shown.address(page) for page in PAGES), VIEWERS)
        looking = (_viewer(client, address, number, until) for number, address in enumerate(addresses))
        taken = [one for each in await asyncio.gather(*looking) for one in each]
    if reporter is not None:
        await reporter
    return taken


async def _told(shown: Demo, until: float) -> None:
    """A deployment each second, into the workspace in which the demo listens."""
    event = await asyncio.to_thread(_event)
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/cloudevents+json"}
    async with httpx.AsyncClient(headers=headers) as client:
        for number in count(2):
            if time.monotonic() >= until:
                return
            another = event.replace(b"v1", b"v%d" % number)
            answer = await client.post(f"{shown.place}/receive/live/cloudevents", content=another)
            assert answer.is_success, answer.text
            await asyncio.sleep(1.0)


def _event() -> bytes:
    told = command("report", "deployment", "paper", "production", "v1", "success", "--dry-run")
    return subprocess.run(told, env=environment(), capture_output=True, check=True).stdout


async def _viewer(client: httpx.AsyncClient, address: str, number: int, until: float) -> list[float]:
    taken, mark = [], ""
    await asyncio.sleep(EVERY_SECONDS * number / VIEWERS)
    while time.monotonic() < until:
        begun = time.monotonic()
        answer = await client.get(address, headers={"if-none-match": mark} if mark else {})
        assert answer.status_code in (200, 304), answer.status_code
        mark = answer.headers["etag"]
        taken.append(1000 * (time.monotonic() - begun))
        await asyncio.sleep(max(0.0, EVERY_SECONDS - (time.monotonic() - begun)))
    return taken


def _cores(pid: int, meanwhile: Callable[[], object]) -> float:
    """Cores that a process uses while something is done."""
    before, begun = _cpu_seconds(pid), time.monotonic()
    meanwhile()
    return (_cpu_seconds(pid) - before) / (time.monotonic() - begun)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
