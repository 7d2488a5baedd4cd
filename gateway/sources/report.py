"""Problems of a source, each with its name, its owner and its place in the YAML: what every kind reports with."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gateway.config.problem import ConfigPath, Mark, Problem
from gateway.errors import Owner

if TYPE_CHECKING:
    from gateway.config.model import Source

CONTACTS = ("email", "chat", "url", "phone")


def fault(
    source: Source,
    code: str,
    message: str,
    at: ConfigPath = ("schema",),
    *,
    fix: str | None = None,
    mark: Mark | None = None,
    coordinates: Iterable[str] = (),
) -> Problem:
    """One `Problem` of this source. `at` is the place below the source's own block in the YAML."""
    return Problem(
        code,
        message,
        ("sources", source.name, *at),
        coordinates=tuple(f"{source.name}: {coordinate}" for coordinate in coordinates),
        sources=(source.name,),
        owners=(reachable(source.owner),),
        fix=fix,
        mark=mark,
    )


def reachable(owner: Owner) -> str:
    """The team and the first way to reach it: `Stock & Supply (stock@example.com)`."""
    contact = next((owner.contact[way] for way in CONTACTS if owner.contact.get(way)), owner.url)
    return f"{owner.team} ({contact})" if contact else owner.team


def nearest(name: str, known: Iterable[str]) -> str | None:
    """A did-you-mean, when something known is close to `name`."""
    close = get_close_matches(name, list(known), n=1)
    return f"did you mean {close[0]}?" if close else None


def shown_url(url: str) -> str:
    """A URL as it may be printed: without user, password, query and fragment, where secrets live."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"
