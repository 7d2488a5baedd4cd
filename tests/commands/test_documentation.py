"""docs/operations.md keeps up with the program."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.app.house import FIRST_PAUSE, LONGEST_PAUSE
from gateway.config.model import Live
from gateway.server.listen import KEEP_ALIVE

from .test_commands import VERBS

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")


@pytest.mark.parametrize("verb", [*VERBS, "schema pull", "config schema"])
def test_every_command_has_a_row(verb: str) -> None:
    assert f"| `gateway {verb}" in PAGE


def test_numbers_in_the_text_are_those_of_the_code() -> None:
    assert f"| idle connection | {KEEP_ALIVE} s |" in PAGE
    assert f"| operations open on one websocket | {Live().per_connection} |" in PAGE
    assert f"tried again after {FIRST_PAUSE:g} s" in PAGE
    assert f"up to every {LONGEST_PAUSE:g} s" in PAGE
