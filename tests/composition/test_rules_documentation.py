"""`docs/sources/composition.md` says `told` of every rule that a test here breaks, and of no other."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/sources/composition.md").read_text()
TESTS = "".join(
    (ROOT / "tests" / path).read_text()
    for path in (
        "composition/test_federation_rules.py",
        "sources/federation/test_reading.py",
        "sources/supergraph/test_supergraph.py",
    )
)


def test_every_rule_that_is_told_is_broken_in_a_test() -> None:
    told = set(re.findall(r"^\| `([A-Z_]+)` \| told \|$", PAGE, re.MULTILINE))
    tested = set(re.findall(r'"([A-Z]+(?:_[A-Z]+)+)"', TESTS))
    assert not told - tested


def test_every_rule_that_a_test_breaks_is_on_the_page() -> None:
    rules = set(re.findall(r'^    "([A-Z]+(?:_[A-Z]+)+)": ', TESTS, re.MULTILINE))
    assert not rules - set(re.findall(r"`([A-Z_]+)`", PAGE)) - {"SCHEMA_SYNTAX"}


def test_what_another_code_stands_for_is_told() -> None:
    stands = set(re.findall(r"^\| `[A-Z_]+` \| `([A-Z_]+)` \|$", PAGE, re.MULTILINE))
    known = set(re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "docs/errors.md").read_text(), re.MULTILINE))
    assert not stands - known
