"""The rows of `make siege`, each in its short form, and only what is counted: on a busy machine times and memory say nothing."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from benchmarks.siege.rows import ROWS
from benchmarks.siege.sizes import SHORT

FUZZED = ("documents", "requests")
MISSING = {name: importlib.util.find_spec("schemathesis") is None for name in FUZZED}


@pytest.mark.skipif(sys.platform != "linux", reason="open files and memory are read from /proc")
@pytest.mark.parametrize("name", ROWS)
async def test_what_must_hold_holds(name: str) -> None:
    if MISSING.get(name):
        pytest.skip("schemathesis is not installed")
    row = await ROWS[name](SHORT)
    assert all(row.holds.values()), (row.measured, [demand for demand, holds in row.holds.items() if not holds])
