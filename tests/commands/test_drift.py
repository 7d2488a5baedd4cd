"""`gateway drift`: what the services say by now, against the snapshots that were committed."""

from __future__ import annotations

import time
from pathlib import Path

from gateway.app import settings_of
from gateway.app.changes import SEEN, Change
from gateway.app.history import History

from .conftest import BOOKS, Gateway

DRIFTED = BOOKS.replace("genre: Genre", "genre: String").replace("NOVEL POEM", "NOVEL POEM PLAY")


def configured(config: Path) -> Path:
    """The books' snapshot is what was committed; what the service says is in its own file."""
    (config.parent / "books.snapshot.graphql").write_text(BOOKS)
    text = config.read_text().replace("schema: books.graphql", "schema: {from: books.graphql, snapshot: books.snapshot.graphql}")
    config.write_text(text)
    return config


def test_a_service_that_says_what_it_said_has_not_drifted(gateway: Gateway, config: Path) -> None:
    said = gateway("drift", configured(config))
    assert said.code == 0
    assert "books: 0 changes" in said.out
    assert "people: it names no snapshot to compare with" in said.out


def test_a_breaking_change_is_named_and_fails_the_command(gateway: Gateway, config: Path) -> None:
    (config.parent / "books.graphql").write_text(DRIFTED)
    said = gateway("drift", configured(config))
    assert said.code == 1
    assert "breaking" in said.out
    assert "Book.genre" in said.out


def test_programs_are_told_the_same(gateway: Gateway, config: Path) -> None:
    (config.parent / "books.graphql").write_text(DRIFTED)
    books, people = gateway("drift", configured(config), "--json").data["sources"]
    assert "breaking" in {change["criticality"] for change in books["changes"]}
    assert people["why_not"]


def test_what_a_running_gateway_saw_not_to_fit_is_told_too(gateway: Gateway, config: Path) -> None:
    drifted = Change(time.time() - 60, "people", "breaking", "Person.name", "Person.name should be String!, and was null.", SEEN)
    History(settings_of(config).gateway.state).add([drifted])
    said = gateway("drift", configured(config))
    assert said.code == 0, "the services still say what they said"
    assert "seen in an answer" in said.out
    assert "Person.name should be String!, and was null." in said.out
