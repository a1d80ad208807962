"""``asyncdbx simulate``: keep a simulated fleet running."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import cast

import click

from asyncdbx.cli.options import examples


@click.command(
    name="simulate",
    epilog=examples(
        (
            "Five workspaces and an account; in another terminal, use their profiles",
            "asyncdbx simulate --config ./simulated.cfg",
        ),
        (
            "... there",
            "DATABRICKS_CONFIG_FILE=./simulated.cfg asyncdbx list clusters -p prod",
        ),
        (
            "A fleet that limits as a token bucket and does not say when to come back",
            "asyncdbx simulate --limiter bucket --retry-after none",
        ),
        ("One whose dev dies after 200 requests", "asyncdbx simulate --stop-after dev=200"),
    ),
)
@click.option("--workspaces", default=5, show_default=True, metavar="N", help="How many.")
@click.option(
    "--scale", default=1.0, show_default=True, help="Size of each, 1 = the demo's."
)
@click.option("--seed", default=7, show_default=True, help="Same seed, same fleet.")
@click.option("--no-limits", is_flag=True, help="Enforce no rate limits.")
@click.option(
    "--limiter",
    type=click.Choice(["sliding", "bucket"]),
    default="sliding",
    show_default=True,
    help="How the limits are enforced.",
)
@click.option(
    "--retry-after",
    type=click.Choice(["seconds", "date", "none"]),
    default="seconds",
    show_default=True,
    help="What a 429 says of when to come back.",
)
@click.option(
    "--latency", default=0.0, show_default=True, help="Seconds an answer takes, on average."
)
@click.option(
    "--stop-after",
    multiple=True,
    metavar="NAME=5s|NAME=200",
    help="Switch a workspace off after seconds or requests; repeatable.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the profiles there; to stdout if not given.",
)
def command(**options: object) -> int:
    """Keep a local fleet of simulated workspaces running, until Ctrl-C.

    They listen on 127.0.0.1 only, enforce the published rate limits, and answer every
    call that an inventory makes, from state that the seed decides. Prints a ready
    .databrickscfg.
    """
    arguments = [sys.executable, "-m", "asyncdbx.simulator"]
    for name, value in options.items():
        arguments += _argument("config-out" if name == "config" else name, value)
    with subprocess.Popen(arguments) as process:  # noqa: S603 - our own module
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGTERM)
            process.wait()
            return 0


def _argument(name: str, value: object) -> list[str]:
    """Return an option as the simulator's own command line has it."""
    option = f"--{name.replace('_', '-')}"
    match value:
        case None | False:
            return []
        case True:
            return [option]
        case tuple():
            each_value = cast("tuple[object, ...]", value)
            return [word for each in each_value for word in (option, str(each))]
        case _:
            return [option, str(value)]
