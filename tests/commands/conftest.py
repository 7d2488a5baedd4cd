"""A configuration of two GraphQL services whose schemas are files: commands need no network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import msgspec
import pytest

from gateway.__main__ import run

CONFIG = """\
version: 1
gateway:
  owner: {team: API Platform, contact: {email: platform@example.com}}
owners:
  library: {team: Library, url: https://library.example.com, contact: {email: library@example.com}}
  staff: {team: Staff Office, contact: {chat: "#staff"}}
sources:
  - {name: books, kind: graphql, url: "http://127.0.0.1:9/graphql", schema: books.graphql, owner: library}
  - {name: people, kind: graphql, url: "http://127.0.0.1:9/graphql", schema: people.graphql, owner: staff}
links:
  - {field: Book.author, to: people.person, with: {id: $authorId}}
"""
BOOKS = '''\
type Query { book(id: ID!): Book }
"""Something to read."""
type Book { id: ID! title(upper: Boolean = false): String! authorId: ID! @deprecated(reason: "Use author.") genre: Genre }
enum Genre { NOVEL POEM }
type Mutation { lend(id: ID!): Book }
'''
PEOPLE = "type Query { person(id: ID!): Person } type Person { id: ID! name: String! }"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "books.graphql").write_text(BOOKS)
    (tmp_path / "people.graphql").write_text(PEOPLE)
    path = tmp_path / "gateway.yaml"
    path.write_text(dedent(CONFIG))
    return path


class Said(msgspec.Struct):
    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return msgspec.json.decode(self.out)


Gateway = Callable[..., Said]


@pytest.fixture
def gateway(capfd: pytest.CaptureFixture[str]) -> Gateway:
    """One command line, and what it said."""

    def call(*arguments: object) -> Said:
        code = run([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        assert "Traceback" not in out + err
        return Said(code, out, err)

    return call
