"""The page about this kind has a row for every option and every diagnostic code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from gateway.sources import openapi

ROOM = Path(openapi.__file__).parent
PAGE = (ROOM.parents[2] / "docs" / "sources" / "openapi.md").read_text()


def test_every_option_has_a_row() -> None:
    rows = set(re.findall(r"`(\w+)`", " ".join(line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `"))))
    assert set(openapi.Options.model_fields) <= rows


def test_every_test_that_the_page_names_is_there() -> None:
    here = Path(__file__).parent
    named = re.findall(r"`(test_\w+\.py)(?:::(test_\w+))?`", PAGE)
    assert named
    for file, name in named:
        assert not name or f"def {name}(" in (here / file).read_text(), (file, name)


def test_every_diagnostic_has_a_row() -> None:
    calls = [node for file in ROOM.glob("*.py") for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
    said = [call.args[0] for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "deviation"]
    codes = {argument.value for argument in said if isinstance(argument, ast.Constant)}
    assert len(codes) > 15
    assert all(f"`{code}`" in PAGE for code in codes)
