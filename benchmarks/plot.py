"""Bars and lines as SVG, with nothing but text: what a table says, seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, ROW, LEFT, RIGHT = 720, 26, 260, 110
INK, BAR, FAINT = "#222", "#3b6ea5", "#999"
FONT = 'font-family="sans-serif" font-size="13"'


def bars(title: str, values: Mapping[str, float], unit: str) -> str:
    """One horizontal bar each, in the order given, from zero."""
    most = max(values.values(), default=0) or 1
    parts = [_text(10, 22, title, weight="bold")]
    for number, (name, value) in enumerate(values.items()):
        top = 40 + number * ROW
        length = (WIDTH - LEFT - RIGHT) * value / most
        parts.append(_text(LEFT - 8, top + 14, name, anchor="end"))
        parts.append(f'<rect x="{LEFT}" y="{top}" width="{length:.1f}" height="{ROW - 8}" fill="{BAR}"/>')
        parts.append(_text(LEFT + length + 6, top + 14, f"{value:.3g} {unit}"))
    return _svg(50 + len(values) * ROW, parts)


def history(title: str, series: Mapping[str, Sequence[float]]) -> str:
    """One small line each, oldest to the left; the last value beside it, and what it is of the first."""
    parts = [_text(10, 22, title, weight="bold")]
    for number, (name, values) in enumerate(series.items()):
        top = 40 + number * 2 * ROW
        low, high = min(values), max(values)
        step, span = (WIDTH - LEFT - RIGHT - 40) / max(1, len(values) - 1), (high - low) or 1
        points = " ".join(f"{LEFT + i * step:.1f},{top + 34 - 28 * (value - low) / span:.1f}" for i, value in enumerate(values))
        parts.append(_text(LEFT - 8, top + 24, name, anchor="end"))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{BAR}" stroke-width="2"/>')
        parts.append(_text(WIDTH - RIGHT - 30, top + 24, f"{values[-1]:.4g} ({values[-1] / (values[0] or 1) - 1:+.0%})"))
    return _svg(50 + len(series) * 2 * ROW, parts)


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" font-weight="{weight}" fill="{INK}" {FONT}>{escape(text)}</text>'


def _svg(height: int, parts: Sequence[str]) -> str:
    body = "\n".join(parts)
    frame = f'<rect width="{WIDTH}" height="{height}" fill="white" stroke="{FAINT}"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}">\n{frame}\n{body}\n</svg>\n'
