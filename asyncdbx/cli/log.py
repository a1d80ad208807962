"""What is said on stderr while a command runs: sentences, or lines of JSON."""

import json
import time
from collections.abc import Mapping
from typing import Literal

import click

from asyncdbx.cli.app import complain

__all__ = ["LogFormat", "log_line", "warn"]

LogFormat = Literal["text", "json"]


def log_line(event: str, facts: Mapping[str, object]) -> str:
    """Return one line of a JSON log: the time, what happened, and the facts."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return json.dumps({"time": stamp, "event": event, **facts})


def warn(message: str, log_format: LogFormat) -> None:
    """Say what is no error, but should be known."""
    if log_format == "json":
        click.echo(log_line("warning", {"warning": message}), err=True)
    else:
        complain(message)
