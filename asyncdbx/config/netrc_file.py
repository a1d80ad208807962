"""A login for a machine from ``.netrc``, chosen as curl chooses it.

The first entry that names the machine, or ``default``, counts. Values with blanks stand
in double quotes, ``#`` starts a comment, macros are skipped. The standard library's
``netrc`` takes the last entry of a machine and repeats words of the file in its errors.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from asyncdbx.config.files import read_text
from asyncdbx.errors import ConfigError

_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|\S+')
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


class NetrcEntry(NamedTuple):
    """Login and password for a machine, as they stand in the file."""

    login: str
    password: str

    def __repr__(self) -> str:
        return f"NetrcEntry(login={self.login!r}, password=***)"


def find_entry(path: Path, name: str, machine: str) -> NetrcEntry:
    """Return the login for ``machine``.

    Raises:
        ConfigError: There is no such file or entry, or it lacks login or password.
    """
    text = read_text(path, name)
    if text is None:
        raise ConfigError(f"{name} does not exist; --netrc needs it")
    entry = _first_match(_entries(text, name), machine)
    if entry is None:
        raise ConfigError(f"{name} has no entry 'machine {machine}'")
    if not (entry.get("login") and entry.get("password")):
        raise ConfigError(f"{name}: the entry for {machine} needs a login and a password")
    return NetrcEntry(entry["login"], entry["password"])


def _first_match(entries: list[dict[str, str]], machine: str) -> dict[str, str] | None:
    for entry in entries:
        if "default" in entry or entry.get("machine", "").lower() == machine:
            return entry
    return None


def _entries(text: str, name: str) -> list[dict[str, str]]:
    entries: list[dict[str, str]] = [{}]  # what stands before the first machine
    words = _words(text, name)
    for word in words:
        keyword = word.lower()
        if keyword in {"machine", "default"}:
            entries.append({})
        if keyword == "default":
            entries[-1]["default"] = ""
        elif keyword in {"machine", "login", "password", "account"}:
            entries[-1][keyword] = next(words, "")
    return entries


def _words(text: str, name: str) -> Iterator[str]:
    in_macro = False
    for number, line in enumerate(text.splitlines(), start=1):
        if in_macro:
            in_macro = bool(line.strip())  # an empty line ends a macro
            continue
        for word in _WORD.findall(line):
            if word.startswith("#"):
                break
            if word == "macdef":
                in_macro = True
                break
            yield _unquoted(word, f"{name}, line {number}")


def _unquoted(word: str, where: str) -> str:
    if not word.startswith('"'):
        return word
    if len(word) == 1 or not word.endswith('"'):
        raise ConfigError(f"{where}: a quoted value is not closed")
    return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), word[1:-1])
