"""Which fields of a record differ. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final, cast

import orjson

from asyncdbx.look.path import ANY, Path, path_text

__all__ = ["ABSENT", "FieldChange", "Ignored", "ignoring", "what_differs"]

# Patterns as a tree: a step → what may follow it, or None where a pattern ends.
Ignored = dict[str | int, "Ignored | None"]


class _Absent:
    """Where there is no field; null is a value."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field that differs.

    Attributes:
        field: Where it stands: ``settings.tasks[0].timeout_seconds``.
        before: Its value; ``ABSENT`` if it was not there.
        after: Its value; ``ABSENT`` if it is not there any more.
    """

    field: str
    before: Any
    after: Any


def ignoring(patterns: Iterable[Path]) -> Ignored:
    """Return patterns as one tree."""
    tree: Ignored = {}
    for pattern in patterns:
        _add(tree, pattern)
    return tree


def _add(tree: Ignored, pattern: Path) -> None:
    step, *rest = pattern
    if not rest:
        tree[step] = None
        return
    branch = tree.setdefault(step, {})
    if branch is not None:  # else a shorter pattern covers this one
        _add(branch, tuple(rest))


def what_differs(before: Any, after: Any, ignored: Ignored) -> list[FieldChange]:
    """Return the fields that differ between two JSON values, in the order they stand in.

    A number equals another of the same value, however it is written; true is no number.
    Elements of lists are compared by their place. What is ignored is taken out of both.
    """
    _prune(before, ignored)
    _prune(after, ignored)
    return list(_changes(before, after))


def _prune(value: Any, ignored: Ignored) -> None:
    for step, rest in ignored.items():
        if isinstance(value, dict):
            _prune_object(cast("dict[str, Any]", value), step, rest)
        elif isinstance(value, list):
            _prune_list(cast("list[object]", value), step, rest)


def _prune_object(value: dict[Any, Any], step: str | int, rest: Ignored | None) -> None:
    names = list(value) if step == ANY else [step] if step in value else []
    for name in names:
        if rest is None:
            del value[name]
        else:
            _prune(value[name], rest)


def _prune_list(value: list[object], step: str | int, rest: Ignored | None) -> None:
    if step == ANY and rest is None:
        value.clear()
        return
    places = range(len(value)) if step == ANY else [step] if isinstance(step, int) else []
    for at in places:
        if at < len(value):
            if rest is None:
                value[at] = None  # the others keep their places
            else:
                _prune(value[at], rest)


def _changes(before: Any, after: Any) -> Iterator[FieldChange]:
    # Not by recursion: a record may be nested deeper than Python calls.
    waiting: list[tuple[Path, Any, Any]] = [((), before, after)]
    while waiting:
        path, old, new = waiting.pop()
        if type(old) is type(new) and isinstance(old, dict | list):
            if not _is_same_text(old, new):
                waiting += [((*path, step), *both) for step, *both in _backwards(old, new)]
        elif not _is_equal(old, new):
            yield FieldChange(path_text(path), old, new)


def _backwards(old: Any, new: Any) -> list[tuple[str | int, Any, Any]]:
    """Return what two objects, or two lists, have at each place, the last one first."""
    places: list[tuple[str | int, Any, Any]]
    if isinstance(old, dict):
        was = cast("dict[str, Any]", old)
        names = dict.fromkeys((*was, *new))
        places = [(each, was.get(each, ABSENT), new.get(each, ABSENT)) for each in names]
    else:
        both = zip_longest(old, new, fillvalue=ABSENT)
        places = [(at, one, other) for at, (one, other) in enumerate(both)]
    return places[::-1]


def _is_same_text(old: Any, new: Any) -> bool:
    """Return whether two values are certainly the same, as most of a record is."""
    try:
        return _sorted_text(old) == _sorted_text(new)
    except orjson.JSONEncodeError:  # an integer beyond 64 bits, or nested deep
        return False


def _sorted_text(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _is_equal(old: Any, new: Any) -> bool:
    """Compare values that are not both objects and not both lists."""
    return old == new and isinstance(old, bool) is isinstance(new, bool)
