"""The demo as a newcomer starts it: what it prints works, what breaks is owned, and nothing is left behind."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from gateway.app import settings_of
from gateway.demo.run import CONFIG, QUERY, Running
from gateway.demo.services import Broken

TEAMS = {"catalog": "Catalog & Assortment", "accounts": "Accounts & Identity", "reviews": "Customer Voice"}


class Demo(msgspec.Struct):
    process: subprocess.Popen[str]
    printed: str
    url: str

    def ask(self) -> dict[str, Any]:
        answer: dict[str, Any] = httpx.post(self.url, json={"query": QUERY}, timeout=15).json()
        return answer

    def services(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(pid) for file in children for pid in file.read_text().split()]

    def end(self, by: signal.Signals) -> int:
        """Its exit code."""
        self.process.send_signal(by)
        return self.process.wait(timeout=20)


@pytest.fixture
def demo() -> Iterator[Callable[..., Demo]]:
    started: list[Demo] = []

    def begin(*arguments: str) -> Demo:
        command = [sys.executable, "-m", "gateway", "demo", "--port", "0", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        printed = ""
        while not printed.endswith("Ctrl-C ends the demo.\n"):
            line = process.stdout.readline()
            assert line, "the demo ended before it could be asked"
            printed += line
        found = re.search(r"http://\S+/graphql", printed)
        assert found
        started.append(Demo(process, printed, found.group()))
        return started[-1]

    yield begin
    for each in started:
        each.process.kill()
        each.process.communicate()


@pytest.mark.parametrize("file", [CONFIG, Path("config/demo.yaml")])
def test_the_configuration_loads(file: Path) -> None:
    settings = settings_of(file)
    assert [(source.name, source.kind) for source in settings.sources] == [
        ("catalog", "openapi"),
        ("accounts", "graphql"),
        ("reviews", "graphql"),
    ]
    assert {source.name: source.owner.team for source in settings.sources} == TEAMS
    assert [link.field for link in settings.links] == ["Product.reviews", "User.reviews", "Review.author", "Review.product"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here (on Debian: apt-get install curl)")
def test_the_printed_curl_gives_an_answer_joined_from_three_services(demo: Callable[..., Demo]) -> None:
    running = demo()
    command = next(line for line in running.printed.splitlines() if line.startswith("curl"))
    answer = json.loads(subprocess.run(["sh", "-c", command], capture_output=True, check=True).stdout)
    assert "errors" not in answer
    product = answer["data"]["listProducts"]["items"][0]
    assert product["name"]
    assert product["reviews"][0]["author"]["name"]
    assert answer == running.ask()


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        ("reviews:500", "UPSTREAM_ERROR"),
        ("reviews:slow", "UPSTREAM_TIMEOUT"),
        ("catalog:garbage", "UPSTREAM_BAD_CONTENT"),
        ("accounts:down", "SOURCE_UNAVAILABLE"),
    ],
)
def test_what_breaks_costs_its_own_part_and_names_its_owner(demo: Callable[..., Demo], broken: str, code: str) -> None:
    service = broken.partition(":")[0]
    answer = demo("--break", broken).ask()
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == code
    assert error["extensions"]["service"] == service
    assert error["extensions"]["owner"]["team"] == TEAMS[service]
    assert error["extensions"]["owner"]["contact"]["email"]
    assert (answer["data"]["listProducts"] is None) == (service == "catalog")


def test_a_service_that_fails_every_second_call_is_asked_again(demo: Callable[..., Demo]) -> None:
    assert "errors" not in demo("--break", "reviews:flaky").ask()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to see whether a process lives")
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_behind_however_it_ends(demo: Callable[..., Demo], by: signal.Signals) -> None:
    running = demo()
    services = running.services()
    assert len(services) == 3
    assert running.end(by) == (-by if by == signal.SIGKILL else 0)
    patience = time.monotonic() + 10
    while any(_alive(pid) for pid in services) and time.monotonic() < patience:
        time.sleep(0.02)
    assert not any(_alive(pid) for pid in services)


@pytest.mark.parametrize("wrong", ["billing", "reviews:sad"])
def test_a_wrong_break_is_refused_with_the_choices(wrong: str) -> None:
    command = [sys.executable, "-m", "gateway", "demo", "--break", wrong]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 2
    assert "choose one of" in ended.stderr


def test_the_welcome_says_what_is_broken() -> None:
    running = Running("http://127.0.0.1:8080/graphql", {"reviews": "http://127.0.0.1:9"}, Broken("reviews", "slow"))
    assert "broken on purpose: slow" in running.welcome()


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
