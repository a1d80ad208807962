"""Reads one file of limits and says, with the line, what in it cannot be used."""

import math
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from asyncdbx.catalog.endpoint import did_you_mean
from asyncdbx.errors import ConfigError

UNLIMITED = "unlimited"
MINUTE = 60.0  # seconds
NUMBERS = ("per_second", "per_minute", "in_flight", "source", "in_flight_source")


@dataclass(frozen=True, slots=True)
class Numbers:
    """What one table says; None where it says nothing.

    Attributes:
        per_second: Calls per second; ``inf`` for unlimited.
        in_flight: Calls at the same time.
        source: Who says so, for the user.
        in_flight_source: Who says how many at the same time.
        window: Seconds over which the rate is counted.
        own: It is the package that says so, and not the user.
    """

    per_second: float | None = None
    in_flight: int | None = None
    source: str = ""
    in_flight_source: str = ""
    window: float = 1.0
    own: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """One ``[groups.NAME]``.

    Attributes:
        name: Of the group, or of an endpoint that gets a lane of its own.
        endpoints: Patterns; None if the file does not say.
        numbers: Its limits.
        at: The table in the file.
    """

    name: str
    endpoints: tuple[str, ...] | None
    numbers: Numbers
    at: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LimitsFile:
    """The content of one file.

    Attributes:
        path: The file.
        text: What it says, to find lines in it.
        default: ``[default]``.
        groups: ``[groups.…]`` in the order of the file.
        workspace_defaults: Workspace → its ``[workspace.NAME.default]``.
        workspace_groups: Workspace and group → its ``[workspace.NAME.groups.GROUP]``.
    """

    path: Path
    text: str
    default: Numbers
    groups: tuple[Group, ...]
    workspace_defaults: Mapping[str, Numbers]
    workspace_groups: Mapping[tuple[str, str], Group]

    def error(self, at: tuple[str, ...], message: str) -> ConfigError:
        """Return an error that names the file and the line of the table or key ``at``."""
        return error_at(self.path, self.text, at, message)


def read_limits(path: Path, *, own: bool = False) -> LimitsFile:
    """Return the content of ``path``; ``own`` if it is the file of the package.

    Raises:
        ConfigError: It cannot be read or used; file and line are named.
    """
    try:
        text = path.read_text("utf-8")
        data = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is no UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is no valid TOML: {error}") from None
    return _Reader(path, text, own=own).read(data)


class _Reader:
    """Turns parsed TOML into a LimitsFile; knows the text, to name the line."""

    def __init__(self, path: Path, text: str, *, own: bool) -> None:
        self._path = path
        self._text = text
        self._own = own

    def read(self, data: dict[str, Any]) -> LimitsFile:
        self._only(data, ("default", "groups", "workspace"), ())
        tables = self._tables(data, "workspace", ())
        defaults: dict[str, Numbers] = {}
        groups: dict[tuple[str, str], Group] = {}
        for name, table in tables.items():
            at = ("workspace", name)
            self._only(table, ("default", "groups"), at)
            defaults[name] = self._default(table, at)
            for group, entry in self._tables(table, "groups", at).items():
                groups[name, group] = self._group(
                    group, entry, (*at, "groups", group), NUMBERS
                )
        return LimitsFile(
            self._path,
            self._text,
            self._default(data, ()),
            tuple(
                self._group(name, entry, ("groups", name), ("endpoints", *NUMBERS))
                for name, entry in self._tables(data, "groups", ()).items()
            ),
            defaults,
            groups,
        )

    def _tables(
        self, parent: Mapping[str, Any], key: str, at: tuple[str, ...]
    ) -> dict[str, dict[str, Any]]:
        """Return the tables in ``parent[key]``, which must hold nothing else."""
        found = self._table(parent.get(key, {}), (*at, key))
        return {name: self._table(entry, (*at, key, name)) for name, entry in found.items()}

    def _table(self, value: object, at: tuple[str, ...]) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._error(at, f"a table [{dotted(at)}] is needed, not {value!r}")
        return cast("dict[str, Any]", value)

    def _default(self, parent: Mapping[str, Any], at: tuple[str, ...]) -> Numbers:
        at = (*at, "default")
        entry = self._table(parent.get("default", {}), at)
        self._only(entry, NUMBERS, at)
        return self._numbers(entry, at)

    def _group(
        self, name: str, entry: dict[str, Any], at: tuple[str, ...], known: Collection[str]
    ) -> Group:
        self._only(entry, known, at)
        return Group(name, self._patterns(entry, at), self._numbers(entry, at), at)

    def _patterns(
        self, entry: dict[str, Any], at: tuple[str, ...]
    ) -> tuple[str, ...] | None:
        if "endpoints" not in entry:
            return None
        value: object = entry["endpoints"]
        patterns = cast("list[object]", value) if isinstance(value, list) else []
        texts = tuple(
            pattern for pattern in patterns if isinstance(pattern, str) and pattern
        )
        if not texts or len(texts) != len(patterns):
            raise self._bad(
                at, "endpoints", entry["endpoints"], 'a list of patterns such as ["jobs.*"]'
            )
        return texts

    def _numbers(self, entry: dict[str, Any], at: tuple[str, ...]) -> Numbers:
        source = self._source(entry, at, "source")
        return Numbers(
            self._rate(entry, at),
            self._in_flight(entry, at),
            source,
            self._source(entry, at, "in_flight_source")
            if "in_flight_source" in entry
            else source,
            MINUTE if "per_minute" in entry else 1.0,
            self._own,
        )

    def _source(self, entry: dict[str, Any], at: tuple[str, ...], key: str) -> str:
        said = entry.get(key, "")
        if not isinstance(said, str):
            raise self._bad(at, key, said, "a text")
        if self._own:
            return said
        return f"file {self._path}, [{dotted(at)}]" + (f": {said}" if said else "")

    def _rate(self, entry: dict[str, Any], at: tuple[str, ...]) -> float | None:
        if "per_second" in entry and "per_minute" in entry:
            raise self._error(
                (*at, "per_minute"),
                f"[{dotted(at)}] has per_second and per_minute: say one",
            )
        for key, seconds in (("per_second", 1), ("per_minute", MINUTE)):
            if key in entry:
                return self._positive(entry[key], at, key) / seconds
        return None

    def _positive(self, value: object, at: tuple[str, ...], key: str) -> float:
        if value == UNLIMITED:
            return math.inf
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._bad(at, key, value, f'a number above 0 or "{UNLIMITED}"')
        if not 0 < value < math.inf:
            raise self._bad(at, key, value, f'a number above 0 or "{UNLIMITED}"')
        return float(value)

    def _in_flight(self, entry: dict[str, Any], at: tuple[str, ...]) -> int | None:
        value = entry.get("in_flight")
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise self._bad(at, "in_flight", value, "a whole number, 1 or more")
        return value

    def _only(
        self, entry: Mapping[str, Any], known: Collection[str], at: tuple[str, ...]
    ) -> None:
        for key in entry:
            if key not in known:
                raise self._error((*at, key), self._unknown(entry, key, known, at))

    def _unknown(
        self,
        entry: Mapping[str, Any],
        key: str,
        known: Collection[str],
        at: tuple[str, ...],
    ) -> str:
        if isinstance(entry[key], dict) and "groups" in at:
            name = f"{at[-1]}.{key}"
            return f"a name with a dot needs quotes: [{dotted((*at[:-1], name))}]"
        where = f" in [{dotted(at)}]" if at else ""
        accepted = ", ".join(known)
        return f"unknown {key!r}{where}{did_you_mean(key, known)}; accepted: {accepted}"

    def _bad(
        self, at: tuple[str, ...], key: str, value: object, needed: str
    ) -> ConfigError:
        shown = f'"{value}"' if isinstance(value, str) else str(value).lower()
        return self._error(
            (*at, key), f"{key} = {shown} in [{dotted(at)}]: {needed} is needed"
        )

    def _error(self, at: tuple[str, ...], message: str) -> ConfigError:
        return error_at(self._path, self._text, at, message)


def error_at(path: Path, text: str, at: tuple[str, ...], message: str) -> ConfigError:
    """Return an error about ``at`` in the file ``path`` that says ``text``."""
    line = line_of(text, at)
    where = f"{path}, line {line}" if line else str(path)
    return ConfigError(f"{where}: {message}")


def dotted(at: tuple[str, ...]) -> str:
    """Return ``at`` as the name of a TOML table, quoted where TOML wants it."""
    return ".".join(
        part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else f'"{part}"' for part in at
    )


def line_of(text: str, at: tuple[str, ...]) -> int | None:
    """Return the line, from 1, that sets ``at`` or else opens the nearest table around it.

    tomllib keeps no positions, so the lines are looked at one by one; a key that is written
    in an unusual way is found by its table.
    """
    table: tuple[str, ...] = ()
    best: tuple[int, int | None] = (0, None)
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("["):
            table = found = _path_of(line) or table
        else:
            key, equals, _ = line.partition("=")
            found = (*table, *_path_of(f"{key} = 0")) if equals else ()
        if found and found == at[: len(found)] and len(found) > best[0]:
            best = (len(found), number)
    return best[1]


def _path_of(line: str) -> tuple[str, ...]:
    """Return the keys that one line of TOML opens or sets; empty if it is no such line."""
    try:
        value: Any = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return ()
    path: list[str] = []
    while isinstance(value, dict) and value:
        key, value = next(iter(cast("dict[str, Any]", value).items()))
        path.append(key)
    return tuple(path)
