"""The whole YAML: what may stand at its top."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field
from pydantic.functional_validators import PlainValidator

from gateway.config.model.gateway import Gateway, OwnerSettings
from gateway.config.model.part import Part, setting
from gateway.config.model.policy import Policy
from gateway.config.model.scalars import Hidden, Size, Text, kept_in
from gateway.config.model.source import Link, SourceKeys
from gateway.config.model.telemetry import Telemetry


class Events(Part):
    """Change events that evict and refresh."""


class Cache(Part):
    """The key `cache`."""

    store: Annotated[str, PlainValidator(kept_in, json_schema_input_type=Hidden)] = setting(
        "memory", "Where answers are kept: `memory`, or a `redis://` URL."
    )
    size: Size = setting("256MiB", "Most memory the kept answers may take.")


class Document(Part):
    """A configuration."""

    version: Literal[1] = setting(1, "Version of this format.")
    gateway: Gateway = setting({}, "The gateway itself.")
    owners: Mapping[Text, OwnerSettings] = setting({}, "Who answers for the sources, by a name of your choice.")
    defaults: Policy = setting({}, "How sources may be called; each source may differ, key by key.")
    sources: tuple[SourceKeys, ...] = Field(description="The services that may be called.")
    links: tuple[Link, ...] = setting((), "Fields that join a type to a root field of another source.")
    events: Events = setting({}, "Change events; it has no keys yet.")
    telemetry: Telemetry = setting({}, "What the gateway tells of itself.")
    cache: Cache = setting({}, "Where answers are kept.")
