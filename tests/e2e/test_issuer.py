"""Tokens of a real issuer: its keys are read over HTTP, change while the gateway runs, and are missing now and then."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwk, jwt

from .gateway import Inside, served
from .shop import configure, open_shop

FAR = 4_000_000_000
OLD, NEW, STRANGE = (jwk.ECKey.generate_key("P-256", {"kid": kid}) for kid in ("old", "new", "strange"))


class Issuer:
    """Publishes the public halves of its keys; None: it is down."""

    def __init__(self) -> None:
        self.keys: list[jwk.ECKey] | None = [OLD]
        issuer = self

        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                keys = issuer.keys
                self.send_response(200 if keys is not None else 503)
                self.end_headers()
                self.wfile.write(json.dumps({"keys": [key.as_dict(private=False) for key in keys or ()]}).encode())

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def token(self, key: jwk.ECKey, algorithm: str = "ES256", **claims: Any) -> str:
        about = {"iss": self.url, "aud": "shop", "exp": FAR, "sub": "ada"} | claims
        return jwt.encode({"alg": algorithm, "kid": key.kid}, about, key)


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    made = Issuer()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def front(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    """Only who is known is let in; keys are as old as a millisecond."""
    folder: Path = tmp_path_factory.mktemp("issuer")
    jwt_of = f'{{issuer: "{issuer.url}", jwks: "{issuer.url}/jwks.json", audience: shop, algorithms: [ES256], refresh: 1ms}}'
    with open_shop(folder, local=False) as shop:
        known = f"  limits: {{deadline: 30s}}\n  callers: {{required: true, jwt: [{jwt_of}]}}\n"
        with served(configure(shop, gateway=known)) as gateway:
            yield gateway


@pytest.fixture(autouse=True)
def as_it_was(front: Inside, issuer: Issuer) -> Iterator[None]:
    yield
    issuer.keys = [OLD]
    assert soon(front, issuer.token(OLD), "ok")


def asked(front: Inside, token: str | None) -> Any:
    """ok, or the code of the refusal."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    came = front.post("{ __typename }", **headers).json()
    return "ok" if "errors" not in came else came["errors"][0]["extensions"]["code"]


def soon(front: Inside, token: str, told: str) -> bool:
    """Keys are read again beside the requests, which have those from before until then."""
    return any(asked(front, token) == told for _ in range(500))


def test_a_token_of_the_issuer_lets_its_caller_in(front: Inside, issuer: Issuer) -> None:
    assert asked(front, issuer.token(OLD)) == "ok"
    assert asked(front, None) == "UNAUTHENTICATED"


def test_what_does_not_hold_does_not_let_in(front: Inside, issuer: Issuer) -> None:
    altered = issuer.token(OLD)[:-6] + "AAAAAA"
    refused = [
        issuer.token(STRANGE),
        issuer.token(OLD, aud="another"),
        issuer.token(OLD, exp=1_000_000_000),
        issuer.token(OLD, iss="http://elsewhere"),
        altered,
        "nonsense",
    ]
    assert [asked(front, token) for token in refused] == ["UNAUTHENTICATED"] * len(refused)


def test_a_key_that_is_new_is_accepted_and_one_that_is_withdrawn_no_more(front: Inside, issuer: Issuer) -> None:
    assert asked(front, issuer.token(NEW)) == "UNAUTHENTICATED"
    issuer.keys = [OLD, NEW]
    assert soon(front, issuer.token(NEW), "ok")
    assert asked(front, issuer.token(OLD)) == "ok"
    issuer.keys = [NEW]
    assert soon(front, issuer.token(OLD), "UNAUTHENTICATED")
    assert asked(front, issuer.token(NEW)) == "ok"


def test_while_the_issuer_is_down_its_keys_are_those_it_had(front: Inside, issuer: Issuer) -> None:
    assert asked(front, issuer.token(OLD)) == "ok"
    issuer.keys = None
    assert asked(front, issuer.token(OLD, sub="later")) == "ok"
    assert asked(front, issuer.token(NEW)) == "UNAUTHENTICATED"
