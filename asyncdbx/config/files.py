"""Reading a settings file so that what is wrong with it is said with file and line."""

import codecs
from pathlib import Path

from asyncdbx.errors import ConfigError


def shown(path: Path, home: Path) -> str:
    """Return ``path`` as people write it: ``~/.databrickscfg``."""
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


def expand(text: str, home: Path) -> Path:
    """Return the path that ``text`` means; a leading ``~/`` is ``home``."""
    return home / text[2:] if text.startswith("~/") else Path(text)


def read_text(path: Path, name: str) -> str | None:
    """Return the text of a UTF-8 file, or None if there is no such file.

    Args:
        path: Where it is.
        name: What errors call it.

    Raises:
        ConfigError: It cannot be read, is not UTF-8, or starts with a byte order mark,
            which the official SDKs do not accept either.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{name} cannot be read: {error.strerror}") from error
    if data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ConfigError(
            f"{name}, line 1: the file starts with a byte order mark;"
            " save it as UTF-8 without one"
        )
    return _decoded(data, name)


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
    # Raised out here, because the decoder's error carries the whole file, tokens and all.
    raise ConfigError(f"{name}, line {line}: the file is not UTF-8")
