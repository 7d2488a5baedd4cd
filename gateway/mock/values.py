"""One value: its schema says what may stand there, its name what people expect there. Pure, but for the randomness it is given.

The schema always wins: what a name suggests and the schema refuses is made to fit, or made from the schema.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import ceil, floor
from random import Random
from typing import Any
from uuid import UUID

import msgspec

from gateway.mock import words
from gateway.mock.pattern import text_of

BEGIN, SPAN = datetime(2023, 1, 1, tzinfo=UTC), 3 * 365 * 86400
"""Moments lie in three years that stay the same, whenever they are made."""
LATER = timedelta(days=5 * 365)
"""How much later what ends or expires does so."""
CURRENCIES = ("EUR", "GBP", "SEK", "USD")
LOCALES = ("da", "de", "en", "es", "fr", "it", "nl", "pl", "sv")
SITE = "https://example.com"


class Leaf(msgspec.Struct, frozen=True):
    """What may stand at a place that has no fields. `kind`: text, whole, number, truth or any."""

    kind: str
    format: str = ""
    """OpenAPI's `format`, or the name of a custom scalar; in lower case."""
    choices: tuple[Any, ...] = ()
    low: float | None = None
    high: float | None = None
    step: float | None = None
    pattern: str = ""
    shortest: int = 0
    longest: int | None = None
    examples: tuple[Any, ...] = ()

    @property
    def weight(self) -> int:
        """How much it says. Of two schemas of one field the one that says more is believed."""
        return sum(map(bool, (self.format, self.choices, self.pattern, self.examples, self.low, self.high)))


class Place(msgspec.Struct, frozen=True):
    """Whose value it is, as words."""

    name: str
    owner: str = ""

    @property
    def words(self) -> str:
        return spoken(self.name)


@lru_cache(4096)
def spoken(name: str) -> str:
    """`releasedAt`, `released_at`: released at."""
    return " ".join(part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name))


def theme(name: str) -> str:
    """Fields of one row that have the same theme belong together: they are given the same randomness."""
    return "home" if re.search(r"\b(city|town|country|country code|country name)$", spoken(name)) else name


def made(leaf: Leaf, place: Place, rng: Random) -> Any:
    if leaf.choices:
        return rng.choice(leaf.choices)
    if len(leaf.examples) > 1:
        return rng.choice(leaf.examples)
    match leaf.kind:
        case "truth":
            return _truth(place, rng)
        case "whole" | "number":
            return number(leaf, place, rng)
        case "any":
            return leaf.examples[0] if leaf.examples else {}
    return text(leaf, place, rng)


def _truth(place: Place, rng: Random) -> bool:
    """What is out of the ordinary is rare."""
    rare = re.search(r"\b(deleted|archived|disabled|deprecated|blocked|banned|expired|hidden|error|failed)\b", place.words)
    return rng.random() < (0.1 if rare else 0.7)


# ---------------------------------------------------------------- numbers

NUMBERS: tuple[tuple[str, tuple[float, float, int]], ...] = (
    (r"rating|stars|score", (1, 5, 1)),
    (r"price|amount|cost|fee|subtotal|total price|value|balance|salary|budget|revenue", (4, 240, 2)),
    (r"lat|latitude", (36, 60, 5)),
    (r"lng|lon|longitude", (-9, 25, 5)),
    (r"percent|percentage|discount|progress", (0, 100, 0)),
    (r"rate|ratio|share|probability|confidence", (0, 1, 2)),
    (r"year", (1990, 2025, 0)),
    (r"age", (18, 80, 0)),
    (r"quantity|stock|count|votes|likes|views|orders|followers|points|available|inventory|members|total", (0, 120, 0)),
    (r"width|height|length|depth|size", (10, 800, 0)),
    (r"weight|grams|mass", (50, 4000, 0)),
    (r"seconds|duration|minutes", (10, 600, 0)),
    (r"page|position|rank|order|index|level|priority", (1, 10, 0)),
    (r"port", (1024, 65535, 0)),
    (r"month", (1, 12, 0)),
    (r"day", (1, 28, 0)),
    (r"id", (1, 9999, 0)),
)


def number(leaf: Leaf, place: Place, rng: Random) -> int | float:
    low, high, digits = _usual(leaf, place)
    if re.search(r"\b(at|timestamp|epoch)$", place.words) and leaf.kind == "whole" and leaf.high is None:
        return int(BEGIN.timestamp()) + rng.randrange(SPAN)
    if leaf.step:
        first, last = ceil(low / leaf.step), max(ceil(low / leaf.step), floor(high / leaf.step))
        made = rng.randint(first, last) * leaf.step
        return int(made) if leaf.kind == "whole" else round(made, 6)
    if leaf.kind == "whole":
        return rng.randint(ceil(low), max(ceil(low), floor(high)))
    return min(max(round(rng.uniform(low, high), digits or 1), low), high)


def _usual(leaf: Leaf, place: Place) -> tuple[float, float, int]:
    """The range that the name suggests, as far as the schema allows it."""
    usual = next((usual for pattern, usual in NUMBERS if re.search(rf"\b({pattern})$", place.words)), None)
    usual = usual or next((usual for pattern, usual in NUMBERS if re.search(rf"\b({pattern})\b", place.words)), (1, 1000, 1))
    low, high, digits = usual
    least = leaf.low if leaf.low is not None else min(low, leaf.high if leaf.high is not None else low)
    most = leaf.high if leaf.high is not None else max(high, least)
    fits = max(least, low), min(most, high)
    return (*(fits if fits[0] <= fits[1] else (least, most)), digits)


# ---------------------------------------------------------------- texts


def text(leaf: Leaf, place: Place, rng: Random) -> str:
    if (of_format := FORMATS.get(leaf.format)) is not None:
        return of_format(place, rng)
    found = _by_name(leaf, place, rng)
    if leaf.pattern and not _fits(leaf.pattern, found):
        found = text_of(leaf.pattern, rng) or found
    return _of_length(found, leaf, rng)


def _by_name(leaf: Leaf, place: Place, rng: Random) -> str:
    maker = next((maker for pattern, maker in NAMES if pattern.search(place.words)), None)
    if leaf.examples and (maker is None or re.search(r"\d", str(leaf.examples[0]))):
        return like(str(leaf.examples[0]), rng)
    return (maker or _title)(place, rng)


def like(example: str, rng: Random) -> str:
    """A text of the same form: other digits, and where it has digits, other capitals."""
    if not re.search(r"\d", example):
        return example
    turned = re.sub(r"\d", lambda _: str(rng.randrange(10)), example)
    return re.sub(r"\b[A-Z]+\b", lambda match: "".join(rng.choice("ABCDEFGHKLMNPRSTUVWX") for _ in match[0]), turned)


def _fits(pattern: str, found: str) -> bool:
    try:
        return re.search(pattern, found) is not None
    except (re.error, RecursionError, OverflowError):
        return True


def _of_length(found: str, leaf: Leaf, rng: Random) -> str:
    while len(found) < leaf.shortest:
        found += rng.choice("abcdefghkmnprstuvwxyz") if " " not in found else f" {rng.choice(words.SENTENCES)}"
    if leaf.longest is None or len(found) <= leaf.longest:
        return found
    cut = found[: leaf.longest]
    return cut.rstrip() if len(cut.rstrip()) >= max(leaf.shortest, 1) else cut


def _person(_place: Place, rng: Random) -> str:
    return f"{rng.choice(words.FIRST)} {rng.choice(words.LAST)}"


def _username(_place: Place, rng: Random) -> str:
    return f"{rng.choice(words.FIRST)}.{rng.choice(words.LAST)}".lower()


def _mail(place: Place, rng: Random) -> str:
    return f"{_username(place, rng)}@example.com"


def _slug(_place: Place, rng: Random) -> str:
    return f"{rng.choice(words.ADJECTIVES)}-{rng.choice(words.NOUNS)}-{rng.randrange(10, 100)}".lower()


def _link(place: Place, rng: Random) -> str:
    return f"{SITE}/{_slug(place, rng)}"


def _image(place: Place, rng: Random) -> str:
    return f"{SITE}/images/{_slug(place, rng)}.jpg"


def _address(place: Place, rng: Random) -> str:
    return (_image if PICTURE.search(place.words) else _link)(place, rng)


def _moment(place: Place, rng: Random) -> datetime:
    late = re.search(r"\b(expires?|expiry|until|due|ends?|valid to|renews?)\b", place.words)
    return BEGIN + timedelta(seconds=rng.randrange(SPAN)) + (LATER if late else timedelta())


def _date_time(place: Place, rng: Random) -> str:
    return _moment(place, rng).strftime("%Y-%m-%dT%H:%M:%SZ")


def _date(place: Place, rng: Random) -> str:
    return _moment(place, rng).strftime("%Y-%m-%d")


def _birthday(_place: Place, rng: Random) -> str:
    return f"{rng.randrange(1950, 2005)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"


def _code(_place: Place, rng: Random) -> str:
    return f"{''.join(rng.choice('ABCDEFGHKLMNPRSTUVWX') for _ in range(3))}-{rng.randrange(1000, 10000)}"


def _digits(count: int) -> Maker:
    return lambda _place, rng: "".join(str(rng.randrange(10)) for _ in range(count))


def _name(place: Place, rng: Random) -> str:
    """A person's, a company's or a thing's: its owner tells."""
    for pattern, words_or_maker in OWNERS:
        if pattern.search(spoken(place.owner)):
            return words_or_maker(place, rng)
    return f"{rng.choice(words.ADJECTIVES)} {rng.choice(words.NOUNS)}"


def _title(_place: Place, rng: Random) -> str:
    return rng.choice(words.TITLES)


def _prose(_place: Place, rng: Random) -> str:
    return " ".join(rng.sample(words.SENTENCES, rng.randint(1, 3)))


def _uuid(_place: Place, rng: Random) -> str:
    return str(UUID(int=rng.getrandbits(128), version=4))


def _phone(_place: Place, rng: Random) -> str:
    return f"+43 316 555 {rng.randrange(10000):04}"


def _one_of(*choices: str) -> Maker:
    return lambda _place, rng: rng.choice(choices)


def _home(part: int) -> Maker:
    """City, code and name of its country: with the same randomness they belong together."""
    return lambda _place, rng: rng.choice(words.PLACES)[part]


PICTURES = "(?:image|avatar|photo|picture|thumbnail|icon|logo|cover)"
PICTURE = re.compile(rf"\b{PICTURES}")
Maker = Callable[[Place, Random], str]

NAMES: tuple[tuple[re.Pattern[str], Maker], ...] = tuple(
    (re.compile(rf"\b(?:{pattern})s?(?: \d+)?$"), maker)
    for pattern, maker in (
        (r"uuid|guid", _uuid),
        (r"first name|given name|forename", _one_of(*words.FIRST)),
        (r"last name|surname|family name", _one_of(*words.LAST)),
        (r"full name|author|creator|reviewer|assignee|customer name|owner name|contact name", _person),
        (r"(?:user|login|screen) ?name|login|handle|nick ?name", _username),
        (r"e ?mail(?: address)?", _mail),
        (r"phone|mobile|fax|telephone|phone number", _phone),
        (rf"{PICTURES}(?: url| uri| link)?", _image),
        (r"url|uri|link|href|website|homepage", _link),
        (r"country code", _home(1)),
        (r"country(?: name)?", _home(2)),
        (r"city|town|place|location", _home(0)),
        (r"zip|zip code|postal code|postcode", _digits(5)),
        (r"street|address|line|address line", lambda _, rng: f"{rng.randint(1, 120)} {rng.choice(words.STREETS)} Street"),
        (r"region|province|county|state name", _one_of(*words.REGIONS)),
        (r"currency(?: code)?", _one_of(*CURRENCIES)),
        (r"language|locale|lang", _one_of(*LOCALES)),
        (r"time ?zone", _one_of("Europe/Copenhagen", "Europe/Lisbon", "Europe/Vienna")),
        (r"colou?r", _one_of(*words.COLOURS)),
        (r"ean|gtin|barcode|upc", _digits(13)),
        (r"isbn", lambda place, rng: f"978{_digits(10)(place, rng)}"),
        (r"birth ?day|birth date|date of birth|born on", _birthday),
        (r"date|on|day", _date),
        (r"at|timestamp|time|since|until|expires|modified|updated|created", _date_time),
        (r"sku|code|reference|serial|number|ref", _code),
        (r"slug|path|key|permalink", _slug),
        (r"company|organi[sz]ation|vendor|supplier|manufacturer|brand|employer|publisher", _one_of(*words.COMPANIES)),
        (r"team|department|division", _one_of(*words.TEAMS)),
        (r"job|job title|role|profession|occupation", _one_of(*words.JOBS)),
        (r"version", lambda _, rng: f"{rng.randint(1, 4)}.{rng.randint(0, 12)}.{rng.randint(0, 9)}"),
        (r"ip|ip address", lambda _, rng: f"192.0.2.{rng.randint(1, 254)}"),
        (r"host|hostname|domain", lambda _, rng: f"{rng.choice(words.NOUNS).lower()}.example.com"),
        (r"token|hash|checksum|digest|signature|cursor", lambda _, rng: f"{rng.getrandbits(64):016x}"),
        (r"tags?|labels?|keywords?|categor(?:y|ies)|genre|topics?", _one_of(*words.TOPICS)),
        (r"status|state", _one_of(*words.STATES)),
        (r"id", lambda _, rng: str(rng.randint(1, 9999))),
        (r"name|display name", _name),
        (r"description|summary|body|text|content|bio|comment|message|note|notes|excerpt|about|details|caption", _prose),
    )
)
OWNERS: tuple[tuple[re.Pattern[str], Maker], ...] = tuple(
    (re.compile(rf"\b(?:{pattern})$"), maker)
    for pattern, maker in (
        (r"user|person|customer|author|employee|member|contact|patient|student|owner|reviewer|account|profile|actor", _person),
        (r"company|organi[sz]ation|brand|vendor|supplier|publisher|manufacturer|store|shop", _one_of(*words.COMPANIES)),
        (r"city|town|warehouse", _home(0)),
        (r"country", _home(2)),
        (r"category|tag|label|topic|genre|department|collection", _one_of(*words.TOPICS)),
        (r"team|group", _one_of(*words.TEAMS)),
    )
)
FORMATS: dict[str, Maker] = {
    **dict.fromkeys(("uuid", "guid"), _uuid),
    **dict.fromkeys(("date-time", "datetime", "timestamp", "instant", "offsetdatetime", "zoneddatetime"), _date_time),
    **dict.fromkeys(("date", "localdate"), _date),
    **dict.fromkeys(("time", "localtime"), lambda _, rng: f"{rng.randrange(24):02}:{rng.randrange(60):02}:00"),
    **dict.fromkeys(("duration",), lambda _, rng: f"PT{rng.randint(1, 90)}M"),
    **dict.fromkeys(("email", "idn-email", "emailaddress"), _mail),
    **dict.fromkeys(("uri", "url", "iri", "uri-reference"), _address),
    **dict.fromkeys(("hostname", "idn-hostname"), lambda _, rng: f"{rng.choice(words.NOUNS).lower()}.example.com"),
    **dict.fromkeys(("ipv4", "ip", "ip-address"), lambda _, rng: f"192.0.2.{rng.randint(1, 254)}"),
    **dict.fromkeys(("ipv6",), lambda _, rng: f"2001:db8::{rng.randint(1, 0xFFFF):x}"),
    **dict.fromkeys(("byte", "base64"), lambda _, rng: f"{''.join(rng.choice('ABCDEFGH') for _ in range(8))}"),
    **dict.fromkeys(("phone", "phonenumber"), _phone),
    **dict.fromkeys(("countrycode",), _home(1)),
    **dict.fromkeys(("currency", "currencycode"), _one_of(*CURRENCIES)),
}
