from __future__ import annotations

import pytest
from pydantic import SecretStr

from gateway.config.model import HeaderRule, Insert, Propagate
from gateway.upstream.headers import NEVER_PROPAGATED, header_rules, identity_of

INCOMING = {"authorization": "Bearer x", "accept-language": "de", "cookie": "a=b", "host": "evil.test", "content-length": "5"}


def propagate(*named: str, rename: str | None = None) -> HeaderRule:
    """As if the configuration had let every name through: these rules are the last to look."""
    return HeaderRule.model_construct(propagate=Propagate.model_construct(named=named, matching=None, rename=rename))


def insert(name: str, value: str) -> HeaderRule:
    return HeaderRule.model_construct(insert=Insert.model_construct(name=name, value=SecretStr(value)))


def remove(*named: str) -> HeaderRule:
    return HeaderRule.model_validate({"remove": {"named": named}})


def test_a_named_header_of_the_caller_goes_on_in_lower_case() -> None:
    rules = header_rules([propagate("Authorization", "Accept-Language")])
    assert rules.build(INCOMING) == (("authorization", "Bearer x"), ("accept-language", "de"))
    assert rules.propagates == {"authorization", "accept-language"}


def test_a_header_the_caller_did_not_send_is_not_made_up() -> None:
    assert header_rules([propagate("X-Tenant")]).build(INCOMING) == ()


def test_a_renamed_header_goes_on_under_its_new_name_and_is_identity_under_the_old() -> None:
    rules = header_rules([propagate("Authorization", rename="X-Caller")])
    assert rules.build(INCOMING) == (("x-caller", "Bearer x"),)
    assert rules.propagates == {"authorization"}


def test_rules_apply_in_their_order() -> None:
    rules = header_rules([insert("X-A", "1"), insert("Authorization", "own"), propagate("Authorization"), remove("X-A")])
    assert rules.build(INCOMING) == (("authorization", "Bearer x"),)
    assert rules.build({}) == (("authorization", "own"),)


def test_without_propagation_every_caller_s_headers_are_the_same() -> None:
    rules = header_rules([insert("X-Api-Key", "k")])
    assert rules.build(INCOMING) is rules.build({})
    assert rules.propagates == frozenset()


@pytest.mark.parametrize(
    "name", ["Connection", "Content-Length", "Transfer-Encoding", "Accept-Encoding", "Upgrade", "Traceparent", "X-Request-Id"]
)
def test_what_belongs_to_one_hop_or_is_ours_never_goes_on(name: str) -> None:
    rules = header_rules([propagate(name)])
    assert rules.build({name.lower(): "x"}) == ()
    assert rules.propagates == frozenset()
    assert name.lower() in NEVER_PROPAGATED


@pytest.mark.parametrize("name", ["Host", "Content-Length", "Connection", "Accept-Encoding", "Traceparent"])
def test_what_the_gateway_answers_for_is_not_inserted_by_a_rule(name: str) -> None:
    assert header_rules([insert(name, "x")]).build({}) == ()


def test_nothing_is_renamed_into_what_may_not_be_sent() -> None:
    assert header_rules([propagate("Accept-Language", rename="Content-Length")]).build(INCOMING) == ()


def test_a_cookie_goes_on_only_where_it_is_named() -> None:
    assert header_rules([propagate("Authorization")]).build(INCOMING) == (("authorization", "Bearer x"),)
    assert header_rules([propagate("Cookie")]).build(INCOMING) == (("cookie", "a=b"),)


@pytest.mark.parametrize("value", ["a\r\nx-evil: 1", "a\nb", "a\0b"])
def test_a_value_that_breaks_a_line_is_refused_untold(value: str) -> None:
    with pytest.raises(ValueError, match="the value for X-Key has a line break or a NUL") as caught:
        header_rules([insert("X-Key", value)])
    assert value not in str(caught.value)
    assert header_rules([propagate("X-A")]).build({"x-a": value}) == ()


def by_pattern(rule: str, pattern: str) -> HeaderRule:
    return HeaderRule.model_validate({rule: {"matching": pattern}})


def test_a_pattern_sends_on_what_its_whole_name_fits() -> None:
    rules = header_rules([by_pattern("propagate", "X-Tenant-.*")])
    sent = {"x-tenant-id": "7", "x-tenant-name": "shop", "not-x-tenant-id": "8", "x-tenant": "9"}
    assert rules.build(sent) == (("x-tenant-id", "7"), ("x-tenant-name", "shop"))
    (pattern,) = rules.propagates
    assert not isinstance(pattern, str)


def test_no_pattern_fits_credentials_or_what_is_of_one_hop() -> None:
    sent = INCOMING | {"connection": "close", "traceparent": "00-1", "x-request-id": "req_12345678"}
    assert header_rules([by_pattern("propagate", ".*")]).build(sent) == (("accept-language", "de"),)


def test_a_pattern_takes_away_what_earlier_rules_added() -> None:
    rules = header_rules([by_pattern("propagate", "x-.*"), insert("X-Own", "k"), by_pattern("remove", "x-(own|secret.*)")])
    assert rules.build({"x-a": "1", "x-secret-a": "2", "x-secret": "3"}) == (("x-a", "1"),)


def test_what_a_pattern_fits_is_the_same_for_all_who_send_the_same() -> None:
    identity = identity_of(header_rules([by_pattern("propagate", "x-.*"), propagate("Authorization")]).propagates)
    assert identity({"x-b": "2", "a": "0", "x-a": "1"}) == identity({"x-a": "1", "x-b": "2", "a": "5"})
    for other in ({"x-a": "1"}, {"x-a": "1", "x-b": "3"}, {"x-a": "1", "x-b": "2", "authorization": "k"}):
        assert identity(other) != identity({"x-a": "1", "x-b": "2"})


def test_a_value_that_breaks_a_line_is_not_sent_on_by_a_pattern() -> None:
    assert header_rules([by_pattern("propagate", "x-.*")]).build({"x-a": "a\r\nb", "x-b": "b"}) == (("x-b", "b"),)
