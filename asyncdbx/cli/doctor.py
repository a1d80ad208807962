"""``asyncdbx doctor``: whether workspaces can be worked with."""

import time
from collections.abc import Sequence
from typing import Any

import click
import orjson

from asyncdbx.cli.app import complain
from asyncdbx.cli.loop import run_async
from asyncdbx.cli.options import examples, work_options
from asyncdbx.cli.output import Column, Output, Sheet, output_options
from asyncdbx.cli.selection import Selection
from asyncdbx.doctor import Answer, Finding, examine, exit_code
from asyncdbx.engine import RetryPolicy
from asyncdbx.fleet import Fleet
from asyncdbx.quantity import age_text
from asyncdbx.transport import Timeouts

MOST_PROBLEMS = 3  # of a workspace, on stderr

EPILOG = examples(
    ("One workspace", "asyncdbx doctor -p prod"),
    (
        "All workspaces of an account, before the night's inventory",
        "asyncdbx doctor --account my-account",
    ),
    (
        "Those that are not well, with all that is known",
        "asyncdbx doctor --all-profiles | jq -c 'select(.state != \"ok\")'",
    ),
)


@click.command(
    epilog=EPILOG + "\n\n\b\nExit codes:\n  0  all is well\n  1  no workspace can be used\n"
    "  3  something is denied, off or out of reach (named)\n"
)
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 600),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="For a connection; each call may take three times as long. All workspaces are"
    " examined side by side.",
)
@output_options
@work_options
def command(selection: Selection, output: Output, *, timeout: float) -> int:
    """See whether the chosen workspaces can be worked with.

    For each: does it answer, is its certificate good, who are we there, when does the login
    end, is its clock right, and which services are denied or switched off. What is asked is
    a little of everything that an inventory would ask for.
    """
    timeouts = Timeouts(connect=timeout, total=1.5 * timeout)
    retry = RetryPolicy(attempts=2, throttled_for=3 * timeout)
    with selection.at_work(timeouts=timeouts, retry=retry) as fleet:
        findings = run_async(_examined(fleet, timeout))
    output.printer(SHEET).print(findings)
    _summarize(findings)
    return exit_code(findings)


async def _examined(fleet: Fleet, within: float) -> list[Finding]:
    async with fleet:
        return await examine(fleet, within)


def _summarize(findings: Sequence[Finding]) -> None:
    """Say on stderr which workspaces are not well, and why."""
    ill = [each for each in findings if each.state != "ok"]
    for each in ill:
        words = [
            *_first([_short(each.workspace, problem) for problem in each.problems]),
            *_listed("denied", each.of("denied")),
            *_listed("off", each.of("off")),
        ]
        complain(f"{each.workspace} is {each.state}: {'; '.join(words)}")
    if ill:
        are = "is" if len(ill) == 1 else "are"
        complain(f"{len(ill)} of {len(findings)} workspaces {are} not well")


def _short(workspace: str, problem: str) -> str:
    """Return a problem without the name that stands before it."""
    return problem.replace(f" on {workspace}: ", ": ", 1)


def _first(problems: Sequence[str]) -> list[str]:
    """Return a few problems; forty services that fail all say the same."""
    more = len(problems) - MOST_PROBLEMS
    rest = [f"and {more} more problems, which -o jsonl tells"] if more > 0 else []
    return [*problems[:MOST_PROBLEMS], *rest]


def _listed(word: str, names: Sequence[str]) -> list[str]:
    return [f"{word}: {', '.join(names)}"] if names else []


def _facts(finding: Finding) -> dict[str, Any]:
    reached = finding.reached
    return {
        "workspace": finding.workspace,
        "host": finding.host,
        "state": finding.state,
        "problems": finding.problems,
        "connect_seconds": reached and round(reached.seconds, 4),
        "certificate_ends": reached and _moment(reached.certificate_ends),
        "clock_skew_seconds": reached and reached.skew and round(reached.skew, 1),
        "login": finding.login,
        "who": finding.who or None,
        "token_ends_in_seconds": finding.token_ends and round(finding.token_ends),
        "token_note": finding.token_note or None,
        "services": finding.services,
    }


def _moment(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _reached(finding: Finding) -> str:
    if finding.reached is None:
        return "" if finding.state == "closed" else "no"
    return f"{1000 * finding.reached.seconds:.0f} ms"


def _certificate(finding: Finding) -> str:
    if finding.reached is None:
        return ""
    ends = finding.reached.certificate_ends
    return "none" if ends is None else f"until {_moment(ends)}"[:16]


def _clock(finding: Finding) -> str:
    if finding.reached is None or (skew := finding.reached.skew) is None:
        return ""
    return f"{skew:+.0f} s" if abs(skew) >= 1 else "right"


def _token(finding: Finding) -> str:
    if finding.token_ends is None:
        return ""
    note = f" ({finding.token_note})" if finding.token_note else ""
    if finding.token_ends <= 0:
        return f"ended{note}"
    return f"in {age_text(round(finding.token_ends))}{note}"


def _services(finding: Finding) -> str:
    if not finding.services:
        return ""
    others = [
        f"{len(names)} {word}"
        for word in ("denied", "off", "failed")
        if (names := finding.of(word))
    ]
    return ", ".join([f"{len(finding.of('ok'))} ok", *others])


def _fact(name: str) -> Column[Finding]:
    return Column(name, lambda found: _facts(found)[name])


def _resources(answer: Answer) -> Column[Finding]:
    return Column(answer, lambda found: " ".join(found.of(answer)))


SHEET: Sheet[Finding] = Sheet(
    lambda found: orjson.dumps(_facts(found)),
    (
        Column("workspace", lambda found: found.workspace),
        Column("state", lambda found: found.state),
        Column("answers", _reached, right=True),
        Column("certificate", _certificate),
        Column("clock", _clock, right=True),
        Column("login", lambda found: found.login),
        Column("who", lambda found: found.who),
        Column("token ends", _token),
        Column("services", _services),
    ),
    [
        _fact(name)
        for name in _facts(Finding("", "", ""))
        if name not in {"problems", "services"}
    ]
    + [_resources(answer) for answer in ("denied", "off", "failed")]
    + [Column("problems", lambda found: "; ".join(found.problems))],
)
