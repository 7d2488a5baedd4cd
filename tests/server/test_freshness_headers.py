"""What the door says about storing an answer."""

from __future__ import annotations

import time

import httpx
import pytest

from gateway.engine import Answer
from gateway.server.caching import cache_control, still_valid, storable, validators

from .conftest import StubEngine

BODY = b'{"data":{"hello":"world"}}'
PARAMS = {"query": "{ hello }"}


def test_an_answer_that_may_be_stored_says_for_how_long_and_by_whom() -> None:
    assert cache_control(28, private=True) == (b"cache-control", b"max-age=28, private")
    assert cache_control(28, private=False) == (b"cache-control", b"max-age=28, public")


def test_the_time_left_is_what_counts_and_errors_have_none() -> None:
    assert storable(Answer(BODY, expires=130.9), 100.0) == 30
    assert storable(Answer(BODY, expires=90.0), 100.0) == 0
    assert storable(Answer(BODY, expires=130.0, has_errors=True), 100.0) == 0


def test_an_answer_that_may_not_be_stored_says_so(client: httpx.Client) -> None:
    for response in (client.post("/graphql", json=PARAMS), client.get("/graphql", params=PARAMS)):
        assert response.headers["cache-control"] == "no-store"
        assert "etag" not in response.headers


def test_who_has_the_answer_already_is_not_sent_it_again(client: httpx.Client, engine: StubEngine) -> None:
    engine.answer_with = lambda _: Answer(BODY, expires=time.time() + 60)
    first = client.get("/graphql", params=PARAMS)
    again = client.get("/graphql", params=PARAMS, headers={"if-none-match": f'"other", {first.headers["etag"]}'})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["vary"] == "accept"
    assert again.headers["cache-control"].startswith("max-age=")
    engine.answer_with = lambda _: Answer(b'{"data":{"hello":"you"}}', expires=time.time() + 60)
    changed = client.get("/graphql", params=PARAMS, headers={"if-none-match": first.headers["etag"]})
    assert changed.status_code == 200


def test_a_private_answer_depends_on_what_was_sent_on_and_on_who_asks() -> None:
    answer = Answer(BODY, propagates=("accept-language", "x-key"))
    assert dict(validators(answer, (b"x-key",), private=True))[b"vary"] == b"accept, accept-language, x-key"
    assert dict(validators(Answer(BODY), (b"authorization",), private=True))[b"vary"] == b"accept, authorization"
    assert dict(validators(answer, (b"x-key",), private=False))[b"vary"] == b"accept"


@pytest.mark.parametrize("tag", [b"*", b'"abc"', b'W/"abc"', b'"x" , W/"abc"'])
def test_tags_are_compared_weakly(tag: bytes) -> None:
    assert still_valid(tag, ((b"etag", b'W/"abc"'),))
    assert not still_valid(b'"abcd"', ((b"etag", b'W/"abc"'),))
    assert not still_valid(None, ((b"etag", b'W/"abc"'),))
