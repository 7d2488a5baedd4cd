"""How a source may be called: its policy, part by part, and how a source's own keys come over the defaults."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Literal

from pydantic.functional_validators import PlainValidator

from gateway.config.model.part import OFF, Part, setting, short_for
from gateway.config.model.scalars import Duration, File, Hidden, OrUpstream, Percentile, Positive, Ratio, Size, through


class Timeout(Part):
    per_try: Positive = setting("2s", "Longest time one attempt may take. A single duration means this.")
    total: Positive = setting("5s", "Longest time all attempts of one call may take together.")


class Backoff(Part):
    initial: Positive = setting("50ms", "Longest pause before the first retry; it doubles from there.")
    max: Positive = setting("1s", "Longest pause before any retry.")
    jitter: Literal["full", "none"] = setting("full", "`full`: a random part of the pause; `none`: all of it.")


class Retry(Part):
    max_attempts: int = setting(3, "Attempts of one call, the first included.", ge=1, le=20, strict=True)
    backoff: Backoff = setting({}, "Pauses between attempts.")
    budget: Ratio = setting("10%", "Retries (and hedges) there may be per call made, over all calls of the source.")


class CircuitBreaker(Part):
    error_threshold: Ratio = setting("50%", "Share of failed calls in the window that opens the circuit.", gt=0)
    volume_threshold: int = setting(20, "Calls in the window below which the circuit stays closed.", ge=1, strict=True)
    window: Positive = setting("30s", "Length of the rolling window in which calls are counted.")
    reset_timeout: Positive = setting("15s", "Time an open circuit waits before it lets trial calls through.")
    half_open_attempts: int = setting(1, "Trial calls let through at once after that.", ge=1, strict=True)
    scope: Literal["source", "operation"] = setting(
        "source", "`source`: one circuit for all its calls; `operation`: one for each operation."
    )
    hint: Annotated[Literal["shared"] | None, OFF] = setting(
        None,
        "`shared`: replicas with one `cache.store` tell each other of open circuits (`scope: source`); after such a hint a "
        "replica's own first failing call may open its circuit; `off`: each one finds out by itself.",
    )
    slow_call: Annotated[Positive | None, OFF] = setting(
        None, "A call that took this long counts as failed, whatever it answered; `off`: time does not count."
    )


class Concurrency(Part):
    max: int = setting(64, "Calls to the source open at once.", ge=1, le=100_000, strict=True)
    queue: int = setting(128, "Calls that may wait for one of them to end.", ge=0, le=1_000_000, strict=True)
    max_wait: Duration = setting("250ms", "Longest time a call waits there.")
    per_operation: int = setting(32, "Calls of one request to the source open at once.", ge=1, strict=True)
    adaptive: bool = setting(
        False, "`true`: fewer than `max` while the source shows that it has too many, and slowly more again.", strict=True
    )


class Hedge(Part):
    after: Percentile = setting("p95", "Send a second call when the first has taken this long: a percentile or a duration.")
    max_extra: Ratio = setting("5%", "Second calls there may be per call made.")


class CachePolicy(Part):
    ttl: OrUpstream = setting("from_upstream", "How long an answer is fresh: as the source says, or a duration.")
    stale_while_revalidate: OrUpstream = setting(
        "from_upstream", "How long past that a copy is served while it is fetched anew: as the source says, or a duration."
    )
    stale_if_error: Annotated[Duration | None, OFF] = setting(
        "10m", "How long past that a copy is served when the source fails; `off`: never."
    )
    scope: Literal["auto", "public", "private"] = setting(
        "auto", "`auto`: private to the caller if the source sees who asks; `public`: one for all; `private`: never shared."
    )
    not_found: Annotated[Duration | None, OFF] = setting(
        None, "How long a 404 or 410 is remembered where the source does not say; `off`: it is asked again."
    )


class Dns(Part):
    max_age: Positive = setting(
        "30s", "How long an address of the source's host is used before the name is looked up again, and connections renewed."
    )


class Tls(Part):
    ca: File | None = setting(None, "Authorities that are trusted beside the machine's own: a file of PEM certificates.")
    certificate: File | None = setting(None, "What the gateway shows of itself: a PEM certificate, with those it was issued by.")
    key: File | None = setting(None, "The certificate's key; absent: it is in the same file.")


class Policy(Part):
    """The keys of `defaults`, and of each source. Without a default of its own a key is as the other keys' defaults say."""

    timeout: Annotated[Timeout, short_for("per_try", str, int, float)] = setting({}, "How long a call may take.")
    retry: Annotated[Retry | None, OFF] = setting({}, "Failed reads are tried again; `off`: never.")
    circuit_breaker: Annotated[CircuitBreaker | None, OFF] = setting(
        {}, "A source that keeps failing is left alone for a while; `off`: it is not."
    )
    concurrency: Concurrency = setting({}, "How many calls may be open, and how many may wait.")
    hedge: Annotated[Hedge | None, OFF] = setting(None, "A slow call is sent a second time; `off`: it is not.")
    cache: Annotated[CachePolicy | None, OFF] = setting({}, "Answers are kept and used again; `off`: they are not.")
    tls: Annotated[Tls | None, OFF] = setting(
        None, "Private authorities, and a certificate of the gateway's own (mutual TLS); `off`: neither."
    )
    proxy: Annotated[Annotated[str, PlainValidator(through, json_schema_input_type=Hidden)] | None, OFF] = setting(
        None,
        "URL of the proxy its calls go through; `environment`: as `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say; "
        "`off`: none, whatever those say.",
    )
    http2: Literal["off", "negotiated", "always"] = setting(
        "off", "HTTP/2: `negotiated` where the service offers it over TLS; `always`, also without TLS."
    )
    dns: Dns = setting({}, "How the source's host name becomes an address.")
    transport: Literal["pyreqwest", "httpx"] = setting("pyreqwest", "The HTTP client: `pyreqwest` is the quick one.")
    max_response: Size = setting("16MiB", "Largest answer accepted.")


def merged(own: Policy, defaults: Policy) -> Policy:
    """`own` over `defaults`, key by key at every depth: only keys that were written count."""
    return Policy.model_validate(_over(own, defaults, Policy))


def _over(own: Part, default: Part, kind: type[Part]) -> dict[str, object]:
    return {name: _chosen(getattr(own, name), getattr(default, name), name in own.model_fields_set) for name in kind.model_fields}


def _chosen(own: object, default: object, written: bool) -> object:
    if not written:
        return default
    if isinstance(own, Part) and isinstance(default, Part):
        return _over(own, default, type(own))
    return own


def digest(policy: Policy) -> str:
    """What names this policy in the keys of breakers, pools and caches: equal policies, equal digests, in every process."""
    text = json.dumps(policy.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
