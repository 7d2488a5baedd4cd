"""One shop and one gateway in front of it for a module; what needs another configuration makes its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .gateway import Inside, served
from .shop import Shop, configure, open_shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with open_shop(tmp_path_factory.mktemp("shop")) as opened:
        yield opened


@pytest.fixture(scope="module")
def front(shop: Shop) -> Iterator[Inside]:
    """The gateway in front of the shop. No circuit breaker: what one test breaks is whole for the next."""
    with served(configure(shop, defaults="  circuit_breaker: off")) as gateway:
        yield gateway


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Shop]:
    """A shop of one's own, to break."""
    with open_shop(tmp_path, local=False) as opened:
        yield opened


@pytest.fixture
def broken(shop: Shop) -> Iterator[Callable[..., None]]:
    """`broken(people=wire)`: from now on the service answers so, until the test is over."""
    yield lambda **wires: shop.broken.update(wires)
    shop.broken.clear()
