"""``asyncdbx runtimes``: the runtimes that workspaces offer."""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, cast

import click
import orjson

from asyncdbx.cli import runtime_strings
from asyncdbx.cli.app import FAILED, INCOMPLETE, complain
from asyncdbx.cli.loop import run_async
from asyncdbx.cli.options import examples, work_options
from asyncdbx.cli.output import Column, Output, Sheet, output_options
from asyncdbx.cli.runtime_support import SUPPORT, SUPPORT_FACTS, Facts, fact, support_facts
from asyncdbx.cli.selection import Selection
from asyncdbx.errors import BadAnswer, CallError, UsageError
from asyncdbx.fleet import Fleet, Workspace
from asyncdbx.runtime_version import Runtime, Wanted, select

EPILOG = examples(
    (
        "Everything a workspace offers, and until when it is supported",
        "asyncdbx runtimes -p prod",
    ),
    (
        "The newest with long-term support, of every workspace",
        "asyncdbx runtimes --all-profiles --latest --lts",
    ),
    (
        "Its key alone, for a script",
        "asyncdbx runtimes -p prod --latest --lts --ml --gpu -o jsonl | jq -r .key",
    ),
    ("All with Scala 2.12 and Spark 3.5", "asyncdbx runtimes --scala 2.12 --spark 3.5"),
    (
        "What strings say, without any workspace",
        "asyncdbx runtimes parse 15.4.x-cpu-ml-scala2.12 18.x-scala2.13",
    ),
)

ENDPOINT = "clusters.spark_versions"
KINDS = ("lts", "beta", "ml", "genomics", "gpu", "photon", "arm")
ANY: Facts = {**dict.fromkeys(KINDS, False), "scala": None, "spark": None}
WORDS = {"beta": "Beta", "genomics": "Genomics", "photon": "Photon"}  # others in capitals


def _version(
    context: click.Context, option: click.Parameter, value: str | None
) -> str | None:
    if value is not None and not re.fullmatch(r"[0-9]+(\.[0-9]+)*", value):
        raise click.BadParameter(f"{value!r} is no version; write it as 3.5 or 2.13.")
    return value


@click.group(epilog=EPILOG, invoke_without_command=True)
@click.option("--latest", is_flag=True, help="The newest one of each workspace.")
@click.option("--lts", is_flag=True, help="Under long-term support.")
@click.option("--ml", is_flag=True, help="For machine learning.")
@click.option("--gpu", is_flag=True, help="With libraries for GPUs.")
@click.option("--photon", is_flag=True, help="With Photon of its own.")
@click.option("--arm", is_flag=True, help="For ARM processors (Graviton).")
@click.option("--genomics", is_flag=True, help="For genomics.")
@click.option("--beta", is_flag=True, help="A Beta, snapshot or release candidate.")
@click.option("--scala", callback=_version, metavar="V", help="With this Scala, 2.13.")
@click.option("--spark", callback=_version, metavar="V", help="With this Spark, 3.5.")
@output_options
@work_options
@click.pass_context
def command(
    context: click.Context,
    selection: Selection,
    output: Output,
    /,
    *,
    latest: bool,
    **kind: Any,
) -> int:
    """List the runtimes that workspaces offer, the newest first.

    Without options all of them. With any of --latest to --spark those of exactly that
    kind: --ml are those for machine learning without GPU, --ml --gpu those with; without
    --lts either. Where 16.4 has two Scalas, 2.12 comes first. --spark 3.5 takes 3.5.0 and
    3.5.2.

    The end of support is the last day as Databricks has published it, and empty where it
    is not known. A workspace that cannot be asked, or that has no --latest, is named on
    stderr, and the exit code is 3; 1 if none could be asked.
    """
    if context.invoked_subcommand is not None:
        return _refuse_options(context, context.invoked_subcommand)
    wanted = Wanted(**kind) if latest or kind != ANY else None
    with selection.at_work() as fleet:
        return run_async(_show(fleet, output, wanted, latest=latest))


command.add_command(runtime_strings.command)


def _refuse_options(context: click.Context, subcommand: str) -> int:
    """Refuse options before a subcommand: they would do nothing."""
    for option in context.command.params:
        source = context.get_parameter_source(option.name or "")
        if source is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(
                f"{option.opts[-1]} before {subcommand!r} does nothing", context
            )
    return 0


async def _show(
    fleet: Fleet, output: Output, wanted: Wanted | None, *, latest: bool
) -> int:
    """Print what each workspace offers and return the exit code."""
    workspaces = [each for each in fleet if each.config.scope == "workspace"]
    if not workspaces:
        raise UsageError(
            "only a workspace has runtimes, and none was chosen; give one with -p"
        )
    async with fleet:
        asked = await asyncio.gather(*map(_offered, workspaces))
    offered = {
        workspace.name: runtimes
        for workspace, runtimes in zip(workspaces, asked, strict=True)
        if runtimes is not None
    }
    if not offered:
        return FAILED
    lacking = _print(output, offered, wanted, latest=latest)
    return INCOMPLETE if lacking or len(offered) < len(workspaces) else 0


def _print(
    output: Output,
    offered: Mapping[str, Sequence[Runtime]],
    wanted: Wanted | None,
    *,
    latest: bool,
) -> int:
    """Print what workspaces offer; return how many have no latest, which is said."""
    today = datetime.now(UTC).date()
    lacking = 0
    with output.printer(OFFERS) as printer:
        for workspace, runtimes in offered.items():
            chosen = _chosen(runtimes, wanted)
            if latest and not chosen:
                lacking += 1
                complain(f"{workspace} offers no runtime of that kind")
            shown = chosen[:1] if latest else chosen
            printer.write(Offer(workspace, each, today) for each in shown)
    return lacking


def _chosen(offered: Sequence[Runtime], wanted: Wanted | None) -> list[Runtime]:
    if wanted is not None:
        return select(offered, wanted)
    return sorted(offered, key=lambda each: (each.version, each.name), reverse=True)


async def _offered(workspace: Workspace) -> list[Runtime] | None:
    """Return what a workspace offers; None if it cannot be asked, which is said."""
    try:
        answer = await workspace.call(ENDPOINT)
        return _runtimes(answer, workspace.name)
    except CallError as error:
        complain(str(error))
        return None


def _runtimes(answer: Any, workspace: str) -> list[Runtime]:
    try:
        versions = cast("Iterable[dict[str, Any]]", answer["versions"])
        return [Runtime(str(each["key"]), str(each.get("name", ""))) for each in versions]
    except (AttributeError, LookupError, TypeError) as error:
        message = "the answer is no list of versions"
        raise BadAnswer(message, endpoint=ENDPOINT, workspace=workspace) from error


@dataclass(frozen=True)
class Offer:
    """A runtime that a workspace offers, on a day."""

    workspace: str
    runtime: Runtime
    today: date

    @cached_property
    def facts(self) -> Facts:
        """Names and values."""
        runtime = self.runtime
        return {
            "workspace": self.workspace,
            "key": runtime.key,
            "name": runtime.name,
            "form": runtime.version.form,
            "version": runtime.version.number or None,
            "spark": runtime.spark,
            "scala": runtime.version.scala,
            **{kind: getattr(runtime, kind) for kind in KINDS},
            **support_facts(runtime.version, self.today),
        }

    @property
    def kind(self) -> str:
        """The words for what it is, as names of runtimes have them."""
        kinds = (kind for kind in KINDS if self.facts[kind])
        return " ".join(WORDS.get(kind, kind.upper()) for kind in kinds)


def _of_offer(column: Column[Facts]) -> Column[Offer]:
    def value(offer: Offer) -> Any:
        return column.value(offer.facts)

    return Column(column.title, value)


_ALL = ("workspace", "key", "name", "form", "version", "spark", "scala", *KINDS)
OFFERS: Sheet[Offer] = Sheet(
    lambda offer: orjson.dumps(offer.facts),
    [
        *(_of_offer(fact(name)) for name in ("workspace", "key", "spark", "scala")),
        Column("kind", lambda offer: offer.kind),
        _of_offer(SUPPORT),
    ],
    [_of_offer(each) for each in (*map(fact, _ALL), *SUPPORT_FACTS)],
)
