"""Operations by their id: APQ, trusted documents of three formats, and addresses a cache can keep."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.errors import BadUserInput, PersistedQueryNotFound, PersistedQueryRequired
from gateway.server.house import Front
from gateway.server.params import Params
from gateway.server.persisted import Documents, Manifest, parse
from tests.server.conftest import StubHouse, behind

TEXT = "{ hello }"
OTHER = '{ hello(name: "b") }'
HASH = sha256(TEXT.encode()).hexdigest()


def apq(digest: str = HASH, version: int = 1) -> dict[str, Any]:
    return {"persistedQuery": {"version": version, "sha256Hash": digest}}


def manifest(folder: Path, content: Any = None) -> Manifest:
    path = folder / "operations.json"
    path.write_text(json.dumps({"one": TEXT} if content is None else content))
    return Manifest(path, lambda: clock[0])


clock = [0.0]


@pytest.mark.parametrize(
    "content",
    [
        {"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id": "one", "type": "query", "body": TEXT}]},
        {"one": TEXT},
    ],
)
def test_each_format_of_a_manifest(content):
    assert parse(json.dumps(content).encode()) == {"one": TEXT}


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"a": 1}', b'{"a": ""}', b'{"format": "other", "operations": []}'])
def test_what_is_no_manifest_is_refused(raw):
    with pytest.raises(ValueError, match="it is"):
        parse(raw)


def test_a_trusted_document_is_found_by_its_id_and_by_its_text(tmp_path):
    documents = Documents(manifest(tmp_path), enforce=True)
    assert documents.text(Params(document_id="one")) == TEXT
    assert documents.text(Params(extensions=apq("one"))) == TEXT
    assert documents.text(Params(TEXT)) == TEXT


@pytest.mark.parametrize(
    ("params", "refusal"),
    [
        (Params(OTHER), PersistedQueryRequired),
        (Params(OTHER, extensions=apq(sha256(OTHER.encode()).hexdigest())), PersistedQueryRequired),
        (Params(OTHER, document_id="two"), PersistedQueryRequired),
        (Params(document_id="two"), PersistedQueryNotFound),
        (Params(), BadUserInput),
    ],
)
def test_where_the_manifest_is_enforced_nothing_else_is_answered(tmp_path, params, refusal):
    documents = Documents(manifest(tmp_path), enforce=True)
    for _ in range(2):
        with pytest.raises(refusal):
            documents.text(params)


def test_where_it_only_reports_others_are_told_to_the_log_once(tmp_path, caplog):
    documents = Documents(manifest(tmp_path))
    assert [documents.text(Params(OTHER)) for _ in range(3)] == [OTHER] * 3
    assert len(caplog.records) == 1


async def test_a_changed_manifest_is_read_again_and_a_broken_one_is_not_used(tmp_path):
    kept = manifest(tmp_path)
    documents = Documents(kept, enforce=True)
    for number, (content, known) in enumerate([('{"two": "{ hello }"}', "two"), ("{", "two"), ('{"three": "{ a }"}', "three")]):
        (tmp_path / "operations.json").write_text(content)
        os.utime(tmp_path / "operations.json", ns=(number, number))
        clock[0] += 2
        kept.look()
        if kept._reading is not None:
            await kept._reading
        assert documents.text(Params(document_id=known))


@pytest.mark.parametrize(
    "extensions",
    [{"persistedQuery": 1}, {"persistedQuery": {}}, apq(version=2), {"persistedQuery": {"version": 1, "sha256Hash": 7}}],
)
def test_what_is_no_apq_is_refused(extensions):
    with pytest.raises(BadUserInput):
        Documents().text(Params(TEXT, extensions=extensions))


def test_a_text_that_does_not_have_its_hash_is_never_kept():
    documents = Documents()
    with pytest.raises(BadUserInput):
        documents.text(Params(OTHER, extensions=apq()))
    with pytest.raises(PersistedQueryNotFound):
        documents.text(Params(extensions=apq()))


# ---------------------------------------------------------------- at the door


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, StubHouse]]:
    with behind(Front(documents=Documents(manifest(tmp_path_factory.mktemp("manifest"))))) as both:
        yield both


@pytest.mark.parametrize("get", [True, False])
def test_apq_from_the_first_question_to_the_answer(door, get):
    client, house = door
    house.reset()
    text = f"{{ hello(name: {json.dumps(str(get))}) }}"
    ask = {"extensions": apq(sha256(text.encode()).hexdigest())}

    def send(given: dict[str, Any]) -> Any:
        if get:
            return client.get("/graphql", params={k: v if isinstance(v, str) else json.dumps(v) for k, v in given.items()})
        return client.post("/graphql", json=given)

    first = send(ask)
    assert (first.status_code, first.json()["errors"][0]["message"]) == (200, "PersistedQueryNotFound")
    assert first.json()["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
    assert first.headers["cache-control"] == "no-store"
    assert send(ask | {"query": text}).json() == {"data": {"hello": "world"}}
    assert send(ask).json() == {"data": {"hello": "world"}}


def test_a_document_has_an_address_of_its_own(door):
    client, house = door
    house.reset()
    answer = client.get("/graphql/persisted/one", params={"variables": '{"a": 1}'})
    assert answer.json() == {"data": {"hello": "world"}}
    (asked,) = house.engine.asked
    assert (asked.document, asked.variables, asked.read_only_method) == (TEXT, {"a": 1}, True)


def test_an_address_of_no_document_says_so(door):
    strict = {"accept": "application/graphql-response+json"}
    answer = door[0].get("/graphql/persisted/nothing", headers=strict)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (400, "PERSISTED_QUERY_NOT_FOUND")


def test_a_stream_too_is_only_of_trusted_documents(tmp_path):
    with behind(Front(documents=Documents(manifest(tmp_path), enforce=True))) as (client, _):
        streamed = client.post("/graphql", json={"query": OTHER}, headers={"accept": "text/event-stream"})
        assert "PERSISTED_QUERY_REQUIRED" in streamed.text
        assert "world" in client.post("/graphql", json={"query": TEXT}, headers={"accept": "text/event-stream"}).text
