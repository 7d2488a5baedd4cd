"""The gateway's own credentials at a source: a token by the client credentials grant (RFC 6749, 4.4), renewed before it ends.

The token is put on a call inside cache and flight, so it is part of no key and of nobody's identity.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import re
from base64 import b64encode
from collections.abc import Callable
from math import inf, isfinite
from urllib.parse import quote_plus, urlencode

import msgspec
from msgspec.structs import replace

from gateway.config.model import ClientCredentials
from gateway.errors import DeadlineExceeded, SourceError, UpstreamError, UpstreamUnauthenticated, UpstreamUnreachable
from gateway.upstream.call import Call, Layer, Reply, Request, Send
from gateway.upstream.clock import Clock
from gateway.upstream.layers.verify import retry_after
from gateway.upstream.transport import HttpxClient, Limits
from gateway.upstream.transport.addresses import origin

log = logging.getLogger("gateway.upstream")

TOKEN_TIME = 5.0
"""Seconds the token endpoint may take to answer."""
TOKEN_SIZE = 64 * 1024
MARGIN = 30.0
"""Seconds before its end from which a token is no longer used; for short-lived ones a tenth of their life."""
ASSUMED = 300.0
"""Seconds a token is used whose end the endpoint does not tell (RFC 6749, 5.1 only recommends it)."""
LEAST = 1.0
"""Seconds a token is used at least, so that an endpoint that hands out dead ones is not asked for each call."""
PAUSE = 5.0
"""Seconds between two tokens that a 401 of the source may cost, and until refused credentials are shown again."""
SENDABLE = re.compile(r"[\x21-\x7e]{1,16384}")
"""What may stand in a header as a token (RFC 6750, 2.1, and what servers make of it)."""

NO_ANSWER = "could not be called, because the token endpoint that gives the gateway its credentials"
REFUSED = "could not be called, because the token endpoint refused the gateway's own credentials"


class _Granted(msgspec.Struct):
    """RFC 6749, 5.1."""

    access_token: str
    token_type: str
    expires_in: float | str | None = None


class Token(msgspec.Struct, frozen=True):
    """`until` on the `time.monotonic` clock. Compared by identity: the same text may be given twice."""

    value: str
    until: float

    def __repr__(self) -> str:
        return "Token(***)"


class Tokens:
    """The token of one source, for all its calls. Whoever first finds none asks for it, inline; the others wait for that."""

    def __init__(self, source: str, grant: ClientCredentials, send: Send, clock: Clock) -> None:
        self._source = source
        self._grant = grant
        self._send = send
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token: Token | None = None
        self._dropped = -inf
        self._failure: UpstreamError | None = None
        self._failures = 0
        self._refused_until = -inf

    async def current(self, call: Call) -> Token:
        """Raises what a failing token endpoint means for this source, or `DeadlineExceeded` when the request has no more time."""
        return self._usable() or await self._waited_for(call)

    def refused(self, token: Token) -> bool:
        """The source answered 401 to it. True: another one may be tried. One that is refused again and again is kept a while."""
        if self._token is not token:
            return True
        now = self._clock.monotonic()
        if now < self._dropped + PAUSE:
            return False
        self._token, self._dropped = None, now
        return True

    def _usable(self) -> Token | None:
        token = self._token
        return token if token is not None and self._clock.monotonic() < token.until else None

    async def _waited_for(self, call: Call) -> Token:
        began, until = self._clock.monotonic(), min(call.deadline, call.request.deadline)
        try:
            async with asyncio.timeout(max(until - began, 0.0) if isfinite(until) else None):
                return await self._one_at_a_time()
        except TimeoutError:
            if call.request.deadline <= call.deadline:
                raise DeadlineExceeded(deadline_ms=round((until - began) * 1000)) from None
            raise _unreachable("did not answer in time", "http_response_timeout") from None
        except UpstreamError as error:
            error.elapsed = self._clock.monotonic() - began
            raise

    async def _one_at_a_time(self) -> Token:
        """A failure is that of everybody who waited for it; a leader that is cancelled leaves the next in line to ask."""
        failures = self._failures
        async with self._lock:
            if (token := self._usable()) is not None:
                return token
            failed_meanwhile = self._failures != failures or self._clock.monotonic() < self._refused_until
            if self._failure is not None and failed_meanwhile:
                raise copy.copy(self._failure)
            try:
                self._token = await self._asked()
            except UpstreamError as error:
                self._remember(error)
                raise
            return self._token

    def _remember(self, error: UpstreamError) -> None:
        log.warning("source %s %s", self._source, error.said)
        self._failure = copy.copy(error)
        self._failures += 1
        if isinstance(error, UpstreamUnauthenticated):
            self._refused_until = self._clock.monotonic() + PAUSE

    async def _asked(self) -> Token:
        began = self._clock.monotonic()
        try:
            reply = await self._send(_token_call(self._grant))
        except SourceError as error:
            raise _failed(error) from error
        granted = _granted(reply, self._clock.wall())
        return Token(granted.access_token, began + _lifetime(granted.expires_in))


def tokens_for(source: str, grant: ClientCredentials, clock: Clock) -> tuple[Tokens, HttpxClient]:
    """A source's tokens, and the client they are asked for with, which is to be closed."""
    client = HttpxClient(Limits(TOKEN_TIME, 1, TOKEN_SIZE)).ready()
    return Tokens(source, grant, client.send, clock), client


def credentials(tokens: Tokens, failed: Callable[[UpstreamError], None], only: str | None = None) -> Layer:
    """`failed` is told when the token endpoint fails. `only`: a URL; calls that go to another origin are sent without a token.

    A call that brings its own `authorization` is sent as it is.
    """
    home = _origin(only) if only is not None else None

    def layer(send: Send) -> Send:
        async def bearing(call: Call) -> tuple[Call, Token]:
            try:
                token = await tokens.current(call)
            except UpstreamError as error:
                failed(error)
                raise
            return replace(call, headers=(*call.headers, ("authorization", f"Bearer {token.value}"))), token

        async def credentialed(call: Call) -> Reply:
            elsewhere = home is not None and _origin(call.url) != home
            if elsewhere or any(name == "authorization" for name, _ in call.headers):
                return await send(call)
            sent, token = await bearing(call)
            try:
                return await send(sent)
            except UpstreamUnauthenticated:
                if not tokens.refused(token):
                    raise
            return await send((await bearing(call))[0])

        return credentialed

    return layer


def _origin(url: str) -> str | None:
    try:
        return origin(url).prefix
    except ValueError:
        return None


# ---------------------------------------------------------------- the exchange with the token endpoint


def _token_call(grant: ClientCredentials) -> Call:
    """RFC 6749, 4.4.2, with the client's name and secret as HTTP Basic (2.3.1: each form-encoded first)."""
    secret = f"{quote_plus(grant.client_id)}:{quote_plus(grant.client_secret.get_secret_value())}"
    asked = {"grant_type": "client_credentials"} | ({"scope": grant.scope} if grant.scope else {})
    headers = (
        ("accept", "application/json"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("authorization", f"Basic {b64encode(secret.encode()).decode('ascii')}"),
    )
    body = urlencode(asked).encode("ascii")
    return Call("POST", grant.token_url, headers, body, "POST token endpoint", Request(id="req_token"), lambda reply: reply)


def _granted(reply: Reply, now: float) -> _Granted:
    """What the endpoint says is never told: it may repeat the secret."""
    status = reply.status
    if status == 429 or status >= 500:
        error = _unreachable(f"answered {status}", str(status))
        error.retry_after = retry_after(reply.headers.get("retry-after"), now)
        raise error
    if 400 <= status < 500:
        raise UpstreamUnauthenticated(f"{REFUSED} (it answered {status})", error_type=str(status))
    try:
        granted = msgspec.json.decode(reply.body, type=_Granted) if status == 200 else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        granted = None
    if granted is None or granted.token_type.lower() != "bearer" or not SENDABLE.fullmatch(granted.access_token):
        raise _unreachable("answered with something that is not a bearer token", "http_protocol_error")
    return granted


def _lifetime(expires_in: float | str | None) -> float:
    """Seconds from the asking. Some endpoints write the number as a string."""
    try:
        life = ASSUMED if expires_in is None else float(expires_in)
    except ValueError:
        life = ASSUMED
    if not isfinite(life):
        life = ASSUMED
    return max(LEAST, life - min(MARGIN, life / 10))


def _failed(error: SourceError) -> UpstreamUnreachable:
    """The sentence of the transport goes on from `the token endpoint`, as it does from a source's name."""
    unreachable = _unreachable(error.said, error.error_type)
    unreachable.retryable = error.retryable
    return unreachable


def _unreachable(said: str, error_type: str) -> UpstreamUnreachable:
    return UpstreamUnreachable(f"{NO_ANSWER} {said}", error_type=error_type)
