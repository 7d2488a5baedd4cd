"""The whole YAML: what may stand at its top."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.functional_validators import PlainValidator

from gateway.config.model.gateway import Gateway, OwnerSettings
from gateway.config.model.part import Part, one_or_more, setting
from gateway.config.model.policy import Policy
from gateway.config.model.scalars import HeaderValue, Hidden, Size, Text, Url, shared_by_all
from gateway.config.model.source import Link, SourceKeys
from gateway.config.model.telemetry import Telemetry


class Webhook(Part):
    """Where events are sent to: CloudEvents 1.0 as JSON, signed as Standard Webhooks has it."""

    url: Url = Field(description="The address they are posted to.")
    secret: HeaderValue | None = setting(
        None, "What they are signed with (HMAC-SHA256), `whsec_` and Base64 or any text; absent: they are not."
    )
    owners: Annotated[tuple[Text, ...], one_or_more()] | None = setting(
        None, "Only of the sources of these owners, by their names in `owners`; absent: of all."
    )
    types: Annotated[tuple[Literal["schema.changed", "drift.detected"], ...], one_or_more()] | None = setting(
        None, "Only these kinds; absent: all."
    )


class Events(Part):
    """The key `events`."""

    webhooks: tuple[Webhook, ...] = setting((), "Who is told when a source's schema changes, or an answer does not fit it.")


class Cache(Part):
    """The key `cache`."""

    store: Annotated[str, PlainValidator(shared_by_all, json_schema_input_type=Hidden)] = setting(
        "memory", "Where replies are kept: `memory`, or behind it the URL of a Redis or Valkey that all replicas share."
    )
    size: Size = setting("64MiB", "Most memory that copies of sources' answers may take, in each worker.")


class Document(Part):
    """A configuration."""

    version: Literal[1] = setting(1, "Version of this format.")
    gateway: Gateway = setting({}, "The gateway itself.")
    owners: Mapping[Text, OwnerSettings] = setting({}, "Who answers for the sources, by a name of your choice.")
    defaults: Policy = setting({}, "How sources may be called; each source may differ, key by key.")
    sources: tuple[SourceKeys, ...] = Field(description="The services that may be called.")
    links: tuple[Link, ...] = setting((), "Fields that join a type to a root field of another source.")
    events: Events = setting({}, "What the gateway tells others about by itself.")
    telemetry: Telemetry = setting({}, "What the gateway tells of itself.")
    cache: Cache = setting({}, "Where answers are kept.")
    profiles: Mapping[Text, Mapping[str, Any]] = setting(
        {}, "What is different in an environment, by its name: laid over the rest when it is chosen."
    )
