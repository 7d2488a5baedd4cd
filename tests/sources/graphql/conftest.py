from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sources.graphql.services import listening, modern


@pytest.fixture(scope="session")
def accounts() -> Iterator[str]:
    """The address of a GraphQL service as people write them today."""
    with listening(modern()) as url:
        yield url


@pytest.fixture
def nowhere() -> str:
    """An address where nothing listens."""
    with listening(modern()) as url:
        return url
