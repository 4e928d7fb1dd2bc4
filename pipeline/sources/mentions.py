"""Changes and commits that the text of an incident names, and the postmortem that it points to.

What is written loosely is kept as a mention; a cause is what a person calls one (``root cause:``,
``caused by``) right before the reference.
"""

from __future__ import annotations

import re

from pipeline.sources.texts import REFERENCES_MAX, TEXT_CHARACTERS_MAX

_NAME = r"[\w.+-]{1,100}(?:/[\w.+-]{1,100}){1,10}"
_REFERENCE = (
    rf"https?://[^/\s]{{1,200}}/(?P<linked>{_NAME}?)/(?:-/)?(?:merge_requests|pull)/(?P<number>\d{{1,18}})"
    r"|https?://[^/\s]{1,200}/[^\s]{1,400}?/commits?/(?P<commit>[0-9a-f]{40}(?:[0-9a-f]{24})?)"
    rf"|(?<![\w./-])(?P<named>{_NAME})(?P<mark>[!#])(?P<request>\d{{1,18}})(?!\w)"
    r"|(?<![\w/])!(?P<own>\d{1,18})(?!\w)"
    r"|(?<![0-9A-Za-z])(?P<sha>[0-9a-f]{40}(?:[0-9a-f]{24})?)(?![0-9A-Za-z])"
)
_REFERENCES = re.compile(_REFERENCE)
_CAUSES = re.compile(
    rf"\b(?:(?i:root[ -]?cause(?:[ ]was|[ ]is)?|caused by|culprit))[ ]?[:=]?[ ]{{0,4}}(?:{_REFERENCE})"
)
_POSTMORTEM = re.compile(
    r"https?://[^\s<>\"')\]]{0,500}(?:post-?_?mortem|retrospective|incident-review|/pir/|/rca)[^\s<>\"')\]]{0,500}"
    r"|\b(?:post-?mortem|retrospective)\b[^\n]{0,40}?(?P<named>https?://[^\s<>\"')\]]{1,1000})",
    re.IGNORECASE,
)


def _read(match: re.Match[str], repository: str) -> str:
    found = match.groupdict()
    if sha := found["commit"] or found["sha"]:
        return sha
    if found["own"]:
        return f"{repository}#{found['own']}" if repository else ""
    if repository and found["mark"] == "#":
        return ""
    return f"{found['linked'] or found['named']}#{found['number'] or found['request']}"


def mentions(text: str, repository: str = "") -> list[str]:
    """Keys of the changes and shas of the commits that a text names, in its order.

    ``acme/api#17`` is a change's key. In the text of a GitLab project, which ``repository`` names, it is
    an issue, ``acme/api!17`` is a merge request, and so is a bare ``!17``.
    """
    found = (_read(match, repository) for match in _REFERENCES.finditer(text[:TEXT_CHARACTERS_MAX]))
    return list(dict.fromkeys(filter(None, found)))[:REFERENCES_MAX]


def causes(text: str, repository: str = "") -> list[str]:
    """The same for those that the text calls the cause."""
    found = (_read(match, repository) for match in _CAUSES.finditer(text[:TEXT_CHARACTERS_MAX]))
    return list(dict.fromkeys(filter(None, found)))[:REFERENCES_MAX]


def postmortem(text: str) -> str:
    """The address of a postmortem that a text gives; "" without one."""
    found = _POSTMORTEM.search(text[:TEXT_CHARACTERS_MAX])
    return (found["named"] or found[0]).rstrip(".,;:") if found is not None else ""
