"""From a host's name to the addresses that may be called.

A name is looked up here and not by the HTTP client: so that what is connected to is what was checked (no answer can change in
between), and so that a service that moves is found within `max_age`, however long its old connections would live.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

import msgspec

from gateway.errors import UpstreamBlocked, UpstreamUnreachable

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""(host, port) → addresses. Raises OSError."""

PORTS = {"http": 80, "https": 443}
METADATA = tuple(
    ip_network(network)
    for network in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::/32", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32")
)
"""Where clouds tell a machine its own secrets; no service lives there."""


TRANSLATED = ip_network("64:ff9b::/96")
"""IPv4 addresses as IPv6 ones (RFC 6052)."""


class Origin(msgspec.Struct, frozen=True):
    """Scheme, host and port of a URL."""

    prefix: str
    """What URLs of this origin begin with, up to the slash of their path."""
    host: str
    port: int
    scheme: str = "http"


def origin(url: str) -> Origin:
    """Raises ValueError where it has none."""
    parts = urlsplit(url)
    if not parts.hostname:
        raise ValueError("a URL without a host")
    return Origin(f"{parts.scheme}://{parts.netloc}/", parts.hostname, parts.port or PORTS.get(parts.scheme, 0), parts.scheme)


async def lookup(host: str, port: int) -> Sequence[str]:
    """What the machine's own resolver says, in its order."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def callable_addresses(host: str, port: int, look_up: Lookup) -> tuple[str, ...]:
    """The addresses of a name that may be called. Raises `UpstreamUnreachable` and `UpstreamBlocked`."""
    try:
        found = await look_up(host, port)
    except OSError as error:
        raise UpstreamUnreachable("could not be found: its host name does not resolve", error_type="dns_error") from error
    return permitted(found)


def permitted(addresses: Iterable[str]) -> tuple[str, ...]:
    """Those that may be called, in their order. Raises `UpstreamBlocked` when there is none."""
    allowed = tuple(address for address in addresses if not is_forbidden(address))
    if not allowed:
        raise UpstreamBlocked
    return allowed


def is_forbidden(address: str) -> bool:
    """A metadata service, or no single host at all."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        ip = ip.ipv4_mapped or ip.sixtofour or (IPv4Address(int(ip) & 0xFFFFFFFF) if ip in TRANSLATED else ip)
    return ip.is_unspecified or ip.is_multicast or any(ip in network for network in METADATA)


def literal(host: str) -> IPv4Address | IPv6Address | None:
    """The address a host is written as; None for a name."""
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None
