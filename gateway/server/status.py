"""`/status.json`: the sources as the gateway sees them, each with its owner."""

from __future__ import annotations

import msgspec

from gateway.server.house import House
from gateway.server.reply import NO_STORE, Said


def status_json(house: House) -> Said:
    return Said(200, b"application/json", msgspec.json.encode(house.status()), (NO_STORE,))
