"""The rows of `make chaos`, each in its short form: demands on time have some slack, all else is as in the long one."""

from __future__ import annotations

import pytest

from benchmarks.chaos.rows import ROWS
from benchmarks.chaos.sizes import SHORT


@pytest.mark.parametrize("name", ROWS)
async def test_what_must_hold_holds(name: str) -> None:
    row = await ROWS[name](SHORT)
    assert row.held, (row.measured, {demand: holds for demand, holds in row.holds.items() if not holds})
