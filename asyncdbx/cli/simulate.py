"""``asyncdbx simulate``: keep a simulated fleet running."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import cast

import click

from asyncdbx.cli.local_fleet import SCALE, WORKSPACES, simulator
from asyncdbx.cli.options import examples
from asyncdbx.errors import UsageError

OURS = b"; simulator control: "  # how the profile file of a simulated fleet begins


# What is odd about, or large in, single workspaces; each may be given several times.
ODD = (
    (
        "--status",
        "NAME=STATUS",
        "What the account says of a workspace, e.g. FAILED",
    ),
    ("--dark", "NAME", "A workspace to which connecting times out"),
    ("--skew", "NAME=SECONDS", "How far a workspace's clock is ahead"),
    (
        "--deny",
        "NAME",
        "A workspace of which the service principal is no member",
    ),
    (
        "--expired",
        "NAME",
        "A workspace whose profile has a token or secret past its end",
    ),
    (
        "--tree",
        "NAME=DIRECTORIESxFILES",
        "A tree in a workspace's DBFS, with so many files in each directory",
    ),
    (
        "--directory",
        "NAME=FILES",
        "A directory of so many files in a workspace's DBFS",
    ),
)


def _odd_options(command: Callable[..., int]) -> Callable[..., int]:
    """Give the command an option for each oddity."""
    for option, metavar, what in reversed(ODD):
        add = click.option(
            option, multiple=True, metavar=metavar, help=f"{what}; repeatable."
        )
        command = add(command)
    return command


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
        (
            "200 that are logged in to by OAuth, of which one cannot be reached",
            "asyncdbx simulate --workspaces 200 --login oauth-m2m --dark dev",
        ),
        (
            "One with a tree of five million files, which takes no memory",
            "asyncdbx simulate --workspaces 1 --tree prod=50000x100",
        ),
    ),
)
@click.option(
    "--workspaces", type=WORKSPACES, default=5, show_default=True, help="How many."
)
@click.option(
    "--scale", type=SCALE, default=1.0, show_default=True, help="Size; 1 is the demo's."
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
    "--latency",
    type=click.FloatRange(0, 60),
    default=0.0,
    show_default=True,
    help="Seconds an answer takes, on average.",
)
@click.option(
    "--stop-after",
    multiple=True,
    metavar="NAME=5s|NAME=200",
    help="Switch a workspace off after seconds or requests; repeatable.",
)
@click.option(
    "--login",
    type=click.Choice(["pat", "oauth-m2m"]),
    default="pat",
    show_default=True,
    help="What the profiles log in with.",
)
@click.option(
    "--token-life",
    type=click.FloatRange(0, min_open=True),
    default=3600.0,
    show_default=True,
    help="Seconds an OAuth token is valid.",
)
@_odd_options
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
    _check(cast("Path | None", options["config"]))
    arguments: list[str] = []
    for name, value in options.items():
        arguments += _argument("config-out" if name == "config" else name, value)
    with simulator(arguments) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            return 0


def _check(config: Path | None) -> None:
    """Refuse to write where somebody's own profiles may lie.

    Raises:
        UsageError: the file is not an earlier fleet's, or cannot be written.
    """
    if config is None:
        return
    try:
        begin = config.read_bytes()[: len(OURS)]
    except FileNotFoundError:
        if not os.access(config.absolute().parent, os.W_OK | os.X_OK):
            raise UsageError(f"{config} cannot be written") from None
        return
    except OSError as error:
        raise UsageError(f"{config} cannot be used: {error.strerror}") from None
    if begin != OURS:
        raise UsageError(
            f"{config} is there already, and not from asyncdbx simulate; name another file"
        )


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
