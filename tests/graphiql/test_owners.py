"""The Owners panel in a real browser: whose a field is, what an answer took, and whom to tell of an error."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from .conftest import shot
from .test_browser import answer, run, text, write

SECRET = "s3cret-value"


def owners(page: Page) -> None:
    page.get_by_label("Show Owners").click()


def test_the_field_under_the_cursor_shows_whose_it_is(page: Page, demo: Callable[..., str], abroad: list[str]) -> None:
    page.goto(demo())
    owners(page)
    write(page, "{ listProducts(limit: 1) { items { name reviews { title } } } }")
    card = page.locator(".signpost-owners [data-coordinate]")
    for _ in range(12):
        page.keyboard.press("ArrowLeft")
    expect(card).to_contain_text("Review.title")
    expect(card).to_contain_text("Customer Voice")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(card).to_contain_text("Query.listProducts")
    expect(card).to_contain_text("Catalog & Assortment")
    expect(card.get_by_role("link", name="catalog@shop.example.com")).to_have_attribute("href", "mailto:catalog@shop.example.com")
    shot(page, "owners-field")
    assert abroad == []


def test_after_a_run_every_upstream_call_is_a_bar(page: Page, demo: Callable[..., str], abroad: list[str]) -> None:
    page.goto(demo())
    owners(page)
    write(page, "{ listProducts(limit: 2) { items { name reviews(first: 1) { author { name } } } } }")
    run(page)
    bars = page.locator(".signpost-waterfall li")
    expect(bars).to_have_count(3)
    assert [bars.nth(n).locator("b").inner_text() for n in range(3)] == ["catalog", "reviews", "accounts"]
    expect(bars.first).to_contain_text(" ms")
    expect(answer(page)).to_contain_text('"author"')
    assert "extensions" not in text(page)
    shot(page, "owners-waterfall")
    assert abroad == []


def test_each_error_is_a_card_with_a_message_that_is_ready_to_be_sent(
    page: Page, demo: Callable[..., str], abroad: list[str]
) -> None:
    page.goto(demo("--break", "reviews:500"))
    owners(page)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    write(
        page,
        f'{{ listProducts(limit: 3, category: "{SECRET}") {{ items {{ name }} }} reviewsOf(productId: "{SECRET}") {{ title }} }}',
    )
    run(page)
    expect(page.locator(".signpost-owners [data-coordinate]")).to_contain_text("has just failed")
    card = page.locator(".signpost-card.error").first
    expect(card).to_contain_text("Customer Voice")
    card.get_by_text("Message for them").click()
    message = card.get_by_label("Support message for reviews").input_value()
    for said in (
        "**To:** Customer Voice (voice@shop.example.com",
        "error id: `err_",
        "request id: `req_",
        "your operation: `query { reviewsOf",
    ):
        assert said in message
    assert 'reviewsOf(productId: "…")' in message
    assert SECRET not in message
    card.get_by_role("button", name="Copy support message").click()
    expect(card.get_by_role("button")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == message
    shot(page, "owners-error")
    assert abroad == []
