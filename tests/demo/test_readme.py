"""What the README's first screen shows is what happens, and what it links to is there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from gateway.demo.services import Broken, start

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
VOLATILE = {"error_id", "request_id", "elapsed_ms"}


def test_the_example_gives_the_answer_it_shows(tmp_path: Path) -> None:
    services = start(Broken("reviews", "500"), ["catalog", "reviews"])
    catalog, reviews = (service.url for service in services)
    config = tmp_path / "gateway.yaml"
    config.write_text(_block("yaml").replace("http://127.0.0.1:8101", catalog).replace("http://127.0.0.1:8103", reviews))
    command = [sys.executable, "-m", "gateway", "serve", str(config), "--port", "0"]
    gateway = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert gateway.stdout is not None
        address = gateway.stdout.readline().split()[-1]
        answer = httpx.post(address, json=_asked(), timeout=10).json()
    finally:
        gateway.terminate()
        gateway.communicate(timeout=20)
        for service in services:
            service.stop()
    assert _steady(answer) == _steady(json.loads(_block("json")))


def test_its_links_lead_somewhere() -> None:
    paths = re.findall(r"\]\(([^)#:]+)\)", README)
    assert len(paths) > 5
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_commands_it_names_exist() -> None:
    targets = re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"make ([a-z]+)", README)) <= set(targets)


def _block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found
    return found.group(1)


def _asked() -> Any:
    """The body of the README's curl."""
    found = re.search(r"curl .* -d '(.*)'", README)
    assert found
    return json.loads(found.group(1))


def _steady(value: Any) -> Any:
    """Without what differs from run to run."""
    if isinstance(value, dict):
        return {key: "..." if key in VOLATILE and item is not None else _steady(item) for key, item in value.items()}
    return [_steady(item) for item in value] if isinstance(value, list) else value
