"""``asyncdbx runtimes parse``: what runtime strings say; no workspace is asked."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime

import click
import orjson

from asyncdbx.cli.options import examples
from asyncdbx.cli.output import Column, Output, Sheet, output_options
from asyncdbx.cli.runtime_support import (
    SUPPORT,
    SUPPORT_FACTS,
    Facts,
    fact,
    support_facts,
)
from asyncdbx.runtime_version import RuntimeVersion, parse

__all__ = ["command"]

EPILOG = examples(
    ("What a string says", "asyncdbx runtimes parse 15.4.x-cpu-ml-scala2.12"),
    (
        "What those of all clusters say",
        "asyncdbx list clusters | jq -r .record.spark_version | asyncdbx runtimes parse -",
    ),
)


@click.command("parse", epilog=EPILOG)
@click.argument("strings", nargs=-1, required=True, metavar="STRING...")
@output_options
def command(output: Output, strings: Sequence[str]) -> None:
    """Show what each STRING says; - reads them from stdin, one a line.

    Any string has an answer: one that is no runtime version has the form unknown.
    """
    today = datetime.now(UTC).date()
    output.printer(STRINGS).print(_facts(parse(each), today) for each in _texts(strings))


def _texts(strings: Iterable[str]) -> Iterator[str]:
    for text in strings:
        if text == "-":
            lines = (line.rstrip(b"\r\n") for line in sys.stdin.buffer)
            yield from (line.decode("utf-8", "replace") for line in lines if line)
        else:
            yield text.encode("utf-8", "replace").decode()  # argv may hold half characters


def _facts(version: RuntimeVersion, today: date) -> Facts:
    return {
        "text": str(version),
        "form": version.form,
        "version": version.number or None,
        "tags": list(version.tags),
        "scala": version.scala,
        "prerelease": version.prerelease,
        **support_facts(version, today),
    }


_PARTS: Sequence[Column[Facts]] = [
    *(fact(name) for name in ("text", "form", "version")),
    Column("tags", lambda facts: " ".join(facts["tags"])),
    fact("scala"),
]
STRINGS: Sheet[Facts] = Sheet(
    orjson.dumps, [*_PARTS, SUPPORT], [*_PARTS, fact("prerelease"), *SUPPORT_FACTS]
)
