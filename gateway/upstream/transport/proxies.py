"""Which proxy a call goes through: the one its source names, or where the source says so, what the environment names."""

from __future__ import annotations

from urllib import request as environment

from gateway.upstream.transport.addresses import Origin

ENVIRONMENT = "environment"
"""In place of a URL: `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, in either case."""


def proxy_for(setting: str | None, where: Origin) -> str | None:
    """Its URL, which may hold a password; None: the way is direct."""
    if setting != ENVIRONMENT:
        return setting
    proxies = environment.getproxies_environment()
    named: str | None = proxies.get(where.scheme) or proxies.get("all")
    if not named or _bypassed(f"{where.host}:{where.port}", proxies):
        return None
    return named if "://" in named else f"http://{named}"


def _bypassed(host: str, proxies: dict[str, str]) -> bool:
    return bool(environment.proxy_bypass_environment(host, proxies))  # type: ignore[attr-defined]  # typeshed leaves it out
