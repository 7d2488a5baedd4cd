"""Credentials of the gateway's own, put where the document's security schemes say; never arguments (A2, A7)."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import quote

import msgspec

from gateway.sources.openapi.operations import Operation
from gateway.sources.openapi.options import Credential, Options
from gateway.sources.openapi.parameters import Withheld
from gateway.sources.openapi.references import Node, References
from gateway.upstream.call import Headers


class Secrets(msgspec.Struct, frozen=True):
    """What is added to every call of an operation. Never shown: it has no readable form."""

    headers: Headers = ()
    query: str = ""
    cookies: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "Secrets(...)"


def schemes(references: References) -> dict[str, Node]:
    """The document's security schemes by name."""
    place = ("securityDefinitions",) if references.version.swagger else ("components", "securitySchemes")
    found = {name: references.follow(node) for name, node in references.root.child(*place).members()}
    return {name: node for name, node in found.items() if node is not None and isinstance(node.value, dict)}


def withheld(references: References, filled: frozenset[str]) -> Withheld:
    """The parameters that carry a security scheme, or a header the configuration fills in."""
    keys = [
        (node.text("in"), node.text("name").lower()) for node in schemes(references).values() if node.text("type") == "apiKey"
    ]
    return Withheld(frozenset({*keys, *(("header", name) for name in filled)}))


def secrets_of(references: References, operation: Operation, options: Options) -> Secrets:
    """Those of the first alternative for which every credential is configured."""
    said = operation.node.value.get("security", references.root.value.get("security"))
    known = schemes(references)
    for alternative in said if isinstance(said, list) else ():
        if not isinstance(alternative, dict) or not alternative:
            continue
        names = [str(name) for name in alternative]
        if all(name in options.credentials and name in known for name in names):
            return _joined([_secret(known[name], options.credentials[name]) for name in names])
    return Secrets()


def _joined(parts: list[Secrets]) -> Secrets:
    return Secrets(
        tuple(header for part in parts for header in part.headers),
        "&".join(part.query for part in parts if part.query),
        tuple(cookie for part in parts for cookie in part.cookies),
    )


def _secret(scheme: Node, credential: Credential) -> Secrets:
    value = credential.value.get_secret_value() if credential.value else ""
    kind, name, place = scheme.text("type"), scheme.text("name"), scheme.text("in")
    if kind == "basic" or (kind == "http" and scheme.text("scheme").lower() == "basic"):
        password = credential.password.get_secret_value() if credential.password else ""
        pair = b64encode(f"{credential.username or ''}:{password}".encode()).decode()
        return Secrets(headers=(("authorization", f"Basic {pair}"),))
    if kind != "apiKey":
        return Secrets(headers=(("authorization", f"Bearer {value}"),))
    if place == "query":
        return Secrets(query=f"{quote(name, safe='')}={quote(value, safe='')}")
    if place == "cookie":
        return Secrets(cookies=(f"{name}={value}",))
    return Secrets(headers=((name.lower(), value),))
