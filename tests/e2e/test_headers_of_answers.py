"""What the headers of an answer say of its sources, over HTTP, read with a parser of structured fields (RFC 9651)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import http_sf
import httpx
import pytest

from gateway.engine.headers import PROXY_ERRORS

from .gateway import Inside
from .test_contract_of_answers import faulty

BOTH = '{ fine: restFault(kind: "none") { name } broken: graphFault(kind: "%s") { name } }'
FORWARDED = {"bypass", "method", "uri-miss", "vary-miss", "miss", "request", "stale", "partial"}
"""RFC 9211, 2.2."""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    with faulty(tmp_path_factory.mktemp("headers")) as served:
        yield served


def members(answer: httpx.Response, name: str) -> dict[str, dict[str, Any]]:
    """Each member of a list with its parameters. Raises where the field is not what RFC 9651 calls a list."""
    return {str(item): parameters for item, parameters in http_sf.parse(answer.headers[name].encode(), tltype="list")}


@pytest.mark.parametrize("fault", ["500", "silent", "types", "closed", "html"])
def test_cache_status_has_a_member_for_each_source_and_only_what_rfc_9211_knows(gateway: Inside, fault: str) -> None:
    told = members(gateway.post(BOTH % fault), "cache-status")
    assert told.keys() == {"signpost:rest", "signpost:graph"}
    for parameters in told.values():
        assert parameters.keys() <= {"hit", "fwd", "fwd-status", "ttl", "stored", "collapsed", "key", "detail"}
        assert ("hit" in parameters) != ("fwd" in parameters)
        assert str(parameters["fwd"]) in FORWARDED
        assert isinstance(parameters.get("fwd-status", 0), int)
    assert ("fwd-status" in told["signpost:graph"]) == (fault in ("500", "html")), "of a call that failed, where it was answered"


@pytest.mark.parametrize(
    ("fault", "error", "status"),
    [
        ("500", None, 500),
        ("silent", "http_response_timeout", None),
        ("closed", "connection_terminated", None),
        ("types", None, 200),
    ],
)
def test_proxy_status_says_which_source_failed_and_how(
    gateway: Inside, fault: str, error: str | None, status: int | None
) -> None:
    answer = gateway.post(BOTH % fault)
    [(proxy, parameters)] = http_sf.parse(answer.headers["proxy-status"].encode(), tltype="list")
    assert (str(proxy), isinstance(proxy, http_sf.Token)) == ("signpost", True)
    assert parameters["next-hop"] == "graph"
    assert parameters["details"] == answer.json()["errors"][0]["extensions"]["error_id"]
    assert parameters.get("received-status") == status
    assert (str(parameters["error"]) if "error" in parameters else None) == error
    assert error is None or error in PROXY_ERRORS


def test_server_timing_says_how_long_each_source_took(gateway: Inside) -> None:
    answer = gateway.post(BOTH % "500")
    told = members(answer, "server-timing")
    assert {"rest", "graph"} <= told.keys()
    assert all(float(parameters["dur"]) >= 0 for parameters in told.values())
    assert told["graph"]["desc"] == "error"
    assert answer.headers["x-upstream-calls"] == "4", "one that went well, and three attempts"


def test_an_answer_without_a_failure_has_no_proxy_status(gateway: Inside) -> None:
    assert "proxy-status" not in gateway.post(BOTH % "none").headers


@pytest.mark.parametrize(
    "accept", ["application/json", "application/graphql-response+json", "text/event-stream", "multipart/mixed", "text/html"]
)
def test_every_form_of_answer_has_the_callers_request_id(gateway: Inside, accept: str) -> None:
    answer = gateway.post(BOTH % "none", accept=accept, x_request_id="form-0001")
    assert answer.status_code < 500
    assert answer.headers["x-request-id"] == "form-0001"
    assert "no-store" in answer.headers["cache-control"] or "no-cache" in answer.headers["cache-control"]
