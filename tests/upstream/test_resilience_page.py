"""`docs/resilience.md` says which failure counts where; here it is held to it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway import errors
from gateway.config.model import CachePolicy, CircuitBreaker, Concurrency, Retry, Timeout
from gateway.errors import NotSent, SourceError, UpstreamError
from gateway.upstream.layers.breaker import FAULTS, SILENT
from gateway.upstream.layers.cache.layer import FAILURES, VERDICTS
from gateway.upstream.layers.retry import pause

PAGE = (Path(__file__).parents[2] / "docs" / "resilience.md").read_text()


def rows() -> dict[str, tuple[str, str, str]]:
    """code → (retried, breaker, stale), one row for each code."""
    table = PAGE.split("## Which failure counts where")[1].split("\n## ")[0]
    found: dict[str, tuple[str, str, str]] = {}
    for line in re.findall(r"^\| ([A-Z].*) \|$", table, re.MULTILINE):
        names, *cells = (cell.strip() for cell in line.split(" | "))
        found |= dict.fromkeys(re.findall(r"[A-Z_]{4,}", names), (cells[0], cells[1], cells[2]))
    return found


def kinds(root: type[SourceError]) -> list[type[SourceError]]:
    """The drawn tree alone: other rooms refine its classes, and may or may not have been imported."""
    children = [child for child in root.__subclasses__() if child.__module__.startswith(f"{errors.__name__}.")]
    below = [kind for child in children for kind in kinds(child)]
    return below if root in (SourceError, NotSent, UpstreamError) else [root, *below]


def attempts(error: SourceError) -> str:
    made = sum(pause(error, attempt, Retry(max_attempts=9), lambda: 1.0) is not None for attempt in range(1, 10))
    return {0: "no", 1: "once"}.get(made, "yes")


@pytest.mark.parametrize("kind", kinds(SourceError))
def test_each_failure_is_treated_as_the_page_says(kind: type[SourceError]) -> None:
    retried, breaker, stale = rows()[kind.code]
    assert retried.startswith(attempts(kind()))
    treated = "fault" if issubclass(kind, FAULTS) else "says nothing" if issubclass(kind, SILENT) else "alive"
    assert breaker == ("not sent" if issubclass(kind, NotSent) else treated)
    served = "never" if issubclass(kind, VERDICTS) else "yes" if issubclass(kind, FAILURES) else "no"
    assert stale.split(";")[0] == served


def test_the_page_has_a_row_for_real_failures_only() -> None:
    assert set(rows()) == {kind.code for kind in kinds(SourceError)} - {errors.SourceError.code}


def written(seconds: float) -> str:
    return f"{seconds * 1000:g}ms" if seconds < 1 else f"{seconds / 60:g}m" if seconds >= 600 else f"{seconds:g}s"


@pytest.mark.parametrize(
    "said",
    [
        f"`timeout.total` ({written(Timeout().total)})",
        f"`timeout.per_try` ({written(Timeout().per_try)})",
        f"`max_attempts` ({Retry().max_attempts})",
        f"`initial` {written(Retry().backoff.initial)}",
        f"`max` {written(Retry().backoff.max)}",
        f"`budget` ({Retry().budget:.0%})",
        f"`error_threshold` ({CircuitBreaker().error_threshold:.0%})",
        f"`volume_threshold` ({CircuitBreaker().volume_threshold})",
        f"`window` ({written(CircuitBreaker().window)})",
        f"`reset_timeout` ({written(CircuitBreaker().reset_timeout)})",
        f"`half_open_attempts` ({CircuitBreaker().half_open_attempts})",
        f"`concurrency.max` ({Concurrency().max})",
        f"`queue` ({Concurrency().queue})",
        f"`max_wait` ({written(Concurrency().max_wait)})",
        f"`stale_if_error`** ({written(CachePolicy().stale_if_error or 0)})",
    ],
)
def test_the_page_tells_the_defaults_as_they_are(said: str) -> None:
    assert said in PAGE
