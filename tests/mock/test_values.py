"""What a value looks like: its schema decides, its name suggests."""

import re
from datetime import datetime
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mock.pattern import text_of
from gateway.mock.values import Leaf, Place, like, made, spoken

TEXT, WHOLE, NUMBER = Leaf("text"), Leaf("whole"), Leaf("number")


def value(name, leaf=TEXT, owner="Thing", seed=7):
    return made(leaf, Place(name, owner), Random(seed))


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("email", r"[a-z.]+@example\.com"),
        ("contactEmail", r"[a-z.]+@example\.com"),
        ("created_at", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
        ("releasedOn", r"\d{4}-\d\d-\d\d"),
        ("avatarUrl", r"https://example\.com/images/.+\.jpg"),
        ("website", r"https://example\.com/.+"),
        ("firstName", r"[A-Z][a-z]+"),
        ("currency", r"[A-Z]{3}"),
        ("countryCode", r"[A-Z]{2}"),
        ("sku", r"[A-Z]{3}-\d{4}"),
        ("ean", r"\d{13}"),
        ("phone", r"\+43 316 555 \d{4}"),
        ("description", r"([A-Z].+\.)+"),
        ("whateverElse", r"[A-Z].+"),
    ],
)
def test_a_text_is_what_its_name_promises(name, form):
    assert re.fullmatch(form, value(name))


def test_a_name_is_that_of_what_it_belongs_to():
    assert len({value("name", owner=owner) for owner in ("Customer", "Product", "Category", "Supplier")}) == 4
    assert value("name", owner="Customer").count(" ") == 1


@pytest.mark.parametrize(
    ("format", "read"),
    [
        ("uuid", UUID),
        ("date", lambda text: datetime.strptime(text, "%Y-%m-%d")),
        ("date-time", lambda text: datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")),
        ("email", lambda text: re.fullmatch(r"[^@]+@[^@]+", text)),
        ("uri", lambda text: re.fullmatch(r"https://.+", text)),
        ("ipv4", lambda text: re.fullmatch(r"\d+(\.\d+){3}", text)),
    ],
)
def test_a_format_says_more_than_a_name(format, read):
    assert read(value("title", Leaf("text", format)))


def test_an_address_is_that_of_what_its_name_says():
    assert value("avatarUrl", Leaf("text", "uri")).endswith(".jpg")
    assert not value("homepage", Leaf("text", "uri")).endswith(".jpg")


def test_enums_and_examples_are_chosen_from():
    assert value("status", Leaf("text", choices=("A", "B"))) in ("A", "B")
    assert value("title", Leaf("text", examples=("x", "y"))) in ("x", "y")
    assert re.fullmatch(r"[A-Z]{3}-\d{3}", value("x", Leaf("text", examples=("ABC-123",))))


def test_numbers_are_of_the_usual_size():
    assert 4 <= value("price", NUMBER) <= 240
    assert 1 <= value("rating", WHOLE) <= 5
    assert 1990 <= value("year", WHOLE) <= 2025


@given(
    st.integers(-1000, 1000), st.integers(0, 500), st.sampled_from(["price", "rating", "x", "year", "share"]), st.integers(0, 99)
)
def test_numbers_keep_to_their_bounds(low, width, name, seed):
    for kind in ("whole", "number"):
        assert low <= value(name, Leaf(kind, low=low, high=low + width), seed=seed) <= low + width


@given(st.sampled_from([0.25, 5, 10, 0.5]), st.integers(0, 99))
def test_numbers_are_multiples_where_they_have_to_be(step, seed):
    found = value("price", Leaf("number", low=0, high=100, step=step), seed=seed)
    assert (found / step).is_integer()


@given(st.integers(0, 40), st.integers(0, 60), st.sampled_from(["name", "sku", "description", "id"]), st.integers(0, 99))
def test_texts_are_neither_too_short_nor_too_long(shortest, more, name, seed):
    found = value(name, Leaf("text", shortest=shortest, longest=shortest + more), seed=seed)
    assert shortest <= len(found) <= shortest + more


@pytest.mark.parametrize(
    "pattern", [r"^[A-Z]{2}\d{4}$", r"^(red|green)-[^a-z]{2,}$", r"\w+@\w+\.(com|org)", r"^[\d.]{1,5}x?$", r"^\S{3}$", r"^a.c+$"]
)
def test_texts_fit_their_pattern(pattern):
    for seed in range(20):
        assert re.search(pattern, value("anything", Leaf("text", pattern=pattern), seed=seed))


@pytest.mark.parametrize("pattern", ["(", r"(?=x)y", r"(a)\1", "a{9999999}", "(" * 5000 + ")" * 5000])
def test_a_pattern_that_is_beyond_us_costs_nothing_but_the_fit(pattern):
    assert text_of(pattern, Random(1)) is None
    assert value("name", Leaf("text", pattern=pattern))


def test_the_same_randomness_gives_the_same_value():
    assert value("description") == value("description")
    assert value("description") != value("description", seed=8)


def test_names_are_read_as_words():
    assert [spoken(each) for each in ("releasedAt", "released_at", "URLPath", "line2")] == [
        "released at",
        "released at",
        "url path",
        "line 2",
    ]


def test_a_text_like_another_differs_in_digits_and_capitals():
    found = like("AB-12 plain", Random(3))
    assert re.fullmatch(r"[A-Z]{2}-\d\d plain", found)
    assert like("Rex", Random(3)) == "Rex"
