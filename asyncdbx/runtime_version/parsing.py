"""From a text to a version. Every text has one; what fits no form is unknown.

The forms were taken from 268 strings of real catalogues, of the tests of the Terraform
provider, of the Go SDK, of the CLI and of UCX, and from the documentation (2026-11-23).
"""

import re
from functools import lru_cache
from typing import Any, cast

from asyncdbx.runtime_version.version import Form, RuntimeVersion

__all__ = ["parse"]

# As it is printed, without leading zeros; and short, because int() refuses long ones.
_NUMBER = r"(?:0|[1-9][0-9]{0,8})"
_SCALA = r"-scala(?P<dashed>-?)(?P<scala>[0-9]{1,3}\.[0-9]{1,3})"
_TAGS = r"(?P<tags>(?:-(?:cpu|gpu|ml|esr|hls|conda|photon|aarch64|snapshot|rc))*)"
_MAJOR, _MINOR, _PATCH = (rf"(?P<{name}>{_NUMBER})" for name in ("major", "minor", "patch"))

_ALIAS = r"(?P<name>latest-(?:stable|rc|experimental)|next-major-version)"

_PATTERNS: dict[Form, str] = {
    "dbr": rf"{_MAJOR}\.(?:{_MINOR}\.(?:{_PATCH}|x)|x){_TAGS}{_SCALA}",
    "light": rf"apache-spark-{_MAJOR}\.{_MINOR}\.x{_TAGS}{_SCALA}",
    "alias": rf"{_ALIAS}{_TAGS}{_SCALA}",
    "client": rf"client\.{_MAJOR}\.{_MINOR}(?:{_SCALA})?",
    "custom": r"custom:(?P<name>.*)",
    "dlt": rf"dlt:{_MAJOR}\.{_MINOR}(?:\.{_PATCH})?-(?P<name>.*)",
    "policy": r"auto:(?P<name>latest-lts|latest|prev-major|prev-lts)(?P<tags>-ml|)",
}
_FORMS: list[tuple[Form, re.Pattern[str]]] = [
    (form, re.compile(each, re.DOTALL)) for form, each in _PATTERNS.items()
]


@lru_cache(maxsize=4096)
def parse(text: str) -> RuntimeVersion:
    """Return the version that a text spells.

    Printed, it is the text again, letter for letter: a text of which that cannot be said
    is ``unknown``, as is one in other capitals, with blanks, or with a tag nobody knows.
    Never raises.
    """
    for form, pattern in _FORMS:
        if found := pattern.fullmatch(text):
            return _version(form, found.groupdict())
    return RuntimeVersion("unknown", name=text)


def _version(form: Form, parts: dict[str, str | None]) -> RuntimeVersion:
    numbers: dict[str, Any] = {
        name: int(digits)
        for name in ("major", "minor", "patch")
        if (digits := parts.get(name)) is not None
    }
    return RuntimeVersion(
        form,
        **cast("dict[str, int]", numbers),
        tags=tuple((parts.get("tags") or "").split("-")[1:]),
        scala=parts.get("scala"),
        dashed=parts.get("dashed") == "-",
        name=parts.get("name") or "",
    )
