"""`docs/errors.md` has a row for each code there is, and for none besides."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from gateway.errors import GatewayError

ROOT = Path(__file__).parents[2]
LINES = (ROOT / "docs/errors.md").read_text().splitlines()
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in LINES if line.startswith("| `")]
ANSWERS = {row[0].strip("`"): row for row in ROWS if len(row) == 5}
PROBLEMS = {row[0].strip("`") for row in ROWS if len(row) == 3}


def kinds(of: type[GatewayError] = GatewayError) -> Iterator[type[GatewayError]]:
    yield of
    for kind in of.__subclasses__():
        yield from kinds(kind)


def test_each_code_of_an_answer_has_a_row_and_each_row_a_code() -> None:
    ours = {kind.code for kind in kinds() if kind.__module__.startswith("gateway")}
    assert ours == set(ANSWERS)
    assert all(all(row) for row in ANSWERS.values())


def test_what_may_be_asked_again_is_told_as_the_code_has_it() -> None:
    told = {code: row[3] for code, row in ANSWERS.items()}
    for kind in kinds():
        if told[kind.code] != "by its own code" and kind.__subclasses__() == []:
            assert told[kind.code] == ("yes" if kind.retryable else "no"), kind


def test_each_problem_of_composition_has_a_row_and_each_row_a_problem() -> None:
    text = "".join(path.read_text() for path in (ROOT / "gateway/composition").glob("*.py"))
    codes = set(re.findall(r'"([A-Z]+(?:_[A-Z]+)+)"', text))
    assert codes == PROBLEMS
