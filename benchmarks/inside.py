"""The gateway without a wire: configuration, onion, planning and execution as they are, over services that answer from memory.

What is left is the gateway's own work, so that it can be counted in CPU time or instructions, whatever else the machine does.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from benchmarks.posts import user, users_bytes
from gateway.app import engine_of, settings_of, supergraph
from gateway.app.line import Line, lines
from gateway.app.loading import load_all
from gateway.config.model import Settings
from gateway.engine import Asked, Engine
from gateway.engine.watched import Keep
from gateway.upstream.call import Call, Reply, Request

POSTS_DOCUMENT = Path(__file__).with_name("posts.openapi.json")
QUERY = "query Posts($page: Int) { posts(page: $page) { id userId title user { id name email } } }"
JSON = {"content-type": "application/json"}
AUTHORS_PER_POST = 10

CONFIG = """
version: 1
gateway:
  state: {state}
  owner: {{team: Benchmarks, contact: {{email: bench@example.com}}}}
  limits: {{upstream_calls_total: 5000}}
owners: {{blog: {{team: Blog, contact: {{email: blog@example.com}}}}}}
defaults: {{cache: {cache}}}
sources:
  - name: blog
    kind: openapi
    url: http://127.0.0.1:1
    schema: {posts}
    owner: blog
    lookups: [{{type: User, key: id, via: user, arg: id, batch: {{via: users, arg: id, key: id, max: 100}}}}]
{others}
links:
  - {{field: Post.user, to: blog.user, with: {{id: $userId}}}}
"""
OTHER = "  - {{name: {name}, kind: graphql, url: 'http://127.0.0.1:1', schema: {file}, owner: blog}}"


class Blog:
    """The service behind the posts: any page has these many rows, by a tenth as many authors."""

    def __init__(self, rows: int, fresh: bool = False) -> None:
        self.posts = json.dumps([_post(number, max(1, rows // AUTHORS_PER_POST)) for number in range(rows)]).encode()
        self.users: dict[str, bytes] = {}
        self.headers = JSON | ({"cache-control": "max-age=3600"} if fresh else {})

    async def send(self, call: Call) -> Reply:
        return Reply(200, self.headers, self.posts if "/posts" in call.url else self._users(call.url))

    def _users(self, url: str) -> bytes:
        """Kept by URL: putting them together is no work of the gateway's."""
        if url not in self.users:
            self.users[url] = users_bytes(int(part.partition("=")[2]) for part in url.partition("?")[2].split("&"))
        return self.users[url]


async def engine(
    rows: int = 100,
    *,
    types: int = 0,
    sources: int = 0,
    stored: bool = False,
    telemetry: str = "{}",
    account: Callable[[Settings], Keep | None] = lambda _: None,
) -> Engine:
    """`types` more object types in the schema, spread over `sources` more sources; `stored`: answers may be kept. `account`: to
    whom every operation is told, by settings with this `telemetry`."""
    blog = Blog(rows, fresh=stored)
    with tempfile.TemporaryDirectory() as folder:
        config = _config(Path(folder), types, sources, stored)
        config.write_text(f"{config.read_text()}\ntelemetry: {telemetry}\n")
        settings = settings_of(config)
        ready = {line.source.name: replace(line, sends=_inside(line, blog)) for line in lines(settings)}
        whole = supergraph(settings, await load_all(ready.values()))
        return engine_of(settings, whole, keep=account(settings))


def asked(number: int, document: str = QUERY) -> Asked:
    return Asked(document, Request(id="req_0123456789", headers={"accept": "application/json"}), {"page": number})


def expected(rows: int) -> dict[str, Any]:
    """The response to `QUERY`, from the data alone."""
    authors = max(1, rows // AUTHORS_PER_POST)
    people = {number: {key: user(number)[key] for key in ("id", "name", "email")} for number in range(1, authors + 1)}
    posts = [_post(number, authors) for number in range(rows)]
    shown = [{key: post[key] for key in ("id", "userId", "title")} | {"user": people[post["userId"]]} for post in posts]
    return {"data": {"posts": shown}}


async def check(engine: Engine, rows: int) -> None:
    """Raises `RuntimeError` unless the answer is what the data gives: nothing wrong is worth being timed."""
    body = (await engine.answer(asked(0))).body
    if json.loads(body) != expected(rows):
        raise RuntimeError(f"wrong answer for {rows} rows: {body[:500]!r}")


def _inside(line: Line, blog: Blog) -> Any:
    return replace(line.sends, data=line.sends.around(blog.send))


def _config(folder: Path, types: int, sources: int, stored: bool) -> Path:
    others = [_other(folder, number, types // sources) for number in range(sources)]
    config = folder / "gateway.yaml"
    cache = "{ttl: from_upstream}" if stored else "off"
    config.write_text(CONFIG.format(state=folder / "state", posts=POSTS_DOCUMENT, cache=cache, others="\n".join(others)))
    return config


def _other(folder: Path, source: int, types: int) -> str:
    """A source with that many types, each behind a root field of its own, each pointing to the next."""
    names = [f"Thing{source}x{number}" for number in range(max(1, types))]
    root = " ".join(f"{name.lower()}: {name}" for name in names)
    following = dict(zip(names, [*names[1:], names[0]], strict=True))
    objects = "\n".join(f"type {name} {{ id: ID! name: String size: Int next: {following[name]} }}" for name in names)
    file = folder / f"other{source}.graphql"
    file.write_text(f"type Query {{ {root} }}\n{objects}\n")
    return OTHER.format(name=f"other{source}", file=file)


def _post(number: int, authors: int) -> Mapping[str, Any]:
    words = f"amber bridge copper delta {number}"
    return {"id": number, "userId": number % authors + 1, "title": words, "body": f"{words} {words} {words}"}
