"""Where a document comes from when its first place fails: the snapshot, the last good copy, or nowhere, with the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.model import Schema
from gateway.config.problem import ConfigError, Problem
from gateway.errors import SourceUnavailable, UpstreamBadContent, UpstreamFailed, UpstreamUnreachable
from gateway.sources import document
from gateway.sources.document import Document, SchemaMissing, read_document
from gateway.sources.graphql import load
from tests.sources.graphql.services import listening, modern, serving
from tests.sources.graphql.world import SHOP, a_source, sends


async def read(place: str, state: Path | None = None, snapshot: Path | None = None) -> Document:
    return await read_document(a_source(schema_=Schema.model_construct(from_=place, snapshot=snapshot)), sends(state))


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def refused(place: str, **keys: Path) -> Problem:
    with pytest.raises(ConfigError) as caught:
        await read(place, **keys)
    (problem,) = caught.value.problems
    return problem


async def test_a_file_is_read_with_the_folder_its_references_start_from(tmp_path: Path) -> None:
    file = tmp_path / "shop.graphql"
    file.write_text(SHOP)
    assert await read(str(file)) == Document(SHOP.encode(), str(file), tmp_path)


async def test_a_missing_file_is_told_with_the_one_that_was_meant(tmp_path: Path) -> None:
    (tmp_path / "shop.graphql").write_text(SHOP)
    problem = await refused(str(tmp_path / "shops.graphql"))
    assert (problem.code, problem.fix) == ("SCHEMA_UNREADABLE", "did you mean shop.graphql?")
    assert problem.path == ("sources", "stock", "schema")


async def test_a_folder_is_not_a_document(tmp_path: Path) -> None:
    assert (await refused(str(tmp_path))).code == "SCHEMA_UNREADABLE"
    assert "there is no folder" in ((await refused(str(tmp_path / "no" / "such"))).fix or "")


async def test_a_file_beyond_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "LIMIT", 10)
    (tmp_path / "big").write_bytes(b"x" * 11)
    assert (await refused(str(tmp_path / "big"))).code == "SCHEMA_TOO_LARGE"


@pytest.mark.parametrize("place", ["introspect", "python:shop:schema"])
async def test_a_place_that_is_no_document_is_refused(place: str) -> None:
    assert (await refused(place)).code == "SCHEMA_REFERENCE"


async def test_a_url_is_read_and_kept_without_its_secrets(tmp_path: Path) -> None:
    with listening(serving("text/plain", SHOP.encode())) as url:
        secret = url.replace("127.0.0.1", "user:hunter2@127.0.0.1") + "?token=hunter2"
        told = await read(secret, tmp_path)
    assert (told.text, told.available, told.base) == (SHOP.encode(), True, None)
    assert told.name == url
    kept = files(tmp_path)
    assert [path.read_bytes() for path in kept] == [SHOP.encode()]
    assert "hunter2" not in str(kept)


async def test_a_service_that_is_down_leaves_its_last_good_copy(tmp_path: Path) -> None:
    with listening(serving("text/plain", SHOP.encode())) as url:
        await read(url, tmp_path)
    told = await read(url, tmp_path)
    assert (told.text, told.available) == (SHOP.encode(), False)
    assert isinstance(told.problem, UpstreamUnreachable)
    assert "last good copy" in told.name


async def test_a_snapshot_comes_before_the_copy(tmp_path: Path, nowhere: str) -> None:
    (tmp_path / "snapshot.graphql").write_text("type Query { snapshot: Int }")
    told = await read(nowhere, tmp_path, tmp_path / "snapshot.graphql")
    assert (told.text, told.available) == (b"type Query { snapshot: Int }", False)


async def test_a_snapshot_that_is_not_there_is_a_problem_of_its_own(tmp_path: Path, nowhere: str) -> None:
    problem = await refused(nowhere, snapshot=tmp_path / "none")
    assert problem.path == ("sources", "stock", "schema", "snapshot")


@pytest.mark.parametrize("state", [True, False])
async def test_without_any_copy_the_failure_names_source_address_owner_and_ways_out(
    state: bool, tmp_path: Path, nowhere: str
) -> None:
    with pytest.raises(SchemaMissing) as caught:
        await read(nowhere + "?token=hunter2", tmp_path if state else None)
    error, problem = caught.value, caught.value.problem
    assert isinstance(error, SourceUnavailable)
    assert (error.service, problem.code) == ("stock", "SCHEMA_MISSING")
    assert nowhere in problem.message
    assert "Stock & Supply (stock@example.com)" in problem.message
    assert "hunter2" not in problem.message
    assert "on_missing: omit" in (problem.fix or "")


@pytest.mark.parametrize(
    ("content_type", "body", "status", "kind"),
    [
        ("text/html", b" \n<html>login</html>", 200, UpstreamBadContent),
        ("text/plain", b"", 200, UpstreamBadContent),
        ("text/plain", b"down", 503, UpstreamFailed),
    ],
)
async def test_a_bad_read_never_becomes_the_copy(content_type: str, body: bytes, status: int, kind: type, tmp_path: Path) -> None:
    with listening(serving("text/plain", SHOP.encode())) as url:
        await read(url, tmp_path)
    with listening(serving(content_type, body, status)) as url:
        told = await read(url, tmp_path)
    assert told.text == SHOP.encode()
    assert isinstance(told.problem, kind)


async def test_a_check_of_the_kind_keeps_bad_documents_out(tmp_path: Path) -> None:
    def check(text: bytes) -> None:
        raise UpstreamBadContent(f"answered with {len(text)} bytes of something else")

    with listening(serving("text/plain", SHOP.encode())) as url, pytest.raises(SchemaMissing):
        await read_document(a_source(schema=url), sends(tmp_path), check)
    assert not files(tmp_path)


async def test_a_state_folder_that_is_a_file_costs_only_the_copy(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "state").write_text("")
    with listening(serving("text/plain", SHOP.encode())) as url:
        assert (await read(url, tmp_path / "state")).available
    assert "no copy of the schema is kept" in caplog.text


async def test_sources_never_share_a_copy(tmp_path: Path) -> None:
    with listening(serving("text/plain", SHOP.encode())) as url:
        await read_document(a_source("a/b", schema=url), sends(tmp_path))
        await read_document(a_source("a-b", schema=url), sends(tmp_path))
    assert len(files(tmp_path)) == 2


async def test_an_introspected_service_starts_from_its_copy_when_it_is_down(tmp_path: Path) -> None:
    with listening(modern()) as url:
        source = a_source(url=url)
        (before,) = await load(source, sends(tmp_path))
    (after,) = await load(source, sends(tmp_path))
    assert (before.available, after.available) == (True, False)
    assert before.types == after.types
