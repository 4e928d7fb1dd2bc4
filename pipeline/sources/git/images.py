"""Image tags in the files of a GitOps repository: Kubernetes, Kustomize, Helm values, plain image tags.

YAML is read line by line: Helm templates aren't YAML, and a parser is a hundred times slower.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

LINES_MAX = 20_000
DEPTH_MAX = 50
IMAGES_MAX = 500

_LINE = re.compile(r"^(?P<indent> *)(?P<dash>(?:- +)*)(?P<key>[\w.$/\"'-]+?)[\"']?\s*:(?:\s+(?P<value>.*))?$")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_REFERENCE = re.compile(
    r"(?P<image>[\w.:/-]+?)(?::(?P<tag>[\w][\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_TAG_KEYS = {"tag", "newtag", "imagetag", "image_tag", "image-tag", "digest"}
_NAME_KEYS = ("newname", "repository", "image", "name")
_MOVING = {"latest", "main", "master", "stable", "edge", "head", "dev", "null", "true", "false"}


@dataclass(frozen=True, slots=True)
class Image:
    """An image tag at one place of a file: ``where`` tells the place, ``name`` the image ("" = not told)."""

    where: str
    name: str
    tag: str


@dataclass(slots=True)
class _Mapping:
    indent: int
    path: str
    keys: dict[str, str]


def images_in(content: str, json_file: bool = False) -> dict[str, Image]:
    """The image tags of a file by place."""
    found: dict[str, Image] = {}
    mappings = _of_json(content) if json_file else _of_yaml(content)
    for path, keys in mappings:
        for image in _of_mapping(path, keys):
            where = image.where
            # items of lists have no names: the image's own tells them apart, then their order
            number = 1
            while where in found and number < IMAGES_MAX:
                number += 1
                where = f"{image.where}#{number}"
            if len(found) < IMAGES_MAX:
                found[where] = Image(where, image.name, image.tag)
    return found


def _of_yaml(content: str) -> Iterator[tuple[str, dict[str, str]]]:
    stack: list[_Mapping] = []
    pending: list[_Mapping] = []
    for number, raw in enumerate(content.split("\n")):
        if number >= LINES_MAX:
            break
        line = raw.rstrip()
        if line in ("---", "..."):
            pending.extend(stack)
            stack = []
            continue
        found = _LINE.match(line)
        if not found or line.lstrip().startswith("#"):
            continue
        indent = len(found["indent"]) + len(found["dash"])
        starts_item = bool(found["dash"])
        while stack and (stack[-1].indent > indent or (starts_item and stack[-1].indent == indent)):
            pending.append(stack.pop())
        if not stack or stack[-1].indent < indent:
            if len(stack) >= DEPTH_MAX:
                continue
            parent = stack[-1] if stack else None
            last = next(reversed(parent.keys), "") if parent else ""
            stack.append(_Mapping(indent, f"{parent.path}.{last}" if parent else "", {}))
        key = found["key"].strip("\"'")
        stack[-1].keys[key] = _plain(found["value"] or "")
    for mapping in (*pending, *stack):
        yield mapping.path, mapping.keys


def _plain(value: str) -> str:
    value = value.strip()
    if value[:1] in ("'", '"'):
        return value[1:].partition(value[0])[0]
    return value.partition(" #")[0].strip()


def _of_json(content: str) -> Iterator[tuple[str, dict[str, str]]]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return
    waiting: list[tuple[str, Any]] = [("", document)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            yield path, {str(key): inner for key, inner in value.items() if isinstance(inner, str)}
            waiting.extend((f"{path}.{key}", inner) for key, inner in value.items())
        elif isinstance(value, list):
            waiting.extend((path, inner) for inner in value)


def _of_mapping(path: str, keys: dict[str, str]) -> Iterator[Image]:
    lowered = {key.lower(): value for key, value in keys.items()}
    last = path.rpartition(".")[2].lower()
    named = next((lowered[key] for key in _NAME_KEYS if lowered.get(key)), "")
    for key, value in lowered.items():
        where = f"{path}.{key}"
        if key == "image" or key.endswith("_image"):
            found = _REFERENCE.fullmatch(value)
            tag = found and (found["tag"] or found["digest"])
            if found and tag and _is_fixed(tag):
                name = _short(found["image"])
                yield Image(f"{where}:{name}", name, tag)
        elif key in _TAG_KEYS or key.endswith(("imagetag", "_image_tag", "-image-tag")):
            # a bare `tag` is an image's only where something beside or above it says so
            plain = key in ("tag", "digest")
            beside = any(lowered.get(one) for one in ("repository", "registry", "newname"))
            beside = beside or bool(_REFERENCE.fullmatch(lowered.get("image", "") or " "))
            if plain and not beside and "image" not in last:
                continue
            if not _is_fixed(value) or (key == "digest" and (lowered.get("tag") or lowered.get("newtag"))):
                continue
            name = _short(named) if key in ("tag", "newtag", "digest") or "repository" in lowered else ""
            if not name:
                name = _prefix(key) or _owner(path)
            yield Image(f"{where}:{name}" if key == "newtag" else where, name, value)


def _is_fixed(tag: str) -> bool:
    return bool((_TAG.fullmatch(tag) and tag.lower() not in _MOVING) or _DIGEST.fullmatch(tag))


def _short(image: str) -> str:
    name = image.rsplit("/", 1)[-1].partition("@")[0].partition(":")[0]
    return name if re.fullmatch(r"[\w.-]+", name) else ""


def _prefix(key: str) -> str:
    for ending in ("_image_tag", "-image-tag", "imagetag"):
        if key.endswith(ending) and len(key) > len(ending):
            return key.removesuffix(ending).strip("_-")
    return ""


def _owner(path: str) -> str:
    """``api`` in ``.api.image.tag``: the key above ``image``, when the file holds several services."""
    parts = [part for part in path.split(".") if part]
    while parts and "image" in parts[-1].lower():
        parts.pop()
    generic = {
        "global",
        "spec",
        "values",
        "deployment",
        "app",
        "template",
        "container",
        "containers",
        "helm",
        "data",
    }
    return parts[-1] if parts and parts[-1].lower() not in generic else ""
