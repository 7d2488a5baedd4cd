"""Where an operation is called: the configured URL, else the document's servers with their variables (A6)."""

from __future__ import annotations

import re
from urllib.parse import urljoin

from gateway.sources.openapi.operations import Operation
from gateway.sources.openapi.options import Options
from gateway.sources.openapi.references import Node, References

_VARIABLE = re.compile(r"\{([^{}]+)\}")


def base_url(
    references: References, operation: Operation | None, options: Options, configured: str | None, document_url: str
) -> str:
    """The URL that paths are appended to, without a slash at its end; empty where neither configuration nor document says one."""
    if configured:
        return configured.rstrip("/")
    if references.version.swagger:
        return _swagger_server(references.root, document_url)
    holders = [operation.node, operation.item] if operation else []
    for holder in (*holders, references.root):
        servers = holder.child("servers").items()
        if servers and servers[0].text("url"):
            return urljoin(document_url, _filled(servers[0], options)).rstrip("/")
    return urljoin(document_url, "/").rstrip("/")


def _filled(server: Node, options: Options) -> str:
    """The server's URL with its variables: configured, else their defaults."""

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        default = server.child("variables", name).value
        said = default.get("default", "") if isinstance(default, dict) else ""
        return options.server_variables.get(name, str(said))

    return _VARIABLE.sub(value, server.text("url"))


def _swagger_server(root: Node, document_url: str) -> str:
    schemes = root.value.get("schemes")
    listed = [str(scheme) for scheme in schemes] if isinstance(schemes, list) else []
    scheme = "https" if "https" in listed or not listed else listed[0]
    host, path = root.text("host"), root.text("basePath").rstrip("/")
    return f"{scheme}://{host}{path}" if host else urljoin(document_url, path or "/").rstrip("/")
