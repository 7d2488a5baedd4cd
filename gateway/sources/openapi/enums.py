"""Enums: values unchanged where GraphQL allows, else escaped, with the exact JSON kept (T5, T6)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from gateway.sources.openapi.draft import Draft
from gateway.sources.openapi.names import distinct, escape_value
from gateway.sources.openapi.nodes import enum_type, enum_value


def define_enum(
    draft: Draft, name: str, values: Iterable[Any], description: str, descriptions: dict[str, str] | None = None
) -> None:
    """Define the enum `name`. A value that is not a text (an unquoted 1 in YAML) is known by its JSON and by its text."""
    if name in draft.types:
        return
    texts = {value if isinstance(value, str) else json.dumps(value): value for value in values}
    names = distinct(texts, {text: escape_value(text) for text in texts})
    escaped = any(text != names[text] for text in texts)
    definitions = []
    for text, value in texts.items():
        words = (descriptions or {}).get(text, "")
        if names[text] != text or not isinstance(value, str):
            draft.fidelity.origin(f"{name}.{names[text]}", "name", was=text)
            draft.fidelity.origin(f"{name}.{names[text]}", "value", json=json.dumps(value))
            draft.fidelity.deviation(
                "ENUM_VALUE_ESCAPED", f"{name}.{names[text]}", f"The value {json.dumps(value)} is written {names[text]}."
            )
            words = "\n\n".join(filter(None, (words, f"Source value: `{text}`.")))
        definitions.append(enum_value(names[text], words))
    draft.types[name] = enum_type(name, definitions, description)
    if escaped or any(not isinstance(value, str) for value in texts.values()):
        draft.values[name] = {text: names[text] for text in texts}
        draft.values[name] |= {value: names[text] for text, value in texts.items() if isinstance(value, (str, int, float))}
        draft.sent[name] = {names[text]: value for text, value in texts.items()}


def allowed(values: Iterable[Any]) -> str:
    """A line for descriptions of values that cannot be an enum."""
    return f"Allowed: {', '.join(value if isinstance(value, str) else json.dumps(value) for value in values)}."
