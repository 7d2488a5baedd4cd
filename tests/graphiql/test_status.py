"""The status page as a person meets it: without scripts, on a phone, with a screen reader, in the dark."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from .conftest import shot

PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 900}
QUERY = '{ listProducts(limit: 3) { items { name } } reviewsOf(productId: "p1") { title } }'


@pytest.fixture(scope="module")
def status(demo: Callable[..., str]) -> str:
    """The page of a gateway with one service that fails; asked often enough for its circuit to open."""
    graphql = demo("--break", "reviews:500")
    with httpx.Client(trust_env=False, timeout=30) as client:
        for n in range(30):
            client.post(graphql, json={"query": QUERY.replace("p1", f"p{n}")})
    return graphql.replace("/graphql", "/status")


@pytest.fixture(params=["light", "dark"])
def phone(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A narrow screen that runs no scripts."""
    context = browser.new_context(viewport=PHONE, java_script_enabled=False, color_scheme=request.param)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(30_000)
    yield page
    context.close()


def test_a_phone_without_scripts_shows_all_of_it_and_nothing_sticks_out(phone: Page, status: str) -> None:
    asked: list[str] = []
    phone.on("request", lambda each: asked.append(each.url))
    phone.goto(status)
    text = phone.locator("body").inner_text()
    assert "reviews needs attention" in text
    assert "circuit open" in text
    assert "Customer Voice" in text
    assert phone.locator("svg.spark").count() >= 2
    wide = [card for card in phone.locator("main li, header, footer, h1").all() if not _within(card)]
    assert wide == []
    assert asked == [status], "nothing is loaded beside the page itself"
    scheme = "dark" if _dark(phone) else "light"
    shot(phone, f"status-phone-{scheme}")


def _within(card: object) -> bool:
    box = card.bounding_box()  # type: ignore[attr-defined]  # a locator
    return box is None or (box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"])


def _dark(page: Page) -> bool:
    return page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") is True


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_axe_finds_nothing_to_say_of_it(browser: Browser, status: str, scheme: str, size: dict[str, int]) -> None:
    context = browser.new_context(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.goto(status)
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]})
    assert found.violations_count == 0, found.generate_report()
    if size is DESK:
        shot(page, f"status-desk-{scheme}")
    context.close()


def test_a_keyboard_reaches_every_way_to_an_owner(browser: Browser, status: str) -> None:
    page = browser.new_page(viewport=DESK)
    page.goto(status)
    links = [link.get_attribute("href") for link in page.locator("main a").all()]
    reached = set()
    for _ in range(len(links) + 5):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.getAttribute('href')"))
    assert set(links) <= reached
    assert any(link and link.startswith("mailto:") for link in links)
    page.close()
