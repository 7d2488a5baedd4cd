"""A client's document, once: parsed, within limits, its operation chosen, valid; and how its variables are coerced."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    VariableDefinitionNode,
    VariableNode,
    get_variable_values,
    parse,
    validate,
)
from graphql.execution.values import VariableValuesOrErrors

from gateway.composition import Supergraph
from gateway.engine.cost import Estimate, estimate
from gateway.engine.limits import Limits, exceeded, has_more_tokens, within
from gateway.engine.nouns import NOTHING
from gateway.engine.store import Lru
from gateway.engine.withhold import Withheld
from gateway.errors import BadUserInput, OperationNotSupported, ParseFailed, RequestError, ValidationFailed
from gateway.execution.compile import Ready
from gateway.execution.incremental import Schedule
from gateway.execution.scalars import MISFIT, check_boolean, check_float, check_int, check_string
from gateway.planning.operation import bare, directives, first_items, flag_names
from gateway.sources.base import Selection
from gateway.sources.reach import written
from gateway.sources.report import shown_url

Variables = Mapping[str, Any]

VALIDATION_ERRORS = 50
VARIANTS = 32
INCREMENTAL = frozenset({"defer", "stream"})
KEEPS_SIBLINGS = "experimental_disableErrorPropagation"
"""The directive of an operation by which an error stays where it is, and its parent keeps its other fields."""


class Variant:
    """An operation compiled for certain values of its `@skip`/`@include` variables, and what of it the gateway answers itself."""

    __slots__ = ("introspection", "ready", "rules", "schedule", "tags", "withheld")

    def __init__(
        self,
        ready: Ready,
        introspection: Sequence[FieldNode],
        withheld: Withheld | None = None,
        rules: int = 0,
        schedule: Schedule | None = None,
    ) -> None:
        self.ready = ready
        self.introspection = introspection
        self.withheld = withheld
        self.rules = rules
        """What the sources it calls require of a caller, each as a whole."""
        self.schedule = schedule
        """When its parts come; None: it is answered at once."""
        self.tags = tuple(sorted({*(name.encode() for name in ready.plan.subgraphs), *_types(ready.plan.answer)}))
        """Its sources, and the types it gives."""


def _types(selection: Selection) -> Iterator[bytes]:
    for case in selection.cases:
        yield from (name.encode() for name in case.types if name != "Query")
        for field in case.fields:
            if field.selection is not None:
                yield from _types(field.selection)


class Document:
    """An operation of a valid document. `variants` are its compiled plans by the values of its `@skip`/`@include`
    variables, by which of `labels` the request has, and by what the caller lacks of `rules`.

    What was parsed is let go of once a plan is compiled, being a third of what is kept, and parsed again where it is needed."""

    __slots__ = (
        "_checks",
        "_counts",
        "_definitions",
        "_parsed",
        "_schema",
        "_text",
        "apart",
        "estimate",
        "flag_names",
        "hides",
        "kind",
        "labels",
        "name",
        "on_error",
        "refusal",
        "rules",
        "shown",
        "variants",
    )

    def __init__(self, schema: GraphQLSchema, text: str, node: DocumentNode, operation: OperationDefinitionNode) -> None:
        fragments = _fragments(node)
        self._text = text
        self.kind = operation.operation.value
        self.name = operation.name.value if operation.name else ""
        self._parsed: tuple[DocumentNode, OperationDefinitionNode] | None = (node, operation)
        self._definitions = tuple(bare(each) for each in operation.variable_definitions or ())
        self.refusal: RequestError | None = None
        self.apart = False
        """It is refused, subscribes, or may be answered in parts: what nearly no operation does."""
        self.flag_names = flag_names(operation, fragments)
        self._counts = tuple(bare(each) for each in first_items(operation, fragments))
        self.on_error = "null" if any(d.name.value == KEEPS_SIBLINGS for d in operation.directives or ()) else None
        """What its own directive says an error does; None: it says nothing."""
        self.shown = NOTHING
        """What every answer to it says beside its data."""
        self.hides = False
        """Names that are not there are never answered with those that are."""
        self.estimate: Estimate | None = None
        """What it may cost by its variables, where that is limited."""
        self.rules = 0
        """What its fields require of a caller."""
        self.labels: tuple[str, ...] = ()
        """Labels of overrides that decide who is asked for its fields."""
        self.variants: Lru[tuple[int, ...], Variant] = Lru(VARIANTS)
        self._schema = schema
        self._checks = _simple_checks(operation)

    @property
    def parsed(self) -> tuple[DocumentNode, OperationDefinitionNode]:
        """The document and its operation."""
        if self._parsed is not None:
            return self._parsed
        node = parse(self._text)
        return node, _choose(node, self.name or None)

    def let_go(self) -> None:
        self._parsed = None

    def flags(self, variables: Variables) -> tuple[int, ...]:
        return tuple([bool(variables.get(name)) for name in self.flag_names]) if self.flag_names else ()

    def counts(self, variables: Variables) -> dict[str, int]:
        """Variables that say how many items of a list come first. Raises `BadUserInput` where that is no such number."""
        found: dict[str, int] = {}
        for value in self._counts:
            name = value.name.value if isinstance(value, VariableNode) else ""
            count = variables.get(name, 0) if name else getattr(value, "value", None)
            if count is None or int(count) < 0:
                raise BadUserInput("The initialCount of @stream is how many items come first: a whole number, and not below 0.")
            if name:
                found[name] = count
        return found

    def coerce(self, given: Variables) -> Variables:
        """The variables as the schema has them, defaults filled in. Raises `BadUserInput` with every fault."""
        if self._checks is not None and (coerced := self._simple(given, self._checks)) is not None:
            return coerced
        result = self._coerced(given, self._definitions)
        if not isinstance(result, list):
            return result.coerced
        told = self._coerced(given, self.parsed[1].variable_definitions or ())  # with the places of what does not fit
        raise several(BadUserInput, told if isinstance(told, list) else result)

    def _coerced(self, given: Variables, definitions: Sequence[VariableDefinitionNode]) -> VariableValuesOrErrors:
        return get_variable_values(self._schema, definitions, dict(given), VALIDATION_ERRORS, hide_suggestions=self.hides)

    def _simple(self, given: Variables, checks: Sequence[tuple[str, Callable[[Any], Any]]]) -> Variables | None:
        """Scalars that are given and fit: what nearly every request has. Anything else is for graphql-core to judge."""
        coerced = {}
        for name, check in checks:
            value = check(given[name]) if name in given else MISFIT
            if value is MISFIT:
                return None
            coerced[name] = value
        return coerced


def _simple_checks(operation: OperationDefinitionNode) -> tuple[tuple[str, Callable[[Any], Any]], ...] | None:
    known = {"Int": check_int, "Float": check_float, "String": check_string, "ID": check_string, "Boolean": check_boolean}
    found = [(d.variable.name.value, known.get(written(d.type).rstrip("!"))) for d in operation.variable_definitions or ()]
    return tuple((name, check) for name, check in found if check) if all(check for _, check in found) else None


# ---------------------------------------------------------------- preparing


def prepare(supergraph: Supergraph, text: str, operation_name: str | None, limits: Limits) -> Document:
    """Raises `RequestError`: syntax, limits, no such operation, validation. A write is a refusal the document carries."""
    node = _parse(text, limits)
    operation = _choose(node, operation_name)
    kind, subscribes = operation.operation, supergraph.schema.subscription_type is not None
    document = Document(supergraph.schema, text, node, operation)
    if kind is OperationType.MUTATION or (kind is OperationType.SUBSCRIPTION and not subscribes):
        document.refusal, document.apart = _refusal(supergraph, operation), True
        return document
    within(operation, _fragments(node), limits)
    if faults := validate(supergraph.schema, node, max_errors=VALIDATION_ERRORS, hide_suggestions=not limits.suggestions):
        raise several(ValidationFailed, faults)
    document.apart = kind is OperationType.SUBSCRIPTION or any(
        d.name.value in INCREMENTAL for d in directives(operation, _fragments(node))
    )
    document.hides = not limits.suggestions
    document.estimate = estimate(supergraph, operation, _fragments(node), limits)
    return document


def _parse(text: str, limits: Limits) -> DocumentNode:
    try:
        return parse(text, max_tokens=limits.tokens or None)
    except GraphQLSyntaxError as fault:
        if limits.tokens and has_more_tokens(text, limits.tokens):
            raise exceeded("tokens", limits.tokens, limits.tokens + 1) from None
        raise _located(ParseFailed, fault) from None
    except RecursionError:
        raise ParseFailed("The document is nested too deeply to be read.") from None


def _choose(node: DocumentNode, name: str | None) -> OperationDefinitionNode:
    operations = [d for d in node.definitions if isinstance(d, OperationDefinitionNode)]
    named = [o for o in operations if o.name is not None and o.name.value == name] if name else operations
    if not operations:
        raise BadUserInput("The document has no operation.")
    if not named:
        raise BadUserInput(f'The document has no operation named "{name}".')
    if len(named) > 1 and not name:
        raise BadUserInput("The document has several operations: say which with operationName.")
    return named[0]


def _refusal(supergraph: Supergraph, operation: OperationDefinitionNode) -> RequestError:
    """Decided before validation: the gateway only reads, and says where writes belong."""
    kind = operation.operation.value
    first = next((s.name.value for s in operation.selection_set.selections if isinstance(s, FieldNode)), "")
    owning = supergraph.owner_of(first) if kind == "mutation" else None
    if owning is None:
        refusal = OperationNotSupported(f"This gateway only reads: a {kind} is never executed.")
    else:
        where = shown_url(owning.url)
        said = f"This gateway only reads: send the mutation {first} to the service {owning.name} itself, at {where}."
        refusal = OperationNotSupported(said, url=where)
        refusal.service = owning.name
    return refusal


# ---------------------------------------------------------------- errors of graphql-core


def several(kind: type[RequestError], faults: Sequence[GraphQLError]) -> RequestError:
    """One error that carries the rest: a client is told everything at once, and each thing once."""
    told: dict[str, RequestError] = {}
    for error in (_located(kind, fault) for fault in faults):
        same = told.setdefault(error.message, error)
        same.locations = same.locations if same is error else (*same.locations, *error.locations)
    first, *others = told.values()
    first.others = tuple(others)
    return first


def _located(kind: type[RequestError], fault: GraphQLError) -> RequestError:
    error = kind(fault.message)
    error.locations = tuple({"line": at.line, "column": at.column} for at in fault.locations or ())
    return error


def _fragments(node: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    return {d.name.value: d for d in node.definitions if isinstance(d, FragmentDefinitionNode)}
