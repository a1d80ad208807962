"""``asyncdbx tree``: what lies below a path, on all chosen workspaces, and how much."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import click
import orjson
from rich.filesize import decimal

from asyncdbx.cli.loop import run_async
from asyncdbx.cli.options import examples, work_options
from asyncdbx.cli.output import Column, Output, Sheet, is_terminal, output_options
from asyncdbx.cli.records import (
    Record,
    record_json,
    show_records,
    skip_bad_records_option,
)
from asyncdbx.cli.selection import Selection
from asyncdbx.fleet import Tree, tree_of
from asyncdbx.inventory.resources import RESOURCES
from asyncdbx.inventory.sources import Resource

RESOURCE_OF = {
    "dbfs.list": RESOURCES["dbfs"],
    "workspace.list": RESOURCES["workspace_objects"],
    "files.list_directory_contents": RESOURCES["volume_files"],
}

EPILOG = examples(
    ("Every file and directory of DBFS", "asyncdbx tree dbfs:/ -p prod"),
    (
        "What takes the space, on every workspace",
        "asyncdbx tree dbfs:/FileStore --du --all-profiles",
    ),
    (
        "The paths of all notebooks",
        "asyncdbx tree /Workspace -p prod | jq 'select(.record.language).record.path'",
    ),
    ("A volume as CSV", "asyncdbx tree /Volumes/main/raw/landing -p prod -o csv"),
)


@click.command(epilog=EPILOG)
@click.argument("path")
@click.option(
    "--du",
    is_flag=True,
    help="Sum sizes and counts, for each directory at the top and in total.",
)
@skip_bad_records_option
@output_options
@work_options
def command(
    selection: Selection, output: Output, path: str, *, du: bool, skip_bad_records: bool
) -> int:
    """Walk the tree at PATH: dbfs:/…, /Workspace/… or /Volumes/….

    Directories are listed concurrently, as fast as the limits allow; entries are printed
    as they come, in no order. What could not be listed is named on stderr, the rest is
    printed, and the exit code is 3. Notebooks have no size and count as 0 bytes.
    """
    tree, root = tree_of(path)
    resource = _resource(tree, root)
    with selection.at_work() as fleet:

        def show(write: Callable[[Iterator[Record]], None]) -> int:
            return run_async(
                show_records(fleet, [resource], write, skip_bad_records=skip_bad_records)
            )

        if not du:
            with output.printer(_sheet(tree)) as printer:
                return show(printer.write)
        usage = Usage(tree, root)
        code = show(usage.add)
        output.printer(_usage_sheet(tree)).print(usage.sums())
        return code


def _resource(tree: Tree, root: str) -> Resource:
    """Return the part of a resource that lies below ``root``."""
    resource = RESOURCE_OF[tree.endpoint]
    source = replace(resource.sources[0], arguments={tree.argument: root}, follow=())
    return replace(resource, sources=(source,))


def _sheet(tree: Tree) -> Sheet[Record]:
    columns: list[Column[Record]] = [
        Column("workspace", lambda record: record.workspace),
        Column("type", lambda record: _kind(tree, record)),
        Column("size", lambda record: record.field(tree.size), right=True),
        Column("path", lambda record: _written(tree, _path(record))),
    ]
    return Sheet(record_json, columns, columns)


def _kind(tree: Tree, record: Record) -> str:
    plain = "directory" if tree.is_directory(record.value) else "file"
    return str(record.field("object_type") or plain).lower()


def _path(record: Record) -> str:
    return str(record.field("path"))


def _written(tree: Tree, path: str) -> str:
    """Return a path of the API as people write it: ``dbfs:/FileStore``."""
    return path if path.startswith(tree.scheme) else tree.scheme.rstrip("/") + path


@dataclass(slots=True)
class Sum:
    """What lies below a directory.

    Attributes:
        workspace: Name of the workspace.
        path: The directory.
        files: How many.
        directories: How many, itself not counted.
        bytes: Of all files.
    """

    workspace: str
    path: str
    files: int = 0
    directories: int = 0
    bytes: int = 0


class Usage:
    """Sums what comes, for each directory right below the root, and in total."""

    def __init__(self, tree: Tree, root: str) -> None:
        self._tree = tree
        self._root = root
        self._below = root.rstrip("/") + "/"
        self._sums: dict[tuple[str, str], Sum] = {}

    def add(self, records: Iterable[Record]) -> None:
        """Count some entries."""
        for record in records:
            self._count(record, self._root)
            top, slash, _ = _path(record).removeprefix(self._below).partition("/")
            if slash:
                self._count(record, self._below + top)
            elif self._tree.is_directory(record.value):
                self._sum(record.workspace, self._below + top)

    def sums(self) -> list[Sum]:
        """Return the sums, by workspace; the largest directory first, the total last."""
        return sorted(
            self._sums.values(),
            key=lambda each: (
                each.workspace,
                each.path == self._root,
                -each.bytes,
                each.path,
            ),
        )

    def _count(self, record: Record, path: str) -> None:
        found = self._sum(record.workspace, path)
        is_directory = self._tree.is_directory(record.value)
        size = record.field(self._tree.size)
        found.directories += is_directory
        found.files += not is_directory
        found.bytes += size if isinstance(size, int) else 0

    def _sum(self, workspace: str, path: str) -> Sum:
        return self._sums.setdefault((workspace, path), Sum(workspace, path))


def _usage_sheet(tree: Tree) -> Sheet[Sum]:
    def size(found: Sum) -> str | int:
        return decimal(found.bytes) if is_terminal() else found.bytes

    def columns(size_of: Callable[[Sum], str | int]) -> list[Column[Sum]]:
        return [
            Column("workspace", lambda found: found.workspace),
            Column("size", size_of, right=True),
            Column("files", lambda found: found.files, right=True),
            Column("directories", lambda found: found.directories, right=True),
            Column("path", lambda found: _written(tree, found.path)),
        ]

    return Sheet(_sum_json(tree), columns(size), columns(lambda found: found.bytes))


def _sum_json(tree: Tree) -> Callable[[Sum], bytes]:
    return lambda found: orjson.dumps(replace(found, path=_written(tree, found.path)))
