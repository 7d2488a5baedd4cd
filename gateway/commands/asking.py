"""Asking running gateways over their admin addresses: a socket per process under `state`, or HOST:PORT."""

from __future__ import annotations

import http.client
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from gateway.app.control import UnixConnection
from gateway.config.problem import Problem

PATIENCE = 5.0
"""Seconds for one process to answer."""
UNIX = "unix:"
DEFAULT = Path(".signpost")


class Unreachable(Exception):
    """No gateway answers there; the text says where was asked."""


def addresses(admin: str | None) -> Sequence[str]:
    """Every process of one gateway: with several workers, each has a socket of its own beside the one that is named."""
    if admin is not None and not admin.startswith(UNIX):
        return (admin,)
    named = Path(admin.removeprefix(UNIX)) if admin is not None else DEFAULT / "admin.sock"
    return tuple(f"{UNIX}{path}" for path in sorted(named.parent.glob(f"{named.stem}*{named.suffix}")) if path.is_socket())


def ask_all(where: Iterable[str], path: str, body: Mapping[str, Any] | None = None) -> list[tuple[int, Any]]:
    """(status, JSON) of each process that answers. With a `body` it is a POST. Raises `Unreachable` when none does."""
    where = tuple(where)
    answers = [answer for each in where if (answer := _ask(each, path, body)) is not None]
    if not answers:
        raise Unreachable(f"no gateway answers at {', '.join(where) or DEFAULT / 'admin.sock'}")
    return answers


def _ask(address: str, path: str, body: Mapping[str, Any] | None) -> tuple[int, Any] | None:
    connection = UnixConnection(address.removeprefix(UNIX), PATIENCE) if address.startswith(UNIX) else _tcp(address)
    try:
        method, sent = ("GET", None) if body is None else ("POST", msgspec.json.encode(body))
        connection.request(method, quote(path), sent)
        response = connection.getresponse()
        return response.status, msgspec.json.decode(response.read())
    except (OSError, http.client.HTTPException, msgspec.MsgspecError):
        return None
    finally:
        connection.close()


def _tcp(address: str) -> http.client.HTTPConnection:
    host, _, port = address.rpartition(":")
    return http.client.HTTPConnection(host.strip("[]") or "127.0.0.1", int(port) if port.isdigit() else 80, timeout=PATIENCE)


def story(wanted: str, admin: str | None) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """The story, from whichever process has it; else the latest failures of all of them. Raises `Unreachable`."""
    answers = [body for _, body in ask_all(addresses(admin), f"/explain/{wanted}")]
    found = next((body["story"] for body in answers if body.get("story")), None)
    return found, [each for body in answers for each in body.get("recent", ())]


def joins(admin: str | None) -> dict[str, Any]:
    """Which sources are joined, and how often, as all workers counted it. Raises `Unreachable`."""
    return next(body for _, body in ask_all(addresses(admin), "/joins.json"))


def reload(admin: str | None) -> tuple[int, list[Problem], list[str]]:
    """Every process reads its configuration again: how many serve it, the problems that keep it from being served, and what is
    read only at the next start. Raises `Unreachable`."""
    answers = ask_all(addresses(admin), "/reload", {})
    refused = [body for status, body in answers if status != 200]
    problems = msgspec.convert(refused[0]["problems"], list[Problem]) if refused else []
    return len(answers) - len(refused), problems, sorted({name for _, body in answers for name in body["at_restart"]})


def hold(source: str, admin: str | None, reason: str | None, seconds: float | None = None) -> tuple[int, str | None]:
    """Hold a source, or release it (`reason` None), in every process: how many did, or why they did not. Raises `Unreachable`."""
    wish = {} if reason is None else {"reason": reason, "seconds": seconds}
    answers = ask_all(addresses(admin), f"/sources/{source}/{'release' if reason is None else 'hold'}", wish)
    refusals = [body for status, body in answers if status != 200]
    if not refusals:
        return len(answers), None
    known = ", ".join(refusals[0].get("sources", ()))
    return 0, str(refusals[0].get("error")) + (f"; there are {known}" if known else "")
