"""An earlier start's work on disk: one file per source, found again by what it was made of, and believed only if it is ours.

The file is data (MessagePack), never code. It counts when it belongs to this process's user, nobody else can write it, its digest
is right, and its key is that of the document, the files beside it, the settings that matter and this very gateway. Anything else
is told and made anew.
"""

from __future__ import annotations

import logging
import os
import re
import stat
import tempfile
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path

import graphql
import msgspec

from gateway import __version__
from gateway.sources.document import Document
from gateway.sources.openapi.build import Setting
from gateway.sources.openapi.kept import Kept

log = logging.getLogger("gateway.sources")

MAGIC = b"signpost built 1\n"
DIGEST = 32
WORTH = 256 * 1024
"""Bytes of a document below which it is built about as fast as it is read back."""
LARGEST = 512 * 1024 * 1024
FILES = 64
"""Files in the folder; beyond, those that were not written for the longest time go."""
_decoder = msgspec.msgpack.Decoder(Kept)
_encoder = msgspec.msgpack.Encoder()


def is_worth(document: Document) -> bool:
    return len(document.text) >= WORTH


def digest(text: bytes) -> str:
    return blake2b(text, digest_size=DIGEST).hexdigest()


def key_of(document: Document, setting: Setting) -> bytes:
    """Of all that a build depends on; secrets do not go into it, and it does not depend on them."""
    made = blake2b(digest_size=DIGEST)
    for part in (
        f"{__version__} {graphql.version} {_program()}",
        setting.options.model_dump_json(),
        repr((setting.url, setting.document_url, setting.expose, sorted(setting.used), sorted(setting.filled_headers))),
        digest(document.text),
        str(document.base),
    ):
        made.update(f"{len(part)}:{part}".encode())
    return made.digest()


def _program() -> str:
    """The state of the program's own files: between two releases they change, too."""
    room = Path(__file__).parent
    files = sorted([*room.glob("*.py"), *room.parent.glob("*.py")])
    return digest(repr([(file.name, (found := file.stat()).st_size, found.st_mtime_ns) for file in files]).encode())


def place(folder: Path, source: str) -> Path:
    """From the source's name alone."""
    readable = re.sub(r"[^A-Za-z0-9_-]", "-", source)[:60]
    return folder / f"{readable}-{blake2b(source.encode(), digest_size=4).hexdigest()}.built"


# ---------------------------------------------------------------- reading


def recall(path: Path, key: bytes, base: Path | None) -> Kept | None:
    """What an earlier start made of the same; None where there is none, or none to be believed."""
    try:
        text = _read(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as reason:
        log.warning("%s is not used, the document is read anew: %s", path, getattr(reason, "strerror", None) or reason)
        return None
    head = len(MAGIC) + 2 * DIGEST
    said, right, payload = text[len(MAGIC) : len(MAGIC) + DIGEST], text[len(MAGIC) + DIGEST : head], memoryview(text)[head:]
    if text.startswith(MAGIC) and said != key:
        return None
    if not text.startswith(MAGIC) or blake2b(payload, digest_size=DIGEST).digest() != right:
        log.warning("%s is not used, the document is read anew: it is damaged", path)
        return None
    try:
        kept = _decoder.decode(payload)
    except (msgspec.DecodeError, RecursionError):
        log.warning("%s is not used, the document is read anew: it is not what this gateway writes", path)
        return None
    return kept if _same_files(kept.files, base) else None


def _read(path: Path) -> bytes:
    """Raises `ValueError` with the reason why it is not to be believed."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("it is no file")
        if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise ValueError("others than this process's user can write it")
        if found.st_size > LARGEST:
            raise ValueError("it is too large")
        return file.read()


def _same_files(files: Mapping[str, str], base: Path | None) -> bool:
    return not files or (base is not None and all(file_digest(base / name) == was for name, was in files.items()))


def file_digest(path: Path) -> str:
    """Empty for what cannot be read."""
    try:
        return digest(path.read_bytes())
    except OSError:
        return ""


# ---------------------------------------------------------------- writing


def keep(path: Path, key: bytes, kept: Kept) -> None:
    """Written beside its place, then moved there: a reader sees the whole or nothing. Failing costs the next start its time."""
    try:
        payload = _encoder.encode(kept)
        if len(payload) > LARGEST:
            raise ValueError("it is too large")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.writelines((MAGIC, key, blake2b(payload, digest_size=DIGEST).digest(), payload))
            Path(temporary).replace(path)
        finally:
            Path(temporary).unlink(missing_ok=True)
        _bounded(path.parent)
    except (OSError, ValueError, TypeError, OverflowError, RecursionError) as reason:
        log.warning("nothing is kept for the next start in %s: %s", path, getattr(reason, "strerror", None) or reason)


def _bounded(folder: Path) -> None:
    files = sorted(folder.glob("*.built"), key=lambda file: file.stat().st_mtime_ns, reverse=True)
    for file in files[FILES:]:
        file.unlink(missing_ok=True)
