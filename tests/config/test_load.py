"""What a configuration comes to."""

from pathlib import Path

import pytest

from gateway.config import load
from gateway.config.model import Address, Policy, Schema, Socket, Timeout, digest
from gateway.config.problem import ConfigError, Problem
from tests.config.conftest import HEAD, KINDS, SOURCE, Choice

# ---------------------------------------------------------------- the gateway


def test_what_is_not_written_is_the_default(desk):
    settings = desk.load(HEAD + SOURCE)
    gateway = settings.gateway
    assert gateway.listen == Address("0.0.0.0", 8080)  # noqa: S104  the documented default
    assert gateway.admin_listen == Socket(desk.folder / ".signpost" / "admin.sock")
    assert gateway.admin.public == ()
    assert gateway.state == desk.folder / ".signpost"
    assert gateway.owner.team == "Gateway operators"
    assert (gateway.errors.upstream_detail, gateway.errors.audience, gateway.errors.on_error) == ("safe", "public", "propagate")
    assert gateway.errors.per_path is False
    limits = gateway.limits
    assert (limits.depth, limits.aliases, limits.tokens) == (15, 30, 5000)
    assert (limits.upstream_calls, limits.upstream_calls_total, limits.deadline, limits.body) == (50, 2000, 10.0, 256 * 1024)
    assert gateway.ownership.required is True
    assert (settings.cache.store, settings.cache.size) == ("memory", 64 * 2**20)
    assert settings.version == 1


@pytest.mark.parametrize(
    ("written", "address", "text"),
    [
        ("127.0.0.1:0", Address("127.0.0.1", 0), "127.0.0.1:0"),
        ('"[::1]:8080"', Address("::1", 8080), "[::1]:8080"),
        ("gateway.internal:65535", Address("gateway.internal", 65535), "gateway.internal:65535"),
    ],
)
def test_an_address_is_a_host_and_a_port(desk, written, address, text):
    listen = desk.load(f"gateway: {{listen: {written}}}\n" + HEAD + SOURCE).gateway.listen
    assert listen == address
    assert str(listen) == text


@pytest.mark.parametrize(
    "written", ["8080", '"::1:8080"', '":8080"', "host:99999", "999.0.0.1:80", '"[::x]:1"', "1.2.3.4", "a_b:1", "h:-1"]
)
def test_anything_else_is_no_address(desk, written):
    (problem,) = desk.problems(f"gateway: {{listen: {written}}}\n" + HEAD + SOURCE)
    assert (problem.code, problem.path) == ("CONFIG_VALUE", ("gateway", "listen"))


def test_admin_pages_listen_on_a_socket_or_an_address(desk):
    text = "gateway: {admin: {listen: HERE, public: [status]}}\n" + HEAD + SOURCE
    assert desk.load(text.replace("HERE", "127.0.0.1:8081")).gateway.admin_listen == Address("127.0.0.1", 8081)
    admin = desk.load(text.replace("HERE", '"unix:run/a.sock"')).gateway
    assert admin.admin_listen == Socket(desk.folder / "run" / "a.sock")
    assert admin.admin.public == ("status",)


def test_null_is_a_word_where_a_key_has_that_word(desk):
    for written in ("null", '"null"', "~"):
        assert desk.load(f"gateway: {{errors: {{on_error: {written}}}}}\n" + HEAD + SOURCE).gateway.errors.on_error == "null"
    assert desk.source("not_found: null").not_found == "null"
    assert desk.source("options: {mode: null}", {"graphql": Choice}).options.mode == "null"
    assert desk.source("").not_found is None


def test_an_empty_key_counts_as_not_written(desk):
    source = desk.source("retry:\ntimeout:\nlookups:\nexpose:")
    assert source.policy == Policy()
    assert (source.lookups, source.expose) == ((), None)


# ---------------------------------------------------------------- sources


def test_a_source_knows_its_owner_with_what_is_its_own(desk):
    text = """\
owners:
  stock:
    team: Stock & Supply
    url: https://inventory.example.com
    docs: https://inventory.example.com/docs
    status_page: https://status.example.com
    contact: {email: stock@example.com, hours: Mon-Fri 9-17 CET}
    internal: {oncall: pager}
sources:
  - {name: a, kind: graphql, url: "https://a.example.com", schema: introspect, owner: stock}
  - {name: b, kind: graphql, url: "https://b.example.com", schema: introspect, owner: stock, about: {url: "https://b.example.com/about"}}
"""
    settings = desk.load(text)
    a, b = (source.owner for source in settings.sources)
    assert a == settings.owners["stock"]
    assert (a.team, a.url, a.docs) == ("Stock & Supply", "https://inventory.example.com", "https://inventory.example.com/docs")
    assert (a.contact, a.internal, a.origin) == (
        {"email": "stock@example.com", "hours": "Mon-Fri 9-17 CET"},
        {"oncall": "pager"},
        "config",
    )
    assert (b.url, b.docs) == ("https://b.example.com/about", "https://inventory.example.com/docs")


def test_without_required_ownership_the_gateways_owner_answers(desk):
    text = "gateway: {ownership: {required: false}, owner: {team: Platform}}\n" + SOURCE.replace("    owner: shop\n", "")
    assert desk.load(text).sources[0].owner.team == "Platform"


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("introspect", "introspect"),
        ("https://shop.example.com/schema.graphql", "https://shop.example.com/schema.graphql"),
        ("python:shop.api:schema", "python:shop.api:schema"),
        ("python:shop.api:app.schema", "python:shop.api:app.schema"),
        ("/etc/shop.graphql", "/etc/shop.graphql"),
        ("./shop.graphql", "{base}/shop.graphql"),
        ("shop.graphql", "{base}/shop.graphql"),
    ],
)
def test_a_schema_in_short_is_its_place(desk, written, means):
    text = HEAD + SOURCE.replace("schema: introspect", f"schema: {written}")
    assert desk.load(text).sources[0].schema_ == Schema(from_=means.format(base=desk.folder))


def test_a_schema_in_full_has_its_copy_and_its_manners(desk):
    long = "schema: {from: introspect, snapshot: ./shop.graphql, headers: {X-Key: s3cret}, refresh: 5m, on_missing: omit}"
    schema = desk.load(HEAD + SOURCE.replace("schema: introspect", long)).sources[0].schema_
    assert (schema.from_, schema.snapshot, schema.refresh, schema.on_missing) == (
        "introspect",
        desk.folder / "shop.graphql",
        300.0,
        "omit",
    )
    assert schema.headers["X-Key"].get_secret_value() == "s3cret"


def test_an_in_process_source_needs_no_url(desk):
    text = HEAD + "sources: [{name: s, kind: local, schema: 'python:a:b', owner: shop, options: {region: eu}}]"
    source = desk.load(text).sources[0]
    assert source.url is None
    assert source.options.region == "eu"


def test_header_rules_keep_their_order(desk):
    source = desk.source(
        "headers: {request: [{propagate: {named: Authorization}}, {propagate: {named: [A, B]}}, "
        "{propagate: {named: C, rename: D}}, {insert: {name: X, value: s3cret}}, {remove: {named: A}}]}"
    )
    one, two, three, four, five = source.headers.request
    assert (one.propagate.named, two.propagate.named) == (("Authorization",), ("A", "B"))
    assert (three.propagate.named, three.propagate.rename) == (("C",), "D")
    assert (four.insert.name, four.insert.value.get_secret_value()) == ("X", "s3cret")
    assert five.remove.named == ("A",)


def test_lookups_prefix_and_expose_are_as_written(desk):
    source = desk.source(
        "lookups: [{type: Stock, key: sku, via: getStock, arg: sku, "
        "batch: {via: listStock, arg: skus, key: sku, path: data.items}}]\n"
        "prefix: {types: Shop_, only: Error}\n"
        "expose: getStock"
    )
    (lookup,) = source.lookups
    assert (lookup.type, lookup.key, lookup.via, lookup.arg) == ("Stock", "sku", "getStock", "sku")
    batch = lookup.batch
    assert (batch.via, batch.arg, batch.key, batch.path, batch.max) == ("listStock", "skus", "sku", "data.items", 100)
    assert (source.prefix.types, source.prefix.only, source.expose) == ("Shop_", ("Error",), ("getStock",))


def test_a_lookup_without_a_path_finds_its_rows_in_the_answer_itself(desk):
    source = desk.source("lookups: [{type: A, key: k, via: v, arg: a, batch: {via: v, arg: a, key: k}}]")
    assert source.lookups[0].batch.path == ""


def test_links_bind_fields_arguments_and_constants(desk):
    text = (
        HEAD
        + SOURCE
        + "links:\n  - {field: Product.stock, to: shop.getStock, with: {sku: $a.b, first: $args.n, x: 1, y: true}, many: true}"
    )
    (link,) = desk.load(text).links
    assert (link.field, link.to, link.source, link.many, link.batch) == ("Product.stock", "shop.getStock", "shop", True, None)
    assert link.with_ == {"sku": "$a.b", "first": "$args.n", "x": 1, "y": True}


def test_options_are_the_kinds_own(desk):
    assert desk.source("options: {size: 7}", {"graphql": Choice}).options == Choice(size=7)
    assert desk.source("", {"graphql": Choice}).options == Choice()


# ---------------------------------------------------------------- policies


def test_a_policy_is_whole_without_a_word(desk):
    policy = desk.source().policy
    assert policy == Policy()
    assert (policy.timeout.per_try, policy.timeout.total) == (2.0, 5.0)
    assert (policy.retry.max_attempts, policy.retry.budget) == (3, 0.1)
    assert (policy.retry.backoff.initial, policy.retry.backoff.max, policy.retry.backoff.jitter) == (0.05, 1.0, "full")
    breaker = policy.circuit_breaker
    assert (breaker.error_threshold, breaker.volume_threshold, breaker.window) == (0.5, 20, 30.0)
    assert (breaker.reset_timeout, breaker.half_open_attempts) == (15.0, 1)
    concurrency = policy.concurrency
    assert (concurrency.max, concurrency.queue, concurrency.max_wait, concurrency.per_operation) == (64, 128, 0.25, 32)
    assert policy.hedge is None
    cache = policy.cache
    assert (cache.ttl, cache.stale_while_revalidate, cache.stale_if_error, cache.scope) == (
        "from_upstream",
        "from_upstream",
        600.0,
        "auto",
    )
    assert (policy.transport, policy.max_response) == ("pyreqwest", 16 * 2**20)


def test_a_source_differs_key_by_key_at_every_depth(desk):
    text = (
        "defaults: {timeout: {total: 9s}, retry: {budget: 20%, backoff: {max: 2s}}, cache: {ttl: 1m}, hedge: {after: 50ms}}\n"
        + HEAD
        + SOURCE
        + "    timeout: 1s\n    retry: {max_attempts: 2, backoff: {initial: 1ms}}\n    cache: {scope: private}\n"
    )
    policy = desk.load(text).sources[0].policy
    assert (policy.timeout.per_try, policy.timeout.total) == (1.0, 9.0)
    assert (policy.retry.max_attempts, policy.retry.budget) == (2, 0.2)
    assert (policy.retry.backoff.initial, policy.retry.backoff.max) == (0.001, 2.0)
    assert (policy.cache.ttl, policy.cache.scope) == (60.0, "private")
    assert (policy.hedge.after, policy.hedge.max_extra) == (0.05, 0.05)


@pytest.mark.parametrize("written", ["off", '"off"', "'off'"])
def test_off_is_absent_quoted_or_not(desk, written):
    text = f"defaults: {{hedge: {{after: p95}}}}\n{HEAD}{SOURCE}"
    text += "".join(f"    {key}: {written}\n" for key in ("hedge", "retry", "circuit_breaker", "cache"))
    policy = desk.load(text).sources[0].policy
    assert (policy.hedge, policy.retry, policy.circuit_breaker, policy.cache) == (None, None, None, None)


def test_what_is_off_by_default_is_on_where_a_source_says_so(desk):
    text = "defaults: {retry: off, cache: {stale_if_error: off}}\n" + HEAD + SOURCE + "    retry: {max_attempts: 2}\n"
    policy = desk.load(text).sources[0].policy
    assert (policy.retry.max_attempts, policy.retry.budget) == (2, 0.1)
    assert policy.cache.stale_if_error is None


@pytest.mark.parametrize(
    ("written", "seconds"), [("250ms", 0.25), ("2s", 2.0), ("1.5s", 1.5), ("5m", 300.0), ("1h", 3600.0), ("1d", 86400.0)]
)
def test_durations_are_seconds(desk, written, seconds):
    assert desk.source(f"timeout: {{per_try: 1ms, total: {written}}}").policy.timeout.total == pytest.approx(seconds)


@pytest.mark.parametrize("written", ["2", "2.5", '"2"', "2 s", "-1s", "0s", "1s30", "soon", "1e3s", "[]", "true", ".inf", "1w"])
def test_anything_else_is_no_duration(desk, written):
    (problem,) = desk.source_problems(f"timeout: {{total: {written}}}")
    assert (problem.code, problem.path) == ("CONFIG_VALUE", ("sources", 0, "timeout", "total"))


@pytest.mark.parametrize(("written", "count"), [("512B", 512), ("64KiB", 65536), ("16MiB", 2**24), ("1GiB", 2**30)])
def test_sizes_are_bytes(desk, written, count):
    assert desk.source(f"max_response: {written}").policy.max_response == count


@pytest.mark.parametrize("written", ["64", "64KB", "64kib", "0B", "-1B", "1.5MiB"])
def test_anything_else_is_no_size(desk, written):
    (problem,) = desk.source_problems(f"max_response: {written}")
    assert problem.path == ("sources", 0, "max_response")


@pytest.mark.parametrize("written", ["101%", "-1%", "0.1", "10", "ten"])
def test_a_share_is_a_percentage(desk, written):
    assert desk.source("retry: {budget: 0.5%}").policy.retry.budget == pytest.approx(0.005)
    (problem,) = desk.source_problems(f"retry: {{budget: {written}}}")
    assert problem.path == ("sources", 0, "retry", "budget")


def test_equal_policies_have_equal_digests():
    assert digest(Policy()) == digest(Policy(timeout=Timeout(per_try=2.0, total=5.0)))
    assert digest(Policy()) != digest(Policy(retry=None))


def test_a_policy_is_made_in_python_with_plain_numbers_and_cannot_change():
    policy = Policy(timeout=Timeout(per_try=0.05, total=1), hedge=None)
    assert policy.timeout.per_try == 0.05
    assert hash(policy) == hash(Policy(timeout=Timeout(per_try=0.05, total=1)))
    with pytest.raises(ValueError, match="frozen"):
        policy.retry = None


# ---------------------------------------------------------------- places and later problems


def test_settings_know_where_everything_stands(desk):
    settings = desk.load(HEAD + SOURCE)
    file = str(desk.folder / "gateway.yaml")
    assert str(settings.mark(("sources", 0, "url"))) == f"{file}:6:5"
    assert str(settings.mark(("sources", "shop", "url", "x"))) == f"{file}:6:5"
    assert settings.mark(()) is None


def test_problems_of_later_rooms_get_their_marks(desk):
    settings = desk.load(HEAD + SOURCE)
    by_name, plain = settings.located([Problem("X", "m", ("sources", "shop", "schema")), Problem("Y", "n")])
    assert by_name.path == ("sources", 0, "schema")
    assert str(by_name.mark).endswith("gateway.yaml:7:5")
    assert plain.mark is None


# ---------------------------------------------------------------- folders


def test_a_folder_is_one_configuration(desk):
    desk.write(HEAD + "version: 1\n", "conf/00-owners.yaml")
    desk.write(SOURCE + "version: 1\n", "conf/10-shop.yaml")
    desk.write(SOURCE.replace("name: shop", "name: more") + "gateway: {state: ./run}\n", "conf/20-more.yml")
    desk.write("owners: {other: {team: Other}}\n", "conf/30-other.yaml")
    desk.write("nonsense", "conf/.hidden.yaml")
    desk.write("nonsense", "conf/notes.txt")
    settings = load(desk.folder / "conf", KINDS, environ={})
    assert [source.name for source in settings.sources] == ["shop", "more"]
    assert sorted(settings.owners) == ["other", "shop"]
    assert settings.gateway.state == desk.folder / "conf" / "run"
    assert str(settings.mark(("sources", 1, "url"))).endswith("20-more.yml:4:5")
    assert str(settings.mark(("owners", "other", "team"))).endswith("30-other.yaml:1:18")


def folder_problems(desk):
    with pytest.raises(ConfigError) as caught:
        load(desk.folder / "conf", KINDS, environ={})
    return caught.value.problems


def test_what_two_files_both_give_is_told_with_both_places(desk):
    desk.write(HEAD + SOURCE, "conf/a.yaml")
    desk.write("version: 2\n" + HEAD + SOURCE, "conf/b.yaml")
    desk.write("version: 1\n", "conf/c.yaml")
    found = {(p.code, p.path, Path(p.mark.file).name) for p in folder_problems(desk)}
    assert ("CONFIG_DUPLICATE", ("owners", "shop"), "b.yaml") in found
    assert ("CONFIG_DUPLICATE", ("sources", 1, "name"), "b.yaml") in found
    assert ("CONFIG_DUPLICATE", ("version",), "c.yaml") in found
    assert all("a.yaml:" in p.message for p in folder_problems(desk) if p.path[0] in ("owners", "sources"))


def test_every_broken_file_of_a_folder_is_told(desk):
    desk.write("a: [", "conf/a.yaml")
    desk.write("", "conf/b.yaml")
    desk.write("- 1", "conf/c.yaml")
    found = [(p.code, Path(p.mark.file).name) for p in folder_problems(desk)]
    assert found == [("YAML_SYNTAX", "a.yaml"), ("CONFIG_EMPTY", "b.yaml"), ("CONFIG_TYPE", "c.yaml")]


def test_a_folder_without_yaml_is_empty(desk):
    desk.write("x", "conf/notes.txt")
    assert [p.code for p in folder_problems(desk)] == ["CONFIG_EMPTY"]
