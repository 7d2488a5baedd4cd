"""The commands: `gateway VERB`. Exit codes: 0 fine, 1 problems found, 2 could not run."""

from __future__ import annotations

import platform
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import App, CycloptsError, Parameter

from gateway import __version__
from gateway import app as house
from gateway.commands import asking, explaining
from gateway.commands import coupling as measures
from gateway.commands.reading import drift as compared
from gateway.commands.reading import pull, read
from gateway.commands.screen import COULD_NOT_RUN, FINE, PROBLEMS, Screen
from gateway.commands.sources import facts, row
from gateway.composition.joined import print_supergraph
from gateway.composition.print import print_schema, print_sources
from gateway.config.problem import ConfigError, Mark, Problem
from gateway.config.schema import json_schema
from gateway.demo.run import run_demo
from gateway.demo.services import Broken, ServiceFailed
from gateway.engine.warnings import moment
from gateway.errors import RequestError
from gateway.planning.plan import show, to_json

Config = Annotated[Path, Parameter(help="The configuration: a YAML file, or a folder of them.")]
Operations = Annotated[Path | None, Parameter(help="A folder of .graphql files: what of the API they use, and their cost.")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.")]

app = App(
    name="gateway",
    help="Signpost: one GraphQL endpoint in front of many services, whose errors say whose they are.",
    help_epilogue="Exit codes: 0 fine, 1 problems found, 2 could not run.",
    version=f"signpost-gateway {__version__}",
    result_action="return_value",
)
schema_app = App(name="schema", help="The composed schema, and the copies of the services' schemas.")
sources_app = App(name="sources", help="The sources; and one of them taken out of use by hand.")
config_app = App(name="config", help="About the configuration file.")
app.command(schema_app)
app.command(sources_app)
app.command(config_app)


# ---------------------------------------------------------------- running it


@app.command
def serve(
    config: Config,
    /,
    *,
    host: Annotated[str | None, Parameter(help="Listen on this host instead of the configured one.")] = None,
    port: Annotated[int | None, Parameter(help="Listen on this port instead of the configured one; 0 takes a free one.")] = None,
    workers: Annotated[int, Parameter(help="Processes that share the port, each with a house of its own.")] = 1,
    json: Json = False,
) -> int:
    """Serve the API until told to stop (Ctrl-C or SIGTERM): requests that are in are finished."""
    screen = Screen(json)
    if workers < 1:
        return screen.failed("--workers must be at least 1")
    return house.serve(config, host, port, workers, announce=screen.event)


@app.command
def dev(
    config: Config,
    /,
    *,
    port: Annotated[int | None, Parameter(help="Listen on this port instead of the configured one; 0 takes a free one.")] = None,
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
    return house.develop(config, port, house.Development(record, replay), announce=screen.event)


@app.command
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


# ---------------------------------------------------------------- looking at a configuration


@app.command
def coupling(config: Config, /, *, operations: Operations = None, json: Json = False) -> int:
    """How much of each source clients depend on; with a folder of operations, what of it they use and what they cost."""
    screen, found = Screen(json), read(config)
    told = measures.report(found, found.compose(), operations)
    if json:
        screen.data(told.data())
    else:
        told.show(screen)
    return FINE if told.fine else max(PROBLEMS, screen.problems(() if json else told.budgets))


@app.command
def check(config: Config, /, *, operations: Operations = None, json: Json = False) -> int:
    """Everything that is wrong with a configuration, and everything worth knowing about it.

    Reads the configuration, asks every service for its schema and composes them, as `serve` would. How much of each source
    clients depend on is counted; what exceeds a source's `budget` is a problem.
    """
    screen, found = Screen(json), read(config)
    hints = (*found.problems, *found.hints())
    try:
        supergraph = found.compose()
    except ConfigError as error:
        return screen.problems([*error.problems, *(hint for hint in hints if hint.severity != "error")])
    told = measures.report(found, supergraph, operations)
    hints = (*hints, *found.settings.located(supergraph.hints))
    code = screen.problems((*told.budgets, *hints), **(told.data() if json else {}))
    if json:
        return code if told.fine else PROBLEMS
    if told.fine:
        types, fields = measures.size(supergraph)
        screen.say(f"fine: {len(found.subgraphs)} sources, {types} types, {fields} root fields, {len(hints)} hints", "bold")
    told.show(screen)
    return code if told.fine else PROBLEMS


@app.command
def plan(
    config: Config,
    query: Annotated[str, Parameter(help="A GraphQL document, or @FILE to read one.")],
    /,
    *,
    operation: Annotated[str | None, Parameter(help="Which operation, where the document has several.")] = None,
    variables: Annotated[str | None, Parameter(help="Its variables, as a JSON object.")] = None,
    json: Json = False,
) -> int:
    """How an operation would be answered: which service is asked for what, in which order."""
    screen = Screen(json)
    file = query[1:] if query.startswith("@") else "query"
    try:
        document = Path(file).read_text("utf-8") if query.startswith("@") else query
        given: dict[str, Any] = msgspec.json.decode(variables or "{}", type=dict[str, Any])
    except (OSError, UnicodeDecodeError) as error:
        return screen.failed(f"{file} cannot be read: {error}")
    except msgspec.MsgspecError as error:
        return screen.failed(f"--variables is not a JSON object: {error}")
    found = read(config)
    try:
        planned = house.engine_of(found.settings, found.compose()).plan(document, operation, given)
    except RequestError as error:
        return screen.problems([_of_request(each, file) for each in (error, *error.others)])
    if json:
        screen.data(to_json(planned))
    else:
        screen.text(show(planned))
    return FINE


@sources_app.default
def sources(config: Config, /, *, json: Json = False) -> int:
    """The sources, whose they are, and how it is with them."""
    screen, found = Screen(json), read(config)
    rows = [facts(source, found.loaded[source.name]) for source in found.settings.sources]
    if json:
        screen.data({"sources": rows})
    else:
        screen.table(("source", "kind", "url", "schema", "fields", "owner", "contact"), map(row, rows))
        screen.problems(found.problems)
    return PROBLEMS if any(problem.severity == "error" for problem in found.problems) else FINE


@schema_app.default
def schema(
    config: Config,
    /,
    *,
    sources: Annotated[bool, Parameter(negative="", help="Add where each part comes from and who answers for it.")] = False,
    supergraph: Annotated[bool, Parameter(negative="", help="Print it as a supergraph of federation instead.")] = False,
    json: Json = False,
) -> int:
    """Print the composed schema, as clients see it."""
    screen, found = Screen(json), read(config)
    composed = found.compose()
    try:
        sdl = print_supergraph(composed) if supergraph else print_sources(composed) if sources else print_schema(composed)
    except ConfigError as error:
        return screen.problems(found.settings.located(error.problems))
    if json:
        screen.data({"sdl": sdl})
    else:
        screen.text(sdl)
    return FINE


@schema_app.command(name="pull")
def schema_pull(config: Config, /, *, json: Json = False) -> int:
    """Read every service's schema and write it to the `snapshot` its source names, to be committed."""
    screen = Screen(json)
    found, pulled = pull(config)
    if json:
        screen.data({"snapshots": [msgspec.to_builtins(each, enc_hook=str) for each in pulled]})
    else:
        screen.table(("source", "snapshot"), ((each.source, str(each.snapshot or f"none: {each.why_not}")) for each in pulled))
        screen.problems(found.problems)
    return PROBLEMS if any(problem.severity == "error" for problem in found.problems) else FINE


@app.command
def drift(config: Config, /, *, json: Json = False) -> int:
    """How the services differ by now from the snapshots their sources name. 1: something that breaks clients."""
    screen = Screen(json)
    found, drifted = compared(config)
    if json:
        screen.data({"sources": [msgspec.to_builtins(each) for each in drifted]})
    else:
        for each in drifted:
            screen.say(f"{each.source}: {each.why_not or f'{len(each.changes)} changes'}", "bold")
            screen.table(("", "", ""), ((change.criticality, change.coordinate, change.message) for change in each.changes))
            for change in each.seen:
                screen.say(f"  seen in an answer {moment(change.at)}: {change.message}")
        screen.problems([problem for problem in found.problems if problem.severity != "error"])
    breaking = any(change.criticality == "breaking" for each in drifted for change in each.changes)
    return PROBLEMS if breaking or any(problem.severity == "error" for problem in found.problems) else FINE


@config_app.command(name="schema")
def config_schema(*, json: Json = False) -> int:  # noqa: ARG001  it is JSON anyway
    """The JSON Schema of the configuration, for editors: save it and name it in the first line of your YAML."""
    Screen().data(json_schema(house.options()))
    return FINE


@app.command
def version(*, json: Json = False) -> int:
    """The gateway's version."""
    screen = Screen(json)
    if json:
        screen.data({"version": __version__, "python": platform.python_version()})
    else:
        screen.text(f"signpost-gateway {__version__}")
    return FINE


# ---------------------------------------------------------------- asking a running gateway

Wanted = Annotated[str, Parameter(help="The id of an error, or of a request, of the last few hundred that failed.")]
Where = Annotated[str | None, Parameter(help="Its admin address, unix:PATH or HOST:PORT; else the sockets in .signpost.")]


@app.command
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


@app.command
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


@app.command
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


@sources_app.command
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


@sources_app.command
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


# ---------------------------------------------------------------- the way in and out


def _of_request(error: RequestError, file: str) -> Problem:
    mark = next((Mark(file, at["line"], at["column"]) for at in error.locations), None)
    return Problem(error.code, error.message, mark=mark)


def run(arguments: Sequence[str]) -> int:
    """One command line. Whatever happens, the exit code says which of the three it was, and nobody is shown a traceback."""
    screen = Screen("--json" in arguments)
    try:
        code = app(list(arguments), exit_on_error=False, print_error=True)
    except CycloptsError:
        return COULD_NOT_RUN
    except ConfigError as error:
        return screen.problems(error.problems)
    except KeyboardInterrupt:
        return COULD_NOT_RUN
    except OSError as error:
        return screen.failed(f"{error.filename or 'the system'}: {error.strerror or error}")
    except Exception as error:
        return screen.failed(_fault(error))
    return code if isinstance(code, int) else FINE


def _fault(error: Exception) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(place.filename).name}:{place.lineno}"
    return f"the gateway failed by a fault of its own: {type(error).__name__} at {where}; please report it with this line"


def main() -> None:
    """The console script. The process ends without finalising the interpreter: the HTTP client's threads may outlive it."""
    house.leave(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
