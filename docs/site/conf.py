"""How the pages of this repository become a site: every Markdown file as it is, under the place it has here."""

import os
import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

from gateway import __version__  # noqa: E402 - the tag that is built, not what is installed

project = "Signpost"
copyright = "the Signpost authors"
version = release = os.environ.get("DOCS_VERSION", __version__)

extensions = ["myst_parser"]
root_doc = "README"
include_patterns = ["README.md", "CHANGELOG.md", "docs/**.md", "benchmarks/README.md", "graphiql/README.md", "config/**.md"]
exclude_patterns = [".*", "**/node_modules", "build", "dist", "docs/site"]
nitpicky = True
suppress_warnings = ["misc.highlighting_failure"]  # the lexer for GraphQL does not know directives with arguments on fragments
myst_heading_anchors = 4

html_theme = "furo"
html_title = "Signpost"
html_logo = html_favicon = str(ROOT / "graphiql" / "src" / "signpost.svg")
html_static_path = [str(HERE / "static")]
html_css_files = ["signpost.css"]
html_js_files = ["switch.js"]
html_copy_source = False
html_show_sphinx = False
html_last_updated_fmt = None
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#2f7d5b", "color-brand-content": "#2f7d5b"},
    "dark_css_variables": {"color-brand-primary": "#6cc39b", "color-brand-content": "#6cc39b"},
}
pygments_style = "friendly"
pygments_dark_style = "github-dark"

# Reading order. A pattern stands for the pages that are named nowhere.
PARTS = {
    "Running it": "docs/{configuration,operations,observability,upgrading} config/deploy/README config/**/README",
    "What callers meet": "docs/{door,errors,ownership,resilience,streams,*}",
    "Sources": "docs/sources/{openapi,graphql,federation,local,*}",
    "Inside": "docs/{architecture,performance} benchmarks/README graphiql/README docs/decisions/* CHANGELOG",
}


def spelled(pages: str) -> list[str]:
    """`a/{b,c}` is `a/b` and `a/c`."""
    parts = [re.fullmatch(r"(.*?)(?:\{(.*)\})?", page) for page in pages.split()]
    return [f"{part[1]}{name}" for part in parts if part for name in (part[2] or "").split(",")]


def found(page: str, named: set[str]) -> list[str]:
    there = sorted(str(path.relative_to(ROOT).with_suffix("")) for path in ROOT.glob(f"{page}.md"))
    return [each for each in there if each not in named] if "*" in page else [page]


def contents(_: Any, page: str, source: list[str]) -> None:
    """The tree of pages hangs below the README, which is read in other places too and should not carry it."""
    if page == root_doc:
        named = {page for pages in PARTS.values() for page in spelled(pages)}
        for caption, pages in PARTS.items():
            lines = "\n".join(each for page in spelled(pages) for each in found(page, named))
            source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{lines}\n```\n"


def setup(app: Any) -> None:
    app.connect("source-read", contents)
