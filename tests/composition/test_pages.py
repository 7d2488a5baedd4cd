"""Each page under `pages/` has sources, and the schema they become or what keeps them from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.composition.print import print_schema
from gateway.config.problem import ConfigError, Problem
from tests.pages import Page, check, pages


def composed(page: Page) -> str:
    try:
        return print_schema(page.compose())
    except ConfigError as refused:
        return "\n".join(line for problem in refused.problems for line in told(problem)) + "\n"


def told(problem: Problem) -> Iterator[str]:
    yield f"{problem.code} at {'.'.join(map(str, problem.path)) or 'no place of the configuration'}"
    yield f"  {problem.message}"
    yield f"  coordinates: {'; '.join(problem.coordinates)}"
    yield f"  sources: {', '.join(problem.sources)}; owners: {', '.join(problem.owners)}"
    yield from (f"  fix: {line}" for line in (problem.fix or "").splitlines())


@pytest.mark.parametrize("path", pages(Path(__file__).parent / "pages"), ids=lambda path: path.stem)
def test_sources_become_what_is_on_their_page(path: Path) -> None:
    check(path, composed)
