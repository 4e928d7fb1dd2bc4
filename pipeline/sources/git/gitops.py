"""Deployments from a GitOps repository: commits that change image tags in its files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from pipeline.sources.git.command import GitFailed, text
from pipeline.sources.git.images import Image, images_in
from pipeline.sources.git.repository import Repository

BATCH_FILES_MAX = 20_000
PATH_CHARACTERS_MAX = 400

ENVIRONMENTS = {
    "production": "production",
    "prod": "production",
    "prd": "production",
    "live": "production",
    "staging": "staging",
    "stage": "staging",
    "stg": "staging",
    "integration": "integration",
    "int": "integration",
    "development": "development",
    "dev": "development",
    "test": "test",
    "testing": "test",
    "qa": "qa",
    "uat": "uat",
    "preprod": "preprod",
    "preview": "preview",
    "sandbox": "sandbox",
    "demo": "demo",
    "canary": "canary",
}
_FILES = re.compile(
    r"(?:values|kustomization|deployment|statefulset|daemonset|cronjob|rollout|helmrelease|release|images?|"
    r"image-tags?|app|application|docker-compose|task-definition)(?:[-_.].*)?",
    re.IGNORECASE,
)
_ENDINGS = (".yaml", ".yml", ".json", ".tpl", ".tmpl")
#: parts of a path that say how a repository is laid out, not which service a file belongs to
_LAYOUT = re.compile(
    r"(?:overlays?|environments?|envs?|base|apps?|applications?|services?|clusters?|charts?|values|manifests?|"
    r"image-?tags?|images?|kustomization|deployments?|deploy|helm|helmfile|k8s|kubernetes|kustomize|releases?|"
    r"helmrelease|rollout|statefulset|daemonset|cronjob|templates?|config|app-config|argocd|argo|flux|gitops|"
    r"tenants?|projects?|namespaces?|teams?|resources?|patches|components?|infra|infrastructure|docker-compose|"
    r"(?:us|eu|ap|sa|ca|me|af)-[a-z]+-?\d*|regions?|default|main|master)",
    re.IGNORECASE,
)
_TELLING_LINE = re.compile(r"(?i)^.*(?:image|tag|digest).*$", re.MULTILINE)
_IGNORED = {
    "node_modules",
    "vendor",
    "spec",
    "fixtures",
    "locales",
    ".github",
    ".circleci",
    ".gitlab",
    "examples",
    "docs",
}


@dataclass(frozen=True, slots=True)
class Move:
    """One image tag that a commit put live: its position on the main line, where, and what."""

    place: int
    service: str
    environment: str
    image: str
    tag: str


@dataclass
class Moves:
    """Everything a GitOps repository tells, in the order of its main line.

    ``only_tags`` maps a position to (files, tags changed) when nothing speaks against the commit having
    changed image tags alone.
    """

    moves: list[Move] = field(default_factory=list)
    touched: dict[int, tuple[int, int]] = field(default_factory=dict)
    missing: int = 0


@dataclass(frozen=True, slots=True)
class _Change:
    place: int
    path: str
    old: str
    new: str


def environment_of(path: str) -> str:
    """The environment a path speaks of, by its deepest part that names one; ``""`` for none.

    >>> environment_of("apps/api/overlays/prod-eu/kustomization.yaml")
    'production'
    """
    *directories, name = path.lower().split("/")
    directories.reverse()
    # a file without an ending is named after its service, so that its name speaks last
    for part in (name, *directories) if name.endswith(_ENDINGS) else (*directories, name):
        stem = part.partition(".")[0] if part.endswith(_ENDINGS) else part
        if stem in ENVIRONMENTS:
            return ENVIRONMENTS[stem]
        # prod-eu, values-production.yaml, values.production.yaml; not test-runner or dev-portal
        words = [word for word in re.split(r"[-_.]", part) if word not in ("yaml", "yml", "json")]
        for word in (words[0], words[-1]) if words else ():
            named = ENVIRONMENTS.get(word, "")
            if named in ("production", "staging", "integration") or (named and words[0] == "values"):
                return named
    return ""


def service_of(path: str) -> str:
    """The service a path speaks of, by its deepest part that is neither layout nor environment."""
    *directories, name = path.split("/")
    if name.lower().endswith(_ENDINGS):
        stem = name.rsplit(".", 1)[0]
        if not (_FILES.fullmatch(stem) or _LAYOUT.fullmatch(stem) or environment_of(stem)):
            return stem
    elif directories:
        return name
    for part in reversed(directories):
        if part and not _LAYOUT.fullmatch(part) and not environment_of(part):
            return part
    return ""


def _worth_reading(path: str) -> bool:
    parts = path.split("/")
    if len(path) > PATH_CHARACTERS_MAX or _IGNORED & set(parts):
        return False
    name = parts[-1]
    dotted = "." in name
    if dotted and not name.lower().endswith(_ENDINGS):
        return False
    return bool(environment_of(path) or (dotted and _FILES.fullmatch(name)))


class _Reader:
    def __init__(self, repository: Repository, services: frozenset[str], environment: str) -> None:
        self.repository = repository
        self.services = services
        self.environment = environment
        self.known: dict[str, tuple[str, dict[str, Image]]] = {}
        self.parsed: dict[str, tuple[int, dict[str, Image]]] = {}
        self.live: dict[tuple[str, str], str] = {}
        self.seen: dict[tuple[str, str, str], set[str]] = {}
        self.result = Moves()

    def changes(self) -> Iterator[_Change]:
        """Every file worth reading that a commit of the main line added or changed."""
        repository = self.repository
        command = ("diff-tree", "--stdin", "--root", "-r", "--raw", "-z", "--no-renames", "--no-abbrev")
        place = -1
        entry: list[str] = []
        for record in repository.git.records(*command, lines=repository.pairs()):
            if entry:
                path = text(record)
                if entry[1].startswith("100") and _worth_reading(path):
                    yield _Change(place, path, entry[2], entry[3])
                entry = []
            elif record.startswith(b":"):
                entry = record.decode("ascii").split(" ")
            else:
                place = repository.position[record.decode("ascii")]

    def batch(self, changes: list[_Change]) -> None:
        """Read the files of many changes with one process, and take each in turn."""
        wanted: dict[str, str] = {}
        for change in changes:
            wanted.setdefault(change.new, change.path)
            if change.old.strip("0") and self.known.get(change.path, ("",))[0] != change.old:
                wanted.setdefault(change.old, change.path)
        parsed: dict[str, dict[str, Image]] = {}
        for (oid, path), blob in zip(wanted.items(), self.repository.git.blobs(wanted), strict=True):
            self.result.missing += blob is None
            parsed[oid] = self.images(path, text(blob or b""))
        for change in changes:
            before = self.known.get(change.path)
            old = before[1] if before and before[0] == change.old else parsed.get(change.old, {})
            self.take(change, old, parsed[change.new])
            self.known[change.path] = (change.new, parsed[change.new])

    def images(self, path: str, content: str) -> dict[str, Image]:
        """The image tags of a file; big files that changed elsewhere aren't parsed again."""
        telling = hash(tuple(_TELLING_LINE.findall(content)))
        known = self.parsed.get(path)
        if known is None or known[0] != telling:
            known = self.parsed[path] = (telling, images_in(content, path.endswith(".json")))
        return known[1]

    def take(self, change: _Change, old: dict[str, Image], new: dict[str, Image]) -> None:
        changed = [image for where, image in new.items() if where not in old or old[where].tag != image.tag]
        if not changed:
            return
        files, tags = self.result.touched.get(change.place, (0, 0))
        self.result.touched[change.place] = (files + 1, tags + len(changed))
        environment = environment_of(change.path) or self.environment
        names = {image.name for image in new.values()}
        for image in changed:
            service = self.service(change.path, image, len(names))
            if service:
                self.move(change, service, environment, image)

    def service(self, path: str, image: Image, names: int) -> str:
        by_path = service_of(path)
        if by_path in self.services:
            return by_path
        if image.name in self.services or not by_path:
            return image.name or self.repository.service
        return image.name if names > 1 and image.name else by_path

    def move(self, change: _Change, service: str, environment: str, image: Image) -> None:
        """A file took a new tag. Regions that follow one another are one deployment."""
        lane = (service, environment)
        here = self.seen.setdefault((service, change.path, image.where), set())
        again = image.tag in here
        here.add(image.tag)
        anywhere = self.seen.setdefault((service, environment, ""), set())
        if self.live.get(lane) == image.tag or (image.tag in anywhere and not again):
            return
        anywhere.add(image.tag)
        self.live[lane] = image.tag
        self.result.moves.append(Move(change.place, service, environment, image.name, image.tag))


def read_moves(repository: Repository, services: frozenset[str], environment: str) -> Moves:
    """Image tags that the main line put live. ``services`` are names to prefer (imported repositories')."""
    reader = _Reader(repository, services, environment)
    waiting: list[_Change] = []
    try:
        for change in reader.changes():
            waiting.append(change)
            if len(waiting) >= BATCH_FILES_MAX:
                reader.batch(waiting)
                waiting = []
    except GitFailed:
        reader.result.missing += 1
    reader.batch(waiting)
    return reader.result
