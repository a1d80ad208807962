"""``asyncdbx api``: any call, on every chosen workspace."""

import asyncio
import importlib
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from functools import cache
from pathlib import Path
from typing import Any, cast

import click
import orjson

from asyncdbx.catalog import Endpoint
from asyncdbx.cli.api_call import Wish, json_value
from asyncdbx.cli.app import FAILED, INCOMPLETE, complain
from asyncdbx.cli.json_text import envelope, indented
from asyncdbx.cli.loop import run_async
from asyncdbx.cli.options import examples, work_options
from asyncdbx.cli.output import is_terminal, write, write_json, write_text
from asyncdbx.cli.selection import Selection
from asyncdbx.errors import CallError, UsageError
from asyncdbx.escape import visible
from asyncdbx.fleet import Fleet, Workspace
from asyncdbx.fleet.pages import whole
from asyncdbx.fleet.workspace import decode
from asyncdbx.transport import Answer

Show = Callable[[str, bytes], None]  # name of the workspace, JSON as the server sent it

EPILOG = examples(
    ("One cluster, by path", "asyncdbx api GET '/api/2.1/clusters/get?cluster_id=0123'"),
    (
        "The same by the SDK's name, on two workspaces",
        "asyncdbx api clusters.get -d cluster_id=0123 -p prod -p dev",
    ),
    (
        "The name and state of every cluster",
        "asyncdbx api clusters.list --paginate --jq '[.cluster_name, .state]'",
    ),
    (
        "Create a secret scope on every workspace",
        "asyncdbx api POST /api/2.0/secrets/scopes/create -d scope=etl --all-profiles",
    ),
    (
        "Change a job; - reads the body from stdin, @FILE from a file",
        "asyncdbx api jobs.update --json @job.json -p prod",
    ),
    (
        "Upload and download a file",
        "asyncdbx api files.upload -d file_path=/Volumes/a/b/c/x.csv -d contents=@x.csv",
    ),
)


@click.command(epilog=EPILOG)
@click.argument("target", metavar="METHOD PATH | NAME")
@click.argument("path", required=False, metavar="")
@click.option(
    "-d",
    "--data",
    "pairs",
    multiple=True,
    metavar="NAME=VALUE",
    help="An argument; repeatable. With GET, HEAD and DELETE it goes to the query, as text;"
    " else to the body, where true, false, null, numbers, objects and arrays are taken as"
    " JSON and all else as text. With an endpoint's NAME it goes where it belongs.",
)
@click.option(
    "--json",
    "body",
    metavar="TEXT|@FILE|-",
    help="The body. --data then goes to the query, or to the path of a NAME.",
)
@click.option(
    "--paginate", is_flag=True, help="Follow all pages; print records, one a line."
)
@click.option(
    "--jq",
    "expression",
    metavar="EXPR",
    help="Print what this filter makes of the answer (with --paginate, of each record);"
    " texts without quotes. $workspace is the workspace's name.",
)
@work_options
def command(  # noqa: PLR0913 - the options of the contract
    selection: Selection,
    target: str,
    path: str | None,
    *,
    pairs: tuple[str, ...],
    body: str | None,
    paginate: bool,
    expression: str | None,
) -> int:
    """Make any call: METHOD PATH, or the NAME of an endpoint (see asyncdbx catalog).

    Prints the answer as the server sent it, laid out on a terminal; of several workspaces,
    and of records, a JSON line with the workspace's name for each. The limits hold here
    too. Exit code 1 if the call failed, 3 if some of several did.
    """
    data = tuple(_pair(text) for text in pairs)
    wish = Wish(target, path, data, _body(body), paginate)
    jq = _jq(expression) if expression is not None else None
    with selection.at_work() as fleet:
        show = jq or _show(several=paginate or len(fleet) > 1)
        return run_async(_run(fleet, wish, show))


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"--data {text!r} is not NAME=VALUE")
    return name, value


def _body(option: str | None) -> Any:
    if option is None:
        return None
    if option == "-":
        return json_value(sys.stdin.buffer.read(), "--json, from stdin")
    if not option.startswith("@"):
        return json_value(option.encode(), "--json")
    try:
        return json_value(Path(option[1:]).read_bytes(), option[1:])
    except OSError as error:
        raise UsageError(f"{option[1:]} cannot be read: {error.strerror}") from error


# --- calling ----------------------------------------------------------------------------


async def _run(fleet: Fleet, wish: Wish, show: Show) -> int:
    """Make the call on every workspace at once, and return the exit code."""
    calls = [(workspace, *wish.of(workspace.config.scope)) for workspace in fleet]
    if len(calls) > 1 and any(endpoint.download for _, endpoint, _ in calls):
        raise UsageError(
            "files of several workspaces cannot be printed; choose one with -p"
        )
    async with fleet:
        done = await asyncio.gather(
            *(_call(*call, show, paginate=wish.paginate) for call in calls)
        )
    if all(done):
        return 0
    return INCOMPLETE if any(done) else FAILED


async def _call(
    workspace: Workspace,
    endpoint: Endpoint,
    arguments: dict[str, Any],
    show: Show,
    *,
    paginate: bool,
) -> bool:
    """Call one workspace and show what comes; return whether all of it came."""
    try:
        if paginate:
            async for raw in _records(workspace, endpoint, arguments):
                show(workspace.name, raw)
        elif endpoint.download:
            _show_file(await workspace.run(workspace.ticket_of(endpoint, arguments)))
        else:
            raw, value = await _answer(workspace, endpoint, arguments)
            show(workspace.name, raw)
            _warn_of_more(workspace, endpoint, value)
    except CallError as error:
        complain(str(error))
        return False
    return True


async def _answer(
    workspace: Workspace, endpoint: Endpoint, arguments: dict[str, Any]
) -> tuple[bytes, Any]:
    ticket = workspace.ticket_of(endpoint, arguments)
    ticket.decode = _raw
    answer: tuple[bytes, Any] = await workspace.run(ticket)
    return answer


def _raw(answer: Answer) -> tuple[bytes, Any]:
    """Return the body as it came and its value; of a HEAD, the headers."""
    value = decode(answer)
    if answer.head:
        return orjson.dumps({f"{name}": text for name, text in value.items()}), value
    return answer.body.strip() or b"{}", value


def _warn_of_more(workspace: Workspace, endpoint: Endpoint, value: Any) -> None:
    """Say so if this was but one page: half a listing must not look whole."""
    if isinstance(value, dict) and _is_part(endpoint, cast("dict[str, Any]", value)):
        complain(f"{endpoint.name} on {workspace.name}: --paginate brings the other pages")


def _is_part(endpoint: Endpoint, document: dict[str, Any]) -> bool:
    if endpoint.paging is None or not endpoint.items:
        return False
    if token := endpoint.paging.response_token:
        return bool(document.get(token))
    total: int = document.get("totalResults", document.get("count", 0))
    return total > len(document.get(endpoint.items, ()))


async def _records(
    workspace: Workspace, endpoint: Endpoint, arguments: dict[str, Any]
) -> AsyncIterator[bytes]:
    async with aclosing(workspace.parts(endpoint, arguments, whole)) as parts:
        async for part in parts:
            for raw, _ in part.records:
                yield raw


# --- showing ----------------------------------------------------------------------------


def _show(*, several: bool) -> Show:
    if several:
        return lambda workspace, raw: write_json(envelope(raw, workspace=workspace) + b"\n")
    return lambda _, raw: write_json((indented(raw) if is_terminal() else raw) + b"\n")


def _show_file(content: bytes) -> None:
    if is_terminal():
        write_text(visible(content.decode("utf-8", "backslashreplace"), keep="\n\t"))
    else:
        write(content)


def _jq(expression: str) -> Show:
    """Return what shows the results of a jq filter.

    Raises:
        UsageError: there is no jq, or it does not understand the filter.
    """
    try:
        jq: Any = importlib.import_module("jq")
    except ImportError:
        raise UsageError("--jq needs the package jq: pip install 'asyncdbx[jq]'") from None

    @cache
    def program(workspace: str) -> Any:
        # Results come as JSON text made by jq itself: its Python values lose digits.
        jq.compile(expression, args={"workspace": workspace})
        return jq.compile(f"({expression}\n)|tojson", args={"workspace": workspace})

    def show(workspace: str, raw: bytes) -> None:
        try:
            results: Sequence[str] = program(workspace).input_text(raw.decode()).all()
        except ValueError as error:
            raise _bad_filter(error) from None
        for result in results:
            _show_result(result)

    try:
        program("")
    except ValueError as error:
        raise _bad_filter(error) from None
    return show


def _bad_filter(error: ValueError) -> UsageError:
    return UsageError(f"--jq: {str(error).partition(chr(10))[0].rstrip(':')}")


def _show_result(text: str) -> None:
    if not text.startswith('"'):
        write_json(text.encode() + b"\n")
        return
    result: str = orjson.loads(text)
    write_text((visible(result, keep="\n\t") if is_terminal() else result) + "\n")
