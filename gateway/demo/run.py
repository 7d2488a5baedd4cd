"""`gateway demo`: the services, the gateway in front of them, and what to ask it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from json import dumps
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from gateway.app import serve, settings_of
from gateway.demo.services import Broken, Service, start

CONFIG = Path(__file__).with_name("demo.yaml")
SCHEMAS = Path(__file__).with_name("upstreams")

QUERY = """{
  listProducts(limit: 2) {
    items {
      name
      price { amount currency }
      reviews(first: 1) { rating title author { name } }
    }
  }
}"""


def run_demo(
    port: int = 8080, broken: Broken | None = None, *, host: str = "127.0.0.1", say: Callable[[str], None] = print
) -> int:
    """Serve until told to stop, with one service `broken` or none; the exit code. `say` is told what to ask, once one can.

    Raises `ServiceFailed`, and what `gateway.app.serve` raises.
    """
    services = start(broken)

    def announce(line: str) -> None:
        """The last word of the line is the address."""
        urls = {service.name: service.url for service in services}
        say(Running(line.rpartition(" ")[2], urls, broken).welcome())

    try:
        with TemporaryDirectory(prefix="signpost-demo-") as state:
            os.environ |= _environ(services, state)
            return serve(partial(settings_of, CONFIG), host, port, announce=announce)
    finally:
        for service in services:
            service.stop()


def _environ(services: Sequence[Service], state: str) -> dict[str, str]:
    """What demo.yaml asks of the environment."""
    urls = {f"{service.name.upper()}_URL": service.url for service in services}
    return urls | {"SIGNPOST_DEMO_SCHEMAS": str(SCHEMAS), "SIGNPOST_DEMO_STATE": state}


class Running(msgspec.Struct, frozen=True):
    """A demo that can be asked."""

    address: str
    services: Mapping[str, str]
    broken: Broken | None = None

    def curl(self) -> str:
        body = dumps({"query": " ".join(QUERY.split())})
        return f"curl -s {self.address} -H 'content-type: application/json' -d '{body}'"

    def welcome(self) -> str:
        """Where everything is, a query to paste, and its curl."""
        where = [f"  {name:10}{url:26}{self._fault(name)}".rstrip() for name, url in self.services.items()]
        asking = [f"Open {self.address} in a browser, or ask:", "", QUERY, "", self.curl()]
        return "\n".join(["", *asking, "", "Behind it:", *where, "", self._hint(), "Ctrl-C ends the demo."])

    def _fault(self, name: str) -> str:
        return f"broken on purpose: {self.broken.mode}" if self.broken and self.broken.service == name else ""

    def _hint(self) -> str:
        if self.broken:
            return "What is missing from an answer is explained in its `errors`: whose it is, and how to reach them."
        return "To see a part of an answer fail: gateway demo --break reviews:500 (or down, slow, garbage, flaky)."
