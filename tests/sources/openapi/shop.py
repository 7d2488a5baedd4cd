"""A shop of 1 000 orders on loopback: counts what it is asked, and how many calls are open at once."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

ORDERS = 1_000
BUYERS = 250
DOCUMENT = """
openapi: 3.1.0
paths:
  /orders:
    get:
      operationId: listOrders
      parameters: [{name: count, in: query, schema: {type: integer}}]
      responses: {200: {content: {application/json: {schema: {type: array, items: {$ref: '#/components/schemas/Order'}}}}}}
  /orders/{id}:
    get:
      operationId: getOrder
      parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
      responses:
        200:
          content: {application/json: {schema: {$ref: '#/components/schemas/Order'}}}
          links:
            boughtBy: {operationId: getBuyer, parameters: {id: $response.body#/buyerId}}
            sum: {operationId: getBuyer, parameters: {id: $response.body#/buyerId}}
            named: {operationId: getBuyer, parameters: {id: $response.body#/note}}
  /buyers/{id}:
    get:
      operationId: getBuyer
      parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
      responses: {200: {content: {application/json: {schema: {$ref: '#/components/schemas/Buyer'}}}}}
  /buyers:
    get:
      operationId: listBuyers
      parameters:
        - {name: ids, in: query, explode: false, schema: {type: array, items: {type: integer}}}
        - {name: limit, in: query, schema: {type: integer}}
        - {name: cursor, in: query, schema: {type: string}}
        - {name: offset, in: query, schema: {type: integer}}
        - {name: page, in: query, schema: {type: integer}}
      responses: {200: {content: {application/json: {schema: {$ref: '#/components/schemas/Buyers'}}}}}
components:
  schemas:
    Order:
      type: object
      required: [id, buyerId]
      properties: {id: {type: integer}, buyerId: {type: integer}, note: {type: string}, sum: {type: number}}
    Buyer: {type: object, required: [id], properties: {id: {type: integer}, name: {type: string}, first-name: {type: string}}}
    Buyers:
      type: object
      properties: {row-items: {type: array, items: {$ref: '#/components/schemas/Buyer'}}, next-one: {type: string}}
"""


class Shop:
    """`asked` are the paths it was asked for; `most` the calls that were open at the same time. `pages`: how it pages."""

    def __init__(self, pages: str = "", size: int = 100, endless: bool = False) -> None:
        self.asked: list[str] = []
        self.open = self.most = 0
        self.pages, self.size, self.endless = pages, size, endless
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def calls(self, path: str) -> list[str]:
        return [asked for asked in self.asked if asked.startswith(path)]

    def answer(self, target: str) -> tuple[int, Any, dict[str, str]]:
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/orders":
            rows = [order(number) for number in range(int(query.get("count", ORDERS)))]
            return 200, rows, {"x-total-count": str(ORDERS), "set-cookie": "a=b"}
        if parts.path == "/buyers":
            return self._buyers(query)
        kind, _, number = parts.path.removeprefix("/").partition("/")
        return 200, order(int(number)) if kind == "orders" else buyer(int(number)), {}

    def _buyers(self, query: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        ids = [int(one) for one in query["ids"].split(",")] if "ids" in query else list(range(BUYERS))
        if not self.pages:
            return 200, {"row-items": [buyer(one) for one in reversed(ids)]}, {}
        if self.pages == "offset":
            start = int(query.get("offset", 0))
        elif self.pages == "page":
            start = (int(query.get("page", 1)) - 1) * self.size
        else:
            start = int(query.get("cursor", 0))
        rows = [buyer(one) for one in ids[start : start + self.size]]
        more = self.endless or start + self.size < len(ids)
        following = start + self.size if start + self.size < len(ids) else 0
        if self.pages == "elsewhere":
            return 200, {"row-items": rows}, {"link": f'<http://127.0.0.2:9/buyers?cursor={following}>; rel="next"'}
        if self.pages == "link" and more:
            ids_said = f"ids={query['ids']}&" if "ids" in query else ""
            return 200, {"row-items": rows}, {"link": f'</buyers?{ids_said}cursor={following}>; rel="next"'}
        return 200, {"row-items": rows} | ({"next-one": str(following)} if self.pages == "cursor" and more else {}), {}

    def _handler(shop) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with shop._lock:
                    shop.asked.append(self.path)
                    shop.open += 1
                    shop.most = max(shop.most, shop.open)
                status, value, headers = shop.answer(self.path)
                body = json.dumps(value).encode()
                with shop._lock:
                    shop.open -= 1
                self.send_response(status)
                for name, said in {"content-type": "application/json", "content-length": str(len(body)), **headers}.items():
                    self.send_header(name, said)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Silence."""

        return Handler


def order(number: int) -> dict[str, Any]:
    return {"id": number, "buyerId": number * 7 % BUYERS, "sum": number / 4}


def buyer(number: int) -> dict[str, Any]:
    return {"id": number, "name": f"Buyer {number}", "first-name": f"B{number}"}
