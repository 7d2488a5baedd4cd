"""Generated schemas: objects, lists of lists, null allowed and not, enums, custom scalars, interfaces, unions, ids."""

from __future__ import annotations

from tests.execution.choices import Choices

LEAVES = ("Int", "String", "ID", "Float", "Boolean", "E0", "E1", "S0", "S1")
WRAPS = ("{}", "{}!", "[{}]", "[{}!]!", "[{}]!", "[{}!]", "[[{}]!]", "[[{}!]]!")
ARGUMENTS = ("", "", "(x: Int)", "(x: Int = 3, y: E0)", "(z: [String!], w: In)")
NAMES = ("a", "b", "c", "d", "e")
ENUMS = {"E0": ("A0", "B0"), "E1": ("A1", "true_", "C1")}


class Model:
    """The types of a schema: name → field → its type, as text."""

    def __init__(self) -> None:
        self.interfaces: dict[str, dict[str, str]] = {}
        self.objects: dict[str, dict[str, str]] = {}
        self.implements: dict[str, list[str]] = {}
        self.unions: dict[str, list[str]] = {}
        self.arguments: dict[tuple[str, str], str] = {}
        self.root: dict[str, str] = {}

    def sdl(self) -> str:
        parts = ["scalar S0 scalar S1", "input In { p: Int q: [E0] }"]
        parts += (f"enum {name} {{ {' '.join(values)} }}" for name, values in ENUMS.items())
        parts += (f"interface {name} {{ {self._fields(name, fields)} }}" for name, fields in self.interfaces.items())
        for name, fields in self.objects.items():
            stated = " & ".join(self.implements[name])
            parts.append(f"type {name}{' implements ' + stated if stated else ''} {{ {self._fields(name, fields)} }}")
        parts += (f"union {name} = {' | '.join(members)}" for name, members in self.unions.items())
        parts.append(f"type Query {{ {self._fields('Query', self.root)} }}")
        return "\n".join(parts)

    def _fields(self, owner: str, fields: dict[str, str]) -> str:
        return " ".join(f"{name}{self.arguments.get((owner, name), '')}: {given}" for name, given in fields.items())


def a_model(choices: Choices, arguments: bool = True) -> Model:
    """Types refer to types of any order; a non-null one only to later ones, so that every value is finite."""
    model = Model()
    count = 1 + choices.below(4)
    objects = [f"T{i}" for i in range(count)]
    for i in range(choices.below(3)):
        model.interfaces[f"I{i}"] = _fields(choices, [*LEAVES, *objects], 2)
    for name in objects:
        _object(model, name, objects, choices)
    for i in range(choices.below(3)):
        model.unions[f"U{i}"] = list(dict.fromkeys(choices.some(objects, 3)))
    composite = [*objects, *(i for i in model.interfaces if any(i in s for s in model.implements.values())), *model.unions]
    for name in objects:  # now that unions and interfaces are known
        for field in list(model.objects[name]):
            if field not in _inherited(model, name) and choices.chance(25):
                model.objects[name][field] = _nullable_outside(choices.of(WRAPS)).format(choices.of(composite))
    for i in range(1 + choices.below(3)):
        model.root[f"r{i}"] = choices.of(WRAPS).format(choices.of([*composite, *composite, *LEAVES]))
    if arguments:
        _arguments(model, choices)
    return model


def _object(model: Model, name: str, objects: list[str], choices: Choices) -> None:
    stated = [i for i in model.interfaces if choices.chance(60)]
    fields: dict[str, str] = {}
    for interface in stated:
        for field, given in model.interfaces[interface].items():
            ends = given.endswith("]") or given in LEAVES
            stricter = given + "!" if ends and choices.chance(30) else given
            if field in fields and fields[field].rstrip("!") != given.rstrip("!"):
                stated = [i for i in stated if i != interface]
                break
            fields[field] = stricter if field not in fields else max(fields[field], stricter, key=len)
    later = objects[objects.index(name) + 1 :]
    for field, given in _fields(choices, [*LEAVES, *later], 4).items():
        fields.setdefault(field, given)
    model.objects[name], model.implements[name] = fields, stated


def _inherited(model: Model, name: str) -> set[str]:
    return {field for interface in model.implements[name] for field in model.interfaces[interface]}


def _fields(choices: Choices, types: list[str], most: int) -> dict[str, str]:
    names = dict.fromkeys(choices.some(NAMES, most))
    made = {}
    for name in names:
        kind = choices.of(types)
        wrap = choices.of(WRAPS)
        made[name] = (wrap if kind in LEAVES else _nullable_outside(wrap)).format(kind)
    return made


def _nullable_outside(wrap: str) -> str:
    """Objects may refer to themselves: somewhere there has to be an end. A list may be empty."""
    return "{}" if wrap == "{}!" else wrap


def _arguments(model: Model, choices: Choices) -> None:
    for owner, fields in [*model.interfaces.items(), ("Query", model.root)]:
        for field in fields:
            model.arguments[owner, field] = choices.of(ARGUMENTS)
    for owner, fields in model.objects.items():
        for field in fields:
            inherited = [model.arguments[i, field] for i in model.implements[owner] if field in model.interfaces[i]]
            model.arguments[owner, field] = max(inherited, key=len) if inherited else choices.of(ARGUMENTS)
