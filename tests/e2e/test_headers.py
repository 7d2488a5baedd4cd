"""Header rules, from a caller's request to each service's, and from the services' replies to the caller's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.__main__ import run

from .gateway import Inside, served
from .simple import Simple, config, services

RULES = """headers: {
  request: [
    {propagate: {named: [X-Tenant, X-Gone]}},
    {propagate: {named: Accept-Language, rename: X-Language}},
    {propagate: {matching: "x-region-.*"}},
    {insert: {name: X-Api-Key, value: the-key}},
    {remove: {named: X-Gone}},
    {remove: {matching: ".*-internal"}}]}"""
BACK = """headers: {response: [
  {propagate: {named: X-One, rename: X-First, merge: first}},
  {propagate: {named: X-One, rename: X-Last, merge: last}},
  {propagate: {named: X-One, rename: X-All, merge: append}},
  {propagate: {named: X-Left, merge: min}},
  {propagate: {named: X-Cache, merge: strictest}}]}"""


@pytest.fixture
def pair() -> Iterator[list[Simple]]:
    with services("a", "b") as opened:
        yield opened


@pytest.fixture
def front(pair: list[Simple], tmp_path: Path) -> Iterator[Inside]:
    a, b = pair
    with served(config(tmp_path, {"a": (a.url, f"cache: {{ttl: 1h}}, {RULES}"), "b": (b.url, "")})) as gateway:
        yield gateway


SENT = {"X-Tenant": "7", "X-Gone": "1", "Accept-Language": "de", "X-Region-Id": "eu", "X-Region-Internal": "no", "X-Else": "x"}


def test_each_source_is_sent_what_its_own_rules_say_and_nothing_else(front: Inside, pair: list[Simple]) -> None:
    assert front.http.post(front.url, json={"query": "{ a b }"}, headers=SENT).json() == {"data": {"a": "a", "b": "b"}}
    told, other = pair[0].asked[-1].headers, pair[1].asked[-1].headers
    assert {name: told.get(name) for name in ("x-tenant", "x-language", "x-region-id", "x-api-key")} == {
        "x-tenant": "7",
        "x-language": "de",
        "x-region-id": "eu",
        "x-api-key": "the-key",
    }
    assert not {"x-gone", "x-region-internal", "x-else", "accept-language"} & set(told)
    assert not {"x-tenant", "x-language", "x-region-id", "x-api-key"} & set(other)


def test_what_a_pattern_fits_is_part_of_who_asks(front: Inside, pair: list[Simple]) -> None:
    def ask(**headers: str) -> None:
        assert front.ask("{ a }", **headers) == {"data": {"a": "a"}}

    for region in ("eu", "us", "eu", "us"):
        ask(x_region_id=region)
    assert [asked.headers["x-region-id"] for asked in pair[0].asked] == ["eu", "us"]
    ask(x_region_name="eu")
    ask()
    assert len(pair[0].asked) == 4
    ask(x_else="somebody")
    assert len(pair[0].asked) == 4


def test_no_shared_cache_may_keep_what_a_pattern_decides(front: Inside) -> None:
    answer = front.get("{ a }")
    assert "private" in answer.headers["cache-control"]
    assert "*" in answer.headers["vary"].split(", ")


def test_headers_of_replies_go_back_as_they_are_merged(pair: list[Simple], tmp_path: Path) -> None:
    a, b = pair
    a.said = {"x_one": "a", "x_left": "30", "x_cache": "max-age=60, public", "x_secret": "s"}
    b.said = {"x_one": "b", "x_left": "4", "x_cache": "max-age=10, private"}
    rules = BACK.replace("\n", "")
    path = config(tmp_path, {"a": (a.url, rules), "b": (b.url, rules)})
    with served(path) as front:
        came = front.post("{ a b }").headers
        assert {came["x-first"], came["x-last"]} == {"a", "b"}
        assert sorted(came["x-all"].split(", ")) == ["a", "b"]
        assert (came["x-left"], came["x-cache"]) == ("4", "max-age=10, private")
        assert "x-secret" not in came


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("{propagate: {named: A, matching: b}}", "either `named` or `matching`"),
        ("{propagate: {rename: A}}", "either `named` or `matching`"),
        ("{propagate: {matching: 'x-.*', rename: A}}", "one name in `named` where there is a `rename`"),
        ("{propagate: {matching: 'x-('}}", "a regular expression"),
        ("{remove: {}}", "either `named` or `matching`"),
        ("{propagate: {named: Content-Length}}", "a header that may be sent on"),
        ("{insert: {name: Host, value: x}}", "a header that may be sent on"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(rule: str, said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = config(tmp_path, {"a": ("http://127.0.0.1:1", f"headers: {{request: [{rule}]}}")})
    assert run(["check", str(path)]) == 1
    assert said in capfd.readouterr().err
