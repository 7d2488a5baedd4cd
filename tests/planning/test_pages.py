"""Each page under `pages/` has a query and its plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.engine import Engine
from gateway.planning.plan import show
from tests.graphs import GATEWAY_OWNER
from tests.pages import Page, check, pages


def planned(page: Page) -> str:
    engine = Engine(page.compose(), owner=GATEWAY_OWNER)
    return show(engine.plan(page.query, None, page.settings.get("variables", {})))


@pytest.mark.parametrize("path", pages(Path(__file__).parent / "pages"), ids=lambda path: path.stem)
def test_a_query_has_the_plan_on_its_page(path: Path) -> None:
    check(path, planned)
