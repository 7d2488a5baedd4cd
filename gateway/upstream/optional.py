"""What a library imports only because it happens to be installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(*modules: str) -> Iterator[None]:
    """Within, these are not found, unless they are loaded already.

    Some libraries take in another one for a part of theirs that is never used here. Redis alone is 10 MiB of every worker.
    """
    hidden = [name for name in modules if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None means "not found" to the import system
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
