"""What a collector, a scrape and the log are told of the same requests, by a gateway that is a process of its own."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import yaml

from .gateway import Process, process
from .otlp import Collector, attributes, collector
from .shop import PATIENT, Shop, configure, open_shop
from .test_sources_down import until
from .wire import reply

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SAMPLED = f"00-{TRACE}-00f067aa0ba902b7-01"
UNSAMPLED = f"00-{TRACE}-00f067aa0ba902b7-00"
SECRET = "hunter2-in-a-header"
ASKED = "query Shelf($limit: Int) { listProducts(limit: $limit) { sku maker { name } } }"
METRIC = re.compile(r"^\| (`[a-z][^|]*`) \| (?:counter|gauge|histogram)? ?\|", re.MULTILINE)
DOCUMENTED = Path(__file__).parents[2] / "docs" / "observability.md"


def configured(shop: Shop, url: str, protocol: str) -> Path:
    telemetry = (
        f'otlp: {{endpoint: "{url}", protocol: {protocol}, headers: {{Authorization: "Bearer {SECRET}"}}}}, '
        f"traces: {{sample: 0%}}, metrics: {{exporter: otlp, every: 1h}}, "
        f"logs: {{exporter: otlp, format: json, successes: 100%}}"
    )
    config = configure(shop, gateway=f"{PATIENT}\n  admin: {{public: [metrics]}}")
    config.write_text(config.read_text() + f"\ntelemetry: {{{telemetry}}}\n")
    return config


class Told(msgspec.Struct, frozen=True):
    """Everything a gateway told of three requests: a sampled one, one that failed, one that is of no interest."""

    collector: Collector
    answers: list[httpx.Response]
    scraped: str
    openmetrics: str
    log: list[dict[str, Any]]
    """Lines of operations."""
    asked: list[dict[str, str]]
    """Headers that the stock service was sent."""


@pytest.fixture(scope="module", params=["http/protobuf", "grpc"])
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    protocol = request.param
    folder = tmp_path_factory.mktemp("observed")
    with open_shop(folder, local=False) as shop, collector(protocol.partition("/")[0]) as received:
        config = configured(shop, received.url, protocol)
        with process(config) as gateway:
            until(lambda: "data" in gateway.ask("{ __typename }"))
            before = len(shop.stock.asked)
            answers = [gateway.post(ASKED, {"limit": 2}, traceparent=SAMPLED, baggage="tenant=7", tracestate="a=1")]
            shop.broken["people"] = reply('{"title": "out of order", "password": "open sesame"}', 503)
            answers.append(gateway.post(ASKED, {"limit": 3}, traceparent=UNSAMPLED.replace("4bf9", "5bf9")))
            shop.broken.clear()
            answers.append(gateway.post("{ listProducts(limit: 4) { stock } }"))
            scraped = gateway.http.get(gateway.url.replace("graphql", "metrics"))
            assert scraped.headers["content-type"].startswith("text/plain; version=0.0.4")
            accept = {"accept": "application/openmetrics-text; version=1.0.0"}
            openmetrics = gateway.http.get(gateway.url.replace("graphql", "metrics"), headers=accept)
            assert openmetrics.headers["content-type"].startswith("application/openmetrics-text")
            asked = [dict(each.headers) for each in shop.stock.asked[before:]]
            gateway.told_to_stop()
            code, errors = gateway.ended()
        assert code == 0
        received.stop()
        lines = [json.loads(line) for line in errors.splitlines() if line.startswith("{")]
        operations = [line for line in lines if line["logger"] == "gateway.operation" and line["request_id"] in _ids(answers)]
        yield Told(received, answers, scraped.text, openmetrics.text, operations, asked)


def _ids(answers: list[httpx.Response]) -> list[str]:
    return [answer.headers["x-request-id"] for answer in answers]


def spans_of(told: Told, trace: str) -> dict[str, list[dict[str, Any]]]:
    """By name. Ids are Base64 in protobuf's JSON."""
    found: dict[str, list[dict[str, Any]]] = {}
    for span in told.collector.spans():
        if _hex(span["trace_id"]) == trace:
            found.setdefault(span["name"], []).append(span)
    return found


def _hex(text: str) -> str:
    return base64.b64decode(text).hex()


def test_a_sampled_request_is_a_server_span_with_its_fetches_and_their_attempts(told: Told) -> None:
    spans = spans_of(told, TRACE)
    [server] = spans["query"]
    assert server["kind"] == "SPAN_KIND_SERVER"
    assert _hex(server["parent_span_id"]) == "00f067aa0ba902b7"
    about = attributes(server)
    assert about["graphql.operation.name"] == "Shelf"
    assert about["graphql.operation.type"] == "query"
    assert about["http.response.status_code"] == 200
    assert about["gateway.request.id"] == told.answers[0].headers["x-request-id"]
    assert "graphql.document" not in about
    assert {"prepare", "plan", "fetch stock", "fetch people"} <= spans.keys()
    [attempt], [fetch] = spans["GET /products"], spans["fetch stock"]
    assert attempt["kind"] == "SPAN_KIND_CLIENT"
    assert attempt["parent_span_id"] == fetch["span_id"]
    assert fetch["parent_span_id"] == server["span_id"]
    assert attributes(attempt) | {"server.port": 0} == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "server.address": "127.0.0.1",
        "server.port": 0,
        "service.peer.name": "stock",
        "url.scheme": "http",
        "url.template": "/products",
    }


def test_the_source_is_sent_the_very_span_of_its_attempt(told: Told) -> None:
    [attempt] = spans_of(told, TRACE)["GET /products"]
    sent = told.asked[0]
    assert sent["traceparent"] == f"00-{TRACE}-{_hex(attempt['span_id'])}-01"
    assert (sent["tracestate"], sent["baggage"]) == ("a=1", "tenant=7")


def test_a_request_that_fails_is_told_whole_though_it_was_not_sampled(told: Told) -> None:
    spans = spans_of(told, TRACE.replace("4bf9", "5bf9"))
    [server], [fetch] = spans["query"], spans["fetch people"]
    assert server["status"]["code"] == fetch["status"]["code"] == "STATUS_CODE_ERROR"
    posts = [attributes(span) for span in spans["POST"]]
    attempts = [each for each in posts if each["service.peer.name"] == "people"]
    assert [each.get("http.request.resend_count") for each in attempts] == [None, *range(1, len(attempts))]
    assert {each["error.type"] for each in attempts} == {"503"}
    [event] = server["events"]
    error = told.answers[1].json()["errors"][0]["extensions"]
    assert attributes(event)["error_id"] == error["error_id"]
    assert attributes(event)["owner"] == error["owner"]["team"]


def test_a_request_that_is_of_no_interest_leaves_no_span(told: Told) -> None:
    traces = {_hex(span["trace_id"]) for span in told.collector.spans()}
    assert traces == {TRACE, TRACE.replace("4bf9", "5bf9")}


def test_every_span_and_metric_says_which_service_it_is_of(told: Told) -> None:
    for kind, name in (("traces", "resource_spans"), ("metrics", "resource_metrics"), ("logs", "resource_logs")):
        resources = [message[name][0]["resource"] for message in told.collector.of(kind)]
        assert {attributes(each)["service.name"] for each in resources} == {"signpost"}, kind


def test_the_collector_is_sent_the_configured_headers(told: Told) -> None:
    assert {each["headers"]["authorization"] for each in told.collector.received} == {f"Bearer {SECRET}"}


def test_a_push_and_a_scrape_tell_the_same(told: Told) -> None:
    pushed = told.collector.metrics()
    [fetches] = [
        point["as_double"] if "as_double" in point else int(point["as_int"])
        for point in pushed["gateway.fetches"]["sum"]["data_points"]
        if attributes(point)["gateway.source"] == "people" and attributes(point)["gateway.fetch.served"] == "error"
    ]
    assert fetches == 1
    lines = [line for line in told.scraped.splitlines() if line.startswith("gateway_fetches_total{")]
    wanted = [line for line in lines if 'source="people"' in line and 'served="error"' in line]
    assert [line.rpartition(" ")[2] for line in wanted] == ["1.0"]


def test_a_line_has_every_id_and_what_each_source_cost(told: Told) -> None:
    fine, failed, quiet = told.log
    assert [line["result"] for line in told.log] == ["ok", "partial", "ok"]
    assert [line["level"] for line in told.log] == ["info", "warning", "info"]
    assert fine["trace_id"] == TRACE
    assert fine["sources"]["stock"]["fetches"] == 1
    assert failed["sources"]["people"]["codes"] == ["UPSTREAM_ERROR"]
    [error] = failed["errors"]
    shown = told.answers[1].json()["errors"][0]["extensions"]
    assert (error["error_id"], error["owner"]) == (shown["error_id"], shown["owner"]["team"])
    assert (error["status"], error["said"]) == (503, "answered 503")
    assert failed["variables"] == {"limit": "number"}
    assert "operation" not in quiet


def test_the_collector_gets_the_lines_with_their_trace(told: Told) -> None:
    records = [record for record in told.collector.logs() if attributes(record).get("logger") == "gateway.operation"]
    traces = {_hex(record["trace_id"]) for record in records if "trace_id" in record}
    assert TRACE in traces


def test_an_exemplar_leads_from_a_bucket_to_its_trace(told: Told) -> None:
    exemplars = re.findall(r'^(\w+)_bucket\{.*# \{.*trace_id="(\w+)"', told.openmetrics, re.MULTILINE)
    names = {name for name, trace in exemplars if trace == TRACE}
    measured = ("http_server_request", "gateway_operation", "http_client_request")
    assert names == {f"{name}_duration_seconds" for name in measured}
    assert "# {" not in told.scraped


def test_no_secret_and_no_value_is_told_to_anyone(told: Told) -> None:
    everything = told.scraped + json.dumps(told.log) + json.dumps([each["message"] for each in told.collector.received])
    assert SECRET not in everything
    assert "open sesame" not in everything
    assert "limit=" not in everything


def test_every_metric_of_the_documentation_is_scraped_and_the_other_way_round(told: Told) -> None:
    page = DOCUMENTED.read_text().partition("## Metrics")[2].partition("*Cardinality.*")[0]
    documented = {name.replace(".", "_") for cell in METRIC.findall(page) for name in re.findall(r"`([a-z._]+)`", cell)}
    told_of = set(re.findall(r"^# TYPE (\w+) ", told.scraped, re.MULTILINE))
    scraped = {re.sub(r"(_seconds|_bytes)?(_total)?$", "", name) for name in told_of}
    assert documented - {"gateway_hedges"} <= scraped | {"gateway_queue_wait", "gateway_hedges"}
    assert scraped <= documented


def test_workers_are_told_of_together_and_what_one_has_counted_outlives_it(tmp_path: Path) -> None:
    with open_shop(tmp_path, local=False) as shop, _two_workers(shop) as gateway:
        until(lambda: _answers(gateway) and len(list((tmp_path / "state").glob("admin-*.sock"))) == 2)
        for _ in range(20):
            with httpx.Client(trust_env=False) as client:
                client.post(gateway.url, json={"query": "{ listProducts(limit: 1) { sku } }"})
        before = until(lambda: count if (count := _counted(gateway)) >= 20 else None)
        _kill_one(gateway)
        assert until(lambda: _scraped(gateway)) >= before


def _two_workers(shop: Shop) -> AbstractContextManager[Process]:
    return process(configured(shop, "http://127.0.0.1:1", "http/protobuf"), "--workers", "2")


def _answers(gateway: Process) -> bool:
    try:
        return gateway.http.post(gateway.url, json={"query": "{ __typename }"}).status_code == 200
    except httpx.TransportError:
        return False


def _scraped(gateway: Process) -> float | None:
    """None: the worker that took the connection was the one that died."""
    try:
        return _counted(gateway)
    except httpx.TransportError:
        return None


def _counted(gateway: Process) -> float:
    """Operations answered by all workers."""
    with httpx.Client(trust_env=False, timeout=20) as client:
        page = client.get(gateway.url.replace("graphql", "metrics")).text
    found = re.findall(r"^gateway_operation_calls_count\S* (\S+)$", page, re.MULTILINE)
    return sum(map(float, found))


def _kill_one(gateway: Process) -> None:
    """A worker dies as nobody wished; it is replaced."""
    children = Path(f"/proc/{gateway.process.pid}/task/{gateway.process.pid}/children").read_text().split()
    workers = [pid for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    os.kill(int(workers[0]), signal.SIGKILL)
    until(lambda: not Path(f"/proc/{workers[0]}").exists())


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed: a scrape is not linted")
def test_prometheus_has_nothing_to_say_against_a_scrape(told: Told) -> None:
    done = subprocess.run(["promtool", "check", "metrics"], input=told.scraped, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


# ---------------------------------------------------------------- what is made of it

OBSERVABILITY = Path(__file__).parents[2] / "config" / "observability"
CLAUSE = re.compile(r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|on|without|group_left|ignoring)\s*\([^)]*\)|\"[^\"]*\"")
NAMED = re.compile(r"\b(?:gateway|http|process|target)_\w+")
SELECTED = re.compile(r"\b((?:gateway|http|process|target)_\w+)\{([^}]*)\}")
BY_NAME = re.compile(r"\b((?:gateway|http|process)_\w+) *(?:=~|!~|!=|=)")


def expressions() -> list[str]:
    """Everything that dashboard and rules ask of Prometheus."""
    board = json.loads((OBSERVABILITY / "dashboard.json").read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    asked += [each["expr"] for each in board["annotations"]["list"]]
    asked += [each["query"]["query"] for each in board["templating"]["list"] if each["type"] == "query"]
    rules = yaml.safe_load((OBSERVABILITY / "rules.yaml").read_text())
    return asked + [rule["expr"] for group in rules["groups"] for rule in group["rules"]]


def test_every_metric_that_dashboard_and_rules_name_is_scraped(told: Told) -> None:
    samples = set(re.findall(r"^(\w+)(?:\{| )", told.scraped, re.MULTILINE)) | {
        "gateway_hedges_total",
        "gateway_telemetry_lost_total",
    }
    labels = set(re.findall(r'[{,](\w+)="', told.scraped)) | {"gateway_telemetry_signal", "gateway_telemetry_reason"}
    for asked in expressions():
        plain = CLAUSE.sub(" ", asked.removeprefix("label_values(").partition(",")[0] if "label_values" in asked else asked)
        assert set(NAMED.findall(plain)) <= samples, asked
        assert {name for _, inside in SELECTED.findall(asked) for name in BY_NAME.findall(inside)} <= labels, asked
