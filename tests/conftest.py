"""The last word of a run: what this machine could not show, in one line."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

SCREENSHOTS = Path(__file__).parent.parent / ".build" / "screenshots"

settings.register_profile("by count", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("by count")
"""How long an example takes says how busy the machine is, and nothing else."""


def pytest_configure() -> None:
    """Every loop here is made, used and closed by someone. The one that asyncio makes unasked for the main thread would be closed
    by nobody, and be held against whichever test the garbage collector runs in."""
    asyncio.set_event_loop(None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """For `-n auto`. One more than there are cores: much of what these tests do is to wait for other processes."""
    return (os.cpu_count() or 1) + 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", []))
    left_out = "; ".join(f"{count} × {reason}" for reason, count in sorted(skipped.items())) or "nothing"
    if shots := sorted(SCREENSHOTS.glob("*.png")):
        terminalreporter.write_line(f"Screenshots in .build/screenshots: {', '.join(each.stem for each in shots)}")
    terminalreporter.write_line(f"Left out on this machine: {left_out}")


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    _, _, said = report.longrepr if isinstance(report.longrepr, tuple) else ("", 0, str(report.longrepr))
    return said.removeprefix("Skipped: ")
