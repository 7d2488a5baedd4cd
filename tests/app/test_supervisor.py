"""Background tasks: a failure is logged and stays alone; all end together."""

from __future__ import annotations

import asyncio

import pytest

from gateway.app.supervisor import Supervisor


async def test_a_task_that_fails_is_logged_under_its_name_and_takes_nothing_with_it(caplog: pytest.LogCaptureFixture) -> None:
    supervisor, going_on, failed = Supervisor(), asyncio.Event(), asyncio.Event()

    async def fails() -> None:
        failed.set()
        raise ZeroDivisionError("inside")

    async def goes_on() -> None:
        await failed.wait()
        going_on.set()

    supervisor.start("source inventory", fails())
    supervisor.start("source catalog", goes_on())
    await asyncio.wait_for(going_on.wait(), 5)
    await supervisor.stop()
    assert "source inventory failed by a fault of the gateway" in caplog.text
    assert "ZeroDivisionError" in caplog.text


async def test_stopping_waits_until_every_task_has_tidied_up() -> None:
    supervisor, started, tidied = Supervisor(), asyncio.Event(), []

    async def work() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            tidied.append(True)

    supervisor.start("work", work())
    await started.wait()
    await supervisor.stop()
    assert tidied == [True]
