"""What a Backstage catalog says of an owner fills what the configuration leaves open."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import load
from gateway.config.problem import ConfigError
from gateway.errors import Owner

from .conftest import KINDS, SOURCE

ENTRY = """\
apiVersion: backstage.io/v1alpha1
kind: Location
metadata: {name: elsewhere}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: inventory
  links:
    - {url: "https://chat.example.com/stock", title: "Our Slack"}
    - {url: "https://docs.example.com", icon: docs, title: Handbook}
    - {url: "https://wiki.example.com/run", title: Runbook}
    - {url: "https://support.example.com", title: Get help}
    - {url: "https://status.example.com", type: status-page}
    - {url: 7}
    - nonsense
spec: {type: service, owner: "group:default/stock"}
"""


def owner(tmp_path: Path, said: str, entry: str = ENTRY) -> Owner:
    (tmp_path / "catalog-info.yaml").write_text(entry)
    path = tmp_path / "gateway.yaml"
    path.write_text(f"owners:\n  shop: {said}\n{SOURCE}")
    return load(path, KINDS).sources[0].owner


def test_an_entry_alone_is_enough(tmp_path: Path) -> None:
    assert owner(tmp_path, "{catalog: ./catalog-info.yaml}") == Owner(
        "stock",
        contact={"chat": "https://chat.example.com/stock", "url": "https://support.example.com"},
        docs="https://docs.example.com",
        status_page="https://status.example.com",
        origin="catalog",
        internal={"runbook": "https://wiki.example.com/run"},
    )


def test_the_configuration_goes_first_way_by_way(tmp_path: Path) -> None:
    told = owner(
        tmp_path, "{team: Stock & Supply, docs: https://ours.example.com, contact: {chat: '#stock'}, catalog: catalog-info.yaml}"
    )
    assert (told.team, told.docs, told.origin) == ("Stock & Supply", "https://ours.example.com", "catalog")
    assert told.contact == {"chat": "#stock", "url": "https://support.example.com"}


def test_an_entry_that_adds_nothing_is_not_named_as_the_origin(tmp_path: Path) -> None:
    entry = "kind: Component\nmetadata: {name: x}\nspec: {owner: stock}\n"
    assert owner(tmp_path, "{team: Ours, catalog: catalog-info.yaml}", entry).origin == "config"


def test_a_groups_own_entry_says_its_name_and_mail(tmp_path: Path) -> None:
    entry = 'kind: Group\nmetadata: {name: stock}\nspec: {profile: {displayName: "Stock & Supply", email: stock@example.com}}\n'
    told = owner(tmp_path, "{catalog: catalog-info.yaml}", entry)
    assert (told.team, told.contact) == ("Stock & Supply", {"email": "stock@example.com"})


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("kind: Location\n", "no Backstage entity"),
        ("", "no Backstage entity"),
        ("kind: [\n", "catalog-info.yaml"),
        ("# " + "x" * 300_000, "larger than 256 KiB"),
        ("kind: Component\nmetadata: {name: x}\nspec: {}\n", "team"),
    ],
)
def test_an_entry_that_cannot_be_used_is_a_problem_at_its_place(tmp_path: Path, entry: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        owner(tmp_path, "{catalog: catalog-info.yaml}", entry)
    (problem,) = caught.value.problems
    assert said in f"{problem.message} {problem.path}"
    assert problem.mark is not None


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        owner(tmp_path, "{catalog: elsewhere.yaml}")
    assert "cannot be read" in caught.value.problems[0].message
