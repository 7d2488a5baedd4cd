"""What the pages tell a reader to type does what they say, with the demo's services and a gateway of its own."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from graphql import build_client_schema, get_introspection_query, parse, validate

from gateway.demo.services import start
from tests.deploy.helm import helm
from tests.docs.examples import EXAMPLES, ROOT, Example, of

SERVING = "gateway serve gateway.yaml"


class Place(NamedTuple):
    """A folder with a `gateway.yaml`, and a gateway that serves it."""

    folder: Path
    address: str
    environ: dict[str, str]

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        moved = command.replace("http://127.0.0.1:8080", self.address)
        command_line = ["sh", "-c", moved]
        return subprocess.run(
            command_line, cwd=self.folder, env=self.environ, capture_output=True, text=True, timeout=60, check=False
        )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("reader")
    services = start()
    environ = {
        **os.environ,
        **{f"{service.name.upper()}_URL": service.url for service in services},
        "SIGNPOST_DEMO_SCHEMAS": str(ROOT / "gateway" / "demo" / "upstreams"),
        "SIGNPOST_DEMO_STATE": ".signpost",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    shutil.copy(ROOT / "config" / "demo.yaml", folder / "gateway.yaml")
    gateway = serving(SERVING, folder, environ)
    try:
        assert gateway.stdout is not None
        yield Place(folder, gateway.stdout.readline().split()[-1].removesuffix("/graphql"), environ)
    finally:
        ended(gateway)
        for service in services:
            service.stop()


def serving(command: str, folder: Path, environ: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen([*shlex.split(command), "--port", "0"], cwd=folder, env=environ, stdout=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    return process.returncode


def runs(place: Place, command: str) -> None:
    said = place.run(command)
    assert said.returncode == 0, said.stderr


def serves(place: Place, command: str) -> None:
    if command == SERVING:
        return  # the one that answers here
    process = serving(command, place.folder, place.environ)
    assert process.stdout is not None
    assert "http://127.0.0.1:" in process.stdout.readline()
    assert ended(process) == 0


def answers(place: Place, command: str) -> None:
    said = place.run(f"{command} --silent --show-error")
    assert said.returncode == 0, said.stderr
    assert "errors" not in json.loads(said.stdout)


def is_a_target(_: Place, command: str) -> None:
    assert re.search(rf"^{command.split()[1]}:.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)


def is_taken_by_helm(_: Place, command: str) -> None:
    said = helm(*shlex.split(command.replace("--values values.yaml", ""))[1:], "--dry-run=client")
    assert said.returncode == 0, said.stderr


def names_files_that_are_there(_: Place, command: str) -> None:
    """What needs a container engine or a network: not run here."""
    named = [word for word in shlex.split(command) if re.fullmatch(r"(config|docs|dist)/[\w./-]+\w", word)]
    assert [name for name in named if not name.startswith("dist/") and not (ROOT / name).exists()] == []


WAYS: dict[str, Callable[[Place, str], None]] = {
    "gateway serve": serves,
    "gateway dev": serves,
    "gateway mock": serves,
    "gateway": runs,
    "curl": answers,
    "make": is_a_target,
    "helm": is_taken_by_helm,
    "docker": names_files_that_are_there,
    "kubectl": names_files_that_are_there,
    "pipx": names_files_that_are_there,
    "python -m pip": names_files_that_are_there,
}
"""How a command begins → what is to be true of it. A command that begins otherwise has no way yet, and fails."""


def commands(example: Example) -> list[str]:
    lines = re.sub(r"\\\n\s*", "", example.text).splitlines()
    return [line for line in (re.sub(r"\s+#.*", "", line) for line in lines) if line and not line.startswith("#")]


COMMANDS = {command: example for example in of("sh") for command in commands(example)}
"""Each once, however many pages have it."""


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_does_what_it_should(command: str, place: Place) -> None:
    way = next((way for start, way in WAYS.items() if f"{command} ".startswith(f"{start} ")), None)
    assert way is not None, f"{COMMANDS[command]}: how is `{command.split(maxsplit=1)[0]}` to be tried?"
    way(place, command)


@pytest.mark.parametrize("example", of("json"), ids=str)
def test_json_is_json(example: Example) -> None:
    assert json.loads(example.text)


@pytest.mark.parametrize("example", of("graphql"), ids=str)
def test_a_query_is_one_and_is_answered_where_the_demo_has_its_fields(example: Example, place: Place) -> None:
    def asked(query: str) -> dict[str, Any]:
        answer: dict[str, Any] = httpx.post(f"{place.address}/graphql", json={"query": query}, timeout=10).json()
        assert "errors" not in answer
        return answer

    schema = build_client_schema(asked(get_introspection_query())["data"])
    if not validate(schema, parse(example.text)):
        assert asked(example.text)["data"]


def test_nothing_on_the_pages_is_left_unread() -> None:
    assert {example.language for example in EXAMPLES} == {"yaml", "setting", "sh", "json", "graphql"}
