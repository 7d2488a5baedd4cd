from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from .conftest import Front


def until(fact: Callable[[], bool]) -> None:
    for _ in range(400):
        if fact():
            return
        time.sleep(0.02)
    raise AssertionError("it did not happen")


def expire(front: Front) -> None:
    """Ask once, for an answer that is fresh for one second, and let the second pass: nginx has no other clock."""
    front.behind.headers["cache-control"] = "max-age=1, public"
    front.ask()
    time.sleep(2.1)


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_public_answer_is_served_again_without_the_gateway(front: Front, method: str) -> None:
    first, second = front.ask(method=method), front.ask(method=method)
    assert (first.cache, second.cache) == ("nginx; fwd=uri-miss", "nginx; hit")
    assert first.body == second.body
    assert len(front.behind.asked) == 1


def test_another_body_is_another_answer(front: Front) -> None:
    assert front.ask("{ a }").body != front.ask("{ b }").body


def test_bodies_that_differ_only_far_behind_are_told_apart(front: Front) -> None:
    padding = "a " * 100_000
    assert front.ask(f"{{ {padding} b }}").body != front.ask(f"{{ {padding} c }}").body


def test_a_body_that_cannot_be_part_of_the_key_is_refused(front: Front) -> None:
    assert front.ask("a" * 300_000).status == 413
    assert front.behind.asked == []


def test_another_media_type_is_another_answer(front: Front) -> None:
    front.ask()
    assert front.ask(headers={"accept": "application/graphql-response+json"}).cache == "nginx; fwd=uri-miss"


@pytest.mark.parametrize("word", ["no-store", "max-age=60, private", "no-cache"])
def test_what_may_not_be_shared_is_not_kept(front: Front, word: str) -> None:
    front.behind.headers["cache-control"] = word
    front.ask()
    assert front.ask().cache == "nginx; fwd=uri-miss"


def test_an_answer_that_says_nothing_is_not_kept(front: Front) -> None:
    del front.behind.headers["cache-control"]
    front.ask()
    assert front.ask().cache == "nginx; fwd=uri-miss"


@pytest.mark.parametrize("header", ["authorization", "cookie", "x-api-key", "x-signpost-debug"])
def test_a_caller_with_credentials_neither_reads_nor_fills_the_cache(front: Front, header: str) -> None:
    front.ask("{ kept }")
    assert front.ask("{ kept }", {header: "x"}).cache == "nginx; fwd=bypass"
    front.ask("{ personal }", {header: "x"})
    assert front.ask("{ personal }").cache == "nginx; fwd=uri-miss"


def test_a_stream_passes_through(front: Front) -> None:
    front.ask(headers={"accept": "text/event-stream"})
    assert front.ask(headers={"accept": "text/event-stream"}).cache == "nginx; fwd=bypass"
    assert len(front.behind.asked) == 2


def test_who_has_the_answer_is_told_so(front: Front) -> None:
    front.behind.headers["etag"] = 'W/"abc"'
    front.ask(method="GET")
    again = front.ask(method="GET", headers={"if-none-match": 'W/"abc"'})
    assert (again.status, again.body) == (304, b"")
    assert len(front.behind.asked) == 1


def test_an_expired_answer_is_served_at_once_while_one_request_fetches_the_next(front: Front) -> None:
    expire(front)
    front.behind.go.clear()
    assert front.ask().cache == "nginx; hit; detail=stale"
    assert front.ask().cache == "nginx; hit; detail=updating"
    front.behind.headers["cache-control"] = "max-age=60, public"
    front.behind.go.set()
    until(lambda: front.ask().cache == "nginx; hit")
    assert front.ask().body == b'{"data":{"number":2}}'
    assert len(front.behind.asked) == 2


def test_an_expired_answer_is_confirmed_by_its_validator(front: Front) -> None:
    front.behind.headers["etag"] = 'W/"abc"'
    expire(front)
    front.behind.headers["cache-control"] = "max-age=60, public"
    front.ask()
    until(lambda: front.ask().cache == "nginx; hit")
    assert front.behind.asked[1]["headers"]["If-None-Match"] == 'W/"abc"'
    assert front.ask().body == b'{"data":{"number":1}}'


@pytest.mark.parametrize("status", [500, 503, 429])
def test_an_expired_answer_stands_in_while_the_gateway_fails(front: Front, status: int) -> None:
    expire(front)
    front.behind.status = status
    answers = [front.ask() for _ in range(3)]
    assert {(answer.status, answer.cache.partition("; detail")[0]) for answer in answers} == {(200, "nginx; hit")}
    assert {answer.body for answer in answers} == {b'{"data":{"number":1}}'}


def test_equal_questions_at_the_same_time_are_asked_once(front: Front) -> None:
    front.behind.go.clear()
    with ThreadPoolExecutor(5) as callers:
        answers = [callers.submit(front.ask) for _ in range(5)]
        until(lambda: len(front.behind.asked) == 1)
        time.sleep(0.2)
        front.behind.go.set()
        assert {answer.result().body for answer in answers} == {b'{"data":{"number":1}}'}
    assert len(front.behind.asked) == 1


def test_a_refresh_replaces_what_is_kept(front: Front) -> None:
    front.ask()
    assert front.ask(headers={"x-cache-refresh": "1"}).body == b'{"data":{"number":2}}'
    after = front.ask()
    assert (after.cache, after.body) == ("nginx; hit", b'{"data":{"number":2}}')


def test_a_hit_carries_the_request_id_of_its_own_caller(front: Front) -> None:
    front.ask(headers={"x-request-id": "req_1"})
    hit = front.ask(headers={"x-request-id": "req_2"})
    assert (hit.cache, hit.headers.get_all("x-request-id")) == ("nginx; hit", ["req_2"])


def test_a_request_id_that_looks_wrong_is_replaced(front: Front) -> None:
    (given,) = front.ask(headers={"x-request-id": "a b;c"}).headers.get_all("x-request-id", [])
    assert len(given) == 32
    assert front.behind.asked[0]["headers"]["X-Request-Id"] == given
