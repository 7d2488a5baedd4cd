"""Whole processes: started, asked, told to stop."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from .conftest import Configure, Service

QUERY = {"query": '{ book(id: "1") { title author { name } } }'}
ANSWER = {"data": {"book": {"title": "Book 1", "author": {"name": "Person 7"}}}}


class Gateway:
    """`gateway serve` as a child process."""

    def __init__(self, config: Path, *options: str, verb: str = "serve") -> None:
        command = [sys.executable, "-m", "gateway", verb, str(config), *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.said = ""

    @property
    def url(self) -> str:
        """Its address, once it says so."""
        assert self.process.stdout is not None
        while not (found := re.search(r"http://\S+", self.said)):
            line = self.process.stdout.readline()
            assert line, (self.process.wait(20), self.process.stderr and self.process.stderr.read())
            self.said += line
        return found[0]

    def post(self, client: httpx.Client | None = None, **options: Any) -> httpx.Response:
        with httpx.Client(trust_env=False, timeout=20) as own:
            return (client or own).post(self.url, json=QUERY, **options)

    def stopped(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Told to stop: the exit code, and what was left on standard error."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> tuple[int, str]:
        _, errors = self.process.communicate(timeout=30)
        return self.process.returncode, errors


@contextmanager
def serving(config: Path, *options: str, verb: str = "serve") -> Iterator[Gateway]:
    gateway = Gateway(config, *options, verb=verb)
    try:
        yield gateway
    finally:
        gateway.process.kill()
        gateway.process.communicate()


def test_a_configuration_is_served_until_a_signal_and_ends_with_zero(configure: Configure, tmp_path: Path) -> None:
    with serving(configure()) as gateway:
        assert gateway.post().json() == ANSWER
        assert (tmp_path / "state" / "admin.sock").is_socket()
        code, errors = gateway.stopped()
    assert (code, "Traceback" in errors) == (0, False)
    assert not (tmp_path / "state" / "admin.sock").exists()


def test_ctrl_c_ends_it_too(configure: Configure) -> None:
    with serving(configure()) as gateway:
        assert gateway.post().status_code == 200
        code, errors = gateway.stopped(signal.SIGINT)
    assert (code, "Traceback" in errors) == (0, False)


def test_a_request_in_flight_is_finished_and_nothing_new_is_taken(configure: Configure, books: Service) -> None:
    books.gate.clear()
    answers: list[httpx.Response] = []
    with serving(configure()) as gateway:
        url = gateway.url
        asking = threading.Thread(target=lambda: answers.append(gateway.post()))
        asking.start()
        assert books.asked.wait(20)
        gateway.process.send_signal(signal.SIGTERM)
        wait_until_refused(url)
        books.gate.set()
        asking.join(20)
        code, _ = gateway.ended()
    assert [answer.json() for answer in answers] == [ANSWER]
    assert code == 0


def wait_until_refused(url: str) -> None:
    """The listening socket closes a moment after the signal."""
    address, patience = httpx.URL(url), time.monotonic() + 20
    while time.monotonic() < patience:
        try:
            socket.create_connection((address.host, address.port or 80), 5).close()
        except ConnectionRefusedError:
            return
        except ConnectionResetError:  # it was waiting to be accepted when the socket closed
            continue
    raise AssertionError("it still accepts connections")


def test_a_port_that_is_taken_is_said_in_one_line(configure: Configure) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with serving(configure(), "--port", str(port)) as gateway:
            code, errors = gateway.ended()
    assert code == 2
    assert f"127.0.0.1:{port}" in errors
    assert "in use" in errors
    assert "Traceback" not in errors


def test_a_wrong_configuration_is_never_served(configure: Configure) -> None:
    config = configure()
    config.write_text(config.read_text().replace("owner: library", "owner: nobody").replace("kind: graphql", "kind: grapql", 1))
    with serving(config) as gateway:
        code, errors = gateway.ended()
    assert code == 1
    assert "nobody" in errors
    assert "grapql" in errors
    assert "Traceback" not in errors


def test_sources_that_do_not_fit_together_end_the_start(configure: Configure) -> None:
    config = configure()
    config.write_text(config.read_text().replace("to: people.person", "to: people.nobody"))
    with serving(config) as gateway:
        code, errors = gateway.ended()
    assert code == 1
    assert f"{config}:" in errors
    assert "Traceback" not in errors


def test_while_a_source_is_waited_for_health_answers_and_a_signal_still_ends_it(configure: Configure, people: Service) -> None:
    people.stop()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with serving(configure(), "--port", str(port)) as gateway, httpx.Client(trust_env=False, timeout=20) as client:
        base = f"http://127.0.0.1:{port}"
        while True:
            try:
                readiness = client.get(f"{base}/readyz")
            except httpx.ConnectError:
                continue
            if "people" in readiness.text:
                break
        assert readiness.status_code == 503
        assert client.get(f"{base}/livez").status_code == 200
        refused = client.post(f"{base}/graphql", json=QUERY)
        assert refused.status_code == 503
        assert refused.json()["errors"][0]["extensions"]["owner"]["team"] == "Staff Office"
        code, _ = gateway.stopped()
    assert code == 0


def test_the_command_line_says_where_and_the_admin_address_how_the_sources_are(configure: Configure, tmp_path: Path) -> None:
    config = configure()
    config.write_text(config.read_text().replace("127.0.0.1:0", "203.0.113.7:1"))
    transport = httpx.HTTPTransport(uds=str(tmp_path / "state" / "admin.sock"))
    with serving(config, "--host", "127.0.0.1", "--port", "0") as gateway:
        assert gateway.post().status_code == 200
        with httpx.Client(transport=transport) as client:
            status = client.get("http://admin/status.json").json()
    assert [(source["name"], source["breaker"]) for source in status["sources"]] == [("books", "closed"), ("people", "closed")]
    assert status["sources"][1]["owner"]["contact"] == {"chat": "#staff"}


GONE = (FileNotFoundError, ProcessLookupError)
"""What reading in /proc of a process that has ended says: before the file is opened, and after."""


def children_of(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except GONE:
        return []


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except GONE:
        return False


def workers_of(gateway: Gateway) -> list[int]:
    """Its living children, but the one with which Python's multiprocessing keeps its books."""
    return [pid for pid in children_of(gateway.process.pid) if running(pid) and b"spawn_main" in command_of(pid)]


def command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except GONE:
        return b""


needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc to see child processes")


@needs_proc
def test_workers_share_the_port_and_end_together(configure: Configure) -> None:
    with serving(configure(), "--workers", "2") as gateway:
        assert gateway.post().json() == ANSWER
        workers = workers_of(gateway)
        code, errors = gateway.stopped()
    assert len(workers) == 2
    assert (code, "Traceback" in errors) == (0, False)
    assert not any(map(running, workers))


@needs_proc
def test_workers_do_not_outlive_a_parent_that_was_killed(configure: Configure) -> None:
    with serving(configure(), "--workers", "2") as gateway:
        assert gateway.post().status_code == 200
        workers = workers_of(gateway)
        gateway.process.kill()
        gateway.process.wait()
        descriptors = [os.pidfd_open(pid) for pid in workers if running(pid)]
        for descriptor in descriptors:
            wait_for_end(descriptor)
    assert len(workers) == 2


def wait_for_end(descriptor: int) -> None:
    ready, _, _ = select.select([descriptor], [], [], 20)
    assert ready, "a worker outlived its parent"
    os.close(descriptor)


def test_workers_that_cannot_start_end_the_whole_with_their_code(configure: Configure) -> None:
    config = configure()
    config.write_text(config.read_text().replace("to: people.person", "to: people.nobody"))
    with serving(config, "--workers", "2") as gateway:
        code, errors = gateway.ended()
    assert code == 1
    assert "nobody" in errors
    assert "Traceback" not in errors


@needs_proc
def test_a_worker_that_dies_is_replaced(configure: Configure) -> None:
    with serving(configure(), "--workers", "2") as gateway:
        assert gateway.post().status_code == 200
        before = set(workers_of(gateway))
        os.kill(min(before), signal.SIGKILL)
        patience = time.monotonic() + 60
        while len(after := set(workers_of(gateway))) < 2 or after == before:
            assert gateway.post().json() == ANSWER, "the other one serves meanwhile"
            assert time.monotonic() < patience
        assert gateway.post().json() == ANSWER
        code, errors = gateway.stopped()
    assert len(before & after) == 1
    assert code == 0
    assert "is replaced" in errors


def generation_of(state: Path) -> int:
    transport = httpx.HTTPTransport(uds=str(state / "admin.sock"))
    with httpx.Client(transport=transport, base_url="http://gateway", timeout=20) as client:
        return int(client.get("/status.json").json()["generation"])


def until_generation(state: Path, wanted: int) -> None:
    patience = time.monotonic() + 30
    while generation_of(state) < wanted:
        assert time.monotonic() < patience, "it was never reloaded"
        time.sleep(0.05)  # another process tells nobody when it is done


def test_a_changed_configuration_is_served_at_a_signal_without_losing_a_connection(configure: Configure, tmp_path: Path) -> None:
    config = configure("introspect", "watch: off\n")
    with serving(config) as gateway, httpx.Client(trust_env=False, timeout=20) as client:
        assert gateway.post(client).json() == ANSWER
        config.write_text(config.read_text().replace("Book.author", "Book.writer"))
        gateway.process.send_signal(signal.SIGHUP)
        until_generation(tmp_path / "state", 2)
        asked = {"query": QUERY["query"].replace("author", "writer")}
        answer = client.post(gateway.url, json=asked).json()
        code, errors = gateway.stopped()
    assert answer == {"data": {"book": {"title": "Book 1", "writer": {"name": "Person 7"}}}}
    assert (code, "Traceback" in errors) == (0, False)


def test_a_file_that_changes_is_served_by_itself(configure: Configure, tmp_path: Path) -> None:
    config = configure("introspect", "watch: 50ms\n")
    with serving(config) as gateway:
        assert gateway.post().json() == ANSWER
        config.write_text(config.read_text().replace("Book.author", "Book.writer"))
        until_generation(tmp_path / "state", 2)
        assert gateway.post().json()["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


def test_the_reload_command_reaches_every_worker(configure: Configure, tmp_path: Path) -> None:
    config = configure("introspect", "watch: off\n")
    command = [sys.executable, "-m", "gateway", "reload", "--admin", f"unix:{tmp_path / 'state' / 'admin.sock'}"]
    with serving(config, "--workers", "2") as gateway:
        assert gateway.post().json() == ANSWER
        patience = time.monotonic() + 30
        while len(list((tmp_path / "state").glob("admin-*.sock"))) < 2:
            assert time.monotonic() < patience
            time.sleep(0.05)  # a worker that is ready tells its log alone
        said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (said.returncode, said.stdout.strip()) == (0, "the configuration is served anew by 2 processes")
        config.write_text(config.read_text().replace("kind: graphql", "kind: grapql", 1))
        said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert said.returncode == 1
        assert "grapql" in said.stderr
        assert gateway.post().json() == ANSWER
