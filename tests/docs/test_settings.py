"""Every piece of configuration that a page shows is one that the gateway takes, at the place it is meant for."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from gateway.app import settings_of
from gateway.config.model import Document, Policy, SourceKeys
from gateway.config.model.gateway import Gateway
from gateway.config.yaml import read_yaml
from tests.docs.examples import ROOT, Example, of

CHART = ROOT / "config" / "deploy" / "helm" / "signpost"
OWNER = {"team": "Somebody", "contact": {"email": "somebody@example.com"}}
SOURCE = {"kind": "graphql", "url": "https://example.com/graphql", "schema": "introspect", "owner": "somebody"}


def keys(model: type[Any]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def placed(fragment: Mapping[str, Any]) -> dict[str, Any] | None:
    """As the top of a file: keys of `gateway`, of a source and of a lookup are put where they belong. None: nowhere."""
    names = {name.partition(".")[0] for name in fragment}
    if names <= keys(Document):
        return dict(map(opened, fragment.items()))
    if names <= keys(Gateway):
        return {"gateway": dict(fragment)}
    if names <= keys(SourceKeys) | keys(Policy):
        return {"sources": [{"name": "example", **fragment}]}
    if names == {"batch"}:
        return placed({"lookups": [{"type": "Stock", "key": "sku", "via": "getStock", "arg": "sku", **fragment}]})
    return None


def opened(pair: tuple[str, Any]) -> tuple[str, Any]:
    """`gateway.admin.public: x` is `gateway: {admin: {public: x}}`."""
    name, value = pair
    head, *rest = name.split(".")
    for step in reversed(rest):
        value = {step: value}
    return head, value


def whole(tree: Mapping[str, Any]) -> dict[str, Any]:
    """With what an example leaves out: an owner, and the address of a source."""
    sources = [{**SOURCE, **source} for source in tree.get("sources", [{"name": "example"}])]
    for source in sources:
        if source["kind"] in ("local", "supergraph"):
            source.pop("url", None) if source["url"] == SOURCE["url"] else None
    owners = {source["owner"]: OWNER for source in sources}
    return {"version": 1, **tree, "sources": sources, "owners": {**owners, **tree.get("owners", {})}}


def load(tree: Mapping[str, Any], folder: Path) -> Any:
    """As a file beside every file it names."""
    text = json.dumps(tree)
    for secret in re.findall(r"\$\{file:([^}]+)\}", text):
        (folder / Path(secret).name).write_text("secret")
        text = text.replace(secret, str(folder / Path(secret).name))
    path = folder / "gateway.yaml"
    path.write_text(text)
    return settings_of(path)


def fragments(example: Example) -> list[Mapping[str, Any]]:
    """One, or alternatives: lines that begin with the same key."""
    lines = [line for line in example.text.splitlines() if line.strip()]
    heads = [line.partition(":")[0] for line in lines]
    alternatives = len(lines) > 1 and len(set(heads)) == 1
    return [read(text) for text in (lines if alternatives else [example.text])]


def read(text: str) -> Any:
    return read_yaml(text.encode(), "example.yaml")[0]


CONFIGURATION = [each for each in of("yaml") if each.text.split(":")[0] not in ("scrape_configs", "config")]


@pytest.mark.parametrize("example", CONFIGURATION, ids=str)
def test_an_example_loads(example: Example, tmp_path: Path) -> None:
    for fragment in fragments(example):
        if fragment is None:
            assert example.text.startswith("# yaml-language-server: $schema=")
            continue
        tree = placed(fragment)
        assert tree is not None, f"{example}: no place in a configuration has all of these keys"
        assert load(whole(tree), tmp_path).sources


@pytest.mark.parametrize("example", of("setting"), ids=str)
def test_a_setting_in_a_sentence_is_one(example: Example, tmp_path: Path) -> None:
    fragment = read(example.text)
    tree = placed(fragment)
    if tree is None or None in next(iter(fragment.values())):
        return  # an option of a kind, or only the names of keys
    assert load(whole(tree), tmp_path).sources


@pytest.mark.parametrize("example", [each for each in of("yaml") if each.text.startswith("config:")], ids=str)
def test_values_of_the_chart_are_taken_by_its_schema_and_by_the_gateway(example: Example, tmp_path: Path) -> None:
    given, default = yaml.safe_load(example.text), yaml.safe_load((CHART / "values.yaml").read_text())
    merged = {**default, **given, "config": {**default["config"], **given["config"]}}
    jsonschema.validate(merged, json.loads((CHART / "values.schema.json").read_text()))
    assert load(merged["config"], tmp_path).sources


@pytest.mark.parametrize("example", [each for each in of("yaml") if each.text.startswith("scrape_configs:")], ids=str)
def test_prometheus_takes_the_scrape(example: Example, tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not on this machine")
    version = subprocess.run([promtool, "--version"], capture_output=True, text=True, check=True).stdout
    known = tuple(map(int, re.findall(r"version (\d+)\.(\d+)", version)[0])) >= (2, 49)
    text = example.text if known else re.sub(r"^ *scrape_protocols.*\n", "", example.text, flags=re.MULTILINE)
    (tmp_path / "prometheus.yml").write_text(text)
    said = subprocess.run(
        [promtool, "check", "config", str(tmp_path / "prometheus.yml")], capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr
