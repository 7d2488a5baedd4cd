"""Generated federations: one graph of data, cut into subgraphs that each know some of it.

The whole is the truth: whatever the subgraphs together answer has to be what a single server over all data would.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.execution.choices import Choices
from tests.federated import Federated

HEAD = """extend schema @link(url: "https://specs.apollo.dev/federation/v2.7", import: [
  "@key", "@shareable", "@external", "@requires", "@provides", "@override", "@inaccessible"])
"""
PLAIN = ("String", "Int", "String!", "[Int!]")
ROWS = 2
"""Of each entity."""


class Entity:
    """A type that several subgraphs know. `fields`: name → (type, who answers it, what is written after it there)."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.keys: dict[str, list[str]] = {}
        """subgraph → the fields that are keys there."""
        self.fields: dict[str, tuple[str, dict[str, str]]] = {}
        self.interface = False
        self.wrong: dict[str, set[str]] = {}
        """subgraph → fields that it has no truth about: they are not to be asked there but by requirement."""


class Federation:
    """Draws the subgraphs, and the data under them."""

    def __init__(self, choices: Choices) -> None:
        self.choices = choices
        self.names = [f"s{i}" for i in range(2 + choices.below(3))]
        self.entities = [Entity(f"E{i}") for i in range(1 + choices.below(3))]
        self.roots: dict[str, dict[str, str]] = {name: {} for name in self.names}
        self.shared_roots: set[str] = set()
        for entity in self.entities:
            self._keys(entity)
        for entity in self.entities:
            self._fields(entity)
        for entity in self.entities:
            self._relations(entity)
        self._roots()

    # ------------------------------------------------------------ drawn

    def _keys(self, entity: Entity) -> None:
        """Every subgraph that knows the entity has `id`, or another key that one of those with `id` has, too."""
        home, *others = sorted(self.names, key=lambda _: self.choices.below(8))
        entity.keys[home] = ["id", "code"] if self.choices.chance(60) else ["id"]
        for name in others:
            if self.choices.chance(70):
                entity.keys[name] = ["code"] if "code" in entity.keys[home] and self.choices.chance(35) else ["id"]
        entity.interface = self.choices.chance(50)

    def _fields(self, entity: Entity) -> None:
        knowing = list(entity.keys)
        for number in range(1 + self.choices.below(4)):
            kind = self.choices.of(("String", "Int", "String!", "[Int!]", "V"))
            owner = self.choices.of(knowing)
            entity.fields[f"f{number}"] = (kind, {owner: ""})
            other = self.choices.of(knowing)
            way = self.choices.below(10)
            if other != owner and way >= 8:
                entity.fields[f"f{number}"] = (kind, {owner: "@shareable", other: "@shareable"})
            elif other != owner and way == 7:
                entity.fields[f"f{number}"] = (kind, {owner: "", other: f'@override(from: "{owner}")'})
                entity.wrong.setdefault(owner, set()).add(f"f{number}")

    def _relations(self, entity: Entity) -> None:
        for number in range(self.choices.below(3)):
            owner = self.choices.of(list(entity.keys))
            known = [e for e in self.entities if owner in e.keys]
            target = self.choices.of(known)
            kind = self.choices.of(("{}", "[{}!]!", "[{}]", "{}!")).format(target.name)
            entity.fields[f"r{number}"] = (kind, {owner: self._provision(target, owner)})
        if len(entity.keys) > 1 and self.choices.chance(50):
            self._requirement(entity)

    def _provision(self, target: Entity, subgraph: str) -> str:
        """Some fields of others are answered below this one after all."""
        free = [
            f for f, (kind, at) in target.fields.items() if kind in PLAIN and subgraph not in at and "@override" not in str(at)
        ]
        if not free or not self.choices.chance(40):
            return ""
        field = self.choices.of(free)
        kind, at = target.fields[field]
        target.fields[field] = (kind, {**{s: said or "@shareable" for s, said in at.items()}, subgraph: "@external"})
        return f'@provides(fields: "{field}")'

    def _requirement(self, entity: Entity) -> None:
        asking = self.choices.of(list(entity.keys))
        plain = [f for f, (kind, at) in entity.fields.items() if asking not in at and kind in PLAIN]
        if plain:
            field = self.choices.of(plain)
            kind, at = entity.fields[field]
            entity.fields[field] = (kind, {**at, asking: "@external"})
            entity.fields["made"] = ("String", {asking: f'@requires(fields: "{field}")'})

    def _roots(self) -> None:
        for name in self.names:
            known = [e for e in self.entities if name in e.keys]
            for entity in known:
                if self.choices.chance(60):
                    self.roots[name][f"{name}_{entity.name}"] = self.choices.of((entity.name, f"[{entity.name}!]!"))
            if any(e.interface for e in known):
                self.roots[name][f"{name}_any"] = "[I]"
            if len(known) > 1 and self.choices.chance(40):
                self.roots[name][f"{name}_either"] = f"[U_{name}]"
        first = self.entities[0]
        for name in list(first.keys)[: self.choices.below(3)]:
            self.roots[name]["shared"] = first.name
        for name in self.names:
            self.roots[name].setdefault(f"{name}_n", "Int")

    # ------------------------------------------------------------ written

    def sdl(self, name: str) -> str:
        parts = [HEAD, "type Query {", *(self._root(f, kind) for f, kind in self.roots[name].items()), "}"]
        known = [e for e in self.entities if name in e.keys]
        for entity in known:
            implements = " implements I" if entity.interface else ""
            keys = " ".join(f'@key(fields: "{key}")' for key in entity.keys[name])
            fields = [f"{key}: ID!" for key in entity.keys[name]]
            fields += [f"{f}: {kind} {at[name]}" for f, (kind, at) in entity.fields.items() if name in at]
            label = "label: String @shareable" if entity.interface else ""
            parts.append(f"type {entity.name}{implements} {keys} {{ {' '.join(fields)} {label} }}")
        if any(e.interface for e in known):
            parts.append("interface I { label: String }")
        if f"{name}_either" in self.roots[name]:
            parts.append(f"union U_{name} = {' | '.join(e.name for e in known)}")
        text = "\n".join(parts)
        return text + ("\ntype V @shareable { p: Int q: String }" if ": V" in text else "")

    def _root(self, field: str, kind: str) -> str:
        shared = sum(field in roots for roots in self.roots.values()) > 1
        return f"{field}{'(x: Int)' if kind == 'Int' else ''}: {kind}{' @shareable' if shared else ''}"

    # ------------------------------------------------------------ the data

    def data(self) -> tuple[dict[str, Any], dict[str, dict[str, dict[str, Any]]]]:
        """The values of all root fields, and entity → id → row."""
        rows = {
            e.name: {str(i): {"__typename": e.name, "id": str(i), "code": f"c{i}"} for i in range(ROWS)} for e in self.entities
        }
        for entity in self.entities:
            for key, row in rows[entity.name].items():
                row |= {f: self._value(kind, f"{entity.name}.{f}.{key}", rows) for f, (kind, _) in entity.fields.items()}
                row["label"] = f"{entity.name} {key}"
                required = next(
                    (f for f, (_, at) in entity.fields.items() if "@external" in at.values() and self._makes(entity, f)), None
                )
                row["made"] = made(row.get(required)) if required else None
        roots = {}
        for name, fields in self.roots.items():
            known = [e for e in self.entities if name in e.keys]
            for field, kind in fields.items():
                if field.endswith("_any"):
                    roots[field] = [row for e in known if e.interface for row in rows[e.name].values()]
                elif field.endswith("_either"):
                    roots[field] = [None, *(row for e in known for row in rows[e.name].values())]
                elif kind == "Int":
                    roots[field] = lambda _info, x=None: x
                else:
                    roots.setdefault(field, self._value(kind, field, rows))
        return roots, rows

    def _makes(self, entity: Entity, field: str) -> bool:
        return any(f'@requires(fields: "{field}")' in at.values() for _, at in entity.fields.values())

    def _value(self, kind: str, seed: str, rows: Mapping[str, Mapping[str, Any]]) -> Any:
        if "E" in kind:
            members = list(rows[kind.strip("[]!")].values())
            if kind.startswith("["):
                return [self.choices.of(members) for _ in range(self.choices.below(4))]
            return self.choices.of(members) if kind.endswith("!") else self.choices.of([*members, None])
        if kind == "String" and self.choices.chance(20):
            return None
        return {"Int": len(seed), "[Int!]": [1, 2], "V": {"p": 1, "q": seed}}.get(kind, seed)

    def services(self) -> Iterator[Federated]:
        roots, rows = self.data()
        self.root_data = roots
        for name in self.names:
            yield Federated(
                name,
                self.sdl(name),
                {f: roots[f] for f in self.roots[name]},
                **{e.name: self._resolver(e, name, rows[e.name]) for e in self.entities if name in e.keys},
            )

    def _resolver(self, entity: Entity, name: str, rows: Mapping[str, Mapping[str, Any]]) -> Any:
        """By whichever key is sent. What it makes, it makes of what it is sent; of what moved away it knows nothing."""
        by_code = {row["code"]: row for row in rows.values()}

        def resolve(sent: Mapping[str, Any]) -> Any:
            row = rows[sent["id"]] if "id" in sent else by_code[sent["code"]]
            own = {**row, **dict.fromkeys(entity.wrong.get(name, ()), None)}
            required = next((f for f in sent if f not in ("__typename", "id", "code")), None)
            return {**own, "made": made(sent[required]) if required else "made of nothing"}

        return resolve


def made(value: Any) -> str:
    return f"made of {value}"
