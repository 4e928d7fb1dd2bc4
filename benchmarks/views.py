"""How fast are inserts of facts and events, and the shipped views over a million facts?

    python -m benchmarks.views [--scale 1.4] [--only VIEW]

Fills a new embedded store in a temporary directory with synthetic facts in batches, as an import
does, then answers every view: the first rows of it as ``aftermerge sql`` would, and all of it in its
order without making text of it (format Null). Times are the median of several runs, before and
after the parts are merged.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from benchmarks import facts
from benchmarks.facts import Rng
from benchmarks.figures import Figure, at_most
from pipeline import resources
from pipeline.core.events import RECORDS
from pipeline.core.facts import Fact
from pipeline.store import Store

WORKSPACE = "acme"
BATCH_ROWS = 50_000
RUNS = 5
QUICK_RUNS = 2
#: makes 1,030,000 facts
FULL_SCALE = 1.4
QUICK_SCALE = 0.05
MILLISECONDS_MAX = 200.0


def fill(store: Store, scale: float) -> int:
    """Insert everything, print the rate of each table (conversion and insert); returns how many facts."""
    count = 0
    makers: list[tuple[str, Callable[[int, Rng], Iterator[Fact]], int]] = [
        ("services", facts.services, facts.SERVICES),
        ("changes", facts.changes, int(facts.CHANGES * scale)),
        ("artifacts", facts.artifacts, int(facts.ARTIFACTS * scale)),
        ("deployments", facts.deployments, int(facts.DEPLOYMENTS * scale)),
        ("deployment_changes", facts.deployment_changes, int(facts.DEPLOYMENT_CHANGES * scale)),
        ("incidents", facts.incidents, int(facts.INCIDENTS * scale)),
        ("attributions", facts.attributions, int(facts.INCIDENTS * scale)),
        ("change_attributions", facts.change_attributions, int(facts.INCIDENTS * scale)),
    ]
    for table, make, n in makers:
        rows = list(make(n, random.Random(1)))
        count += len(rows)
        wall, python = time.perf_counter(), time.thread_time()
        for start in range(0, len(rows), BATCH_ROWS):
            store.insert_facts(table, WORKSPACE, 1, rows[start : start + BATCH_ROWS])
        wall, python = time.perf_counter() - wall, time.thread_time() - python
        print(f"insert {table:20} {len(rows):8,} rows {len(rows) / wall:10,.0f} rows/s", end="")
        print(f"   {1e6 * python / len(rows):6.2f} us/row in this thread")
    records = [record for record in RECORDS if record != "clock_ticked"][:8]
    for record in records:
        n = int(facts.EVENTS * scale) // len(records)
        batches = [facts.event_batch(record, i, min(BATCH_ROWS, n - i)) for i in range(0, n, BATCH_ROWS)]
        wall = time.perf_counter()
        for batch in batches:
            store.insert_events(record, WORKSPACE, batch)
        print(f"insert events_{record:20} {n:8,} rows {n / (time.perf_counter() - wall):10,.0f} rows/s")
    return count


def median_milliseconds(act: Callable[[], object], runs: int) -> float:
    """Median of several runs; the first one, which warms the caches, isn't counted."""
    times = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        act()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times[1:])


class Answer(NamedTuple):
    """How long one view took, in milliseconds."""

    view: str
    first: float
    everything: float


def measure(store: Store, title: str, only: str, runs: int = RUNS) -> list[Answer]:
    """Answer every view: its first hundred rows, and all of its rows and columns in their order."""
    answers = []
    print(f"\n{title:28} first 100 rows      all rows       rows")
    for path in sorted((resources.sql() / "views").glob("*.sql")):
        name = path.stem
        if only and name != only:
            continue
        ((n,),) = store.query(f"SELECT count() FROM {name}").rows
        first = median_milliseconds(lambda name=name: store.query(f"SELECT * FROM {name} LIMIT 100"), runs)  # type: ignore[misc]
        whole = median_milliseconds(lambda name=name: _all_rows(store, name), runs)  # type: ignore[misc]
        print(f"{name:28} {first:11.0f} ms {whole:11.0f} ms {n:10,}")
        answers.append(Answer(name, first, whole))
    return answers


def _all_rows(store: Store, name: str) -> None:
    # counting them would leave the order away, and hashing them would measure how numbers become text
    store._connection.reader.raw_query(f"SELECT * FROM {name}", fmt="Null")


def figures(directory: Path, files: Sequence[Path], *, quick: bool) -> list[Figure]:
    """The slowest view, as an import leaves the tables and after their parts were merged."""
    scale = QUICK_SCALE if quick else FULL_SCALE
    found = []
    with (
        tempfile.TemporaryDirectory(dir=directory) as place,
        closing(Store.open(f"chdb://{place}/store")) as store,
    ):
        store.migrate()
        count = fill(store, scale)
        for title in ("as inserted", "after settle"):
            answers = measure(store, title, "", QUICK_RUNS if quick else RUNS)
            found.append(_slowest(f"{title}, first 100 rows", answers, 1, count))
            found.append(_slowest(f"{title}, all rows", answers, 2, count))
            store.settle()
    return found


def _slowest(title: str, answers: Sequence[Answer], column: int, count: int) -> Figure:
    slowest = max(answers, key=itemgetter(column))
    took = float(slowest[column])
    met = sum(float(answer[column]) < MILLISECONDS_MAX for answer in answers)
    text = f"{took:.0f} ms ({slowest.view}; {met} of {len(answers)} views within the target)"
    what = f"slowest view on {count:,} facts, {title}"
    return at_most(what, took, MILLISECONDS_MAX, text, f"< {MILLISECONDS_MAX:g} ms")


def main() -> None:
    """Fill, measure, merge, measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=FULL_SCALE, help="1.4 is about a million facts")
    parser.add_argument("--only", default="", help="measure this view alone")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        store = Store.open(f"chdb://{directory}/store")
        store.migrate()
        fill(store, arguments.scale)
        measure(store, "as inserted", arguments.only)
        start = time.perf_counter()
        store.settle()
        print(f"\nsettle: {time.perf_counter() - start:.1f} s")
        measure(store, "after settle", arguments.only)
        store.close()


if __name__ == "__main__":
    main()
