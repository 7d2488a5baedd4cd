"""`docs/upgrading.md` promises what the program keeps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway import __version__
from gateway.app import settings_of
from gateway.app.changes import Change
from gateway.app.history import FILE, History
from gateway.app.observing.scrape import COUNTED
from gateway.config.problem import ConfigError
from gateway.server.rate.redis import PREFIX
from gateway.sources.document import keep
from gateway.upstream.layers.cache.shared import FORM
from tests.docs.examples import ROOT

PAGE = (ROOT / "docs" / "upgrading.md").read_text()
CHANGES = (ROOT / "CHANGELOG.md").read_text()


def test_versions_are_semantic() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+(rc\d+)?", __version__)


def test_every_release_has_its_notes() -> None:
    released = set(re.findall(r"^## \[(\d[^\]]*)\]", CHANGES, re.MULTILINE)) | {__version__}
    assert released <= set(re.findall(r"^### (\S+)", PAGE, re.MULTILINE))


def test_only_the_one_form_of_the_configuration_is_read(tmp_path: Path) -> None:
    text = (ROOT / "config" / "minimal.yaml").read_text()
    (tmp_path / "gateway.yaml").write_text(f"version: 1\n{text}")
    assert settings_of(tmp_path / "gateway.yaml").version == 1
    (tmp_path / "gateway.yaml").write_text(f"version: 2\n{text}")
    with pytest.raises(ConfigError, match=r"expected 1"):
        settings_of(tmp_path / "gateway.yaml")


def test_the_names_of_what_lasts_are_those_of_the_program(tmp_path: Path) -> None:
    keep(tmp_path, "inventory", b"type Query { a: Int }")
    assert {f"{path.name}/" for path in tmp_path.iterdir()} == {"schemas/"}
    for name in ("`schemas/`", "`built/`", f"`{FILE}`", f"`{COUNTED}`", f"`signpost:{FORM}:`", f"`{PREFIX}`"):
        assert name in PAGE


def test_a_line_of_the_history_that_another_version_wrote_costs_only_itself(tmp_path: Path) -> None:
    change = Change(1.0, "inventory", "safe", "Stock.sku", "a field was added")
    History(tmp_path).add([change])
    with (tmp_path / FILE).open("a") as file:
        file.write('{"at": "tomorrow", "what": {}}\n')
    assert History(tmp_path).latest() == [change]
    assert History(tmp_path).add([Change(2.0, "inventory", "safe", "Stock.place", "a field was added")])
    assert len(History(tmp_path).latest()) == 2
