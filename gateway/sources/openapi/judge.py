"""The built document against the configuration: what is named and not there, what is missing, and what `strict` forbids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.config.problem import Problem
from gateway.sources.openapi.build import Built
from gateway.sources.openapi.fidelity import Fidelity
from gateway.sources.openapi.options import Options
from gateway.sources.report import fault, nearest

if TYPE_CHECKING:
    from gateway.config.model import Source

STRICT_SHOWN = 100


def problems_of(source: Source, built: Built, fidelity: Fidelity) -> list[Problem]:
    """All of them."""
    if not built.endpoints:
        fidelity.deviation("NO_FIELDS", "#/paths", _no_fields(built))
    return [
        *_unknown_fields(source, built),
        *_unknown_options(source, built),
        *_without_address(source, built),
        *_strictly(source, fidelity),
    ]


def _unknown_fields(source: Source, built: Built) -> list[Problem]:
    """Exposed fields that the document cannot give, and why."""
    problems = []
    for index, name in enumerate(source.expose or ()):
        if name in built.unusable:
            problems.append(
                fault(source, "EXPOSE_UNUSABLE", f"{name} cannot be exposed: it {built.unusable[name]}", ("expose", index))
            )
        elif name not in built.known:
            message = f"the document has no operation that becomes the root field {name}"
            problems.append(fault(source, "EXPOSE_UNKNOWN", message, ("expose", index), fix=nearest(name, built.known)))
    return problems


def _no_fields(built: Built) -> str:
    """Why a document gives nothing to ask for."""
    if not built.operations:
        return "The document describes no GET: there is nothing in it that could be read, and the source has no field."
    count = len(built.operations)
    return f"Of the {count} operations of the document that read, none is left that answers data: the source has no field."


def _unknown_options(source: Source, built: Built) -> list[Problem]:
    """Operations and security schemes that are configured but not in the document."""
    options = built.draft.options
    problems = []
    templates = {each.template for each in built.operations.values()}
    for key in options.operations:
        if key not in templates:
            message = f"the document has no operation {key}"
            problems.append(fault(source, "OPTION_UNKNOWN", message, ("options", "operations", key), fix=nearest(key, templates)))
    for name in options.credentials:
        if name not in built.schemes:
            message = f"the document has no security scheme {name}"
            problems.append(
                fault(source, "OPTION_UNKNOWN", message, ("options", "credentials", name), fix=nearest(name, built.schemes))
            )
    return problems


def _without_address(source: Source, built: Built) -> list[Problem]:
    if all("://" in endpoint.base for endpoint in built.endpoints.values()):
        return []
    message = "neither the configuration nor the document says where the service is"
    return [fault(source, "SOURCE_URL_MISSING", message, (), fix="add a `url` to the source")]


def _strictly(source: Source, fidelity: Fidelity) -> list[Problem]:
    """Every deviation as a problem, where the configuration asks for it."""
    if not (isinstance(source.options, Options) and source.options.strict):
        return []
    told = fidelity.diagnostics
    found = [fault(source, each.code, f"{each.pointer}: {each.message}") for each in told[:STRICT_SHOWN]]
    if len(told) > STRICT_SHOWN:
        found.append(fault(source, "MORE_DEVIATIONS", f"{len(told) - STRICT_SHOWN} more; without `strict` they are hints"))
    return found
