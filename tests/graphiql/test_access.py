"""The GraphiQL page for those who use no mouse, no light theme, or no screen; and what it remembers."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from .conftest import shot
from .test_browser import answer, run, text, write

Demo = Callable[..., str]
PANELS = ("Documentation Explorer", "History", "GraphiQL Explorer", "Owners")
SEEN = """() => {
  const shown = getComputedStyle(document.activeElement);
  return document.activeElement.closest('.monaco-editor') !== null || shown.outlineStyle !== 'none';
}"""
TAKEN_IN = "() => localStorage.getItem('graphiql:tabState')?.includes('users(first: 1) { name } }')"
"""The page takes in what is written a moment later, and its history has what it had taken in when a query is run."""
KEPT = """() => {
  const last = JSON.parse(localStorage.getItem('graphiql:tabState') ?? '{"tabs": []}').tabs.at(-1)?.query;
  return last?.includes('items { name } } }') && localStorage.getItem('graphiql:query') === last;
}"""
NAME = "() => document.activeElement.ariaLabel || document.activeElement.innerText.trim() || document.activeElement.tagName"


def violations(page: Page) -> list[str]:
    """By the rules of axe-core: WCAG 2 at levels A and AA, and good practice."""
    found = Axe().run(page).response["violations"]
    return [f"{rule['id']}: {node['html'][:120]} {node['any'][:1]}" for rule in found for node in rule["nodes"]]


def ready(page: Page) -> None:
    """The editors are there and the schema is known."""
    expect(page.get_by_label("Query: Enter to write")).to_be_visible()
    expect(page.locator(".graphiql-spinner")).to_have_count(0)


def settings(page: Page, choice: str) -> None:
    page.get_by_label("Open settings dialog").click()
    page.get_by_role("button", name=choice).click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(f".monaco-editor.{'vs-dark' if choice == 'Dark' else 'vs'}").first).to_be_visible()
    page.evaluate("Promise.all(document.getAnimations().map(each => each.finished.catch(() => null)))")


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_axe_finds_nothing_on_any_panel_before_and_after_an_answer(page: Page, demo: Demo, theme: str) -> None:
    page.goto(demo())
    ready(page)
    settings(page, theme)
    found = {"start": violations(page)}
    for panel in PANELS:
        page.get_by_label(f"Show {panel}").click()
        found[panel] = violations(page)
    write(page, "{ users(first: 1) { name } }")
    run(page)
    expect(answer(page)).to_contain_text('"name"')
    found["answer"] = violations(page)
    page.get_by_label("Open settings dialog").click()
    found["settings"] = violations(page)
    assert {where: what for where, what in found.items() if what} == {}
    shot(page, f"page-{theme.lower()}")


def test_the_keyboard_reaches_every_control_shows_where_it_is_and_is_trapped_nowhere(page: Page, demo: Demo) -> None:
    page.goto(demo())
    ready(page)
    page.evaluate("document.activeElement.blur()")
    reached: list[str] = []
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
        reached.append(page.evaluate(NAME))
        assert page.evaluate(SEEN), f"nothing shows that the keyboard is at {reached[-1]!r}"
    else:
        raise AssertionError(f"there was no way out: {reached}")
    for control in (*(f"Show {panel}" for panel in PANELS), "Execute query (Ctrl-Enter)", "Variables", "Headers", "New tab"):
        assert control in reached
    assert len(set(reached)) == len(reached)


def test_a_query_is_written_run_and_told_of_without_a_mouse(page: Page, demo: Demo, abroad: list[str]) -> None:
    page.goto(demo("--break", "reviews:500"))
    ready(page)
    page.evaluate("document.activeElement.blur()")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate(NAME) == "Query: Enter to write":
            break
    page.keyboard.press("Enter")
    assert page.evaluate(NAME) == "Query. Escape leaves this editor."
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    page.keyboard.type("{ listProd")
    page.keyboard.press("Control+Space")
    expect(page.locator(".suggest-widget.visible")).to_contain_text("listProducts")
    page.keyboard.press("Enter")
    page.keyboard.type("(limit: 2) { items { name reviews { title } } } }")
    page.keyboard.press("Control+Enter")
    page.keyboard.press("Escape")
    assert page.evaluate(NAME) == "Query: Enter to write"
    page.keyboard.press("Tab")
    assert re.fullmatch(r"(Execute|Stop) query \(Ctrl-Enter\)", page.evaluate(NAME))
    status = page.get_by_role("status")
    expect(status).to_have_text(re.compile(r"^Answered: 1 error of Customer Voice, \d upstream calls\.$"))
    assert abroad == []


def until(page: Page, predicate: str) -> None:
    """Asked from outside: the page's own rules let no text become script, not even a test's."""
    for _ in range(600):
        if page.evaluate(predicate):
            return
        page.wait_for_timeout(50)
    raise AssertionError(predicate)


def test_headers_are_written_in_their_editor_sent_and_not_kept(page: Page, demo: Demo) -> None:
    page.goto(demo())
    ready(page)
    page.get_by_role("button", name="Headers", exact=True).click()
    editor = page.locator(".graphiql-editor-tool .monaco-editor:visible")
    editor.locator(".view-lines").click()
    page.keyboard.type('{"X-Request-Id": "from-the-page-1"')
    write(page, "{ users(first: 1) { name } }")
    until(page, TAKEN_IN)
    with page.expect_request(lambda request: "users(first" in (request.post_data or "")) as sent:
        run(page)
    assert sent.value.headers["x-request-id"] == "from-the-page-1"
    until(page, "() => localStorage.getItem('graphiql:queries')?.includes('users(first')")
    assert "from-the-page-1" not in page.evaluate("JSON.stringify(localStorage)")


def test_tabs_the_theme_and_what_was_written_outlast_a_reload(page: Page, demo: Demo) -> None:
    page.goto(demo())
    ready(page)
    write(page, "query First { users(first: 1) { name } }")
    until(page, TAKEN_IN)
    run(page)
    expect(answer(page)).to_contain_text('"users"')
    page.get_by_label("New tab").click()
    write(page, "query Second { listProducts(limit: 1) { items { name } } }")
    settings(page, "Dark")
    tabs = page.locator(".graphiql-tab-button")
    expect(tabs).to_have_text(["First", "Second"])
    expect(tabs.nth(1)).to_have_attribute("aria-current", "true")
    until(page, KEPT)
    until(page, "() => localStorage.getItem('graphiql:queries')?.includes('First')")
    page.reload()
    expect(tabs).to_have_text(["First", "Second"])
    expect(page.locator("body")).to_have_class(re.compile("graphiql-dark"))
    tabs.nth(0).click()
    expect(page.locator(".graphiql-query-editor .view-lines")).to_contain_text("First")
    expect(tabs.nth(0)).to_have_attribute("aria-current", "true")
    page.get_by_label("Show History").click()
    expect(page.locator(".graphiql-history")).to_contain_text("First")


def test_the_explorer_builds_a_query_by_clicks(page: Page, demo: Demo, abroad: list[str]) -> None:
    page.goto(demo())
    ready(page)
    page.get_by_label("Show GraphiQL Explorer").click()
    explorer = page.locator(".docExplorerWrap")
    explorer.get_by_text("users", exact=True).click()
    explorer.get_by_text("name", exact=True).first.click()
    expect(page.locator(".graphiql-query-editor .view-lines")).to_contain_text("users")
    run(page)
    expect(answer(page)).to_contain_text('"users"')
    assert '"name"' in text(page)
    shot(page, "page-explorer")
    assert abroad == []
