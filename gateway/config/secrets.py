"""Values that came from the environment or from files, so that no text for people ever repeats them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import msgspec

from gateway.config.problem import ConfigPath, Problem

CREDENTIALS = re.compile(r"//[^/@]*@")
SHORTEST = 4
"""Characters. Shorter values stand in too many innocent words to be masked wherever they occur."""


class Secrets:
    """What was put in place of `${...}`, by path, and what to write in its stead. Its `repr` tells nothing."""

    def __init__(self, written: Mapping[ConfigPath, str] | None = None, values: Mapping[str, str] | None = None) -> None:
        self.written = dict(written or {})
        """path → the scalar as it stands in the YAML"""
        spellings = {form: template for value, template in (values or {}).items() for form in _spellings(value)}
        self._masks = sorted(spellings.items(), key=lambda mask: -len(mask[0]))

    def __repr__(self) -> str:
        return f"Secrets({len(self.written)})"

    def shown(self, path: ConfigPath, value: object) -> str:
        """A value as a problem may quote it: as it was written, never as it was filled in."""
        return self.written.get(path) or _short(value)

    def mask(self, text: str) -> str:
        for value, template in self._masks:
            text = text.replace(value, template)
        return text

    def masked(self, problem: Problem) -> Problem:
        texts = {name: tuple(map(self.mask, getattr(problem, name))) for name in ("coordinates", "sources", "owners")}
        fix = self.mask(problem.fix) if problem.fix else None
        return msgspec.structs.replace(problem, message=self.mask(problem.message), fix=fix, **texts)


def _spellings(value: str) -> set[str]:
    """The value, and as it looks inside quotes."""
    forms = {value, value.strip(), repr(value)[1:-1], json.dumps(value)[1:-1]}
    return {form for form in forms if len(form) >= SHORTEST}


def _short(value: object) -> str:
    text = json.dumps(value) if isinstance(value, bool | int | float) else repr(value)
    text = CREDENTIALS.sub("//***@", text)
    return text if len(text) <= 60 else f"{text[:57]}..."
