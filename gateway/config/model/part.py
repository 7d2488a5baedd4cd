"""`Part`: what every mapping of the YAML is, and the few ways in which one may be written short."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from gateway.config.model.scalars import wrong


class Part(BaseModel):
    """A mapping of the YAML. Frozen; unknown keys are errors; defaults are written as one would write them in YAML.

    In YAML an empty key (`owner:`) counts as not written, except where `null` is one of the words it may take.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, validate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _written(cls, data: Any, info: ValidationInfo) -> Any:
        if info.context is None or not isinstance(data, Mapping):
            return data
        names = {field.alias or name: field.annotation for name, field in cls.model_fields.items()}
        return {k: _null(v, names[k]) if k in names else v for k, v in data.items() if not _absent(k, v, names)}


def setting(default: Any, description: str, **bounds: Any) -> Any:
    """A key that need not be written. `default` stands as one would write it (`2s`); reading it gives the value."""
    return Field(default=default, description=description, **bounds)


def _absent(name: Any, value: Any, names: Mapping[str, Any]) -> bool:
    return value is None and name in names and not has_null_word(names[name])


def _null(value: Any, annotation: Any) -> Any:
    return "null" if value is None and has_null_word(annotation) else value


def has_null_word(annotation: Any) -> bool:
    if get_origin(annotation) is Literal:
        return "null" in get_args(annotation)
    return any(has_null_word(arg) for arg in get_args(annotation))


class Short:
    """A value that may also be written in another, shorter way: `read` makes the long form of it, or returns it as it is."""

    def __init__(self, read: Callable[[Any], Any], schema: JsonSchemaValue) -> None:
        self.read = read
        self.schema = schema

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.read, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [self.schema, handler(schema)]}


def _off(value: Any) -> Any:
    if value == "on" or isinstance(value, bool):
        raise wrong("a mapping of its settings, or off")
    return None if value == "off" else value


def short_for(name: str, *kinds: type) -> Short:
    """A single value stands for a mapping with just this key."""
    return Short(lambda value: {name: value} if isinstance(value, kinds) else value, {"type": "string"})


def one_or_more() -> Short:
    """A single text stands for a list of one."""
    return Short(lambda value: [value] if isinstance(value, str) else value, {"type": "string"})


OFF = Short(_off, {"const": "off"})
"""`off` means None: the thing is absent."""
