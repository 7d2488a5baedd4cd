"""Every command in front of real services: what it says in plain words, in JSON, and by its exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.__main__ import run

from .gateway import command
from .shop import Shop, configure

FINE, PROBLEMS, COULD_NOT_RUN = 0, 1, 2
QUERY = "{ listProducts { name maker { name } } }"


@pytest.fixture(scope="module")
def config(shop: Shop) -> Path:
    (shop.folder / "query.graphql").write_text(QUERY)
    return configure(shop)


def commands(config: Path) -> list[tuple[tuple[str | Path, ...], str]]:
    """A command line, and a word of what it says."""
    return [
        (("check", config), "4 sources"),
        (("schema", config), "type Product implements Named"),
        (("schema", config, "--sources"), "@signpost__source"),
        (("plan", config, QUERY), 'Fetch(service: "people"'),
        (("plan", config, f"@{config.parent / 'query.graphql'}"), 'Fetch(service: "people"'),
        (("sources", config), "Staff Office"),
        (("config", "schema"), '"$defs"'),
        (("version",), "signpost-gateway"),
    ]


@pytest.mark.parametrize("number", range(8))
def test_a_command_says_what_it_was_asked_for_plainly_or_in_json(
    config: Path, number: int, capfd: pytest.CaptureFixture[str]
) -> None:
    line, word = commands(config)[number]
    assert run([*map(str, line)]) == FINE
    plain = capfd.readouterr()
    assert run([*map(str, line), "--json"]) == FINE
    assert word in plain.out
    assert "\x1b[" not in plain.out + plain.err
    assert json.loads(capfd.readouterr().out)


def test_a_configuration_may_be_a_folder_of_files(config: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    first, links, rest = config.read_text().partition("links:\n")
    (tmp_path / "sources.yaml").write_text(first)
    (tmp_path / "links.yaml").write_text(links + rest)
    assert run(["check", str(tmp_path)]) == FINE
    assert "4 sources" in capfd.readouterr().out


LINES = {
    ("plan", "CONFIG", "{ nobody }"): PROBLEMS,
    ("plan", "CONFIG", "mutation { addProduct(sku: 1) { name } }"): PROBLEMS,
    ("plan", "CONFIG", "@no-such-file"): COULD_NOT_RUN,
    ("check", "no-such-file.yaml"): PROBLEMS,
    ("sing", "CONFIG"): COULD_NOT_RUN,
    ("check",): COULD_NOT_RUN,
    ("demo", "--break", "catalog:gently"): COULD_NOT_RUN,
}


@pytest.mark.parametrize(("line", "code"), LINES.items(), ids=map(" ".join, LINES))
def test_what_went_wrong_is_in_the_exit_code(
    config: Path, line: tuple[str, ...], code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run([str(config) if word == "CONFIG" else word for word in line]) == code
    said = capfd.readouterr()
    assert said.err or said.out
    assert "Traceback" not in said.err + said.out


def test_the_process_ends_with_that_code_too(config: Path) -> None:
    assert [command("check", config).returncode, command("sing").returncode] == [FINE, COULD_NOT_RUN]
