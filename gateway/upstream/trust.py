"""A source's `tls:` read from its files: private authorities, and the certificate the gateway shows (mutual TLS)."""

from __future__ import annotations

from pathlib import Path
from ssl import SSLError

from gateway.config.model import Tls
from gateway.upstream.transport import Trust, check_trust

LARGEST = 1024 * 1024


def trust_of(tls: Tls | None) -> Trust | None:
    """Raises ValueError naming the file that cannot be used; never what is in it."""
    if tls is None:
        return None
    authorities = b"".join(_read(path) for path in (tls.ca,) if path is not None)
    identity = b"\n".join(_read(path) for path in (tls.certificate, tls.key or tls.certificate) if path is not None)
    trust = Trust(authorities, identity)
    try:
        check_trust(trust)
    except (SSLError, ValueError) as error:
        raise ValueError(f"tls: what its files hold cannot be used ({getattr(error, 'reason', None) or 'no PEM'})") from None
    return trust


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST + 1)
    except OSError as error:
        raise ValueError(f"tls: {path} cannot be read: {error.strerror or error}") from None
    if len(text) > LARGEST:
        raise ValueError(f"tls: {path} is larger than {LARGEST} bytes")
    return text
