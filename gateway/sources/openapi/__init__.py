"""`kind: openapi`: any REST service with an OpenAPI 2.0 or 3.x document, as it is (rules: `docs/sources/openapi.md`).

document  →  reading (JSON, YAML)  →  references ($ref)  →  shapes (what a schema says)  →  operations  →  outputs, unions,
interfaces, inputs (types)  →  dispatch  →  Subgraph
fetch     →  prepare (values, styles: calls)  →  verify (status, content, rows)
"""

from __future__ import annotations

from gateway.sources.openapi.load import load
from gateway.sources.openapi.options import Options

__all__ = ["Options", "load"]
