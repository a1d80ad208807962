"""Databricks Runtime version strings: what they say, which is newer, until when supported.

    version = parse("15.4.x-gpu-ml-scala2.12")
    version.ml, version.gpu, str(version)
    support_end(version)  # a date, or None where none is published

    offered = [Runtime(each["key"], each["name"]) for each in answer["versions"]]
    select(offered, Wanted(lts=True))  # the newest first

Pure: no clock, and no I/O but the one file of this package. Any text parses; one that is
no version known here is kept as it is.
"""

from asyncdbx.runtime_version.offer import Runtime
from asyncdbx.runtime_version.parsing import parse
from asyncdbx.runtime_version.selection import Wanted, select
from asyncdbx.runtime_version.support import (
    Release,
    has_ended,
    is_supported,
    release,
    releases,
    support_end,
)
from asyncdbx.runtime_version.version import FORMS, Form, RuntimeVersion

__all__ = [
    "FORMS",
    "Form",
    "Release",
    "Runtime",
    "RuntimeVersion",
    "Wanted",
    "has_ended",
    "is_supported",
    "parse",
    "release",
    "releases",
    "select",
    "support_end",
]
