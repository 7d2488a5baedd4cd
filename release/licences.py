"""Which licences may be in a release. What asks more than to be named is marked here, by hand and with a reason, or stops it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from license_expression import ExpressionError, LicenseSymbol, LicenseWithExceptionSymbol, get_spdx_licensing

FREE = frozenset(
    (
        *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "ISC", "MIT", "MIT-0", "PSF-2.0"),
        *("Unicode-3.0", "Unicode-DFS-2016", "Unlicense", "Zlib"),
    )
)
"""Permissive: may be passed on under Apache-2.0 as long as their notices go along, which wheels and the bundle see to."""

MARKED: Mapping[str, str] = {
    "certifi": "MPL-2.0: a list of certificates, used as it comes; whoever changes its file passes the change on",
}
"""Copyleft, or unclear: package → why it may be in a release all the same."""

STATED: Mapping[str, str] = {
    "aiocache": "BSD-3-Clause",
    "pybreaker": "BSD-3-Clause",
    "pyreqwest": "Apache-2.0",
    "protobuf": "BSD-3-Clause",
    "hyperframe": "MIT",
    "uvloop": "MIT OR Apache-2.0",
    "markdown-it-py": "MIT",
    "mdurl": "MIT",
    "openssl": "Apache-2.0",
}
"""Those whose metadata names no SPDX licence: what their licence files say."""

_spdx = get_spdx_licensing()


def is_free(expression: str) -> bool:
    """Is there a choice of permissive licences in it?"""
    try:
        parsed = _spdx.parse(expression, validate=True)
    except ExpressionError:
        return False
    return parsed is not None and _holds(parsed)


def _holds(node: Any) -> bool:
    if isinstance(node, LicenseWithExceptionSymbol):  # an exception only ever allows more
        return _holds(node.license_symbol)
    if isinstance(node, LicenseSymbol):
        return node.key in FREE
    return (any if isinstance(node, _spdx.OR) else all)(map(_holds, node.args))


def unmarked(bill: Mapping[str, Any]) -> Iterator[str]:
    """Each component of a bill that may not go out like this."""
    for component in walk(bill):
        said = licence(component)
        if not is_free(said) and component["name"] not in MARKED:
            yield f"{component['name']} {component['version']}: {said or 'no licence is told'}"


def walk(bill: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for component in bill.get("components", ()):
        yield component
        yield from walk(component)


def licence(component: Mapping[str, Any]) -> str:
    """As one SPDX expression."""
    said = [one.get("expression") or one["license"].get("id") or one["license"]["name"] for one in component.get("licenses", ())]
    return " AND ".join(said)
