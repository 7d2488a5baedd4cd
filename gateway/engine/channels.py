"""What stands between a source's subscriptions and those who hear of them.

Events wait for each caller in a queue with an end. A full one holds the source back, for no longer than a request may take, and
only while that delays nobody: who keeps others of the same channel waiting for more than a moment is cut off.
"""

from __future__ import annotations

import asyncio
import copy
from collections import deque
from collections.abc import Callable
from contextlib import aclosing

from gateway.errors import GatewayError, LimitExceeded, ShuttingDown, SourceError, internal
from gateway.upstream.call import Call, Reply, Stream

Key = tuple[object, ...]

GRACE = 1.0
"""Seconds, all in all, for which one caller may keep others waiting: those who are equally fast do not take turns exactly."""


class Inbox:
    """What a source has sent and a caller has not been told yet."""

    def __init__(self, size: int, moved: Callable[[], object] = lambda: None) -> None:
        """`moved` is called when it has taken something."""
        self.size = size
        self.grace = GRACE
        self._waiting: deque[Reply] = deque()
        self._end: GatewayError | None = None
        self.over = False
        self._news = asyncio.Event()
        self._moved = moved

    @property
    def full(self) -> bool:
        return len(self._waiting) >= self.size and not self.over

    @property
    def empty(self) -> bool:
        """Another event would be told at once."""
        return not self._waiting and not self.over

    def put(self, event: Reply) -> None:
        if not self.over:
            self._waiting.append(event)
            self._news.set()

    def end(self, error: GatewayError | None = None) -> None:
        """The first end counts. What waits is told before."""
        if not self.over:
            self._end, self.over = error, True
        self._news.set()
        self._moved()

    def cut(self, why: str) -> None:
        """What waits is not told any more."""
        said = f"This subscription was ended because its caller left {self.size} events waiting {why}."
        self._waiting.clear()
        self.end(LimitExceeded(said, which="events", limit=self.size, actual=self.size + 1))

    async def next(self) -> Reply | None:
        """None: it is over. Raises what ended it before its time."""
        while not self._waiting:
            if self.over:
                if self._end is not None:
                    raise self._end
                return None
            self._news.clear()
            await self._news.wait()
        event = self._waiting.popleft()
        self._moved()
        return event


class Channel:
    """One subscription at a source, and who hears of it. It begins with the first of them and ends with the last."""

    def __init__(self, patience: float) -> None:
        """`patience`: seconds for which the source may be held back for one event."""
        self.inboxes: set[Inbox] = set()
        self.over = False
        self.reading: asyncio.Future[None] | None = None
        self.moved = asyncio.Event()
        self._patience = patience

    async def read(self, call: Call, stream: Stream) -> None:
        """From the source into the queues."""
        error: Exception | None = None
        try:
            async with aclosing(stream(call)) as events:
                async for event in events:
                    await self.tell(event)
                    if all(inbox.over for inbox in self.inboxes):
                        break
        except Exception as ended:
            error = ended
            if isinstance(ended, SourceError):
                ended.operation = ended.operation or call.operation
        self.over = True
        for inbox in self.inboxes:
            inbox.end(_of_its_own(error))

    async def tell(self, event: Reply) -> None:
        if any(inbox.full for inbox in self.inboxes):
            await self._room()
        for inbox in self.inboxes:
            inbox.put(event)

    async def _room(self) -> None:
        """Until all have room, or are cut off."""
        now = asyncio.get_running_loop().time
        until = now() + self._patience
        while full := [inbox for inbox in self.inboxes if inbox.full]:
            began, delays = now(), any(inbox.empty for inbox in self.inboxes)
            left = min(until - began, *(inbox.grace for inbox in full)) if delays else until - began
            self.moved.clear()
            try:
                async with asyncio.timeout(left):
                    await self.moved.wait()
            except TimeoutError:
                why = "while others waited for the next" if delays else f"for {self._patience:.3g} s"
                for inbox in full:
                    if inbox.full and (now() >= until or inbox.grace <= left):
                        inbox.cut(why)
            if delays:
                for inbox in full:
                    inbox.grace -= now() - began


class Open:
    """The subscriptions of one process, which outlive its engines. `most` of them at once, each with at most `queue` events."""

    def __init__(self, most: int = 10_000, queue: int = 100) -> None:
        self.most = most
        self.queue = queue
        self._heard: dict[Inbox, Channel] = {}
        self._ended = False
        self._shared: dict[Key, Channel] = {}

    def __len__(self) -> int:
        return len(self._heard)

    def check(self) -> None:
        """Raises `LimitExceeded` where there is no room for one more, `ShuttingDown` where none is wanted any more."""
        if self._ended:
            raise _leaving()
        if len(self) >= self.most:
            said = f"This gateway serves {self.most} subscriptions at once, and has as many; try again later."
            raise LimitExceeded(said, which="subscriptions", limit=self.most, actual=len(self) + 1)

    def join(self, key: Key | None, call: Call, stream: Stream, patience: float) -> Inbox:
        """Hear what others with the same key hear, from now on; None: a subscription of one's own. Raises `LimitExceeded`."""
        self.check()
        channel = self._shared.get(key) if key is not None else None
        if channel is None or channel.over:
            channel = Channel(patience)
            channel.reading = asyncio.ensure_future(channel.read(call, stream))
            if key is not None:
                self._shared[key] = channel
                channel.reading.add_done_callback(lambda _: self._forget(key, channel))
        inbox = Inbox(self.queue, channel.moved.set)
        channel.inboxes.add(inbox)
        self._heard[inbox] = channel
        return inbox

    def _forget(self, key: Key, channel: Channel) -> None:
        if self._shared.get(key) is channel:
            del self._shared[key]

    async def leave(self, inbox: Inbox) -> None:
        """The last to leave ends the subscription at the source."""
        channel = self._heard.pop(inbox)
        channel.inboxes.discard(inbox)
        channel.moved.set()
        if not channel.inboxes and channel.reading is not None:
            channel.over = True
            channel.reading.cancel()
            await asyncio.wait((channel.reading,))

    def end(self) -> None:
        """The gateway is shutting down: everyone is told, and is free to go elsewhere."""
        self._ended = True
        for inbox in self._heard:
            inbox.end(_leaving())


def _of_its_own(error: Exception | None) -> GatewayError | None:
    """Each is annotated by whom it reaches. A copy forgets its cause, which of a bug is what the log has to tell."""
    return copy.copy(error) if error is None or isinstance(error, GatewayError) else internal(error)


def _leaving() -> ShuttingDown:
    return ShuttingDown("This gateway is shutting down; subscribe again, and another one will answer.")
