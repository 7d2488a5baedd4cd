from __future__ import annotations

import gc
import weakref

import pytest

from gateway.app import House, memory, settings_of
from gateway.app.line import lines

from .conftest import Configure


class Knot:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def thawed():
    yield
    gc.unfreeze()


def test_what_is_there_is_not_looked_at_again() -> None:
    memory.settle()
    assert gc.get_freeze_count() > 1000
    assert len(gc.get_objects()) < 1000


def test_what_the_schema_before_left_behind_is_collected() -> None:
    knot = Knot()
    memory.settle()
    left = weakref.ref(knot)
    del knot
    memory.settle()
    assert left() is None


async def test_the_house_says_when_a_new_engine_has_taken_its_place(configure: Configure) -> None:
    told: list[bool] = []
    settings = settings_of(configure())
    house = House(settings, lines(settings), composed=lambda: told.append(house.engine is not None))
    await house.open()
    await house.close()
    assert told == [True]
