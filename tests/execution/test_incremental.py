"""An answer in parts, put together, is the answer; and what comes first does not wait for what may come later."""

from __future__ import annotations

import asyncio
import re
from random import Random
from typing import Any

import msgspec
from graphql import (
    FieldNode,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_nullable_type,
    is_list_type,
    parse,
    print_ast,
    validate,
    visit,
)
from hypothesis import given, note
from hypothesis import strategies as st

from gateway.engine import Engine, Form
from gateway.upstream.call import Call, Reply
from tests.execution.agreement import UNLIMITED
from tests.execution.choices import Choices, bounded
from tests.execution.test_federation import accounts, part, scores, users
from tests.execution.test_federation import shop as goods
from tests.execution.test_joins import LINKS, World
from tests.federated import a_gateway
from tests.graphs import an_engine, ask, shop
from tests.incremental import merged, merged_by_path, parts

Node = Any


class Slow:
    """Around a service: each call of it takes its own number of turns of the loop."""

    def __init__(self, service: Any, turns: Any) -> None:
        self._send = service.send
        self._turns = turns
        service.send = self

    async def __call__(self, call: Call) -> Reply:
        reply: Reply = await self._send(call)
        for _ in range(self._turns()):
            await asyncio.sleep(0)
        return reply


def worlds(choices: Choices) -> tuple[Engine, str]:
    """A gateway whose services answer in any order, and a query of it."""
    number = choices.below(5)
    links: Any = ()
    if number == 0:
        world = World(choices)
        services: list[Any] = world.services()
        for row in world.parents:
            row["key"] = None if row["key"] == "bad" else row["key"]
        links, query = LINKS, world.query()
    elif number == 1:
        services, links = shop()
        query = """{ products(first: 4) {
            id name reviews { stars author { name again: email } product { price reviews { id } } } }
            me { id name } users { email } }"""
    elif number == 2:
        services, query = [*goods()], '{ products { name light grams weight(in: "g") sku } again: products { light } }'
    elif number == 3:
        services, query = [users(), scores()], "{ me { name score level } users { id score } other: me { level } }"
    else:
        services = [*accounts()] if choices.chance(50) else [part("a", 1), part("b", 10)]
        query = "{ accounts { __typename name ... on Admin { rights id } ... on Guest { until } } }"
        if services[0].name == "a":
            query = "{ items { id a { value } b { value } } again: items { b { value } } }"
    turns = Random(choices.below(10_000))  # within an execution nothing is drawn: that may end it
    for service in services:
        Slow(service, lambda: turns.randrange(4))
    engine = an_engine(services, links) if number in (0, 1) else a_gateway(*services)
    engine.limits = UNLIMITED
    return engine, query


def deferring(choices: Choices, query: str) -> str:
    """The query with `@defer` around any of its selections, at any depth, some of them twice."""

    def within(selections: SelectionSetNode) -> SelectionSetNode:
        made: list[SelectionNode] = []
        for node in selections.selections:
            inner = getattr(node, "selection_set", None)
            changed = _with(node, within(inner)) if inner is not None else node
            if choices.chance(30):
                label = 'label: "L"' if choices.chance(70) else ""
                condition = choices.of(("", "", "", "if: $yes", "if: $no", "if: true"))
                arguments = ", ".join(filter(None, (label, condition)))
                made.append(_fragment(f"... @defer({arguments}) {{ a }}" if arguments else "... @defer { a }", changed))
                if choices.chance(20):
                    made.append(_fragment("... { a }", changed) if choices.chance(50) else _fragment("... @defer { a }", changed))
            else:
                made.append(changed)
        return SelectionSetNode(selections=tuple(made))

    (operation,) = parse(query, no_location=True).definitions
    assert isinstance(operation, OperationDefinitionNode)
    numbers = iter(range(10_000))
    body = re.sub('"L"', lambda _: f'"L{next(numbers)}"', print_ast(within(operation.selection_set)))
    return f"query ($yes: Boolean! = true, $no: Boolean! = false) {body}" if "$" in body else f"query {body}"


def streaming(choices: Choices, query: str, schema: GraphQLSchema) -> str:
    """The query with `@stream` on any of its lists that may have it."""
    info = TypeInfo(schema)
    places: list[int] = []

    class Lists(Visitor):
        def enter_field(self, node: FieldNode, *_: Any) -> None:
            kind = info.get_type()
            if kind is not None and is_list_type(get_nullable_type(kind)):
                at = node.selection_set or node
                assert at.loc is not None
                places.append(at.loc.end if at is node else at.loc.start)

    visit(parse(query), TypeInfoVisitor(info, Lists()))
    for place in sorted(places, reverse=True):
        if choices.chance(40):
            condition = choices.of(("", "", ", if: true", ", if: false"))
            made = f"{query[:place]} @stream(initialCount: {choices.below(3)}{condition}) {query[place:]}"
            query = made if not validate(schema, parse(made)) else query
    return query


def _with(node: Node, selections: SelectionSetNode) -> Node:
    members = {key: getattr(node, key) for key in node.keys if key != "loc"}
    return type(node)(**{**members, "selection_set": selections})


def _fragment(text: str, node: Node) -> Node:
    (operation,) = parse(f"{{ {text} }}", no_location=True).definitions
    assert isinstance(operation, OperationDefinitionNode)
    (fragment,) = operation.selection_set.selections
    assert isinstance(fragment, InlineFragmentNode)
    return _with(fragment, SelectionSetNode(selections=(node,)))


def used(query: str) -> str:
    """Without variables that nothing uses."""
    head, _, body = query.partition("{")
    if "(" not in head:
        return query
    wanted = [text for name, text in (("$yes", "$yes: Boolean! = true"), ("$no", "$no: Boolean! = false")) if name in body]
    return f"query ({', '.join(wanted)}) {{{body}"


@bounded(50)
@given(st.data())
def test_an_answer_in_parts_put_together_is_the_answer(data: st.DataObject) -> None:
    choices = Choices(data.draw)
    engine, plain = worlds(choices)
    query = streaming(choices, used(deferring(choices, plain)), engine.supergraph.schema)
    note(query)

    async def both() -> None:
        whole = await ask(engine, query)
        assert whole["data"] == (await ask(engine, plain))["data"]
        for form, put_together in ((Form.CURRENT, merged), (Form.APOLLO, merged_by_path)):
            payloads = await parts(engine, query, form=form)
            note("\n".join(msgspec.json.encode(each).decode() for each in payloads))
            assert put_together(payloads)["data"] == whole["data"]

    asyncio.run(both())
