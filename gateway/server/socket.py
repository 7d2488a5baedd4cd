"""A websocket itself: a client that takes nothing of what is there for it is cut off, so that nothing waits for it for ever."""

from __future__ import annotations

from typing import Any, ClassVar

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from gateway.server.house import House
from gateway.server.wire import Stuck


class Socket(WebSocketsSansIOProtocol):
    """One client connection; `house` is set by `socket`. Times are on the loop's clock, in seconds."""

    house: ClassVar[House]

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._stuck = Stuck()

    def tick(self) -> None:
        """Called every second or so. Who reads nothing does not even answer pings: waiting for that would take longer."""
        if self._stuck.since(not self.writable.is_set(), self.loop.time()) > self.house.limits.deadline:
            self.transport.abort()


def socket(house: House) -> type[Socket]:
    """The protocol class of one house."""
    return type("HouseSocket", (Socket,), {"house": house})
