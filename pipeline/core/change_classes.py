"""What kind of a change it is, by the paths it touches and the labels it carries.

The classes are those for which a review asks different questions: a migration, a permission, an alert. A
path has one class, the first in ``BUILT_IN`` whose patterns match it; a change has those of all its paths
and labels.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

#: what nothing says more of
CODE = "code"
DOCS = "docs"
PATHS_REMEMBERED_MAX = 16_384


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


class Classes:
    """Which class a path or a label belongs to, by what is built in and what was declared in its place."""

    def __init__(self, declared: Mapping[str, Patterns]) -> None:
        kinds = {**{name: declared[name] for name in sorted(declared)}, **BUILT_IN, **declared}
        self._order = {name: place for place, name in enumerate((*kinds, CODE))}
        # documentation says less than anything else, and less than code
        self._order[DOCS] = len(self._order)
        named = [(name, kind) for name, kind in kinds.items() if kind.paths]
        self._names = [name for name, _ in named]
        self._expressions = [re.compile("|".join(map(expression_of, kind.paths))).search for _, kind in named]
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
            found = next(
                (name for name, search in zip(self._names, self._expressions, strict=True) if search(path)),
                CODE,
            )
            known = CODE if found == DOCS and _NOT_DOCUMENTS.search(path) else found
            self._known[path] = known
        return known

    def of(self, paths: Iterable[str], labels: Iterable[str]) -> list[str]:
        """The classes of a change, the most telling first; ``code`` where nothing says more."""
        found = {self.of_path(path) for path in paths}
        found.update(filter(None, (self._labels.get(label.casefold()) for label in labels)))
        return sorted(found, key=lambda name: self._order[name]) if found else [CODE]
