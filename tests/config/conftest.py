"""Configurations as text, loaded as a person's files are."""

from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field, SecretStr

from gateway.config import load
from gateway.config.model import Part
from gateway.config.problem import ConfigError

HEAD = """\
owners:
  shop: {team: Shop, contact: {email: shop@example.com}}
"""
SOURCE = """\
sources:
  - name: shop
    kind: graphql
    url: https://shop.example.com/graphql
    schema: introspect
    owner: shop
"""


class Choice(Part):
    mode: Literal["plain", "null"] = Field(default="plain", description="How.")
    size: int = Field(default=1, strict=True, description="How many.")
    token: SecretStr | None = Field(default=None, description="A secret.")


class Needy(Part):
    region: str = Field(description="Where.")


KINDS = {"graphql": Part, "openapi": Choice, "local": Needy}


class Desk:
    """A folder in which configurations are written and loaded."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.environ = {}

    def write(self, text, name="gateway.yaml"):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def load(self, text, options=KINDS, profile=None):
        return load(self.write(text), options, profile=profile, environ=self.environ)

    def source(self, extra="", options=KINDS):
        """The one source of a small configuration, with more keys."""
        (source,) = self.load(HEAD + SOURCE + "".join(f"    {line}\n" for line in extra.splitlines()), options).sources
        return source

    def problems(self, text, options=KINDS, profile=None):
        with pytest.raises(ConfigError) as caught:
            self.load(text, options, profile)
        return caught.value.problems

    def source_problems(self, extra, options=KINDS):
        return self.problems(HEAD + SOURCE + "".join(f"    {line}\n" for line in extra.splitlines()), options)


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)
