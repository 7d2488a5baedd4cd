"""Who answers for what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class Owner(msgspec.Struct, frozen=True):
    """Who answers for a source. Not secret: it survives every masking, except `internal`."""

    team: str
    url: str | None = None
    contact: Mapping[str, str] = {}
    docs: str | None = None
    status_page: str | None = None
    origin: str = "config"
    internal: Mapping[str, str] = {}

    def shown(self, audience: str = "public") -> dict[str, Any]:
        """The `owner` block of an error; `internal` joins only for the internal audience."""
        block: dict[str, Any] = {"team": self.team, "url": self.url, "contact": dict(self.contact)}
        block |= {"docs": self.docs, "status_page": self.status_page, "from": self.origin}
        if audience == "internal" and self.internal:
            block["internal"] = dict(self.internal)
        return {key: value for key, value in block.items() if value is not None}
