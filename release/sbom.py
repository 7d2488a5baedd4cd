"""The bill of materials of a release: CycloneDX, as JSON.

    python -m release.sbom [FILE]

In it are the wheel's dependencies as they are installed here, with the crates that their wheels name, and the packages of the
GraphiQL page's lock file that go into its bundle. The same packages give the same bytes where SOURCE_DATE_EPOCH is set.
"""

from __future__ import annotations

import base64
import json
import os
import re
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any
from urllib.parse import quote

from packaging.requirements import Requirement

from release.licences import MARKED, STATED, licence, unmarked, walk

ROOT = Path(__file__).parents[1]
NAME = "signpost-gateway"
Component = dict[str, Any]
Needs = dict[str, list[str]]
"""Reference of a component → those of what it needs."""


def bill(extras: frozenset[str] = frozenset()) -> dict[str, Any]:
    python, needs = _python(extras)
    page, more = _page()
    root = python.pop(NAME)
    needs |= more
    needs[root["bom-ref"]] = sorted([*needs[root["bom-ref"]], *_wanted_by_the_page(page)])
    components = [*(python[name] for name in sorted(python)), *(page[name] for name in sorted(page))]
    made = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"timestamp": _now(), "component": {**root, "type": "application"}},
        "components": components,
        "dependencies": [{"ref": ref, "dependsOn": sorted(needs[ref])} for ref in sorted(needs)],
    }
    return {**made, "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(made, sort_keys=True))}"}


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))))


# ---------------------------------------------------------------- Python


def _python(extras: frozenset[str]) -> tuple[dict[str, Component], Needs]:
    """All that the wheel needs on this platform, itself included, by name."""
    found: dict[str, Component] = {}
    needs: Needs = {}
    todo: list[tuple[str, frozenset[str]]] = [(NAME, extras)]
    seen: set[tuple[str, frozenset[str]]] = set()
    while todo:
        name, asked = todo.pop()
        if (name, asked) in seen:
            continue
        seen.add((name, asked))
        one = distribution(name)
        found[name] = _installed(name, one)
        wanted = list(_required(one, asked))
        needs[_pypi(name, one.version)] = sorted(
            {*needs.get(_pypi(name, one.version), ()), *(_pypi(each, distribution(each).version) for each, _ in wanted)}
        )
        todo += wanted
    return found, needs


def _required(one: Distribution, extras: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    for text in one.requires or ():
        required = Requirement(text)
        if required.marker is None or any(required.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield re.sub(r"[-_.]+", "-", required.name).lower(), frozenset(required.extras)


def _installed(name: str, one: Distribution) -> Component:
    component: Component = {
        "type": "library",
        "bom-ref": _pypi(name, one.version),
        "name": name,
        "version": one.version,
        "purl": _pypi(name, one.version),
    }
    if summary := _told(one, "Summary"):
        component["description"] = summary
    if said := STATED.get(name) or _told(one, "License-Expression") or _told(one, "License"):
        component["licenses"] = [_said(said)]
    if crates := list(_crates(one)):
        component["components"] = crates
    return component


def _told(one: Distribution, key: str) -> str | None:
    found: list[str] | None = one.metadata.get_all(key)
    return found[0] if found else None


def _pypi(name: str, version: str) -> str:
    return f"pkg:pypi/{name}@{version}"


def _crates(one: Distribution) -> Iterator[Component]:
    """What a wheel says that it was made of (PEP 770); mostly Rust."""
    for file in one.files or ():
        if file.parent.name == "sboms" and file.name.endswith(".json"):
            told = json.loads(Path(str(file.locate())).read_text())
            for each in (each for each in told.get("components", ()) if "version" in each):
                crate = {key: each[key] for key in ("type", "name", "version", "purl", "licenses") if key in each}
                stated = {"licenses": [_said(STATED[each["name"]])]} if each["name"] in STATED else {}
                yield {**crate, **stated, "bom-ref": f"{_pypi(one.name.lower(), one.version)}#{each['name']}@{each['version']}"}


# ---------------------------------------------------------------- the page


def _page() -> tuple[dict[str, Component], Needs]:
    """Packages of the lock file that are not for development alone, by their place in it."""
    lock: Mapping[str, Any] = json.loads((ROOT / "graphiql" / "package-lock.json").read_text())["packages"]
    kept = {place: entry for place, entry in lock.items() if place and not entry.get("dev")}
    components = {place: _packaged(place, entry) for place, entry in kept.items()}
    needs = {
        components[place]["bom-ref"]: sorted({components[found]["bom-ref"] for found in _placed(place, entry, kept)})
        for place, entry in kept.items()
    }
    return {component["bom-ref"]: component for component in components.values()}, needs


def _packaged(place: str, entry: Mapping[str, Any]) -> Component:
    name = place.rpartition("node_modules/")[2]
    purl = f"pkg:npm/{quote(name, safe='/')}@{entry['version']}"
    component: Component = {"type": "library", "bom-ref": purl, "name": name, "version": entry["version"], "purl": purl}
    if "integrity" in entry:
        kind, _, digest = entry["integrity"].partition("-")
        algorithm = f"{kind[:3].upper()}-{kind[3:]}"
        component["hashes"] = [{"alg": algorithm, "content": base64.b64decode(digest).hex()}]
    if "license" in entry:
        component["licenses"] = [_said(entry["license"])]
    return component


def _placed(place: str, entry: Mapping[str, Any], lock: Mapping[str, Any]) -> Iterator[str]:
    """Where Node finds what this package asks for: in its own folder, or in one further up."""
    for name in entry.get("dependencies", ()):
        folder = place
        while f"{folder}/node_modules/{name}".lstrip("/") not in lock and folder:
            folder = folder.rpartition("/node_modules/")[0]
        if (found := f"{folder}/node_modules/{name}".lstrip("/")) in lock:
            yield found


def _wanted_by_the_page(page: Mapping[str, Component]) -> list[str]:
    wanted = json.loads((ROOT / "graphiql" / "package.json").read_text())["dependencies"]
    return [component["bom-ref"] for component in page.values() if component["name"] in wanted]


def _said(text: str) -> dict[str, Any]:
    """One word is a licence by its id; several are an expression."""
    return {"license": {"id": text}} if re.fullmatch(r"[\w.+-]+", text) else {"expression": text}


# ---------------------------------------------------------------- telling


def listed(made: Mapping[str, Any]) -> str:
    """A line for each component: for whoever has to name them."""
    lines = sorted({f"{each['name']} {each['version']}\t{licence(each)}" for each in walk(made)})
    notes = [f"{name}: {reason}" for name, reason in MARKED.items()]
    return "\n".join([*lines, "", *notes, ""])


def main() -> int:
    made = bill()
    version = made["metadata"]["component"]["version"]
    into = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist" / f"{NAME}-{version}.cdx.json"
    into.parent.mkdir(parents=True, exist_ok=True)
    into.write_text(json.dumps(made, indent=1) + "\n")
    into.with_name(into.name.removesuffix(".cdx.json") + ".licences.txt").write_text(listed(made))
    print(f"{into}: {sum(1 for _ in walk(made))} components")
    for each in (wrong := list(unmarked(made))):
        print(f"not to be passed on like this (release/licences.py): {each}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
