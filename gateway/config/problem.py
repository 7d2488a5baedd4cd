"""`Problem`: one thing wrong with what we were given, told so that a person can mend it. Rooms return them; none stops at one."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

ConfigPath = tuple[str | int, ...]
"""Where in the YAML: ("sources", 0, "lookups", 1, "via")."""


class Mark(msgspec.Struct, frozen=True):
    """A place in a file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Problem(msgspec.Struct, frozen=True):
    """What is wrong, where, whose it is, and the way out."""

    code: str
    message: str
    path: ConfigPath = ()
    coordinates: tuple[str, ...] = ()
    """Schema coordinates, as `source: Type.field`."""
    sources: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    """Teams, with a contact."""
    fix: str | None = None
    """Ready to paste, or a did-you-mean."""
    mark: Mark | None = None
    severity: str = "error"
    """error, or hint: worth knowing, stops nothing."""


class ConfigError(Exception):
    """All problems at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(f"{p.mark or ''} {p.code}: {p.message}".strip() for p in problems))
        self.problems = tuple(problems)
