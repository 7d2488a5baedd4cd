"""Requests that share their work: each has its own trace, with a link to where it was done. The console tells it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from .gateway import Process, process
from .shop import PATIENT, Shop, configure, open_shop
from .test_sources_down import until

ALIKE = '{ product(sku: "p7") { name } }'
SAME_CALL = 'query Other { product(sku: "p7") { name } }'
FIRST, ALSO, THIRD = ("a" * 32, "b" * 32, "c" * 32)


def asked(gateway: Process, query: str, trace: str) -> Any:
    return gateway.ask(query, traceparent=f"00-{trace}-00f067aa0ba902b7-01")


def begun(gateway: Process) -> int:
    page = gateway.http.get(gateway.url.replace("graphql", "metrics")).text
    [line] = [line for line in page.splitlines() if line.startswith("http_server_active_requests{")]
    return int(float(line.rpartition(" ")[2]))


def spans(printed: str) -> list[dict[str, Any]]:
    """The console exporter prints JSON objects one after the other."""
    found, decoder, at = [], json.JSONDecoder(), printed.find("{")
    while at >= 0:
        try:
            span, end = decoder.raw_decode(printed, at)
        except json.JSONDecodeError:
            end = at + 1
        else:
            found += [span] if "context" in span else []
        at = printed.find("{", end)
    return found


def shared(gateway: Process, shop: Shop) -> str:
    """Three requests at once, of which one calls; what was printed until the gateway's end."""
    until(lambda: "data" in gateway.ask("{ __typename }"))
    for query in (ALIKE, SAME_CALL):  # known by then: what is measured is a shared call, not shared planning
        assert "errors" not in gateway.ask(query)
    shop.held.clear()
    shop.gate.clear()
    with ThreadPoolExecutor() as pool:
        answers = [pool.submit(asked, gateway, ALIKE, FIRST)]
        assert shop.held.wait(20)
        answers += [pool.submit(asked, gateway, ALIKE, ALSO), pool.submit(asked, gateway, SAME_CALL, THIRD)]
        until(lambda: begun(gateway) == 3)
        shop.gate.set()
        assert all("errors" not in each.result() for each in answers)
    gateway.told_to_stop()
    out, errors = gateway.process.communicate(timeout=30)
    return str(out + errors)


def test_who_shares_an_answer_or_a_call_links_to_the_trace_that_made_it(tmp_path: Path) -> None:
    with open_shop(tmp_path, local=False) as shop:
        config = configure(shop, f"{PATIENT}\n  admin: {{public: [metrics]}}")
        config.write_text(config.read_text() + "\ntelemetry: {traces: {exporter: console, sample: 0%}}\n")
        with process(config) as gateway:
            printed = spans(shared(gateway, shop))
    by_trace = {trace: [span for span in printed if trace in span["context"]["trace_id"]] for trace in (FIRST, ALSO, THIRD)}
    assert {span["kind"] for span in by_trace[FIRST]} == {"SpanKind.SERVER", "SpanKind.INTERNAL", "SpanKind.CLIENT"}
    [server] = by_trace[ALSO]
    [link] = server["links"]
    assert FIRST in link["context"]["trace_id"]
    assert server["attributes"]["gateway.answer.from"] == "shared"
    [fetch] = [span for span in by_trace[THIRD] if span["name"] == "fetch catalog"]
    [link] = fetch["links"]
    assert FIRST in link["context"]["trace_id"]
    assert fetch["attributes"]["gateway.fetch.served"] == "collapsed"
    assert [span for span in by_trace[THIRD] if span["kind"] == "SpanKind.CLIENT"] == [], "it made no call of its own"
