from __future__ import annotations

import json

from benchmarks import inside, micro


def test_a_case_more_than_a_tenth_dearer_is_named() -> None:
    assert micro.dearer({"rest": 1.11, "kept": 1.09}, {"rest": 1.0, "kept": 1.0}) == ["rest"]


def test_a_case_without_a_baseline_cannot_be_too_dear() -> None:
    assert micro.dearer({"new": 9.0}, {}) == []


def test_the_table_names_what_became_too_dear() -> None:
    dear, fine = micro.table({"rest": 2.0, "kept": 1.0}, {"rest": 1.0, "kept": 1.0}).splitlines()
    assert "+100.0%   TOO DEAR" in dear
    assert "TOO DEAR" not in fine


def test_each_baseline_has_every_case() -> None:
    for ratios in json.loads(micro.BASELINE.read_text()).values():
        assert ratios.keys() == micro.REPEATS.keys() - {"reference"}


async def test_every_case_runs_and_the_gateway_inside_answers_rightly() -> None:
    work = await micro.cases()
    assert work.keys() == micro.REPEATS.keys()
    for run in work.values():
        await run(1)
    await inside.check(await inside.engine(rows=20, types=4, sources=2), 20)
