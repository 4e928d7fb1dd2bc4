"""What kind of a change it is, by the paths it touches and the labels it carries.

The classes are those for which a review asks different questions: a migration, a permission, an alert. A
path has one class, the first in ``BUILT_IN`` whose patterns match it; a change has those of all its paths
and labels.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

#: what nothing says more of
CODE = "code"
DOCS = "docs"
PATHS_REMEMBERED_MAX = 16_384
#: an expression that nothing matches
_NOTHING = "(?!)"


class Patterns(NamedTuple):
    """What belongs to a class: paths as in a CODEOWNERS file, and labels."""

    paths: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


#: class -> what belongs to it, the most telling first. Documentation comes last: a runbook is one, too.
BUILT_IN: dict[str, Patterns] = {
    "iam": Patterns(
        ("iam/", "rbac/", "**/*rbac*.y*ml", "**/*role*binding*.y*ml", "**/*iam*.tf", "**/*polic*.rego"),
        ("iam", "rbac", "permissions"),
    ),
    "database-migration": Patterns(
        ("migrations/", "migrate/", "db/schema.rb", "schema.sql", "liquibase/", "flyway/", "alembic/"),
        ("database-migration", "migration", "schema-change"),
    ),
    "shared-contract": Patterns(("*.proto", "*.avsc", "contracts/"), ("shared-contract", "contract")),
    "api-contract": Patterns(
        ("openapi*.y*ml", "openapi*.json", "swagger*", "*.graphql", "*.wsdl", "asyncapi*"),
        ("api-contract", "breaking-change"),
    ),
    "serverless": Patterns(("serverless*.y*ml", "functions/", "lambda/", "lambdas/"), ("serverless",)),
    "observability": Patterns(
        (
            "dashboards/",
            "alerts/",
            "alerting/",
            "*.rules.y*ml",
            "prometheus*.y*ml",
            "grafana/",
            "monitoring/",
        ),
        ("observability", "alerting", "monitoring"),
    ),
    "iac": Patterns(
        (
            "*.tf",
            "*.tfvars",
            "*.bicep",
            "terraform/",
            "infra/",
            "infrastructure/",
            "cloudformation/",
            "pulumi/",
            "ansible/",
            "helm/",
            "charts/",
            "k8s/",
            "kubernetes/",
            "kustomization.y*ml",
            "deploy/",
            "Dockerfile*",
            "docker-compose*.y*ml",
        ),
        ("iac", "infrastructure", "terraform"),
    ),
    "runbook": Patterns(("runbooks/", "runbook*", "playbooks/"), ("runbook",)),
    "design": Patterns(("rfcs/", "adr/", "adrs/", "design/*.md", "design-docs/"), ("design", "rfc")),
    DOCS: Patterns(("*.md", "*.rst", "*.adoc", "*.txt", "doc/", "docs/"), ("docs", "documentation")),
    # by their labels alone
    "security-patch": Patterns((), ("security", "security-patch", "vulnerability")),
    "performance": Patterns((), ("performance",)),
}
#: dependencies' files end like documents
_NOT_DOCUMENTS = re.compile(
    r"(?:^|/)(?:requirements[^/]*|constraints[^/]*|CMakeLists)\.txt$|(?:^|/)requirements/"
)


def expression_of(pattern: str) -> str:
    """A regular expression for the paths that a pattern means, as CODEOWNERS and .gitignore read it.

    A pattern with a slash before its end begins at the root of the repository, another one anywhere;
    ``*`` stays within a directory, ``**`` doesn't; a directory means all that is in it.
    """
    inner = pattern.strip("/")
    anchored = "/" in pattern.rstrip("/")
    parts: list[str] = []
    position = 0
    while position < len(inner):
        if inner.startswith("**/", position):
            parts.append("(?:[^/]+/)*")
            position += 3
        elif inner.startswith("**", position):
            parts.append(".*")
            position += 2
        else:
            sign = inner[position]
            parts.append({"*": "[^/]*", "?": "[^/]"}.get(sign) or re.escape(sign))
            position += 1
    end = "/" if pattern.endswith("/") else "(?:/|$)"
    return ("^" if anchored else "(?:^|/)") + "".join(parts) + end


def check_pattern(pattern: str) -> None:
    """Refuse what means no path; raises ``ValueError``."""
    if pattern.startswith("!"):
        raise ValueError("a pattern can't take paths back: name those that belong to the class")
    if not pattern.strip("/") or any(sign in pattern for sign in "[]\\"):
        raise ValueError("write a path with * ** or ?, as in a CODEOWNERS file")


class _Paths:
    """The first of several classes that a path belongs to.

    Most patterns mean one name on the way to a file, wherever it stands, and directories repeat: what is
    known of a directory isn't looked for again.
    """

    def __init__(self, kinds: Sequence[tuple[str, tuple[str, ...]]]) -> None:
        self._classes = [name for name, _ in kinds]
        self._none = len(kinds)
        self._whole = [re.compile("|".join(map(expression_of, paths))).search for _, paths in kinds]
        names = [[_named(pattern) for pattern in paths if _is_name(pattern)] for _, paths in kinds]
        rooted = [[expression_of(pattern) for pattern in paths if _is_rooted(pattern)] for _, paths in kinds]
        #: a class has patterns that are neither: then only the whole path says it
        self._intricate = any(
            len(of_names) + len(of_roots) < len(paths)
            for of_names, of_roots, (_, paths) in zip(names, rooted, kinds, strict=True)
        )
        self._directory = _one_of([[name for name, _ in found] for found in names]).fullmatch
        self._file = _one_of([[f"{name}$" for name, last in found if last] for found in names]).match
        self._rooted = _one_of(rooted).match
        self._of_directory: dict[str, int] = {}
        self._of_file: dict[str, int] = {}

    def first(self, path: str) -> str:
        """The first class with a pattern that matches; empty: none has."""
        # an empty name is no directory to the patterns that begin anywhere
        if self._intricate or path.startswith("/") or "//" in path:
            return next(
                (name for name, search in zip(self._classes, self._whole, strict=True) if search(path)), ""
            )
        directory, _, file = path.rpartition("/")
        of_file = self._of_file.get(file)
        if of_file is None:
            of_file = _remember(self._of_file, file, self._place(self._file(file)))
        place = min(
            of_file, self._under(directory) if directory else self._none, self._place(self._rooted(path))
        )
        return self._classes[place] if place < self._none else ""

    def _under(self, directory: str) -> int:
        """The place of the first class that everything under a directory belongs to."""
        known = self._of_directory.get(directory)
        if known is None:
            place = min([self._place(self._directory(name)) for name in directory.split("/")])
            known = _remember(self._of_directory, directory, place)
        return known

    def _place(self, found: re.Match[str] | None) -> int:
        return self._none if found is None or found.lastindex is None else found.lastindex - 1


def _remember(known: dict[str, int], name: str, place: int) -> int:
    if len(known) >= PATHS_REMEMBERED_MAX:
        known.clear()
    known[name] = place
    return place


def _is_name(pattern: str) -> bool:
    """Whether a pattern means one name, of a directory or file, wherever it stands."""
    inner = pattern.removeprefix("**/").rstrip("/")
    return bool(inner) and "/" not in inner and "**" not in inner


def _named(pattern: str) -> tuple[str, bool]:
    """An expression for the name that a pattern means, and whether a file may have it."""
    inner = pattern.removeprefix("**/").strip("/")
    return expression_of(inner).removeprefix("(?:^|/)").removesuffix("(?:/|$)"), not pattern.endswith("/")


def _is_rooted(pattern: str) -> bool:
    """Whether a pattern begins at the root of a repository, and means more than one name."""
    return not _is_name(pattern) and "/" in pattern.rstrip("/")


def _one_of(kinds: Sequence[Sequence[str]]) -> re.Pattern[str]:
    """An expression with a group for each kind; of those that match, the first one is told."""
    return re.compile("|".join(f"({'|'.join(found) or _NOTHING})" for found in kinds) or _NOTHING)


class Classes:
    """Which class a path or a label belongs to, by what is built in and what was declared in its place."""

    def __init__(self, declared: Mapping[str, Patterns]) -> None:
        kinds = {**{name: declared[name] for name in sorted(declared)}, **BUILT_IN, **declared}
        self._order = {name: place for place, name in enumerate((*kinds, CODE))}
        # documentation says less than anything else, and less than code
        self._order[DOCS] = len(self._order)
        self._paths = _Paths([(name, kind.paths) for name, kind in kinds.items() if kind.paths])
        self._labels: dict[str, str] = {}
        for name, kind in kinds.items():
            for label in kind.labels:
                self._labels.setdefault(label.casefold(), name)
        self._known: dict[str, str] = {}

    def of_path(self, path: str) -> str:
        """The class of one path."""
        known = self._known.get(path)
        if known is None:
            if len(self._known) >= PATHS_REMEMBERED_MAX:
                self._known.clear()
            found = self._paths.first(path) or CODE
            known = CODE if found == DOCS and _NOT_DOCUMENTS.search(path) else found
            self._known[path] = known
        return known

    def of(self, paths: Iterable[str], labels: Iterable[str]) -> list[str]:
        """The classes of a change, the most telling first; ``code`` where nothing says more."""
        known = self._known
        found = {known.get(path) or self.of_path(path) for path in paths}
        for label in labels:
            named = self._labels.get(label.casefold())
            if named:
                found.add(named)
        if len(found) > 1:
            return sorted(found, key=self._order.__getitem__)
        return list(found) or [CODE]
