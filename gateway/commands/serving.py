"""The commands that run a gateway: `serve`, `dev`, `demo`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gateway import app as house
from gateway.commands.arguments import Config, Json, Port, Profile
from gateway.commands.screen import Screen
from gateway.demo.run import run_demo
from gateway.demo.services import Broken, ServiceFailed

Seed = Annotated[int, Parameter(help="Another number gives other data.")]


def serve(
    config: Config,
    /,
    *,
    profile: Profile = None,
    host: Annotated[str | None, Parameter(help="Listen on this host instead of the configured one.")] = None,
    port: Port = None,
    workers: Annotated[int, Parameter(help="Processes that share the port, each with a house of its own.")] = 1,
    json: Json = False,
) -> int:
    """Serve the API until told to stop (Ctrl-C or SIGTERM): requests that are in are finished."""
    screen = Screen(json)
    if workers < 1:
        return screen.failed("--workers must be at least 1")
    return house.serve(partial(house.settings_of, config, profile), host, port, workers, announce=screen.event)


def dev(
    config: Config,
    /,
    *,
    profile: Profile = None,
    port: Port = None,
    record: Annotated[Path | None, Parameter(help="Keep what the services answer in this folder, without secrets.")] = None,
    replay: Annotated[Path | None, Parameter(help="Call no service: answer from what was recorded in this folder.")] = None,
    mock: Annotated[
        tuple[str, ...],
        Parameter(negative="", show_default=False, help="Play this source from its schema instead of calling it; repeatable."),
    ] = (),
    seed: Seed = 1,
    json: Json = False,
) -> int:
    """Serve on this machine alone, for development: changed files are served at once, errors tell everything, GraphiQL is on."""
    screen = Screen(json)
    if record is not None and replay is not None:
        return screen.failed("--record and --replay are one or the other")
    if replay is not None and not replay.is_dir():
        return screen.failed(f"--replay: there is no folder {replay}")
    played = house.Mocking(mock, seed) if mock else None
    return _developed(config, profile, port, house.Development(record, replay, played), screen)


def mock(
    config: Config,
    /,
    *,
    profile: Profile = None,
    port: Port = None,
    only: Annotated[
        tuple[str, ...], Parameter(negative="", show_default=False, help="Play this source and call the others; repeatable.")
    ] = (),
    seed: Seed = 1,
    json: Json = False,
) -> int:
    """Serve made-up data on this machine: no service is called, each is played from its schema, the same way every time.

    Composition, plans and errors are the gateway's own, as with `gateway dev`. What a service says of itself is taken from the
    document, the snapshot or the last good copy that its source names; without any of them it is asked once.
    """
    return _developed(config, profile, port, house.Development(mock=house.Mocking(only or None, seed)), Screen(json))


def _developed(config: Path, profile: str | None, port: int | None, how: house.Development, screen: Screen) -> int:
    return house.develop(partial(house.settings_of, config, profile), port, how, announce=screen.event)


def demo(
    *,
    port: Annotated[int, Parameter(help="Port of the gateway.")] = 8080,
    break_: Annotated[
        str | None, Parameter(name="--break", help="Break one service on purpose: SERVICE[:MODE], such as reviews:slow.")
    ] = None,
    json: Json = False,
) -> int:
    """Three small services of three kinds, the gateway in front of them, and a query to try."""
    screen = Screen(json)
    try:
        return run_demo(port, Broken.parse(break_) if break_ else None, say=screen.event)
    except ValueError as error:
        return screen.failed(f"--break: {error}")
    except ServiceFailed as error:
        return screen.failed(f"the demo did not start: {error}")
