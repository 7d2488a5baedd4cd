"""Events reach an address as CloudEvents, signed, in order and bounded. What fails is tried again or given up; nobody waits."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from gateway.app.events import DRIFT_DETECTED, SCHEMA_CHANGED, Emitter, Event, Webhook
from gateway.app.events.webhook import ATTEMPTS, LONGEST_PAUSE, QUEUE, Wanted, key_of, pause
from gateway.errors import UpstreamBlocked, UpstreamTimeout
from gateway.upstream.call import Call, Reply

URL = "https://hook:s3cr3t-user@hooks.example.com/T000/s3cr3t-path?token=s3cr3t-query"
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
OWNER = {"team": "Stock & Supply", "contact": {"email": "stock@example.com"}}


class Address:
    """Answers with the given statuses, one after another, or raises; the last one for good."""

    def __init__(self, *answers: int | Exception) -> None:
        self.calls: list[Call] = []
        self._answers = list(answers) or [204]
        self.closed = False

    async def send(self, call: Call) -> Reply:
        self.calls.append(call)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return Reply(answer, {"retry-after": "7"} if answer == 429 else {}, b"")

    async def close(self) -> None:
        self.closed = True


def event(kind: str = DRIFT_DETECTED, owned_by: str | None = "stock", number: int = 0) -> Event:
    return Event(kind, "inventory", OWNER, {"coordinate": f"Stock.f{number}"}, 1_790_000_000.25, owned_by)


class Slept:
    def __init__(self) -> None:
        self.pauses: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.pauses.append(seconds)


async def delivered(address: Address, *events: Event, wanted: Wanted = Wanted(), sleep: Slept | None = None) -> Webhook:  # noqa: B008  frozen
    """A webhook that has done all it could with these events."""
    webhook = Webhook(URL, address, SECRET, wanted, clock=lambda: 1_790_000_100.9, sleep=sleep or Slept())
    for each in events:
        webhook.offer(each)
    task = asyncio.create_task(webhook.run())
    await asyncio.wait_for(webhook.idle(), 20)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return webhook


async def test_an_event_is_a_cloud_event_in_structured_json() -> None:
    address = Address()
    await delivered(address, event())
    [call] = address.calls
    told = json.loads(call.body or b"")
    assert (call.method, call.url) == ("POST", URL)
    assert dict(call.headers)["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert told.pop("id").startswith("evt_")
    assert told == {
        "specversion": "1.0",
        "source": "/sources/inventory",
        "type": "signpost.drift.detected",
        "subject": "inventory",
        "time": "2026-09-21T14:13:20.250000Z",
        "datacontenttype": "application/json",
        "data": {"service": "inventory", "owner": OWNER, "coordinate": "Stock.f0"},
    }


async def test_the_signature_is_that_of_id_time_and_body() -> None:
    address = Address()
    await delivered(address, event())
    [call] = address.calls
    headers = dict(call.headers)
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + (call.body or b"")
    expected = base64.b64encode(hmac.new(b"k" * 32, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["webhook-timestamp"] == "1790000100"
    assert headers["webhook-id"] == json.loads(call.body or b"")["id"]


def test_a_secret_is_bytes_in_base64_or_any_text() -> None:
    assert key_of(SECRET) == b"k" * 32
    assert key_of("whsec_not base64!") == b"whsec_not base64!"
    assert key_of("plain") == b"plain"


async def test_a_failure_that_may_pass_is_tried_again_with_the_same_event_ever_more_rarely() -> None:
    address, slept = Address(503, UpstreamTimeout(), 429, 204), Slept()
    webhook = await delivered(address, event(), sleep=slept)
    assert len(address.calls) == 4
    assert len({call.body for call in address.calls}) == 1
    assert 0.5 <= slept.pauses[0] <= 1.0 <= slept.pauses[1] <= 2.0 < slept.pauses[2] == 7.0, "429 says how long to wait"
    assert webhook.status()["delivered"] == 1


@pytest.mark.parametrize("answer", [400, 404, 410, UpstreamBlocked()])
async def test_what_will_not_pass_is_given_up_at_once(answer: int | Exception, caplog: pytest.LogCaptureFixture) -> None:
    address = Address(answer)
    with caplog.at_level(logging.WARNING):
        webhook = await delivered(address, event())
    assert len(address.calls) == 1
    assert (webhook.status()["failed"], webhook.status()["delivered"]) == (1, 0)
    assert "given up" in caplog.text


async def test_an_address_that_stays_down_is_given_up_in_the_end_and_the_next_event_is_tried() -> None:
    address, slept = Address(500), Slept()
    webhook = await delivered(address, event(), event(), sleep=slept)
    assert len(address.calls) == 2 * ATTEMPTS
    assert webhook.status()["failed"] == 2
    assert max(slept.pauses) <= LONGEST_PAUSE


def test_no_pause_is_longer_than_it_may_be_whatever_the_receiver_says() -> None:
    assert pause(1, 10_000.0) == LONGEST_PAUSE
    assert pause(50, None) <= LONGEST_PAUSE


async def test_the_queue_is_bounded_and_loses_the_oldest() -> None:
    address = Address()
    webhook = await delivered(address, *(event(number=n) for n in range(QUEUE + 10)))
    first = json.loads(address.calls[0].body or b"")
    assert len(address.calls) == QUEUE
    assert first["data"]["coordinate"] == "Stock.f10"
    assert webhook.status()["dropped"] == 10


@pytest.mark.parametrize(
    ("wanted", "takes"),
    [
        (Wanted(), lambda _: True),
        (Wanted(owners=["stock"]), lambda each: each.owned_by == "stock"),
        (Wanted(types=[SCHEMA_CHANGED]), lambda each: each.type == SCHEMA_CHANGED),
        (Wanted(["voice"], [DRIFT_DETECTED]), lambda each: each.owned_by == "voice" and each.type == DRIFT_DETECTED),
    ],
)
async def test_each_address_gets_the_events_of_its_owners_and_kinds(wanted: Wanted, takes: Callable[[Event], bool]) -> None:
    address = Address()
    events = [event(kind, owner) for kind in (SCHEMA_CHANGED, DRIFT_DETECTED) for owner in ("stock", "voice", None)]
    emitted = [each for each in events if takes(each)]
    await delivered(address, *events, wanted=wanted)
    assert [json.loads(call.body or b"")["id"] for call in address.calls] == [each.id for each in emitted]


async def test_nothing_of_the_address_but_its_host_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        webhook = await delivered(Address(500), event())
    told = json.dumps(webhook.status()) + caplog.text + webhook.name
    assert "hooks.example.com" in told
    assert "s3cr3t" not in told


async def test_an_emitter_ends_without_waiting_for_an_address_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.app.events.emitter.FAREWELL", 0.0)
    gate: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    class Hanging(Address):
        async def send(self, call: Call) -> Reply:  # noqa: ARG002  it never gets that far
            await gate
            raise AssertionError

    address = Hanging()
    webhook = Webhook(URL, address)
    emitter, tasks = Emitter([webhook]), []
    emitter.start(lambda _, work: tasks.append(asyncio.create_task(work)))
    emitter.emit(event())
    await emitter.flush()
    tasks[0].cancel()
    with suppress(asyncio.CancelledError):
        await tasks[0]
    await emitter.close()
    assert address.closed
