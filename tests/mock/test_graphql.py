"""A GraphQL service played from its types: whatever is valid is answered with what the types allow."""

from graphql import build_schema, parse, validate

from gateway.mock.graphql import Body, GraphQLMock, kinds_of
from gateway.mock.world import POOL, World

SDL = """
type Query {
  product(id: ID!): Product
  products(first: Int, after: String, color: Color): ProductConnection!
  list(ids: [ID!]!, limit: Int): [Product!]!
  node(id: ID!): Node
  search(text: String!): [Hit!]!
  settings: Settings!
  _entities(representations: [_Any!]!): [_Entity]!
}
interface Node { id: ID! }
type Product implements Node {
  id: ID! name: String! color: Color! price: Money! madeBy: Maker! related: [Product!]! tags: [String!]!
  "From 1 to 3."
  size: Int!
  "Such as `X-1` or so."
  label: String!
  when: DateTime! parent: Product
}
type Maker implements Node { id: ID! name: String! products(first: Int): [Product!]! }
type Money { amount: Float! currency: String! }
type Settings { theme: String! limits: [Int!]! }
enum Color { RED BLUE }
union Hit = Product | Maker | Settings
union _Entity = Product | Maker
scalar DateTime
scalar _Any
type ProductConnection { edges: [ProductEdge!]! nodes: [Product!]! pageInfo: PageInfo! totalCount: Int! }
type ProductEdge { cursor: String! node: Product! }
type PageInfo { hasNextPage: Boolean! hasPreviousPage: Boolean! endCursor: String }
"""
SCHEMA = build_schema(SDL)


def ask(query, seed=1, **variables):
    assert validate(SCHEMA, parse(query)) == []
    world = World(seed)
    for kind in kinds_of(SCHEMA, {}):
        world.learn(kind)
    answer = GraphQLMock(SCHEMA, world, {}).answer(Body(query, variables))
    assert "errors" not in answer, answer
    return answer["data"]


PRODUCT = """{ id name color price { amount currency } madeBy { id name } related { id } tags size label when parent { id } }"""


def test_the_same_question_has_the_same_answer_and_another_seed_another():
    assert ask(f"{{ product(id: 3) {PRODUCT} }}") == ask(f"{{ product(id: 3) {PRODUCT} }}")
    assert ask("{ product(id: 3) { name label } }") != ask("{ product(id: 3) { name label } }", seed=2)


def test_a_row_is_the_same_wherever_it_is_reached():
    own = ask(f"{{ product(id: 3) {PRODUCT} }}")["product"]
    assert own["id"] == "3"
    assert ask(f"{{ list(ids: [3]) {PRODUCT} }}")["list"] == [own]
    assert ask(f"{{ products(first: 3) {{ nodes {PRODUCT} }} }}")["products"]["nodes"][2] == own
    entity = {"__typename": "Product", "id": "3"}
    query = f"query($r: [_Any!]!) {{ _entities(representations: $r) {{ ... on Product {PRODUCT} }} }}"
    assert ask(query, r=[entity])["_entities"] == [own]


def test_rows_inside_rows_are_rows_of_their_own():
    made_by = ask(f"{{ product(id: 3) {PRODUCT} }}")["product"]["madeBy"]
    query = "query($r: [_Any!]!) { _entities(representations: $r) { ... on Maker { id name } } }"
    assert ask(query, r=[{"__typename": "Maker", "id": made_by["id"]}])["_entities"] == [made_by]


def test_connections_page_until_there_is_no_more():
    rest = "pageInfo { hasNextPage hasPreviousPage endCursor } totalCount"
    query = f"query($after: String) {{ products(first: 20, after: $after) {{ edges {{ cursor node {{ id }} }} {rest} }} }}"
    seen, after = [], None
    for _ in range(10):
        page = ask(query, after=after)["products"]
        seen += [edge["node"]["id"] for edge in page["edges"]]
        assert page["edges"][-1]["cursor"] == page["pageInfo"]["endCursor"] or not page["pageInfo"]["hasNextPage"]
        assert page["totalCount"] == POOL
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert len(seen) == len(set(seen)) == POOL


def test_an_argument_named_like_a_field_chooses():
    assert {each["color"] for each in ask("{ products(color: BLUE) { nodes { color } } }")["products"]["nodes"]} == {"BLUE"}


def test_lists_have_what_is_asked_for_and_never_too_much():
    assert len(ask("{ products(first: 2) { nodes { id } } }")["products"]["nodes"]) == 2
    assert ask("{ products(first: 0) { nodes { id } } }")["products"]["nodes"] == []
    assert len(ask("{ product(id: 1) { madeBy { products(first: 1) { id } } } }")["product"]["madeBy"]["products"]) == 1


def test_unions_and_interfaces_say_what_they_are():
    hits = ask('{ search(text: "x") { __typename ... on Product { id name } ... on Maker { id } ... on Settings { theme } } }')
    assert {hit["__typename"] for hit in hits["search"]} <= {"Product", "Maker", "Settings"}
    for number in range(8):
        node = ask(f"{{ node(id: {number + 1}) {{ __typename id ... on Product {{ name }} ... on Maker {{ name }} }} }}")["node"]
        assert node["id"] == str(number + 1)
        assert node["name"]


def test_descriptions_say_what_is_usual():
    assert all(1 <= ask(f"{{ product(id: {number}) {{ size }} }}")["product"]["size"] <= 3 for number in range(1, 20))
    assert ask("{ product(id: 1) { label } }")["product"]["label"][1] == "-"


def test_what_the_service_was_told_of_a_row_is_kept():
    query = "query($r: [_Any!]!) { _entities(representations: $r) { ... on Product { id price { amount currency } } } }"
    told = {"__typename": "Product", "id": "3", "price": {"amount": 7.5, "currency": "XXX"}}
    assert ask(query, r=[told])["_entities"] == [{"id": "3", "price": {"amount": 7.5, "currency": "XXX"}}]


def test_a_text_that_is_no_graphql_is_refused_as_a_service_would():
    assert "errors" in GraphQLMock(SCHEMA, World(1), {}).answer(Body("{"))
