"""The nouns of composition: a `Link` with its `Binding`s, and the `Supergraph`, all subgraphs composed, immutable."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from graphql import DirectiveDefinitionNode, DocumentNode, GraphQLSchema, InputValueDefinitionNode, TypeNode, ValueNode

from gateway.composition.choices import Choices, Labels
from gateway.composition.graph import Graph
from gateway.config.problem import Problem
from gateway.sources.base import Batch, Subgraph
from gateway.sources.reach import Types


class Binding(msgspec.Struct, frozen=True):
    """What an argument of a link's target is given: a field path of the parent, an argument of the link field, or a constant."""

    argument: str
    path: tuple[str, ...] = ()
    from_argument: str | None = None
    constant: ValueNode | None = None


class Link(msgspec.Struct, frozen=True):
    """A join field stated in YAML: the only fields that are not an upstream's own. Typed as its target, but nullable."""

    type: str
    field: str
    subgraph: str
    via: str
    bindings: tuple[Binding, ...]
    result: TypeNode
    arguments: tuple[InputValueDefinitionNode, ...] = ()
    """The link field's own: target arguments that nothing binds, and those that `$args` names."""
    batch: Batch | None = None
    many: bool = False


class Supergraph(msgspec.Struct, frozen=True):
    """All subgraphs composed. `schema` is what clients see; `graph` is what planning searches."""

    schema: GraphQLSchema
    directives: tuple[DirectiveDefinitionNode, ...]
    types: Types
    """As clients see them."""
    subgraphs: Mapping[str, Subgraph]
    graph: Graph
    hints: tuple[Problem, ...] = ()
    whole_types: Types = {}
    """With what clients do not see."""
    whole: GraphQLSchema | None = None
    """The schema with what clients do not see; requirements may name it."""

    choices: Choices | None = None
    """Fields that move for some requests; None: there are none."""

    @property
    def document(self) -> DocumentNode:
        """All definitions that clients see."""
        return DocumentNode(definitions=(*self.directives, *self.types.values()))

    def chosen(self, labels: Labels) -> Supergraph:
        """This supergraph for requests that have these labels; `graph` is for those that have none."""
        return msgspec.structs.replace(self, graph=self.choices.graph(labels)) if self.choices and labels else self

    def owner_of(self, mutation: str) -> Subgraph | None:
        """The subgraph whose own schema has this mutation: where a refused write belongs."""
        return next((s for s in self.subgraphs.values() if mutation in s.refused), None)
