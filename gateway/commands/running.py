"""The commands that ask a running gateway, or tell it something, over its admin address: `explain`, `reload` and their like."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from gateway.commands import advising, asking, explaining
from gateway.commands.arguments import Json, Where
from gateway.commands.screen import FINE, PROBLEMS, Screen

Wanted = Annotated[str, Parameter(help="The id of an error, or of a request, of the last few hundred that failed.")]


def explain(wanted: Wanted, /, *, admin: Where = None, json: Json = False) -> int:
    """The story of one failing request: what was asked, planned and called, what came back, and whom to tell."""
    screen = Screen(json)
    found = _story(screen, wanted, admin)
    if isinstance(found, int):
        return found
    if json:
        screen.data(found)
    else:
        screen.text("\n".join(explaining.lines(found)))
    return FINE


def capture(
    wanted: Wanted,
    /,
    *,
    admin: Where = None,
    output: Annotated[Path | None, Parameter(help="The file to write; else capture-ID.zip.")] = None,
    json: Json = False,
) -> int:
    """Write what a service's owner needs to look into one failing request without the gateway: nothing in it is secret."""
    screen = Screen(json)
    found = _story(screen, wanted, admin)
    if isinstance(found, int):
        return found
    path = output or Path(f"capture-{found['request_id']}.zip")
    explaining.bundle(found, path)
    screen.event(f"wrote {path}: message.md to send, replay.sh with the calls, story.json with all facts")
    return FINE


def advise(*, admin: Where = None, json: Json = False) -> int:
    """Pairs of sources that are always joined, with volume: whose teams should talk about an event instead of a join here.

    Counted since the schema was composed, in all processes, of the operations that are kept ready. An answer that was kept
    costs no join and does not count.
    """
    screen = Screen(json)
    try:
        counted = asking.joins(admin)
    except asking.Unreachable as error:
        return screen.failed(f"{error}; say --admin unix:PATH or --admin HOST:PORT")
    if not counted["counted"]:
        return screen.failed("that gateway counts nothing: `telemetry.metrics` is off")
    found = tuple(advising.advice(counted))
    if json:
        screen.data({"joins": found})
        return FINE
    if found:
        screen.table(("field", "from", "to", "operations", "calls", "keys", "share"), map(advising.row, found))
    suggested = [each.suggestion for each in found if each.suggestion]
    for suggestion in suggested:
        screen.say(f"\n{suggestion}.")
    if not suggested:
        screen.say("no two sources are always joined, or too few operations have been carried out to tell")
    return FINE


def reload(*, admin: Where = None, json: Json = False) -> int:
    """Have every process of a running gateway read its configuration again. A bad one is refused: the one before stays."""
    screen = Screen(json)
    try:
        processes, problems, at_restart = asking.reload(admin)
    except asking.Unreachable as error:
        return screen.failed(f"{error}; say --admin unix:PATH or --admin HOST:PORT")
    if problems:
        screen.problems(problems)
        return PROBLEMS
    screen.event(f"the configuration is served anew by {processes} process{'es' if processes != 1 else ''}")
    for name in at_restart:
        screen.event(f"{name} has changed, too: it is read at the next start")
    return FINE


def hold(
    source: Annotated[str, Parameter(help="The source's name.")],
    *,
    reason: Annotated[str, Parameter(help="Consumers are told with each error.")] = "maintenance",
    seconds: Annotated[float | None, Parameter(name="--for", help="Seconds after which it is called again by itself.")] = None,
    admin: Where = None,
    json: Json = False,
) -> int:
    """Call this source no more, in every process of a running gateway, until `gateway sources release`."""
    return _held(Screen(json), source, admin, reason, seconds)


def release(source: Annotated[str, Parameter(help="The source's name.")], *, admin: Where = None, json: Json = False) -> int:
    """Call a source again that was held."""
    return _held(Screen(json), source, admin, None, None)


def _held(screen: Screen, source: str, admin: str | None, reason: str | None, seconds: float | None) -> int:
    try:
        processes, refused = asking.hold(source, admin, reason, seconds)
    except asking.Unreachable as error:
        return screen.failed(f"{error}; say --admin unix:PATH or --admin HOST:PORT")
    if refused is not None:
        screen.failed(refused)
        return PROBLEMS
    screen.event(f"{source} is {'released' if reason is None else 'held'} in {processes} process{'es' if processes != 1 else ''}")
    return FINE


def _story(screen: Screen, wanted: str, admin: str | None) -> dict[str, Any] | int:
    try:
        found, recent = asking.story(wanted, admin)
    except asking.Unreachable as error:
        return screen.failed(f"{error}; say --admin unix:PATH or --admin HOST:PORT")
    if found is not None:
        return found
    latest = "".join(f"\n  {each['at']}  {each['request_id']}  {', '.join(each['codes'])}" for each in recent[:10])
    screen.failed(f"nothing is known of {wanted} (any more){f'; the latest failures are:{latest}' if latest else ''}")
    return PROBLEMS
