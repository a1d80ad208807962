r"""Show what a terminal would obey: a cluster may be called ``"\x1b[2J"``."""

import json


def visible(text: str, *, keep: str = "") -> str:
    r"""Return ``text`` with ``\x1b`` for ESC and ``\u202e`` for a right-to-left override.

    What is shown so is what Python calls not printable: control and format characters,
    lone surrogates, separators other than the space, private and unassigned characters.

    Args:
        text: From anywhere.
        keep: Characters to leave as they are, such as line breaks.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else repr(c)[1:-1] for c in text)


def visible_json(raw: bytes) -> bytes:
    r"""Return a JSON text that means the same, with ``\u202e`` for such characters."""
    if raw.isascii() and b"\x7f" not in raw:
        return raw  # JSON itself allows no other control characters in strings
    text = raw.decode("utf-8", "backslashreplace")
    shown = (c if c.isprintable() or c in "\r\n\t" else json.dumps(c)[1:-1] for c in text)
    return "".join(shown).replace("\x7f", "\\u007f").encode()
