"""An event as CloudEvents 1.0 describes it, in structured JSON (JSON event format, section 3)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

SCHEMA_CHANGED, DRIFT_DETECTED = "schema.changed", "drift.detected"
MEDIA_TYPE = "application/cloudevents+json; charset=utf-8"
PREFIX = "signpost."
"""Before every type, so that a receiver of many producers' events can tell them apart."""


def new_id() -> str:
    return f"evt_{secrets.token_hex(12)}"


class Event(msgspec.Struct, frozen=True):
    """Something that happened at one source. Never holds a value of a caller or of an answer."""

    type: str
    service: str
    owner: Mapping[str, Any]
    """The source's owner, as errors show it to the public."""
    data: Mapping[str, Any]
    at: float
    """On the `time.time` clock."""
    owned_by: str | None = None
    """The owner's name in the configuration, by which channels choose."""
    id: str = msgspec.field(default_factory=new_id)

    def encoded(self) -> bytes:
        return msgspec.json.encode(
            {
                "specversion": "1.0",
                "id": self.id,
                "source": f"/sources/{self.service}",
                "type": f"{PREFIX}{self.type}",
                "subject": self.service,
                "time": datetime.fromtimestamp(self.at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "datacontenttype": "application/json",
                "data": {"service": self.service, "owner": self.owner, **self.data},
            }
        )
