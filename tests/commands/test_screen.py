"""How a problem is told."""

from __future__ import annotations

import pytest

from gateway.commands.screen import Screen, problem_data
from gateway.config.problem import Mark, Problem

WHOLE = Problem(
    "LINK_TYPE",
    "cannot be bound",
    ("links", 0, "with"),
    coordinates=("books: Book.id",),
    sources=("books",),
    owners=("Library (library@example.com)",),
    fix="prefix:\n  types: Lib_",
    mark=Mark("gateway.yaml", 12, 7),
)


def test_a_problem_reads_as_place_code_message_owner_and_fix(capfd: pytest.CaptureFixture[str]) -> None:
    assert Screen().problems([WHOLE]) == 1
    assert capfd.readouterr().err == (
        "gateway.yaml:12:7 error LINK_TYPE\n"
        "  at links[0].with\n"
        "  cannot be bound\n"
        "  in books: Book.id\n"
        "  owner: Library (library@example.com)\n"
        "  fix: prefix:\n"
        "         types: Lib_\n"
        "\n1 problem\n"
    )


def test_a_problem_without_a_place_is_the_configurations(capfd: pytest.CaptureFixture[str]) -> None:
    assert Screen().problems([Problem("X", "[bold]not markup[/]", severity="hint")]) == 0
    assert capfd.readouterr().err == "configuration hint X\n  [bold]not markup[/]\n"


def test_a_program_is_given_every_part() -> None:
    assert problem_data(WHOLE) == {
        "severity": "error",
        "code": "LINK_TYPE",
        "message": "cannot be bound",
        "file": "gateway.yaml",
        "line": 12,
        "column": 7,
        "path": "links[0].with",
        "coordinates": ("books: Book.id",),
        "sources": ("books",),
        "owners": ("Library (library@example.com)",),
        "fix": "prefix:\n  types: Lib_",
    }
