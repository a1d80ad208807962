"""What is merged into a table is one record or the other, never some of each."""

from pathlib import Path

from asyncdbx.inventory.columns import columns_of
from asyncdbx.inventory.folder import Folder
from asyncdbx.inventory.resources import RESOURCES
from asyncdbx.inventory.rows import Block, Columns, Row
from asyncdbx.inventory.store import Store


def publish(
    store: Store, columns: Columns, bodies: dict[str, bytes], *, merge: bool = False
) -> None:
    rows = [Row(id_, None, None, body, 0) for id_, body in bodies.items()]
    store.publish(
        "jobs", {"it's": [Block.of(rows)]}, columns, run_id=f"run {merge}", merge=merge
    )


def test_a_column_that_is_no_longer_ours_is_null_in_new_records(tmp_path: Path) -> None:
    """Not the value of the record that was replaced."""
    store = Store(Folder.open(tmp_path))
    publish(
        store, Columns({"a": "int", "userName": "str"}), {"1": b'{"a":1,"userName":"x"}'}
    )
    fewer = Columns({"a": "int", "new": "bool"})
    publish(store, fewer, {"1": b'{"a":2,"new":true}', "2": b"{}"}, merge=True)
    rows = {
        row["id"]: (row["a"], row["userName"], row["new"]) for row in store.read("jobs")
    }
    assert rows == {"1": (2, None, True), "2": (None, None, None)}


def test_every_resource_can_be_merged(tmp_path: Path) -> None:
    """Its columns' names are no keywords, whatever their case is."""
    for name, resource in RESOURCES.items():
        store = Store(Folder.open(tmp_path / name))
        columns = columns_of(resource)
        publish(store, columns, {"1": b'{"a":1}', "2": b"{}"})
        publish(store, columns, {"2": b'{"a":2}', "3": b"{}"}, merge=True)
        rows = {row["id"]: row["body"] for row in store.read("jobs")}
        assert rows == {"1": '{"a":1}', "2": '{"a":2}', "3": "{}"}
