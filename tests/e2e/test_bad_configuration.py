"""Whatever is wrong with a configuration: exit code 1, every problem at once with its place, and never a traceback."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import msgspec
import pytest

from gateway.__main__ import run

from .gateway import command

GOOD = """\
version: 1
gateway:
  owner: {team: API Platform, contact: {email: platform@example.com}}
owners:
  stock: {team: Stock & Supply, contact: {email: stock@example.com}}
  staff: {team: Staff Office, contact: {chat: "#staff"}}
defaults:
  retry: {max_attempts: 2}
sources:
  - name: stock
    kind: graphql
    url: http://127.0.0.1:9/graphql
    schema: stock.graphql
    owner: stock
  - name: people
    kind: graphql
    url: http://127.0.0.1:9/graphql
    schema: people.graphql
    owner: staff
links:
  - {field: Product.maker, to: people.user, with: {id: $makerId}}
"""
STOCK = "type Query { product(sku: String!): Product } type Product { sku: String! makerId: ID! price: Float tags: [String!] }"
PEOPLE = "type Query { user(id: ID!): User byAge(age: Int!): User } type User { id: ID! name: String! }"


class Told(msgspec.Struct):
    code: int
    problems: list[dict[str, Any]]

    @property
    def codes(self) -> list[str]:
        return [problem["code"] for problem in self.problems if problem["severity"] == "error"]


Check = Callable[..., Told]


@pytest.fixture
def check(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Check:
    """`check(yaml, {file: text})`: what `gateway check --json` says of it."""

    def called(text: str | bytes, files: Mapping[str, str] = {}) -> Told:
        for name, content in ({"stock.graphql": STOCK, "people.graphql": PEOPLE} | dict(files)).items():
            (tmp_path / name).write_text(content)
        path = tmp_path / "gateway.yaml"
        path.write_bytes(text if isinstance(text, bytes) else dedent(text).encode())
        code = run(["check", str(path), "--json"])
        out, err = capfd.readouterr()
        assert "Traceback" not in out + err
        return Told(code, json.loads(out)["problems"])

    return called


def test_the_good_one_is_good(check: Check) -> None:
    assert check(GOOD).code == 0


def changed(*pairs: str) -> str:
    text = GOOD
    for old, new in zip(pairs[::2], pairs[1::2], strict=True):
        assert old in text
        text = text.replace(old, new, 1)
    return text


TEXTS: dict[str, tuple[str | bytes, str, int]] = {
    "empty": ("", "CONFIG_EMPTY", 1),
    "only a remark": ("# later\n", "CONFIG_EMPTY", 1),
    "half-written": (GOOD[: GOOD.index("people.graphql")] + '"', "YAML_SYNTAX", 18),
    "not UTF-8": (b"version: \xff\xfe\n", "YAML_SYNTAX", 1),
    "a list": ("- 1\n", "CONFIG_TYPE", 1),
    "a tab": ("version: 1\n\tsources: []\n", "YAML_SYNTAX", 2),
    "nested beyond reason": ("a: " + "[" * 100_000, "YAML_TOO_DEEP", 1),
}


@pytest.mark.parametrize(("text", "code", "line"), TEXTS.values(), ids=TEXTS)
def test_a_text_that_is_no_configuration(check: Check, text: str | bytes, code: str, line: int) -> None:
    told = check(text)
    assert told.code == 1
    [problem] = told.problems
    assert (problem["code"], problem["line"]) == (code, line)
    assert problem["message"]


VALUES: dict[str, tuple[str, str, int, str]] = {
    "an unknown key": (changed("max_attempts", "max_atempts"), "CONFIG_UNKNOWN_KEY", 8, "max_attempts"),
    "an unknown kind": (changed("kind: graphql", "kind: grapql"), "CONFIG_UNKNOWN_KIND", 11, "graphql"),
    "a missing owner": (changed("    owner: stock\n", ""), "CONFIG_OWNER_MISSING", 10, "owner"),
    "an owner nobody knows": (changed("owner: stock", "owner: stok"), "CONFIG_UNKNOWN_OWNER", 14, "stock"),
    "a name twice": (changed("name: people", "name: stock", "people.user", "stock.product"), "CONFIG_DUPLICATE", 15, "name"),
    "a missing variable": (changed("http://127.0.0.1:9/graphql", "${env:NO_SUCH_URL}"), "CONFIG_SUBSTITUTION", 12, "NO_SUCH_URL"),
    "a missing secret": (
        changed("http://127.0.0.1:9/graphql", "${file:/no/such/secret}"),
        "CONFIG_SUBSTITUTION",
        12,
        "/no/such/secret",
    ),
    "a link to no source": (changed("people.user", "peeple.user"), "CONFIG_UNKNOWN_SOURCE", 21, "people"),
    "a link to no field": (changed("people.user", "people.usr"), "LINK_UNKNOWN_FIELD", 21, "user"),
    "a link from no type": (changed("Product.maker", "Produkt.maker"), "LINK_UNKNOWN_TYPE", 21, "Product"),
    "a link from no key": (changed("$makerId", "$makerid"), "LINK_UNKNOWN_FIELD", 21, "makerId"),
    "a link of other types": (
        changed("people.user, with: {id: $makerId", "people.byAge, with: {age: $price"),
        "LINK_TYPE_MISMATCH",
        21,
        "Float",
    ),
    "a link of a list": (changed("$makerId", "$tags"), "LINK_KEY_IS_A_LIST", 21, "tags"),
    "a number without unit": (changed("retry: {max_attempts: 2}", "timeout: 5"), "CONFIG_VALUE", 8, "5"),
}


@pytest.mark.parametrize(("text", "code", "line", "word"), VALUES.values(), ids=VALUES)
def test_one_thing_wrong_is_told_with_its_place_and_the_way_out(check: Check, text: str, code: str, line: int, word: str) -> None:
    told = check(text)
    assert told.code == 1
    problem, *more = told.problems
    assert not more
    assert (problem["code"], problem["line"]) == (code, line)
    assert problem["column"] >= 1
    assert problem["file"].endswith("gateway.yaml")
    assert word in problem["message"] + problem.get("fix", "")


@pytest.mark.parametrize("written", ["hedge: off", 'hedge: "off"', "cache: off", "retry: off", "circuit_breaker: off"])
def test_off_is_the_word_it_is(check: Check, written: str) -> None:
    assert check(changed("retry: {max_attempts: 2}", written)).code == 0


@pytest.mark.parametrize("written", ["null", '"null"', "~", ""])
def test_on_error_null_is_a_choice_and_not_a_missing_value(check: Check, written: str) -> None:
    assert check(changed("owners:", f"  errors: {{on_error: {written}}}\nowners:")).code == 0


@pytest.mark.parametrize("written", ["hedge: yes", "hedge: false", "hedge: Off", "retry: no", "cache: 5"])
def test_yaml_s_other_traps_are_told(check: Check, written: str) -> None:
    told = check(changed("retry: {max_attempts: 2}", written))
    assert (told.code, told.problems[0]["line"]) == (1, 8)
    assert "off" in told.problems[0]["message"]


@pytest.mark.parametrize("written", ["timeout: 012", "timeout: 1:30", "timeout: 5"])
def test_a_duration_has_a_unit(check: Check, written: str) -> None:
    told = check(changed("retry: {max_attempts: 2}", written))
    assert (told.code, told.problems[0]["line"]) == (1, 8)
    assert "2s" in told.problems[0]["message"]


DOCUMENTS: dict[str, tuple[str, str]] = {
    "no SDL": ("type Query {", "SCHEMA_SYNTAX"),
    "SDL that is invalid": ("type Query { a: Nope }", "SCHEMA_INVALID"),
    "nothing": ("", "SCHEMA"),
    "HTML": ("<!doctype html><h1>It works!</h1>", "SCHEMA"),
    "binary": ("\x00\x01\x02" * 100, "SCHEMA"),
    "braces": ("{" * 200_000, "SCHEMA"),
}


@pytest.mark.parametrize(("document", "code"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_schema_document_that_is_none(check: Check, document: str, code: str) -> None:
    told = check(GOOD, {"stock.graphql": document})
    assert told.code == 1
    assert told.codes
    assert all(problem["code"].startswith(code[:6]) for problem in told.problems if problem["severity"] == "error")
    first = told.problems[0]
    assert (first["sources"], first["owners"]) == (["stock"], ["Stock & Supply (stock@example.com)"])
    assert (first["file"].rpartition("/")[2], first["line"]) in (("gateway.yaml", 13), ("stock.graphql", 1))


APIS: dict[str, str] = {
    "no JSON": '{"openapi": "3.0.0", ',
    "no OpenAPI": '{"hello": "world"}',
    "a list": "[1, 2]",
    "nothing": "",
    "braces": "{" * 200_000,
    "nested": "[" * 200_000,
}


@pytest.mark.parametrize("document", APIS.values(), ids=APIS)
def test_an_openapi_document_that_is_none(check: Check, document: str) -> None:
    told = check(changed("kind: graphql", "kind: openapi", "stock.graphql", "api.json"), {"api.json": document})
    assert told.code == 1
    assert told.problems[0]["sources"] == ["stock"]
    assert told.problems[0]["message"]


def test_a_schema_document_larger_than_allowed(check: Check, tmp_path: Path) -> None:
    with (tmp_path / "huge.graphql").open("wb") as file:
        file.truncate(65 * 2**20)
    told = check(changed("stock.graphql", "huge.graphql"))
    assert (told.code, told.codes) == (1, ["SCHEMA_TOO_LARGE"])


def test_a_schema_file_that_is_not_there(check: Check) -> None:
    told = check(changed("stock.graphql", "stok.graphql"))
    assert (told.code, told.codes) == (1, ["SCHEMA_UNREADABLE"])
    assert "stock.graphql" in told.problems[0]["fix"]


def test_a_clash_names_both_places_both_owners_and_the_prefix_that_settles_it(check: Check) -> None:
    files = {"people.graphql": PEOPLE + " type Page { a: Int }", "stock.graphql": STOCK + " type Page { a: String }"}
    files = {name: text.replace("type Query {", "type Query { " + name[0] + "Page: Page ") for name, text in files.items()}
    told = check(GOOD, files)
    assert told.code == 1
    [problem] = told.problems
    assert problem["coordinates"] == ["stock: Page", "people: Page"]
    assert ["Stock & Supply" in owner or "Staff Office" in owner for owner in problem["owners"]] == [True, True]
    prefix = "prefix: {types: People_, only: [Page]}"
    assert prefix in problem["fix"]
    settled = check(changed("    schema: people.graphql\n", f"    schema: people.graphql\n    {prefix}\n"), files)
    assert settled.code == 0


WRONG = changed(
    *("max_attempts: 2", "max_atempts: 2"),
    *("kind: graphql", "kind: soap"),
    *("owner: stock", "owner: nobody"),
    *("http://127.0.0.1:9/graphql\n    schema: people", "${env:NO_SUCH_URL}\n    schema: people"),
    *("people.user", "peeple.user"),
)


def test_all_problems_are_told_at_once_by_the_real_command(tmp_path: Path) -> None:
    """For `check` and for `serve`, each with file, line and column."""
    path = tmp_path / "gateway.yaml"
    path.write_text(WRONG)
    for verb in ("check", "serve"):
        said = command(verb, path)
        assert said.returncode == 1
        assert "Traceback" not in said.stderr
        for place in ("8:11", "11:5", "14:5", "17:5", "21:"):
            assert f"{path}:{place}" in said.stderr
        assert "\x1b[" not in said.stderr, "plain where it is piped"
        for word in ("max_attempts", "soap", "nobody", "NO_SUCH_URL", "5 problems"):
            assert word in said.stderr


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        said = command("check", path)
        assert said.returncode == 1
        assert str(path) in said.stderr
        assert "Traceback" not in said.stderr


def test_a_secret_is_never_printed(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_URL", "ftp://user:hunter2@stock.example.com")
    told = check(changed("http://127.0.0.1:9/graphql", "${env:SECRET_URL}"))
    assert told.code == 1
    assert "hunter2" not in json.dumps(told.problems)
