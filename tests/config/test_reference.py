"""The reference and the schema are what the models say."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from opsbook.config.explain import field_keys
from opsbook.config.model.project import Config
from opsbook.config.reference import _all_models, field_words, json_schema, render_markdown

DOCS = Path(__file__).parents[2] / "docs"
GOOD = sorted((Path(__file__).parents[1] / "cases" / "config" / "good").glob("*.yaml"))
HINT = "run python -m opsbook.config.reference --write docs"


def test_the_reference_is_up_to_date() -> None:
    assert (DOCS / "configuration.md").read_text() == render_markdown(), HINT


def test_the_schema_is_up_to_date() -> None:
    assert json.loads((DOCS / "opsbook.schema.json").read_text()) == json_schema(), HINT


def test_every_key_is_explained() -> None:
    text = render_markdown()
    for model in _all_models(Config):
        missing = set(model.model_fields) - set(field_words(model))
        assert not missing, f"{model.__name__}: {missing}"
        for key in field_keys(model):
            assert f"| `{key}` |" in text


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_the_schema_accepts_a_good_file(path: Path) -> None:
    schema = json_schema()
    values = YAML(typ="safe").load(path.read_text())
    assert not list(broken(_plain(values), schema, schema, ""))


def test_the_schema_refuses_an_unknown_key_and_a_wrong_type() -> None:
    schema = json_schema()
    service = {"run": "serve", "instanses": 2}
    assert list(broken({"project": "a", "services": {"api": service}}, schema, schema, ""))
    assert list(broken({"project": "a", "platform": "dockr"}, schema, schema, ""))
    assert list(broken({"services": {}}, schema, schema, ""))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_plain(child) for child in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "null": type(None),
}


def broken(value: Any, schema: dict[str, Any], root: dict[str, Any], where: str) -> Any:
    """The part of JSON Schema that ours uses; gives the places that do not fit."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    for key in ("anyOf", "oneOf"):
        choices = schema.get(key, [])
        if choices and all(any(broken(value, choice, root, where)) for choice in choices):
            yield f"{where}: fits none"
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(_is(value, name) for name in types):
        yield f"{where}: {value!r} is no {types}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where}: not in enum"
    if "const" in schema and value != schema["const"]:
        yield f"{where}: not the constant"
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{where}: {value!r} does not match"
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from broken(item, schema.get("items") or {}, root, f"{where}[{index}]")
    if isinstance(value, dict):
        yield from _broken_map(value, schema, root, where)


def _broken_map(value: Any, schema: dict[str, Any], root: dict[str, Any], where: str) -> Any:
    for key in schema.get("required", []):
        if key not in value:
            yield f"{where}.{key} is missing"
    patterns = schema.get("patternProperties", {})
    extra = schema.get("additionalProperties", True)
    for key, child in value.items():
        known = schema.get("properties", {}).get(key)
        matching = [entry for pattern, entry in patterns.items() if re.search(pattern, key)]
        if known is not None or matching:
            yield from broken(child, known or matching[0], root, f"{where}.{key}")
        elif extra is False:
            yield f"{where}.{key} is not known"
        elif isinstance(extra, dict):
            yield from broken(child, extra, root, f"{where}.{key}")


def _is(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, TYPES[name])
