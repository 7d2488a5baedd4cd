"""The JSON Schema of the YAML, for editors: every key with its description, the options of each kind, and `${...}` anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from gateway.config.model import Document, SourceKeys

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FILLED = "Substitution"
MAPS = ("properties", "$defs", "patternProperties")
LISTS = ("anyOf", "allOf", "oneOf", "prefixItems")
SINGLE = ("items", "additionalProperties", "if", "then", "propertyNames")
ABOUT = ("description", "default", "examples", "deprecated")

Schema = dict[str, Any]


def json_schema(options: Mapping[str, type[BaseModel]]) -> Schema:
    """What `gateway config schema` prints. `options` is {kind: model of its `options`}."""
    schema = Document.model_json_schema()
    for kind, model in options.items():
        _add_kind(schema, kind, model)
    source = schema["$defs"][SourceKeys.__name__]
    source["properties"]["kind"] |= {"enum": sorted(options)}
    schema = _written(schema)
    schema["$defs"][FILLED] = {"type": "string", "pattern": r"\$\{(env:[A-Za-z_]|file:.).*\}"}
    return {"$schema": DIALECT, "title": "Signpost configuration", **{k: v for k, v in schema.items() if k != "title"}}


def _add_kind(schema: Schema, kind: str, model: type[BaseModel]) -> None:
    """Where `kind` says so, `options` is as that kind's model describes it."""
    own = model.model_json_schema(ref_template=f"#/$defs/{kind}.{{model}}")
    parts = own.pop("$defs", {})
    schema["$defs"] |= {f"{kind}.{name}": part for name, part in parts.items()} | {f"{kind}.options": own}
    rule = {
        "if": {"properties": {"kind": {"const": kind}}},
        "then": {"properties": {"options": {"$ref": f"#/$defs/{kind}.options"}}},
    }
    schema["$defs"][SourceKeys.__name__].setdefault("allOf", []).append(rule)


def _written(node: Any) -> Any:
    """A schema of values as a schema of what may be written: no null but where it is a word, and `${...}` for what is no text."""
    if not isinstance(node, dict):
        return node
    made: Schema = {k: v for k, v in node.items() if k not in ("title", "gt") and (k, v) != ("default", None)}
    for key in MAPS:
        if key in made:
            made[key] = {name: _written(part) for name, part in made[key].items()}
    for key in SINGLE:
        if key in made:
            made[key] = made[key] if key == "if" else _written(made[key])
    for key in LISTS:
        if key in made:
            made[key] = [_written(part) for part in made[key] if part != {"type": "null"}]
    if "null" in made.get("enum", ()):
        made["enum"] = [*made["enum"], None]
        made.pop("type", None)
    return _or_filled(_single(made))


def _single(node: Schema) -> Schema:
    """An `anyOf` of one is that one."""
    if len(node.get("anyOf", ())) != 1:
        return node
    (only,) = node["anyOf"]
    return {**only, **{k: v for k, v in node.items() if k != "anyOf"}}


def _or_filled(node: Schema) -> Schema:
    typed = node.get("type") in ("integer", "number", "boolean") or any(k in node for k in ("enum", "pattern", "const"))
    if not typed:
        return node
    about = {k: node[k] for k in ABOUT if k in node}
    rest = {k: v for k, v in node.items() if k not in ABOUT}
    return {**about, "anyOf": [rest, {"$ref": f"#/$defs/{FILLED}"}]}
