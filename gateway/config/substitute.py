"""`${env:NAME}`, `${env:NAME:-default}` and `${file:path}` are filled in, in any value (never in a key).

An unquoted scalar that is wholly one of them means what its text would mean unquoted (a port becomes a number); in quotes, and
as a part of a longer text, it is text. As in a shell, a default also stands in for an empty variable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from gateway.config.model.scalars import Secret
from gateway.config.problem import ConfigPath, Problem
from gateway.config.secrets import Secrets
from gateway.config.yaml import Marks, core_schema

LARGEST = 64 * 1024
"""Bytes of a file that `${file:...}` names."""
REFERENCE = re.compile(r"\$\{([^}]*)\}")
ENV = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
FORMS = "write ${env:NAME}, ${env:NAME:-default} or ${file:path}"


class Filled(msgspec.Struct, frozen=True):
    tree: Any
    secrets: Secrets
    texts: Mapping[ConfigPath, str]
    """path → the text as it was filled in, where its meaning is no text."""
    problems: tuple[Problem, ...]
    """Their paths have no value worth a second look."""
    files: tuple[Path, ...] = ()
    """Whose contents were filled in."""


def fill(tree: Any, marks: Marks, environ: Mapping[str, str], base: Path) -> Filled:
    """`base` is the folder from which relative files start."""
    filler = _Filler(marks, environ, base)
    filled = filler.walk(tree, ())
    return Filled(filled, Secrets(filler.written, filler.values), filler.texts, tuple(filler.problems), tuple(filler.files))


class _Unresolved(Exception):
    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.message, self.fix = message, fix


class _Filler:
    def __init__(self, marks: Marks, environ: Mapping[str, str], base: Path) -> None:
        self.marks, self.environ, self.base = marks, environ, base
        self.written: dict[ConfigPath, str] = {}
        self.values: dict[str, str] = {}
        self.texts: dict[ConfigPath, str] = {}
        self.problems: list[Problem] = []
        self.files: list[Path] = []

    def walk(self, value: Any, path: ConfigPath) -> Any:
        if isinstance(value, dict):
            return {key: self.walk(inner, (*path, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.walk(inner, (*path, index)) for index, inner in enumerate(value)]
        return self._scalar(value, path) if isinstance(value, str) and "${" in value else value

    def _scalar(self, text: str, path: ConfigPath) -> Any:
        self.written[path] = text
        try:
            filled = self._filled(text)
        except _Unresolved as error:
            self.problems.append(Problem("CONFIG_SUBSTITUTION", error.message, path, fix=error.fix))
            return text
        if not REFERENCE.fullmatch(text) or self.marks.quoted(path):
            return filled
        meaning = core_schema(filled)
        if not isinstance(meaning, str):
            self.texts[path] = filled
        return meaning

    def _filled(self, text: str) -> str:
        if "${" in REFERENCE.sub("", text):
            raise _Unresolved("`${` has no `}` that ends it", FORMS)
        secret = False

        def value(match: re.Match[str]) -> str:
            nonlocal secret
            found = self._value(match[1])
            secret = secret or isinstance(found, Secret)
            return found

        filled = REFERENCE.sub(value, text)
        return Secret(filled) if secret else filled

    def _value(self, reference: str) -> str:
        if reference.startswith("file:") and len(reference) > len("file:"):
            found: str = Secret(self._file(reference.removeprefix("file:")))
        elif match := ENV.fullmatch(reference):
            given, default = self.environ.get(match[1]), match[2]
            if not given and default is not None:
                return default
            if given is None:
                raise _Unresolved(f"the environment has no {match[1]}", f"set it, or write ${{env:{match[1]}:-default}}")
            found = given
        else:
            raise _Unresolved(f"${{{reference}}} is nothing that can be filled in", FORMS)
        self.values[found] = f"${{{reference}}}"
        return found

    def _file(self, name: str) -> str:
        """Without the line break that editors and `echo` leave at the end."""
        self.files.append(self.base / name)
        try:
            with (self.base / name).open("rb") as file:
                data = file.read(LARGEST + 1)
            text = data.decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise _Unresolved(f"the file {name} is no UTF-8 text", "write only the value into it") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it has no valid name"
            raise _Unresolved(f"the file {name} cannot be read: {reason}", "check the path and who may read it") from None
        if len(data) > LARGEST or not text:
            raise _Unresolved(f"the file {name} is {'larger than 64 KiB' if text else 'empty'}", "write only the value into it")
        return text
