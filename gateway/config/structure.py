"""A tree is held against a model; what pydantic finds becomes problems in our words, each with its path, each once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateway.config.model.scalars import Place
from gateway.config.problem import ConfigPath, Problem
from gateway.config.substitute import Filled
from gateway.config.yaml import core_schema

Model = TypeVar("Model", bound=BaseModel)

EXPECTED: Mapping[str, str] = {
    **dict.fromkeys(("string_type", "string_sub_type"), "text"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float", "int_parsing_size"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing", "finite_number"), "a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type"), "a list"),
    **dict.fromkeys(("dict_type", "mapping_type", "model_type", "model_attributes_type"), "a mapping"),
    "literal_error": "{expected}",
    "enum": "{expected}",
    "expected": "{expected}",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "too_short": "at least {min_length} of them",
    "too_long": "at most {max_length} of them",
}
"""What pydantic calls an error → what was expected there."""


def check(model: type[Model], data: Any, at: ConfigPath, filled: Filled, place: Place) -> tuple[Model | None, list[Problem]]:
    """The model's instance, or everything in `data` (which stands at path `at`) that keeps it from being one."""
    try:
        return _read(model, data, place), []
    except ValidationError as error:
        errors = error.errors(include_url=False)
    if texts := {e["loc"]: filled.texts[(*at, *e["loc"])] for e in errors if _wants_text(e) and (*at, *e["loc"]) in filled.texts}:
        return check(model, _with_texts(data, texts), at, filled, place)
    problems = [_problem(e, model, data, at, filled) for e in errors]
    return None, _joined(problems)


def _read(model: type[Model], data: Any, place: Place) -> Model:
    return model.model_validate(data, context=place, by_alias=True, by_name=False)


def nearest(name: object, known: Iterable[str]) -> str | None:
    """A did-you-mean."""
    close = get_close_matches(str(name), list(known), n=1)
    return f"did you mean `{close[0]}`?" if close else None


# ---------------------------------------------------------------- what was filled in where text is wanted


def _wants_text(error: ErrorDetails) -> bool:
    return error["type"] == "string_type"


def _with_texts(data: Any, texts: Mapping[ConfigPath, str]) -> Any:
    """A secret of digits only is still the text it was: here its meaning as a number gives way."""
    if () in texts:
        return texts[()]
    below = {path[0]: {p[1:]: text for p, text in texts.items() if p[0] == path[0]} for path in texts}
    copy = data.copy()
    for step, inner in below.items():
        copy[step] = _with_texts(data[step], inner)
    return copy


# ---------------------------------------------------------------- in our words


def _problem(error: ErrorDetails, model: type[BaseModel], data: Any, at: ConfigPath, filled: Filled) -> Problem:
    kind, value = error["type"], error["input"]
    below = _path(error["loc"], data, missing=kind == "missing")
    path = (*at, *below)
    if kind == "missing":
        return Problem("CONFIG_MISSING", f"`{path[-1]}` is missing", path, fix=_described(model, below))
    if kind == "extra_forbidden":
        fix = nearest(path[-1], known_keys(model, below[:-1])) or _listed(known_keys(model, below[:-1]))
        return Problem("CONFIG_UNKNOWN_KEY", f"unknown key `{path[-1]}`", path, fix=fix)
    context = error.get("ctx", {})
    if kind not in EXPECTED:
        return Problem("CONFIG_VALUE", str(context.get("error") or error["msg"]), path)
    expected = EXPECTED[kind].format(**context)
    code = "CONFIG_TYPE" if kind.endswith("_type") else "CONFIG_VALUE"
    nodes = _nodes(model, below)
    shown = _shown(value, path, filled, nodes)
    if any(node.get("const") == "off" for node in nodes):
        expected += ", or off"
    return Problem(code, f"expected {expected}; got {shown}", path, fix=_fix(kind, value, expected))


def _path(loc: tuple[int | str, ...], data: Any, *, missing: bool) -> ConfigPath:
    """The steps of `loc` that are in the data; pydantic adds some of its own (`[key]`, members of a union, short forms)."""
    path: list[int | str] = []
    for step in loc:
        if step in (data if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ()):
            path.append(step)
            data = data[step]
    return (*path, loc[-1]) if missing else tuple(path)


def _shown(value: Any, path: ConfigPath, filled: Filled, nodes: list[Any]) -> str:
    """The value as far as it may be quoted."""
    if any(node.get("writeOnly") for node in nodes):
        return "something else"
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    return "nothing" if value is None else filled.secrets.shown(path, value)


def _fix(kind: str, value: Any, expected: str) -> str | None:
    if kind == "string_type" and isinstance(value, bool | int | float):
        return "put it in quotes"
    if kind in ("int_type", "bool_type") and isinstance(value, str) and not isinstance(core_schema(value), str):
        return "leave out the quotes"
    if kind in ("literal_error", "enum") and isinstance(value, str):
        return nearest(value, expected.replace(" or ", ", ").replace("'", "").split(", "))
    return None


def _joined(problems: list[Problem]) -> list[Problem]:
    """One problem per path and code: the members of a union each complain."""
    found: dict[tuple[ConfigPath, str], Problem] = {}
    for problem in problems:
        found.setdefault((problem.path, problem.code), problem)
    return list(found.values())


# ---------------------------------------------------------------- what a model knows


@cache
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


def _nodes(model: type[BaseModel], path: ConfigPath) -> list[Any]:
    """The schemas that speak about what stands at `path`, each with its alternatives beside it."""
    root = _schema(model)
    nodes = list(_flat(root, root))
    for step in path:
        nodes = [flat for node in nodes for child in _children(node, step) for flat in _flat(child, root)]
    return nodes


def known_keys(model: type[BaseModel], path: ConfigPath) -> list[str]:
    """The keys that may stand at `path`."""
    return [key for node in _nodes(model, path) for key in node.get("properties", {})]


def _described(model: type[BaseModel], path: ConfigPath) -> str | None:
    return next((node["description"] for node in _nodes(model, path) if "description" in node), None)


def _flat(node: Any, root: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A schema, with its references followed and its alternatives side by side."""
    if not isinstance(node, dict):
        return
    yield node
    if "$ref" in node:
        yield from _flat(root["$defs"][node["$ref"].rpartition("/")[2]], root)
    for alternative in (*node.get("anyOf", ()), *node.get("allOf", ()), *node.get("oneOf", ())):
        yield from _flat(alternative, root)


def _children(node: Mapping[str, Any], step: int | str) -> Iterator[Any]:
    if isinstance(step, int):
        yield node.get("items")
    elif step in node.get("properties", {}):
        yield node["properties"][step]
    else:
        yield node.get("additionalProperties")
        yield from node.get("patternProperties", {}).values()


def _listed(names: list[str]) -> str | None:
    return f"known here: {', '.join(names)}" if names else "no keys are known here"
