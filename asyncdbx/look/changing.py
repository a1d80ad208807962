"""Fields that change without anybody changing the object: ``changing.toml``, and yours."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, Self, cast

from asyncdbx.errors import ConfigError
from asyncdbx.inventory.resources import RESOURCES
from asyncdbx.look.fields import Ignored, ignoring
from asyncdbx.look.path import parse_path

__all__ = ["Changing", "Entry"]

FILE = Path(__file__).with_name("changing.toml")
EVERY = "*"  # in the place of a resource


@dataclass(frozen=True, slots=True)
class Entry:
    """A field that is left out of comparisons, with all that is in it.

    Attributes:
        resource: Name of the resource, or ``*``.
        field: Where it stands; ``*`` is any field and ``[*]`` any element.
        why: Why it says nothing about what people have changed.
    """

    resource: str
    field: str
    why: str


@dataclass(frozen=True, slots=True)
class Changing:
    """What is left out of comparisons.

    Attributes:
        entries: The fields.
    """

    entries: tuple[Entry, ...] = ()

    @classmethod
    def known(cls) -> Self:
        """Return what the package knows."""
        return cls(_known())

    def with_fields(self, fields: Iterable[str]) -> Self:
        """Return this and ``RESOURCE.FIELD`` or ``*.FIELD``.

        Raises:
            ConfigError: One is of another form, or names no resource.
        """
        return self._with(_entry(each) for each in fields)

    def with_file(self, file: Path) -> Self:
        """Return this and what a file says, in the form of ``changing.toml``.

        Raises:
            ConfigError: It cannot be read or used; the file and the field are named.
        """
        return self._with(_read(file))

    def of(self, resource: str) -> Ignored:
        """Return what is left out of a resource's records."""
        meant = [each for each in self.entries if each.resource in {EVERY, resource}]
        return ignoring(parse_path(each.field) for each in meant)

    def _with(self, entries: Iterable[Entry]) -> Self:
        return type(self)((*self.entries, *entries))


@cache
def _known() -> tuple[Entry, ...]:
    return tuple(_read(FILE))


def _entry(text: str) -> Entry:
    resource, dot, field = text.partition(".")
    if not (dot and field):
        raise ConfigError(f"{text!r} is no RESOURCE.FIELD; write clusters.state or *.etag")
    return _checked(Entry(resource, field, "asked for"), repr(text))


def _read(file: Path) -> Iterator[Entry]:
    for resource, fields in _tables(file).items():
        if not isinstance(fields, Mapping):
            raise ConfigError(f"{file}: {resource} is no table; write [{resource}] first")
        named = cast("Mapping[str, Any]", fields)
        for field, why in _flat(named):
            if not isinstance(why, str):
                raise ConfigError(f"{file}: {resource}.{field} must say why, in quotes")
            yield _checked(Entry(resource, field, why), f"{file}: {resource}.{field}")


def _tables(file: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is no TOML: {error}") from error


def _flat(fields: Mapping[str, Any], at: str = "") -> Iterator[tuple[str, Any]]:
    """Yield fields with their paths: without quotes, TOML makes tables of a dotted name."""
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from _flat(cast("dict[str, Any]", value), f"{at}{name}.")
        else:
            yield f"{at}{name}", value


def _checked(entry: Entry, where: str) -> Entry:
    """Return an entry that can be used.

    Raises:
        ConfigError: There is no such resource, or the field is written wrongly.
    """
    if entry.resource not in {EVERY, *RESOURCES}:
        close = get_close_matches(entry.resource, RESOURCES, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise ConfigError(f"{where}: there is no resource {entry.resource!r}{hint}")
    try:
        parse_path(entry.field)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
    return entry
