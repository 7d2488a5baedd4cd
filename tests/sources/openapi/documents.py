"""Documents made up at random: mostly sensible, now and then of the wrong type, contradicting or circular."""

from __future__ import annotations

from random import Random
from typing import Any

NAMES = ["a", "b", "c", "a-b", "a_b", "$ref", "__x", "", "名", "Query", "type", "true", "1"]
SHARED = ["A", "B", "C-D", "C_D", "Query", "String", "Base"]
FORMATS = ["date", "date-time", "int64", "uuid", "binary", "nonsense"]
VALUES: list[Any] = ["x", "x-y", "", "true", "null", "X", 1, 1.5, True, None, "\ud800"]
JUNK: list[Any] = [None, True, 0, -1, "text", [], {}, [1], {"$ref": 5}, {"type": {}}]
SCALARS = ["string", "integer", "number", "boolean"]
PLACES = ["path", "query", "query", "header", "cookie", "body"]
STYLES = ["form", "deepObject", "matrix", "label", "spaceDelimited", "nonsense"]


class Maker:
    """Makes parts of documents; about one in forty is junk."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.swagger = self.maybe(0.25)
        self.shared = "#/definitions/" if self.swagger else "#/components/schemas/"

    def maybe(self, chance: float) -> bool:
        return self.random.random() < chance

    def one(self, choices: list[Any]) -> Any:
        return self.random.choice(choices)

    def some(self, choices: list[Any], most: int = 3) -> list[Any]:
        return [self.one(choices) for _ in range(self.random.randint(0, most))]

    def reference(self) -> dict[str, Any]:
        odd = ["#/nowhere", f"{self.shared}A/properties/a", "#/paths/~1p0/get", "#", "", "other.yaml", "http://x.example.com/y"]
        return {"$ref": self.one(odd) if self.maybe(0.1) else self.shared + self.one([*SHARED, "Missing"])}

    def schema(self, depth: int = 3) -> Any:
        if self.maybe(0.025):
            return self.one(JUNK)
        kinds = [
            self.scalar,
            self.enum,
            self.reference,
            self.object_,
            self.object_,
            self.array,
            self.map_,
            self.choice,
            self.all_of,
        ]
        made = self.one(kinds) if depth > 0 else self.one([self.scalar, self.reference])
        said = made() if made in (self.scalar, self.enum, self.reference) else made(depth - 1)
        for key, value in (
            ("nullable", True),
            ("description", "Words."),
            ("deprecated", True),
            ("writeOnly", True),
            ("readOnly", True),
        ):
            if self.maybe(0.06):
                said[key] = value
        if self.maybe(0.05):
            said[self.one(["type", "required", "properties", "allOf", "items", "enum", "discriminator"])] = self.one(JUNK)
        return said

    def scalar(self) -> dict[str, Any]:
        said: dict[str, Any] = {"type": self.one(SCALARS) if self.maybe(0.9) else self.some([*SCALARS, "null", "object"])}
        if self.maybe(0.3):
            said["format"] = self.one(FORMATS)
        if self.maybe(0.1):
            said["default"] = self.one(VALUES)
        return said if self.maybe(0.95) else {}

    def enum(self) -> dict[str, Any]:
        return {"const": self.one(VALUES)} if self.maybe(0.3) else {"type": self.one(SCALARS), "enum": self.some(VALUES, 5)}

    def object_(self, depth: int) -> dict[str, Any]:
        said: dict[str, Any] = {
            "properties": {name: self.schema(depth) for name in self.some(NAMES, 4)},
            "required": self.some(NAMES),
        }
        if self.maybe(0.7):
            said["type"] = "object" if self.maybe(0.9) else ["object", self.one([*SCALARS, "null"])]
        if self.maybe(0.2):
            said["additionalProperties"] = self.one([False, True, {"type": "string"}])
        if self.maybe(0.15):
            said["discriminator"] = self.discriminator()
        return said

    def discriminator(self) -> Any:
        name = self.one(NAMES)
        return (
            name
            if self.swagger
            else {"propertyName": name, "mapping": {v: self.reference()["$ref"] for v in self.some(["x", "y"])}}
        )

    def array(self, depth: int) -> dict[str, Any]:
        key = "items" if self.maybe(0.9) else "prefixItems"
        return {"type": "array", key: self.schema(depth) if key == "items" else [self.schema(depth) for _ in range(2)]}

    def map_(self, depth: int) -> dict[str, Any]:
        return {
            "type": "object",
            self.one(["additionalProperties", "additionalProperties", "patternProperties"]): self.schema(depth),
        }

    def choice(self, depth: int) -> dict[str, Any]:
        said = {self.one(["oneOf", "anyOf"]): [self.schema(depth) for _ in range(self.random.randint(0, 4))]}
        if self.maybe(0.3):
            said["discriminator"] = self.discriminator()
        return said | (self.object_(depth) if self.maybe(0.2) else {})

    def all_of(self, depth: int) -> dict[str, Any]:
        said = {"allOf": [self.reference() if self.maybe(0.5) else self.schema(depth) for _ in range(self.random.randint(0, 3))]}
        return said | (self.object_(depth) if self.maybe(0.3) else {})

    def parameter(self) -> Any:
        if self.maybe(0.03):
            return self.one(JUNK)
        said = {"name": self.one(NAMES), "in": self.one(PLACES), "required": self.maybe(0.4)}
        said |= self.scalar() if self.swagger and self.maybe(0.8) else {"schema": self.schema(2)}
        if self.maybe(0.3):
            said |= {"style": self.one(STYLES), "explode": self.maybe(0.5)}
        return said

    def operation(self) -> dict[str, Any]:
        schema = self.schema()
        answer = {"schema": schema} if self.swagger else {"content": {"application/json": {"schema": schema}}}
        responses = {self.one(["200", "201", "default", "2XX"]): answer if self.maybe(0.95) else self.one(JUNK)}
        said = {"responses": responses, "parameters": [self.parameter() for _ in range(self.random.randint(0, 3))]}
        return said | ({"operationId": self.one(["a", "b", "a-b", "it", "Query", 5, None])} if self.maybe(0.8) else {})

    def document(self) -> dict[str, Any]:
        paths = {f"/p{n}{self.one(['', '/{a}', '/{a-b}/{x}'])}": {"get": self.operation()} for n in range(4)}
        shared = {name: self.schema() for name in SHARED}
        if self.maybe(0.5):
            shared["Base"] = self.object_(2) | {"discriminator": self.discriminator()}
            for name in self.some(SHARED):
                shared[name] = {"allOf": [{"$ref": self.shared + self.one(["Base", "Base", "A"])}, self.object_(2)]}
        if self.swagger:
            return {"swagger": "2.0", "paths": paths, "definitions": shared}
        return {"openapi": self.one(["3.0.3", "3.1.0"]), "paths": paths, "components": {"schemas": shared}}
