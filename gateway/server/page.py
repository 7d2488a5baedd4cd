"""GraphiQL for browsers: a bundle of files beside this module, or a plain page of our own where it was not built."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from gateway.server.reply import RawHeaders, Said

BUNDLE = Path(__file__).with_name("graphiql")
ASSETS = "/graphql/assets"
"""Where the bundle's files are served: the base it is built with."""
YEAR = 365 * 24 * 3600
HTML = b"text/html; charset=utf-8"

SCRIPT = """
const form = document.querySelector("form"), out = document.querySelector("pre");
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  out.textContent = "…";
  try {
    const variables = form.variables.value.trim() ? JSON.parse(form.variables.value) : null;
    const answer = await fetch(location.pathname, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/graphql-response+json, application/json" },
      body: JSON.stringify({ query: form.query.value, variables }),
    });
    out.textContent = JSON.stringify(await answer.json(), null, 2);
  } catch (fault) {
    out.textContent = String(fault);
  }
});
"""

PLAIN = f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>GraphQL</title>
<style>
  body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}
  textarea, pre {{ font: 14px/1.4 ui-monospace, monospace; width: 100%; box-sizing: border-box }}
  pre {{ background: #f4f4f4; padding: 1rem; min-height: 4rem; overflow: auto }}
</style>
<main>
<h1>GraphQL</h1>
<p>The GraphiQL page was not built. Run <code>make graphiql</code> in the project's folder (it brings its own Node) and
restart the gateway. Until then, this page runs a query.</p>
<form>
  <p><label>Query<br><textarea name="query" rows="12">{{ __typename }}</textarea></label></p>
  <p><label>Variables (JSON)<br><textarea name="variables" rows="3"></textarea></label></p>
  <p><button>Run</button></p>
</form>
<pre aria-label="Answer" aria-live="polite" tabindex="0"></pre>
</main>
<script>{SCRIPT}</script>
</html>
"""

POLICY = (
    "default-src 'self'; script-src 'self'{script}; style-src 'self' 'unsafe-inline'; font-src 'self' data:; "
    "img-src 'self' data:; worker-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def _headers(script: str = "") -> RawHeaders:
    """`script`: a source expression beyond our own files."""
    return (
        (b"content-security-policy", POLICY.format(script=script).encode("ascii")),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"vary", b"accept"),
        (b"cache-control", b"no-cache"),
    )


def page(bundle: Path = BUNDLE) -> Said:
    """The HTML, read anew each time: it is asked for by a person now and then."""
    index = bundle / "index.html"
    if index.is_file():
        return Said(200, HTML, index.read_bytes(), _headers())
    digest = b64encode(sha256(SCRIPT.encode()).digest()).decode("ascii")
    return Said(200, HTML, PLAIN.encode(), _headers(f" 'sha256-{digest}'"))


class Assets(StaticFiles):
    """The bundle's files. Their names carry a hash of their content, so a browser need never ask again."""

    def __init__(self, bundle: Path = BUNDLE) -> None:
        super().__init__(directory=bundle, check_dir=False)

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if response.status_code == 200:
            response.headers["cache-control"] = f"public, max-age={YEAR}, immutable"
            response.headers["x-content-type-options"] = "nosniff"
        return response
