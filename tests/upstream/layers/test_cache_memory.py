"""What the stores say they hold is what they take: the bound is a bound of memory, not of text."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from gateway.config.model import CachePolicy
from gateway.upstream.call import Call, Freshness, Reply, Request
from gateway.upstream.layers.cache import Store
from gateway.upstream.layers.cache.freshness import copy_of
from gateway.upstream.layers.cache.items import Item, Items

MANY = 400
ROOM = 1 << 30


@contextmanager
def measured() -> Iterator[Callable[[], int]]:
    """Bytes taken since, and still held."""
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()

    def taken() -> int:
        gc.collect()
        now, _ = tracemalloc.get_traced_memory()
        return now - before

    yield taken
    tracemalloc.stop()


def text(value: str) -> str:
    """An object of its own, as those that come from a wire are."""
    return value.encode().decode()


def a_call(number: int, identity: bool) -> Call:
    headers = ((text("authorization"), text(f"Bearer {number:030}")),) if identity else ()
    url = f"http://inventory.internal:8080/v2/stock/{number}"
    return Call("GET", url, headers, None, "GET /v2/stock/{sku}", Request(f"req_{number}"), lambda reply: reply, identity)


@pytest.mark.parametrize("size", [50, 1_000, 20_000])
@pytest.mark.parametrize("fields", [1, 8])
@pytest.mark.parametrize("identity", [False, True])
def test_a_copy_is_counted_with_what_it_takes(size: int, fields: int, identity: bool) -> None:
    store, policy = Store(ROOM), CachePolicy()
    with measured() as taken:
        for number in range(MANY):
            headers = {text(f"x-field-{each}"): text(f"value {number}") for each in range(fields - 1)}
            call = a_call(number, identity)
            reply = Reply(200, headers | {text("cache-control"): text("max-age=60")}, bytes(size))
            copy = copy_of(call, reply, policy, 1000.0 + number)
            assert copy is not None
            store.put(("inventory", *call.key), copy)
        del call, reply, copy, headers
        assert store.used == pytest.approx(taken(), rel=0.25)
    assert len(store) == MANY


@pytest.mark.parametrize(("size", "rows"), [(50, 1), (2_000, 1), (50, 20)])
def test_a_row_is_counted_with_what_it_takes(size: int, rows: int) -> None:
    items = Items(ROOM, lambda: 0.0)
    shelf = items.shelf("reviews")
    with measured() as taken:
        for number in range(MANY):
            item = Item(tuple(bytes(size) for _ in range(rows)), Freshness(2000.0 + number), 1000.0 + number)
            items.put(shelf, (text(f"key {number}"), (b"{}", None)), item)
        del item
        assert items.used == pytest.approx(taken(), rel=0.25)
    assert len(items) == MANY
