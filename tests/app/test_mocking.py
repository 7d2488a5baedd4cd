"""Sources played from their schemas: everything but the services is real."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.app import Development, House, Mocking, settings_of
from gateway.app.serving import Serving
from gateway.config.model import Settings
from gateway.config.problem import ConfigError

from .conftest import Configure, Service, ask
from .test_serving import serving

DEMO = Path(__file__).parents[2] / "config" / "demo.yaml"
BOOK = '{ book(id: "1") { id title author { id name } } }'


@asynccontextmanager
async def mocked(config: Path, only: Sequence[str] | None = None, seed: int = 1) -> AsyncIterator[House]:
    development = Development(mock=Mocking(only, seed))
    settings = await asyncio.to_thread(read, development, config)
    serving = Serving(settings, lambda: settings, wire=development.wire(settings))
    try:
        await serving.now.house.open()
        yield serving.now.house
    finally:
        await serving.close()


def read(development: Development, config: Path) -> Settings:
    return development.settings(settings_of(config))


async def answer(house: House, query: str) -> Any:
    found = await ask(house, query)
    assert "errors" not in found, found["errors"]
    return found["data"]


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nobody listens where its services should be."""
    monkeypatch.setenv("SIGNPOST_DEMO_STATE", str(tmp_path))
    for service in ("CATALOG", "ACCOUNTS", "REVIEWS"):
        monkeypatch.setenv(f"{service}_URL", "http://127.0.0.1:9")
    return DEMO


# ---------------------------------------------------------------- what is served


async def test_a_query_over_all_services_is_answered_without_any(demo: Path) -> None:
    query = """{ listProducts(limit: 4) { total items { id name price { amount currency }
        reviews { id rating productId author { id name } product { id name } } } } }"""
    async with mocked(demo) as house:
        data = await answer(house, query)
    products = data["listProducts"]["items"]
    assert [product["id"] for product in products] == [1, 2, 3, 4]
    reviews = [(product, review) for product in products for review in product["reviews"]]
    assert reviews
    for product, review in reviews:
        assert review["product"] == {"id": product["id"], "name": product["name"]}
        assert review["productId"] == str(product["id"])
        assert 1 <= review["rating"] <= 5


async def test_what_refers_to_one_another_is_found_from_both_sides(demo: Path) -> None:
    async with mocked(demo) as house:
        [review] = (await answer(house, "{ reviews(first: 1) { id author { id reviews { id } } } }"))["reviews"]
        assert review["id"] in [each["id"] for each in review["author"]["reviews"]]
        user = review["author"]["id"]
        alone = (await answer(house, f'{{ user(id: "{user}") {{ reviews {{ id }} }} }}'))["user"]
    assert alone["reviews"] == review["author"]["reviews"]


async def test_the_same_seed_gives_the_same_and_another_other_data(demo: Path) -> None:
    query = "{ listProducts(limit: 3) { items { name sku } } users(first: 3) { name city } }"
    answers = []
    for seed in (1, 1, 2):
        async with mocked(demo, seed=seed) as house:
            answers.append(await answer(house, query))
    assert answers[0] == answers[1] != answers[2]


async def test_only_some_are_played_and_the_others_called(configure: Configure, people: Service) -> None:
    async with mocked(configure(), ["books"]) as house:
        book = (await answer(house, BOOK))["book"]
        assert book["id"] == "1"
        assert people.asked.is_set()
        people.stop()
        [error] = (await ask(house, BOOK.replace('"1"', '"2"')))["errors"]
    assert error["extensions"]["code"] == "UPSTREAM_UNREACHABLE"


async def test_links_say_whose_keys_a_field_holds_whatever_a_prefix_calls_its_type(configure: Configure) -> None:
    config = configure()
    text = config.read_text().replace("owner: library}", "owner: library, prefix: {types: Lib_}}")
    config.write_text(text.replace("field: Book.author", "field: Lib_Book.author"))
    async with mocked(config) as house:
        books = [(await answer(house, f'{{ book(id: "{number}") {{ author {{ id }} }} }}'))["book"] for number in range(1, 9)]
    assert all(1 <= int(book["author"]["id"]) <= 48 for book in books)


FEDERATED = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key"])\n'
USERS = FEDERATED + 'type Query { me: User } type User @key(fields: "id") { id: ID! name: String! }'
POSTS = f"""{FEDERATED} type Query {{ posts: [Post!]! }} type Post {{ text: String! by: User! }}
type User @key(fields: "id") {{ id: ID! posts: [Post!]! }}"""


async def test_entities_of_federated_services_are_the_same_in_each(configure: Configure, tmp_path: Path) -> None:
    (tmp_path / "users.graphql").write_text(USERS)
    (tmp_path / "posts.graphql").write_text(POSTS)
    config = configure()
    head = config.read_text().partition("sources:")[0]
    sources = "".join(
        f"  - {{name: {name}, kind: federation, url: 'http://127.0.0.1:9/', schema: {name}.graphql, owner: library}}\n"
        for name in ("users", "posts")
    )
    config.write_text(f"{head}sources:\n{sources}")
    async with mocked(config) as house:
        posts = (await answer(house, "{ posts { text by { id name posts { text } } } }"))["posts"]
    assert all(post["by"]["name"] and post["by"]["posts"] for post in posts)


# ---------------------------------------------------------------- its documents


async def test_a_service_is_asked_once_for_its_schema_and_never_again(
    configure: Configure, books: Service, people: Service
) -> None:
    config = configure()
    async with mocked(config) as house:
        first = await answer(house, BOOK)
    books.stop()
    people.stop()
    async with mocked(config) as house:
        assert await answer(house, BOOK) == first
    assert not books.asked.is_set()


def test_a_service_that_is_down_and_left_no_copy_is_a_problem_with_its_way_out(configure: Configure, books: Service) -> None:
    config = configure()
    books.stop()
    with pytest.raises(ConfigError) as caught:
        read(Development(mock=Mocking(None, 1)), config)
    (problem,) = caught.value.problems
    assert (problem.code, problem.sources) == ("SCHEMA_MISSING", ("books",))
    assert "gateway schema pull" in (problem.fix or "")
    assert problem.mark is not None


def test_a_source_that_does_not_exist_cannot_be_played(configure: Configure) -> None:
    with pytest.raises(ConfigError) as caught:
        read(Development(mock=Mocking(["boks"], 1)), configure())
    (problem,) = caught.value.problems
    assert (problem.code, problem.fix) == ("CONFIG_UNKNOWN_SOURCE", "did you mean `books`?")


def test_the_commands_serve_it(demo: Path) -> None:
    with serving(demo, "--port", "0", "--seed", "3", verb="mock") as gateway:
        body = {"query": "subscription { reviewPublished { id product { name } } }"}
        with httpx.stream("POST", gateway.url, json=body, headers={"accept": "text/event-stream"}, trust_env=False) as live:
            event = next(line for line in live.iter_lines() if line.startswith("data: "))
        found = httpx.post(gateway.url, json={"query": "{ users(first: 2) { id name } }"}, trust_env=False).json()["data"]
    published = json.loads(event.removeprefix("data: "))["data"]["reviewPublished"]
    assert published["product"]["name"]
    assert [user["id"] for user in found["users"]] == ["1", "2"]
