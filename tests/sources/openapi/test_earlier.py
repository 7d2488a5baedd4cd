"""What an earlier start left: the same as what would be built now, believed only if it is ours, and never by `check`."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest
from graphql import introspection_from_schema, print_ast
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway import __version__
from gateway.composition import Supergraph, compose
from gateway.composition.print import print_schema, print_sources
from gateway.config.model import Link
from gateway.config.problem import ConfigError
from gateway.sources.base import Subgraph
from gateway.sources.document import Document
from gateway.sources.openapi import earlier
from gateway.sources.openapi.fidelity import Fidelity
from gateway.sources.openapi.load import recalled, subgraph, value_of
from gateway.sources.packed import Packed
from gateway.upstream.call import Request
from tests.app.conftest import ask, opened
from tests.commands.conftest import Gateway, gateway
from tests.federated import federated
from tests.graphs import shop as graphql_shop
from tests.sources.openapi.documents import Maker
from tests.sources.openapi.shop import DOCUMENT, Shop
from tests.sources.openapi.world import a_fetch, a_source, plain_sends

__all__ = ["gateway"]

LOOKUP = {"type": "Buyer", "key": "id", "via": "getBuyer", "arg": "id"}


@pytest.fixture(autouse=True)
def _small_documents_are_kept_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(earlier, "WORTH", 0)


class Start:
    """Starts of one source with one folder for what they leave."""

    def __init__(self, folder: Path, base: Path | None = None) -> None:
        self.folder, self.base = folder, base

    def sends(self) -> Any:
        return replace(plain_sends(), built=self.folder)

    def build(self, text: str, **keys: Any) -> Subgraph:
        source, document = a_source(**keys), Document(text.encode(errors="surrogatepass"), "stock.yaml", self.base)
        fidelity = Fidelity()
        made = subgraph(source, self.sends(), document, value_of(source, document, fidelity), {}, fidelity)
        assert made.keep is not None
        made.keep()
        return made

    def again(self, text: str, **keys: Any) -> Subgraph | None:
        return recalled(a_source(**keys), self.sends(), Document(text.encode(errors="surrogatepass"), "stock.yaml", self.base))

    @property
    def file(self) -> Path:
        return earlier.place(self.folder, "stock")


@pytest.fixture
def start(tmp_path: Path) -> Start:
    return Start(tmp_path / "built")


def assert_same(one: Subgraph, other: Subgraph) -> None:
    assert list(one.types) == list(other.types)
    assert [print_ast(node) for node in one.types.values()] == [print_ast(node) for node in other.types.values()]
    assert dict(one.types) == dict(other.types)
    for part in ("unexposed", "refused", "origins"):
        assert dict(getattr(one, part)) == dict(getattr(other, part))
    for part in ("url", "owner", "lookups", "links", "diagnostics", "exposes", "query", "together"):
        assert getattr(one, part) == getattr(other, part)
    for part in ("names", "values", "scalars", "wraps", "entries", "open_enums", "rest", "coerce"):
        assert getattr(one.wire, part) == getattr(other.wire, part)
    assert one.wire.dispatch.keys() == other.wire.dispatch.keys()
    for name, dispatch in one.wire.dispatch.items():
        twin = other.wire.dispatch[name]
        assert (dispatch.property, dispatch.mapping) == (twin.property, twin.mapping)
        assert (dispatch.resolve is None) == (twin.resolve is None)


# ---------------------------------------------------------------- the same


def test_what_was_kept_is_what_would_be_built(start: Start) -> None:
    keys: dict[str, Any] = {"lookups": [LOOKUP], "expose": ("getOrder", "listOrders"), "options": {"links": "on"}}
    built = start.build(DOCUMENT, **keys)
    known = start.again(DOCUMENT, **keys)
    assert known is not None
    assert isinstance(known.types, Packed)
    assert_same(built, known)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32))
def test_any_document_comes_back_as_it_was_built(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    start = Start(tmp_path_factory.mktemp("built"))
    document = json.dumps(Maker(seed).document())
    built = start.build(document)
    known = start.again(document)
    if known is not None:  # what no format can hold is not kept
        assert_same(built, known)


def test_calls_are_the_same_with_credentials_put_in_anew(start: Start) -> None:
    document = DOCUMENT + "  securitySchemes: {key: {type: apiKey, in: header, name: X-Key}}\nsecurity: [{key: []}]\n"
    keys: dict[str, Any] = {"options": {"credentials": {"key": {"value": "swordfish"}}}}
    calls = []
    for graph in (start.build(document, **keys), start.again(document, **keys)):
        assert graph is not None
        prepared = graph.prepare(a_fetch(graph, "query { listBuyers(ids: $ids, limit: 3) { row_items { first_name } } }"))
        [chunk] = prepared.calls((), {"ids": [1, 2]}, Request("req_1"), lambda reply: reply)
        calls.append((chunk.call.method, chunk.call.url, chunk.call.headers))
    assert calls[0] == calls[1]
    assert ("x-key", "swordfish") in calls[1][2]
    assert b"swordfish" not in start.file.read_bytes()


def test_what_a_document_does_not_say_stays_in_the_configuration(start: Start) -> None:
    """Another key is no other build."""
    document = DOCUMENT + "  securitySchemes: {key: {type: apiKey, in: header, name: X-Key}}\nsecurity: [{key: []}]\n"
    start.build(document, options={"credentials": {"key": {"value": "old"}}})
    known = start.again(document, options={"credentials": {"key": {"value": "new"}}})
    assert known is not None
    prepared = known.prepare(a_fetch(known, "{ listOrders { id } }"))
    [chunk] = prepared.calls((), {}, Request("req_1"), lambda reply: reply)
    assert ("x-key", "new") in chunk.call.headers


# ---------------------------------------------------------------- of something else


@pytest.mark.parametrize(
    "changed",
    [{"expose": ("getOrder",)}, {"options": {"integer": "Int64"}}, {"url": "http://other.example.com"}, {"lookups": [LOOKUP]}],
)
def test_other_settings_are_another_build(start: Start, changed: dict[str, Any]) -> None:
    start.build(DOCUMENT)
    assert start.again(DOCUMENT, **changed) is None
    assert start.again(DOCUMENT) is not None


def test_another_document_is_another_build(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    start.build(DOCUMENT)
    assert start.again(DOCUMENT + "\n") is None
    assert not caplog.records


def test_another_release_is_another_build(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    start.build(DOCUMENT)
    monkeypatch.setattr(earlier, "__version__", __version__ + "+next")
    assert start.again(DOCUMENT) is None


def test_a_file_beside_the_document_that_changes_is_another_build(tmp_path: Path) -> None:
    start = Start(tmp_path / "built", tmp_path)
    document = DOCUMENT.replace("note: {type: string}", "note: {$ref: note.yaml}, late: {$ref: late.yaml}")
    (tmp_path / "note.yaml").write_text("{type: string}")
    start.build(document)
    assert start.again(document) is not None
    (tmp_path / "note.yaml").write_text("{type: integer}")
    assert start.again(document) is None
    start.build(document)
    (tmp_path / "late.yaml").write_text("{type: integer}")
    assert start.again(document) is None


def test_documents_of_other_hosts_are_read_each_time(start: Start) -> None:
    source = a_source(options={"allow_remote_refs": ["http://127.0.0.1:9/"]})
    assert recalled(source, start.sends(), Document(DOCUMENT.encode(), "stock.yaml")) is None


# ---------------------------------------------------------------- not to be believed


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def _bent(file: Path) -> None:
    text = bytearray(file.read_bytes())
    text[len(text) // 2] ^= 1
    file.write_bytes(bytes(text))


def _foreign(file: Path) -> None:
    file.write_bytes(b"\x80\x04\x95 a pickle")


def _open_to_all(file: Path) -> None:
    file.chmod(0o666)


def _led_elsewhere(file: Path) -> None:
    real = file.rename(file.with_suffix(".real"))
    file.symlink_to(real)


def _a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _not_a_build(file: Path) -> None:
    text, head = file.read_bytes(), len(earlier.MAGIC) + earlier.DIGEST
    payload = b"\x93\x01\x02\x03"
    right = blake2b(payload, digest_size=earlier.DIGEST).digest()
    file.write_bytes(text[:head] + right + payload)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_cut, "it is damaged"),
        (_bent, "it is damaged"),
        (_foreign, "it is damaged"),
        (_open_to_all, "others than this process's user can write it"),
        (_led_elsewhere, "symbolic links"),
        (_a_folder, "directory"),
        (_not_a_build, "it is not what this gateway writes"),
    ],
)
def test_a_file_that_is_not_ours_or_not_whole_is_told_and_not_used(
    start: Start, caplog: pytest.LogCaptureFixture, spoil: Any, said: str
) -> None:
    start.build(DOCUMENT)
    spoil(start.file)
    with caplog.at_level(logging.WARNING):
        assert start.again(DOCUMENT) is None
    [told] = caplog.messages
    assert str(start.file) in told
    assert said in told


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "built").write_text("in the way")
    start = Start(tmp_path / "built")
    with caplog.at_level(logging.WARNING):
        start.build(DOCUMENT)
    assert any("nothing is kept for the next start" in message for message in caplog.messages)


def test_the_folder_does_not_grow_without_end(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(earlier, "FILES", 2)
    for name in ("a", "b", "c"):
        start.build(DOCUMENT, name=name)
        os.utime(earlier.place(start.folder, name), ns=(0, ord(name)))
    start.build(DOCUMENT, name="d")
    kept = {file.name.partition("-")[0] for file in start.folder.iterdir()}
    assert kept == {"c", "d"}


# ---------------------------------------------------------------- composed without being opened


@pytest.fixture
def both(start: Start) -> tuple[Subgraph, Subgraph]:
    keys: dict[str, Any] = {"lookups": [LOOKUP], "name": "stock"}
    built, known = start.build(DOCUMENT, **keys), start.again(DOCUMENT, **keys)
    assert known is not None
    return built, known


LINKS = (Link.model_validate({"field": "Order.buyer", "to": "stock.getBuyer", "with": {"id": "$buyerId"}}),)


def test_a_kept_source_is_composed_as_a_built_one(both: tuple[Subgraph, Subgraph]) -> None:
    plain, packed = (compose([each], LINKS) for each in both)
    assert print_schema(plain) == print_schema(packed)
    assert print_sources(plain) == print_sources(packed)
    assert introspected(plain) == introspected(packed)


def introspected(supergraph: Supergraph) -> dict[str, Any]:
    """Without the order of its types, which says nothing."""
    said: dict[str, Any] = dict(introspection_from_schema(supergraph.schema)["__schema"])
    return said | {"types": {each["name"]: each for each in said["types"]}}


def test_composing_opens_the_root_and_what_links_touch_and_nothing_else(start: Start) -> None:
    start.build(DOCUMENT)
    known = start.again(DOCUMENT)
    assert known is not None
    assert isinstance(known.types, Packed)
    compose([known])
    assert set(known.types._opened) == {"Query"}


def test_a_kept_source_stands_beside_others(both: tuple[Subgraph, Subgraph]) -> None:
    services, links = graphql_shop()
    others = [service.subgraph() for service in services]
    joins = [Link.model_validate(link) for link in links]
    plain, packed = (compose([*others, each], [*joins, *LINKS]) for each in both)
    assert print_schema(plain) == print_schema(packed)
    assert {name: set(having) for name, having in packed.graph.possible.items()} == {
        name: set(having) for name, having in plain.graph.possible.items()
    }


def test_a_clash_is_told_as_it_would_be_of_a_built_one(start: Start, both: tuple[Subgraph, Subgraph]) -> None:
    other = start.build(DOCUMENT.replace("note: {type: string}", "note: {type: integer}"), name="other", expose=("getOrder",))
    told = []
    for each in both:
        with pytest.raises(ConfigError) as raised:
            compose([each, other])
        told.append([(problem.code, problem.message) for problem in raised.value.problems])
    assert told[0] == told[1]


def test_a_federated_graph_opens_everything(both: tuple[Subgraph, Subgraph]) -> None:
    people = federated("people", 'type Query { me: Person } type Person @key(fields: "id") { id: ID! name: String }')
    plain, packed = (compose([people, each]) for each in both)
    assert print_schema(plain) == print_schema(packed)


# ---------------------------------------------------------------- as a user sees it


@pytest.fixture
def service() -> Iterator[Shop]:
    running = Shop()
    yield running
    running.stop()


def _config(folder: Path, url: str) -> Path:
    (folder / "shop.yaml").write_text(DOCUMENT)
    config = folder / "gateway.yaml"
    config.write_text(
        f"version: 1\ngateway: {{state: {folder}/state, owner: {{team: Platform, contact: {{email: p@example.com}}}}}}\n"
        "owners: {shop: {team: Shop, contact: {email: shop@example.com}}}\n"
        f"sources: [{{name: shop, kind: openapi, url: '{url}', schema: shop.yaml, owner: shop}}]\n"
        "links: [{field: Order.buyer, to: shop.getBuyer, with: {id: $buyerId}}]\n"
    )
    return config


async def test_the_second_start_answers_from_what_the_first_one_left(service: Shop, tmp_path: Path) -> None:
    config = _config(tmp_path, service.url)
    query = '{ getOrder(id: 3) { id sum buyer { first_name } } __type(name: "Order") { fields { name } } }'
    answers = []
    for packed in (False, True):
        async with opened(config) as house:
            assert house.engine is not None
            assert isinstance(house.engine.supergraph.subgraphs["shop"].types, Packed) is packed
            answers.append(await ask(house, query))
            answers.append(await ask(house, "{ getOrder(id: 3) { nope } }"))
            await house.keep_builds()
    assert answers[0]["data"]["getOrder"] == {"id": 3, "sum": 0.75, "buyer": {"first_name": "B21"}}
    assert answers[2] == answers[0]
    assert answers[3]["errors"][0]["message"] == answers[1]["errors"][0]["message"]


async def test_check_believes_the_document_only(gateway: Gateway, service: Shop, tmp_path: Path) -> None:
    config = _config(tmp_path, service.url)
    async with opened(config) as house:
        await house.keep_builds()
    [file] = (tmp_path / "state" / "built").iterdir()
    before = file.read_bytes()
    assert (await asyncio.to_thread(gateway, "check", config)).code == 0
    _open_to_all(file)
    told = await asyncio.to_thread(gateway, "check", config)
    assert "built" not in told.err
    assert file.read_bytes() == before
