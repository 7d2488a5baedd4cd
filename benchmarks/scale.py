"""How large a graph may be: subgraphs are generated, read from SDL text, composed, and a query over many of them is planned.

    python -m benchmarks.scale [--subgraphs 100] [--types 3000]

Prints a table and writes `benchmarks/results/scale.json`. Seconds are of CPU, so other work on the machine does not count.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from graphql import Visitor, parse, visit

from gateway.composition import Supergraph, compose
from gateway.config.model import Schema, Source
from gateway.engine import Limits
from gateway.engine.document import prepare
from gateway.errors import Owner
from gateway.planning.operation import normalise
from gateway.planning.plan import Plan
from gateway.planning.planner import plan
from gateway.sources.base import Subgraph
from gateway.sources.document import Document
from gateway.sources.federation import subgraph
from gateway.sources.graphql.prepare import Post
from gateway.upstream.call import Call, HeaderRules, Reply

RESULTS = Path(__file__).parent / "results" / "scale.json"
LINK = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key"])'
OWN = "a{k}: String b{k}: Int c{k}: Float d{k}: Boolean e{k}: String"
UNLIMITED = Limits(depth=0, upstream_calls=0, tokens=0, aliases=0, root_fields=0)
BOUNDS = {"from_text_s": 10.0, "peak_mb": 1024.0, "plan_ms": 150.0}
"""What the largest graph of these sizes must keep to."""


def sdls(subgraphs: int, types: int) -> Iterator[str]:
    """Each subgraph owns its share of the entities; each entity leads to two others, mostly of other subgraphs, and is extended
    by those that lead to it. Nine to ten fields to an entity."""
    share = types // subgraphs
    for number in range(subgraphs):
        bodies: dict[int, list[str]] = {}
        roots = []
        for k in range(number * share, (number + 1) * share):
            near, far = (k + 31) % types, (k * 7 + 13) % types
            own = OWN.format(k=k) + f" far{k}: E{far} near{k}(first: Int): [E{near}!]!"
            bodies.setdefault(k, []).append(own)
            for other in {near, far} - set(range(number * share, (number + 1) * share)):
                bodies.setdefault(other, []).append(f"x{number}_{k}: String")
            roots.append(f"e{k}(id: ID!): E{k}")
        entities = (f'type E{k} @key(fields: "id") {{ id: ID! {" ".join(fields)} }}' for k, fields in bodies.items())
        yield "\n".join([LINK, *entities, f"type Query {{ {' '.join(roots)} }}"])


async def silent(call: Call) -> Reply:
    raise AssertionError(f"nobody is asked: {call.operation}")


def read(sdl: str, number: int) -> Subgraph:
    url = f"http://s{number}.example.com/graphql"
    owner = Owner(f"Team {number}", url, {"email": f"s{number}@example.com"})
    source = Source(name=f"s{number}", kind="federation", url=url, owner=owner, schema_=Schema.model_construct(from_="x.graphql"))
    return subgraph(source, Document(sdl.encode(), f"s{number}.graphql"), Post(url, HeaderRules()), silent)


def selection(supergraph: Supergraph, k: int, types: int, depth: int) -> str:
    """An entity: fields of its own, fields of those that extend it, and the two it leads to."""
    kind: Any = supergraph.schema.type_map[f"E{k}"]
    more = [name for name in kind.fields if name.startswith("x")][:4]
    text = " ".join(["id", f"a{k}", f"b{k}", f"c{k}", *more])
    if not depth:
        return text
    far, near = (k * 7 + 13) % types, (k + 31) % types
    below = (selection(supergraph, other, types, depth - 1) for other in (far, near))
    return f"{text} far{k} {{ {next(below)} }} near{k}(first: 3) {{ {next(below)} }}"


def query(supergraph: Supergraph, types: int) -> str:
    first, second = 5 % types, 700 % types
    return (
        f"{{ e{first}(id: 1) {{ {selection(supergraph, first, types, 3)} }}"
        f" e{second}(id: 1) {{ {selection(supergraph, second, types, 3)} }} }}"
    )


def planned(supergraph: Supergraph, text: str) -> Plan:
    document = prepare(supergraph, text, None, UNLIMITED)
    return plan(normalise(supergraph.schema, *document.parsed, {}), supergraph)


def measure(subgraphs: int, types: int) -> Mapping[str, float]:
    texts = list(sdls(subgraphs, types))
    reading, loaded = timed(lambda: [read(text, number) for number, text in enumerate(texts)])
    composing, supergraph = timed(lambda: compose(loaded))
    text = query(supergraph, types)
    document = prepare(supergraph, text, None, UNLIMITED)
    normal, operation = timed(lambda: normalise(supergraph.schema, *document.parsed, {}))
    cold, made = timed(lambda: plan(operation, supergraph))
    fields = sum(len(getattr(kind, "fields", ())) for kind in supergraph.schema.type_map.values())
    return {
        "subgraphs": subgraphs,
        "types": sum(name.startswith("E") for name in supergraph.schema.type_map),
        "fields": fields,
        "read_s": round(reading, 2),
        "compose_s": round(composing, 2),
        "from_text_s": round(reading + composing, 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "selections": count(text),
        "subgraphs_asked": len(made.subgraphs),
        "fetches": len(made.steps),
        "plan_ms": round((normal + cold) * 1000, 1),
    }


def count(text: str) -> int:
    """Fields selected, at any depth."""
    found = 0

    class Fields(Visitor):
        def enter_field(self, *_: Any) -> None:
            nonlocal found
            found += 1

    visit(parse(text), Fields())
    return found


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.process_time()
    result = work()
    return time.process_time() - began, result


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description="A generated graph, composed and planned.")
    parser.add_argument("--subgraphs", type=int, default=100)
    parser.add_argument("--types", type=int, default=3000)
    given = parser.parse_args()
    found = measure(given.subgraphs, given.types)
    for name, value in found.items():
        bound = f"  (at most {BOUNDS[name]:g})" if name in BOUNDS else ""
        print(f"{name:16} {value:>10}{bound}")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=2) + "\n")
    return int(any(found[name] > bound for name, bound in BOUNDS.items()))


if __name__ == "__main__":
    raise SystemExit(main())
