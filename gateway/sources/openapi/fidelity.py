"""What the schema could not say as the document does: one line per deviation, and the directives that keep the original."""

from __future__ import annotations

import json
from collections import Counter

from gateway.sources.base import Diagnostic
from gateway.sources.openapi.names import encodable

LISTED = 5_000


class Fidelity:
    """Collects diagnostics and origins while a document is read; bounded, each line once."""

    def __init__(self) -> None:
        self._diagnostics: dict[tuple[str, str], Diagnostic] = {}
        self._unlisted: set[tuple[str, str]] = set()
        self.origins: dict[str, str] = {}

    def deviation(self, code: str, at: str, message: str) -> None:
        if len(self._diagnostics) < LISTED:
            self._diagnostics.setdefault((code, at), Diagnostic(code, at, message))
        elif (code, at) not in self._diagnostics:
            self._unlisted.add((code, at))

    def origin(self, coordinate: str, directive: str, **arguments: object) -> None:
        """Record `@directive(argument: ...)` on a coordinate; arguments that are None are left out."""
        said = ", ".join(f"{name.rstrip('_')}: {_literal(value)}" for name, value in arguments.items() if value is not None)
        text = f"@{directive}({said})" if said else f"@{directive}"
        before = self.origins.get(coordinate)
        self.origins[coordinate] = f"{before} {text}" if before else text

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        listed = tuple(self._diagnostics.values())
        if not self._unlisted:
            return listed
        codes = Counter(code for code, _ in self._unlisted)
        said = ", ".join(f"{count} {code}" for code, count in codes.most_common())
        return (*listed, Diagnostic("MORE_DEVIATIONS", "#", f"{len(self._unlisted)} more are not listed: {said}."))


def _literal(value: object) -> str:
    """A value as SDL; JSON's string escapes are GraphQL's."""
    if isinstance(value, dict):
        entries = (f"{{value: {_literal(key)}, type: {_literal(name)}}}" for key, name in value.items())
        return f"[{', '.join(entries)}]"
    return json.dumps(encodable(value) if isinstance(value, str) else value)
