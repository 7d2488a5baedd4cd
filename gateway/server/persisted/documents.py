"""Which document a request means: its own text, one of the manifest, or one that was registered by its hash.

APQ is Apollo's protocol: `extensions.persistedQuery.sha256Hash` alone, answered by PersistedQueryNotFound; then with the text.
"""

from __future__ import annotations

import logging
from hashlib import sha256
from typing import Any

from gateway.engine.store import Lru
from gateway.errors import BadUserInput, PersistedQueryNotFound, PersistedQueryRequired
from gateway.server.params import Params, with_query
from gateway.server.persisted.manifest import Manifest

REGISTERED = 10_000
REGISTERED_CHARACTERS = 16 * 1024 * 1024
REPORTED = 1_000
"""Documents that are told of once."""
log = logging.getLogger("gateway.server")


class Documents:
    """`enforce`: nothing but the manifest is answered; else what is not in it is told to the log."""

    def __init__(self, manifest: Manifest | None = None, *, enforce: bool = False, register: bool = True) -> None:
        self._manifest = manifest
        self._enforce = enforce and manifest is not None
        self.fixed = manifest is None
        self._registered: Lru[str, str] | None = Lru(REGISTERED, REGISTERED_CHARACTERS) if register else None
        self._reported: Lru[str, bool] = Lru(REPORTED)

    def text(self, params: Params) -> str:
        """Raises `PersistedQueryNotFound`, `PersistedQueryRequired` or `BadUserInput`."""
        if self._manifest is not None:
            self._manifest.look()
        name, is_hash = _named(params)
        if name is None:
            return self._trusted(with_query(params).query)
        if self._manifest is not None and (trusted := self._manifest.documents.get(name)) is not None:
            return trusted
        return self._of_hash(name, params.query, is_hash)

    def _of_hash(self, name: str, text: str, is_hash: bool) -> str:
        if self._registered is None or not is_hash:
            if text:
                return self._trusted(text)
            raise PersistedQueryNotFound("PersistedQueryNotFound")
        if not text:
            known = self._registered.get(name)
            if known is None:
                raise PersistedQueryNotFound("PersistedQueryNotFound")
            return known
        if sha256(text.encode()).hexdigest() != name:
            raise BadUserInput("The query is not the one its `sha256Hash` names.")
        self._trusted(text)
        self._registered.put(name, text, len(text))
        return text

    def _trusted(self, text: str) -> str:
        if self._manifest is None or text in self._manifest.texts:
            return text
        if self._enforce:
            raise PersistedQueryRequired("This gateway answers only documents it was told of before: ask its operators.")
        digest = sha256(text.encode()).hexdigest()
        if self._reported.get(digest) is None:
            self._reported.put(digest, True)
            log.warning("a document that is not in the manifest was answered: sha256 %s", digest)
        return text


def _named(params: Params) -> tuple[str | None, bool]:
    """The id a request gives in place of its text, and whether it is said to be its hash."""
    persisted: Any = (params.extensions or {}).get("persistedQuery")
    if persisted is None:
        return params.document_id, False
    name = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    if not isinstance(name, str) or persisted.get("version", 1) != 1:
        raise BadUserInput("`extensions.persistedQuery` must be {version: 1, sha256Hash: a string}.")
    return name.lower() if len(name) == 64 else name, True
