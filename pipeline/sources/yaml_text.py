"""YAML that people write: its values as they stand there, the line of each, and no surprises.

Every scalar stays a text, so that `NO` is Norway and `17:30` a time of day; only `null`, `~` and nothing at
all are ``None``. What tags, merge keys and keys that are written twice would do unseen is refused, and so is
a text whose aliases grow into more than it says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

DOCUMENTS_MAX = 1_000
#: values of one text, those that its aliases repeat among them
NODES_MAX = 200_000
LEVELS_MAX = 12
_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset(
    _TAG + name
    for name in ("null", "bool", "int", "float", "timestamp", "str", "seq", "map", "value", "merge")
)

#: where a value stands in its document: keys and positions
Place = tuple[str | int, ...]


class BadYaml(ValueError):
    """No YAML, or none that is read here: ``line`` (from 1) and what to do."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


class Document(NamedTuple):
    """One document: dictionaries, lists, texts and ``None``, and the line of each place (from 1)."""

    value: Any
    lines: dict[Place, int]

    def line(self, place: Place) -> int:
        """The line of a place, or of the nearest thing around it."""
        while place not in self.lines and place:
            place = place[:-1]
        return self.lines.get(place, 1)


def documents(text: str) -> Iterator[Document]:
    """The documents of a text; raises ``BadYaml``, and composes nothing that is more than the text says."""
    nodes = 0
    try:
        for number, node in enumerate(yaml.compose_all(text, Loader=yaml.SafeLoader), 1):
            if number > DOCUMENTS_MAX:
                raise BadYaml(node.start_mark.line + 1, f"more than {DOCUMENTS_MAX:,} documents: split it")
            walk = _Walk(NODES_MAX - nodes)
            yield Document(walk.value(node, ()), walk.lines)
            nodes += walk.nodes
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = " ".join(filter(None, (error.context, error.problem)))
        raise BadYaml(mark.line + 1 if mark else 1, f"no YAML: {said}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise BadYaml(line, f"no YAML: a sign that no text has (U+{int(error.character):04X})") from None
    except RecursionError:
        raise BadYaml(1, f"nested too deeply: at most {LEVELS_MAX} levels are read") from None


class _Walk:
    """Goes through one document, an alias as often as it stands there."""

    def __init__(self, nodes_max: int) -> None:
        self.nodes = 0
        self.lines: dict[Place, int] = {}
        self._nodes_max = nodes_max

    def value(self, node: yaml.Node, place: Place, line: int = 0) -> Any:
        """The value of a node; ``line`` is that of its key."""
        line = line or node.start_mark.line + 1
        self.nodes += 1
        if self.nodes > self._nodes_max:
            raise BadYaml(line, f"more than {NODES_MAX:,} values, with what aliases repeat: split it")
        if len(place) > LEVELS_MAX:
            raise BadYaml(line, f"nested too deeply: at most {LEVELS_MAX} levels are read")
        if node.tag not in _PLAIN_TAGS:
            raise BadYaml(line, f"the tag {node.tag.replace(_TAG, '!!')[:60]}: write the value without a tag")
        self.lines[place] = line
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*place, number)) for number, item in enumerate(node.value)]
        return None if node.tag == _TAG + "null" else node.value

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, inner in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise BadYaml(line, "a key is a text: put it in quotes if it holds brackets")
            if key.tag == _TAG + "merge":
                raise BadYaml(line, "the merge key <<: write the keys out, or an alias for the whole value")
            if key.value in found:
                raise BadYaml(line, f"{key.value[:60]}: written twice, keep one")
            found[key.value] = self.value(inner, (*place, key.value), line)
        return found
