"""A measured figure, its target, and the table and the files in which figures are told."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import msgspec

#: how often something is asked for its percentile
RUNS = 20
OUT = Path(__file__).resolve().parent / "out"


class Figure(msgspec.Struct):
    """One line of the table; without a target it is there to be known."""

    what: str
    figure: str
    target: str = ""
    met: bool | None = None
    #: the number behind the text, for machines
    value: float = 0.0


class Part(msgspec.Struct):
    """What one part of the benchmarks found, and how busy the machine was when it did."""

    name: str
    quick: bool
    seconds: float
    load_before: float
    load_after: float
    machine: str
    figures: list[Figure]


def at_least(what: str, value: float, target: float, text: str, wanted: str = "") -> Figure:
    """A figure that is met from a target upwards."""
    return Figure(what, text, wanted or f">= {target:g}", value >= target, value)


def at_most(what: str, value: float, target: float, text: str, wanted: str = "") -> Figure:
    """A figure that is met up to a target."""
    return Figure(what, text, wanted or f"<= {target:g}", value <= target, value)


def known(what: str, value: float, text: str) -> Figure:
    """A figure without a target."""
    return Figure(what, text, value=value)


def p95_milliseconds(asked: Callable[[], object]) -> float:
    """Within how long 19 of 20 answers came."""
    taken = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        asked()
        taken.append(1000 * (time.perf_counter() - begun))
    return statistics.quantiles(taken, n=20, method="inclusive")[-1]


def machine() -> str:
    """What the figures depend on, in one line."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("chdb", "pyarrow", "pyruhvro", "msgspec"))
    return (
        f"{_processor()}, {os.cpu_count()} cores, {_memory_bytes() / 2**30:.0f} GB,"
        f" {platform.system()}, Python {platform.python_version()}, {libraries}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def path_of(name: str, *, quick: bool) -> Path:
    """Where a part's figures are kept; a quick run does not replace those of a full one."""
    return OUT / f"{name}{'.quick' if quick else ''}.json"


def save(part: Part) -> None:
    """Keep the figures of a part."""
    OUT.mkdir(exist_ok=True)
    path = path_of(part.name, quick=part.quick)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(part), indent=2) + b"\n")


def load(name: str, *, quick: bool) -> Part | None:
    """The kept figures of a part, if it was ever measured."""
    path = path_of(name, quick=quick)
    return msgspec.json.decode(path.read_bytes(), type=Part) if path.exists() else None


def markdown(parts: Sequence[Part]) -> str:
    """The figures of all parts as one Markdown table, and the machine above it."""
    rows = [("what", "figure", "target", "met")]
    for part in parts:
        for figure in part.figures:
            met = "" if figure.met is None else "yes" if figure.met else "**no**"
            rows.append((figure.what, figure.figure, figure.target, met))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    loads = ", ".join(f"{part.name} {part.load_before:.1f} to {part.load_after:.1f}" for part in parts)
    heads = [f"Machine: {text}." for text in dict.fromkeys(part.machine for part in parts)]
    if any(part.quick for part in parts):
        heads.append("A quick run: everything is small, and start-up costs weigh more than they would.")
    heads.append(f"Load average before and after each part: {loads}.")
    return "\n\n".join(["\n".join(heads), "\n".join(lines)])
