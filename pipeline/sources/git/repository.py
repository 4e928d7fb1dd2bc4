"""One opened clone: its name, its main line and its tags."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pipeline.sources.git.command import EmptyRepository, Git, split, text
from pipeline.sources.git.history import GitOptions

BRANCHES_SHOWN_MAX = 8
_SCP_LIKE = re.compile(r"(?:[^@/\s]+@)?[^:/\s]{2,}:(?!//)(?P<path>[^\s]+)")
#: parts of a remote's path that belong to the server and not to the repository's name
_SERVER_PARTS = {"_git", "scm", "v3"}


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag that names a commit; ``time`` is the tagger's in seconds, ``None`` for a lightweight one."""

    name: str
    commit: str
    time: int | None


@dataclass
class Repository:
    """A clone that can be read. ``line`` holds the shas of the main line, oldest first."""

    git: Git
    name: str
    service: str
    branch: str
    head: str
    line: list[str]
    parents: list[str]
    shallow: frozenset[str]
    position: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.position = {sha: position for position, sha in enumerate(self.line)}

    def pairs(self, places: Iterable[int] | None = None) -> Iterator[str]:
        """Commits of the main line (all, unless told), each with its parent: what ``git diff-tree`` reads."""
        for place in range(len(self.line)) if places is None else places:
            yield f"{self.line[place]} {self.parents[place]}".rstrip()


def open_repository(path: Path, options: GitOptions) -> Repository:
    """Open a clone (work tree or bare) and read its main line.

    Raises ``GitError`` (``GitMissing``, ``NotARepository``, ``RepositoryRefused``,
    ``EmptyRepository``, ``GitFailed``) saying what to do.
    """
    git = Git(path)
    directory = git.open()
    head, branch = _head(git, options.branch)
    name = options.repository or _name(git, path)
    line: list[str] = []
    parents: list[str] = []
    with git.stream("rev-list", "--first-parent", "--parents", head) as output:
        for row in output:
            shas = row.decode("ascii").split()
            line.append(shas[0])
            parents.append(shas[1] if len(shas) > 1 else "")
    line.reverse()
    parents.reverse()
    common = git.ask("rev-parse", "--git-common-dir")
    root = (git.top / text(common)) if common else directory
    shallow = root / "shallow"
    cut = shallow.read_text("ascii").split() if shallow.is_file() else []
    return Repository(
        git=git,
        name=name,
        service=options.service or name.rsplit("/", 1)[-1],
        branch=branch,
        head=head,
        line=line,
        parents=parents,
        shallow=frozenset(cut),
    )


def _head(git: Git, wanted: str) -> tuple[str, str]:
    """Sha and name of the main line's newest commit."""
    if wanted:
        for name in (f"refs/heads/{wanted}", f"refs/remotes/origin/{wanted}", wanted):
            sha = _commit(git, name)
            if sha:
                return sha, wanted.removeprefix("origin/")
        known = git.ask("for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/remotes") or b""
        names = text(known).split("\n")[:BRANCHES_SHOWN_MAX]
        raise EmptyRepository(f"{git.path}: no branch {wanted!r}; there are: {', '.join(names) or 'none'}")
    sha = _commit(git, "refs/remotes/origin/HEAD")
    if sha:
        target = text(git.ask("symbolic-ref", "refs/remotes/origin/HEAD") or b"")
        return sha, target.removeprefix("refs/remotes/origin/") or "HEAD"
    sha = _commit(git, "HEAD")
    if not sha:
        raise EmptyRepository(
            f"{git.path}: HEAD names no commit; fetch something first, or name the main line with --branch"
        )
    target = text(git.ask("symbolic-ref", "-q", "HEAD") or b"")
    return sha, target.removeprefix("refs/heads/") or "HEAD"


def _commit(git: Git, name: str) -> str:
    found = git.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    # old versions echo the option
    return text(found).rsplit("\n", 1)[-1] if found else ""


def _name(git: Git, path: Path) -> str:
    url = text(git.ask("config", "--local", "--get", "remote.origin.url") or b"")
    # a directory inside a clone means the clone; a bare one has no top level
    top = git.ask("rev-parse", "--show-toplevel")
    resolved = Path(text(top)) if top else path.resolve()
    own = resolved.parent.name if resolved.name == ".git" else resolved.name.removesuffix(".git")
    return name_of_url(url) or own or "repository"


def name_of_url(url: str) -> str:
    """``owner/name`` as a remote's URL tells it, without the server; ``""`` for a local path.

    >>> name_of_url("git@example.org:acme/api.git")
    'acme/api'
    """
    scp = _SCP_LIKE.fullmatch(url)
    if "://" in url:
        parts = urlsplit(url)
        if parts.scheme == "file":
            return ""
        path = parts.path
    elif scp:
        path = scp["path"]
    else:
        return ""
    names = [unquote(part) for part in path.split("/") if part and part not in _SERVER_PARTS]
    return "/".join(names).removesuffix(".git")


def read_tags(git: Git) -> tuple[list[Tag], list[str]]:
    """All tags that name a commit, and the names of those that name something else (a tree, a blob)."""
    tags: list[Tag] = []
    nested: list[Tag] = []
    odd: list[str] = []
    for name, kind, sha, peeled_kind, peeled, when in _tag_rows(git):
        time = int(when) if when.lstrip("-").isdigit() else None
        if kind == "commit":
            tags.append(Tag(name, sha, None))
        elif peeled_kind == "commit":
            tags.append(Tag(name, peeled, time))
        elif peeled_kind == "tag":
            nested.append(Tag(name, peeled, time))
        else:
            odd.append(name)
    for tag in nested:
        commit = _commit(git, tag.commit)
        if commit:
            tags.append(Tag(tag.name, commit, tag.time))
        else:
            odd.append(tag.name)
    return tags, odd


def _tag_rows(git: Git) -> Iterator[list[str]]:
    fields = ("refname:strip=2", "objecttype", "objectname", "*objecttype", "*objectname", "taggerdate:unix")
    pattern = "%00".join(f"%({name})" for name in fields) + "%00"
    with git.stream("for-each-ref", f"--format={pattern}", "refs/tags") as output:
        row: list[str] = []
        for value in split(output):
            row.append(text(value).removeprefix("\n"))
            if len(row) == len(fields):
                yield row
                row = []
