"""What a run leaves behind in benchmarks/results/: <time>.json, <time>.md, plots as SVG, and one more line in history.jsonl."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import plot

RESULTS = Path(__file__).with_name("results")
SHOWN = 50
"""Runs in the plot of the history."""


class Measured(msgspec.Struct, frozen=True):
    """One benchmark's outcome, in every form."""

    result: Any
    """For JSON."""
    table: str
    values: Mapping[str, float] = {}
    """What is plotted and remembered: name → figure, less is better."""
    unit: str = ""


def write(measured: Mapping[str, Measured], arguments: Mapping[str, Any], folder: Path = RESULTS) -> Path:
    """The Markdown file; the others stand beside it."""
    now = datetime.now(UTC)
    about = {"at": now.isoformat(timespec="seconds"), "machine": _machine(), "arguments": dict(arguments)}
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / f"{now:%Y-%m-%dT%H%M%S}"
    results = msgspec.to_builtins({name: each.result for name, each in measured.items()})
    stem.with_suffix(".json").write_text(json.dumps(about | results, indent=2) + "\n", encoding="utf-8")
    runs = _remember(folder / "history.jsonl", now.isoformat(timespec="seconds"), measured)
    plots = dict(_plots(measured, runs))
    for name, drawn in plots.items():
        (folder / f"{stem.name}-{name}.svg").write_text(drawn, encoding="utf-8")
    markdown = stem.with_suffix(".md")
    markdown.write_text(_markdown(about, measured, [f"{stem.name}-{name}.svg" for name in plots]), encoding="utf-8")
    return markdown


def _machine() -> dict[str, Any]:
    names = {"python": platform.python_version(), "system": platform.system(), "machine": platform.machine()}
    return names | {"cores": os.cpu_count(), "load": [round(each, 2) for each in os.getloadavg()]}


def _remember(file: Path, at: str, measured: Mapping[str, Measured]) -> list[dict[str, float]]:
    """The figures of all runs so far, this one last."""
    figures = {f"{name}: {key}": value for name, each in measured.items() for key, value in each.values.items()}
    with file.open("a", encoding="utf-8") as history:
        history.write(json.dumps({"at": at, "figures": figures}) + "\n")
    return [json.loads(line)["figures"] for line in file.read_text(encoding="utf-8").splitlines()][-SHOWN:]


def _plots(measured: Mapping[str, Measured], runs: list[dict[str, float]]) -> Iterable[tuple[str, str]]:
    for name, each in measured.items():
        if each.values:
            yield name, plot.bars(name, each.values, each.unit)
    series = {name: [run[name] for run in runs if name in run] for name in runs[-1]}
    if series:
        yield "history", plot.history(f"the last {len(runs)} runs", series)


def _markdown(about: Mapping[str, Any], measured: Mapping[str, Measured], plots: Iterable[str]) -> str:
    machine = ", ".join(f"{key} {value}" for key, value in about["machine"].items())
    parts = [f"# Benchmarks, {about['at']}\n\n{machine}\n"]
    parts += [f"## {name}\n\n```\n{each.table}\n```\n" for name, each in measured.items()]
    parts += [f"![{name}]({name})\n" for name in plots]
    return "\n".join(parts)
