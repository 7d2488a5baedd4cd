"""The demo, whole, as a process; and the npm packages of real clients, where `make clients` has installed them."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.services import start
from tests.e2e.gateway import Process, process

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
BUILT = ROOT / ".build" / "clients"
SCHEMAS = ROOT / "gateway" / "demo" / "upstreams"

Run = Callable[..., Any]


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which Node finds the packages."""
    if shutil.which("node") is None:
        pytest.skip("Node is not on this machine")
    if not (BUILT / "node_modules").is_dir():
        pytest.skip("the npm clients are not installed: run `make clients`")
    folder = BUILT / tmp_path_factory.getbasetemp().name / tmp_path_factory.mktemp("clients").name
    shutil.copytree(HERE, folder, ignore=shutil.ignore_patterns("*.py", "package.json", "__pycache__"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def serve_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Any]]:
    """`serve_demo("documents: ...")`: the demo with more under `gateway.http`."""
    services = start()
    addresses = {f"{service.name.upper()}_URL": service.url for service in services} | {
        "SIGNPOST_DEMO_SCHEMAS": str(SCHEMAS),
        "SIGNPOST_DEMO_STATE": str(tmp_path_factory.mktemp("state")),
    }

    def serve(http: str = "{}") -> Any:
        path = tmp_path_factory.mktemp("demo") / "gateway.yaml"
        text = (
            (ROOT / "gateway/demo/demo.yaml")
            .read_text()
            .replace("listen: 127.0.0.1:8080", f"http: {http}\n  listen: 127.0.0.1:0")
        )
        path.write_text(text)
        return process(path)

    with pytest.MonkeyPatch.context() as environment:
        for name, value in addresses.items():
            environment.setenv(name, value)
        yield serve
    for service in services:
        service.stop()


@pytest.fixture(scope="session")
def demo(serve_demo: Callable[[], Any]) -> Iterator[Process]:
    with serve_demo() as gateway:
        yield gateway


@pytest.fixture(scope="session")
def node(workshop: Path) -> Run:
    """`node("apollo.mjs", url)`: what it printed, read as JSON."""

    def run(script: str, *arguments: str) -> Any:
        return json.loads(tool("node", script, *arguments, cwd=workshop))

    return run


def tool(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout
