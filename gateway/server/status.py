"""`/status` and `/status.json`: the sources as the gateway sees them, each with its owner.

The page is made on the server from the same facts as the JSON: no script, nothing loaded from elsewhere, asked for again by the
browser itself every few seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send

from gateway.server.house import House
from gateway.server.reply import NO_STORE, RawHeaders, Said, check_reading, reply

HTML = b"text/html; charset=utf-8"
STYLE = Path(__file__).with_name("status.css").read_text("utf-8")
STILL = b"still"
REFRESH = 10
"""Seconds."""
HEADERS: RawHeaders = (
    NO_STORE,
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
WIDTH, HEIGHT = 300, 44
Facts = Mapping[str, Any]


class Status:
    """`/status`, or with `page` False `/status.json`: of all workers together."""

    def __init__(self, house: House, *, page: bool = True, public: bool = False, now: Callable[[], float] = time.time) -> None:
        self._house = house
        self._page = page
        self._public = public
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  what an ASGI application takes
        check_reading(scope)
        facts = self._shown(await self._house.whole_status())
        if not self._page:
            await reply(send, 200, b"application/json", msgspec.json.encode(facts), (NO_STORE,))
            return
        still = STILL in scope["query_string"].split(b"&")
        headers = HEADERS if still else (*HEADERS, (b"refresh", b"%d" % REFRESH))
        await reply(send, 200, HTML, render(facts, self._now(), still=still).encode(), headers)

    def _shown(self, told: dict[str, Any]) -> dict[str, Any]:
        """What only operators may read (whom to page, what to do) stays on the admin address, unless all answers show it."""
        hidden = self._public and self._house.disclosure.audience != "internal"
        return _without_internal(told) if hidden else told


def process_status(house: House) -> Said:
    """Of this process alone, for its siblings."""
    return Said(200, b"application/json", msgspec.json.encode(house.status()), (NO_STORE,))


def _without_internal(told: dict[str, Any]) -> dict[str, Any]:
    shown = {**told, "sources": [_without_internal(each) for each in told["sources"]]} if "sources" in told else dict(told)
    if "owner" in told:
        shown["owner"] = {name: value for name, value in told["owner"].items() if name != "internal"}
    return shown


# ---------------------------------------------------------------- the page


def render(facts: Facts, now: float, *, still: bool = False) -> str:
    """The whole page. Everything from outside is escaped. `still`: it stays as it is until it is asked for again."""
    sources = sorted(facts["sources"], key=lambda each: (_rank(each), each["name"]))
    troubled = [each["name"] for each in sources if _rank(each) < 2]
    said = f"{', '.join(troubled)} {'needs' if len(troubled) == 1 else 'need'} attention" if troubled else "All sources are well"
    state = "shutting down" if facts.get("draining") else "ready" if facts.get("ready") else "not ready"
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{escape(said)} · Signpost</title><style>{STYLE}</style></head><body>",
        f'<header><p class="brand">Signpost <span class="quiet">{escape(str(facts.get("version", "")))}</span></p>',
        f'<h1 class="{"bad" if troubled else "good"}">{escape(said)}</h1>',
        f'<p class="quiet">The gateway is {state}, run by {_reach(facts.get("owner", {}))}. Figures are of the last ten minutes; '
        f'<time datetime="{_moment(now)}">{_moment(now)[11:19]} UTC</time>, {_pace(still)}.</p></header>',
        '<main><h2 class="off-screen">Sources</h2><ul class="cards">',
        *(_card(each, now) for each in sources),
        "</ul>",
        _changes(facts.get("changes", ()), now),
        '</main><footer class="quiet"><p>The same for programs: <a href="status.json">status.json</a></p></footer></body></html>',
    ]
    return "\n".join(part for part in parts if part)


def _pace(still: bool) -> str:
    """Whoever reads slowly, or has it read to them, can make the page hold still (WCAG 2.2.1)."""
    return (
        f'<a href="status">every {REFRESH} s anew</a>'
        if still
        else f'every {REFRESH} s anew: <a href="status?still">hold still</a>'
    )


def _rank(source: Facts) -> int:
    """0 broken, 1 something is wrong, 2 well."""
    if source.get("breaker") == "open" or source.get("schema") == "missing":
        return 0
    traffic = source.get("traffic") or {}
    asked = traffic.get("calls", 0) + traffic.get("refused", 0)
    failing = asked and (traffic.get("errors", 0) + traffic.get("refused", 0)) / asked >= 0.05
    return 1 if failing or source.get("breaker") == "half-open" or source.get("schema") == "copy" else 2


def _card(source: Facts, now: float) -> str:
    name, rank = escape(source["name"]), _rank(source)
    traffic = source.get("traffic") or {}
    lines = [
        f'<li class="card {("broken", "shaky", "well")[rank]}"><h3>{name} <span class="badge">{_state(source)}</span></h3>',
        f'<p class="quiet">{escape(source["kind"])}{_at(source.get("url"))}</p>',
        _spark(source["name"], traffic),
        f"<dl>{''.join(_figure(*each) for each in _figures(source, traffic))}</dl>",
        *(f'<p class="why">{each}</p>' for each in _why(source, now)),
        f'<p class="owner">{_reach(source.get("owner", {}))}{_more(source.get("owner", {}))}</p></li>',
    ]
    return "\n".join(lines)


def _state(source: Facts) -> str:
    if source.get("schema") == "missing":
        return "not loaded"
    if source.get("breaker") == "open":
        return "circuit open"
    if source.get("breaker") == "half-open":
        return "on trial"
    if source.get("schema") == "copy":
        return "schema from a copy"
    return "failing" if _rank(source) < 2 else "well"


def _figures(source: Facts, traffic: Facts) -> Sequence[tuple[str, str]]:
    calls, errors = traffic.get("calls", 0), traffic.get("errors", 0)
    uses = sum(traffic.get(kind, 0) for kind in ("calls", "hits", "stale", "collapsed"))
    return (
        ("calls", f"{calls}"),
        ("errors", f"{errors / calls:.1%}" if calls else "–"),
        ("typical", _ms(traffic.get("p50_ms"))),
        ("slowest 5 %", _ms(traffic.get("p95_ms"))),
        ("from cache", f"{(traffic.get('hits', 0) + traffic.get('stale', 0)) / uses:.0%}" if uses else "–"),
        ("in queue", f"{source.get('queued', 0)}"),
    )


def _figure(name: str, value: str) -> str:
    return f"<div><dt>{name}</dt><dd>{value}</dd></div>"


def _ms(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value / 1000:.1f} s" if value >= 1000 else f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"


def _why(source: Facts, now: float) -> list[str]:
    """The failure that opened the circuit, or the latest one."""
    said = []
    if opened := source.get("opened"):
        answered = f", answered {opened['status']}" if opened.get("status") else ""
        said.append(f"Circuit opened {_ago(opened['since'], now)}, by {escape(opened['code'])}{answered}.")
    for failure, what in ((source.get("last_failure"), "Last failure"), (source.get("schema_failure"), "Schema")):
        if failure:
            said.append(f"{what} {_ago(failure['at'], now)}: {escape(failure['code'])}, it {escape(failure['said'])}.")
    return said


def _spark(name: str, traffic: Facts) -> str:
    """Uses per ten seconds as a line, failures as bars below it. The figures say the same in words."""
    series, failures = traffic.get("series") or (), traffic.get("failures") or ()
    if not any(series):
        return '<p class="spark quiet">no calls yet</p>'
    top, step = max(series), WIDTH / (len(series) - 1)
    heights = [value / top * (HEIGHT - 6) for value in series]
    points = " ".join(f"{n * step:.0f},{HEIGHT - 2 - height:.0f}" for n, height in enumerate(heights))
    failed = [(n * step - 2, value / top * (HEIGHT - 6)) for n, value in enumerate(failures) if value]
    bars = "".join(f'<rect x="{x:.0f}" y="{HEIGHT - height:.0f}" width="4" height="{height:.0f}"/>' for x, height in failed)
    label = f"{name}: at most {top} uses in ten seconds; {sum(failures)} of {sum(series)} failed"
    return (
        f'<svg class="spark" role="img" aria-label="{escape(label)}" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none">'
        f'<title>{escape(label)}</title>{bars}<polyline points="{points}"/></svg>'
    )


# ---------------------------------------------------------------- whom to ask


def _reach(owner: Facts) -> str:
    """The team, and every way to reach it."""
    contact = owner.get("contact") or {}
    ways = [_link(f"mailto:{contact['email']}", contact["email"])] if contact.get("email") else []
    ways += [_link(contact[way], way) for way in ("chat", "url") if contact.get(way)]
    ways += [escape(contact[way]) for way in ("phone", "hours") if contact.get(way)]
    return f"<b>{escape(owner.get('team', 'nobody'))}</b>{''.join(f' · {way}' for way in ways)}"


def _more(owner: Facts) -> str:
    links = [("docs", owner.get("docs")), ("status page", owner.get("status_page"))]
    internal = owner.get("internal") or {}
    said = [_link(url, name) for name, url in links if url]
    said += [_link(str(text), name) if _is_web(str(text)) else f"{name}: {escape(str(text))}" for name, text in internal.items()]
    return "".join(f" · {each}" for each in said)


def _at(url: str | None) -> str:
    return f' · <span class="url">{escape(url)}</span>' if url else ""


def _link(target: str, text: str) -> str:
    """Only to the web and to mail: an owner's entry is somebody's text."""
    if not (_is_web(target) or target.startswith("mailto:")):
        return escape(target)
    return f'<a href="{escape(target)}">{escape(text)}</a>'


def _is_web(target: str) -> bool:
    return target.startswith(("https://", "http://"))


# ---------------------------------------------------------------- what changed


def _changes(changes: Sequence[Facts], now: float) -> str:
    if not changes:
        return ""
    rows = "".join(
        f'<tr><td>{_ago(each["at"], now)}</td><td>{escape(each["source"])}</td><td class="{escape(each["criticality"])}">'
        f"{escape(each['criticality'])}</td><td>{escape(each['message'])}</td><td>{escape(each['state'])}</td></tr>"
        for each in changes[:20]
    )
    heads = "".join(f'<th scope="col">{each}</th>' for each in ("when", "source", "weight", "change", "state"))
    return f'<h2>Recent changes</h2><div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'


def _ago(at: float, now: float) -> str:
    past = max(now - at, 0.0)
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if past >= size:
            return f'<time datetime="{_moment(at)}">{past / size:.0f} {unit} ago</time>'
    return f'<time datetime="{_moment(at)}">{past:.0f} s ago</time>'


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
