"""What schemathesis checks of every answer: never a 5xx of ours, and errors as `docs/errors.md` has them."""

from __future__ import annotations

from typing import Any

import schemathesis

OF_SOURCES = ("UPSTREAM_", "SOURCE_", "NOT_FOUND", "SCHEMA_DRIFT")


@schemathesis.check
def told_well(_ctx: Any, response: Any, _case: Any) -> None:
    if response.status_code >= 500 and response.status_code not in (503, 504):
        raise AssertionError(f"{response.status_code}: {response.text[:200]}")
    if response.status_code in (204, 304) or response.request.method in ("HEAD", "TRACE"):
        return
    assert "Traceback" not in response.text
    body = response.json()
    for each in body if isinstance(body, list) else [body]:
        assert "data" in each or each["errors"], each
        for error in each.get("errors", ()):
            extensions = error["extensions"]
            assert error["message"], error
            assert extensions["owner"]["team"], error
            assert extensions["error_id"], error
            assert extensions["code"] != "INTERNAL_SERVER_ERROR", error
            assert extensions.get("service") or not extensions["code"].startswith(OF_SOURCES), error
