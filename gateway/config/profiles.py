"""One configuration for several environments: `profiles.NAME` is laid over the rest where NAME is chosen.

Mappings are joined key by key, and lists of named things by their names; everything else a profile says takes the place of what
it found. All that is left of the others is their names: what is only needed elsewhere need not be there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from gateway.config.files import PROFILES, Files
from gateway.config.problem import Problem
from gateway.config.structure import nearest
from gateway.config.yaml import Marks, Place

NAMES = ("name", "field")
"""The key that tells one item of a list from another: sources and API keys have a name, links a field."""


def with_profile(files: Files, profile: str | None) -> Files:
    """The configuration as this profile has it (None: as it is without any)."""
    profiles = files.tree.get(PROFILES)
    if not isinstance(profiles, dict):
        return files if not profile else _with(files, _unknown(profile, ()))
    overlay, tree, problems = _Overlay(files.marks.places), files.tree, []
    if profile and profile not in profiles:
        problems.append(_unknown(profile, profiles))
    if profile and isinstance(over := profiles.get(profile), dict):
        tree = overlay.laid(tree, over)
        if PROFILES in over:
            at = (PROFILES, profile, PROFILES)
            problems.append(Problem("CONFIG_UNKNOWN_KEY", "a profile has no profiles of its own", at, mark=files.marks.at(at)))
    tree = overlay.emptied(tree, profiles)
    marks = Marks(tree, overlay.places, files.marks.start, files.marks.duplicates)
    return _with(msgspec.structs.replace(files, tree=tree, marks=marks), *problems)


def _with(files: Files, *problems: Problem) -> Files:
    return msgspec.structs.replace(files, problems=(*files.problems, *problems))


def _unknown(profile: str, known: Iterable[str]) -> Problem:
    fix = nearest(profile, known) or f"known profiles: {', '.join(known) or 'none, add it under `profiles`'}"
    return Problem(
        "CONFIG_UNKNOWN_PROFILE",
        f"there is no profile called {profile}, as `--profile` or SIGNPOST_PROFILE has it",
        (PROFILES,),
        fix=fix,
    )


class _Overlay:
    """Copies what it changes; every copy has its places."""

    def __init__(self, places: dict[int, dict[Any, Place]]) -> None:
        self.places = dict(places)

    def laid(self, under: dict[Any, Any], over: dict[Any, Any]) -> dict[Any, Any]:
        own, places, fresh = under.copy(), dict(self.places[id(under)]), self.places[id(over)]
        for key, value in over.items():
            own[key] = self._value(under.get(key), value)
            if own[key] is value:
                places[key] = fresh[key]
        self.places[id(own)] = places
        return own

    def _value(self, under: Any, over: Any) -> Any:
        if isinstance(under, dict) and isinstance(over, dict):
            return self.laid(under, over)
        if isinstance(under, list) and isinstance(over, list) and over and (key := _named_by(under, over)):
            return self._items(under, over, key)
        return over

    def _items(self, under: list[Any], over: list[Any], key: str) -> list[Any]:
        """A name that one profile has twice is not joined with itself: that is told like any other."""
        own, places = under.copy(), dict(self.places[id(under)])
        known = {item[key]: index for index, item in reversed(list(enumerate(under)))}
        for index, item in enumerate(over):
            at = known.pop(item[key], None)
            if at is not None:
                own[at] = self.laid(own[at], item)
            else:
                places[len(own)] = self.places[id(over)][index]
                own.append(item)
        self.places[id(own)] = places
        return own

    def emptied(self, tree: dict[Any, Any], profiles: dict[Any, Any]) -> dict[Any, Any]:
        own = {**tree, PROFILES: {name: {} if isinstance(value, dict) else value for name, value in profiles.items()}}
        self.places[id(own)] = self.places[id(tree)]
        self.places[id(own[PROFILES])] = self.places[id(profiles)]
        return own


def _named_by(*lists: list[Any]) -> str | None:
    """The key by which every item of all these lists is named."""
    items = [item for each in lists for item in each]
    return next((k for k in NAMES if all(isinstance(i, dict) and isinstance(i.get(k), str) for i in items)), None)
