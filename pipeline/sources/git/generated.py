"""Which files nobody wrote by hand: what ``.gitattributes`` says, else well-known places and names.

The attributes are those by which the forges fold files in a diff: ``linguist-generated`` and
``linguist-vendored`` (GitHub), ``gitlab-generated`` (GitLab). One that is taken back
(``-linguist-generated``, or ``=false``) makes a file count as written, whatever its name. Patterns are read
as git reads them (gitattributes manual): without a slash they mean a name in any directory, with one a path
from the file's own directory, and a directory alone does not mean what lies in it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import lru_cache

from pipeline.sources.git.command import text
from pipeline.sources.git.repository import Repository

ATTRIBUTES = frozenset({"linguist-generated", "linguist-vendored", "gitlab-generated"})
_RAW = ("--stdin", "--root", "-r", "--raw", "-z", "--no-renames", "--no-abbrev")
LINES_MAX = 2_000
FILES_MAX = 200
REMEMBERED_PATHS_MAX = 50_000

#: files that package managers write, by the manuals of each: they tell to commit and never to edit them
LOCK_FILES = frozenset(
    {
        ".terraform.lock.hcl", "Cargo.lock", "Gemfile.lock", "Gopkg.lock", "MODULE.bazel.lock",
        "Package.resolved", "Pipfile.lock", "Podfile.lock", "bun.lock", "bun.lockb", "composer.lock",
        "deno.lock", "flake.lock", "go.sum", "go.work.sum", "gradle.lockfile", "mix.lock",
        "npm-shrinkwrap.json", "package-lock.json", "packages.lock.json", "pdm.lock", "pnpm-lock.yaml",
        "poetry.lock", "pubspec.lock", "uv.lock", "yarn.lock",
    }
)  # fmt: skip
#: directories that hold other people's code, by the conventions of Go, PHP, Ruby, Node, Bower and Apple
VENDORED = frozenset({"vendor", "node_modules", "bower_components", "Carthage", "Pods", "third_party"})
#: ends of names that compilers, minifiers and test runners give
GENERATED_ENDS = (
    ".pb.go", ".pb.cc", ".pb.h", "_pb2.py", "_pb2_grpc.py", "_pb2.pyi", "_pb.js", "_pb.d.ts", "_grpc_pb.js",
    ".pb.gw.go", ".min.js", ".min.css", ".js.map", ".css.map", ".snap", ".designer.cs",
    ".Designer.cs", ".g.dart", ".freezed.dart",
)  # fmt: skip


def usually_generated(path: str) -> bool:
    """Whether nobody writes such a file by hand, by its name and place alone."""
    *directories, name = path.split("/")
    return name in LOCK_FILES or name.endswith(GENERATED_ENDS) or not VENDORED.isdisjoint(directories)


class Attributes:
    """The lines of one version of a ``.gitattributes`` file that say something about generated files."""

    def __init__(self, content: str) -> None:
        self._rules: list[tuple[re.Pattern[str], bool, dict[str, bool | None]]] = []
        for line in content.splitlines():
            pattern, words = _split(line.strip())
            said = {name: value for word in words for name, value in [_said(word)] if name in ATTRIBUTES}
            if not said or len(self._rules) >= LINES_MAX:
                continue
            compiled = compiled_pattern(pattern)
            if compiled is not None:
                self._rules.append((compiled, "/" in pattern, said))

    def of(self, path: str, told: dict[str, bool | None]) -> None:
        """Add what these lines say about a path in their directory; what is told already stands."""
        name = path.rpartition("/")[2]
        for pattern, whole, said in reversed(self._rules):
            if said.keys() <= told.keys():
                continue
            if pattern.fullmatch(path if whole else name):
                for attribute, value in said.items():
                    told.setdefault(attribute, value)


def _split(line: str) -> tuple[str, list[str]]:
    """Pattern and attributes of a line; ``""`` for a comment, a macro, or a pattern that git refuses."""
    if not line or line.startswith(("#", "[attr]", "!")):
        return "", []
    if line.startswith('"'):
        quoted = re.match(r'"((?:[^"\\]|\\.)*)"', line)
        if quoted is None:
            return "", []
        return re.sub(r"\\(.)", r"\1", quoted[1]), line[quoted.end() :].split()
    pattern, *words = line.split()
    return pattern, words


def _said(word: str) -> tuple[str, bool | None]:
    """An attribute and whether it is set; ``None``: it is as if nobody had said anything."""
    if word.startswith("-"):
        return word[1:], False
    if word.startswith("!"):
        return word[1:], None
    name, _, value = word.partition("=")
    return name, value.lower() != "false"


def compiled_pattern(pattern: str) -> re.Pattern[str] | None:
    """A pattern as a regular expression; ``None`` for one that can match no file."""
    if not pattern or pattern.endswith("/"):
        return None
    rest, found = pattern.removeprefix("/"), ""
    while rest:
        if rest.startswith("**/") and (not found or found.endswith(("/", "/)?"))):
            found, rest = f"{found}(?:.*/)?", rest[3:]
        elif rest == "**" and found.endswith("/"):
            found, rest = f"{found}.+", ""
        elif rest[0] == "*":
            found, rest = f"{found}[^/]*", rest.lstrip("*")
        elif rest[0] == "?":
            found, rest = f"{found}[^/]", rest[1:]
        elif rest[0] == "[" and (group := re.match(r"\[[!^]?\]?[^\]/]*\]", rest)):
            inside = group[0][1:-1]
            negated = inside[:1] in ("!", "^")
            letters = re.sub(r"([\\\[\]&~|^])", r"\\\1", inside[1:] if negated else inside)
            found += f"[^/{letters}]" if negated else f"[{letters}]"
            rest = rest[group.end() :]
        elif rest[0] == "\\" and len(rest) > 1:
            found, rest = found + re.escape(rest[1]), rest[2:]
        else:
            found, rest = found + re.escape(rest[0]), rest[1:]
    try:
        return re.compile(found, re.DOTALL)
    except re.error:
        return None


class GeneratedOverTime:
    """Which files count as generated at each commit of the main line."""

    def __init__(self) -> None:
        #: directory -> from which positions on which version of its file holds
        self._since: dict[str, list[int]] = {}
        self._versions: dict[str, list[Attributes | None]] = {}
        self.versions_count = 0
        self.is_generated = lru_cache(REMEMBERED_PATHS_MAX)(self._is_generated)

    def read(self, repository: Repository) -> None:
        """Find the commits of the main line that changed such a file, and load every version once."""
        chosen: dict[str, list[tuple[int, str]]] = {}
        place, record = -1, ""
        # the one place where git is asked for a pattern of ours; elsewhere paths are literal
        command = ("--no-literal-pathspecs", "diff-tree", *_RAW)
        for raw in repository.git.records(
            *command, "--", ":(glob)**/.gitattributes", lines=repository.pairs()
        ):
            value = text(raw)
            if record:
                mode, oid = record.split(" ")[1], record.split(" ")[3]
                directory = value.rpartition("/")[0]
                record = ""
                if directory in chosen or len(chosen) < FILES_MAX:
                    chosen.setdefault(directory, []).append((place, oid if mode.startswith("100") else ""))
            elif value.startswith(":"):
                record = value
            else:
                place = repository.position[value]
        wanted = list(dict.fromkeys(oid for versions in chosen.values() for _, oid in versions if oid))
        contents = dict(zip(wanted, repository.git.blobs(wanted), strict=True)) if wanted else {}
        parsed = {oid: Attributes(text(blob)) for oid, blob in contents.items() if blob is not None}
        for directory, versions in chosen.items():
            self._since[directory] = [at for at, _ in versions]
            self._versions[directory] = [parsed.get(oid) for _, oid in versions]
        self.versions_count = len(parsed)

    def at(self, place: int) -> tuple[tuple[str, int], ...]:
        """What holds at a position: directory and version, the deepest first; a key for ``is_generated``."""
        found = []
        for directory, since in self._since.items():
            version = bisect_right(since, place) - 1
            if version >= 0 and self._versions[directory][version] is not None:
                found.append((directory, version))
        return tuple(sorted(found, key=lambda one: (-one[0].count("/") - bool(one[0]), one)))

    def _is_generated(self, held: tuple[tuple[str, int], ...], path: str) -> bool:
        """Whether a file counts as generated by what ``at`` returned; the deepest directory wins."""
        told: dict[str, bool | None] = {}
        for directory, version in held:
            rules = self._versions[directory][version]
            if rules is not None and (not directory or path.startswith(f"{directory}/")):
                rules.of(path[len(directory) + 1 :] if directory else path, told)
        said = [value for value in told.values() if value is not None]
        return any(said) if said else usually_generated(path)
