"""Until when a version is supported, as far as that was published: ``support.toml``."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from asyncdbx.runtime_version.version import RuntimeVersion

__all__ = [
    "Release",
    "has_ended",
    "is_supported",
    "release",
    "releases",
    "support_end",
]

FILE = Path(__file__).with_name("support.toml")


@dataclass(frozen=True, slots=True)
class Release:
    """What was published of one release, all of its variants alike.

    Attributes:
        number: ``"16.4"``, or ``"18"``.
        spark: Version of Apache Spark.
        released: When it came out; of 19, which has moved on since, that was as a Beta.
        ends: The last day of its support; None where none was published, or none that
            can be believed.
        lts: Under long-term support.
        source: Address of the page that says so.
        as_of: The day that page was of; of one without a date, the newest day on it.
    """

    number: str
    spark: str
    released: date
    ends: date | None
    lts: bool
    source: str
    as_of: date


@cache
def releases() -> Mapping[str, Release]:
    """Return what was published, by number, in the order of the numbers."""
    file = _file()
    return {
        number: Release(
            number,
            spark=row["spark"],
            released=row["released"],
            ends=row.get("ends"),
            lts=row.get("lts", False),
            source=file["source"][row["source"]]["url"],
            as_of=file["source"][row["source"]]["as_of"],
        )
        for number, row in file["release"].items()
    }


def release(version: RuntimeVersion) -> Release | None:
    """Return the release a version belongs to, if anything was published of it.

    ``12.2.1`` belongs to 12.2. A snapshot or candidate belongs to none, since support is
    for what was released; nor does ``esr``, which had dates of its own.
    """
    if version.form != "dbr" or version.prerelease or version.esr:
        return None
    return releases().get(_number(version))


def support_end(version: RuntimeVersion) -> date | None:
    """Return the last day of a version's support; None if it is not known.

    Nothing is calculated: the rule of six months, or of three years for LTS, has had
    exceptions, so a date is one that Databricks has published, or it is not known.
    """
    known = release(version)
    return None if known is None else known.ends


def has_ended(version: RuntimeVersion) -> bool:
    """Return whether a version is known to be supported no more, even without a date.

    One page lists all that are supported, so what is older, and not there, had ended by
    its day. Of ``14.x``, a snapshot of any in its line, that is so if none of them is.
    """
    if version.form != "dbr" or (version.major or 0) >= _file()["complete_before"]:
        return False
    if version.minor is None:
        return not any(each.startswith(f"{version.major}.") for each in _listed())
    return _number(version) not in _listed()


def is_supported(version: RuntimeVersion, today: date) -> bool | None:
    """Return whether a version is supported on a day; None if that is not known."""
    ends = support_end(version)
    if ends is not None:
        return today <= ends
    return False if has_ended(version) else None


def _number(version: RuntimeVersion) -> str:
    """Return the numbers a release has: no patch."""
    return ".".join(version.number.split(".")[:2])


@cache
def _listed() -> frozenset[str]:
    """Return the numbers of the releases on the newest page."""
    newest = _file()["as_of"]
    return frozenset(each.number for each in releases().values() if each.as_of == newest)


@cache
def _file() -> dict[str, Any]:
    return tomllib.loads(FILE.read_text("utf-8"))
