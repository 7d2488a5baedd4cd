"""A story for a person on a terminal, and as a bundle its owner can work with."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from gateway.engine.stories import curl, support_message

Story = Mapping[str, Any]


def lines(story: Story) -> Iterator[str]:
    """What was asked, planned, called, and what came back; then whom to tell."""
    trace = f", trace {story['trace_id']}" if story["trace_id"] else ""
    yield f"{story['at']}  request {story['request_id']}{trace}"
    yield ""
    yield "asked, values left out:"
    yield from (f"  {line}" for line in (story["document"] or "(a document that was refused)").splitlines())
    for name, kind in story["variables"].items():
        yield f"  ${name}: {kind}"
    if story["plan"]:
        yield ""
        yield "planned:"
        yield from (_planned(fetch) for fetch in story["plan"]["fetches"])
    yield ""
    yield f"called ({story['calls_made']}):"
    yield from (_called(call) for call in story["calls"])
    for error in story["errors"]:
        yield ""
        yield from _failed(error)


def _planned(fetch: Mapping[str, Any]) -> str:
    after = f", after {', '.join(map(str, fetch['needs']))}" if fetch["needs"] else ""
    return f"  {fetch['id']}: {fetch['service']} at {fetch['path'] or 'the root'}{after}"


def _called(call: Mapping[str, Any]) -> str:
    came = f"answered {call['status']}" if call["status"] else call.get("code", call["served"])
    more = [f"{call['attempts']} attempts"] if call["attempts"] > 1 else []
    more += [f"{call['keys']} keys"] if call["keys"] else []
    more += [f"their request id {call['upstream_request_id']}"] if call.get("upstream_request_id") else []
    extra = f" ({', '.join(more)})" if more else ""
    return f"  {call['start_ms']:>8.1f} ms  {call['service']}: {call['operation']} {came} in {call['duration_ms']} ms{extra}"


def _failed(error: Mapping[str, Any]) -> Iterator[str]:
    place = f" at {'.'.join(map(str, error['path']))}" if error.get("path") else ""
    yield f"{error.get('code')}{place}: {error.get('message')}"
    owner = error.get("owner") or {}
    ways = ", ".join(f"{way} {value}" for way, value in (owner.get("contact") or {}).items())
    yield f"  tell {owner.get('team')}{f' ({ways})' if ways else ''}, with {error.get('error_id')}"


def bundle(story: Story, path: Path) -> None:
    """A ZIP: the message to send, the calls as a shell script, and all facts as JSON. Raises OSError."""
    failed = [call for call in story["calls"] if call["served"] in ("error", "none")] or story["calls"]
    script = ["#!/bin/sh", f"# The calls behind request {story['request_id']}. Fill in what stands in braces or angle brackets."]
    for call in failed[:20]:
        script += ["", f"# {call['service']}: {call['operation']}, {call.get('code') or call['status']}", curl(call)]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("message.md", support_message(story))
        archive.writestr("replay.sh", "\n".join(script) + "\n")
        archive.writestr("story.json", msgspec.json.format(msgspec.json.encode(story), indent=2))
