"""``asyncdbx catalog``: which endpoints there are, and what is known of each."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import click
import orjson

from asyncdbx import catalog
from asyncdbx.catalog import Endpoint, Scope
from asyncdbx.catalog.endpoint import did_you_mean
from asyncdbx.catalog.limits import Limits
from asyncdbx.cli.options import examples, limits_option
from asyncdbx.cli.output import Column, Output, Sheet, output_options
from asyncdbx.errors import UsageError

Facts = dict[str, Any]

EPILOG = examples(
    ("Everything that can be called", "asyncdbx catalog"),
    ("What there is about permissions", "asyncdbx catalog permissions"),
    ("Who answers a path", "asyncdbx catalog 'POST /api/2.*/jobs/*'"),
    ("All about one: arguments, paging, fields", "asyncdbx catalog jobs.list"),
    (
        "Calls that may be repeated when their answer was lost",
        "asyncdbx catalog -o jsonl | jq -r 'select(.repeat_safe).name'",
    ),
)


@click.command(epilog=EPILOG)
@click.argument("pattern", required=False)
@click.option(
    "--scope",
    type=click.Choice(["workspace", "account"]),
    help="Only endpoints of a workspace, or of an account.",
)
@limits_option
@output_options
def command(
    output: Output, pattern: str | None, scope: Scope | None, limit_files: Sequence[Path]
) -> None:
    """List the endpoints, or those whose name or path has PATTERN in it (* and ? work).

    The name of one endpoint shows all that is known of it. Names are those of the
    Databricks SDK.
    """
    limits = Limits.load(*limit_files)
    known = [catalog.endpoint(name, at) for at, name in catalog.names(scope)]
    exact = [each for each in known if each.name == pattern]
    if exact and output.format == "table":
        facts = (_details(each, limits).items() for each in exact)
        output.printer(DETAILS).print(fact for some in facts for fact in some if fact[1])
    elif exact:
        output.printer(SUMMARY).print(_details(each, limits) for each in exact)
    else:
        found = _matching(known, pattern or "")
        output.printer(SUMMARY).print(_summary(each, limits) for each in found)


def _matching(known: Sequence[Endpoint], pattern: str) -> list[Endpoint]:
    wanted = f"*{pattern.lower()}*"
    found = [each for each in known if any(fnmatchcase(at, wanted) for at in _texts(each))]
    if not found:
        near = did_you_mean(pattern, [each.name for each in known])
        raise UsageError(f"no endpoint has {pattern!r} in its name or path{near}")
    return found


def _texts(endpoint: Endpoint) -> Iterator[str]:
    yield endpoint.name.lower()
    yield f"{endpoint.method} {endpoint.path}".lower()


def _summary(endpoint: Endpoint, limits: Limits) -> Facts:
    return {
        "name": endpoint.name,
        "scope": endpoint.scope,
        "method": endpoint.method,
        "path": endpoint.path,
        "paging": endpoint.paging.style if endpoint.paging else None,
        "limit_group": limits.of(endpoint, "").group,
        "repeat_safe": endpoint.repeat_safe,
    }


def _details(endpoint: Endpoint, limits: Limits) -> Facts:
    limit = limits.of(endpoint, "")
    return {
        **_summary(endpoint, limits),
        "per_second": limit.per_second,
        "in_flight": limit.in_flight,
        "limit_source": limit.source,
        "safe_with": endpoint.safe_with or None,
        "path_arguments": list(endpoint.path_args),
        "query_arguments": dict(endpoint.query_args),
        "body_arguments": dict(endpoint.body_args),
        "whole_body": endpoint.whole_body or None,
        "upload": endpoint.upload or None,
        "download": endpoint.download,
        "required": sorted(endpoint.required),
        "fixed_query": dict(endpoint.fixed_query),
        "items": endpoint.items,
        "pages": asdict(endpoint.paging) if endpoint.paging else None,
        "nested": list(endpoint.nested),
        "fields": dict(endpoint.fields),
        "int64": list(endpoint.int64),
        "unsupported": endpoint.unsupported or None,
    }


def _column(name: str) -> Column[Facts]:
    value: Callable[[Facts], Any] = lambda facts: facts[name]  # noqa: E731 - typed so
    return Column(name, value)


_ALL = ("name", "scope", "method", "path", "paging", "limit_group", "repeat_safe")
SUMMARY: Sheet[Facts] = Sheet(
    orjson.dumps, [_column(name) for name in _ALL], [_column(name) for name in _ALL]
)
_PAIR: Sequence[Column[tuple[str, Any]]] = (
    Column("what", lambda pair: pair[0]),
    Column("value", lambda pair: pair[1]),
)
DETAILS: Sheet[tuple[str, Any]] = Sheet(orjson.dumps, _PAIR, _PAIR)
