"""YAML nodes into plain values: duplicates, odd keys and bombs become problems."""

from typing import Any

from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from opsbook.config.document import MAX_DEPTH, MAX_VALUES, Document, Place, complain
from opsbook.config.problems import Steps

_TAG = "tag:yaml.org,2002:"
_KNOWN = frozenset(
    ("str", "int", "float", "bool", "null", "timestamp", "map", "seq", "merge", "value")
)


class Builder:
    """Builds the values of one document and notes the place of each."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._open: list[int] = []
        self._count = 0
        self._stopped = False

    def build(self, node: Any) -> Any:
        """The value of the document's root node."""
        value = self._value(node, ())
        return None if self._stopped else value

    def _value(self, node: Any, steps: Steps) -> Any:
        self._count += 1
        if not self._within_bounds(node, steps):
            return None
        tag = str(node.tag)
        if tag.removeprefix(_TAG) not in _KNOWN:
            complain(self._document, _line(node), steps, "has a tag", "remove the word after the !")
            return str(node.value) if isinstance(node, ScalarNode) else None
        if isinstance(node, ScalarNode):
            return _convert(tag.removeprefix(_TAG), str(node.value))
        self._open.append(id(node))
        try:
            if isinstance(node, MappingNode):
                return self._mapping(node, steps)
            if isinstance(node, SequenceNode):
                return self._sequence(node, steps)
        finally:
            self._open.pop()
        return None

    def _within_bounds(self, node: Any, steps: Steps) -> bool:
        if self._stopped:
            return False
        message = ""
        if id(node) in self._open:
            message = "an alias contains itself"
        elif self._count > MAX_VALUES:
            message = "aliases make it too large"
        elif len(steps) > MAX_DEPTH:
            message = "is nested too deeply"
        if message:
            self._stopped = True
            complain(self._document, _line(node), steps[:3], message, "write it out")
        return not message

    def _mapping(self, node: Any, steps: Steps) -> dict[str, Any]:
        result: dict[str, Any] = {}
        lines: dict[str, int] = {}
        merges: list[Any] = []
        for key_node, value_node in node.value:
            if getattr(key_node, "value", None) == "<<" and key_node.style is None:
                merges.append(value_node)
                continue
            key = self._key(key_node, steps)
            if key is None:
                continue
            line = _line(key_node)
            if key in lines:
                message = f"{key} is written twice, first in line {lines[key]}"
                complain(self._document, line, (*steps, key), message, "keep one of them")
                continue
            lines[key] = line
            here = (*steps, key)
            self._document.places[here] = Place(self._document.path, line, here)
            result[key] = self._value(value_node, here)
        for merged in merges:
            self._merge(merged, steps, result)
        return result

    def _merge(self, node: Any, steps: Steps, result: dict[str, Any]) -> None:
        sources = node.value if isinstance(node, SequenceNode) else [node]
        for source in sources:
            if not isinstance(source, MappingNode):
                complain(self._document, _line(node), steps, "<< needs a map", "such as <<: *name")
                continue
            kept = {s: p for s, p in self._document.places.items() if s[: len(steps)] == steps}
            for key, value in self._merged(source, steps).items():
                result.setdefault(key, value)
            self._document.places.update(kept)

    def _merged(self, node: Any, steps: Steps) -> dict[str, Any]:
        value = self._value(node, steps)
        return value if isinstance(value, dict) else {}

    def _key(self, node: Any, steps: Steps) -> str | None:
        if not isinstance(node, ScalarNode):
            complain(self._document, _line(node), steps, "a key must be text", "write key: value")
            return None
        return str(node.value)

    def _sequence(self, node: Any, steps: Steps) -> tuple[Any, ...]:
        items = []
        for index, child in enumerate(node.value):
            here = (*steps, index)
            self._document.places[here] = Place(self._document.path, _line(child), here)
            items.append(self._value(child, here))
        return tuple(items)


def _convert(tag: str, text: str) -> Any:
    if tag == "null":
        return None
    if tag == "bool":
        return text.lower() == "true"
    try:
        if tag == "int":
            return int(text.replace("_", ""), 0 if text[1:2] in "xo" and text[1:2] else 10)
        if tag == "float":
            return float(text.replace("_", ""))
    except (ValueError, OverflowError):
        return text
    return text


def _line(node: Any) -> int:
    mark = getattr(node, "start_mark", None)
    return 0 if mark is None else int(mark.line) + 1
