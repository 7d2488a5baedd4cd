"""Lines: JSON or text, without secrets, of bounded length, and never waited for."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.telemetry import logs
from gateway.telemetry.logs import LINE, Lines, Logging, Text, redacted
from gateway.telemetry.metrics import Counter


def record(message: str, level: int = logging.WARNING, **facts: Any) -> logging.LogRecord:
    made = logging.LogRecord("gateway.operation", level, "file", 1, message, (), None)
    made.facts = facts
    return made


def test_a_line_is_one_json_object_with_its_facts() -> None:
    line = Lines().format(record("query Shelf: partial\nin 3 ms", request_id="req_1", sources={"stock": {"calls": 2}}))
    assert "\n" not in line
    told = json.loads(line)
    assert told["level"] == "warning"
    assert told["sources"] == {"stock": {"calls": 2}}
    assert told["time"].endswith("Z")


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("Authorization: Bearer abcdefgh.ijkl", "abcdefgh"),
        ('{"authorization": "Basic dXNlcjpwYXNz"}', "dXNlcjpwYXNz"),
        ("got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "eyJhbGciOiJIUzI1NiJ9"),
        ("redis://user:pa55word@host:6379", "pa55word"),
        ("password=open-sesame&x=1", "open-sesame"),
        ("api_key: 0123456789", "0123456789"),
        ("Cookie=session-of-ada", "session-of-ada"),
    ],
)
def test_what_looks_like_a_credential_is_masked(text: str, hidden: str) -> None:
    assert hidden not in redacted(text)
    assert hidden not in Lines().format(record(text, said=text))
    assert hidden not in Text().format(record(text, said=text))


def test_masking_leaves_json_readable() -> None:
    line = Lines().format(record("failed", said='password="open sesame", token: abc123, //u:p@h'))
    assert "abc123" not in line
    assert json.loads(line)["message"] == "failed"


def test_the_configuration_s_own_secrets_are_masked_whatever_they_look_like() -> None:
    line = Lines(lambda text: text.replace("correct horse", "${env:K}")).format(record("the key is correct horse"))
    assert "correct horse" not in line


def test_a_line_that_is_too_long_loses_its_longest_facts_and_names_them() -> None:
    line = Lines().format(record("failed", errors=["x" * LINE], request_id="req_1", sources={"s": "y" * 100}))
    assert len(line) <= LINE
    told = json.loads(line)
    assert (told["request_id"], told["left_out"]) == ("req_1", ["errors"])
    assert "sources" in told


def test_even_an_endless_message_becomes_one_short_line() -> None:
    line = Lines().format(record("x" * LINE * 3))
    assert len(line) <= LINE
    assert json.loads(line)["message"].startswith("xxx")


def test_a_person_reads_text_with_the_facts_behind_it() -> None:
    line = Text().format(record("query Shelf: partial", request_id="req_1", calls=0, errors=[{"code": "UPSTREAM_ERROR"}]))
    assert "WARNING query Shelf: partial  request_id=req_1" in line
    assert "calls" not in line, "what is nothing is not told"
    assert "UPSTREAM_ERROR" in line


def test_a_traceback_is_told_with_its_line() -> None:
    try:
        raise ValueError("password=open-sesame")
    except ValueError:
        made = logging.LogRecord("gateway", logging.ERROR, "file", 1, "a bug", (), sys.exc_info())
    line = Lines().format(made)
    assert "ValueError" in json.loads(line)["exception"]
    assert "open-sesame" not in line


# ---------------------------------------------------------------- on their way


ROOM = 50


class Stuck(io.StringIO):
    """A pipe that nobody reads, until somebody does."""

    def __init__(self) -> None:
        super().__init__()
        self.read_on = threading.Event()
        self.reached = threading.Event()

    def write(self, text: str) -> int:
        self.reached.set()
        self.read_on.wait(20)
        return super().write(text)


@pytest.fixture
def lost() -> Counter:
    return Counter("gateway.telemetry.lost", "{item}", "", ("signal", "reason"))


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(logs, "QUEUE", ROOM)
    monkeypatch.setattr(logs, "PATIENCE", 60.0)
    before = logging.getLogger().handlers
    yield
    assert logging.getLogger().handlers is before, "the handlers of before are back"


@pytest.mark.usefixtures("root")
def test_nobody_waits_for_a_reader_and_what_does_not_fit_is_counted(lost: Counter) -> None:
    stream = Stuck()
    lines = Logging("json", str, lost, stream=stream)
    lines.start()
    log = logging.getLogger("gateway.test")
    try:
        log.warning("the first is being written")
        assert stream.reached.wait(20)
        for number in range(ROOM + 25):
            log.warning("line %d", number)
        [series] = lost.family().series
        assert (dict(series.labels), series.value) == ({"signal": "logs", "reason": "queue"}, 25)
    finally:
        stream.read_on.set()
        lines.close()
    assert len(stream.getvalue().splitlines()) == ROOM + 1


@pytest.mark.usefixtures("root")
def test_what_waits_at_the_end_is_written(lost: Counter) -> None:
    stream = io.StringIO()
    lines = Logging("auto", str, lost, stream=stream)
    lines.start()
    logging.getLogger("gateway.test").warning("the last word")
    lines.close()
    assert json.loads(stream.getvalue())["message"] == "the last word"
