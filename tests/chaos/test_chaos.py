"""The rows of `make chaos`, each in its short form, and only what is counted: on a busy machine times say nothing. (The machines
have tests of their own.)"""

from __future__ import annotations

import pytest

from benchmarks.chaos.rows import ROWS
from benchmarks.chaos.sizes import SHORT


@pytest.mark.parametrize("name", [name for name in ROWS if name != "machines"])
async def test_what_must_hold_holds(name: str) -> None:
    row = await ROWS[name](SHORT)
    assert all(row.holds.values()), (row.measured, [demand for demand, holds in row.holds.items() if not holds])
