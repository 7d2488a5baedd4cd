"""The clocks of machines are set, and are not the same: nothing expires because of it, and nothing lives on.

The clock that is set is the wall's, under the gateway's feet: libfaketime answers in place of the C library.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import time

from benchmarks.chaos.world import Answer, Caller, of, until
from benchmarks.fleet.sizes import Size
from benchmarks.fleet.traffic import OWN, PUBLIC, Kinds, traffic
from benchmarks.fleet.world import Fleet, fleet, redis
from benchmarks.rows import Row
from benchmarks.servers import Missing

LIVES = 3600
"""Seconds for which what is everybody's is fresh; what is somebody's is for one."""
DAY = 86_400
JUMPS = {"a day on": 1, "two days back": -1, "a year on": 365, "right again": 0}
"""Days the clock is ahead of the others, one after the other."""


class Clocks:
    """Of replicas, each told by a file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        places = [Path("/usr/lib"), Path("/usr/local/lib"), Path("/opt")]
        found = [lib for place in places for lib in place.glob("**/libfaketime.so.1")]
        if not found:
            raise Missing("libfaketime is not installed")
        self._library = str(found[0])

    def environ(self, number: int) -> Mapping[str, str]:
        self.set_to(number, 0)
        return {
            "LD_PRELOAD": self._library,
            "FAKETIME_TIMESTAMP_FILE": str(self._file(number)),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def set_to(self, number: int, days: int) -> None:
        new = self._folder / "new"
        new.write_text(f"{days:+}d\n")
        new.rename(self._file(number))

    def _file(self, number: int) -> Path:
        return self._folder / f"clock-{number}"


async def clock(size: Size) -> Row:
    """Both replicas' clocks are set now and then; the second one's is a day ahead of the first one's, too."""
    extra: dict[str, int | float | str] = {}
    with TemporaryDirectory() as folder, redis() as server:
        clocks = Clocks(Path(folder))
        async with fleet(size, clocks.environ, cache={"store": f"redis://127.0.0.1:{server.port}/0"}) as made:
            made.sources[PUBLIC].source.headers = f"cache-control: max-age={LIVES}\r\n"
            async with traffic(made.caller, size.rate, Kinds(size.keys)) as load:
                await _all_kept(made, size)
                asked, unmoved, set_ = made.sources[PUBLIC].calls, True, True
                for jump, days in JUMPS.items():
                    own = made.sources[OWN].calls
                    clocks.set_to(0, days)
                    clocks.set_to(1, days + 1)
                    set_ &= await until(lambda d=days: _has_changed(made, d), 30.0)  # type: ignore[misc]
                    await load.more(size.answers)
                    extra[f"calls_{jump.replace(' ', '_')}"] = made.sources[PUBLIC].calls - asked
                    unmoved &= await _is_as_fresh(made, size)
                    set_ &= await until(lambda own=own: _is_more(made, own), 30.0)  # type: ignore[misc]
            calls, tracebacks, seen = made.sources[PUBLIC].calls - asked, made.tracebacks, load.seen
            hits = sum([(await made.status(number))["cache"]["shared"]["hits"] for number in (0, 1)])
    return Row(
        "clocks that are set",
        {"answers": seen.answers, "kept": size.keys, **extra, "shared_hits": hits},
        {
            "the gateways see the clock that is set, and what lives for a second is fetched anew": set_,
            "no request failed": not seen.failed and not seen.foreign,
            "nothing that is fresh is asked for again": calls == 0,
            "callers are told the same of its freshness": unmoved,
            "no fault of the gateway itself": tracebacks == 0,
        },
    )


async def _all_kept(made: Fleet, size: Size) -> None:
    """Through nginx, until nobody asks the source any more."""
    while True:
        before = made.sources[PUBLIC].calls
        for _ in range(4):
            for key in range(size.keys):
                await made.caller.ask(of(PUBLIC, key))
        if made.sources[PUBLIC].calls == before:
            return


async def _has_changed(made: Fleet, days: int) -> bool:
    """By the date that each replica writes."""
    for number in (0, 1):
        caller = Caller(made.port(number))
        answer = await caller.ask(of(PUBLIC, 0))
        caller.close()
        said = parsedate_to_datetime(answer.headers["date"]).timestamp()
        if abs(said - time() - (days + number) * DAY) > DAY / 4:
            return False
    return True


async def _is_as_fresh(made: Fleet, size: Size) -> bool:
    answers = [await made.caller.ask(of(PUBLIC, key)) for key in range(size.keys)]
    return all(LIVES - 600 < _life(answer) <= LIVES for answer in answers)


def _life(answer: Answer) -> int:
    """Seconds that are left, by its `Cache-Status`."""
    found = re.search(r"ttl=(-?\d+)", answer.headers["cache-status"])
    return int(found[1]) if found else 0


async def _is_more(made: Fleet, calls: int) -> bool:
    return made.sources[OWN].calls > calls
