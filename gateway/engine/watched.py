"""The engine where somebody keeps account of every operation. Where nobody does, it is not made."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import msgspec
from msgspec.structs import replace

from gateway.composition import Supergraph
from gateway.engine import Engine
from gateway.engine.nouns import Account, Answer, Asked
from gateway.engine.recalled import Recalled
from gateway.execution.run import Outcome

log = logging.getLogger("gateway.engine")
WITH_ERRORS = b'{"data":{},"errors":%s}'
Keep = Callable[[Asked, Account, Answer | None], None]
"""Told of every operation once it is answered; None: its caller has gone."""


class _Piece(msgspec.Struct):
    errors: list[msgspec.Raw] = []


class _Part(_Piece):
    incremental: list[_Piece] = []
    completed: list[_Piece] = []


_encode = msgspec.json.encode
_part_of = msgspec.json.Decoder(_Part)


def _errors_in(part: bytes) -> list[msgspec.Raw]:
    if b'"errors"' not in part:
        return []
    told = _part_of.decode(part)
    return [error for piece in (told, *told.incremental, *told.completed) for error in piece.errors]


class Watched(Engine):
    def __init__(self, supergraph: Supergraph, keep: Keep, **settings: Any) -> None:
        super().__init__(supergraph, **settings)
        self._keep = keep

    async def answer(self, asked: Asked) -> Answer:
        account = Account(time.monotonic())
        try:
            answer = await super().answer(replace(asked, account=account))
            if answer.parts is not None:
                return replace(answer, parts=self._followed(asked, account, answer.parts))
        except BaseException:
            self._told(asked, account, None)
            raise
        self._told(asked, account, answer)
        return answer

    async def _followed(self, asked: Asked, account: Account, parts: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
        """An answer in parts is over with its last part, or when its caller has gone; its errors are those of all parts."""
        account.served = "parts"
        errors: list[msgspec.Raw] = []
        answer: Answer | None = None
        try:
            async with aclosing(parts):
                async for part in parts:
                    errors += _errors_in(part)
                    yield part
            answer = Answer(WITH_ERRORS % _encode(errors) if errors else b"", has_errors=bool(errors))
        finally:
            self._told(asked, account, answer)

    def kept(self, recalled: Recalled, asked: Asked) -> Answer | None:
        asked = self._accounted(asked, recalled)
        answer = super().kept(recalled, asked)
        if answer is not None and asked.account is not None:
            self._told(asked, asked.account, answer)
        return answer

    def landed(self, recalled: Recalled, outcome: Outcome, asked: Asked) -> Answer:
        asked = self._accounted(asked, recalled)
        answer = super().landed(recalled, outcome, asked)
        if asked.account is not None:
            self._told(asked, asked.account, answer)
        return answer

    def _accounted(self, asked: Asked, recalled: Recalled) -> Asked:
        account = Account(time.monotonic(), kind=recalled.document.kind, name=recalled.document.name)
        return replace(asked, account=account)

    def _told(self, asked: Asked, account: Account, answer: Answer | None) -> None:
        """What goes wrong in keeping account is no reason to withhold an answer."""
        try:
            self._keep(asked, account, answer)
        except Exception:
            log.exception("no account could be kept of request %s", asked.request.id)
