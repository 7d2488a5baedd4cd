"""Files are looked at again and again; what changes is told once, when it has been left alone."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

from gateway.app import settings_of
from gateway.app.watch import Watch

from .conftest import Configure, Pauses, opened


async def looking(watch: Watch, pauses: Pauses, looks: int) -> asyncio.Task[None]:
    task = asyncio.create_task(watch.changed(5.0))
    for _ in range(looks):
        await pauses.asleep()
        await pauses.wake()
        await asyncio.sleep(0)
    return task


async def test_a_file_that_changed_is_told_after_one_quiet_pause(tmp_path: Path) -> None:
    file, pauses = tmp_path / "gateway.yaml", Pauses()
    file.write_text("version: 1")
    watch = Watch(lambda: [file], pauses.sleep)
    file.write_text("version: 1 # half")
    task = await looking(watch, pauses, 1)
    assert not task.done()
    file.write_text("version: 1 # half, and now whole")
    await pauses.asleep()
    await pauses.wake()
    await pauses.asleep()
    assert not task.done()
    await pauses.wake()
    await asyncio.wait_for(task, 20)
    assert set(pauses.asked) == {5.0}


async def test_nothing_is_told_while_nothing_changes(tmp_path: Path) -> None:
    file, pauses = tmp_path / "gateway.yaml", Pauses()
    file.write_text("version: 1")
    task = await looking(Watch(lambda: [file, tmp_path / "missing"], pauses.sleep), pauses, 3)
    assert not task.done()
    task.cancel()


async def test_a_mounted_volume_that_swaps_a_link_is_noticed(tmp_path: Path) -> None:
    """As container platforms do it: the name stays, the folder behind a link is another one."""
    pauses = Pauses()
    for version in ("one", "two"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "key.txt").write_text(version)
    data = tmp_path / "data"
    data.symlink_to("one")
    watch = Watch(lambda: [data / "key.txt"], pauses.sleep)
    (tmp_path / "fresh").symlink_to("two")
    os.replace(tmp_path / "fresh", data)
    task = await looking(watch, pauses, 2)
    await asyncio.wait_for(task, 20)


def test_everything_a_configuration_is_made_of_is_watched(configure: Configure, tmp_path: Path) -> None:
    (tmp_path / "team.txt").write_text("Library")
    (tmp_path / "people.graphql").write_text("type Query { person(id: ID!): Person } type Person { id: ID! name: String! }")
    config = configure("people.graphql")
    config.write_text(config.read_text().replace("team: Library", 'team: "${file:team.txt}"'))
    assert settings_of(config).watched == {config, tmp_path / "team.txt", tmp_path / "people.graphql"}


def test_the_files_that_say_who_owners_are_are_watched(configure: Configure, tmp_path: Path) -> None:
    entity = "kind: Component\nmetadata: {name: x}\nspec: {owner: library}\n"
    (tmp_path / "catalog-info.yaml").write_text(entity)
    config = configure()
    config.write_text(config.read_text().replace("library: {team: Library,", "library: {catalog: catalog-info.yaml,"))
    assert tmp_path / "catalog-info.yaml" in settings_of(config).watched


async def test_files_beside_an_openapi_document_are_watched(configure: Configure, tmp_path: Path) -> None:
    document = {
        "openapi": "3.0.3",
        "paths": {"/a": {"get": {"operationId": "a", "responses": {"200": {"$ref": "parts/answers.json#/a"}}}}},
    }
    (tmp_path / "api.json").write_text(json.dumps(document))
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "answers.json").write_text('{"a": {"content": {"application/json": {"schema": {"type": "string"}}}}}')
    config = configure()
    source = "  - {name: a, kind: openapi, url: 'http://127.0.0.1:9', schema: api.json, owner: library}\n"
    config.write_text(config.read_text().replace("links:", f"{source}links:"))
    async with opened(config) as house:
        assert house.files == {tmp_path / "parts" / "answers.json"}
