"""What a client does with an answer in parts: it puts each where it belongs. Strictly: nothing unannounced, nothing twice."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gateway.engine import Asked, Engine, Form
from gateway.upstream.call import Request

Json = dict[str, Any]


async def parts(
    engine: Engine,
    query: str,
    variables: Mapping[str, Any] | None = None,
    form: Form = Form.CURRENT,
    request: Request | None = None,
) -> list[Json]:
    """The payloads, parsed. An answer that came at once is one."""
    answer = await engine.answer(Asked(query, request or Request("req_test"), variables or {}, form=form))
    if answer.parts is None:
        return [msgspec.json.decode(answer.body)]
    return [msgspec.json.decode(payload) async for payload in answer.parts]


def merged(payloads: Sequence[Json]) -> Json:
    """The whole answer of an incremental one in the current format."""
    data = copy.deepcopy(payloads[0]["data"])
    errors: list[Json] = []
    pending: dict[str, list[Any]] = {}
    for number, payload in enumerate(payloads):
        assert payload.get("hasNext", False) == (number + 1 < len(payloads))
        errors += payload.get("errors", ())
        for announced in payload.get("pending", ()):
            assert announced["id"] not in pending
            pending[announced["id"]] = announced["path"]
        for piece in payload.get("incremental", ()):
            path = [*pending[piece["id"]], *piece.get("subPath", ())]
            _put(data, path, piece)
            errors += piece.get("errors", ())
        for announced in payload.get("pending", ()):
            assert _at(data, announced["path"]) is not None
        for completed in payload.get("completed", ()):
            del pending[completed["id"]]
            errors += completed.get("errors", ())
    assert not pending
    return {"data": data} | ({"errors": errors} if errors else {})


def merged_by_path(payloads: Sequence[Json]) -> Json:
    """The same in the format of August 2022."""
    data = copy.deepcopy(payloads[0]["data"])
    errors: list[Json] = []
    for number, payload in enumerate(payloads):
        assert payload.get("hasNext", False) == (number + 1 < len(payloads))
        assert not payload.keys() & {"pending", "completed"}
        errors += payload.get("errors", ())
        for piece in payload.get("incremental", ()):
            errors += piece.get("errors", ())
            if "items" in piece:
                assert piece["path"][-1] == len(_at(data, piece["path"][:-1]))
                _put(data, piece["path"][:-1], piece)
            elif piece["data"] is not None:
                _put(data, piece["path"], piece)
    return {"data": data} | ({"errors": errors} if errors else {})


def _put(data: Any, path: Sequence[Any], piece: Json) -> None:
    into = _at(data, path)
    if "items" in piece:
        into.extend(piece["items"])
        return
    for key, value in piece["data"].items():
        assert key not in into, f"{key} is sent twice"
        into[key] = value


def _at(data: Any, path: Sequence[Any]) -> Any:
    for step in path:
        data = data[step]
    return data
