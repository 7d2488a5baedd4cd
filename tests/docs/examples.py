"""The code of every page: in fences, indented after an empty line, and the settings that stand in a sentence."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "benchmarks" / "README.md",
    ROOT / "graphiql" / "README.md",
    *sorted((ROOT / "config").rglob("*.md")),
]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SETTING = re.compile(r"`([a-z_.]+: ?[{\[][^`]*)`")
"""A setting with its value; one with `...` in it only names its parts."""


class Example(NamedTuple):
    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def of(language: str) -> list[Example]:
    return [each for each in EXAMPLES if each.language == language]


def _found() -> Iterator[Example]:
    for path in PAGES:
        text, page = path.read_text(), path.relative_to(ROOT).as_posix()
        for fence in FENCE.finditer(text):
            yield Example(page, text[: fence.start()].count("\n") + 2, fence[1], textwrap.dedent(fence[2]))
        for inline in SETTING.finditer(FENCE.sub(lambda fence: re.sub(r"[^\n]", " ", fence[0]), text)):
            if "..." not in inline[1]:
                yield Example(page, text[: inline.start()].count("\n") + 1, "setting", inline[1] + "\n")


EXAMPLES = list(_found())
