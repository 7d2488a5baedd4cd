"""Is what `make wheel` made what a stranger can run? Says so, or ends with 1.

    python -m release.trial

The wheel is run by pipx, out of an environment that has nothing of this one: its version, and the demo with the GraphiQL page.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
import zipfile
from collections.abc import Mapping
from pathlib import Path
from urllib.request import Request, urlopen

ROOT = Path(__file__).parents[1]
PATIENCE = 60.0
"""Seconds for the demo to be there."""
QUERY = "{ listProducts(limit: 2) { items { name reviews(first: 1) { author { name } } } } }"
PAGE = "gateway/server/graphiql/"


class Failed(Exception):
    """What a stranger would meet."""


def main() -> int:
    try:
        wheel, source = _made("*.whl"), _made("*.tar.gz")
        _has_the_page(wheel.name, zipfile.ZipFile(wheel).namelist())
        with tarfile.open(source) as archive:
            _has_the_page(source.name, [name.partition("/")[2] for name in archive.getnames()])
        with tempfile.TemporaryDirectory() as folder:
            _run(wheel, Path(folder))
    except Failed as failed:
        print(f"{failed}", file=sys.stderr)
        return 1
    print(f"{wheel.name} can be run by pipx: version, demo, page, and a query over three services")
    return 0


def _made(pattern: str) -> Path:
    found = sorted((ROOT / "dist").glob(pattern))
    if len(found) != 1:
        raise Failed(f"dist/{pattern}: {len(found)} files; `make wheel` makes one")
    return found[0]


def _has_the_page(where: str, names: list[str]) -> None:
    if f"{PAGE}index.html" not in names or not any(name.startswith(PAGE) and name.endswith(".js") for name in names):
        raise Failed(f"{where} is without the GraphiQL page: `make graphiql` says why")


def _run(wheel: Path, folder: Path) -> None:
    venv.create(folder / "pipx", with_pip=True)
    python = folder / "pipx" / "bin" / "python"
    environ = {**os.environ, "PIPX_HOME": str(folder / "home"), "PIPX_BIN_DIR": str(folder / "bin")}
    environ.pop("PYTHONPATH", None)
    subprocess.run([python, "-m", "pip", "install", "--quiet", "pipx"], check=True)
    locked = f"--constraint {ROOT / 'requirements-dev.lock'}"
    gateway = [
        str(python),
        "-m",
        "pipx",
        "run",
        "--python",
        sys.executable,
        "--spec",
        str(wheel),
        "--pip-args",
        locked,
        "gateway",
    ]
    said = subprocess.run([*gateway, "version"], cwd=folder, env=environ, capture_output=True, text=True, check=False)
    expected = f"signpost-gateway {wheel.name.split('-')[1]}"
    if said.stdout.strip() != expected:
        raise Failed(f"`gateway version` said {said.stdout + said.stderr!r}, not {expected!r}")
    demo = subprocess.Popen([*gateway, "demo", "--port", "0"], cwd=folder, env=environ, stdout=subprocess.PIPE, text=True)
    try:
        _try(_address(demo))
    finally:
        demo.terminate()
        demo.communicate(timeout=PATIENCE)


def _address(demo: subprocess.Popen[str]) -> str:
    assert demo.stdout is not None
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and (line := demo.stdout.readline()):
        if found := re.search(r"http://\S+/graphql", line):
            return found[0]
    raise Failed("`gateway demo` did not say where it is")


def _try(address: str) -> None:
    page = _get(address, {"accept": "text/html"})
    scripts = re.findall(r'(?:src|href)="([^"]+\.(?:js|css))"', page)
    if not scripts:
        raise Failed(f"a browser gets no GraphiQL at {address}")
    for script in scripts:
        _get(address.removesuffix("/graphql") + script, {})
    answer = json.loads(_get(address, {"content-type": "application/json"}, json.dumps({"query": QUERY}).encode()))
    if "errors" in answer or len(answer["data"]["listProducts"]["items"]) != 2:
        raise Failed(f"{QUERY} was answered {answer}")


def _get(address: str, headers: Mapping[str, str], body: bytes | None = None) -> str:
    with urlopen(Request(address, body, dict(headers)), timeout=PATIENCE) as answer:
        return str(answer.read(), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
