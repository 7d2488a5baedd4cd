"""Shared by the tests of this room."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.execution.agreement")


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Thousands of wrong replies are answered here; each would log its error."""
    caplog.set_level("ERROR", logger="gateway")
