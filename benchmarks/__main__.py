"""Measure everything, and print one table.

    python -m benchmarks [PART...] [--quick] [--files FILE...] [--show] [--paste FILE]

Each part runs in a process of its own and keeps its figures in ``benchmarks/out/``. ``--show`` measures
nothing and prints what is kept; ``--paste`` puts the table between the marks of a Markdown file.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import cast

from benchmarks import figures as told

#: name -> the function that measures it
PARTS = {
    "correlation": "benchmarks.correlation:correlation",
    "scaling": "benchmarks.correlation:scaling",
    "late": "benchmarks.correlation:late",
    "measures": "benchmarks.measures:measures",
    "state": "benchmarks.memory:state",
    "memory": "benchmarks.memory:memory",
    "import_git": "benchmarks.import_git:figures",
    "views": "benchmarks.views:figures",
    "ahead": "benchmarks.ahead:figures",
    "receiving": "benchmarks.receiving:receiving",
    "peers": "benchmarks.peers.side_by_side:peers",
    "cluster": "benchmarks.cluster:cluster",
    "restore": "benchmarks.cluster:restore",
    "visible": "benchmarks.visible:visible",
    "simulate": "benchmarks.simulate:simulate",
    "viewers": "benchmarks.viewers:figures",
}
MARKS = re.compile(r"(<!-- figures -->\n).*?(<!-- end of figures -->)", re.DOTALL)


def measure(name: str, directory: Path, files: Sequence[Path], *, quick: bool) -> None:
    """Measure one part in this process, and keep its figures."""
    module, _, function = PARTS[name].partition(":")
    part = cast(Callable[..., list[told.Figure]], getattr(import_module(module), function))
    before, begun = os.getloadavg()[0], time.perf_counter()
    found = part(directory, files, quick=quick)
    seconds = time.perf_counter() - begun
    told.save(told.Part(name, quick, seconds, before, os.getloadavg()[0], told.machine(), found))


def paste(file: Path, table: str) -> None:
    """Put the table between the marks of a file."""
    text = file.read_text(encoding="utf-8")
    if not MARKS.search(text):
        raise SystemExit(f"{file} has no line `<!-- figures -->` with `<!-- end of figures -->` after it")
    file.write_text(MARKS.sub(lambda found: f"{found[1]}{table}\n{found[2]}", text), encoding="utf-8")


def measure_apart(options: argparse.Namespace) -> list[str]:
    """Measure the parts one after the other, each in its own process; returns those that failed."""
    failed = []
    with tempfile.TemporaryDirectory(prefix="aftermerge-benchmarks-", dir=options.directory) as directory:
        for name in options.parts:
            command = [sys.executable, "-m", "benchmarks", name, "--alone", "--directory", directory]
            command += ["--quick"] * options.quick
            command += ["--files", *map(str, options.files)] if options.files else []
            begun = time.perf_counter()
            print(f"{name} ...", end="", file=sys.stderr, flush=True)
            if subprocess.run(command, stdout=sys.stderr, check=False).returncode:
                failed.append(name)
            print(f" {time.perf_counter() - begun:.0f} s", file=sys.stderr)
    return failed


def main() -> None:
    """Measure, print, and end with 1 when a part could not be measured."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (all of them)")
    parser.add_argument("--quick", action="store_true", help="everything small: two minutes")
    parser.add_argument("--files", nargs="+", type=Path, default=[], metavar="FILE", help="more histories")
    parser.add_argument("--directory", type=Path, help="where to make logs and stores: the disk to measure")
    parser.add_argument("--show", action="store_true", help="print what was measured before")
    parser.add_argument("--paste", type=Path, metavar="FILE", help="put the table into a Markdown file")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.parts = options.parts or list(PARTS)
    if unknown := sorted(set(options.parts) - set(PARTS)):
        parser.error(f"no part {unknown[0]!r}: there are {', '.join(PARTS)}")
    options.files = [file.resolve() for file in options.files]
    if options.alone:
        measure(options.parts[0], options.directory, options.files, quick=options.quick)
        return
    failed = [] if options.show else measure_apart(options)
    kept = [told.load(name, quick=options.quick) for name in options.parts if name not in failed]
    table = told.markdown([part for part in kept if part is not None])
    print(table)
    if options.paste:
        paste(options.paste, table)
    if failed:
        sys.exit(f"could not be measured: {', '.join(failed)}")


if __name__ == "__main__":
    main()
