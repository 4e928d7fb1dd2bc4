"""How fast deliveries are taken in, and how soon they are rows: the real process, fed from another one.

``python -m benchmarks receiving``. The process under test is held to one core where the system can do
that, the sender to another one. When a row is there is asked by the read endpoint, every few
milliseconds, so the figures hold that interval too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.figures import Figure, at_least, at_most, known
from benchmarks.load import SECRET, Sent, pull_request
from pipeline.codec import Codec
from pipeline.log.protocol import NewRecord
from pipeline.log.sqlite import SqliteLog
from pipeline.log.topics import TOPICS
from pipeline.normalize import Normalizer
from pipeline.sources import github
from pipeline.sources.deliveries import Delivery, Reader
from pipeline.sources.texts import Patterns

ACCEPTED_PER_SECOND_MIN = 1_000
ANSWER_P99_SECONDS_MAX = 0.050
ROW_P99_SECONDS_MAX = {100: 1.0, 1_000: 2.0}
NORMALIZED_PER_SECOND_MIN = 20_000

SECONDS = 20
QUICK_SECONDS = 5
RATES = (100, 1_000, 1_200)
DELIVERIES = 40_000
QUICK_DELIVERIES = 5_000
START_SECONDS_MAX = 60
DRAIN_SECONDS_MAX = 60
POLL_SECONDS = 0.02
COUNT = "SELECT count() FROM changes"


@contextmanager
def running(directory: Path) -> Iterator[tuple[int, int]]:
    """The process, with its ports; ended when the block ends."""
    ports = [_free_port(), _free_port()]
    environment = {
        **os.environ,
        "AFTERMERGE_SECRET_GITHUB": SECRET,
        "AFTERMERGE_DELIVERIES_PER_SECOND_MAX": "1e5",
    }
    command = [sys.executable, "-m", "pipeline.cli", "up", "--data", str(directory)]
    command += ["--listen", f"127.0.0.1:{ports[0]}", "--clickhouse-listen", f"127.0.0.1:{ports[1]}"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        _pin(process.pid, 0)
        until = time.monotonic() + START_SECONDS_MAX
        while not _ready(ports[0]):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("the process did not become ready")
            time.sleep(0.1)
        yield ports[0], ports[1]
    finally:
        process.terminate()
        process.wait(START_SECONDS_MAX)


def _free_port() -> int:
    import socket  # noqa: PLC0415

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _pin(process: int, core: int) -> None:
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) > 1:
        os.sched_setaffinity(process, {cores[core % len(cores)]})


def _rows(port: int) -> int:
    query = urllib.request.Request(f"http://127.0.0.1:{port}/", data=COUNT.encode())
    with urllib.request.urlopen(query, timeout=30) as answer:
        return int(answer.read())


def fed(ports: tuple[int, int], per_second: int, seconds: int, first: int) -> tuple[list[Sent], list[float]]:
    """Deliveries at a rate: how each was answered, and how long each took to become a row."""
    receiving, reading = ports
    before = _rows(reading)
    command = [
        sys.executable,
        "-m",
        "benchmarks.load",
        str(receiving),
        str(per_second),
        str(seconds),
        str(first),
    ]
    sender = subprocess.Popen(command, stdout=subprocess.PIPE)
    _pin(sender.pid, 1)
    seen: list[tuple[float, int]] = []
    wanted = per_second * seconds
    until = time.monotonic() + seconds + DRAIN_SECONDS_MAX
    while (not seen or seen[-1][1] < wanted) and time.monotonic() < until:
        count = _rows(reading) - before
        if not seen or count > seen[-1][1]:
            seen.append((time.time(), count))
        time.sleep(POLL_SECONDS)
    output, _ = sender.communicate(timeout=DRAIN_SECONDS_MAX)
    sent = msgspec.json.decode(output, type=list[Sent])
    # rows come in the order in which deliveries were stored, which is nearly the order of sending
    answered = sorted(one.answered for one in sent)
    moments, counts = np.array([at for at, _ in seen]), np.array([count for _, count in seen])
    places = np.searchsorted(counts, np.arange(1, len(sent) + 1))
    lags = [
        float(moments[place] - due.due) if place < len(moments) else DRAIN_SECONDS_MAX
        for place, due in zip(places.tolist(), sent, strict=True)
    ]
    assert len(answered) == len(sent)
    return sent, lags


def receiving(directory: Path, files: Sequence[Path], *, quick: bool) -> list[Figure]:
    """Accepted deliveries and rows at several rates, then how fast kept deliveries are normalized."""
    seconds = QUICK_SECONDS if quick else SECONDS
    figures: list[Figure] = []
    with running(directory / "up") as ports:
        fed(ports, 100, 2, 1)  # opens what is opened once
        first = 1_000
        for rate in RATES:
            sent, lags = fed(ports, rate, seconds, first)
            first += 2 * rate * seconds
            accepted = [one for one in sent if one.status == 202]
            took = np.percentile([one.answered - one.due for one in accepted], [50, 99])
            span = max(one.answered for one in sent) - min(one.due for one in sent)
            per_second = len(accepted) / span
            text = f"{per_second:,.0f}/s of {rate:,}/s; {len(sent) - len(accepted)} refused"
            title = f"deliveries at {rate:,}/s"
            figures.append(
                at_least(f"{title}: accepted", per_second, ACCEPTED_PER_SECOND_MIN * 0.99, text)
                if rate >= ACCEPTED_PER_SECOND_MIN
                else known(f"{title}: accepted", per_second, text)
            )
            text = f"{took[0] * 1e3:.1f} ms in the middle, {took[1] * 1e3:.1f} ms"
            judged = rate <= ACCEPTED_PER_SECOND_MIN
            figures.append(
                at_most(f"{title}: answered, p99", float(took[1]), ANSWER_P99_SECONDS_MAX, text)
                if judged
                else known(f"{title}: answered, p99", float(took[1]), text)
            )
            middle, worst = np.percentile(lags, [50, 99])
            text = f"{middle:.2f} s in the middle, {worst:.2f} s"
            limit = ROW_P99_SECONDS_MAX.get(rate)
            figures.append(
                at_most(f"{title}: row in the store, p99", float(worst), limit, text)
                if limit
                else known(f"{title}: row in the store, p99", float(worst), text)
            )
    figures.append(normalized(directory, QUICK_DELIVERIES if quick else DELIVERIES))
    return figures


def normalized(directory: Path, count: int) -> Figure:
    """Deliveries a second of one core, from the kept bytes to events in the log."""
    log = SqliteLog(directory / "normalize.sqlite")
    for topic, compacted in TOPICS.items():
        log.create_topic(topic, compacted=compacted)
    encode = msgspec.msgpack.Encoder().encode
    head = {"x-github-event": "pull_request", "content-type": "application/json"}
    now = time.time_ns() // 1_000
    for start in range(0, count, 1_000):
        deliveries = [
            Delivery("default", "github", now, head, pull_request(start + place)) for place in range(1_000)
        ]
        log.append("received", 0, [NewRecord(b"default", encode(delivery)) for delivery in deliveries])
    reader = Reader(lambda login: f"p:{hash(login) & (1 << 64) - 1:016x}", Patterns())
    decoder = msgspec.msgpack.Decoder(Delivery)
    codec = Codec()
    warm = github.parse(Delivery("default", "github", now, head, pull_request(0)), reader)
    codec.encode(warm.events)  # imports and compiles what is made once
    step = Normalizer(log, codec, reader, decoder.decode, lambda: now)
    begun, begun_cpu = time.perf_counter(), time.process_time()
    done = step.run()
    wall, cpu = time.perf_counter() - begun, time.process_time() - begun_cpu
    log.close()
    assert done.events == count, json.dumps(done._asdict())
    return at_least(
        "normalize, deliveries of GitHub a second of one core", count / cpu, NORMALIZED_PER_SECOND_MIN,
        f"{count / cpu:,.0f} ({count / wall:,.0f} by the clock; 10 KB each)",
    )  # fmt: skip
