"""Sources behind a proxy: the one they name, that of the environment only where asked for, and passwords that stay secret."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from gateway.config.model import Tls
from gateway.errors import SourceError, UpstreamBlocked
from gateway.upstream.transport import Client, HttpxClient, Limits
from gateway.upstream.transport.addresses import origin
from gateway.upstream.transport.proxies import proxy_for
from gateway.upstream.trust import trust_of
from tests.upstream.conftest import OK, Hostile, answers, call
from tests.upstream.proxy import forwarding
from tests.upstream.test_addresses import Dns
from tests.upstream.test_http2 import either, offering
from tests.upstream.test_transport import certificate, served_with  # noqa: F401  a fixture

Start = Callable[..., Awaitable[Hostile]]
Make = Callable[..., Client | HttpxClient]
KINDS = pytest.mark.parametrize("kind", [Client, HttpxClient], ids=["pyreqwest", "httpx"])
PASSWORD = "pass-of-the-pr0xy"


@pytest.fixture
async def made() -> AsyncIterator[Make]:
    clients: list[Client | HttpxClient] = []

    def make(kind: type[Client] | type[HttpxClient], limits: Limits, dns: Dns | None = None) -> Client | HttpxClient:
        clients.append(kind(limits, look_up=dns) if dns else kind(limits))
        return clients[-1]

    yield make
    for client in clients:
        await client.close()


def at(server: Hostile, user: str = "") -> str:
    return f"http://{user + '@' if user else ''}127.0.0.1:{server.port}"


@KINDS
async def test_a_source_is_called_through_the_proxy_it_names(kind: type[Client], made: Make, hostile: Start) -> None:
    seen: list[bytes] = []
    proxy, source = await hostile(forwarding(seen)), await hostile(answers(OK))
    client = made(kind, Limits(per_try=20, proxy=at(proxy)))
    assert (await client.send(call(f"{source.url}x", headers=[("x-key", "1")]))).body == b"{}"
    assert seen[0].startswith(f"GET {source.url}x HTTP/1.1\r\n".encode())
    assert b"x-key: 1" in source.heads[0].lower()


@KINDS
async def test_a_source_with_tls_is_reached_through_a_tunnel_that_reads_nothing(
    kind: type[Client], made: Make, hostile: Start, certificate: tuple[Path, Path]  # noqa: F811  the fixture
) -> None:  # fmt: skip
    seen: list[bytes] = []
    proxy, source = await hostile(forwarding(seen)), await hostile(answers(OK), served_with(certificate))
    client = made(kind, Limits(per_try=20, proxy=at(proxy), tls=trust_of(Tls(ca=certificate[0]))))
    assert (await client.send(call(source.url, headers=[("authorization", "Bearer s3cret")]))).body == b"{}"
    assert seen[0].startswith(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n" % source.port)
    assert b"s3cret" not in b"".join(seen)


@KINDS
async def test_http2_goes_through_the_tunnel_too(
    kind: type[Client], made: Make, hostile: Start, certificate: tuple[Path, Path]  # noqa: F811  the fixture
) -> None:  # fmt: skip
    proxy, source = await hostile(forwarding([])), await hostile(either(), offering(certificate, "h2"))
    limits = Limits(per_try=20, proxy=at(proxy), tls=trust_of(Tls(ca=certificate[0])), http2="negotiated")
    assert (await made(kind, limits).send(call(source.url))).body == b"2"


@KINDS
@pytest.mark.parametrize("secure", [False, True])
async def test_its_password_is_told_to_the_proxy_and_to_nobody_else(
    kind: type[Client], secure: bool, made: Make, hostile: Start, certificate: tuple[Path, Path]  # noqa: F811  the fixture
) -> None:  # fmt: skip
    proxy = await hostile(forwarding([], user=f"me:{PASSWORD}"))
    source = await hostile(answers(OK), served_with(certificate) if secure else None)
    limits = Limits(per_try=20, proxy=at(proxy, f"me:{PASSWORD}"), tls=trust_of(Tls(ca=certificate[0])))
    assert (await made(kind, limits).send(call(source.url))).body == b"{}"
    assert b"proxy-authorization" not in source.heads[0].lower()


async def told(client: Client | HttpxClient, url: str) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await client.send(call(url))
    return caught.value


@KINDS
@pytest.mark.parametrize("secure", [False, True])
async def test_a_proxy_that_does_not_know_the_gateway_is_not_the_source_s_fault(
    kind: type[Client], secure: bool, made: Make, hostile: Start
) -> None:
    proxy = await hostile(forwarding([], user="you:other"))
    error = await told(made(kind, Limits(per_try=20, proxy=at(proxy, f"me:{PASSWORD}"))), f"http{'s' * secure}://127.0.0.1:9/")
    assert (error.code, error.error_type) == ("UPSTREAM_UNREACHABLE", "proxy_configuration_error")
    assert "proxy" in error.said
    assert PASSWORD not in f"{error} {error.said}"


@KINDS
async def test_a_proxy_that_refuses_the_tunnel_says_so(kind: type[Client], made: Make, hostile: Start) -> None:
    proxy = await hostile(forwarding([], refusing=b"403 Forbidden"))
    error = await told(made(kind, Limits(per_try=20, proxy=at(proxy))), "https://source.test/")
    assert (error.code, error.error_type) == ("UPSTREAM_UNREACHABLE", "proxy_configuration_error")


@KINDS
async def test_a_proxy_that_is_not_there_is_a_refused_connection(kind: type[Client], made: Make, hostile: Start) -> None:
    gone = await hostile(forwarding([]))
    await gone.stop()
    error = await told(made(kind, Limits(per_try=20, proxy=at(gone))), "http://127.0.0.1:9/")
    assert (error.code, error.error_type) == ("UPSTREAM_UNREACHABLE", "connection_refused")


@KINDS
async def test_the_environment_decides_only_where_it_is_asked_for(
    kind: type[Client], made: Make, hostile: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bytes] = []
    proxy, source = await hostile(forwarding(seen)), await hostile(answers(OK))
    monkeypatch.setenv("http_proxy", at(proxy))
    await made(kind, Limits(per_try=20)).send(call(source.url))
    assert seen == []
    await made(kind, Limits(per_try=20, proxy="environment")).send(call(source.url))
    assert len(seen) == 1
    monkeypatch.setenv("no_proxy", "localhost,127.0.0.1")
    await made(kind, Limits(per_try=20, proxy="environment")).send(call(source.url))
    assert len(seen) == 1


def test_the_environment_is_read_as_everyone_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", ".inside.test,other.test:8443")
    expected = {
        "https://source.test/": "http://proxy.test:3128",
        "http://source.test/": None,
        "https://a.inside.test/": None,
        "https://other.test:8443/": None,
        "https://other.test/": "http://proxy.test:3128",
    }
    assert {url: proxy_for("environment", origin(url)) for url in expected} == expected
    assert proxy_for("http://own.test", origin("https://a.inside.test/")) == "http://own.test"
    assert proxy_for(None, origin("https://source.test/")) is None


@KINDS
async def test_the_name_of_a_proxy_is_looked_up_and_pinned_and_that_of_its_source_is_left_to_it(
    kind: type[Client], made: Make, hostile: Start
) -> None:
    seen: list[bytes] = []
    proxy = await hostile(forwarding(seen, refusing=b"403 Forbidden"))
    dns = Dns("127.0.0.1")
    client = made(kind, Limits(per_try=20, proxy=f"http://localhost:{proxy.port}"), dns)
    await told(client, "https://only-the-proxy-knows.test/")
    assert seen[0].startswith(b"CONNECT only-the-proxy-knows.test:443 ")
    assert dns.asked == 1


@KINDS
async def test_no_proxy_leads_to_a_metadata_service_and_none_is_at_its_address(
    kind: type[Client], made: Make, hostile: Start
) -> None:
    seen: list[bytes] = []
    proxy = await hostile(forwarding(seen))
    assert isinstance(await told(made(kind, Limits(proxy=at(proxy))), "http://169.254.169.254/latest"), UpstreamBlocked)
    assert isinstance(await told(made(kind, Limits(proxy="http://169.254.169.254:80")), "http://127.0.0.1:9/"), UpstreamBlocked)
    named = made(kind, Limits(proxy="http://proxy.test:80"), Dns("169.254.169.254"))
    assert isinstance(await told(named, "http://127.0.0.1:9/"), UpstreamBlocked)
    assert seen == []
