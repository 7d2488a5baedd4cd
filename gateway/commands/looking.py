"""The commands that look at a configuration and its sources, without serving: `check`, `plan`, `schema` and their like."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from gateway import __version__
from gateway import app as house
from gateway.commands import coupling as measures
from gateway.commands.arguments import Config, Json, Operations, Profile
from gateway.commands.reading import drift as compared
from gateway.commands.reading import pull, read
from gateway.commands.screen import FINE, PROBLEMS, Screen
from gateway.commands.sources import facts, row
from gateway.composition.joined import print_supergraph
from gateway.composition.print import print_schema, print_sources
from gateway.config.problem import ConfigError, Mark, Problem
from gateway.config.schema import json_schema
from gateway.engine.warnings import moment
from gateway.errors import RequestError
from gateway.planning.plan import show, to_json


def coupling(config: Config, /, *, profile: Profile = None, operations: Operations = None, json: Json = False) -> int:
    """How much of each source clients depend on; with a folder of operations, what of it they use and what they cost."""
    screen, found = Screen(json), read(config, profile)
    told = measures.report(found, found.compose(), operations)
    if json:
        screen.data(told.data())
    else:
        told.show(screen)
    return FINE if told.fine else max(PROBLEMS, screen.problems(() if json else told.budgets))


def check(config: Config, /, *, profile: Profile = None, operations: Operations = None, json: Json = False) -> int:
    """Everything that is wrong with a configuration, and everything worth knowing about it.

    Reads the configuration, asks every service for its schema and composes them, as `serve` would. How much of each source
    clients depend on is counted; what exceeds a source's `budget` is a problem.
    """
    screen, found = Screen(json), read(config, profile)
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


def plan(
    config: Config,
    query: Annotated[str, Parameter(help="A GraphQL document, or @FILE to read one.")],
    /,
    *,
    profile: Profile = None,
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
    found = read(config, profile)
    try:
        planned = house.engine_of(found.settings, found.compose()).plan(document, operation, given)
    except RequestError as error:
        return screen.problems([_of_request(each, file) for each in (error, *error.others)])
    if json:
        screen.data(to_json(planned))
    else:
        screen.text(show(planned))
    return FINE


def sources(config: Config, /, *, profile: Profile = None, json: Json = False) -> int:
    """The sources, whose they are, and how it is with them."""
    screen, found = Screen(json), read(config, profile)
    rows = [facts(source, found.loaded[source.name]) for source in found.settings.sources]
    if json:
        screen.data({"sources": rows})
    else:
        screen.table(("source", "kind", "url", "schema", "fields", "owner", "contact"), map(row, rows))
        screen.problems(found.problems)
    return PROBLEMS if any(problem.severity == "error" for problem in found.problems) else FINE


def schema(
    config: Config,
    /,
    *,
    profile: Profile = None,
    sources: Annotated[bool, Parameter(negative="", help="Add where each part comes from and who answers for it.")] = False,
    supergraph: Annotated[bool, Parameter(negative="", help="Print it as a supergraph of federation instead.")] = False,
    json: Json = False,
) -> int:
    """Print the composed schema, as clients see it."""
    screen, found = Screen(json), read(config, profile)
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


def schema_pull(config: Config, /, *, profile: Profile = None, json: Json = False) -> int:
    """Read every service's schema and write it to the `snapshot` its source names, to be committed."""
    screen = Screen(json)
    found, pulled = pull(config, profile)
    if json:
        screen.data({"snapshots": [msgspec.to_builtins(each, enc_hook=str) for each in pulled]})
    else:
        screen.table(("source", "snapshot"), ((each.source, str(each.snapshot or f"none: {each.why_not}")) for each in pulled))
        screen.problems(found.problems)
    return PROBLEMS if any(problem.severity == "error" for problem in found.problems) else FINE


def drift(config: Config, /, *, profile: Profile = None, json: Json = False) -> int:
    """How the services differ by now from the snapshots their sources name. 1: something that breaks clients."""
    screen = Screen(json)
    found, drifted = compared(config, profile)
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


def config_schema(*, json: Json = False) -> int:  # noqa: ARG001  it is JSON anyway
    """The JSON Schema of the configuration, for editors: save it and name it in the first line of your YAML."""
    Screen().data(json_schema(house.options()))
    return FINE


def version(*, json: Json = False) -> int:
    """The gateway's version."""
    screen = Screen(json)
    if json:
        screen.data({"version": __version__, "python": platform.python_version()})
    else:
        screen.text(f"signpost-gateway {__version__}")
    return FINE


def _of_request(error: RequestError, file: str) -> Problem:
    mark = next((Mark(file, at["line"], at["column"]) for at in error.locations), None)
    return Problem(error.code, error.message, mark=mark)
