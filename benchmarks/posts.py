"""The data of the comparison: pages of 100 posts by 10 users, and what the query must answer.

Each page has users of its own, so that two requests for different pages share no upstream call at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from random import Random
from typing import Any

PAGES = 500
POSTS = 100
AUTHORS = 10
WORDS = (
    "amber", "bridge", "copper", "delta", "engine", "field", "garden", "harbour", "island", "junction", "kernel", "ladder",
    "meadow", "north", "orbit", "paper", "quarry", "river",
)  # fmt: skip
QUERY = "query Posts($page: Int) { posts(page: $page) { id userId title user { id name email } } }"


def page(number: int) -> list[dict[str, Any]]:
    """Any number is a page; they repeat after `PAGES`."""
    number %= PAGES
    random = Random(number)
    return [_post(random, number * POSTS + n + 1, number * AUTHORS + n % AUTHORS + 1) for n in range(POSTS)]


def user(number: int) -> dict[str, Any]:
    name = f"{WORDS[number % len(WORDS)].title()} {WORDS[number // len(WORDS) % len(WORDS)].title()} {number}"
    contact = {"email": f"user{number}@example.com", "phone": f"+43 316 {number:06}", "website": f"https://u{number}.example.com"}
    return {"id": number, "name": name, "username": f"user{number}"} | contact


def answer(number: int) -> dict[str, Any]:
    """The response to `QUERY` with this page."""

    def shown(author: int) -> dict[str, Any]:
        return {key: value for key, value in user(author).items() if key in ("id", "name", "email")}

    rows = [{key: post[key] for key in ("id", "userId", "title")} | {"user": shown(post["userId"])} for post in page(number)]
    return {"data": {"posts": rows}}


@cache
def page_bytes(number: int) -> bytes:
    return json.dumps(page(number)).encode()


def users_bytes(numbers: Iterable[int]) -> bytes:
    return b"[" + b",".join(_user_bytes(number) for number in numbers) + b"]"


@cache
def _user_bytes(number: int) -> bytes:
    return json.dumps(user(number)).encode()


def _post(random: Random, number: int, author: int) -> dict[str, Any]:
    return {
        "id": number,
        "userId": author,
        "title": " ".join(random.choices(WORDS, k=6)),
        "body": " ".join(random.choices(WORDS, k=25)),
    }
