"""Both clients against servers that break every rule.

Seconds here are real, so each test is either patient (it ends long before its time is over, however busy the machine) or it is
about a time that ends, and then nothing but that end can come first.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from pyreqwest import exceptions as wire

from gateway.config.model import Tls
from gateway.errors import SourceError, UpstreamError, UpstreamUnreachable
from gateway.upstream.call import Request
from gateway.upstream.transport import Client, HttpxClient, Limits, data, exchange
from gateway.upstream.transport.limits import Budget
from gateway.upstream.trust import trust_of
from tests.upstream.conftest import OK, Conversation, Hostile, answers, call, silence

Start = Callable[..., Awaitable[Hostile]]
AnyClient = Client | HttpxClient
ROOT = Path(__file__).parents[2]
LIMITS = Limits(per_try=20, max_connections=4, max_response=1000)
BRIEF = Limits(per_try=1.5, max_connections=4, max_response=1000)
"""For what ends by `per_try` alone: long enough to have connected before, on any machine."""


@pytest.fixture(params=[Client, HttpxClient], ids=["pyreqwest", "httpx"])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[AnyClient]:
    client: AnyClient = request.param(LIMITS)
    yield client
    await client.close()


@pytest.fixture(params=[Client, HttpxClient], ids=["pyreqwest", "httpx"])
async def brief(request: pytest.FixtureRequest) -> AsyncIterator[AnyClient]:
    client: AnyClient = request.param(BRIEF)
    yield client
    await client.close()


@pytest.fixture
async def pooled() -> AsyncIterator[Client]:
    client = Client(LIMITS)
    yield client
    await client.close()


@pytest.fixture
async def pooled_briefly() -> AsyncIterator[Client]:
    client = Client(BRIEF)
    yield client
    await client.close()


def head(*fields: bytes, status: bytes = b"200 OK") -> bytes:
    return b"\r\n".join((b"HTTP/1.1 " + status, *fields, b"", b""))


def sized(body: bytes) -> bytes:
    return head(b"content-length: %d" % len(body)) + body


async def failing(client: AnyClient, url: str, **more: object) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await client.send(call(url, **more))
    return caught.value


# ---------------------------------------------------------------- answers


async def test_an_answer_arrives_with_status_lower_case_headers_and_body(client: AnyClient, hostile: Start) -> None:
    server = await hostile(answers(head(b"X-Thing: A", b"Content-Length: 2", status=b"203 Fine") + b"{}"))
    reply = await client.send(call(server.url))
    assert (reply.status, reply.headers["x-thing"], reply.body) == (203, "A", b"{}")
    assert type(reply.body) is bytes


async def test_method_headers_and_body_arrive_as_the_call_has_them(client: AnyClient, hostile: Start) -> None:
    server = await hostile(answers(OK))
    await client.send(call(server.url + "a?b=c", [("x-a", "1"), ("x-a", "2")], method="POST", body=b"{query}"))
    assert server.heads[0].startswith(b"POST /a?b=c HTTP/1.1\r\n")
    assert b"x-a: 1\r\nx-a: 2\r\n" in server.heads[0]
    assert b"content-length: 7\r\n" in server.heads[0].lower()


async def test_compression_is_not_asked_for_and_what_comes_anyway_is_left_as_it_is(client: AnyClient, hostile: Start) -> None:
    server = await hostile(answers(head(b"content-encoding: gzip", b"content-length: 2") + b"zz"))
    reply = await client.send(call(server.url))
    assert b"gzip" not in server.heads[0]
    assert reply.body == b"zz"


async def test_fields_of_one_name_are_joined(client: AnyClient, hostile: Start) -> None:
    server = await hostile(answers(head(b"vary: a", b"x: 1", b"vary: b", b"content-length: 0")))
    assert (await client.send(call(server.url))).headers["vary"] == "a, b"


async def test_a_header_that_is_not_text_does_not_cost_the_reply(pooled: Client, hostile: Start) -> None:
    server = await hostile(answers(head(b"x-name: caf\xe9", b"x-b: 1", b"content-length: 2") + b"{}"))
    reply = await pooled.send(call(server.url))
    assert reply.headers == {"x-b": "1", "content-length": "2"}


async def test_interim_answers_are_skipped(client: AnyClient, hostile: Start) -> None:
    server = await hostile(answers(head(status=b"100 Continue") + head(b"link: x", status=b"103 Early Hints") + OK))
    assert (await client.send(call(server.url))).status == 200


async def test_cookies_are_not_kept(client: AnyClient, hostile: Start) -> None:
    reply = head(b"set-cookie: a=b; path=/", b"content-length: 0", b"connection: close")
    server = await hostile(answers(reply))
    await client.send(call(server.url))
    await client.send(call(server.url))
    assert len(server.heads) == 2
    assert b"cookie" not in server.heads[1].lower()


async def test_proxies_of_the_environment_are_ignored(hostile: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server = await hostile(answers(OK, OK))
    for kind in (Client, HttpxClient):
        client: AnyClient = kind(LIMITS)
        assert (await client.send(call(server.url))).status == 200
        await client.close()


# ---------------------------------------------------------------- every failure has its code

TRUNCATED = head(b"content-length: 100") + b"abc"
CHUNKED = head(b"transfer-encoding: chunked")


@pytest.mark.parametrize(
    ("said", "code", "error_type"),
    [
        pytest.param(b"", "UPSTREAM_UNREACHABLE", "connection_terminated", id="nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-le", "UPSTREAM_UNREACHABLE", "connection_terminated", id="half a head"),
        pytest.param(TRUNCATED, "UPSTREAM_BAD_CONTENT", "http_response_incomplete", id="half a body"),
        pytest.param(CHUNKED + b"3\r\nabc\r\n", "UPSTREAM_BAD_CONTENT", "http_response_incomplete", id="half the chunks"),
        pytest.param(CHUNKED + b"zz\r\nabc\r\n", "UPSTREAM_BAD_CONTENT", "http_protocol_error", id="a wrong chunk"),
        pytest.param(b"hello there\r\n\r\n", "UPSTREAM_BAD_CONTENT", "http_protocol_error", id="not HTTP"),
        pytest.param(b"<html></html>", "UPSTREAM_BAD_CONTENT", "http_protocol_error", id="a page without a head"),
        pytest.param(head(status=b"abc"), "UPSTREAM_BAD_CONTENT", "http_protocol_error", id="no status"),
        pytest.param(
            head(b"content-length: 0", b"a: x\x00y"), "UPSTREAM_BAD_CONTENT", "http_protocol_error", id="NUL in a header"
        ),
        pytest.param(head(b"content-length: -3"), "UPSTREAM_BAD_CONTENT", "http_protocol_error", id="a negative length"),
        pytest.param(
            head(b"content-length: 1", b"content-length: 2") + b"ab",
            "UPSTREAM_BAD_CONTENT",
            "http_protocol_error",
            id="two lengths",
        ),
        pytest.param(sized(b"x" * 1001), "UPSTREAM_TOO_LARGE", "http_response_body_size", id="a byte too many"),
        pytest.param(head() + b"x" * 100_000, "UPSTREAM_TOO_LARGE", "http_response_body_size", id="too much, no length"),
        pytest.param(
            head(b"x: " + b"y" * 2_000_000), "UPSTREAM_TOO_LARGE", "http_response_header_section_size", id="too large a head"
        ),
        pytest.param(
            head(*[b"x%d: y" % n for n in range(101)]),
            "UPSTREAM_TOO_LARGE",
            "http_response_header_section_size",
            id="too many fields",
        ),
        pytest.param(
            head(b"location: http://169.254.169.254/", b"content-length: 0", status=b"302 Found"),
            "UPSTREAM_BLOCKED",
            "destination_ip_prohibited",
            id="a redirect",
        ),
    ],
)
async def test_each_wrong_answer_has_its_code(pooled: Client, hostile: Start, said: bytes, code: str, error_type: str) -> None:
    server = await hostile(answers(said))
    error = await failing(pooled, server.url)
    assert (error.code, error.error_type) == (code, error_type)
    assert server.url not in error.message
    assert pooled.open_calls == 0
    await server.until(lambda: server.open == 0)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        pytest.param(b"", "UPSTREAM_BAD_CONTENT", id="nothing"),
        pytest.param(TRUNCATED, "UPSTREAM_BAD_CONTENT", id="half a body"),
        pytest.param(b"hello there\r\n\r\n", "UPSTREAM_BAD_CONTENT", id="not HTTP"),
        pytest.param(sized(b"x" * 1001), "UPSTREAM_TOO_LARGE", id="a byte too many"),
        pytest.param(head(b"location: /x", b"content-length: 0", status=b"307 Elsewhere"), "UPSTREAM_BLOCKED", id="a redirect"),
    ],
)
async def test_the_control_plane_tells_wrong_answers_apart_too(hostile: Start, said: bytes, code: str) -> None:
    client = HttpxClient(LIMITS)
    server = await hostile(answers(said))
    assert (await failing(client, server.url)).code == code
    await client.close()


async def test_a_body_of_exactly_the_limit_is_taken(client: AnyClient, hostile: Start) -> None:
    server = await hostile(answers(sized(b"x" * 1000)))
    assert len((await client.send(call(server.url))).body) == 1000


async def test_a_claimed_length_reserves_no_memory(pooled_briefly: Client, hostile: Start) -> None:
    server = await hostile(answers(head(b"content-length: 99999999999999999") + b"abc", hold=True))
    assert (await failing(pooled_briefly, server.url)).code == "UPSTREAM_TIMEOUT"


async def test_a_reset_before_the_answer_is_unreachable(client: AnyClient, hostile: Start) -> None:
    async def reset(conversation: Conversation) -> None:
        await conversation.asked()
        conversation.reset()

    error = await failing(client, (await hostile(reset)).url)
    assert (error.code, error.error_type) == ("UPSTREAM_UNREACHABLE", "connection_terminated")


async def test_a_reset_within_the_body_is_an_incomplete_answer(pooled: Client, hostile: Start) -> None:
    async def reset(conversation: Conversation) -> None:
        await conversation.asked()
        await conversation.say(TRUNCATED)
        await asyncio.sleep(0.05)  # the bytes must be read before the RST discards them
        conversation.reset()

    error = await failing(pooled, (await hostile(reset)).url)
    assert (error.code, error.error_type) == ("UPSTREAM_BAD_CONTENT", "http_response_incomplete")


async def test_a_refused_connection_is_unreachable(client: AnyClient) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        error = await failing(client, f"http://127.0.0.1:{taken.getsockname()[1]}/")
    assert (error.code, error.error_type) == ("UPSTREAM_UNREACHABLE", "connection_refused")


async def test_an_unknown_host_is_a_dns_error(client: AnyClient) -> None:
    error = await failing(client, "http://no-such-host.invalid/")
    assert (error.code, error.error_type) == ("UPSTREAM_UNREACHABLE", "dns_error")


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "/relative", "http://[::1", "http://127.0.0.1:99999/", "http://"])
async def test_a_url_that_cannot_be_called_is_blocked(client: AnyClient, url: str) -> None:
    assert (await failing(client, url)).code == "UPSTREAM_BLOCKED"


@pytest.mark.parametrize("header", [("x-a", "b\r\nx-evil: 1"), ("x-a", "secret\x00"), ("x a", "secret")])
async def test_a_header_that_would_smuggle_is_not_sent(client: AnyClient, hostile: Start, header: tuple[str, str]) -> None:
    server = await hostile(answers(OK))
    error = await failing(client, server.url, headers=[header])
    assert error.code == "UPSTREAM_BLOCKED"
    assert header[1] not in error.message
    assert server.heads == []


# ---------------------------------------------------------------- time


async def test_silence_ends_with_per_try(brief: AnyClient, hostile: Start) -> None:
    server = await hostile(silence)
    error = await failing(brief, server.url)
    assert (error.code, error.error_type, error.details) == ("UPSTREAM_TIMEOUT", "http_response_timeout", {"budget_ms": 1500})
    await server.until(lambda: server.open == 0)


async def test_a_drip_is_no_progress(brief: AnyClient, hostile: Start) -> None:
    async def drip(conversation: Conversation) -> None:
        await conversation.asked()
        await conversation.say(head(b"content-length: 1000"))
        while True:
            await conversation.say(b"x")
            await asyncio.sleep(0.02)

    error = await failing(brief, (await hostile(drip)).url)
    assert error.code == "UPSTREAM_TIMEOUT"


async def test_a_connection_that_is_not_accepted_is_a_connection_timeout(pooled_briefly: Client) -> None:
    with socket.socket() as full, socket.socket() as one, socket.socket() as two:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for filler in (one, two):
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        error = await failing(pooled_briefly, f"http://127.0.0.1:{full.getsockname()[1]}/")
    assert (error.code, error.error_type) == ("UPSTREAM_TIMEOUT", "connection_timeout")


async def test_the_deadline_cuts_a_call_short_and_is_not_the_source_s_fault(client: AnyClient, hostile: Start) -> None:
    server = await hostile(silence)
    error = await failing(client, server.url, request=Request(id="r", deadline=time.monotonic() + 0.1))
    assert error.code == "DEADLINE_EXCEEDED"


async def test_a_try_cut_short_by_the_policy_s_total_is_a_timeout_of_the_source(client: AnyClient, hostile: Start) -> None:
    server = await hostile(silence)
    error = await failing(client, server.url, deadline=time.monotonic() + 0.1)
    assert error.code == "UPSTREAM_TIMEOUT"
    assert 0 < error.details["budget_ms"] <= 100


async def test_a_call_without_time_is_not_made(client: AnyClient, hostile: Start) -> None:
    server = await hostile(silence)
    assert (await failing(client, server.url, deadline=time.monotonic() - 1)).code == "DEADLINE_EXCEEDED"
    assert server.opened == 0


# ---------------------------------------------------------------- TLS


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(certificate, key) for 127.0.0.1, signed by itself."""
    folder = tmp_path_factory.mktemp("tls")
    made = (folder / "cert.pem", folder / "key.pem")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=source"
    command += " -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE"
    subprocess.run([*command.split(), "-out", made[0], "-keyout", made[1]], check=True, capture_output=True)
    return made


def served_with(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    return context


async def test_an_untrusted_certificate_is_refused(client: AnyClient, hostile: Start, certificate: tuple[Path, Path]) -> None:
    server = await hostile(answers(OK), served_with(certificate))
    error = await failing(client, server.url)
    assert (error.code, error.error_type, error.retryable) == ("UPSTREAM_TLS", "tls_certificate_error", False)
    assert server.heads == []


@pytest.mark.parametrize("kind", [Client, HttpxClient])
async def test_a_certificate_of_the_machine_s_trust_store_is_taken_for_its_own_name_only(
    kind: type[AnyClient], hostile: Start, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    client = kind(LIMITS)
    server = await hostile(answers(OK), served_with(certificate))
    assert (await client.send(call(server.url))).status == 200
    error = await failing(client, server.url.replace("127.0.0.1", "localhost"))
    assert (error.code, error.error_type) == ("UPSTREAM_TLS", "tls_certificate_error")
    await client.close()


@pytest.mark.parametrize("kind", [Client, HttpxClient])
async def test_a_private_authority_is_trusted_where_it_is_named(
    kind: type[AnyClient], hostile: Start, certificate: tuple[Path, Path]
) -> None:
    server = await hostile(answers(OK), served_with(certificate))
    client = kind(Limits(per_try=20, tls=trust_of(Tls(ca=certificate[0]))))
    assert (await client.send(call(server.url))).status == 200
    await client.close()


@pytest.mark.parametrize("kind", [Client, HttpxClient])
@pytest.mark.parametrize("shown", [True, False])
async def test_a_source_that_wants_to_see_a_certificate_is_shown_one(
    kind: type[AnyClient], hostile: Start, certificate: tuple[Path, Path], shown: bool
) -> None:
    context = served_with(certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certificate[0])
    server = await hostile(answers(OK), context)
    own = Tls(ca=certificate[0], certificate=certificate[0], key=certificate[1]) if shown else Tls(ca=certificate[0])
    client = kind(Limits(per_try=20, tls=trust_of(own)))
    if shown:
        assert (await client.send(call(server.url))).status == 200
    else:
        with pytest.raises(UpstreamError):
            await client.send(call(server.url))
        assert server.heads == []
    await client.close()


@pytest.mark.parametrize("named", ["missing.pem", "empty.pem", "text.pem"])
def test_a_file_that_holds_no_certificate_is_told_by_its_name_alone(tmp_path: Path, named: str) -> None:
    (tmp_path / "empty.pem").write_text("")
    (tmp_path / "text.pem").write_text("secret words")
    with pytest.raises(ValueError, match="tls: ") as told:
        trust_of(Tls(certificate=tmp_path / named))
    assert "secret" not in str(told.value)


async def test_tls_to_a_plain_server_is_a_protocol_error(client: AnyClient, hostile: Start) -> None:
    async def plain(conversation: Conversation) -> None:
        await conversation.say(head(status=b"400 Bad Request"))
        await conversation.until_closed()

    server = await hostile(plain)
    error = await failing(client, server.url.replace("http:", "https:"))
    assert (error.code, error.error_type) == ("UPSTREAM_TLS", "tls_protocol_error")


async def test_a_broken_off_handshake_is_a_protocol_error(pooled: Client, hostile: Start) -> None:
    async def hang_up(conversation: Conversation) -> None:
        await conversation.reader.read(1)

    error = await failing(pooled, (await hostile(hang_up)).url.replace("http:", "https:"))
    assert (error.code, error.error_type) == ("UPSTREAM_TLS", "tls_protocol_error")


# ---------------------------------------------------------------- connections


async def test_connections_are_reused(pooled: Client, hostile: Start) -> None:
    server = await hostile(answers(*[OK] * 5))
    for _ in range(5):
        await pooled.send(call(server.url))
    assert server.opened == 1


async def test_a_smuggled_second_answer_is_given_to_nobody(client: AnyClient, hostile: Start) -> None:
    server = await hostile(answers(sized(b"mine") + sized(b"evil"), sized(b"late"), hold=True))
    assert (await client.send(call(server.url))).body == b"mine"
    assert (await client.send(call(server.url))).body == b"mine"
    assert server.opened == 2


async def test_a_stale_kept_alive_connection_is_tried_once_more(pooled: Client, hostile: Start) -> None:
    async def once(conversation: Conversation) -> None:
        await conversation.asked()
        await conversation.say(OK)
        await conversation.asked()  # the second request comes; this end had meant to hang up

    server = await hostile(once)
    await pooled.send(call(server.url))
    assert (await pooled.send(call(server.url))).status == 200
    assert (server.opened, len(server.heads)) == (2, 3)


async def test_a_fresh_connection_that_breaks_is_not_tried_again(pooled: Client, hostile: Start) -> None:
    server = await hostile(answers(b""))
    for calls in (1, 2):
        with pytest.raises(UpstreamUnreachable):
            await pooled.send(call(server.url))
        assert len(server.heads) == calls


# ---------------------------------------------------------------- cancellation and the end


async def cancelled(client: AnyClient, server: Hostile, calls: int = 1) -> None:
    """Let callers leave while their calls are on the wire."""
    tasks = [asyncio.create_task(client.send(call(server.url))) for _ in range(calls)]
    await server.until(lambda: server.open == calls)
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)


async def test_a_cancelled_caller_leaves_at_once_and_its_connection_within_per_try(brief: AnyClient, hostile: Start) -> None:
    server = await hostile(silence)
    await cancelled(brief, server, 3)
    await server.until(lambda: server.open == 0)


async def test_orphans_are_counted_until_their_connection_is_free(pooled_briefly: Client, hostile: Start) -> None:
    server, client = await hostile(silence), pooled_briefly
    freed = asyncio.Event()
    client.orphans.freed = freed.set
    await cancelled(client, server, 4)
    assert (client.orphans.count, client.open_calls, server.open) == (4, 4, 4)
    await freed.wait()
    await client.close()
    assert (client.orphans.count, client.open_calls) == (0, 0)
    await server.until(lambda: server.open == 0)


async def test_an_answered_orphan_is_over_at_once_and_its_connection_is_reused(pooled: Client, hostile: Start) -> None:
    gate = asyncio.Event()

    async def gated(conversation: Conversation) -> None:
        while True:
            await conversation.asked()
            await gate.wait()
            await conversation.say(OK)

    server = await hostile(gated)
    freed = asyncio.Event()
    pooled.orphans.freed = freed.set
    await cancelled(pooled, server)
    gate.set()
    await asyncio.wait_for(freed.wait(), LIMITS.per_try / 2)
    await pooled.send(call(server.url))
    assert server.opened == 1


async def test_close_waits_for_calls_that_are_open(client: AnyClient, hostile: Start) -> None:
    gate = asyncio.Event()

    async def gated(conversation: Conversation) -> None:
        await conversation.asked()
        await gate.wait()
        await conversation.say(OK)

    server = await hostile(gated)
    sending = asyncio.create_task(client.send(call(server.url)))
    await server.until(lambda: server.open == 1)
    closing = asyncio.create_task(client.close())
    await asyncio.sleep(0)
    assert not closing.done()
    gate.set()
    assert (await sending).status == 200
    await closing


async def test_close_waits_for_orphans(pooled_briefly: Client, hostile: Start) -> None:
    server = await hostile(silence)
    await cancelled(pooled_briefly, server, 2)
    await pooled_briefly.close()
    await server.until(lambda: server.open == 0)


async def test_a_closed_client_says_so_and_keeps_no_connection(client: AnyClient, hostile: Start) -> None:
    server = await hostile(answers(OK, hold=True))
    await client.send(call(server.url))
    await client.close()
    assert (await failing(client, server.url)).code == "SOURCE_UNAVAILABLE"
    await server.until(lambda: server.open == 0)


# ---------------------------------------------------------------- completeness


def made(kind: type[Exception]) -> Exception:
    error = kind.__new__(kind)
    error.details = {"causes": None}  # type: ignore[attr-defined]  # what pyreqwest's own errors have
    return error


@pytest.mark.parametrize("kind", [k for k in vars(wire).values() if isinstance(k, type) and issubclass(k, wire.PyreqwestError)])
def test_every_exception_of_pyreqwest_means_one_of_ours(kind: type[Exception]) -> None:
    error = data.failure(made(kind), Budget(1.0))
    bases = {wire.PyreqwestError, wire.DetailedPyreqwestError, wire.RequestError, wire.RequestPanicError}
    assert (error.error_type == "proxy_internal_error") == (kind in bases)


@pytest.mark.parametrize("kind", [k for k in vars(httpx).values() if isinstance(k, type) and issubclass(k, httpx.HTTPError)])
def test_every_exception_of_httpx_means_one_of_ours(kind: type[Exception]) -> None:
    error = exchange.failure(made(kind))
    assert isinstance(error, SourceError)
    if isinstance(error, UpstreamError):
        assert error.error_type != "proxy_internal_error"


SHUTDOWN = """
import asyncio, os, socket, sys
import uvloop
from gateway.upstream.transport import Client, Limits
from tests.upstream.conftest import call

async def main():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        client = Client(Limits(per_try=1.5))
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        tasks = [asyncio.create_task(client.send(call(url))) for _ in range(3)]
        await asyncio.sleep(0.05)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        print(client.open_calls, client.orphans.count)
        await client.close()
        print(client.open_calls, client.orphans.count)

runner = uvloop.run if sys.argv[1] == "uvloop" else asyncio.run
runner(main())
sys.stdout.flush()
os._exit(7)
"""


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_a_process_that_closes_its_clients_and_leaves_by_os_exit_ends_in_peace(loop: str) -> None:
    """Without both it may abort: pyreqwest's thread does not survive the end of the interpreter under it."""
    ended = subprocess.run([sys.executable, "-c", SHUTDOWN, loop], capture_output=True, text=True, timeout=30, cwd=ROOT)
    assert (ended.returncode, ended.stdout, ended.stderr) == (7, "3 3\n0 0\n", "")
