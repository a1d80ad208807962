"""Parquet files as they are written: in shares, in groups, and whole or not at all."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
from arro3.core import Array, DataType, RecordBatch

from asyncdbx.inventory import data_files
from asyncdbx.inventory.data_files import DataFile, write_files


def batches(*sizes: int, width: int = 1000) -> Iterator[RecordBatch]:
    """Yield batches of so many rows, numbered through, of about ``width`` bytes each."""
    number = 0
    for size in sizes:
        rows = [f"{number + each:0{width}}" for each in range(size)]
        yield RecordBatch.from_pydict({"body": Array(rows, DataType.utf8())})
        number += size


def numbers(files: list[DataFile]) -> list[int]:
    found = [
        duckdb.execute("SELECT body FROM read_parquet(?)", [str(file.path)]).fetchall()
        for file in files
    ]
    return [int(body) for rows in found for (body,) in rows]


def groups(file: DataFile) -> list[int]:
    """Return how many rows each group of a file has."""
    counted = "SELECT row_group_num_rows FROM parquet_metadata(?) ORDER BY row_group_id"
    return [rows for (rows,) in duckdb.execute(counted, [str(file.path)]).fetchall()]


@contextmanager
def files_may_have(size: int) -> Iterator[None]:
    """Let the system refuse what goes beyond a size, as a disk does that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_all_rows_are_there_in_order(tmp_path: Path) -> None:
    """Batches of no rows count for nothing."""
    (file,) = write_files(tmp_path / "new" / "folder", batches(0, 3, 0, 4, 0))
    assert (file.rows, file.size) == (7, file.path.stat().st_size)
    assert numbers([file]) == [*range(7)]


@pytest.mark.parametrize("sizes", [(), (0,)])
def test_no_rows_are_no_file(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    """Nor a folder."""
    assert [*write_files(tmp_path / "new", batches(*sizes))] == []
    assert [*tmp_path.iterdir()] == []


def test_many_rows_go_into_several_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another is begun behind so many bytes, and each is whole when it is given."""
    monkeypatch.setattr(data_files, "FILE", 25_000)
    seen: list[DataFile] = []
    for file in write_files(tmp_path, batches(*[10] * 7)):
        seen.append(file)
        assert numbers(seen) == [*range(sum(each.rows for each in seen))]
    assert [file.rows for file in seen] == [30, 30, 10]


def test_large_rows_wait_in_small_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as go into some bytes, and at least one."""
    monkeypatch.setattr(data_files, "GROUP", 10_100)
    (large,) = write_files(tmp_path, batches(25))
    (larger,) = write_files(tmp_path, batches(3, width=20_000))
    (small,) = write_files(tmp_path, batches(50, width=10))
    assert [*map(groups, (large, larger, small))] == [[10, 10, 5], [1, 1, 1], [50]]


def test_a_disk_that_refuses(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The system's own error, no panic of the writer, and nothing is left of the file."""
    with files_may_have(5_000), pytest.raises(OSError, match="File too large"):
        [*write_files(tmp_path, batches(*[10_000] * 10))]
    assert [*tmp_path.iterdir()] == []
    assert capfd.readouterr().err == ""


def test_a_disk_that_refuses_the_last_bytes(tmp_path: Path) -> None:
    """A file that lacks its end is none."""
    (whole,) = write_files(tmp_path / "whole", batches(10))
    short = files_may_have(whole.size - 1)
    with short, pytest.raises(OSError, match="File too large"):
        [*write_files(tmp_path / "short", batches(10))]
    assert [*(tmp_path / "short").iterdir()] == []


def test_rows_that_break_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that was begun is deleted, and its cause is said; whole ones are given."""
    monkeypatch.setattr(data_files, "FILE", 1)

    def broken() -> Iterator[RecordBatch]:
        yield from batches(1, 1)
        raise LookupError("the spool is gone")

    files: list[DataFile] = []
    with pytest.raises(LookupError, match="the spool is gone"):
        files.extend(write_files(tmp_path, broken()))
    monkeypatch.setattr(data_files, "FILE", 2**28)
    with pytest.raises(Exception, match="the spool is gone"):
        files.extend(write_files(tmp_path, broken()))
    assert sorted(tmp_path.iterdir()) == sorted(file.path for file in files)
    assert numbers(files) == [0, 1]
