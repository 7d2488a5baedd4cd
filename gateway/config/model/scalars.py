"""How single values are written in YAML: durations `250ms`, sizes `64KiB`, percentages `10%`, addresses, files, secrets.

Each type reads the written form where YAML is being read (there is a validation context), and also takes the plain number
or object where Python code makes settings itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Annotated, Any

import msgspec
from pydantic import Field, SecretStr, ValidationInfo, WithJsonSchema
from pydantic.functional_validators import AfterValidator, PlainValidator
from pydantic_core import PydanticCustomError

Reader = Callable[[Any, ValidationInfo], Any]

DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h|d)")
SECONDS: Mapping[str, float] = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
SIZE = re.compile(r"(\d{1,12})(B|KiB|MiB|GiB)")
BYTES: Mapping[str, int] = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
RATIO = re.compile(r"(\d{1,3}(?:\.\d{1,9})?)%")
PERCENTILE = re.compile(r"p\d{2}(?:\.\d)?")
HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
ADDRESS = re.compile(r"(?:\[([^\]]+)\]|([^:\[\]]+)):(\d{1,5})")
URL = re.compile(r"https?://(?P<user>[^/?#@]*@)?(?:\[[0-9A-Fa-f:.]+\]|[^\s/?#@:\[\]]+)(?::\d{1,5})?(?:[/?#]\S*)?")
UNIX = "unix:"
MASK = "**********"


class Secret(str):
    """Text that came out of a file of secrets: used as it is, but never part of a `repr`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"'{MASK}'"


class Place(msgspec.Struct, frozen=True):
    """The validation context while YAML is read. `base` is the folder that relative paths start from."""

    base: Path


class Address(msgspec.Struct, frozen=True):
    """A TCP address to listen on. An IPv6 host is kept without its brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Socket(msgspec.Struct, frozen=True):
    """A Unix domain socket to listen on."""

    path: Path

    def __str__(self) -> str:
        return f"{UNIX}{self.path}"


def wrong(expected: str) -> PydanticCustomError:
    """Pydantic's way to say that a value is not what was expected. The value itself is added where it may be shown."""
    return PydanticCustomError("expected", "{expected}", {"expected": expected})


def not_text() -> PydanticCustomError:
    return PydanticCustomError("string_type", "text")


# ---------------------------------------------------------------- numbers with a unit


def duration(value: Any, info: ValidationInfo) -> float:
    """Seconds."""
    if _number(value, info):
        return float(value)
    if not isinstance(value, str) or not (match := DURATION.fullmatch(value)):
        raise wrong("a duration with its unit, such as 250ms, 2s, 5m, 1h or 1d")
    return float(match[1]) * SECONDS[match[2]]


def size(value: Any, info: ValidationInfo) -> int:
    """Bytes."""
    if _number(value, info):
        return int(value)
    if not isinstance(value, str) or not (match := SIZE.fullmatch(value)):
        raise wrong("a size with its unit, such as 512B, 64KiB, 16MiB or 1GiB")
    return int(match[1]) * BYTES[match[2]]


def ratio(value: Any, info: ValidationInfo) -> float:
    """0 to 1."""
    if _number(value, info) and 0 <= value <= 1:
        return float(value)
    if not isinstance(value, str) or not (match := RATIO.fullmatch(value)) or float(match[1]) > 100:
        raise wrong("a percentage from 0% to 100%, such as 10%")
    return float(match[1]) / 100


def share(value: Any, info: ValidationInfo) -> float:
    """0 to 1; `on` is all, `off` none."""
    try:
        return {"on": 1.0, "off": 0.0}[value] if value in ("on", "off") else ratio(value, info)
    except PydanticCustomError:
        raise wrong("on, off, or a percentage such as 10%") from None


def percentile(value: Any, info: ValidationInfo) -> str | float:
    if isinstance(value, str) and PERCENTILE.fullmatch(value):
        return value
    try:
        return duration(value, info)
    except PydanticCustomError:
        raise wrong("a percentile such as p95, or a duration such as 50ms") from None


def _number(value: Any, info: ValidationInfo) -> bool:
    return info.context is None and isinstance(value, int | float)


def _or_upstream(value: Any, info: ValidationInfo) -> str | float:
    try:
        return value if value == "from_upstream" else duration(value, info)
    except PydanticCustomError:
        raise wrong("from_upstream, or a duration such as 30s") from None


def _written(read: Reader, pattern: str, example: str) -> Any:
    schema = {"type": "string", "pattern": f"^(?:{pattern})$", "examples": [example]}
    return PlainValidator(read, json_schema_input_type=Annotated[str, WithJsonSchema(schema)])


Duration = Annotated[float, _written(duration, DURATION.pattern, "2s")]
Positive = Annotated[float, _written(duration, DURATION.pattern, "2s"), Field(gt=0)]
Size = Annotated[int, _written(size, SIZE.pattern, "64KiB"), Field(gt=0)]
Ratio = Annotated[float, _written(ratio, RATIO.pattern, "10%")]
Share = Annotated[float, _written(share, f"on|off|{RATIO.pattern}", "10%")]
Percentile = Annotated[str | float, _written(percentile, f"{PERCENTILE.pattern}|{DURATION.pattern}", "p95")]
OrUpstream = Annotated[float | str, _written(_or_upstream, f"from_upstream|{DURATION.pattern}", "from_upstream")]


# ---------------------------------------------------------------- text, files, addresses


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise not_text()
    if not value.strip():
        raise wrong("text that is not empty")
    return value


def file(value: Any, info: ValidationInfo) -> Path:
    """Absolute; a relative path starts from the folder of the configuration."""
    if isinstance(value, Path):
        return value
    if "\0" in text(value):
        raise wrong("the path of a file")
    return Path(info.context.base / value) if info.context else Path(value)


def address(value: Any) -> Address:
    if isinstance(value, Address):
        return value
    match = ADDRESS.fullmatch(value) if isinstance(value, str) else None
    if not match or int(match[3]) > 65535 or not _host(match[1], match[2]):
        raise wrong("HOST:PORT, such as 127.0.0.1:8080, or [::1]:8080 for IPv6")
    return Address(match[1] or match[2], int(match[3]))


def _host(bracketed: str | None, plain: str | None) -> bool:
    """Is it an IPv6 address (in brackets), an IPv4 address or a host name?"""
    try:
        if bracketed:
            return bool(str(IPv6Address(bracketed)))
        if re.fullmatch(r"[\d.]+", plain or ""):
            return bool(str(IPv4Address(plain)))
    except ValueError:
        return False
    return bool(HOST.fullmatch(plain or ""))


def listener(value: Any, info: ValidationInfo) -> Address | Socket:
    if isinstance(value, Socket):
        return value
    if isinstance(value, str) and value.startswith(UNIX):
        return Socket(file(value.removeprefix(UNIX), info))
    try:
        return address(value)
    except PydanticCustomError:
        raise wrong("HOST:PORT such as 127.0.0.1:8081, or unix:PATH") from None


def url(value: Any) -> str:
    """An http or https URL. One with a password in it is refused: URLs are shown to consumers in every error."""
    match = URL.fullmatch(text(value))
    if not match:
        raise wrong("a URL that begins with http:// or https://")
    if match["user"]:
        raise wrong("a URL without credentials: it is shown in errors; send them with headers, insert")
    return text(value)


def pattern(expression: str, expected: str) -> Any:
    """Text of one form. `expected` says it in words."""
    compiled = re.compile(expression)

    def check(value: Any) -> str:
        if not isinstance(value, str):
            raise not_text()
        if not compiled.fullmatch(value):
            raise wrong(expected)
        return str(value)

    schema = {"type": "string", "pattern": f"^(?:{expression})$"}
    return PlainValidator(check, json_schema_input_type=Annotated[str, WithJsonSchema(schema)])


def _names(value: Any) -> str:
    try:
        re.compile(text(value))
    except re.error as fault:
        raise wrong(f"a regular expression: {fault}") from None
    return str(value)


def _no_line_break(value: SecretStr) -> SecretStr:
    if any(c in value.get_secret_value() for c in "\r\n\0"):
        raise wrong("one line: a header's value has no line breaks")
    return value


REGEX = {"type": "string", "format": "regex"}
NAME = "[_A-Za-z][_0-9A-Za-z]*"
SOURCE = "[A-Za-z_][A-Za-z0-9_-]{0,63}"

STORES = ("redis://", "rediss://")


def kept_in(value: object) -> str:
    """`memory`, or the URL of a Redis server, which may hold a password and is never shown."""
    if text(value) == "memory":
        return "memory"
    if not text(value).startswith(STORES):
        raise wrong("memory, or a URL that begins with redis:// or rediss://")
    return Secret(value)


def through(value: object) -> str:
    """`environment`, or the URL of a proxy, which may hold a password and is never shown."""
    if text(value) == "environment":
        return "environment"
    if not URL.fullmatch(text(value)):
        raise wrong("environment, or the URL of a proxy, http://HOST:PORT or https://HOST:PORT")
    return Secret(value)


def shared_by_all(value: object) -> str:
    """`memory`, or the URL of Redis in any of its forms."""
    if text(value) == "memory":
        return "memory"
    if not text(value).startswith((*STORES, "redis+cluster://", "redis+sentinel://")):
        raise wrong("memory, or a URL that begins with redis://, rediss://, redis+cluster:// or redis+sentinel://")
    return Secret(value)


Hidden = Annotated[str, WithJsonSchema({"type": "string", "writeOnly": True})]
"""What problems never quote."""
Text = Annotated[str, PlainValidator(text, json_schema_input_type=str)]
"""Text that is not empty. A `Secret` stays one."""
Url = Annotated[str, PlainValidator(url, json_schema_input_type=str)]
File = Annotated[Path, PlainValidator(file, json_schema_input_type=str)]
Listen = Annotated[Address, PlainValidator(address, json_schema_input_type=str)]
AdminListen = Annotated[Address | Socket, PlainValidator(listener, json_schema_input_type=str)]
HeaderValue = Annotated[SecretStr, AfterValidator(_no_line_break)]
SourceName = Annotated[str, pattern(SOURCE, "a name of letters, digits, _ and -, beginning with a letter")]
Name = Annotated[str, pattern(NAME, "a GraphQL name: letters, digits and _")]
FieldPath = Annotated[str, pattern(rf"(?:{NAME}(?:\.{NAME})*)?", "names with dots between, such as data.items")]
Coordinate = Annotated[str, pattern(rf"{NAME}\.{NAME}", "TYPE.FIELD, such as Product.stock")]
Target = Annotated[str, pattern(rf"{SOURCE}\.{NAME}", "SOURCE.FIELD, such as inventory.getStock")]
HeaderPattern = Annotated[str, PlainValidator(_names, json_schema_input_type=Annotated[str, WithJsonSchema(REGEX)])]
HeaderName = Annotated[str, pattern(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}", "the name of an HTTP header")]
