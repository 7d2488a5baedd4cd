"""A configuration's files become one tree with marks: a single file, or every YAML file of a folder.

In a folder, `sources` and `links` of all files are put after one another, in the order of the files' names; the other keys
at the top are joined key by key, and what two files both give is a problem with both places. A version may be repeated. The parts
of a profile are joined alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from gateway.config.problem import ConfigError, ConfigPath, Mark, Problem
from gateway.config.yaml import Marks, Place, duplicate_problem, read_yaml

LARGEST = 8 * 2**20
"""Bytes of one file."""
MOST_FILES = 1000
PROFILES = "profiles"
SUFFIXES = frozenset({".yaml", ".yml"})


class Files(msgspec.Struct, frozen=True):
    """What was read. `problems` are those that do not keep us from looking further."""

    tree: dict[str, Any]
    marks: Marks
    base: Path
    problems: tuple[Problem, ...] = ()
    paths: tuple[Path, ...] = ()
    """What was looked at: the file; or the folder, and the files in it."""


def read_files(path: Path) -> Files:
    """Raises `ConfigError` with what keeps any of the files from being understood."""
    folder = path.is_dir()
    parts: list[tuple[dict[str, Any], Marks]] = []
    problems: list[Problem] = []
    names = _listed(path) if folder else [path]
    for name in names:
        try:
            parts.append(_read(name))
        except ConfigError as error:
            problems.extend(error.problems)
    if problems:
        raise ConfigError(problems)
    base = (path if folder else path.parent).absolute()
    if not folder:
        ((tree, marks),) = parts
        return Files(tree, marks, base, _duplicates([marks]), (path.absolute(),))
    return msgspec.structs.replace(_joined(parts, base), paths=(base, *(name.absolute() for name in names)))


def _listed(folder: Path) -> list[Path]:
    """Hidden files are not part of it: editors and mounted volumes keep their own things there."""
    try:
        found = sorted(p for p in folder.iterdir() if p.suffix in SUFFIXES and not p.name.startswith(".") and p.is_file())
    except OSError as error:
        raise _unreadable(folder, error) from None
    if not found:
        raise _refused("CONFIG_EMPTY", "no file ending in .yaml or .yml is in this folder", folder)
    if len(found) > MOST_FILES:
        raise _refused("CONFIG_TOO_LARGE", f"more than {MOST_FILES} files are in this folder", folder)
    return found


def _read(path: Path) -> tuple[dict[str, Any], Marks]:
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    if len(text) > LARGEST:
        raise _refused("CONFIG_TOO_LARGE", f"larger than {LARGEST // 2**20} MiB", path)
    tree, marks = read_yaml(text, str(path), duplicates="last")
    if tree is None:
        raise _refused("CONFIG_EMPTY", "nothing is written in this file", path, "begin with `sources:`")
    if not isinstance(tree, dict):
        raise _refused("CONFIG_TYPE", "expected a mapping with `sources` and the like at the top", path)
    return tree, marks


def _unreadable(path: Path, error: Exception) -> ConfigError:
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return _refused("CONFIG_UNREADABLE", f"cannot be read: {reason}", path, "check the path and who may read it")


def _refused(code: str, message: str, path: Path, fix: str | None = None) -> ConfigError:
    return ConfigError([Problem(code, f"{path}: {message}", mark=Mark(str(path), 1, 1), fix=fix)])


def _duplicates(all_marks: Sequence[Marks]) -> tuple[Problem, ...]:
    return tuple(duplicate_problem(d) for marks in all_marks for d in marks.duplicates)


# ---------------------------------------------------------------- joining


class _Join:
    """The tree under construction, with its places. `at`: where it stands itself."""

    def __init__(self, places: dict[int, dict[Any, Place]], at: ConfigPath = ()) -> None:
        self.tree: dict[str, Any] = {}
        self.places = places
        self.places[id(self.tree)] = {}
        self.problems: list[Problem] = []
        self.at = at
        self.profiles: dict[str, _Join] = {}

    def take(self, tree: dict[str, Any]) -> None:
        for key, value in tree.items():
            place = self.places[id(tree)][key]
            if key not in self.tree:
                self._begin(key, value, place)
            else:
                self._add(key, value, place)

    def _begin(self, key: str, value: Any, place: Place) -> None:
        self.places[id(self.tree)][key] = place
        if (key, self.at) == (PROFILES, ()) and isinstance(value, dict):
            self.tree[key] = {}
            self.places[id(self.tree[key])] = {}
            self._add(key, value, place)
            return
        own = value.copy() if isinstance(value, dict | list) else value
        self.tree[key] = own
        if own is not value:
            self.places[id(own)] = dict(self.places[id(value)])

    def _add(self, key: str, value: Any, place: Place) -> None:
        own = self.tree[key]
        if isinstance(own, list) and isinstance(value, list):
            places = self.places[id(own)]
            places |= {len(own) + index: place for index, place in self.places[id(value)].items()}
            own.extend(value)
        elif isinstance(own, dict) and isinstance(value, dict):
            enter = self._profile if (key, self.at) == (PROFILES, ()) else self._enter
            for name, inner in value.items():
                enter(key, name, inner, self.places[id(value)][name])
        elif own != value:
            self._clash((key,), self.places[id(self.tree)][key], place)

    def _enter(self, key: str, name: str, value: Any, place: Place) -> None:
        own = self.tree[key]
        if name in own:
            self._clash((key, name), self.places[id(own)][name], place)
            return
        own[name] = value
        self.places[id(own)][name] = place

    def _profile(self, key: str, name: str, value: Any, place: Place) -> None:
        """Each file may have its part of a profile: they are joined as the files themselves are."""
        if not isinstance(value, dict) or (name in self.tree[key] and name not in self.profiles):
            self._enter(key, name, value, place)
            return
        if name not in self.profiles:
            self.profiles[name] = _Join(self.places, (key, name))
            self._enter(key, name, self.profiles[name].tree, place)
        self.profiles[name].take(value)

    def _clash(self, path: ConfigPath, first: Place, again: Place) -> None:
        message = f"`{path[-1]}` is given in two files, first at {Mark(*first[:3])}"
        self.problems.append(
            Problem("CONFIG_DUPLICATE", message, (*self.at, *path), mark=Mark(*again[:3]), fix="keep one of them")
        )


def _joined(parts: Sequence[tuple[dict[str, Any], Marks]], base: Path) -> Files:
    join = _Join({key: places for _, marks in parts for key, places in marks.places.items()})
    for tree, _ in parts:
        join.take(tree)
    clashes = [problem for each in (join, *join.profiles.values()) for problem in each.problems]
    problems = (*_duplicates([marks for _, marks in parts]), *clashes)
    return Files(join.tree, Marks(join.tree, join.places, parts[0][1].start), base, problems)
