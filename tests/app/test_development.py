"""The gateway on a developer's machine: nothing hidden, files served as they are saved, services recorded and played back."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.app import Development, settings_of
from gateway.app.house import House
from gateway.app.serving import Serving

from .conftest import Configure, Service, ask
from .test_serving import ANSWER as WHOLE
from .test_serving import serving

QUERY = '{ book(id: "1") { title author { name } } }'
DATA = WHOLE["data"]


@asynccontextmanager
async def developed(config: Path, development: Development) -> AsyncIterator[House]:
    settings = development.settings(settings_of(config))
    serving = Serving(settings, lambda: settings, wire=development.wire(settings))
    try:
        await serving.now.house.open()
        yield serving.now.house
    finally:
        await serving.close()


async def test_answers_tell_how_they_came_about_without_being_asked(configure: Configure) -> None:
    async with developed(configure(), Development()) as house:
        answer = await ask(house, QUERY)
    assert answer["data"] == DATA
    assert {"plan", "timing", "provenance"} <= answer["extensions"].keys()


async def test_errors_tell_everything_there_is_to_know(configure: Configure, people: Service) -> None:
    async with developed(configure(), Development()) as house:
        people.stop()
        [error] = (await ask(house, QUERY))["errors"]
    assert error["extensions"]["upstream"]["url"] == people.url


def test_it_is_served_to_this_machine_alone(configure: Configure) -> None:
    config = configure()
    config.write_text(config.read_text().replace("listen: 127.0.0.1:0", "listen: 0.0.0.0:0"))
    assert Development().settings(settings_of(config)).gateway.listen.host == "127.0.0.1"


async def test_what_was_recorded_is_played_back_without_any_service(
    configure: Configure, books: Service, people: Service, tmp_path: Path
) -> None:
    tape = tmp_path / "tape"
    async with developed(configure(), Development(record=tape)) as house:
        assert (await ask(house, QUERY))["data"] == DATA
    books.stop()
    people.stop()
    for copy in (tmp_path / "state").rglob("*.graphql"):
        copy.unlink()
    async with developed(configure(), Development(replay=tape)) as house:
        assert house.ready()
        assert (await ask(house, QUERY))["data"] == DATA


async def test_what_was_never_recorded_fails_as_its_owners_call(configure: Configure, tmp_path: Path) -> None:
    tape = tmp_path / "tape"
    async with developed(configure(), Development(record=tape)) as house:
        await ask(house, QUERY)
    async with developed(configure(), Development(replay=tape)) as house:
        [error] = (await ask(house, QUERY.replace('"1"', '"2"')))["errors"]
    assert error["extensions"]["code"] == "UPSTREAM_UNREACHABLE"
    assert error["extensions"]["owner"]["team"] == "Library"
    assert "was not recorded" in error["message"]


async def test_a_file_that_is_no_recording_is_said(configure: Configure, tmp_path: Path) -> None:
    tape = tmp_path / "tape"
    async with developed(configure(), Development(record=tape)) as house:
        await ask(house, QUERY)
    for path in (tape / "people").iterdir():
        if "__schema" not in path.read_text():
            path.write_text("[]")
    async with developed(configure(), Development(replay=tape)) as house:
        [error] = (await ask(house, QUERY))["errors"]
    assert "is no recording" in error["message"]


async def test_recordings_hold_no_secrets(configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED", "planted-5f1c77")
    config = configure()
    text = config.read_text()
    header = 'owner: library, headers: {request: [{insert: {name: X-Key, value: "${env:PLANTED}"}}]}}'
    config.write_text(text.replace("owner: library}", header))
    async with developed(config, Development(record=tmp_path / "tape")) as house:
        assert (await ask(house, QUERY))["data"] == DATA
    recordings = [path.read_text() for path in (tmp_path / "tape").rglob("*.json")]
    assert len(recordings) >= 4
    assert not any("planted-5f1c77" in text for text in recordings)


def test_the_command_serves_what_is_saved_and_plays_back(
    configure: Configure, books: Service, people: Service, tmp_path: Path
) -> None:
    config, tape = configure(), tmp_path / "tape"
    with serving(config, "--port", "0", "--record", str(tape), verb="dev") as gateway:
        assert gateway.post().json()["data"] == DATA
    books.stop()
    people.stop()
    with serving(config, "--port", "0", "--replay", str(tape), verb="dev") as gateway:
        assert gateway.post().json()["data"] == DATA


def test_record_and_replay_are_one_or_the_other(configure: Configure, tmp_path: Path) -> None:
    line = [
        sys.executable,
        "-m",
        "gateway",
        "dev",
        str(configure()),
        "--record",
        str(tmp_path),
        "--replay",
        str(tmp_path),
        "--json",
    ]
    said = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)
    assert (said.returncode, json.loads(said.stdout)) == (2, {"error": "--record and --replay are one or the other"})
