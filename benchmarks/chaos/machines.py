"""The state machines of the tests, for as many steps as it takes: what a layer decides, next to a plain model of it."""

from __future__ import annotations

import asyncio

from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, run_state_machine_as_test

from benchmarks.chaos.sizes import Size
from benchmarks.rows import Row
from tests.execution.test_kept_machine import RowsModel
from tests.upstream.layers.test_breaker import Model as BreakerModel
from tests.upstream.layers.test_budget_machine import BudgetModel
from tests.upstream.layers.test_bulkhead import Model as QueueModel
from tests.upstream.layers.test_cache_machine import CacheModel
from tests.upstream.layers.test_cache_renewal import RerunsModel

MACHINES: dict[str, type[RuleBasedStateMachine]] = {
    "breaker": BreakerModel,
    "queue": QueueModel,
    "budget": BudgetModel,
    "cache": CacheModel,
    "reruns": RerunsModel,
    "rows": RowsModel,
}


def steps(machine: type[RuleBasedStateMachine], size: Size) -> int:
    """Steps taken, all of them right: a wrong one raises, with the shortest way to it."""
    taken = 0

    class Counted(machine):  # type: ignore[misc, valid-type]  # a class that is given
        @invariant()
        def count(self) -> None:
            nonlocal taken
            taken += 1

    while taken < size.steps:
        run_state_machine_as_test(
            Counted,
            settings=settings(
                max_examples=size.examples,
                stateful_step_count=50,
                deadline=None,
                database=None,
                derandomize=size.repeatable,
                suppress_health_check=list(HealthCheck),
            ),
        )
    return taken


async def machines(size: Size) -> Row:
    """Off the loop: some have a loop of their own."""
    taken = {name: await asyncio.to_thread(steps, machine, size) for name, machine in MACHINES.items()}
    return Row(
        "layers next to their models",
        {f"{name}_steps": number for name, number in taken.items()},
        {f"≥ {size.steps} steps of each, all as the model": min(taken.values()) >= size.steps},
    )
