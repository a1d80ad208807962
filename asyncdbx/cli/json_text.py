"""JSON as bytes, not as values: a number keeps every digit the server sent."""

import re

import orjson

_TOKEN = re.compile(
    rb'(?P<scalar>"(?:[^"\\]|\\.)*"|[^][{}:,"\s]+)|(?P<empty>\{\s*\}|\[\s*\])|[][{}:,]'
)


def one_line(raw: bytes) -> bytes:
    """Return a JSON text without line breaks: none can stand inside of a string."""
    return raw.replace(b"\n", b" ").replace(b"\r", b" ")


def envelope(raw: bytes, **about: str | None) -> bytes:
    """Return ``{"workspace": …, "record": …}`` on one line, with ``raw`` as the record."""
    return orjson.dumps({**about, "record": orjson.Fragment(one_line(raw))})


def indented(raw: bytes) -> bytes:
    """Return a JSON text laid out for people, two spaces for each level."""
    depth = 0
    pieces: list[bytes] = []
    for found in _TOKEN.finditer(raw):
        token = found[0]
        if found["scalar"]:
            pieces.append(token)
        elif found["empty"]:
            pieces.append(token[:1] + token[-1:])
        elif token == b":":
            pieces.append(b": ")
        elif token == b",":
            pieces.append(b"," + _new_line(depth))
        else:
            opens = token in b"[{"
            depth += 1 if opens else -1
            line = _new_line(depth)
            pieces.append(token + line if opens else line + token)
    return b"".join(pieces)


def _new_line(depth: int) -> bytes:
    return b"\n" + b"  " * depth
