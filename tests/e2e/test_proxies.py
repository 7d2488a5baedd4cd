"""A source behind a proxy that wants a password, as the configuration states it; the password comes out nowhere."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.__main__ import run

from .gateway import command, served
from .simple import config, services

PASSWORD = "pass-of-the-pr0xy"


class Proxy:
    """A forward proxy for plain requests; `asked` are their heads."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self.listening.accept()[0],), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """One request a connection, sent on as it is: a server takes the absolute form too (RFC 9112, 3.2.2)."""
        with client, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(65536)
            self.asked.append(head)
            host, port = head.split()[1].split(b"/")[2].split(b":")
            with socket.create_connection((host.decode(), int(port))) as server:
                server.sendall(head.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1))
                while data := server.recv(65536):
                    client.sendall(data)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    made = Proxy()
    yield made
    made.listening.close()


def test_data_and_introspection_go_through_it_and_its_password_goes_nowhere_else(
    proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("PROXY", f"http://me:{PASSWORD}@127.0.0.1:{proxy.port}")
    with services("a") as (a,):
        path = config(tmp_path, {"a": (a.url, "proxy: '${env:PROXY}'")})
        with served(path) as front:
            assert front.ask("{ a }") == {"data": {"a": "a"}}
            a.stop()
            failed = front.post("{ a }")
            assert failed.json()["errors"][0]["extensions"]["service"] == "a"
            assert PASSWORD not in failed.text
            assert PASSWORD not in str(front.house.status())
        shown = [command(verb, path) for verb in ("check", "sources", "schema")]
    assert [each.returncode for each in shown] == [0, 0, 0]
    assert PASSWORD not in "".join(each.stdout + each.stderr for each in shown)
    assert PASSWORD not in caplog.text
    assert proxy.asked[0].startswith(f"POST {a.url}".encode())
    assert all(b"proxy-authorization: basic " in head.lower() for head in proxy.asked)


@pytest.mark.parametrize("written", [f"socks5://me:{PASSWORD}@h:1", f"me:{PASSWORD}@proxy:3128", "'on'", f"[{PASSWORD}]"])
def test_what_is_no_proxy_is_refused_untold(written: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code = run(["check", str(config(tmp_path, {"a": ("http://127.0.0.1:1", f"proxy: {written}")}))])
    said, errors = capfd.readouterr()
    assert code == 1
    assert "proxy" in errors
    assert PASSWORD not in said + errors
