"""The YAML reader: the 1.2 core schema, marks, and bounds on what a document may ask of us."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.problem import ConfigError, Mark
from gateway.config.yaml import core_schema, read_yaml


def value(text, **how):
    return read_yaml(text, "f.yaml", **how)[0]


def refused(text, **how):
    with pytest.raises(ConfigError) as caught:
        read_yaml(text, "f.yaml", **how)
    return caught.value.problems


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("No", "No"),
        ("012", 12),
        ("0o17", 15),
        ("0x1F", 31),
        ("-7", -7),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("-.inf", -math.inf),
        ("12:30:45", "12:30:45"),
        ("2026-11-22", "2026-11-22"),
        ("2026-11-22T20:41:09Z", "2026-11-22T20:41:09Z"),
        ("1_000", "1_000"),
        ("true", True),
        ("FALSE", False),
        ("tRUE", "tRUE"),
        ("null", None),
        ("~", None),
        ("", None),
        ("=", "="),
        ("10%", "10%"),
        (".", "."),
        ("+", "+"),
    ],
)
def test_an_unquoted_scalar_means_what_the_core_schema_says(text, meaning):
    got = core_schema(text)
    assert got == meaning
    assert type(got) is type(meaning)
    assert value(f"key: {text}") == {"key": meaning}


def test_nan_is_a_number():
    assert math.isnan(value("x: .nan")["x"])


def test_a_quoted_scalar_is_text():
    assert value("""{a: "12", b: 'true', c: "null"}""") == {"a": "12", "b": "true", "c": "null"}
    assert value("a: |\n  12\n") == {"a": "12\n"}


def test_a_core_tag_decides_and_any_other_is_refused():
    assert value('{a: !!str 12, b: !!int "12", c: ! 12, d: !!float 12, e: !!seq [], f: !!map {}, g: !!null ""}') == {
        "a": "12",
        "b": 12,
        "c": "12",
        "d": 12.0,
        "e": [],
        "f": {},
        "g": None,
    }
    for text in ("!!python/object/apply:os.system [ls]", "!!int x", "!mine {a: 1}", "!!binary aGk=", "!!set {a}"):
        assert [p.code for p in refused(f"a: {text}")] == ["YAML_UNSUPPORTED"]


def test_keys_are_their_text_as_written():
    assert value("200: a\non: b\ntrue: c\nnull: d\n012: e") == {"200": "a", "on": "b", "true": "c", "null": "d", "012": "e"}
    assert value("200: a\ntrue: c", keys_as_text=False) == {200: "a", True: "c"}


def test_a_collection_is_no_key():
    assert refused("? [a, b]\n: c")[0].code == "YAML_UNSUPPORTED"
    assert refused("? {a: b}\n: c")[0].code == "YAML_UNSUPPORTED"


def test_a_run_of_digits_too_long_for_a_number_stays_text():
    digits = "9" * 5000
    assert value(f"a: {digits}") == {"a": digits}


def test_an_empty_text_is_none():
    assert value("") is None
    assert value("# only a remark\n") is None


def test_a_byte_order_mark_and_utf_16_are_read():
    assert value("a: é".encode("utf-8-sig")) == {"a": "é"}
    assert value("a: é".encode("utf-16")) == {"a": "é"}


# ---------------------------------------------------------------- marks


TEXT = """\
gateway:
  listen: 0.0.0.0:8080
sources:
  - name: inventory
    headers: {request: [{propagate: "x"}]}
"""


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        ((), 1, 1),
        (("gateway",), 1, 1),
        (("gateway", "listen"), 2, 3),
        (("sources", 0), 4, 5),
        (("sources", 0, "name"), 4, 5),
        (("sources", 0, "headers", "request", 0, "propagate"), 5, 26),
        (("sources", 0, "headers", "nothing", "here"), 5, 5),
        (("sources", 7), 3, 1),
    ],
)
def test_a_mark_is_that_of_the_longest_known_prefix(path, line, column):
    _, marks = read_yaml(TEXT, "f.yaml")
    assert marks.at(path) == Mark("f.yaml", line, column)


def test_marks_know_what_was_quoted():
    _, marks = read_yaml("a: x\nb: 'x'\nc: [\"x\", x]\nd: &q 'x'\ne: *q", "f.yaml")
    assert [marks.quoted(p) for p in (("a",), ("b",), ("c", 0), ("c", 1), ("e",), ("z",))] == [
        False,
        True,
        True,
        False,
        True,
        False,
    ]


def test_without_marks_every_place_is_the_start():
    got, marks = read_yaml(TEXT, "f.yaml", marks=False)
    assert got["sources"][0]["name"] == "inventory"
    assert marks.at(("sources", 0)) == Mark("f.yaml", 1, 1)


# ---------------------------------------------------------------- duplicates, anchors, merges


def test_duplicate_keys_are_refused_all_at_once_with_both_marks():
    first, second = refused("a: 1\nb: {c: 1, c: 2}\na: 2")
    assert (first.path, str(first.mark)) == (("b", "c"), "f.yaml:2:11")
    assert "f.yaml:2:5" in first.message
    assert (second.path, str(second.mark)) == (("a",), "f.yaml:3:1")
    assert "f.yaml:1:1" in second.message


def test_duplicates_are_told_beside_a_syntax_error():
    assert [p.code for p in refused("a: 1\na: 2\nb: [")] == ["YAML_DUPLICATE_KEY", "YAML_SYNTAX"]


def test_the_last_duplicate_can_win_and_is_told():
    got, marks = read_yaml("a: {x: 1}\na: {y: 2}", "f.yaml", duplicates="last")
    assert got == {"a": {"y": 2}}
    assert [(d.path, str(d.first), str(d.again)) for d in marks.duplicates] == [(("a",), "f.yaml:1:1", "f.yaml:2:1")]


def test_a_merge_gives_what_the_mapping_does_not_have():
    text = "base: &b {x: 1, y: 1}\nmore: &m {y: 2, z: 2}\nit:\n  <<: [*b, *m]\n  x: 0\nquoted: {'<<': 1}"
    got, marks = read_yaml(text, "f.yaml")
    assert got["it"] == {"x": 0, "y": 1, "z": 2}
    assert got["quoted"] == {"<<": 1}
    assert str(marks.at(("it", "z"))) == "f.yaml:2:17"


def test_a_merge_takes_only_mappings():
    assert [(p.code, p.path) for p in refused("a: {<<: 1}")] == [("YAML_UNSUPPORTED", ("a",))]


def test_an_alias_needs_a_complete_anchor():
    for text in ("a: *x", "a: &a [*a]", "a: &a {b: *a}"):
        assert refused(text)[0].code == "YAML_UNSUPPORTED"


# ---------------------------------------------------------------- bounds


def test_depth_is_refused_at_its_limit_and_not_before():
    assert value("[" * 200 + "]" * 200) is not None
    (problem,) = refused("[" * 201 + "]" * 201)
    assert problem.code == "YAML_TOO_DEEP"
    assert value("[" * 2000 + "]" * 2000, depth=2000) is not None


def test_a_hundred_thousand_brackets_are_refused():
    for text in ("[" * 100_000, "{a: " * 100_000, "- " * 100_000):
        assert refused(text)[0].code == "YAML_TOO_DEEP"


def test_depth_counts_through_aliases():
    text = "a: &a [[[[1]]]]\nb: &b [[[*a]]]\nc: [[*b]]"
    assert value(text, depth=12) is not None
    (problem,) = refused(text, depth=9)
    assert (problem.code, str(problem.mark)) == ("YAML_TOO_DEEP", "f.yaml:3:6")


def test_values_are_counted_with_aliases_written_out():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    assert refused("\n".join(lines))[0].code == "YAML_TOO_LARGE"
    assert refused("[1, 2, 3]", nodes=3)[0].code == "YAML_TOO_LARGE"
    assert value("[1, 2, 3]", nodes=4) == [1, 2, 3]


def test_a_second_document_is_refused():
    assert refused("a: 1\n---\nb: 2")[0].code == "YAML_UNSUPPORTED"


# ---------------------------------------------------------------- broken text


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("a: [1,\n", "f.yaml:2:1"),
        ('a: "half', "f.yaml:1:9"),
        ("a: b: c", "f.yaml:1:5"),
        ("a:\n\t- b", "f.yaml:2:1"),
        (b"a: x\nb: \xff", "f.yaml:2:4"),
        ("a: \x00", "f.yaml:1:4"),
        ("a: \ud800", "f.yaml:1:1"),
        (b"\x00\x01\x02", "f.yaml:1:1"),
    ],
)
def test_broken_text_is_a_syntax_problem_with_its_place(text, mark):
    (problem,) = refused(text)
    assert problem.code == "YAML_SYNTAX"
    assert str(problem.mark) == mark


@given(st.one_of(st.text(), st.binary(), st.text(alphabet="[]{}:-,&*!|>'\"#%@ \n\tab<1")))
def test_any_text_is_a_value_or_problems(text):
    problems = ()
    try:
        read_yaml(text, "f.yaml")
    except ConfigError as error:
        problems = error.problems
    assert all(p.mark and p.message for p in problems)


characters = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=20)
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), characters),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(characters, inner)),
)


@given(json_values)
def test_json_is_read_as_json(data):
    assert value(json.dumps(data)) == data
