"""What the benchmark of ownership compares, and when it calls it too dear."""

from __future__ import annotations

from benchmarks import inside, ownership
from benchmarks.ownership import POSTS, Overhead, table


def test_more_than_two_hundredths_are_too_dear() -> None:
    dear, fine = table((Overhead("dear", 102_100.0, 100_000.0), Overhead("fine", 101_900.0, 100_000.0))).splitlines()
    assert "+2.10%   TOO DEAR" in dear
    assert "TOO DEAR" not in fine


async def test_without_it_the_answer_is_the_same_and_says_nothing_of_its_sources() -> None:
    engine = await inside.engine(rows=3)
    told = await engine.answer(inside.asked(1, POSTS))
    patches = ownership.silenced()
    for patch in patches:
        patch.start()
    try:
        silent = await engine.answer(inside.asked(2, POSTS))
    finally:
        for patch in patches:
            patch.stop()
    assert told.body == silent.body
    assert {name for name, _ in told.headers} == {b"cache-status", b"server-timing"}
    assert silent.headers == ()


async def test_every_case_runs() -> None:
    work = await ownership.cases()
    assert work.keys() == ownership.REPEATS.keys()
    for run in work.values():
        await run(1)
