"""What pydantic found, said in words: one problem per mistake, at its place in the file."""

import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from opsbook.config.problems import Steps, nearest

Finding = tuple[Steps, str, str]

_KINDS = {
    "dict_type": ("should be a map", "write key: value below it"),
    "model_type": ("should be a map", "write key: value below it"),
    "model_attributes_type": ("should be a map", "write key: value below it"),
    "tuple_type": ("should be a list", "such as [one, two]"),
    "list_type": ("should be a list", "such as [one, two]"),
    "string_type": ("should be text", "put it in quotes"),
    "bool_type": ("should be true or false", ""),
    "int_type": ("should be a whole number", "such as 2"),
    "int_from_float": ("should be a whole number", "such as 2"),
    "int_parsing": ("should be a whole number", "such as 2"),
    "float_type": ("should be a number", "such as 0.5"),
}


def findings(error: ValidationError, values: Any, root: type[BaseModel]) -> Iterator[Finding]:
    """Path, message and hint of each mistake, once per path."""
    seen: set[tuple[Steps, str]] = set()
    for item in error.errors(include_url=False):
        steps = _in_file(tuple(item["loc"]), values, item["type"] in ("extra_forbidden", "missing"))
        message, hint = _words(item, steps, values, root)
        if item["type"] == "union_tag_invalid":
            steps = (*steps, "type")
        if (steps, message) not in seen:
            seen.add((steps, message))
            yield steps, message, hint


def _in_file(loc: Steps, values: Any, last_is_key: bool) -> Steps:
    """The path in the file: pydantic's, without tags of unions and inserted list indexes."""
    steps: list[str | int] = []
    current = values
    for number, part in enumerate(loc):
        is_last = number == len(loc) - 1
        below = value_at((part,), current)
        if below is not ...:
            current = below
        elif not (is_last and last_is_key):
            continue
        steps.append(part)
    return tuple(steps)


def _words(item: Any, steps: Steps, values: Any, root: type[BaseModel]) -> tuple[str, str]:
    kind, context = str(item["type"]), item.get("ctx") or {}
    if kind == "opsbook":
        return str(context.get("text") or item["msg"]), str(context.get("hint", ""))
    if kind == "extra_forbidden":
        return "is not a known key", nearest(str(steps[-1]), keys_at(steps[:-1], values, root))
    if kind == "missing":
        return "is missing", f"add {steps[-1]}: …"
    if value_at(steps, values) is None and kind in _KINDS:
        return "is empty", _KINDS[kind][1] or "give it a value, or remove the key"
    if kind in _KINDS:
        return _KINDS[kind]
    return _constraint(kind, context, steps, item)


def _constraint(kind: str, context: Mapping[str, Any], steps: Steps, item: Any) -> tuple[str, str]:
    if kind in ("literal_error", "union_tag_invalid"):
        expected = str(context.get("expected") or context.get("expected_tags") or "")
        words = [word.strip(" '") for word in expected.replace(" or ", ",").split(",")]
        given = str(context.get("tag") or item.get("input"))
        hint = nearest(given, words)
        known = ", ".join(word for word in words if word)
        return f"{given!r} is not one of {known}", hint if "did you" in hint else ""
    if kind == "union_tag_not_found":
        return "has no type", "add type: …"
    if kind == "string_pattern_mismatch":
        if item["loc"] and item["loc"][-1] == "[key]":
            return "is not a good name", "letters, digits and dashes, a letter first"
        return "is not in the right form", _pattern_hint(str(context.get("pattern", "")), steps)
    limits = {
        "greater_than_equal": ("ge", "should be at least"),
        "less_than_equal": ("le", "should be at most"),
        "greater_than": ("gt", "should be more than"),
        "less_than": ("lt", "should be less than"),
    }
    if kind in limits:
        key, text = limits[kind]
        return f"{text} {context.get(key)}", ""
    if kind in ("too_short", "too_long"):
        return f"should hold {context.get('min_length', context.get('max_length'))} values", ""
    return str(item["msg"]).lower(), ""


def _pattern_hint(pattern: str, steps: Steps) -> str:
    if steps and steps[-1] == "project":
        return "small letters, digits and dashes, a letter first, at most 40"
    if steps and steps[-1] == "proxy":
        return "haproxy, nginx, service or gateway"
    if steps and steps[-1] == "business_start":
        return 'a time such as "09:00"'
    return f"it must match {pattern}"


def value_at(steps: Steps, values: Any) -> Any:
    """What is written at ``steps``; the Ellipsis when nothing is."""
    for step in steps:
        in_map = isinstance(values, dict) and step in values
        in_list = isinstance(values, tuple) and isinstance(step, int) and step < len(values)
        if not in_map and not in_list:
            return ...
        values = values[step]
    return values


def keys_at(steps: Steps, values: Any, root: type[BaseModel]) -> tuple[str, ...]:
    """The keys that may be written below ``steps``."""
    kinds: list[Any] = [root]
    current = values
    for step in steps:
        current = value_at((step,), current)
        kinds = [k for kind in kinds for k in _below(kind, step)]
    models = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
    chosen = current.get("type") if isinstance(current, dict) else None
    fitting = [m for m in models if chosen is not None and chosen in _tags(m)]
    return tuple(key for model in (fitting or models) for key in field_keys(model))


def field_keys(model: type[BaseModel]) -> tuple[str, ...]:
    """The keys of a section as they are written."""
    return tuple(field.alias or name for name, field in model.model_fields.items())


def _tags(model: type[BaseModel]) -> tuple[Any, ...]:
    field = model.model_fields.get("type")
    return get_args(field.annotation) if field is not None else ()


def _below(kind: Any, step: str | int) -> list[Any]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            if step in (name, field.alias):
                return unpacked(field.annotation)
        return []
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is dict:
        return unpacked(arguments[1])
    if origin is tuple:
        return unpacked(arguments[0])
    return []


def unpacked(annotation: Any) -> list[Any]:
    """The kinds an annotation allows, without None and without wrappers."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return unpacked(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [
            k for part in get_args(annotation) if part is not type(None) for k in unpacked(part)
        ]
    kinds = [annotation]
    if origin is tuple and get_args(annotation):
        inner = unpacked(get_args(annotation)[0])
        kinds += [kind for kind in inner if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return kinds
