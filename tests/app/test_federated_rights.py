"""Rights that federation subgraphs state in their own schemas, over HTTP: from a list of subgraphs and from a supergraph."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.app import settings_of
from gateway.app.front import street_of
from gateway.composition.joined import print_supergraph
from gateway.server.street import street
from tests.app.conftest import Service, opened
from tests.federated import together

SPEC = """extend schema @link(url: "https://specs.apollo.dev/federation/v2.9",
  import: ["@key", "@authenticated", "@requiresScopes", "@policy", "@shareable"])
"""
PEOPLE = (
    SPEC
    + """
type Query { people: [Person!] named: [Named!] open: Int }
interface Named { name: String }
type Person implements Named @key(fields: "id") { id: ID! name: String }
"""
)
PAY = (
    SPEC
    + """
type Person implements Named @key(fields: "id") {
  id: ID! salary: Int @requiresScopes(scopes: [["pay", "hr"], ["boss"]]) bank: String @policy(policies: [["banking"]]) seen: Int
}
interface Named @authenticated { seen: Int }
"""
)
MACHINERY = """
directive @link(url: String, import: [String]) on SCHEMA directive @key(fields: String) repeatable on OBJECT
directive @authenticated on INTERFACE directive @requiresScopes(scopes: [[String!]!]!) on FIELD_DEFINITION
directive @policy(policies: [[String!]!]!) on FIELD_DEFINITION directive @shareable on FIELD_DEFINITION
scalar _Any union _Entity = Person
"""
PERSON = {"__typename": "Person", "id": "1", "name": "Ada", "salary": 3, "bank": "B", "seen": 4}
CONFIG = """
version: 1
gateway:
  state: STATE
  callers:
    api_keys:
      - {name: anyone, key: "${env:ANYONE}"}
      - {name: payroll, key: "${env:PAYROLL}", scopes: [pay, hr], policies: [banking]}
      - {name: boss, key: "${env:BOSS}", scopes: [boss]}
owners:
  desk: {team: Desk, contact: {email: desk@example.com}}
  money: {team: Money, contact: {email: money@example.com}}
sources:
"""


def entities(_info: Any, representations: Any) -> list[Any]:
    return [PERSON for _ in representations]


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("anyone", "payroll", "boss"):
        monkeypatch.setenv(name.upper(), name)
    more = "extend type Query { _entities(representations: [_Any!]!): [_Entity]! }"
    people = Service(PEOPLE + MACHINERY + more, {"people": [PERSON], "named": [PERSON], "open": 1, "_entities": entities})
    pay = Service(PAY + MACHINERY + "type Query { _entities(representations: [_Any!]!): [_Entity]! }", {"_entities": entities})
    yield people, pay
    people.stop()
    pay.stop()


def listed(folder: Path, people: Service, pay: Service) -> str:
    (folder / "people.graphql").write_text(PEOPLE)
    (folder / "pay.graphql").write_text(PAY)
    return f"""
  - {{name: people, kind: federation, url: "{people.url}", schema: ./people.graphql, owner: desk}}
  - {{name: pay, kind: federation, url: "{pay.url}", schema: ./pay.graphql, owner: money}}
"""


def composed(folder: Path, people: Service, pay: Service) -> str:
    (folder / "all.graphql").write_text(print_supergraph(together(("people", PEOPLE), ("pay", PAY))))
    return f"""
  - name: all
    kind: supergraph
    schema: ./all.graphql
    owner: desk
    options:
      subgraphs: {{people: {{url: "{people.url}"}}, pay: {{url: "{pay.url}", owner: {{team: Money}}}}}}
"""


@asynccontextmanager
async def serving(written: str, folder: Path) -> AsyncIterator[Any]:
    config = folder / "gateway.yaml"
    config.write_text(CONFIG.replace("STATE", str(folder / "state")) + written)
    made = street_of(settings_of(config))
    async with opened(config) as house:
        transport = httpx.ASGITransport(app=street(house, made.front))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:

            async def ask(query: str, key: str | None = None) -> Any:
                headers = {"x-api-key": key} if key else {}
                return (await client.post("/graphql", json={"query": query}, headers=headers)).json()

            yield ask
    await made.close()


@pytest.mark.parametrize("way", [listed, composed])
async def test_what_a_subgraph_protects_is_read_by_who_may_and_refused_with_its_owner(
    way: Any, services: Any, tmp_path: Path
) -> None:
    async with serving(way(tmp_path, *services), tmp_path) as ask:
        query = "{ people { name salary bank } }"
        assert (await ask(query, "payroll"))["data"] == {"people": [{"name": "Ada", "salary": 3, "bank": "B"}]}
        boss = await ask(query, "boss")
        assert boss["data"] == {"people": [{"name": "Ada", "salary": 3, "bank": None}]}
        (error,) = boss["errors"]
        assert (error["path"], error["extensions"]["code"]) == (["people", 0, "bank"], "FORBIDDEN")
        assert (error["extensions"]["service"], error["extensions"]["owner"]["team"]) == ("pay", "Money")
        anyone = await ask(query, "anyone")
        assert anyone["data"] == {"people": [{"name": "Ada", "salary": None, "bank": None}]}
        assert {e["extensions"]["code"] for e in anyone["errors"]} == {"FORBIDDEN"}
        assert {e["extensions"]["code"] for e in (await ask(query))["errors"]} == {"UNAUTHENTICATED"}


@pytest.mark.parametrize("way", [listed, composed])
async def test_what_an_interface_asks_for_is_asked_of_the_types_behind_it(way: Any, services: Any, tmp_path: Path) -> None:
    async with serving(way(tmp_path, *services), tmp_path) as ask:
        assert (await ask("{ named { name seen } }", "anyone"))["data"] == {"named": [{"name": "Ada", "seen": 4}]}
        for query in ("{ named { name } open }", "{ people { name } open }", "{ people { seen } open }"):
            answer = await ask(query)
            assert answer["data"]["open"] == 1
            assert "Ada" not in json.dumps(answer["data"])
            assert {e["extensions"]["code"] for e in answer["errors"]} == {"UNAUTHENTICATED"}
