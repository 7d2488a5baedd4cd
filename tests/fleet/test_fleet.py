"""The rows of `make fleet`, each in its short form, and only what is counted: on a busy machine times and memory say nothing."""

from __future__ import annotations

import sys

import pytest

from benchmarks.fleet.rows import ROWS
from benchmarks.fleet.sizes import SHORT
from benchmarks.servers import Missing


@pytest.mark.skipif(sys.platform != "linux", reason="open files, threads and memory are read from /proc")
@pytest.mark.parametrize("name", ROWS)
async def test_what_must_hold_holds(name: str) -> None:
    try:
        row = await ROWS[name](SHORT)
    except Missing as missing:
        pytest.skip(str(missing))
    assert all(row.holds.values()), (row.measured, row.table, [demand for demand, holds in row.holds.items() if not holds])
