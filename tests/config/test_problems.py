"""Everything that is wrong, at once, each with its place and the way out."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.config import load
from gateway.config.problem import ConfigError
from tests.config.conftest import HEAD, KINDS, SOURCE, Choice

WRONG = """\
gateway:
  listn: 127.0.0.1:8080
  errors: {audience: intern}
owners:
  stock: {team: Stock & Supply, contact: {email: stock@example.com, phone: 555}}
defaults:
  retrys: 1
  cache: on
sources:
  - name: inventory
    kind: openap
    url: ${env:INVENTORY_URL}
    schema: ./inventory.yaml
    owner: stok
    retry: {max_attempts: "3"}
  - name: inventory
    kind: graphql
    schema: introspect
    timeout: soon
    lookups:
      - {type: Stock}
    timeout: later
  - name: shop
    kind: openapi
    url: http://shop
    schema: ./shop.yaml
    owner: stock
    options: {mdoe: plain, size: big}
links:
  - {field: Product, to: inventry.getStock}
"""


def test_all_problems_are_told_at_once_in_the_order_of_the_text(desk):
    problems = desk.problems(WRONG)
    assert [(p.code, p.path, p.mark.line, p.mark.column) for p in problems] == [
        ("CONFIG_UNKNOWN_KEY", ("gateway", "listn"), 2, 3),
        ("CONFIG_VALUE", ("gateway", "errors", "audience"), 3, 12),
        ("CONFIG_TYPE", ("owners", "stock", "contact", "phone"), 5, 69),
        ("CONFIG_UNKNOWN_KEY", ("defaults", "retrys"), 7, 3),
        ("CONFIG_VALUE", ("defaults", "cache"), 8, 3),
        ("CONFIG_UNKNOWN_KIND", ("sources", 0, "kind"), 11, 5),
        ("CONFIG_SUBSTITUTION", ("sources", 0, "url"), 12, 5),
        ("CONFIG_UNKNOWN_OWNER", ("sources", 0, "owner"), 14, 5),
        ("CONFIG_TYPE", ("sources", 0, "retry", "max_attempts"), 15, 13),
        ("CONFIG_OWNER_MISSING", ("sources", 1, "owner"), 16, 5),
        ("CONFIG_MISSING", ("sources", 1, "url"), 16, 5),
        ("CONFIG_DUPLICATE", ("sources", 1, "name"), 16, 5),
        ("CONFIG_MISSING", ("sources", 1, "lookups", 0, "key"), 21, 9),
        ("CONFIG_MISSING", ("sources", 1, "lookups", 0, "via"), 21, 9),
        ("CONFIG_MISSING", ("sources", 1, "lookups", 0, "arg"), 21, 9),
        ("YAML_DUPLICATE_KEY", ("sources", 1, "timeout"), 22, 5),
        ("CONFIG_VALUE", ("sources", 1, "timeout"), 22, 5),
        ("CONFIG_UNKNOWN_KEY", ("sources", 2, "options", "mdoe"), 28, 15),
        ("CONFIG_TYPE", ("sources", 2, "options", "size"), 28, 28),
        ("CONFIG_VALUE", ("links", 0, "field"), 30, 6),
        ("CONFIG_UNKNOWN_SOURCE", ("links", 0, "to"), 30, 22),
    ]
    assert {p.mark.file for p in problems} == {str(desk.folder / "gateway.yaml")}
    assert all(p.message for p in problems)


def fixes(problems):
    return {p.path[-1]: p.fix for p in problems}


def test_a_near_miss_is_offered_what_was_meant(desk):
    fix = fixes(desk.problems(WRONG))
    assert fix["listn"] == "did you mean `listen`?"
    assert fix["audience"] == "did you mean `internal`?"
    assert fix["retrys"] == "did you mean `retry`?"
    assert fix["kind"] == "did you mean `openapi`?"
    assert fix["mdoe"] == "did you mean `mode`?"
    assert fix["to"] == "did you mean `inventory`?"
    assert fix["phone"] == "put it in quotes"
    assert fix["max_attempts"] == "leave out the quotes"
    owner = next(p.fix for p in desk.problems(WRONG) if p.code == "CONFIG_UNKNOWN_OWNER")
    assert owner == "did you mean `stock`?"


def test_what_is_like_nothing_is_told_what_there_is(desk):
    (kind,) = desk.problems(HEAD + SOURCE.replace("graphql\n", "xml\n"))
    assert kind.fix == "known kinds: graphql, local, openapi"
    (key,) = desk.source_problems("cache: {zzz: 1}")
    assert key.fix == "known here: ttl, stale_while_revalidate, stale_if_error, scope, not_found"


def test_a_problem_inside_a_source_names_it_and_whose_it_is(desk):
    (problem,) = desk.source_problems("timeout: soon")
    assert (problem.sources, problem.owners) == (("shop",), ("Shop (shop@example.com)",))
    (outside,) = desk.problems("cache: {size: 1}\n" + HEAD + SOURCE)
    assert (outside.sources, outside.owners) == ((), ())


def test_the_error_says_it_all_in_one_text(desk):
    with pytest.raises(ConfigError, match=r"gateway.yaml:9:5 CONFIG_VALUE: expected a duration .*; got 'soon'"):
        desk.load(HEAD + SOURCE + "    timeout: soon\n")


# ---------------------------------------------------------------- files


def codes(desk, text):
    return [p.code for p in desk.problems(text)]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "CONFIG_EMPTY"),
        ("# nothing yet\n", "CONFIG_EMPTY"),
        ("- 1\n- 2", "CONFIG_TYPE"),
        ("just text", "CONFIG_TYPE"),
        ("sources:\n  - name: [", "YAML_SYNTAX"),
        ('sources:\n  - name: "half', "YAML_SYNTAX"),
        (b"\xff\xfe\x00", "YAML_SYNTAX"),
        (b"\x89PNG\r\n\x1a\n\x00", "YAML_SYNTAX"),
        ("[" * 100_000, "YAML_TOO_DEEP"),
        ("a: 1\n---\nb: 1", "YAML_UNSUPPORTED"),
        (b"#" * (8 * 2**20 + 1), "CONFIG_TOO_LARGE"),
    ],
)
def test_a_text_that_is_no_configuration_is_refused(desk, text, code):
    assert codes(desk, text) == [code]


def test_a_file_that_is_not_there_is_unreadable(desk):
    for path in (desk.folder / "nope.yaml", desk.folder / "no\0name"):
        with pytest.raises(ConfigError) as caught:
            load(path, KINDS)
        assert [p.code for p in caught.value.problems] == ["CONFIG_UNREADABLE"]


def test_there_has_to_be_a_source(desk):
    assert codes(desk, HEAD) == ["CONFIG_MISSING"]
    assert codes(desk, HEAD + "sources:") == ["CONFIG_MISSING"]
    assert codes(desk, HEAD + "sources: []") == ["CONFIG_MISSING"]
    assert codes(desk, HEAD + "sources: {shop: {kind: graphql}}") == ["CONFIG_TYPE"]


def test_a_source_has_to_be_a_mapping_with_a_name_a_kind_and_a_schema(desk):
    assert codes(desk, HEAD + "sources: [shop]") == ["CONFIG_TYPE"]
    assert [p.path[-1] for p in desk.problems(HEAD + "sources: [{}]")] == ["name", "kind", "schema", "owner"]


def test_keys_have_only_the_names_of_the_documentation(desk):
    problems = desk.problems(HEAD + SOURCE.replace("schema: introspect", "schema_: {from_: introspect}"))
    assert [(p.code, p.path[-1]) for p in problems] == [("CONFIG_MISSING", "schema"), ("CONFIG_UNKNOWN_KEY", "schema_")]


def test_another_version_is_not_guessed_at(desk):
    (problem,) = desk.problems("version: 2\n" + HEAD + SOURCE)
    assert (problem.code, problem.path) == ("CONFIG_VALUE", ("version",))


# ---------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("extra", "path"),
    [
        ("hedge: on", ("hedge",)),
        ("retry: false", ("retry",)),
        ("retry: {max_attempts: 0}", ("retry", "max_attempts")),
        ("retry: {max_attempts: true}", ("retry", "max_attempts")),
        ("concurrency: 5", ("concurrency",)),
        ("concurrency: {max: 1.5}", ("concurrency", "max")),
        ("transport: curl", ("transport",)),
        ("expose: [1]", ("expose", 0)),
        ("expose: {a: 1}", ("expose",)),
        ("not_found: nothing", ("not_found",)),
        ("headers: {request: [{}]}", ("headers", "request", 0)),
        ("headers: {request: [{propagate: {named: A}, remove: {named: B}}]}", ("headers", "request", 0)),
        ("headers: {request: [{propagate: {named: [A, B], rename: C}}]}", ("headers", "request", 0, "propagate")),
        ("headers: {request: [{propagate: {named: []}}]}", ("headers", "request", 0, "propagate")),
        ("headers: {request: [{propagate: {named: Host}}]}", ("headers", "request", 0, "propagate")),
        ("headers: {request: [{propagate: {named: a b}}]}", ("headers", "request", 0, "propagate", "named")),
        ("headers: {request: [{insert: {name: Content-Length, value: x}}]}", ("headers", "request", 0, "insert", "name")),
        ("lookups: [{type: 1, key: a, via: b, arg: c}]", ("lookups", 0, "type")),
        ("lookups: [{type: A-B, key: a, via: b, arg: c}]", ("lookups", 0, "type")),
        ("prefix: {types: 1nventory_}", ("prefix", "types")),
        ("auth: {basic: {}}", ("auth", "oauth2_client_credentials")),
        ("about: {url: 1}", ("about", "url")),
        ("owner: [shop]", ("owner",)),
        ("options: [1]", ("options",)),
        ("cache: {stale_if_error: from_upstream}", ("cache", "stale_if_error")),
    ],
)
def test_an_impossible_value_is_told_at_its_key(desk, extra, path):
    text = HEAD + SOURCE.replace("    owner: shop\n", "" if extra.startswith("owner") else "    owner: shop\n") + f"    {extra}\n"
    problems = [p for p in desk.problems(text) if p.code != "CONFIG_UNKNOWN_KEY"]
    assert [p.path for p in problems] == [("sources", 0, *path)]


@pytest.mark.parametrize(
    "url", ["shop.example.com", "ftp://x", "http://", "http://a b", "https://me:geheim@shop", "http://x/#y", "1", "http://[::g]/"]
)
def test_a_url_is_http_without_credentials(desk, url):
    problems = desk.problems(HEAD + SOURCE.replace("https://shop.example.com/graphql", url))
    assert [p.path for p in problems] == [("sources", 0, "url")]
    assert "geheim" not in str(problems)


@pytest.mark.parametrize("place", ["python:", "python:a", "python:a:b-c", "python:a b:c", "ftp://x/y", "https://u:p@h/s"])
def test_a_schemas_place_is_understood_or_refused(desk, place):
    (problem,) = desk.problems(HEAD + SOURCE.replace("schema: introspect", f'schema: "{place}"'))
    assert problem.path == ("sources", 0, "schema")


def test_one_attempt_may_not_take_longer_than_all(desk):
    (own,) = desk.source_problems("timeout: 10s")
    assert (own.code, own.path) == ("CONFIG_VALUE", ("sources", 0, "timeout"))
    (default,) = desk.problems("defaults: {timeout: 10s}\n" + HEAD + SOURCE)
    assert default.path == ("defaults", "timeout")


def test_options_of_each_source_are_held_against_its_kind(desk):
    text = HEAD + SOURCE.replace("graphql\n", "local\n") + SOURCE.replace("sources:\n", "").replace("name: shop", "name: two")
    problems = desk.problems(text + "    options: {mode: odd, extra: 1}\n", {"local": KINDS["local"], "graphql": Choice})
    assert [p.path for p in problems] == [
        ("sources", 0, "options", "region"),
        ("sources", 1, "options", "mode"),
        ("sources", 1, "options", "extra"),
    ]


# ---------------------------------------------------------------- anything at all

words = st.sampled_from(
    [
        "version",
        "gateway",
        "owners",
        "defaults",
        "sources",
        "links",
        "name",
        "kind",
        "schema",
        "url",
        "owner",
        "timeout",
        "retry",
        "from",
        "off",
        "null",
        "graphql",
        "introspect",
        "${env:X}",
        "${file:x}",
        "http://x",
        "shop.a",
        "A.b",
        "options",
        "headers",
        "request",
        "with",
    ]
)
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), words, st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(words, inner, max_size=6)),
    max_leaves=30,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(st.one_of(anything.map(str), st.text(), st.binary(), st.dictionaries(words, anything).map(str)))
def test_any_file_gives_settings_or_problems(desk, text):
    path = desk.folder / "any.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    problems = ()
    try:
        load(path, KINDS, environ={"X": "1"})
    except ConfigError as error:
        problems = error.problems
    assert all(p.mark and p.message and p.code for p in problems)
    assert len(set(problems)) == len(problems)
