"""Printing: for a person on a terminal, plain where it is piped, JSON where it is asked for."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gateway.config.problem import ConfigPath, Problem

FINE, PROBLEMS, COULD_NOT_RUN = 0, 1, 2
"""Exit codes of every command."""
PIPED_WIDTH = 1000
"""Columns where no terminal says how many it has: a line is a line."""
COLOURS = {"error": "bold red", "hint": "yellow"}


class Screen:
    """Results go to standard output; what went wrong with getting them goes to standard error."""

    def __init__(self, json: bool = False) -> None:
        self.json = json
        self._out = _console(stderr=False)
        self._err = _console(stderr=True)

    def text(self, text: str) -> None:
        """Exactly this text."""
        sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
        sys.stdout.flush()

    def data(self, value: Any) -> None:
        self.text(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())

    def say(self, text: str, style: str | None = None) -> None:
        self._out.print(escape(text), style=style, soft_wrap=True)

    def event(self, text: str) -> None:
        """Something that happened, while the command goes on. In JSON, a line each."""
        if self.json:
            self.text(msgspec.json.encode({"event": text}).decode())
        else:
            self.say(text)

    def failed(self, text: str) -> int:
        """A command could not run. Its exit code."""
        if self.json:
            self.data({"error": text})
        else:
            self._err.print(escape(text), style="bold red", soft_wrap=True)
        return COULD_NOT_RUN

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        table = Table(*headings, box=None, pad_edge=False, header_style="bold")
        for row in rows:
            table.add_row(*map(escape, row))
        self._out.print(table)

    def problems(self, problems: Sequence[Problem], **more: Any) -> int:
        """All of them, and the exit code they mean. `more` joins them in JSON."""
        if self.json:
            self.data({"problems": [problem_data(problem) for problem in problems], **more})
        for problem in () if self.json else problems:
            self.problem(problem)
        errors = sum(problem.severity == "error" for problem in problems)
        if errors and not self.json:
            self._err.print(f"\n{errors} {'problem' if errors == 1 else 'problems'}", style="bold")
        return PROBLEMS if errors else FINE

    def problem(self, problem: Problem) -> None:
        place = str(problem.mark) if problem.mark else dotted(problem.path) or ", ".join(problem.sources) or "configuration"
        colour = COLOURS.get(problem.severity, "bold")
        head = f"[bold]{escape(place)}[/] [{colour}]{problem.severity} {escape(problem.code)}[/]"
        self._err.print(head, soft_wrap=True)
        for line in _details(problem):
            self._err.print(f"  {escape(line)}", soft_wrap=True)


def dotted(path: ConfigPath) -> str:
    """`sources[0].lookups[1].via`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def problem_data(problem: Problem) -> Mapping[str, Any]:
    mark = problem.mark
    place = {"file": mark.file, "line": mark.line, "column": mark.column} if mark else {}
    said = {"severity": problem.severity, "code": problem.code, "message": problem.message, **place, "path": dotted(problem.path)}
    more = {"coordinates": problem.coordinates, "sources": problem.sources, "owners": problem.owners, "fix": problem.fix}
    return said | {key: value for key, value in more.items() if value}


def _details(problem: Problem) -> Iterable[str]:
    if problem.mark and problem.path:
        yield f"at {dotted(problem.path)}"
    yield from problem.message.splitlines()
    if problem.coordinates:
        yield f"in {', '.join(problem.coordinates)}"
    if problem.owners:
        yield f"owner: {', '.join(problem.owners)}"
    if problem.fix:
        first, *rest = problem.fix.splitlines()
        yield f"fix: {first}"
        yield from (f"     {line}" for line in rest)


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False)
    return console if console.is_terminal else Console(stderr=stderr, highlight=False, width=PIPED_WIDTH)
