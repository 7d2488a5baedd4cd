from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.plot import bars, history
from benchmarks.record import Measured, write


def measured(figure: float) -> dict[str, Measured]:
    return {"compare": Measured({"figure": figure}, f"a table with {figure}", {"gateway": figure}, "ms")}


def test_a_run_is_written_as_markdown_json_and_plots(tmp_path: Path) -> None:
    markdown = write(measured(0.25), {"rounds": 3}, tmp_path)
    assert "a table with 0.25" in markdown.read_text()
    assert json.loads(markdown.with_suffix(".json").read_text())["compare"] == {"figure": 0.25}
    for plot in tmp_path.glob("*.svg"):
        assert plot.name in markdown.read_text()
        ElementTree.parse(plot)
    assert len(list(tmp_path.glob("*.svg"))) == 2


def test_each_run_adds_one_line_to_the_history(tmp_path: Path) -> None:
    write(measured(0.25), {}, tmp_path)
    write(measured(0.5), {}, tmp_path)
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["figures"] for line in lines] == [{"compare: gateway": 0.25}, {"compare: gateway": 0.5}]


def test_the_longest_bar_is_the_greatest_figure() -> None:
    drawn = ElementTree.fromstring(bars("CPU", {"a <b>": 1.0, "c": 2.0}, "ms"))
    _, half, whole = (float(each.attrib["width"]) for each in drawn.iter("{http://www.w3.org/2000/svg}rect"))
    assert whole == 2 * half


def test_a_history_says_how_far_the_last_run_is_from_the_first() -> None:
    assert "0.3 (+50%)" in history("runs", {"rest": [0.2, 0.25, 0.3]})
