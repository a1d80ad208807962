"""How the values on a page are written. Pure."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from markupsafe import Markup
from rich.filesize import decimal

from asyncdbx.escape import visible
from asyncdbx.quantity import age_text, rate_text, seconds_text

__all__ = ["FILTERS", "moment_text", "shown"]

LONGEST = 400  # characters of an error
KINDS = {
    "directory": ("directory with all below", "directories with all below"),
    "listing": ("listing", "listings"),
    "object": ("object", "objects"),
    "pages": ("rest of a listing", "rests of listings"),
    "parent": ("listing that this follows from", "listings that this follows from"),
}


def shown(value: Any) -> Any:
    """Return a value as it is written: what a screen would obey in a text is shown."""
    return visible(value) if type(value) is str else value


def moment_text(at: datetime) -> str:
    """Return ``26 Nov 2026, 09:17 UTC``."""
    return f"{_day(at)}, {_clock(at)} UTC"


def _day(at: date) -> str:
    return f"{at.day} {at:%b %Y}"


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%H:%M}"


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def _age(seconds: float) -> str:
    return age_text(max(seconds, 0))  # two clocks need not agree


def _number(value: int) -> str:
    return f"{value:,}"


def _of(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _kind(count: int, kind: str) -> str:
    """Return how many things of a kind are missing; see ``_missing``."""
    one, many = KINDS.get(kind, (kind, kind))
    return f"{count:,} {one if count == 1 else many}"


def _share(percent: float) -> str:
    return f"{percent:.2g} %" if percent < 10 else f"{percent:.0f} %"


def _short(words: str) -> str:
    return words if len(words) <= LONGEST else f"{words[:LONGEST]}…"


def _path(path: str) -> Markup:
    """Return a path that may be broken before each of its parts but the first."""
    root, *parts = [visible(part) for part in path.split("/")]
    start = [f"{root}/{part}" for part in parts[:1]] or [root]
    return Markup("<bdi>{}</bdi>").format(Markup("<wbr>/").join([*start, *parts[1:]]))


FILTERS: Mapping[str, Callable[..., Any]] = {
    "age": _age,
    "clock": _clock,
    "day": _day,
    "iso": _iso,
    "kind": _kind,
    "moment": moment_text,
    "number": _number,
    "of": _of,
    "path": _path,
    "rate": rate_text,
    "seconds": seconds_text,
    "share": _share,
    "short": _short,
    "size": decimal,
}
