"""``asyncdbx demo``: start a simulated fleet, inventory it, say what to try next."""

import os
from pathlib import Path

import click

from asyncdbx.cli.inventory import run
from asyncdbx.cli.local_fleet import local_fleet
from asyncdbx.cli.options import Selection, examples
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
@click.option("--workspaces", default=5, show_default=True, metavar="N", help="How many.")
@click.option("--scale", default=1.0, show_default=True, help="Size of each workspace.")
def command(folder: Path, workspaces: int, scale: float) -> int:
    """Take an inventory of a simulated fleet, to see what asyncdbx does.

    Starts local workspaces and an account that enforce the published rate limits, lists
    everything in them into Delta tables, and shows where these lie and what to try next.
    Needs no Databricks workspace and no network.
    """
    order = Order(folder, choose(), fresh=True)
    Folder.open(folder)  # a folder that cannot be used is said before anything starts
    click.echo(
        f"Starting {workspaces} simulated workspaces and an account on 127.0.0.1,"
        " with the published rate limits ...",
        err=True,
    )
    options = ["--workspaces", str(workspaces), "--scale", str(scale)]
    with local_fleet(options) as config:
        os.environ["DATABRICKS_CONFIG_FILE"] = str(config)
        code = run(Selection(all_profiles=True), order, None, "text")
    _show(folder)
    return code


def _show(folder: Path) -> None:
    store = Store(Folder.open(folder, create=False))
    counts = {name: store.count(name) for name in store.tables()}
    shown = ", ".join(f"{counts[name]:,} {name}" for name in SHOWN if name in counts)
    click.echo(
        f"\n{len(counts)} tables, {sum(counts.values()):,} rows: {shown} and more.\n"
    )
    click.echo(NEXT.replace("FOLDER", str(folder)), nl=False)


NEXT = """\
Try next:
  1. Look into a table; Spark, DuckDB and Polars read it as well:
       python3 -c "from deltalake import *; print(QueryBuilder()\\
         .register('clusters', DeltaTable('FOLDER/clusters')).execute(\\
         'select workspace, state, count(*) from clusters group by 1, 2').read_all())"
  2. Keep a fleet running, and use its profiles in another terminal:
       asyncdbx simulate --config ./simulated.cfg
       export DATABRICKS_CONFIG_FILE=./simulated.cfg
       asyncdbx list clusters jobs -p prod
       asyncdbx tree dbfs:/ -p prod --du
  3. Take the inventory of your own workspaces, of profiles in ~/.databrickscfg:
       asyncdbx inventory -p PROFILE --to ./inventory
"""
