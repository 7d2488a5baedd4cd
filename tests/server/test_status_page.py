"""`/status`: readable without a script, harmless whatever the sources' owners wrote, and silent about what is internal."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from gateway.errors import Disclosure
from gateway.server.status import render
from gateway.server.street import backyard, street

from .conftest import StubHouse

NOW = 1_800_000_000.0
OWNER = {
    "team": "Stock & Supply",
    "contact": {"email": "stock@example.com", "chat": "https://chat.example.com/stock", "hours": "Mon-Fri"},
    "docs": "https://docs.example.com",
    "from": "config",
    "internal": {"oncall": "pager-4711", "runbook": "https://wiki.example.com/run"},
}
TRAFFIC = {
    "calls": 40,
    "errors": 10,
    "hits": 5,
    "stale": 5,
    "p50_ms": 12.0,
    "p95_ms": 1800.0,
    "series": [0, 3, 50],
    "failures": [0, 1, 9],
}


def a_source(**changes: Any) -> dict[str, Any]:
    plain = {"name": "inventory", "kind": "openapi", "url": "https://inventory.example.com", "schema": "read", "owner": OWNER}
    return {**plain, "breaker": "closed", "queued": 0, "traffic": {}, **changes}


def page(*sources: dict[str, Any], **more: Any) -> str:
    return render({"version": "1.2", "ready": True, "owner": {"team": "Platform"}, "sources": list(sources), **more}, NOW)


class Reader(HTMLParser):
    """Tags with their attributes, the text, and whether every tag is closed."""

    VOID = frozenset({"meta", "rect", "polyline", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data if self.open[-1:] != ["style"] else ""


def test_a_healthy_house_says_so_at_once() -> None:
    read = Reader(page(a_source()))
    assert "All sources are well" in read.text
    assert "no calls yet" in read.text


def test_it_needs_no_script_and_loads_nothing() -> None:
    read = Reader(page(a_source(traffic=TRAFFIC)))
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in read.tags}
    assert any(tag == "meta" and about.get("name") == "viewport" for tag, about in read.tags)


def test_what_is_broken_stands_first_with_the_failure_that_opened_its_circuit() -> None:
    opened = {"since": NOW - 90, "code": "UPSTREAM_ERROR", "status": 503}
    read = Reader(page(a_source(name="a-well"), a_source(name="z-broken", breaker="open", opened=opened)))
    assert "z-broken needs attention" in read.text
    assert read.text.index("z-broken circuit open") < read.text.index("a-well well")
    assert "Circuit opened 2 min ago, by UPSTREAM_ERROR, answered 503." in read.text


def test_figures_are_said_as_a_person_would() -> None:
    text = Reader(page(a_source(traffic=TRAFFIC, queued=3))).text
    for said in ("calls40", "errors25.0%", "typical12 ms", "slowest 5 %1.8 s", "from cache20%", "in queue3"):
        assert said in text


def test_a_sparkline_says_in_words_what_it_shows() -> None:
    read = Reader(page(a_source(traffic=TRAFFIC)))
    (svg,) = [about for tag, about in read.tags if tag == "svg"]
    assert svg["role"] == "img"
    assert svg["aria-label"] == "inventory: at most 50 uses in ten seconds; 10 of 53 failed"


def test_every_way_to_reach_the_owner_is_there() -> None:
    read = Reader(page(a_source()))
    links = {about["href"] for tag, about in read.tags if tag == "a"}
    assert {"mailto:stock@example.com", "https://chat.example.com/stock", "https://docs.example.com"} <= links
    assert "Stock & Supply" in read.text


def test_what_somebody_wrote_is_text_and_a_link_leads_only_to_the_web() -> None:
    evil = "<script>alert(1)</script>"
    contact = {"email": evil, "chat": "javascript:alert(1)"}
    owner = {"team": evil, "contact": contact, "docs": "data:text/html,x"}
    said = {"code": "X", "said": evil, "at": NOW, "status": None}
    read = Reader(page(a_source(name=f"a{evil}", kind=evil, url=evil, owner=owner, last_failure=said)))
    assert "script" not in {tag for tag, _ in read.tags}
    assert all((about["href"] or "").startswith(("http", "mailto:", "status")) for tag, about in read.tags if tag == "a")


def test_recent_changes_are_a_table_with_headings() -> None:
    change = {
        "at": NOW - 7200,
        "source": "inventory",
        "criticality": "breaking",
        "message": "Stock.sku was removed.",
        "state": "staged",
    }
    read = Reader(page(a_source(), changes=[change]))
    assert [about.get("scope") for tag, about in read.tags if tag == "th"] == ["col"] * 5
    assert "2 h agoinventorybreakingStock.sku was removed.staged" in read.text


def client_of(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://gateway")


class Owned(StubHouse):
    def status(self) -> dict[str, Any]:
        return {"owner": {"team": "P", "internal": {"oncall": "pager-1"}}, "sources": [a_source()]}


@pytest.mark.parametrize("path", ["/status", "/status.json"])
async def test_whom_to_page_is_told_to_operators_alone(path: str) -> None:
    house = Owned()
    async with client_of(street(house, public=frozenset({"status"}))) as public, client_of(backyard(house)) as admin:
        told, shown = await admin.get(path), await public.get(path)
        assert "pager-4711" in told.text
        assert "pager" not in shown.text
        assert "stock@example.com" in shown.text
        house.disclosure = Disclosure(audience="internal")
        assert "pager-4711" in (await public.get(path)).text


async def test_the_page_comes_with_a_policy_that_forbids_scripts() -> None:
    async with client_of(backyard(Owned())) as admin:
        answer = await admin.get("/status")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert answer.headers["cache-control"] == "no-store"


async def test_the_page_refreshes_itself_until_it_is_asked_to_hold_still() -> None:
    async with client_of(backyard(Owned())) as admin:
        moving, still = await admin.get("/status"), await admin.get("/status?still")
    assert moving.headers["refresh"] == "10"
    assert 'href="status?still"' in moving.text
    assert "refresh" not in still.headers
    assert 'href="status"' in still.text
    assert "http-equiv" not in moving.text + still.text
