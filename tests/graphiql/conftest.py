"""The demo as a newcomer starts it, and a browser that can reach nothing else."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

from gateway.server.page import BUNDLE

SCREENSHOTS = Path(__file__).parents[2] / ".build" / "screenshots"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
MISSING = None if CHROMIUM else "no browser here (on Debian: apt-get install chromium)"
MISSING = MISSING or (None if (BUNDLE / "index.html").is_file() else "the GraphiQL page is not built (make graphiql)")


def shot(page: Page, name: str) -> None:
    """For whoever wants to see what the tests saw."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if MISSING:
        pytest.skip(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Fresh storage for each test; patient, because a page of this size takes its time on a busy machine."""
    page = browser.new_page(viewport={"width": 1500, "height": 1800})
    page.set_default_timeout(30_000)
    yield page
    page.close()


@pytest.fixture
def abroad(page: Page) -> list[str]:
    """What the page asked of other hosts (refused), what its content security policy forbade, and its errors."""
    found: list[str] = []

    def judge(route: Route) -> None:
        if urlsplit(route.request.url).hostname in ("127.0.0.1", None):
            route.continue_()
        else:
            found.append(route.request.url)
            route.abort()

    page.route("**/*", judge)
    page.on("console", lambda message: found.append(message.text) if "Content Security Policy" in message.text else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


@pytest.fixture(scope="module")
def demo(browser: Browser) -> Iterator[Callable[..., str]]:  # noqa: ARG001 - no browser, no demo
    """`demo("--break", "reviews:500")` gives the address of /graphql; the same arguments, the same demo."""
    processes: list[subprocess.Popen[str]] = []

    @cache
    def begin(*arguments: str) -> str:
        command = [sys.executable, "-m", "gateway", "demo", "--port", "0", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.search(r"http://\S+/graphql", line):
                return found.group()
        raise AssertionError("the demo ended before it could be asked")

    yield begin
    for process in processes:
        process.terminate()
        process.communicate(timeout=20)
