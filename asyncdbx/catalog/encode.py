"""How the values of arguments look in a URL. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from functools import lru_cache
from typing import Any, cast
from urllib.parse import quote

from asyncdbx.errors import UsageError


def query_text(pairs: Iterable[tuple[str, str]]) -> str:
    """Return names and values as the query of a URL, without the question mark.

    Raises:
        UsageError: A value holds half of a surrogate pair.
    """
    try:
        text = ""
        for name, value in pairs:
            text += f"&{_name(name)}={_quoted(value)}"
    except UnicodeEncodeError as error:
        raise UsageError(f"{error.object!r} is no valid text") from None
    return text[1:]


def _quoted(text: str) -> str:
    # Most ids and names are plain; quote() takes 2 µs to see that.
    if text.replace("-", "").isalnum() and text.isascii():
        return text
    return quote(text, safe="")


_name = lru_cache(maxsize=1024)(_quoted)  # there are only so many names


def path_text(value: object, *, many_segments: bool = False) -> str:
    """Return ``value`` percent-encoded for a path; its slashes stay if ``many_segments``.

    Raises:
        UsageError: It is empty, no text or number, or would climb (URL libraries and
            proxies resolve ``.`` and ``..``, so the call would go somewhere else).
    """
    text = value_text(value)
    if not text:
        raise UsageError("it is empty")
    if any(part in {".", ".."} for part in text.split("/")):
        raise UsageError(f"{text!r} holds a '.' or '..' segment")
    try:
        return quote(text, safe="/") if many_segments else _quoted(text)
    except UnicodeEncodeError:
        raise UsageError(f"{text!r} is no valid text") from None


def query_pairs(name: str, value: object) -> Iterator[tuple[str, str]]:
    """Yield ``value`` as query parameters: nested names dotted, lists repeat the name.

    >>> list(query_pairs("filter_by", {"is_pinned": True, "states": ["A", "B"]}))
    [('filter_by.is_pinned', 'true'), ('filter_by.states', 'A'), ('filter_by.states', 'B')]

    Raises:
        UsageError: A value is no text, number, boolean, or list or object of such.
    """
    if isinstance(value, Mapping):
        for key, inner in cast("Mapping[str, Any]", value).items():
            if inner is not None:
                yield from query_pairs(f"{name}.{key}", inner)
    elif isinstance(value, list | tuple):
        for inner in cast("list[Any]", value):
            yield name, value_text(inner)
    else:
        yield name, value_text(value)


def value_text(value: object) -> str:
    """Return one scalar as the API reads it: ``true`` and ``false``, enums by their value.

    Raises:
        UsageError: It is no scalar.
    """
    if type(value) is str:  # nearly always
        return value
    match value:
        case bool():
            return "true" if value else "false"
        case Enum():
            return value_text(value.value)
        case str():
            return value
        case int() | float():
            return str(value)
        case _:
            raise UsageError(f"a text, number or boolean is needed, not {kind_of(value)}")


def kind_of(value: object) -> str:
    """Return the name of the type of ``value`` for an error message."""
    return type(value).__name__
