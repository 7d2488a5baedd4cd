"""A source's document, from wherever it can be had: the file or URL it names, else its snapshot, else the last good copy.

    file            read it; what is wrong with it is a problem of the configuration
    url             read it through `sends.schema`; when the service cannot give it:
                      1. the snapshot the configuration names
                      2. the copy kept under `sends.state` after the last good read
                      3. `SchemaMissing`: whoever wires the house waits for the source, or leaves it out

A document that did not come from the service itself is marked `available=False` and carries the failure.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import secrets
import tempfile
from collections.abc import Awaitable, Callable
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from gateway.config.problem import ConfigError, Problem
from gateway.errors import SourceError, SourceUnavailable, UpstreamBadContent
from gateway.sources.report import fault, nearest, reachable, shown_url
from gateway.upstream.call import Call, Headers, Reply, Request, Sends
from gateway.upstream.layers.verify import status_error

if TYPE_CHECKING:
    from gateway.config.model import Source

LIMIT = 64 * 1024 * 1024
"""Bytes a document may have."""
INTROSPECT = "introspect"
PYTHON = "python:"
ACCEPT = "application/graphql, application/openapi+json, application/openapi+yaml, application/json, application/yaml, */*;q=0.5"

log = logging.getLogger("gateway.sources")


class Document(msgspec.Struct, frozen=True):
    """A source's document as bytes, and where they came from."""

    text: bytes
    name: str
    """For messages: a file name, or a URL without its secrets."""
    base: Path | None = None
    """The folder that relative references may point into; None: they may not."""
    available: bool = True
    """False: it is a copy, because the service could not be read."""
    problem: SourceError | None = None
    """Why the service could not be read."""


class SchemaMissing(SourceUnavailable):
    """The service is down and no copy of its document exists. `problem` says whose it is and what to do."""

    sentence = "could not be read, and there is no copy of its schema"

    def __init__(self, problem: Problem, cause: SourceError) -> None:
        super().__init__()
        self.problem = problem
        self.cause = cause
        self.service, self.url = problem.sources[0], cause.url


async def read_document(source: Source, sends: Sends, check: Callable[[bytes], object] | None = None) -> Document:
    """The document `source.schema_` names. `check` raises `UpstreamBadContent` on bytes that must not become the last good copy.

    Raises `ConfigError` for a file that cannot be read, `SchemaMissing` for a service that is down and left no copy.
    """
    place = source.schema_.from_
    if place == INTROSPECT or place.startswith(PYTHON):
        raise ConfigError([_unsuited(source, place)])
    if "://" not in place:
        return await asyncio.to_thread(_read_file, source, Path(place))

    async def ask() -> bytes:
        body = (await sends.schema(_get(source, place, sends))).body
        if check is not None:
            check(body)
        return body

    return await read_or_recall(source, sends, place, ask)


async def read_or_recall(source: Source, sends: Sends, url: str, ask: Callable[[], Awaitable[bytes]]) -> Document:
    """What `ask` gives, kept as the last good copy; when it fails, the snapshot or that copy in its place."""
    try:
        text = await ask()
    except SourceError as error:
        _tell(error, source, url)
        return await asyncio.to_thread(_recall, source, sends.state, url, error)
    if sends.fresh is not None:
        sends.fresh[source.name] = text
    elif sends.state is not None:
        await asyncio.to_thread(keep, sends.state, source.name, text)
    return Document(text, shown_url(url))


def schema_headers(source: Source, sends: Sends, accept: str) -> Headers:
    """Headers of a schema read: those every call of the source carries, then those of `schema.headers`, each name once."""
    own = {name.lower(): str(value) for name, value in source.schema_.headers.items()}
    return tuple(({"accept": accept} | dict(sends.headers.build({})) | own).items())


def own_request() -> Request:
    """A request nobody made: the gateway reads a schema for itself."""
    return Request(id=f"req_{secrets.token_hex(12)}")


def _get(source: Source, url: str, sends: Sends) -> Call:
    operation = f"GET {shown_url(url)}"
    return Call("GET", url, schema_headers(source, sends, ACCEPT), None, operation, own_request(), _is_a_document)


def _is_a_document(reply: Reply) -> Reply:
    if error := status_error(reply):
        raise error
    start = reply.body[:512].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start or start.startswith(b"<") or len(reply.body) > LIMIT:
        raise UpstreamBadContent("answered with something that is not a schema", content_type=reply.headers.get("content-type"))
    return reply


def _tell(error: SourceError, source: Source, url: str) -> None:
    error.service = error.service or source.name
    error.url = error.url or url
    log.warning("schema of source %s could not be read from %s: it %s", source.name, shown_url(url), error.said)


# ---------------------------------------------------------------- files and copies


def _read_file(source: Source, path: Path, at: tuple[str, ...] = ("schema",)) -> Document:
    try:
        text = _read(path)
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror or error}"
        raise ConfigError([fault(source, "SCHEMA_UNREADABLE", message, at, fix=_file_fix(path))]) from None
    if len(text) > LIMIT:
        message = f"{path} is larger than {LIMIT // 2**20} MiB"
        raise ConfigError([fault(source, "SCHEMA_TOO_LARGE", message, at)])
    return Document(text, str(path), path.parent)


def _read(path: Path) -> bytes:
    """At most one byte past the limit: enough to know that there is more."""
    with path.open("rb") as file:
        return file.read(LIMIT + 1)


def _recall(source: Source, state: Path | None, url: str, error: SourceError) -> Document:
    if snapshot := source.schema_.snapshot:
        copy = _read_file(source, snapshot, ("schema", "snapshot"))
        return msgspec.structs.replace(copy, available=False, problem=error)
    if state is not None:
        try:
            text = _read(copy_of(state, source.name))
        except OSError:
            raise SchemaMissing(missing(source, url, error), error) from error
        return Document(text, f"last good copy of {shown_url(url)}", available=False, problem=error)
    raise SchemaMissing(missing(source, url, error), error) from error


def missing(source: Source, url: str, error: SourceError) -> Problem:
    """The failure as a problem: which source, at which address, whose it is, and the three ways out."""
    message = f"the schema of {source.name} cannot be read from {shown_url(url)}: it {error.said}; ask {reachable(source.owner)}"
    fix = "start the service, or give `schema: {snapshot: FILE}` (made by `gateway schema pull`), or say `on_missing: omit`"
    return fault(source, "SCHEMA_MISSING", message, fix=fix)


def keep(state: Path, source: str, text: bytes) -> None:
    """As the last good copy. Written beside its place, then moved there: a reader sees the old or the new one, never half."""
    path = copy_of(state, source)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text)
            Path(temporary).replace(path)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except OSError as error:
        log.warning("no copy of the schema is kept in %s: %s", path.parent, error.strerror)


def copy_of(state: Path, source: str) -> Path:
    """Where the last good copy is. By the source's name alone: an address may hold a secret, and may change."""
    readable = re.sub(r"[^A-Za-z0-9_-]", "-", source)[:60]
    return state / "schemas" / f"{readable}-{blake2b(source.encode(), digest_size=4).hexdigest()}"


def _file_fix(path: Path) -> str | None:
    try:
        beside = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return f"there is no folder {path.parent}"
    return nearest(path.name, beside)


def _unsuited(source: Source, place: str) -> Problem:
    message = f"`{place}` is not a document that a source of kind {source.kind} can read"
    return fault(source, "SCHEMA_REFERENCE", message, fix="name a file or a URL")
