"""``asyncdbx demo``: start a simulated fleet, inventory it, say what to try next."""

import os
import shlex
import shutil
import sys
from pathlib import Path

import click

from asyncdbx.cli.inventory import run
from asyncdbx.cli.local_fleet import SCALE, WORKSPACES, local_fleet
from asyncdbx.cli.options import examples
from asyncdbx.cli.selection import Selection
from asyncdbx.config import LANES
from asyncdbx.errors import StoreError
from asyncdbx.inventory.folder import Folder
from asyncdbx.inventory.resources import choose
from asyncdbx.inventory.run import Order
from asyncdbx.inventory.store import Store

SHOWN = ("clusters", "jobs", "dbfs", "workspace_objects", "permissions", "users", "tables")


@click.command(
    name="demo",
    epilog=examples(
        ("Five workspaces and an account, about half a minute", "asyncdbx demo"),
        ("A smaller fleet, elsewhere", "asyncdbx demo --scale 0.2 --to /tmp/demo"),
    ),
)
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path),
    default=Path("asyncdbx-demo"),
    show_default=True,
    metavar="DIR",
    help="Folder of the tables.",
)
@click.option(
    "--workspaces", type=WORKSPACES, default=5, show_default=True, help="How many."
)
@click.option(
    "--scale", type=SCALE, default=1.0, show_default=True, help="Size of each workspace."
)
def command(folder: Path, workspaces: int, scale: float) -> int:
    """Take an inventory of a simulated fleet, to see what asyncdbx does.

    Starts local workspaces and an account that enforce the published rate limits, lists
    everything in them into Delta tables, and shows where these lie and what to try next.
    Needs no Databricks workspace and no network.
    """
    order = Order(folder, choose(), fresh=True)
    _claim(folder)  # a folder that cannot be used is said before anything starts
    click.echo(
        f"Starting {workspaces} simulated workspaces and an account on 127.0.0.1,"
        " with the published rate limits ...",
        err=True,
    )
    options = ["--workspaces", str(workspaces), "--scale", str(scale)]
    with local_fleet(options) as config:
        os.environ["DATABRICKS_CONFIG_FILE"] = str(config)
        os.environ[LANES] = "off"  # its ports are another fleet's the next time
        code = run(Selection(all_profiles=True), order, None, "text")
    _show(folder)
    return code


def _claim(folder: Path) -> None:
    """Make sure that the folder is a demo's: simulated records must not replace real ones.

    Raises:
        StoreError: it is not ours, or holds an inventory of somebody's own workspaces.
    """
    known = _is_inventory(folder)
    mark = Folder.open(folder).path / "_demo"
    if known and not mark.exists():
        raise StoreError(
            f"{folder} holds an inventory that is no demo's; choose an empty or new folder"
        )
    mark.touch()


def _is_inventory(folder: Path) -> bool:
    try:
        Folder.open(folder, create=False)
    except StoreError:
        return False
    return True


def _show(folder: Path) -> None:
    store = Store(Folder.open(folder, create=False))
    counts = {name: store.count(name) for name in store.tables()}
    shown = ", ".join(f"{counts[name]:,} {name}" for name in SHOWN if name in counts)
    click.echo(
        f"\n{len(counts)} tables, {sum(counts.values()):,} rows: {shown} and more.\n"
    )
    click.echo(_next(folder), nl=False)


def _next(folder: Path) -> str:
    """Return what to try next, as it can be pasted into the shell it was called from."""
    # That of a virtual environment, which need not be active.
    here = str(Path(sys.executable).with_name("asyncdbx"))
    program = "asyncdbx" if shutil.which("asyncdbx") else here
    return NEXT.replace("asyncdbx ", f"{shlex.quote(program)} ").replace(
        "FOLDER", shlex.quote(str(folder))
    )


NEXT = """\
Try next:
  1. Ask the tables; Spark, DuckDB and Polars read them as well:
       asyncdbx query FOLDER \\
         'SELECT workspace, state, count(*) AS n FROM clusters GROUP BY ALL ORDER BY ALL'
  2. See the run on one page, in a browser:
       asyncdbx report FOLDER
  3. Keep a fleet running, and use its profiles in another terminal:
       asyncdbx simulate --config ./simulated.cfg
       export DATABRICKS_CONFIG_FILE=./simulated.cfg
       asyncdbx list clusters jobs -p prod
       asyncdbx tree dbfs:/ -p prod --du
  4. Take the inventory of your own workspaces, of profiles in ~/.databrickscfg:
       asyncdbx inventory -p PROFILE --to ./inventory
"""
