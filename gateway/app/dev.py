"""The gateway on a developer's machine: nothing is hidden, what is saved is served, and services can be played."""

from __future__ import annotations

from pathlib import Path

import msgspec

from gateway.app.mocking import Mocking
from gateway.config.model import Settings
from gateway.config.model.scalars import Address
from gateway.upstream.tape import Wire, player, recorder

LOOK_EVERY = 0.3
"""Seconds between two looks at the files."""


class Development(msgspec.Struct, frozen=True):
    """`record`, `replay`: folders, at most one of them. `mock`: the sources that are played from their schemas."""

    record: Path | None = None
    replay: Path | None = None
    mock: Mocking | None = None

    def settings(self, settings: Settings) -> Settings:
        """For this machine alone, with everything that can be told in every answer."""
        if self.mock is not None:
            settings = self.mock.settings(settings)
        gateway = settings.gateway
        errors = gateway.errors.model_copy(update={"upstream_detail": "full", "audience": "internal"})
        admin = gateway.admin.model_copy(update={"public": ("status", "metrics")})
        shown = gateway.model_copy(
            update={
                "listen": Address("127.0.0.1", gateway.listen.port),
                "errors": errors,
                "admin": admin,
                "debug": ("provenance", "plan", "timing"),
                "watch": LOOK_EVERY,
                "introspection": True,
                "suggestions": True,
                "http": gateway.http.model_copy(update={"graphiql": True}),
            }
        )
        return msgspec.structs.replace(settings, gateway=shown, development=True)

    def wire(self, settings: Settings) -> Wire | None:
        taped = self._tape(settings)
        return self.mock.wire(taped) if self.mock is not None else taped

    def _tape(self, settings: Settings) -> Wire | None:
        if self.replay is not None:
            return player(self.replay)
        return recorder(self.record, settings.secrets.mask) if self.record is not None else None
