"""What holds for every test: how hard Hypothesis searches, and that nothing is left out silently."""

from __future__ import annotations

import os
import signal
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from pipeline.store import Store

# A deadline would make a test fail on a slow machine and pass on a fast one.
settings.register_profile("default", deadline=None, print_blob=True)
settings.register_profile("nightly", parent=settings.get_profile("default"), max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

LEFT_OUT_SHOWN_MAX = 20

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # whoever runs the tests in the background had it ignored, and processes that tests interrupt inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)

_WHY = {
    "nightly": "searches or breaks for minutes: run `make nightly`",
    "long": "takes much of a minute: run `make long`",
    "slow": "takes seconds: run `make test`",
}
_left_out: dict[str, list[str]] = defaultdict(list)
#: rooms whose tests start servers and processes, and look at the time: they would wait for each other
_ONE_BY_ONE = {
    "cli", "cluster", "deploy", "kafka", "live", "log", "receive", "registry", "security", "standby",
}  # fmt: skip
_ROOT = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where tests run side by side (`-n 2 --dist loadgroup`), those of one module stay together.

    First of all: what hands tests out reads the groups in the same call.
    """
    for item in items:
        room, *rest = item.path.relative_to(_ROOT).parts
        item.add_marker(
            pytest.mark.xdist_group("one by one" if rest and room in _ONE_BY_ONE else item.path.name)
        )


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Whether those that stay together really do: with a newer pytest none did, and nothing said so."""
    if getattr(session.config.option, "loadgroup", False):
        alone = [item.nodeid for item in session.items if "@" not in item.nodeid.rpartition("]")[2]]
        if alone:
            raise pytest.UsageError(f"pytest-xdist keeps no group together, {alone[0]} has none")


def pytest_deselected(items: list[pytest.Item]) -> None:
    for item in items:
        marker = next((name for name in _WHY if item.get_closest_marker(name)), "")
        _left_out[marker].append(item.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker tells what it left out; all of them leave out the same."""
    told = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["left_out"] = dict(_left_out)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """What a worker left out is told by the one process that reports."""
    _left_out.update(getattr(node, "workeroutput", {}).get("left_out", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for marker, names in sorted(_left_out.items()):
        why = f"{marker}, {_WHY[marker]}" if marker else "not chosen on the command line"
        terminalreporter.write_line(f"left out: {len(names)} tests ({why})")
        for name in names[:LEFT_OUT_SHOWN_MAX]:
            terminalreporter.write_line(f"  {name}")
        if len(names) > LEFT_OUT_SHOWN_MAX:
            terminalreporter.write_line(f"  and {len(names) - LEFT_OUT_SHOWN_MAX} more")
    if not _left_out:
        terminalreporter.write_line("left out: no tests")


class Engine:
    """The one embedded engine of this process: it allows one directory at a time.

    One store stays open, or the engine would stop between tests. ``spare`` are databases that a test left
    empty, with all tables and views: making them anew takes seconds.
    """

    def __init__(self, directory: Path) -> None:
        self.spare: list[Store] = []
        self.dsn = f"chdb://{directory}/store"
        self._holder: Store | None = None
        self.open()

    def open(self) -> None:
        if self._holder is None:
            self._holder = Store.open(self.dsn, "held_open")

    def close(self) -> None:
        while self.spare:
            self.spare.pop().close()
        if self._holder is not None:
            self._holder.close()
            self._holder = None


_engines: list[Engine] = []


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The engine that tests share."""
    shared = Engine(tmp_path_factory.mktemp("engine"))
    _engines.append(shared)
    yield shared
    _engines.remove(shared)
    shared.close()


@pytest.fixture(scope="session")
def dsn(engine: Engine) -> str:
    """Its address."""
    return engine.dsn


@pytest.fixture
def own_engine() -> None:
    """The shared engine is let go of, for a test that opens directories of its own in this process."""
    for engine in _engines:
        engine.close()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """The shared engine is there again for a test that needs it: opening it takes seconds."""
    if "own_engine" not in getattr(item, "fixturenames", ()):
        for engine in _engines:
            engine.open()
