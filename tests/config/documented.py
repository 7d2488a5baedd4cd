"""The keys of the model as rows of the documentation: what `docs/configuration.md` has to say at least."""

import json
from collections.abc import Iterator
from typing import Any

from gateway.config.model import Document, Policy

SECTIONS = ("version", "gateway", "owners", "defaults", "sources", "links", "events", "telemetry", "cache", "profiles")


def rows() -> Iterator[tuple[str, str]]:
    """(dotted path, table row), in the model's order; a source's policy keys are those of `defaults`."""
    schema = Document.model_json_schema()
    for name in SECTIONS:
        yield from _rows(name, schema["properties"][name], schema, required=name in schema["required"])


def _rows(path: str, node: dict[str, Any], schema: dict[str, Any], *, required: bool) -> Iterator[tuple[str, str]]:
    yield path, f"| `{path}` | {node['description']} | {_default(node, required)} |"
    for part in _parts(node, schema):
        for key, inner in part["properties"].items():
            if path != "sources" or key not in Policy.model_fields:
                yield from _rows(f"{path}.{key}", inner, schema, required=key in part.get("required", ()))


def _parts(node: dict[str, Any], schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The mappings that may stand here, or in the items or under the names that do."""
    if "$ref" in node:
        yield from _parts(schema["$defs"][node["$ref"].rpartition("/")[2]], schema)
    if node.get("properties"):
        yield node
    for inner in (*node.get("anyOf", ()), node.get("items"), node.get("additionalProperties")):
        if isinstance(inner, dict):
            yield from _parts(inner, schema)


def _default(node: dict[str, Any], required: bool) -> str:
    default = node.get("default")
    if required:
        return "required"
    return "" if default in (None, {}, [], "") else f"`{default if isinstance(default, str) else json.dumps(default)}`"
