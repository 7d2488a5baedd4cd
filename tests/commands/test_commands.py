"""What a person and a program read on each command, and the exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from graphql import build_schema, parse

from gateway import __version__
from gateway.commands.screen import dotted

from .conftest import Gateway

VERBS = (
    "serve",
    "dev",
    "mock",
    "demo",
    "check",
    "schema",
    "plan",
    "sources",
    "coupling",
    "drift",
    "explain",
    "advise",
    "capture",
    "config",
    "version",
)


def test_a_good_configuration_checks_fine(gateway: Gateway, config: Path) -> None:
    said = gateway("check", config)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("fine: 2 sources, ")


def test_check_tells_every_problem_with_its_place_and_the_way_out(gateway: Gateway, config: Path) -> None:
    config.write_text(
        config.read_text().replace("owner: library", "owner: libary").replace("version: 1", "version: 1\nlinkz: []")
    )
    said = gateway("check", config)
    assert said.code == 1
    assert f"{config}:2:1" in said.err
    assert "libary" in said.err
    assert "did you mean" in said.err
    assert "2 problems" in said.err


def test_check_tells_composition_problems_with_their_place_and_owners(gateway: Gateway, config: Path) -> None:
    (config.parent / "people.graphql").write_text("type Query { book: Int }")
    said = gateway("check", config, "--json")
    assert said.code == 1
    codes = {problem["code"] for problem in said.data["problems"]}
    assert "INVALID_FIELD_SHARING" in codes
    assert all(problem["severity"] == "error" for problem in said.data["problems"])


def test_check_is_told_of_a_service_that_is_down_and_whose_it_is(gateway: Gateway, config: Path) -> None:
    config.write_text(config.read_text().replace("schema: people.graphql", "schema: introspect"))
    said = gateway("check", config)
    assert said.code == 1
    assert "SCHEMA_MISSING" in said.err
    assert "Staff Office (#staff)" in said.err
    assert "gateway schema pull" in said.err


def test_a_source_that_may_be_left_out_is_a_hint(gateway: Gateway, config: Path) -> None:
    config.write_text(config.read_text().replace("schema: people.graphql", "schema: {from: introspect, on_missing: omit}"))
    said = gateway("check", config)
    assert said.code == 0
    assert "hint SCHEMA_MISSING" in said.err


def test_the_schema_is_what_clients_see(gateway: Gateway, config: Path) -> None:
    said = gateway("schema", config)
    schema = build_schema(said.out)
    assert schema.mutation_type is None
    assert "author" in schema.type_map["Book"].fields  # type: ignore[attr-defined]  # an object type
    assert 'deprecated(reason: "Use author.")' in said.out
    assert "signpost__" not in said.out


def test_the_schema_with_its_sources_says_where_each_part_comes_from(gateway: Gateway, config: Path) -> None:
    said = gateway("schema", config, "--sources")
    parse(said.out)
    assert 'book(id: ID!): Book @signpost__source(name: "books")' in said.out
    assert 'type Person @signpost__source(name: "people")' in said.out
    assert 'author: Person @signpost__link(to: "people.person")' in said.out
    assert (
        'source: "books", team: "Library", url: "https://library.example.com", contact: ["email: library@example.com"]'
        in said.out
    )


def test_a_plan_is_printed_for_a_query_or_a_file(gateway: Gateway, config: Path) -> None:
    query = config.parent / "query.graphql"
    query.write_text('{ book(id: "1") { title author { name } } }')
    said = gateway("plan", config, f"@{query}")
    assert said.code == 0
    assert said.out.startswith("QueryPlan {")
    assert said.out == gateway("plan", config, query.read_text()).out
    assert 'Fetch(service: "people"' in said.out
    assert isinstance(gateway("plan", config, f"@{query}", "--json").data, dict)


def test_a_query_that_cannot_be_planned_is_told_where_and_why(gateway: Gateway, config: Path) -> None:
    said = gateway("plan", config, "{ book { nope } }")
    assert said.code == 1
    assert "query:1:3" in said.err or "query:1:10" in said.err
    assert "nope" in said.err
    assert gateway("plan", config, "{").code == 1


@pytest.mark.parametrize("arguments", [("@/nowhere.graphql",), ("{ x }", "--variables", "[")])
def test_a_plan_of_something_unreadable_could_not_run(gateway: Gateway, config: Path, arguments: tuple[str, ...]) -> None:
    assert gateway("plan", config, *arguments).code == 2


def test_the_sources_are_listed_with_their_owners(gateway: Gateway, config: Path) -> None:
    said = gateway("sources", config)
    assert said.code == 0
    assert "library@example.com" in said.out
    listed = gateway("sources", config, "--json").data["sources"]
    assert [(source["name"], source["fields"], source["schema"]) for source in listed] == [
        ("books", 1, "read"),
        ("people", 1, "read"),
    ]


def test_sources_lists_the_others_when_one_is_broken(gateway: Gateway, config: Path) -> None:
    (config.parent / "people.graphql").write_text("type Query {")
    said = gateway("sources", config)
    assert said.code == 1
    assert "Library" in said.out
    assert "has problems" in said.out
    assert "people.graphql" in said.err


def test_the_configuration_has_a_json_schema(gateway: Gateway) -> None:
    schema = gateway("config", "schema").data
    assert {"gateway", "owners", "sources", "links"} <= set(schema["properties"])


def test_the_version_is_told(gateway: Gateway) -> None:
    assert gateway("version").out == f"signpost-gateway {__version__}\n"
    assert gateway("version", "--json").data["version"] == __version__


def test_help_names_every_verb(gateway: Gateway) -> None:
    said = gateway("--help")
    assert said.code == 0
    for verb in VERBS:
        assert f" {verb} " in said.out


@pytest.mark.parametrize("arguments", [("serv",), ("check",), ("check", "x", "--nope"), ("serve", "x", "--port", "many"), ()])
def test_a_command_line_that_makes_no_sense_could_not_run(gateway: Gateway, arguments: tuple[str, ...]) -> None:
    said = gateway(*arguments)
    assert said.code == (2 if arguments else 0)
    assert said.out + said.err


def test_a_configuration_that_is_not_there_is_a_problem(gateway: Gateway, tmp_path: Path) -> None:
    for verb in ("check", "sources", "schema", "serve"):
        said = gateway(verb, tmp_path / "nope.yaml")
        assert said.code == 1
        assert "nope.yaml" in said.err


def test_a_fault_of_the_gateway_is_one_line(gateway: Gateway, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("gateway.commands.looking.read", broken)
    said = gateway("check", config)
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert "ZeroDivisionError" in said.err
    assert "secret detail" not in said.err


def test_workers_must_be_some(gateway: Gateway, config: Path) -> None:
    assert gateway("serve", config, "--workers", "0").code == 2


def test_what_is_broken_in_the_demo_must_exist(gateway: Gateway) -> None:
    said = gateway("demo", "--break", "nobody")
    assert said.code == 2
    assert "nobody" in said.err


def test_piped_output_is_plain_and_unwrapped(config: Path) -> None:
    config.write_text(config.read_text().replace("owner: library", f"owner: {'x' * 150}"))
    told = subprocess.run([sys.executable, "-m", "gateway", "check", str(config)], capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert "\x1b" not in told.stdout + told.stderr
    assert "x" * 150 in told.stderr


def test_paths_into_the_configuration_read_as_one_writes_them() -> None:
    assert dotted(("sources", 0, "lookups", 1, "via")) == "sources[0].lookups[1].via"


# ---------------------------------------------------------------- profiles

PROFILED = """
profiles:
  empty: {}
  renamed:
    sources: [{name: books, url: "http://127.0.0.1:10/graphql"}]
"""


@pytest.mark.parametrize(
    "verb", [("check",), ("coupling",), ("schema",), ("drift",), ("sources",), ("serve",), ("dev",), ("schema", "pull")]
)
def test_every_command_that_takes_a_configuration_takes_a_profile(gateway: Gateway, config: Path, verb: tuple[str, ...]) -> None:
    config.write_text(config.read_text() + PROFILED)
    said = gateway(*verb, config, "--profile", "renamd")
    assert said.code == 1
    assert "CONFIG_UNKNOWN_PROFILE" in said.err
    assert "did you mean `renamed`?" in said.err


def test_the_profile_may_be_chosen_in_the_environment(gateway: Gateway, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text(config.read_text() + PROFILED)
    monkeypatch.setenv("SIGNPOST_PROFILE", "renamed")
    assert gateway("sources", config, "--json").data["sources"][0]["url"] == "http://127.0.0.1:10/graphql"
    given = gateway("sources", config, "--profile", "empty", "--json").data
    assert given["sources"][0]["url"] == "http://127.0.0.1:9/graphql"
    monkeypatch.setenv("SIGNPOST_PROFILE", "")
    assert gateway("check", config).code == 0
