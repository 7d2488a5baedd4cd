"""GraphQL parameters out of bodies and query strings."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import BadUserInput
from gateway.server.params import Params, from_body, from_given, from_query_string


def test_null_parameters_are_as_good_as_absent_ones() -> None:
    assert from_body(b'{"query":"{a}","operationName":null,"variables":null,"extensions":null}') == Params("{a}")


def test_members_nobody_knows_are_ignored() -> None:
    assert from_body(b'{"query":"{a}","id":7}') == Params("{a}")


def test_large_integers_in_variables_stay_exact() -> None:
    assert from_body(b'{"query":"{a}","variables":{"n":1180591620717411303424}}').variables == {"n": 2**70}


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "not valid JSON"),
        (b'{"query":"{a}"} more', "not valid JSON"),
        (b'{"query":"{a}","variables":{"x":NaN}}', "not valid JSON"),
        (b'{"query":"{a}","variables":{"x":"\\ud800"}}', "not valid JSON"),
        (b'{"query":"\xff"}', "not UTF-8"),
        (b'{"query":"{a}","variables":{"x":' + b"[" * 100_000, "nested too deeply"),
        (b"[{}]", "one JSON object"),
        (b'"{a}"', "one JSON object"),
        (b"{}", "no `query`"),
        (b'{"query":""}', "no `query`"),
        (b'{"query":null}', "`query` must be a string"),
        (b'{"query":"{a}","operationName":1}', "`operationName` must be a string or null"),
        (b'{"query":"{a}","variables":[]}', "`variables` must be an object or null"),
        (b'{"query":"{a}","extensions":"x"}', "`extensions` must be an object or null"),
    ],
)
def test_a_wrong_body_is_told_what_is_wrong_with_it(body: bytes, what: str) -> None:
    with pytest.raises(BadUserInput, match=what):
        from_body(body)


@pytest.mark.parametrize(
    ("query_string", "what"),
    [
        (b"", "no `query`"),
        (b"query=%FF", "not UTF-8"),
        (b"query=\xc3\xa9", "not UTF-8"),
        (b"query={a}&query={b}", "given twice"),
        (b"query={a}&variables={", "`variables` is not valid JSON"),
        (b"query={a}&variables=[]", "`variables` must be an object or null"),
        (b"query={a}&extensions=7", "`extensions` must be an object or null"),
        (b"&".join(b"x%d=1" % n for n in range(40)), "more than 32"),
    ],
)
def test_a_wrong_query_string_is_told_what_is_wrong_with_it(query_string: bytes, what: str) -> None:
    with pytest.raises(BadUserInput, match=what):
        from_query_string(query_string)


def test_blank_parameters_of_a_form_count_as_absent() -> None:
    assert from_query_string(b"query={a}&operationName=&variables=&extensions=") == Params("{a}")


def test_parameters_read_by_another_protocol_are_checked_alike() -> None:
    assert from_given("{a}", None, {"x": 1}) == Params("{a}", None, {"x": 1})
    with pytest.raises(BadUserInput, match="`query` must be a string"):
        from_given(["{a}"], None, None)


@given(st.binary(max_size=200))
def test_any_bytes_give_parameters_or_bad_user_input(data: bytes) -> None:
    for read in (from_body, from_query_string):
        with suppress(BadUserInput):
            assert read(data).query
