"""The house rules that a machine can hold: imports point left, each library has one door, the pure rooms are pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

GATEWAY = Path(__file__).parent.parent / "gateway"

ROOMS = [
    {"errors", "telemetry"},
    {"config"},
    {"upstream"},
    {"sources"},
    {"composition"},
    {"planning"},
    {"execution"},
    {"engine"},
    {"server", "mock"},
    {"app"},
    {"demo", "commands", "__main__"},
]
DOORS = {
    "pyreqwest": {"upstream/transport"},
    "httpx": {"upstream/transport"},
    "websockets": {"upstream/transport/websocket.py"},
    "pybreaker": {"upstream/layers/breaker.py"},
    "aiocache": {"upstream/layers/cache"},
    "pydantic": {"config", "app/loading.py"},
    "pydantic_core": {"config"},
    "yaml": {"config/yaml.py"},
    "opentelemetry": {"telemetry"},
    "prometheus_client": {"telemetry/prometheus.py"},
    "grpc": {"telemetry/export.py"},
    "starlette": {"server", "sources/local.py", "app"},
    "strawberry": {"server", "sources/local.py", "app"},
    "uvicorn": {"server", "app"},
    "redis": {"server/rate", "upstream/layers/cache/redis.py"},
    "brotli": {"server/compression.py"},
    "zstandard": {"server/compression.py"},
    "joserfc": {"server/identity"},
    "cyclopts": {"commands", "__main__.py"},
    "rich": {"commands"},
    "graphql": {"mock", "sources", "composition", "planning", "execution", "engine", "server", "app", "commands"},
}
PURE = {"composition", "planning"}
IMPURE_MODULES = {"asyncio", "time", "random", "secrets", "socket", "os", "pathlib", "httpx", "datetime"}
PROGRAMS = "demo/upstreams"
"""Separate programs: the doors are not theirs."""

FILES = sorted(GATEWAY.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(GATEWAY).parts[0].removesuffix(".py")


def rank(room: str) -> int | None:
    return next((index for index, names in enumerate(ROOMS) if room in names), None)


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module == "gateway":
                yield from (f"gateway.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(GATEWAY)))
def test_a_room_imports_only_from_rooms_to_its_left(path: Path) -> None:
    own = rank(room_of(path))
    if path == GATEWAY / "__init__.py":
        own = 0
    assert own is not None, f"{path.name} stands in no room"
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "gateway" and len(parts) > 1 and (other := rank(parts[1])) is not None:
            assert other < own or parts[1] == room_of(path) or (other == own == len(ROOMS) - 1), f"{path.name} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(GATEWAY)))
def test_a_library_is_imported_only_at_its_door(path: Path) -> None:
    place = path.relative_to(GATEWAY).as_posix()
    if place.startswith(PROGRAMS):
        return
    for name in imports(path):
        doors = DOORS.get(name.split(".")[0])
        assert doors is None or any(place == door or place.startswith(f"{door}/") for door in doors), f"{place} imports {name}"


@pytest.mark.parametrize("path", [p for p in FILES if room_of(p) in PURE], ids=lambda path: str(path.relative_to(GATEWAY)))
def test_composition_and_planning_have_no_clock_and_no_io(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports(path)} & IMPURE_MODULES
    waiting = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    assert not any(isinstance(node, waiting) for node in ast.walk(ast.parse(path.read_text())))
