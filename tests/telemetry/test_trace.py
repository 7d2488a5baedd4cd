"""Who is sampled, what is passed on, and how much of one request is kept."""

from __future__ import annotations

import pytest

from gateway.telemetry.trace import ATTEMPTS, FETCHES, Sampler, is_traceparent

CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-"


def test_a_caller_s_decision_stands_whatever_the_ratio() -> None:
    assert Sampler(0.0).begin(CALLER + "01").sampled
    assert not Sampler(1.0).begin(CALLER + "00").sampled


def test_a_caller_s_trace_goes_on_under_a_span_of_its_own() -> None:
    trace = Sampler(0.0).begin(CALLER + "01", "a=1")
    assert (trace.id, trace.parent, trace.state) == (CALLER[3:35], CALLER[36:52], "a=1")
    assert trace.traceparent == f"00-{trace.id}-{trace.span}-01"
    assert trace.span != trace.parent


def test_the_random_flag_is_passed_on_and_unknown_ones_are_not() -> None:
    assert Sampler(0.0).begin(CALLER + "02").flags == "02"
    assert Sampler(0.0).begin(CALLER + "ff").flags == "03"


@pytest.mark.parametrize(("bits", "sampled"), [(0, True), ((1 << 62) - 1, True), (1 << 62, False), ((1 << 64) - 1, False)])
def test_a_new_trace_is_sampled_by_the_lower_half_of_its_id(bits: int, sampled: bool) -> None:
    trace = Sampler(0.25, new_bits=lambda count: bits + (1 << 100) if count == 128 else 7).begin(None)
    assert trace.sampled is sampled
    assert trace.flags == ("03" if sampled else "02")


def test_of_a_request_without_end_only_so_much_is_kept() -> None:
    trace = Sampler(0.0).begin(None)
    fetches = [trace.fetch("stock", "GET /", "GET", "http://stock/", 0.0) for _ in range(FETCHES + 5)]
    assert len(trace.fetches) == FETCHES
    assert fetches[FETCHES:] == [None] * 5
    first = fetches[0]
    assert first is not None
    ids = {first.attempt(trace, 0.0).id for _ in range(ATTEMPTS + 3)}
    assert len(first.attempts) == ATTEMPTS
    assert len(ids) == ATTEMPTS + 3, "each is told to its source, kept or not"
    assert trace.dropped == 8


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        (CALLER + "01", True),
        (CALLER.replace("00-", "cc-", 1) + "01-what-comes", True),
        (CALLER + "01-more", False),
        (CALLER.replace("00-", "ff-", 1) + "01", False),
        (CALLER.upper() + "01", False),
        ("", False),
    ],
)
def test_what_a_traceparent_is(text: str, valid: bool) -> None:
    assert is_traceparent(text) is valid
