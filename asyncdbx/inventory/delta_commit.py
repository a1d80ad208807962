"""Data files become all that a Delta table has of some workspaces, in one commit."""

import json
from pathlib import Path
from typing import Any

from deltalake import CommitProperties, DeltaTable, Schema
from deltalake.transaction import AddAction, create_table_with_add_actions

from asyncdbx.inventory.partitions import PARTITION, Files, delete_files
from asyncdbx.inventory.properties import CONFIGURATION, retention

__all__ = ["commit_files"]


def commit_files(
    path: Path,
    table: DeltaTable | None,
    columns: Schema,
    files: Files,
    commit: CommitProperties,
) -> None:
    """Replace all files of some workspaces, and no others.

    Columns that the table does not have are added; those that only it has stay, and are
    null in the new rows.

    Args:
        path: Where the table lies.
        table: As it is now; None if there is none, then it is made.
        columns: Of the files, and that of the workspace, which they lack.
        files: Of each of these workspaces; they lie below the path.
        commit: Named in the log.

    Raises:
        DeltaError: The disk refuses. If the table is as it was the files are deleted: the
            checkpoint behind the commit may have failed too.
    """
    version = 0 if table is None else table.version() + 1
    added: list[Any] = _added(path, files)
    try:
        if table is None:
            create_table_with_add_actions(
                str(path),
                columns,
                added,
                partition_by=[PARTITION],
                name=path.name,
                configuration=CONFIGURATION | retention(None),
                commit_properties=commit,
            )
        else:
            table.create_write_transaction(
                added,
                mode="overwrite",
                schema=_widened(table.schema(), columns),
                partition_by=[PARTITION],
                partition_filters=[(PARTITION, "in", [*files])],
                commit_properties=commit,
            )
    except BaseException:
        if not (path / "_delta_log" / f"{version:020}.json").exists():
            delete_files(files)
        raise


def _added(path: Path, files: Files) -> list[AddAction]:
    return [
        AddAction(
            path=file.path.relative_to(path).as_posix(),
            size=file.size,
            partition_values={PARTITION: workspace},
            modification_time=file.path.stat().st_mtime_ns // 1_000_000,
            data_change=True,
            stats=json.dumps({"numRecords": file.rows}),
        )
        for workspace, found in files.items()
        for file in found
    ]


def _widened(known: Schema, ours: Schema) -> Schema:
    """Return all columns of both; of one that both have they say the same."""
    names = {field.name for field in known.fields}
    return Schema(
        [*known.fields, *(each for each in ours.fields if each.name not in names)]
    )
