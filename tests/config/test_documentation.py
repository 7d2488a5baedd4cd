"""The documentation and the examples say what the model says."""

import re
from pathlib import Path

import pytest

from gateway.config import json_schema, load
from gateway.config.model import Part
from gateway.config.yaml import read_yaml
from tests.config.conftest import KINDS
from tests.config.documented import rows

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "configuration.md").read_text()
EXAMPLES = {"graphql": Part, "openapi": Part, "local": Part}


@pytest.mark.parametrize(("path", "row"), list(rows()))
def test_every_key_has_its_row(path, row):
    assert row in PAGE, f"docs/configuration.md should say, for {path}:\n{row}"


def test_no_row_is_about_a_key_that_is_gone():
    told = re.findall(r"^\| `([a-z_.]+)` \|", PAGE, re.MULTILINE)
    assert set(told) <= {path for path, _ in rows()}


def test_every_problem_code_has_its_row():
    sources = "".join(p.read_text() for p in (ROOT / "gateway" / "config").rglob("*.py"))
    codes = set(re.findall(r'"((?:YAML|CONFIG)_[A-Z_]+)"', sources))
    told = set(re.findall(r"`((?:YAML|CONFIG)_[A-Z_]+)`", PAGE.partition("## Problems")[2]))
    assert codes == told


@pytest.mark.parametrize("name", ["minimal.yaml", "reference.yaml"])
def test_each_example_loads(name):
    settings = load(ROOT / "config" / name, EXAMPLES, environ={})
    assert settings.sources
    assert settings.base == ROOT / "config"


def test_the_reference_shows_the_defaults():
    given = load(ROOT / "config" / "reference.yaml", EXAMPLES, environ={})
    small = load(ROOT / "config" / "minimal.yaml", EXAMPLES, environ={})
    assert (given.gateway.listen, given.gateway.errors, given.gateway.limits) == (
        small.gateway.listen,
        small.gateway.errors,
        small.gateway.limits,
    )
    assert given.gateway.admin_listen == small.gateway.admin_listen
    assert (given.gateway.state, given.gateway.ownership, given.cache) == (
        small.gateway.state,
        small.gateway.ownership,
        small.cache,
    )
    assert given.sources[1].policy == small.sources[0].policy


def test_the_reference_has_every_key():
    tree, _ = read_yaml((ROOT / "config" / "reference.yaml").read_bytes(), "reference.yaml")
    missing = [path for path, _ in rows() if not _has(tree, path.split(".")[:1], path.split(".")[1:])]
    assert missing == []


def _has(tree, head, rest):
    """Is there such a key anywhere, whatever names and items stand between?"""
    if head[0] not in tree:
        return False
    nodes = [tree[head[0]]]
    if head == ["owners"]:
        nodes = list(tree["owners"].values())
    for step in rest:
        flat = [item for node in nodes for item in (node if isinstance(node, list) else [node])]
        nodes = [node[step] for node in flat if isinstance(node, dict) and step in node]
    return bool(nodes)


def test_the_json_schema_describes_every_key():
    schema = json_schema(KINDS)
    bare = [
        f"{name}.{key}"
        for name, part in {"top": schema, **schema["$defs"]}.items()
        for key, node in part.get("properties", {}).items()
        if "description" not in node
    ]
    assert bare == []


def test_the_json_schema_has_the_options_of_each_kind():
    schema = json_schema(KINDS)
    source = schema["$defs"]["SourceKeys"]
    assert source["properties"]["kind"]["anyOf"][0]["enum"] == ["graphql", "local", "openapi"]
    assert {rule["if"]["properties"]["kind"]["const"] for rule in source["allOf"]} == set(KINDS)
    assert set(schema["$defs"]["openapi.options"]["properties"]) == {"mode", "size", "token"}
    assert schema["$defs"]["local.options"]["required"] == ["region"]


def test_the_json_schema_knows_null_only_as_a_word():
    schema = json_schema(KINDS)
    assert "null" not in [node.get("type") for node in _nodes(schema)]
    on_error = schema["$defs"]["Errors"]["properties"]["on_error"]["anyOf"][0]
    assert on_error["enum"] == ["propagate", "null", "halt", None]


def _nodes(node):
    if isinstance(node, dict):
        yield node
        for inner in node.values():
            yield from _nodes(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from _nodes(inner)
