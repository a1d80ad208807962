"""Where a field stands in a record: ``settings.tasks[0].spark_conf["spark.x"]``. Pure."""

import json
import re
from typing import Final

from asyncdbx.errors import ConfigError

__all__ = ["ANY", "Path", "parse_path", "path_text"]

Path = tuple[str | int, ...]  # names of fields, and places in lists, from 0

ANY: Final = "*"  # in a pattern: any field, any element
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
STEP = re.compile(
    r'(?P<dot>\.)?(?P<name>[^.\[\]"*]+|\*)|\[(?:(?P<at>\d+)|(?P<any>\*)|(?P<key>"(?:[^"\\]|\\.)*"))\]'
)


def path_text(path: Path) -> str:
    """Return a path as people read and write it; ``.`` is the whole record."""
    steps = "".join(map(_step_text, path))
    return steps.removeprefix(".") or "."


def _step_text(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if PLAIN.fullmatch(step) else f"[{json.dumps(step)}]"


def parse_path(text: str) -> Path:
    """Return a path or pattern; ``*`` stands for any field and ``[*]`` for any element.

    Raises:
        ConfigError: It is none.
    """
    steps: list[str | int] = []
    at = 0
    while at < len(text):
        found = STEP.match(text, at)
        if found is None or (found["name"] and bool(found["dot"]) is not bool(at)):
            raise _no_field(text)
        try:
            steps.append(_step(found))
        except ValueError:  # no JSON text, or a number of thousands of digits
            raise _no_field(text) from None
        at = found.end()
    if not steps:
        raise ConfigError("a field has no name")
    return tuple(steps)


def _no_field(text: str) -> ConfigError:
    return ConfigError(f"{text!r} is no field; write settings.tasks[*].libraries")


def _step(found: re.Match[str]) -> str | int:
    if found["at"]:
        return int(found["at"])
    if found["key"]:
        return str(json.loads(found["key"]))
    return found["name"] or ANY
