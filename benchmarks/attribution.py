"""How good is the attribution on histories whose culprits are known, and does it pass its gate?

    python -m benchmarks.attribution FILE... [--format csv]

Reads each history (the compact format of ``examples/README.md``; reverts stand in for incidents) into
a log of its own, judges its incidents with every model, and prints the tables of each file and of
all of them together. The gate: in each file the intensity model's top-1 is not worse than the best
baseline's (the lower end of the 95 % interval of the paired difference is at least -3 points), and
over all files it is better than the best baseline.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
import time
from collections.abc import Hashable, Sequence
from contextlib import closing
from pathlib import Path

from pipeline.appending import append_events
from pipeline.codec import Codec
from pipeline.core.parameters import Parameters
from pipeline.evaluate import ALL, RULES, Judged, Row, compare, judge
from pipeline.log.protocol import NewRecord
from pipeline.log.sqlite import SqliteLog
from pipeline.sources.history import HistoryOptions, parse_history
from pipeline.sources.lines import LinesFile
from pipeline.sources.truths import encode_truth

WORKSPACE = "measured"
#: how much worse than the best baseline the lower end of the interval may be, in each file
WORSE_MAX = 0.03


def read(file: Path, directory: Path) -> tuple[list[Judged], dict[str, int]]:
    """Judge the incidents of one history; also how many were left out, by reason."""
    codec = Codec()
    with closing(SqliteLog(directory / f"{file.name}.log")) as log:
        for topic, compacted in (("events", False), ("truths", True), ("dead_letters", False)):
            log.create_topic(topic, compacted=compacted)
        history = parse_history(LinesFile(file), HistoryOptions(), lambda login: login)
        # nothing here is younger than the history itself
        append_events(log, codec, WORKSPACE, history, machine_now=time.time_ns() // 1_000)
        log.append(
            "truths", 0, [NewRecord(truth.incident.encode(), encode_truth(truth)) for truth in history.truths]
        )
        found = judge(log, codec, WORKSPACE, Parameters())
    return found.judged, dict(found.left_out)


def best_rule(rows: Sequence[Row]) -> Row:
    """The baseline with the highest top-1 over all incidents."""
    return max((row for row in rows if row.stratum == ALL and row.model in RULES), key=lambda row: row.top1)


def show(title: str, rows: Sequence[Row], format_: str) -> None:
    """Print one table, for people or as CSV."""
    if format_ == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerows([title, *row] for row in rows)
        return
    print(f"\n{title}")
    print(f"  {'stratum':13}{'model':20}{'n':>4}  top-1 (95 %)          top-3   MRR  ahead by (95 %)         "
          "change  none P / R    Brier   ECE")  # fmt: skip
    for row in rows:
        ahead = "" if row.ahead is None else f"{row.ahead:+.3f} [{row.ahead_low:+.3f}, {row.ahead_high:+.3f}]"
        recall, precision = (
            "-" if value is None else f"{value:.2f}" for value in (row.none_recall, row.none_precision)
        )
        print(
            f"  {row.stratum:13}{row.model:20}{row.n:4}"
            f"  {row.top1:.3f} [{row.top1_low:.3f}, {row.top1_high:.3f}]"
            f"  {row.top3:.3f}  {row.mrr:.3f}  {ahead:24}{row.change_top1:.3f}  {precision:>4} / {recall:<4}"
            f"  {row.brier:6.3f} {row.ece:6.3f}"
        )


def gate(name: str, rows: Sequence[Row], least: float | None) -> tuple[str, bool]:
    """Whether the best baseline is matched (``least``: of the interval's lower end) or beaten (``None``)."""
    best = best_rule(rows)
    ahead, low, high = best.ahead or 0.0, best.ahead_low or 0.0, best.ahead_high or 0.0
    passed = ahead > 0.0 if least is None else low >= least
    wanted = "ahead of 0" if least is None else f"a lower end of at least {least:+.3f}"
    text = f"{name}: {ahead:+.3f} [{low:+.3f}, {high:+.3f}] against {best.model}; wanted: {wanted}"
    return f"{'pass' if passed else 'FAIL'}  {text}", passed


def main() -> None:
    """Judge all files, print the tables, and end with 1 when the gate is not passed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--format", choices=("table", "csv"), default="table")
    options = parser.parse_args()
    pooled: list[Judged] = []
    clusters: list[Hashable] = []
    gates: list[tuple[str, bool]] = []
    with tempfile.TemporaryDirectory(prefix="aftermerge-attribution-") as directory:
        for file in options.files:
            begun = time.perf_counter()
            judged, left_out = read(file, Path(directory))
            rows = compare(judged)
            show(file.name, rows, options.format)
            if options.format == "table":
                print(f"  left out: {left_out or 'none'}; {time.perf_counter() - begun:.1f} s")
            if rows:
                gates.append(gate(file.name, rows, -WORSE_MAX))
            pooled += judged
            clusters += [(file.name, one.day) for one in judged]
    if not pooled:
        sys.exit("no incident with a known culprit in these files")
    rows = compare(pooled, clusters)
    show("all files", rows, options.format)
    gates.append(gate("all files", rows, None))
    print("\n" + "\n".join(text for text, _ in gates), file=sys.stderr)
    sys.exit(not all(passed for _, passed in gates))


if __name__ == "__main__":
    main()
