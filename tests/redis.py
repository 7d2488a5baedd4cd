"""A real Redis (or Valkey) of a test's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from benchmarks import servers


@contextmanager
def redis_server(*options: str, port: int | None = None) -> Iterator[int]:
    """Its port. The test is skipped where there is none to start."""
    with ExitStack() as stack:
        try:
            there = stack.enter_context(servers.redis_server(*options, port=port))
        except servers.Missing as missing:
            pytest.skip(str(missing))
        yield there
