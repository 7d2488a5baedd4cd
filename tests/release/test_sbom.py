"""The bill of materials names all that a release carries, and nothing in it asks more of whoever passes it on than is marked."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement

from gateway import __version__
from release import licences
from release.licences import MARKED, STATED, is_free, unmarked, walk
from release.sbom import bill, listed
from tests.docs.examples import ROOT


@pytest.fixture(scope="module")
def made() -> Mapping[str, Any]:
    return bill()


def test_it_is_cyclonedx(made: Mapping[str, Any]) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(made)) is None


def test_it_is_about_this_version(made: Mapping[str, Any]) -> None:
    about = made["metadata"]["component"]
    assert (about["name"], about["version"], about["type"]) == ("signpost-gateway", __version__, "application")


def test_what_the_project_asks_for_is_in_it_and_what_only_its_tests_need_is_not(made: Mapping[str, Any]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {component["name"] for component in made["components"]}
    asked = {Requirement(text).name.lower() for text in project["dependencies"]}
    assert asked <= names
    assert names & {"pytest", "mypy", "ruff", "sphinx", "vite"} == set()
    assert {"react", "graphiql", "@graphiql/react"} <= names
    assert "rustls" in {component["name"] for component in walk(made)}, "the crates inside a wheel"


def test_every_reference_has_its_component(made: Mapping[str, Any]) -> None:
    known = {made["metadata"]["component"]["bom-ref"], *(component["bom-ref"] for component in made["components"])}
    told = {entry["ref"]: entry["dependsOn"] for entry in made["dependencies"]}
    assert set(told) == known
    assert {ref for refs in told.values() for ref in refs} <= known
    reached, todo = set(), [made["metadata"]["component"]["bom-ref"]]
    while todo:
        ref = todo.pop()
        if ref not in reached:
            reached.add(ref)
            todo += told[ref]
    assert {ref for ref in known - reached if not ref.startswith("pkg:npm/")} == set(), "nobody needs it"


def test_the_same_packages_give_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert json.dumps(bill()) == json.dumps(bill())
    assert bill()["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"


def test_nothing_that_asks_more_is_in_it_unmarked(made: Mapping[str, Any]) -> None:
    assert list(unmarked(made)) == []
    names = {component["name"] for component in walk(made)}
    assert set(MARKED) <= names
    assert set(STATED) <= names


@pytest.mark.parametrize(
    ("said", "free"),
    [
        ("MIT", True),
        ("Apache-2.0 OR GPL-2.0-only", True),
        ("MIT AND LGPL-2.1-only", False),
        ("(MIT OR GPL-3.0-only) AND BSD-3-Clause", True),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("GPL-3.0-or-later", False),
        ("MPL-2.0", False),
        ("Something of their own", False),
        ("", False),
    ],
)
def test_a_licence_is_free_where_there_is_a_free_choice(said: str, free: bool) -> None:
    assert is_free(said) is free


def test_copyleft_that_sneaks_in_is_told() -> None:
    crate = {"name": "deep", "version": "1", "licenses": [{"expression": "MIT AND GPL-3.0-only"}]}
    sneaked = {"components": [{"name": "ok", "version": "1", "licenses": [{"license": {"id": "MIT"}}], "components": [crate]}]}
    assert list(unmarked(sneaked)) == ["deep 1: MIT AND GPL-3.0-only"]


def test_the_list_of_licences_has_them_all(made: Mapping[str, Any]) -> None:
    text = listed(made)
    assert "pyreqwest" in text
    assert all(f"{component['name']} {component['version']}\t" in text for component in walk(made))
    assert all(f"{name}: {reason}" in text for name, reason in licences.MARKED.items())
