"""Several processes behind one listening socket, each with its own house; and the process that looks after them."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

log = logging.getLogger("gateway.app")
SPAWN = multiprocessing.get_context("spawn")
"""Not fork: the HTTP client's threads do not survive one."""
HOPELESS = frozenset({1, 2})
"""Exit codes of a worker that could not start: another one could not either, unless others have."""
YOUNG = 5.0
"""Seconds. The successor of a worker that died before this age waits a little."""
PAUSE = 1.0
STOPPING = frozenset({signal.SIGINT, signal.SIGTERM})
RELOADING = frozenset({signal.SIGHUP})


class Workers:
    """Keeps `count` processes running, and replaces one that died."""

    def __init__(
        self,
        count: int,
        start: Callable[[int], BaseProcess],
        leave: Callable[[], None] = lambda: None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`leave` is called before workers are told to stop."""
        self._start = start
        self._leave = leave
        self._clock = clock
        self._sleep = sleep
        self._count = count
        self._running: dict[int, tuple[BaseProcess, float]] = {}
        self._stopping = False
        self._replaced: set[int] = set()
        """Whose place was once taken by a worker that lived: what keeps the next from starting may pass."""
        self._code = 0

    def run(self) -> int:
        """Until a signal, or until a worker cannot even start. The exit code."""
        with _signals() as (heard, told):
            for number in range(self._count):
                self._spawn(number)
            while self._running:
                ready = wait([heard, *(process.sentinel for process, _ in self._running.values())])
                if heard in ready:
                    heard.recv(64)
                    self._obey(told())
                self._bury()
        return self._code

    def _spawn(self, number: int) -> None:
        self._running[number] = (self._start(number), self._clock())

    def _obey(self, signals: Sequence[int]) -> None:
        for process, _ in self._running.values() if RELOADING.intersection(signals) else ():
            if process.pid is not None and process.exitcode is None:
                os.kill(process.pid, signal.SIGHUP)
        if stopping := [number for number in signals if number in STOPPING]:
            self._stop(len(stopping))

    def _stop(self, signals: int) -> None:
        """Workers finish what is in; at the second signal they end at once."""
        self._stopping = True
        self._leave()
        for process, _ in self._running.values():
            for _ in range(min(signals, 2)):
                process.terminate()

    def _bury(self) -> None:
        ended = [(number, *entry) for number, entry in self._running.items() if entry[0].exitcode is not None]
        for number, process, since in ended:
            del self._running[number]
            if self._stopping:
                self._code = self._code or _after_stop(process.exitcode)
            elif process.exitcode in HOPELESS and number not in self._replaced:
                self._code = process.exitcode
                self._stop(1)
            else:
                log.error("worker %d ended with code %s and is replaced", number, process.exitcode)
                self._replaced.add(number)
                self._sleep(PAUSE if self._clock() - since < YOUNG else 0.0)
                self._spawn(number)


def _after_stop(exitcode: int | None) -> int:
    """A worker that was told to stop before it could listen to signals did as it was told."""
    return 0 if exitcode in (None, -signal.SIGTERM) else abs(exitcode)


@contextmanager
def _signals() -> Iterator[tuple[socket.socket, Callable[[], Sequence[int]]]]:
    """A socket that becomes readable when a signal came, and those that came since last asked."""
    heard, woken = socket.socketpair()
    woken.setblocking(False)
    came: list[int] = []

    def hear(number: int, _frame: object) -> None:
        came.append(number)

    def told() -> Sequence[int]:
        numbers = tuple(came)
        del came[: len(numbers)]
        return numbers

    before = {number: signal.signal(number, hear) for number in STOPPING | RELOADING}
    wakeup = signal.set_wakeup_fd(woken.fileno())
    try:
        yield heard, told
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        heard.close()
        woken.close()
