"""The site as it is built: whole, without a network, and of several versions."""

from __future__ import annotations

import json
import re
import runpy
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from tests.docs.examples import PAGES, ROOT

BUILD: dict[str, Any] = runpy.run_path(str(ROOT / "docs" / "site" / "build.py"))
OUTSIDE = re.compile(r"(?:https?:)?//")


class Page(HTMLParser):
    """Its anchors, where it leads, and what a browser loads for it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, given: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in given}
        self.anchors |= {attributes[name] for name in ("id", "name") if name in attributes}
        if tag == "a" and "href" in attributes:
            self.links.append(attributes["href"])
        elif tag == "link" and attributes.get("rel") not in ("canonical", "index", "search", "next", "prev"):
            self.loads.append(attributes["href"])
        elif "src" in attributes:
            self.loads.append(attributes["src"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("furo")
    into = tmp_path_factory.mktemp("site")
    BUILD["pages"](ROOT, into / "dev", "dev")
    BUILD["index"](into)
    return into


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in sorted((site / "dev").rglob("*.html"))}


def test_every_page_of_the_repository_is_there(site: Path) -> None:
    expected = [path.relative_to(ROOT).with_suffix(".html") for path in PAGES]
    assert len(expected) > 25
    assert [path for path in expected if not (site / "dev" / path).exists()] == []


def test_every_link_and_every_anchor_leads_somewhere(pages: dict[Path, Page]) -> None:
    dead = []
    for path, page in pages.items():
        for link in page.links:
            to = urlsplit(link)
            if to.scheme or to.netloc:
                continue
            target = (path.parent / unquote(to.path)).resolve() if to.path else path
            known = pages[target].anchors if target in pages else None
            if not target.exists() or (to.fragment and known is not None and unquote(to.fragment) not in known):
                dead.append(f"{path.name}: {link}")
    assert dead == []


def test_nothing_is_loaded_from_another_host(site: Path, pages: dict[Path, Page]) -> None:
    loaded = {load for page in pages.values() for load in page.loads}
    assert loaded
    assert [load for load in loaded if OUTSIDE.match(load)] == []
    styles = "".join(path.read_text() for path in site.rglob("*.css"))
    assert re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//[^)]*", styles) == []


def test_the_search_knows_the_pages(site: Path) -> None:
    index = json.loads((site / "dev" / "searchindex.js").read_text().removeprefix("Search.setIndex(").removesuffix(")"))
    assert {"README", "docs/configuration", "docs/upgrading", "CHANGELOG"} <= set(index["docnames"])
    assert "breaker" in index["terms"]


def test_links_to_other_places_are_addresses() -> None:
    for path in PAGES:
        for link in re.findall(r"\]\((\w+:[^)\s]+)\)", path.read_text()):
            to = urlsplit(link)
            assert (to.scheme, "." in (to.hostname or "")) == ("https", True), f"{path}: {link}"


def test_versions_are_told_from_the_newest(tmp_path: Path) -> None:
    assert BUILD["releases"]("v1.10.0 v1.9.0 v0.1.0 v2.0.0rc1 nightly") == ["v1.10.0", "v1.9.0", "v0.1.0"]
    for version in ("dev", "v0.9.0", "v0.10.0"):
        (tmp_path / version).mkdir()
    assert BUILD["index"](tmp_path) == ["v0.10.0", "v0.9.0", "dev"]
    assert (tmp_path / "versions.js").read_text() == 'window.VERSIONS = ["v0.10.0", "v0.9.0", "dev"];\n'
    assert "url=v0.10.0/index.html" in (tmp_path / "index.html").read_text()
