"""The stories of the latest failing requests: what was asked, planned, called and answered, without a single value of anyone.

No value of a caller's or a source's is kept: variables as the kinds of their values, addresses without their parameters' values,
headers as names, bodies not at all. Documents and plans, which the engine has anyway, lose their literals when they are read.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from graphql import (
    DocumentNode,
    FloatValueNode,
    GraphQLError,
    IntValueNode,
    Node,
    StringValueNode,
    Visitor,
    parse,
    print_ast,
    visit,
)

from gateway.engine.nouns import Answer, Asked
from gateway.engine.warnings import moment
from gateway.errors import SourceError
from gateway.execution.exchange import Exchange
from gateway.planning.plan import Plan, to_json
from gateway.sources.report import shown_url

STORIES = 200
CALLS = 50
ERRORS = 20
TEXT = 8_000
"""Characters of a document that are kept."""
QUOTING = frozenset({"BAD_USER_INPUT", "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"})
"""Their messages repeat what the caller wrote."""
TOLD = (
    *("code", "service", "error_id", "owner", "retryable", "retry_after_s"),
    *("open_since", "opened_by", "coordinate", "expected", "actual"),
)
DRIFT = "SCHEMA_DRIFT"
LITERAL = re.compile(r'"""[\s\S]*?"""|"(?:[^"\\]|\\.)*"|(?<![\w$])-?\d[\d.eE+-]{3,}')
MASK = "…"

Facts = dict[str, Any]


class _Errors(msgspec.Struct):
    errors: list[Facts] = []


_errors_of = msgspec.json.Decoder(_Errors)


class Kept(msgspec.Struct, frozen=True):
    """A story as it is kept: a failing request should cost little more than one that goes well."""

    facts: Facts
    document: str | None
    plan: Plan | None

    def told(self) -> Facts:
        document = masked_text(self.document) if self.document is not None else None
        return {**self.facts, "document": document, "plan": masked_plan(self.plan) if self.plan is not None else None}


class Stories:
    """A bounded ring, one per process; it outlives the engines."""

    def __init__(self, size: int = STORIES, drifted: Callable[[Facts], None] | None = None) -> None:
        """`drifted` is told of every value that did not fit its source's schema."""
        self.drifted = drifted
        self._ring: deque[Kept] = deque(maxlen=size)

    def keep(
        self,
        asked: Asked,
        answer: Answer,
        at: float,
        document: str | None = None,
        plan: Plan | None = None,
        exchanges: Sequence[Exchange] = (),
    ) -> None:
        """`at` on the `time.time` clock."""
        began = min((each.began for each in exchanges), default=0.0)
        facts: Facts = {
            "at": moment(at),
            "request_id": asked.request.id,
            "trace_id": asked.request.traceparent[3:35] if asked.request.traceparent else None,
            "operation_name": asked.operation_name,
            "variables": {name: kind(value) for name, value in list(asked.variables.items())[:CALLS]},
            "calls": [_call(each, began) for each in exchanges[:CALLS]],
            "calls_made": len(exchanges),
            "errors": [_error(each) for each in _errors_of.decode(answer.body).errors[:ERRORS]],
        }
        self._ring.append(Kept(facts, document, plan))
        for error in facts["errors"] if self.drifted is not None else ():
            if error["code"] == DRIFT and self.drifted is not None:
                self.drifted(error)

    def find(self, wanted: str) -> Facts | None:
        """By request id or by the id of one of its errors; the latest, where a caller used an id twice."""
        for kept in reversed(self._ring):
            if wanted == kept.facts["request_id"] or any(wanted == error.get("error_id") for error in kept.facts["errors"]):
                return kept.told()
        return None

    def latest(self, count: int = 20) -> list[Facts]:
        """When, which request, which codes: to choose from."""
        recent = [kept.facts for kept in self._ring][-count:]
        return [
            {"at": each["at"], "request_id": each["request_id"], "codes": sorted({error["code"] for error in each["errors"]})}
            for each in reversed(recent)
        ]


# ---------------------------------------------------------------- without values


def masked_document(document: DocumentNode) -> str:
    """The document as it was meant, without a literal and without comments."""
    return print_ast(visit(document, _Mask()))[:TEXT]


class _Mask(Visitor):
    def enter_string_value(self, node: StringValueNode, *_: Any) -> Node:
        return StringValueNode(value=MASK, block=False, loc=node.loc)

    def enter_int_value(self, node: IntValueNode, *_: Any) -> Node:
        return IntValueNode(value="0", loc=node.loc)

    def enter_float_value(self, node: FloatValueNode, *_: Any) -> Node:
        return FloatValueNode(value="0.0", loc=node.loc)


@lru_cache(maxsize=256)
def masked_text(text: str) -> str:
    """A document as `masked_document` has it; where it cannot be read any more, nothing of it."""
    try:
        return masked_document(parse(text, no_location=True))
    except (GraphQLError, RecursionError):
        return MASK


def masked_plan(plan: Plan) -> Facts:
    told = to_json(plan)
    for fetch in told["fetches"]:
        for name in ("entry", "selection"):
            fetch[name] = LITERAL.sub(f'"{MASK}"', fetch[name])[:TEXT] if fetch[name] else None
    return told


def kind(value: object) -> str:
    """What a value is, in JSON's words."""
    if isinstance(value, bool):
        return "boolean"
    names = {str: "string", int: "number", float: "number", list: "array", dict: "object", type(None): "null"}
    return names.get(type(value), "value")


def _error(entry: Facts) -> Facts:
    extensions = entry.get("extensions", {})
    told = {name: extensions[name] for name in TOLD if name in extensions}
    message = MASK if told.get("code") in QUOTING else entry.get("message")
    return {"message": message, "path": entry.get("path"), "locations": entry.get("locations")} | told


def _call(each: Exchange, began: float) -> Facts:
    told: Facts = {"service": each.source, "operation": each.call.operation, "fetch": each.step.step.fetch.id}
    told |= {"start_ms": round((each.began - began) * 1000, 1), "duration_ms": round((each.ended - each.began) * 1000, 1)}
    told |= {"served": each.served, "status": each.status, "attempts": each.attempts, "keys": each.keys, "bytes": each.size}
    if isinstance(each.came, SourceError):
        error = each.came
        told |= {"code": error.code, "error_type": error.error_type, "said": error.said}
        told["upstream_code"] = getattr(error, "upstream_code", None)
        told["upstream_request_id"] = getattr(error, "upstream_request_id", None)
    return told | {"request": _wire(each)}


# ---------------------------------------------------------------- what went over the wire


class _Body(msgspec.Struct):
    query: str
    variables: dict[str, Any] = {}


_body_of = msgspec.json.Decoder(_Body)


def _wire(each: Exchange) -> Facts:
    """The call as its owner could make it again, with a placeholder for every value."""
    call = each.call
    told: Facts = {"method": call.method, "url": _address(each), "headers": sorted({name for name, _ in call.headers})}
    if call.body:
        told["body"] = _masked_body(call.body)
    return told


def _address(each: Exchange) -> str:
    """A REST path is a template: its values were the caller's. Parameters keep their names."""
    base, template = shown_url(each.call.url), each.call.operation.partition(" ")[2]
    if template.startswith("/"):
        base = shown_url(each.step.subgraph.url).rstrip("/") + template
    names = dict.fromkeys(
        name for name, _ in parse_qsl(urlsplit(each.call.url).query, keep_blank_values=True, max_num_fields=200)
    )
    return base + ("?" + "&".join(f"{name}={{{name}}}" for name in names) if names else "")


def _masked_body(body: bytes) -> Facts | str:
    try:
        sent = _body_of.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return MASK
    variables = {name: f"<{kind(value)}>" for name, value in sent.variables.items()}
    return {"query": masked_text(sent.query)} | ({"variables": variables} if variables else {})


# ---------------------------------------------------------------- for people


def support_message(story: Mapping[str, Any]) -> str:
    """Markdown, ready to be sent to whoever answers for the first error that is a source's."""
    errors: Sequence[Mapping[str, Any]] = story["errors"]
    error = next((each for each in errors if each.get("service") != "gateway"), errors[0] if errors else {})
    owner = error.get("owner") or {}
    calls = [each for each in story["calls"] if each["service"] == error.get("service")]
    lines = [
        f"**To:** {owner.get('team', 'the owner')} ({', '.join(_contacts(owner)) or 'no contact known'})",
        f"**Subject:** {error.get('service')}: {error.get('code')}",
        "",
        f"At {story['at']} a request through the API gateway failed: {error.get('message')}",
        "",
        f"- request id: `{story['request_id']}`",
        f"- error id: `{error.get('error_id')}`",
        *([f"- trace id: `{story['trace_id']}`"] if story["trace_id"] else []),
        *([f"- path in the answer: `{'.'.join(map(str, error['path']))}`"] if error.get("path") else []),
        *(line for call in calls[:5] for line in _of_call(call)),
    ]
    if story["document"]:
        lines += ["", "Asked (values left out):", "```graphql", story["document"], "```"]
    return "\n".join(lines) + "\n"


def _contacts(owner: Mapping[str, Any]) -> Iterable[str]:
    contact = owner.get("contact") or {}
    return [str(contact[way]) for way in ("email", "chat", "phone", "url") if contact.get(way)]


def _of_call(call: Mapping[str, Any]) -> Iterable[str]:
    answered = f"answered {call['status']}" if call["status"] else call.get("code", call["served"])
    yield f"- your operation: `{call['operation']}`, {answered}, {call['attempts']} attempts, {call['duration_ms']} ms"
    if call.get("upstream_request_id"):
        yield f"- your request id: `{call['upstream_request_id']}`"


def curl(call: Mapping[str, Any]) -> str:
    """The call for a shell. What stands in braces or angle brackets is for the owner to fill in."""
    request = call["request"]
    parts = [f"curl -sS -X {request['method']} {_shell(request['url'])}"]
    parts += [f"-H {_shell(f'{name}: <{name}>')}" for name in request["headers"] if name not in ("content-type", "accept")]
    if "body" in request:
        parts += ["-H 'content-type: application/json'", f"--data {_shell(msgspec.json.encode(request['body']).decode())}"]
    return " \\\n  ".join(parts)


def _shell(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
