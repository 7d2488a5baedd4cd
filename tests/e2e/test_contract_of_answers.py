"""The contract of answers (docs/errors.md), row by row, over HTTP: what happened upstream, and what a reader is told."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from . import faults
from .faults import MOST, SECRET
from .gateway import Inside, served

TEAM = {
    "team": "Stock & Supply",
    "url": "https://stock.example.com",
    "contact": {"email": "stock@example.com", "chat": "#stock", "hours": "Mon-Fri 9-17 CET"},
    "docs": "https://docs.example.com/stock",
    "status_page": "https://status.example.com/stock",
    "from": "config",
}
INTERNAL = {"oncall": "pager: stock", "runbook": "https://wiki.example.com/stock"}
PLATFORM = {"team": "API Platform", "contact": {"email": "platform@example.com"}, "from": "config"}
PER_TRY = 1000
"""Milliseconds."""


def configuration(folder: Path, rest: str, graph: str, errors: str = "{}", more: str = "") -> Path:
    (folder / "faulty.json").write_text(json.dumps(faults.OPENAPI))
    (folder / "faulty.graphql").write_text(faults.SDL)
    path = folder / "gateway.yaml"
    path.write_text(
        f"""
gateway:
  state: state
  owner: {{team: API Platform, contact: {{email: platform@example.com}}}}
  errors: {errors}
owners:
  stock:
    team: Stock & Supply
    url: https://stock.example.com
    docs: https://docs.example.com/stock
    status_page: https://status.example.com/stock
    contact: {{email: stock@example.com, chat: "#stock", hours: Mon-Fri 9-17 CET}}
    internal: {{oncall: "pager: stock", runbook: https://wiki.example.com/stock}}
defaults:
  timeout: {{per_try: {PER_TRY}ms, total: 5s}}
  retry: {{max_attempts: 3, backoff: {{initial: 1ms, max: 2ms}}, budget: 100%}}
  circuit_breaker: off
  cache: off
  max_response: {MOST // 1024}KiB
sources:
  - {{name: rest, kind: openapi, url: "{rest}", schema: faulty.json, owner: stock}}
  - {{name: graph, kind: graphql, url: "{graph}", schema: faulty.graphql, owner: stock}}
{more}
"""
    )
    return path


@contextmanager
def faulty(folder: Path, errors: str = "{}") -> Iterator[Inside]:
    rest, graph = faults.upstreams()
    with served(configuration(folder, rest.url, graph.url, errors)) as gateway:
        yield gateway
    rest.stop()
    graph.stop()


@pytest.fixture
def unharmed(tmp_path: Path) -> Iterator[Inside]:
    """One that has seen no fault yet, of which it would have to warn."""
    with faulty(tmp_path) as served:
        yield served


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    with faulty(tmp_path_factory.mktemp("faulty")) as served:
        yield served


class Row(msgspec.Struct, frozen=True):
    """What a fault of the service becomes."""

    fault: str
    code: str
    error_type: str
    retryable: bool
    attempts: int = 1
    status: int | None = None
    more: Mapping[str, Any] = {}
    """Members of `extensions` that this code promises."""
    sources: tuple[str, ...] = ("rest", "graph")

    def __str__(self) -> str:
        return self.fault


BAD = "UPSTREAM_BAD_CONTENT"
JSON = "application/json"
ROWS = (
    Row("closed", "UPSTREAM_UNREACHABLE", "connection_terminated", True, 3),
    Row("reset", "UPSTREAM_UNREACHABLE", "connection_terminated", True, 3),
    Row("silent", "UPSTREAM_TIMEOUT", "http_response_timeout", True, 3, more={"budget_ms": PER_TRY}),
    Row("drip", "UPSTREAM_TIMEOUT", "http_response_timeout", True, 3, more={"budget_ms": PER_TRY}, sources=("rest",)),
    Row("500", "UPSTREAM_ERROR", "500", True, 3, 500),
    Row("429", "UPSTREAM_RATE_LIMITED", "429", True, 1, 429, {"retry_after_s": 12.0}),
    Row("503", "UPSTREAM_ERROR", "503", True, 1, 503, {"retry_after_s": 7.0}),
    Row("401", "UPSTREAM_UNAUTHENTICATED", "401", False, 1, 401),
    Row("403", "UPSTREAM_FORBIDDEN", "403", False, 1, 403),
    Row("404", "NOT_FOUND", "404", False, 1, 404),
    Row("410", "NOT_FOUND", "410", False, 1, 410),
    Row("400", "UPSTREAM_REJECTED", "400", False, 1, 400),
    Row("422", "UPSTREAM_REJECTED", "422", False, 1, 422),
    Row("html", BAD, "http_protocol_error", True, 2, 200, {"content_type": "text/html"}),
    Row("html-as-json", BAD, "http_protocol_error", True, 2, 200, {"content_type": JSON, "offset": 0}),
    Row("text", BAD, "http_protocol_error", True, 2, 200, {"content_type": JSON, "offset": 0}),
    Row("gzip", BAD, "http_protocol_error", True, 2, 200, {"content_type": JSON}),
    Row("truncated", BAD, "http_response_incomplete", True, 2, 200, {"content_type": JSON}),
    Row("cut", BAD, "http_response_incomplete", True, 2),
    Row("cut-chunk", BAD, "http_response_incomplete", True, 2),
    Row("bad-chunk", BAD, "http_protocol_error", True, 2),
    Row("no-http", BAD, "http_protocol_error", True, 2),
    Row("deep", BAD, "http_protocol_error", True, 2, 200),
    Row("nothing", BAD, "http_response_incomplete", True, 2, 200, sources=("graph",)),
    Row("short-length", BAD, "http_response_incomplete", True, 2, 200, {"content_type": JSON, "offset": 14}, ("rest",)),
    Row("data-list", BAD, "http_protocol_error", True, 2, 200, sources=("graph",)),
    Row("lone-number", BAD, "http_protocol_error", True, 2, 200, sources=("graph",)),
    Row("huge", "UPSTREAM_TOO_LARGE", "http_response_body_size", False, 1, more={"limit_bytes": MOST}),
    Row("endless", "UPSTREAM_TOO_LARGE", "http_response_body_size", False, 1, more={"limit_bytes": MOST}),
    Row("big-head", "UPSTREAM_TOO_LARGE", "http_response_header_section_size", False, 1),
    Row("redirect", "UPSTREAM_BLOCKED", "destination_ip_prohibited", False),
    Row("refused", "UPSTREAM_GRAPHQL_ERROR", "graphql_error", False, 1, 200, sources=("graph",)),
    Row("busy", "UPSTREAM_GRAPHQL_ERROR", "graphql_error", True, 3, 200, sources=("graph",)),
)
CASES = [pytest.param(row, source, id=f"{row.fault}-{source}") for row in ROWS for source in row.sources]


def asking(source: str, fault: str) -> str:
    return f'{{ broken: {source}Fault(kind: "{fault}") {{ name size }} }}'


@pytest.mark.parametrize(("row", "source"), CASES)
def test_a_failed_call_is_one_error_that_says_what_happened_and_whose_it_is(gateway: Inside, row: Row, source: str) -> None:
    answer = gateway.post(asking(source, row.fault), x_request_id="caller-0001")
    body = answer.json()
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert body["data"] == {"broken": None}
    [error] = body["errors"]
    told = error["extensions"]
    assert (told["code"], told["retryable"], told["service"], told["owner"]) == (row.code, row.retryable, source, TEAM)
    assert error["path"] == ["broken"]
    assert error["locations"] == [{"line": 1, "column": 3}]
    assert error["message"].startswith(f"{source.title()} ")
    assert told["request_id"] == body["extensions"]["request_id"] == answer.headers["x-request-id"] == "caller-0001"
    assert told["error_id"].startswith("err_")
    assert {name: told.get(name) for name in row.more} == dict(row.more)
    upstream = told["upstream"]
    assert upstream["error_type"] == row.error_type
    assert upstream["operation"] == {"rest": "GET /faults/{kind}", "graph": "query { graphFault }"}[source]
    if row.code != "UPSTREAM_BLOCKED":
        assert (upstream["attempts"], upstream["http"]["status"]) == (row.attempts, row.status)
        assert upstream["elapsed_ms"] >= 0


def test_an_error_is_found_again_by_the_caller_s_trace(gateway: Inside) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    body = gateway.ask(asking("rest", "500"), traceparent=f"00-{trace}-00f067aa0ba902b7-01")
    assert body["errors"][0]["extensions"]["trace_id"] == body["extensions"]["trace_id"] == trace


@pytest.mark.parametrize("source", ["rest", "graph"])
def test_a_value_that_does_not_fit_is_drift_at_its_own_place(gateway: Inside, source: str) -> None:
    body = gateway.ask(asking(source, "types"))
    assert body["data"] == {"broken": None}
    by_path = {tuple(error["path"]): error["extensions"] for error in body["errors"]}
    told = by_path["broken", "name"]
    assert (told["code"], told["retryable"], told["owner"]) == ("SCHEMA_DRIFT", False, TEAM)
    assert told["coordinate"] == f"{source.title()}Fault.name"
    assert told["upstream"]["error_type"] == "schema_drift"
    assert "String" in told["expected"]
    assert "7" in told["actual"] or "int" in told["actual"].lower() or "number" in told["actual"].lower()


@pytest.mark.parametrize("source", ["rest", "graph"])
def test_a_required_value_that_is_missing_is_drift(gateway: Inside, source: str) -> None:
    body = gateway.ask(asking(source, "missing"))
    assert body["data"] == {"broken": None}
    assert [(e["extensions"]["code"], e["path"]) for e in body["errors"]] == [("SCHEMA_DRIFT", ["broken", "name"])]


def test_an_error_beside_data_costs_only_its_own_place(gateway: Inside) -> None:
    body = gateway.ask(asking("graph", "partial"))
    assert body["data"] == {"broken": {"name": "anvil", "size": None}}
    [error] = body["errors"]
    assert error["path"] == ["broken", "size"]
    assert error["extensions"]["code"] == "UPSTREAM_GRAPHQL_ERROR"
    assert error["extensions"]["upstream"]["code"] == "NO_SIZE"
    assert SECRET not in json.dumps(body)


def test_an_empty_answer_of_a_rest_service_is_null_and_no_error(unharmed: Inside) -> None:
    assert unharmed.ask(asking("rest", "nothing")) == {"data": {"broken": None}}


def test_the_healthy_answer_carries_no_noise(unharmed: Inside) -> None:
    for source in ("rest", "graph"):
        assert unharmed.ask(asking(source, "none")) == {"data": {"broken": {"name": "anvil", "size": 3}}}


def test_one_fault_leaves_everything_else_as_it_is(gateway: Inside) -> None:
    body = gateway.ask(
        '{ a: restFault(kind: "500") { name } b: restFault(kind: "none") { name } c: graphFault(kind: "none") { size } }'
    )
    assert body["data"] == {"a": None, "b": {"name": "anvil"}, "c": {"size": 3}}
    assert [error["path"] for error in body["errors"]] == [["a"]]


# ---------------------------------------------------------------- how much is shown, and to whom


@pytest.fixture(scope="module", params=[(d, a) for d in ("none", "safe", "full") for a in ("public", "internal")], ids="-".join)
def shown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, Inside]]:
    detail, audience = request.param
    errors = f"{{upstream_detail: {detail}, audience: {audience}}}"
    with faulty(tmp_path_factory.mktemp("shown"), errors) as gateway:
        yield detail, audience, gateway


@pytest.mark.parametrize("fault", ["500", "401", "404", "422", "html", "redirect", "closed"])
def test_the_owner_survives_every_masking(shown: tuple[str, str, Inside], fault: str) -> None:
    detail, audience, gateway = shown
    [error] = gateway.ask(asking("rest", fault))["errors"]
    told = error["extensions"]
    assert told["owner"] == (TEAM | {"internal": INTERNAL} if audience == "internal" else TEAM)
    assert {"code", "service", "error_id", "request_id", "retryable"} <= told.keys()
    assert ("upstream" in told) == (detail != "none")


def test_a_problem_document_is_shown_as_far_as_allowed(shown: tuple[str, str, Inside]) -> None:
    detail, _, gateway = shown
    [error] = gateway.ask(asking("rest", "500"))["errors"]
    told = error["extensions"]
    safe = {"type": faults.PROBLEM["type"], "title": faults.PROBLEM["title"], "status": 500}
    expected = {"none": None, "safe": safe, "full": faults.PROBLEM | {"status": 500}}[detail]
    assert told.get("upstream", {}).get("problem") == expected
    assert (SECRET in json.dumps(error)) == (detail == "full")
    assert ("url" in told.get("upstream", {})) == (detail == "full")
    if detail != "none":
        assert told["upstream"]["request_id"] == "up-500"


def test_the_words_of_a_graphql_service_are_shown_only_in_full(shown: tuple[str, str, Inside]) -> None:
    detail, _, gateway = shown
    [error] = gateway.ask(asking("graph", "refused"))["errors"]
    upstream = error["extensions"].get("upstream", {})
    assert upstream.get("code") == {"none": None, "safe": "OUT_OF_STOCK", "full": "OUT_OF_STOCK"}[detail]
    assert (SECRET in json.dumps(error)) == (detail == "full")


# ---------------------------------------------------------------- the caller's own


def test_a_bug_of_the_gateway_is_the_gateway_s(gateway: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a secret of ours")

    monkeypatch.setattr("gateway.execution.run.keyed.gather", broken)
    monkeypatch.setattr("gateway.execution.run.Run._root", broken)
    answer = gateway.post(asking("rest", "none"))
    assert answer.json()["data"] == {"broken": None}
    [error] = answer.json()["errors"]
    told = error["extensions"]
    assert (told["code"], told["service"], told["owner"], told["retryable"]) == (
        "INTERNAL_SERVER_ERROR",
        "gateway",
        PLATFORM,
        False,
    )
    assert error["path"] == ["broken"]
    assert "secret" not in answer.text


MANY_ALIASES = "{ " + " ".join(f'a{i}: restFault(kind: "none") {{ name }}' for i in range(31)) + " }"
REFUSED = {
    "{": "GRAPHQL_PARSE_FAILED",
    "{ nothing }": "GRAPHQL_VALIDATION_FAILED",
    "query ($k: String!) { restFault(kind: $k) { name } }": "BAD_USER_INPUT",
    "query A { __typename } query B { __typename }": "BAD_USER_INPUT",
    MANY_ALIASES: "LIMIT_EXCEEDED",
    "{ " + "restFault { " * 20 + "name" + " }" * 21: "LIMIT_EXCEEDED",
    "{ __typename" + " " + "__typename " * 6000 + "}": "LIMIT_EXCEEDED",
    "{" * 100_000: "LIMIT_EXCEEDED",
}


@pytest.mark.parametrize(("document", "code"), REFUSED.items(), ids=lambda value: value[:20])
def test_a_request_that_is_refused_is_the_caller_s_and_costs_no_call(gateway: Inside, document: str, code: str) -> None:
    for accept, status in (("application/graphql-response+json", 400), ("application/json", 200)):
        answer = gateway.post(document, accept=accept)
        assert answer.status_code == status
        assert "data" not in answer.json()
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-upstream-calls"] == "0"
        for error in answer.json()["errors"]:
            told = error["extensions"]
            assert (told["code"], told["retryable"], told["service"], told["owner"]) == (code, False, "gateway", PLATFORM)
            assert told["request_id"] == answer.headers["x-request-id"]


def test_a_limit_says_which_and_how_much(gateway: Inside) -> None:
    [error] = gateway.ask(MANY_ALIASES)["errors"]
    assert {name: error["extensions"][name] for name in ("which", "limit", "actual")} == {
        "which": "aliases",
        "limit": 30,
        "actual": 31,
    }


def test_a_gateway_that_is_shutting_down_answers_whoever_has_come(gateway: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway.house, "draining", True)
    answer = gateway.post(asking("rest", "none"))
    assert (answer.status_code, "errors" in answer.json()) == (200, False)


def test_a_mutation_is_refused_and_its_owner_named(gateway: Inside) -> None:
    answers = {400: gateway.post('mutation { mend(kind: "x") }'), 405: gateway.get('mutation { mend(kind: "x") }')}
    for status, answer in answers.items():
        assert answer.status_code == status
        assert "data" not in answer.json()
        [error] = answer.json()["errors"]
        told = error["extensions"]
        assert (told["code"], told["service"], told["owner"]) == ("OPERATION_NOT_SUPPORTED", "graph", TEAM)
        assert told["url"].startswith("http://127.0.0.1:")
        assert told["url"] in error["message"]
    assert "POST" in answers[405].headers["allow"]


def test_a_mutation_nobody_has_is_refused_before_it_is_validated(gateway: Inside) -> None:
    [error] = gateway.ask("mutation { launch(missiles: 3) { boom } }")["errors"]
    assert error["extensions"]["code"] == "OPERATION_NOT_SUPPORTED"
    assert error["extensions"]["owner"] == PLATFORM


def test_a_subscription_is_refused_too(gateway: Inside) -> None:
    [error] = gateway.ask("subscription { stockChanged { name } }")["errors"]
    assert error["extensions"]["code"] == "OPERATION_NOT_SUPPORTED"


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"content": b"{}", "headers": {"content-type": "text/plain"}}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400, "BAD_USER_INPUT"),
        ({"json": {"query": "{ __typename }"}, "headers": {"accept": "image/png"}}, 406, "NOT_ACCEPTABLE"),
        ({"json": {"query": "x" * 300_000}}, 413, "LIMIT_EXCEEDED"),
    ],
    ids=["media type", "json", "accept", "size"],
)
def test_a_form_the_door_refuses_has_the_same_shape(gateway: Inside, request_: dict[str, Any], status: int, code: str) -> None:
    headers = {"accept": "application/graphql-response+json"} | request_.pop("headers", {})
    answer = gateway.http.post(gateway.url, headers=headers, **request_)
    assert answer.status_code == status
    [error] = answer.json()["errors"]
    assert (error["extensions"]["code"], error["extensions"]["owner"]) == (code, PLATFORM)
    assert error["extensions"]["request_id"] == answer.headers["x-request-id"]
