"""How values are written: the table of the OpenAPI text, row by row (rule A4)."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import UpstreamBlocked
from gateway.sources.openapi.parameters import Parameter
from gateway.sources.openapi.references import Node
from gateway.sources.openapi.styles import writer

LIST = ["blue", "black", "brown"]
OBJECT = {"R": 100, "G": 200, "B": 150}


def write(value: Any, place: str = "query", style: str = "", explode: bool | None = None, **keys: Any) -> str:
    style = style or {"path": "simple", "header": "simple"}.get(place, "form")
    explode = style == "form" if explode is None else explode
    deep = keys.pop("deep", "repeat")
    name = keys.pop("name", "color")
    node = Node({}, "#")
    return writer(Parameter(name, name, place, True, style, explode, node, node, **keys), deep)(value)


@pytest.mark.parametrize(
    ("place", "style", "explode", "text", "listed", "object_"),
    [
        ("path", "matrix", False, ";color=blue", ";color=blue,black,brown", ";color=R,100,G,200,B,150"),
        ("path", "matrix", True, ";color=blue", ";color=blue;color=black;color=brown", ";R=100;G=200;B=150"),
        ("path", "label", False, ".blue", ".blue,black,brown", ".R,100,G,200,B,150"),
        ("path", "label", True, ".blue", ".blue.black.brown", ".R=100.G=200.B=150"),
        ("path", "simple", False, "blue", "blue,black,brown", "R,100,G,200,B,150"),
        ("path", "simple", True, "blue", "blue,black,brown", "R=100,G=200,B=150"),
        ("header", "simple", False, "blue", "blue,black,brown", "R,100,G,200,B,150"),
        ("header", "simple", True, "blue", "blue,black,brown", "R=100,G=200,B=150"),
        ("query", "form", False, "color=blue", "color=blue,black,brown", "color=R,100,G,200,B,150"),
        ("query", "form", True, "color=blue", "color=blue&color=black&color=brown", "R=100&G=200&B=150"),
        ("cookie", "form", False, "color=blue", "color=blue,black,brown", "color=R,100,G,200,B,150"),
        ("cookie", "form", True, "color=blue", "color=blue; color=black; color=brown", "R=100; G=200; B=150"),
    ],
)
def test_the_table_of_the_text(place: str, style: str, explode: bool, text: str, listed: str, object_: str) -> None:
    assert [write(value, place, style, explode) for value in ("blue", LIST, OBJECT)] == [text, listed, object_]


@pytest.mark.parametrize(
    ("style", "listed", "object_"),
    [
        ("spaceDelimited", "color=blue%20black%20brown", "color=R%20100%20G%20200%20B%20150"),
        ("pipeDelimited", "color=blue%7Cblack%7Cbrown", "color=R%7C100%7CG%7C200%7CB%7C150"),
        ("tabDelimited", "color=blue%09black%09brown", "color=R%09100%09G%09200%09B%09150"),
    ],
)
def test_delimited_styles(style: str, listed: str, object_: str) -> None:
    assert [write(LIST, style=style), write(OBJECT, style=style)] == [listed, object_]
    assert write(LIST, style=style, explode=True) == "color=blue&color=black&color=brown"


def test_a_deep_object_names_the_way_to_each_value() -> None:
    assert write(OBJECT, style="deepObject") == "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150"
    assert write({"a": {"b": 1}}, style="deepObject") == "color%5Ba%5D%5Bb%5D=1"


@pytest.mark.parametrize(
    ("deep", "written"),
    [
        ("repeat", "a%5Bb%5D=1&a%5Bb%5D=2"),
        ("brackets", "a%5Bb%5D%5B%5D=1&a%5Bb%5D%5B%5D=2"),
        ("indices", "a%5Bb%5D%5B0%5D=1&a%5Bb%5D%5B1%5D=2"),
    ],
)
def test_lists_in_a_deep_object_are_written_as_configured(deep: str, written: str) -> None:
    assert write({"b": [1, 2]}, style="deepObject", name="a", deep=deep) == written


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (False, "false"), (1, "1"), (1.5, "1.5"), (2**63, "9223372036854775808"), ("", "")]
)
def test_scalars_as_text(value: Any, text: str) -> None:
    assert write(value) == f"color={text}"


def test_nothing_is_written_for_what_is_empty_or_null() -> None:
    assert [write([]), write({}), write({"a": None}), write([], style="spaceDelimited")] == ["", "", "", ""]
    assert write({"a": None, "b": 1}) == "b=1"


def test_a_parameter_with_content_is_json_text() -> None:
    assert write({"q": "a b"}, content="application/json") == "color=%7B%22q%22%3A%22a%20b%22%7D"
    assert write({"q": 1}, "header", content="application/json") == '{"q":1}'


def test_reserved_characters_stay_where_allowed_but_never_end_the_value() -> None:
    assert write("a/b?c:d@e&f=g#h+i", reserved=True) == "color=a/b?c:d@e%26f%3Dg%23h%2Bi"
    assert write("a/b", reserved=False) == "color=a%2Fb"


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_a_path_value_that_would_be_another_path_is_refused(value: str) -> None:
    with pytest.raises(UpstreamBlocked):
        write(value, "path")


def test_a_header_value_stays_readable_and_cannot_break_out() -> None:
    assert write("a b, c", "header") == "a b, c"
    assert write("x\r\nevil: 1", "header") == "x%0D%0Aevil: 1"


@given(st.text(min_size=1, max_size=30).filter(lambda text: text not in (".", "..")))
def test_a_path_value_is_one_segment_whatever_it_is(value: str) -> None:
    written = write(value, "path")
    assert set(written).isdisjoint("/?#\r\n ")
    assert written.isascii()


@given(st.text(max_size=30).filter(lambda text: text.isprintable()), st.booleans())
def test_a_query_value_reads_back_as_it_was(value: str, explode: bool) -> None:
    query = urlsplit(f"http://x/?{write(value, explode=explode)}").query
    assert parse_qsl(query, keep_blank_values=True) == [("color", value)]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    )
)
def test_any_json_can_be_written_in_any_style(value: Any) -> None:
    for place, style in (
        ("query", "form"),
        ("query", "deepObject"),
        ("query", "pipeDelimited"),
        ("header", "simple"),
        ("cookie", "form"),
    ):
        for explode in (True, False):
            assert isinstance(write(value, place, style, explode), str)
    assert json.loads(parse_qsl(write(value, content="application/json"), keep_blank_values=True)[0][1]) == value
