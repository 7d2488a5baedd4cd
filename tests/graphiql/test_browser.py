"""The GraphiQL page in a real browser, with nothing to reach but the gateway."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from .conftest import shot

expect.set_options(timeout=30_000)


def test_a_query_is_typed_with_completion_and_answered(page: Page, demo: Callable[..., str], abroad: list[str]) -> None:
    page.goto(demo())
    write(page, "{ listProd")
    page.keyboard.press("Control+Space")
    expect(page.locator(".suggest-widget.visible")).to_contain_text("listProducts")
    shot(page, "query-completion")
    page.keyboard.press("Enter")
    page.keyboard.type("(limit: 1) { items { name reviews(first: 1) { author { name } } } } }")
    run(page)
    expect(answer(page)).to_contain_text('"author"')
    assert "errors" not in text(page)
    assert abroad == []


def test_an_answer_with_a_missing_part_shows_whose_it_is(page: Page, demo: Callable[..., str], abroad: list[str]) -> None:
    page.goto(demo("--break", "reviews:500"))
    write(page, "{ listProducts(limit: 2) { items { name reviews { title } } } }")
    run(page)
    expect(answer(page)).to_contain_text("Customer Voice")
    shown = text(page)
    assert '"reviews": null' in shown
    assert '"email": "voice@shop.example.com"' in shown
    shot(page, "query-error")
    assert abroad == []


def test_a_link_carries_its_query(page: Page, demo: Callable[..., str], abroad: list[str]) -> None:
    page.goto(demo() + "?query={user(id:%22usr_0004%22){name}}")
    expect(page.locator(".graphiql-query-editor .view-lines")).to_contain_text("usr_0004")
    run(page)
    expect(answer(page)).to_contain_text("Viktor Fontaine")
    assert abroad == []


def test_the_documentation_lists_the_fields_of_all_services(page: Page, demo: Callable[..., str], abroad: list[str]) -> None:
    page.goto(demo())
    page.get_by_label("Show Documentation Explorer").click()
    page.locator(".graphiql-doc-explorer-content").get_by_text("Query", exact=True).click()
    for field in ("listProducts", "users", "reviewsOf"):
        expect(page.locator(".graphiql-doc-explorer-content")).to_contain_text(field)
    shot(page, "documentation")
    assert abroad == []


def test_the_page_may_not_reach_elsewhere(page: Page, demo: Callable[..., str], abroad: list[str]) -> None:
    page.goto(demo())
    page.evaluate("fetch('https://elsewhere.example.com').catch(() => null)")
    assert "elsewhere.example.com" in abroad[0]


def write(page: Page, query: str) -> None:
    """Into the query editor, as fingers would; the editor closes brackets by itself and lets them be typed over."""
    page.locator(".graphiql-query-editor .monaco-editor .view-lines").first.click()
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    page.keyboard.type(query)


def run(page: Page) -> None:
    """Once the schema is known: the page does not run what it cannot read yet."""
    expect(page.locator(".graphiql-spinner")).to_have_count(0)
    page.locator(".graphiql-execute-button").click()


def answer(page: Page) -> Locator:
    return page.locator(".graphiql-response .view-lines")


def text(page: Page) -> str:
    """What the answer's editor shows, in the order of its lines."""
    lines = page.locator(".graphiql-response .view-line").evaluate_all(
        "lines => lines.map(line => [line.offsetTop, line.innerText])"
    )
    return "\n".join(line for _, line in sorted(lines)).replace("\xa0", " ")
