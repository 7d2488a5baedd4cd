"""A document becomes types and endpoints: operations, answers, then arguments. Only what is exposed is looked at."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec
from graphql import FieldDefinitionNode, TypeNode

from gateway.sources.openapi import scalars
from gateway.sources.openapi.draft import Draft
from gateway.sources.openapi.endpoint import Endpoint
from gateway.sources.openapi.fidelity import Fidelity
from gateway.sources.openapi.inputs import Inputs
from gateway.sources.openapi.names import Naming
from gateway.sources.openapi.nodes import field, named, nullable, object_type
from gateway.sources.openapi.operations import (
    Operation,
    Response,
    described,
    find_operations,
    is_failure,
    is_refusal,
    is_success,
    is_wanted,
    success,
)
from gateway.sources.openapi.options import Options
from gateway.sources.openapi.outputs import Outputs
from gateway.sources.openapi.parameters import Parameter, Withheld, parameters_of
from gateway.sources.openapi.references import Node, References
from gateway.sources.openapi.security import schemes, secrets_of, withheld
from gateway.sources.openapi.servers import base_url

QUERY = "Query"
_MENTION = re.compile(r"\bGET (/\S*)")


class Setting(msgspec.Struct, frozen=True):
    """What the configuration says about the source, as far as building is concerned."""

    options: Options
    url: str | None = None
    document_url: str = ""
    expose: tuple[str, ...] | None = None
    used: frozenset[str] = frozenset()
    """Root fields that lookups use, exposed or not."""
    filled_headers: frozenset[str] = frozenset()
    """Headers the configuration fills in: no arguments."""

    def shows(self, name: str) -> bool:
        return self.expose is None or name in self.expose

    def takes(self, name: str) -> bool:
        return self.shows(name) or name in self.used


class Built(msgspec.Struct, frozen=True):
    """All that a document came to."""

    draft: Draft
    endpoints: dict[str, Endpoint]
    unexposed: dict[str, FieldDefinitionNode]
    """Root fields that only lookups use."""
    known: tuple[str, ...]
    """Every root field the document could give, exposed or not."""
    unusable: dict[str, str]
    """Root field → why it has no type."""
    operations: dict[str, Operation]
    """Root field → operation, for each that could be read, excluded or not."""
    responses: dict[str, Response]
    types: dict[str, TypeNode]
    """Root field → what it answers."""
    schemes: frozenset[str]
    """Names of the security schemes."""


def build(references: References, setting: Setting, fidelity: Fidelity) -> Built:
    options = setting.options
    operations = find_operations(references, options, fidelity)
    shared = {f"#{references.shared_prefix}": [name for name, _ in references.shared()]}
    roots = {each.path: name for name, each in reversed(operations.items())}
    draft = Draft(references, Naming(shared, roots, scalars.NAMES), options, fidelity)
    wanted = {name: each for name, each in operations.items() if is_wanted(each, options)}
    chosen = {name: each for name, each in wanted.items() if setting.takes(name)}
    fields = _Fields(draft, setting)
    for name, operation in chosen.items():
        fields.answer(name, operation)
    if not fields.types:
        fields.answer_empty(chosen)
    fields.outputs.finish()
    definitions = {name: fields.definition(name, chosen[name]) for name in _own_words_first(chosen, fields.types)}
    draft.types[QUERY] = object_type(QUERY, (each for name, each in definitions.items() if setting.shows(name)))
    unexposed = {name: each for name, each in definitions.items() if not setting.shows(name)}
    return Built(
        draft=draft,
        endpoints=fields.endpoints,
        unexposed=unexposed,
        known=tuple(wanted),
        unusable=fields.unusable,
        operations=operations,
        responses=fields.responses,
        types=fields.types,
        schemes=frozenset(schemes(references)),
    )


def _own_words_first(operations: dict[str, Operation], names: Iterable[str]) -> list[str]:
    """Fields whose text speaks of another operation's `GET /path` come last: who looks for a path finds its own field first."""
    paths = {f"GET {each.path}" for each in operations.values()}

    def speaks_of_others(name: str) -> bool:
        said = {f"GET {path.rstrip('.,`')}" for path in _MENTION.findall(operations[name].description)}
        return not paths.isdisjoint(said - {f"GET {operations[name].path}"})

    return sorted(names, key=speaks_of_others)


class _Fields:
    """Root fields in the making: first what they answer, then, when all answers have their types, what they take."""

    def __init__(self, draft: Draft, setting: Setting) -> None:
        self._draft = draft
        self._setting = setting
        self._withheld: Withheld = withheld(draft.references, setting.filled_headers)
        self.outputs = Outputs(draft)
        self._inputs = Inputs(draft, self.outputs)
        self.types: dict[str, TypeNode] = {}
        self.endpoints: dict[str, Endpoint] = {}
        self.unusable: dict[str, str] = {}
        self.responses: dict[str, Response] = {}

    def answer(self, name: str, operation: Operation) -> None:
        """The type of a root field: nullable, whatever the document says (S5). Without one the field is left out (S3)."""
        response = success(self._draft.references, operation)
        type_ = self._type(operation, response) if response is not None else None
        if response is None or type_ is None:
            self.unusable[name] = _why(response)
            self._draft.fidelity.deviation(
                "OPERATION_OMITTED", operation.node.at, f"{operation.template} {self.unusable[name]}; it has no field."
            )
            return
        self.responses[name] = response
        self.types[name] = nullable(type_)

    def answer_empty(self, operations: Mapping[str, Operation]) -> None:
        """In a document where nothing answers data, what answers nothing becomes Boolean: it can at least be asked."""
        for name, operation in operations.items():
            response = success(self._draft.references, operation)
            if response is not None and response.kind == "empty":
                self.responses[name], self.types[name] = response, named("Boolean")
                del self.unusable[name]

    def _type(self, operation: Operation, response: Response) -> TypeNode | None:
        options = self._setting.options
        if response.kind == "json" and response.schema is not None:
            return self._answer_type(operation, response.schema)
        if response.kind == "text":
            return named("String")
        if response.kind == "binary" and options.binary == "base64":
            return named(self._draft.scalar("Base64"))
        if response.kind == "empty" and options.empty == "boolean":
            return named("Boolean")
        return None

    def _answer_type(self, operation: Operation, schema: Node) -> TypeNode:
        """What the lowest success says; by configuration, a union with other successes (S1) and refusals (S2)."""
        options, references = self._setting.options, self._draft.references
        others: dict[str, Node] = {}
        if options.responses == "union":
            others |= described(references, operation, is_success)
        if options.errors == "union":
            others |= described(references, operation, is_refusal)
        places = {self._draft.shapes.of(each).at: each for each in (schema, *others.values())}
        if len(places) < 2:
            return self.outputs.of(schema)
        return self.outputs.use(self._draft.shapes.either(tuple(places.values()), f"{operation.node.at}/responses"))

    def definition(self, name: str, operation: Operation) -> FieldDefinitionNode:
        draft, response = self._draft, self.responses[name]
        parameters = parameters_of(draft.references, operation, self._withheld, draft.fidelity)
        arguments = [self._inputs.argument(name, parameter) for parameter in parameters]
        base = base_url(draft.references, operation, self._setting.options, self._setting.url, self._setting.document_url)
        self.endpoints[name] = Endpoint(
            field=name,
            method=operation.method,
            base=base,
            path=operation.path,
            parameters=parameters,
            kind=response.kind,
            media=response.media,
            secrets=secrets_of(draft.references, operation, self._setting.options),
            not_found=operation.options.not_found,
            failures=frozenset(described(draft.references, operation, is_failure)),
            answers=self._answers(operation),
            result=self.types[name],
            types={argument.name.value: argument.type for argument in arguments},
            defaults=_path_defaults(draft, parameters),
            limits=_limits(draft, parameters),
        )
        self._origins(name, operation, response, parameters)
        description = operation.description
        if operation.id and operation.id != name:
            description = "\n\n".join(filter(None, (description, f"Source name: `{operation.id}`.")))
        return field(name, self.types[name], description, deprecated=operation.deprecated, arguments=arguments)

    def _answers(self, operation: Operation) -> frozenset[str]:
        """Refusals that are answers."""
        if self._setting.options.errors != "union":
            return frozenset()
        return frozenset(described(self._draft.references, operation, is_refusal))

    def _origins(self, name: str, operation: Operation, response: Response, parameters: Collection[Parameter]) -> None:
        fidelity = self._draft.fidelity
        method = operation.method if operation.method != "GET" else None
        media = response.media if response.media != "application/json" else None
        fidelity.origin(
            f"{QUERY}.{name}", "rest", method=method, path=operation.path, operationId=operation.id or None, media=media or None
        )
        for parameter in parameters:
            coordinate = f"{QUERY}.{name}({parameter.argument}:)"
            if parameter.argument != parameter.name:
                fidelity.origin(coordinate, "name", was=parameter.name)
            fidelity.origin(coordinate, "param", **_param(parameter))


def _param(parameter: Parameter) -> dict[str, Any]:
    said: dict[str, Any] = {"in_": parameter.place}
    if parameter.content:
        return said | {"media": parameter.content}
    said |= {"style": parameter.style, "explode": parameter.explode}
    return said | {"allowReserved": True} if parameter.reserved else said


def _path_defaults(draft: Draft, parameters: Collection[Parameter]) -> dict[str, Any]:
    found = {}
    for parameter in parameters:
        node = draft.references.follow(parameter.schema) if parameter.place == "path" else None
        if node is not None and isinstance(node.value, dict) and node.value.get("default") is not None:
            found[parameter.argument] = node.value["default"]
    return found


def _limits(draft: Draft, parameters: Collection[Parameter]) -> dict[str, int]:
    found = {}
    for parameter in parameters:
        node = draft.references.follow(parameter.schema)
        limit = node.value.get("maxItems") if node is not None and isinstance(node.value, dict) else None
        if isinstance(limit, int) and not isinstance(limit, bool) and limit > 0:
            found[parameter.argument] = limit
    return found


def _why(response: Response | None) -> str:
    if response is None:
        return "describes no success"
    if response.kind == "empty":
        return "answers nothing"
    return f"answers {response.media}, which is no data"
