"""The table of commands, and what an error becomes: one sentence and an exit code."""

import difflib
import importlib
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import click

from asyncdbx.errors import (
    AsyncdbxError,
    ConfigError,
    DeadlineReached,
    DiskFailed,
    LockHeld,
    QueryError,
    StoreError,
    UsageError,
)
from asyncdbx.escape import visible

FAILED, USAGE, INCOMPLETE, LOCKED, DEADLINE, INTERRUPTED = 1, 2, 3, 4, 5, 130
PIPE_CLOSED = 141  # 128 + SIGPIPE: what a shell says of any tool whose reader went away


class PipeClosed(Exception):
    """Whoever read our stdout went away; not an OSError, which click would exit on."""


class Entry(NamedTuple):
    """A command that is imported when it is used: ``module.command``."""

    module: str
    help: str


COMMANDS: Mapping[str, Entry] = {
    "demo": Entry("asyncdbx.cli.demo", "Try it all: inventory a simulated fleet."),
    "simulate": Entry("asyncdbx.cli.simulate", "Keep a simulated fleet running."),
    "api": Entry("asyncdbx.cli.api", "Make any call, on every chosen workspace."),
    "list": Entry("asyncdbx.cli.list_", "Print the records of resources."),
    "tree": Entry("asyncdbx.cli.tree", "Walk dbfs:/, /Workspace/ or /Volumes/."),
    "inventory": Entry("asyncdbx.cli.inventory", "Take the whole fleet into tables."),
    "query": Entry("asyncdbx.cli.query", "Ask the tables of an inventory, in SQL."),
    "diff": Entry("asyncdbx.cli.diff", "Show what has changed between two runs."),
    "report": Entry("asyncdbx.cli.report", "Write one page about a run."),
    "catalog": Entry("asyncdbx.cli.catalog", "Look up endpoints."),
    "doctor": Entry("asyncdbx.cli.doctor", "See whether workspaces can be worked with."),
    "limits": Entry("asyncdbx.cli.limits", "Show how often each may be called."),
    "runtimes": Entry("asyncdbx.cli.runtimes", "Show runtimes, and read their strings."),
}


class LazyGroup(click.Group):
    """Commands by name; a module is imported when its command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module: Any = importlib.import_module(entry.module)
        return cast("click.Command", module.command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one may have been meant."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            near = difflib.get_close_matches(name, COMMANDS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {_names()}"
            ctx.fail(f"there is no command {name!r}; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


def _names() -> str:
    return ", ".join(COMMANDS)


EPILOG = """\b
Examples:
  1. See what it does, without any workspace:
       asyncdbx demo
  2. Inventory two profiles of ~/.databrickscfg into Delta tables:
       asyncdbx inventory -p prod -p dev --to ./inventory
  3. The names of all jobs of all workspaces:
       asyncdbx list jobs --all-profiles | jq -r .record.settings.name

\b
Exit codes:
  0  all of it                       4  another run holds the lock
  1  failed                          5  deadline reached, resumable
  2  usage or configuration        130  interrupted, resumable
  3  finished, but something is missing or failed (named on stderr)
"""


@click.group(
    cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="asyncdbx", message="%(package)s %(version)s")
def cli() -> None:
    """Bulk work against the Databricks REST API.

    As fast as its rate limits allow and never faster; what comes out is complete, or says
    what is missing. Each command explains itself: asyncdbx COMMAND --help.
    """


def main() -> None:
    """Run the command line of this process and exit."""
    _keep_standard_streams()
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code; errors are said on stderr."""
    try:
        code = cli.main(list(arguments), prog_name="asyncdbx", standalone_mode=False)
        if sys.stdout is not None:  # None after ">&-"
            sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - all end in one sentence
        return _explain(error)
    return code if isinstance(code, int) else 0


def _explain(error: BaseException) -> int:
    """Say what happened in one sentence and return the exit code."""
    if os.environ.get("ASYNCDBX_DEBUG", "0") not in {"", "0"}:
        traceback.print_exception(error)
    match error:
        case click.ClickException():
            _show_usage(error)
            return error.exit_code
        case KeyboardInterrupt() | click.Abort():
            complain("interrupted")
            return INTERRUPTED
        case PipeClosed() | BrokenPipeError():
            _forget_stdout()
            return PIPE_CLOSED
        case AsyncdbxError():
            # Only these have several lines: one for each thing, or a place in SQL.
            lines = isinstance(error, ConfigError | QueryError)
            complain(str(error), keep="\n" if lines else "")
            return exit_code(error)
        case OSError():
            _forget_stdout()
            complain(str(error))
            return FAILED
        case _:
            complain(f"{type(error).__name__}: {error} (ASYNCDBX_DEBUG=1 shows where)")
            return FAILED


def complain(message: str, *, keep: str = "") -> None:
    """Write a sentence to stderr; control characters in it are shown, not obeyed."""
    click.echo(f"asyncdbx: {visible(message, keep=keep)}", err=True)


def exit_code(error: AsyncdbxError) -> int:
    """Return the exit code that the contract gives to an error."""
    match error:
        case LockHeld():
            return LOCKED
        case DeadlineReached():
            return DEADLINE
        case DiskFailed():
            return FAILED
        case UsageError() | ConfigError() | StoreError():
            return USAGE
        case _:
            return FAILED


def _show_usage(error: click.ClickException) -> None:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return
    complain(error.format_message())
    if isinstance(error, click.UsageError) and error.ctx is not None:
        click.echo(f"See '{error.ctx.command_path} --help'.", err=True)


def _keep_standard_streams() -> None:
    """Fill what was closed with ``>&-``, or the next socket becomes our stdout."""
    null = os.open(os.devnull, os.O_RDWR)
    while null <= 2:
        null = os.open(os.devnull, os.O_RDWR)
    os.close(null)


def _forget_stdout() -> None:
    """Let what is still buffered go nowhere, or the interpreter complains at its end."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
