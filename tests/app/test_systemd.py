"""What the service manager is told, over the socket it names."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from gateway.app.systemd import READY, alive_every, notify, reloading


def test_the_manager_is_told_over_its_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        notify(READY)
        notify(reloading())
        assert manager.recv(100) == b"READY=1"
        assert re.fullmatch(rb"RELOADING=1\nMONOTONIC_USEC=\d+", manager.recv(100))


@pytest.mark.parametrize("address", ["", "/nowhere/at/all", "vsock:2:1234"])
def test_without_a_manager_that_listens_nothing_happens(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    assert notify(READY) is None


@pytest.mark.parametrize(("said", "pause"), [("30000000", 15.0), ("", None), ("0", None), ("soon", None)])
def test_signs_of_life_come_twice_as_often_as_asked_for(said: str, pause: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", said)
    assert alive_every() == pause
