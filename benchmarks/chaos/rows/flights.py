"""Rows that several batches want in the same moment: each is asked for once, and nobody inherits what befalls another one."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from benchmarks.chaos.rows.crowds import TURNS_OF_THE_LOOP
from benchmarks.chaos.rows.fails import unavailable
from benchmarks.chaos.sizes import Size
from benchmarks.chaos.world import CREDENTIAL, Answer, Connection, Fault, Question, Source, World, credential, until, world
from benchmarks.rows import Row

PER_PAGE = 10
POPULAR = 40
"""Different rows of one wave: most pages have most of them in common."""
FAILURES = 2
ANN, BOB = "ann", "bob"
LINK: Mapping[str, Any] = {
    "field": "Entry.row",
    "to": "rows.row",
    "with": {"id": "$key"},
    "batch": {"via": "listRows", "arg": "ids", "key": "id", "max": 100},
}
WHOLE = {"type": "integer", "format": "int32"}


def keys_of(page: int) -> list[int]:
    """Those of a wave are their own: nobody has kept them yet."""
    draw, wave = Random(page), page // 1000
    return draw.sample([wave * 1000 + number for number in range(POPULAR)], PER_PAGE)


class Pages(Source):
    """`GET /pages/{id}`: which rows a page has."""

    async def answer(self, path: str, _head: bytes) -> bytes:
        entries = [{"key": key} for key in keys_of(int(path.rpartition("/")[2]))]
        return said(entries)

    def document(self, url: str) -> dict[str, Any]:
        by_id = {"name": "id", "in": "path", "required": True, "schema": WHOLE}
        entries = {"type": "array", "items": {"$ref": "#/components/schemas/Entry"}}
        return _document(url, {"/pages/{id}": _read("page", by_id, entries)}, "Entry", {"key": WHOLE})


class Rows(Source):
    """`GET /rows/{id}`, `GET /rows?ids=1&ids=2`: and which of them it was asked for, by whom."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.headers = "cache-control: max-age=600\r\n"
        self.asked: Counter[tuple[str, int]] = Counter()

    def note(self, path: str, who: str) -> list[int]:
        ids = [int(each) for each in parse_qs(urlsplit(path).query)["ids"]]
        self.asked.update((who, each) for each in ids)
        return ids

    async def answer(self, path: str, head: bytes) -> bytes:
        who = credential(head)
        ids = self.note(path, who)
        await self.gate.wait()
        return said([{"id": each, "text": f"row {each} for {who}"} for each in ids], self.headers)

    def document(self, url: str) -> dict[str, Any]:
        by_id = {"name": "id", "in": "path", "required": True, "schema": WHOLE}
        by_ids = {"name": "ids", "in": "query", "required": True, "schema": {"type": "array", "items": WHOLE}}
        one = {"$ref": "#/components/schemas/Row"}
        paths = {"/rows/{id}": _read("row", by_id, one), "/rows": _read("listRows", by_ids, {"type": "array", "items": one})}
        return _document(url, paths, "Row", {"id": WHOLE, "text": {"type": "string"}})


def said(value: object, headers: str = "") -> bytes:
    body = json.dumps(value)
    return f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n{headers}\r\n{body}".encode()


def _read(name: str, parameter: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    answer = {"description": "it", "content": {"application/json": {"schema": schema}}}
    return {"get": {"operationId": name, "parameters": [parameter], "responses": {"200": answer}}}


def _document(url: str, paths: Mapping[str, Any], name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    thing = {"type": "object", "required": list(fields), "properties": fields}
    about = {"title": name, "version": "1"}
    return {
        "openapi": "3.0.3",
        "info": about,
        "servers": [{"url": url}],
        "paths": paths,
        "components": {"schemas": {name: thing}},
    }


# ---------------------------------------------------------------- waves


class Wave(msgspec.Struct, frozen=True):
    """What came of pages asked at once, by caller."""

    answers: Mapping[str, Sequence[Answer]]
    most: int
    """Times one row was asked for by one caller."""
    rows: int
    """Asked for, each caller's counted for itself."""


async def wave(w: World, number: int, pages: int, callers: Sequence[str] = (ANN,), failures: int = 0, leavers: int = 0) -> Wave:
    """Of the calls for rows the first so many fail, of the callers the first so many leave, once all is under way."""
    source, numbers = w["rows"].source, [1000 * number + each for each in range(pages)]
    assert isinstance(source, Rows)
    wanted = {(who, key) for who in callers for each in numbers for key in keys_of(each)}
    source.gate.clear()
    left = failures

    async def late_failure(connection: Connection, path: str) -> None:
        source.note(path, ANN)
        await source.gate.wait()
        await unavailable(connection)

    def decide(path: str) -> Fault | None:
        nonlocal left
        if not left:
            return None
        left -= 1
        return partial(late_failure, path=path)

    w["rows"].decide = decide
    gone = [asyncio.create_task(w.caller.ask(page(each), _headers(ANN))) for each in numbers[:leavers]]
    asking = {who: asyncio.gather(*(w.caller.ask(page(each), _headers(who)) for each in numbers[leavers:])) for who in callers}
    await until(lambda: _all_asked(source, wanted))
    for _ in range(TURNS_OF_THE_LOOP):
        await w.caller.status()
    for task in gone:
        task.cancel()
    await asyncio.gather(*gone, return_exceptions=True)
    source.gate.set()
    answers = {who: await got for who, got in asking.items()}
    counts = [source.asked[each] for each in wanted]
    return Wave(answers, max(counts), sum(map(bool, counts)))


async def _all_asked(source: Rows, wanted: set[tuple[str, int]]) -> bool:
    return wanted <= source.asked.keys()


def page(number: int) -> Question:
    return "query($id: Int!) { page(id: $id) { key row { id text } } }", number


def _headers(who: str) -> str:
    return f"authorization: {who}\r\n"


def _is_whole(answer: Answer, who: str) -> bool:
    """All rows are there, and they are this caller's."""
    entries = (answer.body.get("data") or {}).get("page") or []
    right = [each["row"] == {"id": each["key"], "text": f"row {each['key']} for {who}"} for each in entries]
    return len(right) == PER_PAGE and all(right) and not answer.body.get("errors")


def _is_told(answer: Answer) -> bool:
    """Every row that is missing is at the path of an error, or there are no errors and none is missing."""
    missing = any(each["row"] is None for each in answer.body["data"]["page"])
    return missing == bool(answer.body.get("errors"))


async def flights(size: Size) -> Row:
    """Waves of pages that have the same, new rows. The source answers only when it has been asked for all of them."""
    pages = min(size.identical // 10, 50)
    policy = size.patient() | {"retry": "off", "circuit_breaker": "off", "rows": CREDENTIAL}
    sources: dict[str, Source] = {"pages": Pages("pages"), "rows": Rows("rows")}
    async with world(sources, policy, links=[LINK], limits=size.limits()) as w:
        await w.caller.ask(page(1), _headers(ANN))  # from now on it is known that rows may be kept
        calm = await wave(w, 1, pages)
        two = await wave(w, 2, pages, (ANN, BOB))
        failing = await wave(w, 3, pages, failures=FAILURES)
        leaving = await wave(w, 4, pages, leavers=pages // 4)
    harmed = [each for each in failing.answers[ANN] if not _is_whole(each, ANN)]
    return Row(
        "rows in flight",
        {
            "pages": pages,
            "rows": calm.rows,
            "asked": calm.most,
            "of_two_callers": two.rows,
            "failures": FAILURES,
            "harmed": len(harmed),
            "asked_again": failing.most,
        },
        {
            "each row is asked for once": calm.most == 1,
            "by each caller for itself": two.most == 1 and two.rows == 2 * calm.rows,
            "nobody sees another's, all complete": all(
                _is_whole(answer, who) for each in (calm, two) for who, got in each.answers.items() for answer in got
            ),
            "a call that fails harms only the one it was for": 0 < len(harmed) <= FAILURES,
            "every missing row explained": all(map(_is_told, failing.answers[ANN])),
            "callers that leave harm nobody": all(_is_whole(each, ANN) for each in leaving.answers[ANN]),
        },
    )
