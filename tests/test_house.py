"""The rules of the house that no linter knows: who may import whom, and how big a thing may get.

Everything is read from the syntax trees of the files, so nothing of the package is executed.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "pipeline"

FILE_LINES_MAX = 300
TEST_FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70

PURE = {"core", "resources", "collector", "measuring"}
STEPS = {"destination", "normalize", "correlate", "rebuild", "sink"}
#: what the steps keep in the log beside events
KEPT = {"dead_letters", "poison", "state"}
#: what each room of the package may import of the others. A room that isn't listed is made of the
#: rooms below it (everything but the command line, which alone reads the settings).
ROOMS: dict[str, set[str]] = {
    "core": set(),
    "resources": set(),
    "collector": set(),
    "measuring": set(),
    "credentials": set(),
    "panels": set(),
    "settings": {"cluster_settings", "credentials", "live_settings"},
    "live_settings": {"sources"},
    "cluster_settings": set(),
    "running": set(),
    "simulate": PURE,
    "sources": PURE,
    "codec": PURE,
    "log": PURE,
    "store": PURE | {"codec"},
    "registry": PURE | {"codec", "log"},
    "sorting": PURE,
    "dead_letters": PURE | {"log"},
    "poison": PURE | {"dead_letters", "log"},
    "state": PURE | {"log"},
    "appending": PURE | KEPT | {"codec", "log"},
    "unused": {"log"},
    "normalize": PURE | KEPT | {"appending", "codec", "log", "sources", "unused"},
    "retention": PURE | KEPT | {"log", "normalize", "sources"},
    "receive": PURE | {"log", "sources"},
    "web": PURE | {"log", "store"},
    "embedded": PURE
    | STEPS
    | KEPT
    | {"appending", "codec", "log", "retention", "sources", "store", "ticking"},
    "actions": PURE | STEPS | {"embedded", "log", "store"},
    "destination": PURE | {"codec", "log"},
    "standby": PURE | {"log", "state"},
    "folding": PURE | KEPT | {"codec", "log", "standby"},
    "letter_limit": set(),
    "correlate": PURE | STEPS | KEPT | {"codec", "folding", "letter_limit", "log", "standby", "store"},
    "ticking": PURE | {"codec", "log"},
    "rebuild": PURE | STEPS | KEPT | {"codec", "log", "store", "sorting"},
    "sink": PURE | STEPS | KEPT | {"codec", "log", "store"},
}
FOR_THE_COMMAND_LINE_ONLY = {"cli", "settings", "actions"}

#: third party -> the modules or rooms of the package that may import it (None: any)
HOMES: dict[str, set[str] | None] = {
    "anyio": {"pages", "web"},
    "chdb": {"store"},
    "click": {"cli"},
    "confluent_kafka": {"log.kafka"},
    "clickhouse_connect": {"store", "web"},
    "cryptography": {"receive"},
    "fastavro": {"codec"},
    "holidays": {"sources"},
    "httptools": {"receive"},
    "jinja2": {"pages"},
    "jmespath": {"sources"},
    "lz4": {"web"},
    "msgspec": None,
    "numpy": None,
    "pathspec": {"sources"},
    "prometheus_client": {"health", "receive"},
    "prompt_toolkit": {"cli"},
    "pyarrow": {"codec", "store"},
    "pydantic": {"settings", "cluster_settings", "live_settings", "catalogue", "sources", "cli"},
    "pydantic_settings": {"settings"},
    "pyruhvro": {"codec"},
    "rich": {"cli"},
    "sqlite3": {"log.sqlite"},
    "starlette": {"health", "pages", "receive", "web", "cli"},
    "urllib3": {"registry"},
    "uvicorn": {"receive", "web"},
    "uvloop": {"receive"},
    "yaml": {"sources"},
}
#: where the import name is not the distribution's
DISTRIBUTIONS: dict[str, str] = {"yaml": "pyyaml", "prometheus_client": "prometheus-client"}

PURE_THIRD_PARTIES = {"numpy", "msgspec"}
#: parts of the standard library that reach outside the process, read a clock or draw lots
IMPURE = re.compile(
    "asyncio|ctypes|glob|http|io|logging|multiprocessing|os|pathlib|random|secrets|selectors|shelve|shutil|"
    "signal|socket|sqlite3|ssl|subprocess|tempfile|threading|time|urllib|uuid"
)
IMPURE_CALLS = {"open", "print", "input", "now", "utcnow", "today", "exec", "eval"}

BANNED_MODULES = {"utils", "util", "common", "helpers", "helper", "base", "manager", "services", "misc"}
BANNED_CLASS = re.compile(r"(Manager|Helper|Helpers|Utils?|Common)$|^(Base|Abstract)[A-Z]")
NAIVE_CALLS = {"utcnow", "utcfromtimestamp"}


class Import(NamedTuple):
    """One import of one module by another, by full dotted name."""

    name: str
    line: int
    typing_only: bool


@cache
def sources(top: str) -> dict[str, Path]:
    """Dotted module name -> file, for every module below one top-level directory."""
    found = {}
    for path in sorted((ROOT / top).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def written() -> Iterator[tuple[str, Path]]:
    for top in (PACKAGE, "tests", "benchmarks", "grafana"):
        for path in sources(top).values():
            yield str(path.relative_to(ROOT)), path


@cache
def imports(module: str) -> tuple[Import, ...]:
    """What a module of the package imports, inside functions too; each name as deep as it is a module."""
    path = sources(PACKAGE)[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found: list[Import] = []

    def visit(node: ast.AST, typing_only: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                found.extend(Import(alias.name, child.lineno, typing_only) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                parents = (
                    package.split(".")[: len(package.split(".")) - child.level + 1] if child.level else []
                )
                origin = ".".join([*parents, child.module] if child.module else parents)
                found.extend(
                    Import(f"{origin}.{alias.name}", child.lineno, typing_only) for alias in child.names
                )
            elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
                visit(ast.Module(child.body, []), True)
                visit(ast.Module(child.orelse, []), typing_only)
            else:
                visit(child, typing_only)

    visit(tree(path), False)
    return tuple(Import(_as_module(name), line, typing_only) for name, line, typing_only in found)


def top_of(name: str) -> str:
    return name.partition(".")[0]


def _as_module(name: str) -> str:
    if top_of(name) != PACKAGE:
        return name
    modules = sources(PACKAGE)
    while name not in modules and "." in name:
        name = name.rpartition(".")[0]
    return name


def room(module: str) -> str:
    """The part of the package a module belongs to; `store_http` is of the room `store`."""
    parts = module.split(".")
    name = parts[1] if len(parts) > 1 else ""
    return "store" if name.startswith("store_") else name


def lives_in(module: str, homes: Iterable[str]) -> bool:
    inside = module.partition(".")[2]
    return room(module) in homes or any(inside == home or inside.startswith(f"{home}.") for home in homes)


def place(module: str, line: int) -> str:
    return f"{sources(PACKAGE)[module].relative_to(ROOT)}:{line}"


def complain(wrong: Iterable[str]) -> None:
    lines = sorted(set(wrong))
    assert not lines, "\n" + "\n".join(lines)


def test_rooms_import_one_way() -> None:
    wrong = []
    for module in sources(PACKAGE):
        mine = room(module)
        if mine == "cli":
            continue
        allowed = ROOMS.get(mine)
        for name, line, _ in imports(module):
            theirs = room(name)
            if top_of(name) != PACKAGE or theirs in ("", mine):
                continue
            if theirs in FOR_THE_COMMAND_LINE_ONLY or (allowed is not None and theirs not in allowed):
                wrong.append(f"{place(module, line)}: {mine} must not import {name}")
    complain(wrong)


def test_no_import_cycles() -> None:
    graph = {
        module: {
            name for name, _, typing_only in imports(module) if name in sources(PACKAGE) and not typing_only
        }
        for module in sources(PACKAGE)
    }
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> str:
        if module in path:
            return " -> ".join((*path[path.index(module) :], module))
        if module in done:
            return ""
        found = (visit(name, (*path, module)) for name in sorted(graph[module] - {module}))
        cycle = next((cycle for cycle in found if cycle), "")
        done.add(module)
        return cycle

    complain(cycle for module in graph if (cycle := visit(module, ())))


def test_the_core_is_pure() -> None:
    wrong = []
    for module, path in sources(PACKAGE).items():
        if room(module) != "core":
            continue
        for name, line, _ in imports(module):
            top = top_of(name)
            if IMPURE.fullmatch(top):
                wrong.append(f"{place(module, line)}: the core does no I/O and reads no clock: {name}")
            elif top not in sys.stdlib_module_names | PURE_THIRD_PARTIES | {PACKAGE}:
                wrong.append(f"{place(module, line)}: the core knows numpy and msgspec only: {name}")
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and called(node) in IMPURE_CALLS:
                wrong.append(f"{place(module, node.lineno)}: the core must not call {called(node)}()")
    complain(wrong)


def called(node: ast.Call) -> str:
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def test_each_third_party_has_its_home() -> None:
    wrong = []
    for module in sources(PACKAGE):
        for name, line, _ in imports(module):
            top = top_of(name)
            if top not in HOMES:
                if top != PACKAGE and top not in sys.stdlib_module_names:
                    wrong.append(f"{place(module, line)}: {top} has no home: give it one in HOMES")
                continue
            homes = HOMES[top]
            if homes is not None and not lives_in(module, homes):
                wrong.append(f"{place(module, line)}: {top} lives in {', '.join(sorted(homes))} only")
    complain(wrong)


def test_what_is_declared_is_used_and_what_is_used_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.split(r"[^\w.-]", text)[0].lower().replace("_", "-") for text in project["dependencies"]}
    tops = {top_of(name) for module in sources(PACKAGE) for name, _, _ in imports(module)}
    used = {
        DISTRIBUTIONS.get(top, top).replace("_", "-")
        for top in tops - {PACKAGE}
        if top not in sys.stdlib_module_names
    }
    assert used - declared == set(), "imported, but not among the dependencies of pyproject.toml"
    # what is in tzdata is read by the standard library
    assert declared - used == {"tzdata"}, "among the dependencies of pyproject.toml, but nobody imports it"


def test_files_stay_short() -> None:
    wrong = []
    for name, path in written():
        lines = len(path.read_text(encoding="utf-8").splitlines())
        limit = TEST_FILE_LINES_MAX if name.startswith("tests/") else FILE_LINES_MAX
        if lines > limit:
            wrong.append(f"{name}: {lines} lines, at most {limit}: split it by what it knows")
    complain(wrong)


def test_functions_stay_short() -> None:
    wrong = []
    for name, path in written():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    wrong.append(
                        f"{name}:{node.lineno}: {node.name} has {lines} lines, at most {FUNCTION_LINES_MAX}"
                    )
    complain(wrong)


def test_names_say_what_a_thing_is() -> None:
    wrong = []
    for name, path in written():
        if banned := BANNED_MODULES & set(Path(name).with_suffix("").parts):
            wrong.append(f"{name}: a module called {banned.pop()} says nothing about what is in it")
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef) and BANNED_CLASS.search(node.name):
                wrong.append(f"{name}:{node.lineno}: {node.name} says how it is used, not what it is")
    complain(wrong)


def test_nothing_is_mocked() -> None:
    wrong = []
    for name, path in written():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Import):
                named = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                named = [f"{node.module}.{alias.name}" for alias in node.names]
            else:
                continue
            if any(top_of(found) == "mock" or found.startswith("unittest.mock") for found in named):
                wrong.append(
                    f"{name}:{node.lineno}: use the real embedded part in tmp_path instead of a mock"
                )
    complain(wrong)


def test_times_know_their_zone() -> None:
    wrong = []
    for name, path in written():
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.Call):
                continue
            empty_now = called(node) == "now" and not node.args and not node.keywords
            if called(node) in NAIVE_CALLS or empty_now:
                wrong.append(
                    f"{name}:{node.lineno}: {called(node)}() without a zone is the time of nowhere: use UTC"
                )
    complain(wrong)


def test_every_module_says_what_it_is() -> None:
    complain(
        f"{path.relative_to(ROOT)}: say in a docstring what this module knows"
        for path in sources(PACKAGE).values()
        if tree(path).body and not ast.get_docstring(tree(path))
    )


def loaded_by_name(module: str) -> Iterator[str]:
    """Modules that a table of texts like ``pipeline.cli.demo:demo`` loads when they are asked for."""
    for node in ast.walk(tree(sources(PACKAGE)[module])):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            name = node.value.partition(":")[0]
            if name in sources(PACKAGE):
                yield name


def test_no_module_is_dead() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    alive = {target.partition(":")[0] for target in project["scripts"].values()}
    for module in sources(PACKAGE):
        alive |= {name for name, _, _ in imports(module) if name != module}
        alive |= set(loaded_by_name(module)) - {module}
    complain(
        f"{path.relative_to(ROOT)}: no module of the package imports it"
        for module, path in sources(PACKAGE).items()
        if module not in alive and path.stem not in {"__init__", "__main__"}
    )
