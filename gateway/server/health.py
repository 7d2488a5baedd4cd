"""`/livez`: the process answers. `/readyz`: it should be sent traffic. Neither looks at a source at the moment it is asked."""

from __future__ import annotations

from gateway.server.house import House
from gateway.server.reply import NO_STORE, Said

TEXT = b"text/plain; charset=utf-8"


def livez() -> Said:
    return Said(200, TEXT, b"ok\n", (NO_STORE,))


def readyz(house: House) -> Said:
    """200 once every source is loaded, served from its copy or left out by decision; 503 before that and while draining.

    It never turns back because of one source: that would take a whole fleet out of service for one team's fault.
    """
    if house.draining:
        return Said(503, TEXT, b"shutting down\n", (NO_STORE,))
    if house.ready():
        return Said(200, TEXT, b"ready\n", (NO_STORE,))
    names = ", ".join(refused.service for refused in house.waiting())
    return Said(503, TEXT, f"waiting for {names or 'the first load'}\n".encode(), (NO_STORE,))
