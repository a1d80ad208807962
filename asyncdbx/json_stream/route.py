"""Where in a document the array is."""

from typing import Any, cast

from orjson import JSONDecodeError, loads

from asyncdbx.json_stream.parsing import SPACE, JsonStreamError

_BRACKET, _COMMA, _COLON = b"[,:"

Path = str | tuple[str, ...] | None


class Route:
    """The way through a document's structure to the array at a path.

    Whatever is on the path has as many levels around it as there are keys before it. So at
    depth ``level + 1`` we are in the object in which the path's next key may be.
    """

    def __init__(self, path: Path) -> None:
        self._anywhere = path is not None
        self._path = (
            tuple(path.split(".")) if path and isinstance(path, str) else path or ()
        )
        self._depth = 0
        self._level: int = 0  # how many keys of the path lead here
        self._at_value = self._anywhere  # comes next: the value of those keys
        self._seen: set[int] = set()  # levels at which the path's key was there
        self.key_at = 0  # the offset of the last of them

    def step(self, byte: int, before: bytes, offset: int) -> bool:
        """Take a ``byte`` of structure, and what stood ``before`` it since the last one.

        Return whether it opens the array.
        """
        if byte in b"[{":
            return self._open(byte, before)
        if byte == _COLON:
            self._read_key(before, offset)
        else:
            self._end(byte)
        return False

    def take_array_out(self, rest: Any) -> tuple[bool, dict[str, Any]]:
        """Return whether ``rest`` has the array's ``[]`` or null, and what else it has.

        Raises:
            JsonStreamError: ``rest`` is no object, or something else is at the path.
        """
        if self._anywhere and not self._path and rest in ([], None):
            return True, {}
        if not isinstance(rest, dict):
            raise JsonStreamError(0, "the document is no object")
        document = cast("dict[str, Any]", rest)
        return bool(self._path) and self._remove(document, *self._path), document

    def _remove(self, holder: Any, key: str, *keys: str) -> bool:
        if not isinstance(holder, dict) or key not in holder:
            return False
        if keys:
            return self._remove(holder[key], *keys)
        if holder[key] not in ([], None):
            raise JsonStreamError(self.key_at, f"the value of {key!r} is no array")
        del holder[key]
        return True

    def _read_key(self, text: bytes, offset: int) -> None:
        level = self._level
        if self._depth != level + 1 or (_string(text),) != self._path[level : level + 1]:
            return
        if level in self._seen:
            raise JsonStreamError(offset, f"{self._path[level]!r} comes twice")
        self._seen.add(level)
        self.key_at = offset
        self._level += 1
        self._at_value = True

    def _open(self, byte: int, before: bytes) -> bool:
        is_array = (
            self._at_value
            and self._level == len(self._path)
            and byte == _BRACKET
            and not before.strip(SPACE)  # "[" in HTML opens nothing
        )
        self._at_value = False
        self._depth += 1
        return is_array

    def _end(self, byte: int) -> None:
        """End a value of the path: a scalar before ``byte``, or what it closes."""
        if self._at_value:
            self._level -= 1
        self._at_value = False
        if byte != _COMMA:
            self._depth -= 1
            self._level -= self._depth == self._level > 0


def _string(text: bytes) -> Any:
    """Return a key, or None if it is none: then it will not pass as part of the rest."""
    try:
        return loads(text)
    except JSONDecodeError:
        return None
