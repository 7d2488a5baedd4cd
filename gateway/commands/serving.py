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
    json: Json = False,
) -> int:
    """Serve on this machine alone, for development: changed files are served at once, errors tell everything, GraphiQL is on."""
    screen = Screen(json)
    if record is not None and replay is not None:
        return screen.failed("--record and --replay are one or the other")
    if replay is not None and not replay.is_dir():
        return screen.failed(f"--replay: there is no folder {replay}")
    return house.develop(
        partial(house.settings_of, config, profile), port, house.Development(record, replay), announce=screen.event
    )


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
