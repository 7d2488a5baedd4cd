"""What libraries import only because it is installed, and what a gateway does not load while it is off."""

import subprocess
import sys
from importlib import import_module

import pytest

from gateway.upstream.optional import without

HEAVY = ("redis", "joserfc", "cryptography", "httpx", "pygments")
"""Together 30 MiB of every worker, and half a second of every start."""


def test_within_a_module_is_not_found_and_afterwards_it_is():
    sys.modules.pop("this", None)
    with without("this"), pytest.raises(ImportError):
        import_module("this")
    assert "this" not in sys.modules


def test_what_is_loaded_already_stays():
    with without("json"):
        json = import_module("json")
    assert sys.modules["json"] is json


def test_a_failure_within_leaves_nothing_hidden():
    sys.modules.pop("this", None)
    with pytest.raises(ValueError, match="for a reason"), without("this"):
        raise ValueError("for a reason")
    assert "this" not in sys.modules


def test_what_is_off_is_not_loaded():
    told = f"import sys, gateway.__main__; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True).stdout.strip() == "[]"
