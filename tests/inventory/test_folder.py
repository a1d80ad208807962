"""The inventory's folder: whose it is, and who may write to it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from asyncdbx.errors import LockHeld, StoreError
from asyncdbx.inventory.folder import Folder
from asyncdbx.inventory.ledger import LISTINGS
from asyncdbx.inventory.rows import Columns
from asyncdbx.inventory.store import Store

HOLD = """
import sys
from pathlib import Path
from asyncdbx.inventory.folder import Folder
with Folder.open(Path(sys.argv[1])).lock():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock of ``tmp_path``."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(  # noqa: S603 - our own program
        command, stdin=pipe, stdout=pipe, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def files(path: Path) -> list[str]:
    return sorted(str(each.relative_to(path)) for each in path.rglob("*"))


@pytest.mark.parametrize("name", ["", "new", "deep/er"])
def test_an_empty_or_missing_folder_becomes_an_inventory(tmp_path: Path, name: str) -> None:
    """The marker is written, and opening it again changes nothing."""
    folder = Folder.open(tmp_path / name)
    marker = folder.path / "_asyncdbx.json"
    assert json.loads(marker.read_bytes())["format"] == 1
    before = marker.stat()
    assert Folder.open(tmp_path / name) == folder
    assert Folder.open(tmp_path / name, create=False) == folder
    assert marker.stat() == before
    assert files(folder.path) == ["_asyncdbx.json"]


def test_a_marker_cut_short_by_a_kill_is_written_anew(tmp_path: Path) -> None:
    """What a process killed while it claimed the folder leaves is no stranger's file."""
    (tmp_path / "_asyncdbx.json.new").write_bytes(b'{"form')
    Folder.open(tmp_path)
    assert files(tmp_path) == ["_asyncdbx.json"]


def test_somebody_elses_folder_is_refused_and_left_alone(tmp_path: Path) -> None:
    """A folder with files and no marker is never written to."""
    (tmp_path / "thesis.doc").touch()
    with pytest.raises(StoreError, match="is not an asyncdbx inventory; choose an empty"):
        Folder.open(tmp_path)
    assert files(tmp_path) == ["thesis.doc"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """A path that is a file, or lies below one, is refused."""
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(StoreError, match="is a file; an inventory needs a folder"):
        Folder.open(file)
    with pytest.raises(StoreError, match="cannot be used: Not a directory"):
        Folder.open(file / "below")


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    """An older asyncdbx does not touch what it does not understand."""
    marker = tmp_path / "_asyncdbx.json"
    marker.write_text('{"format": 2, "made_by": "asyncdbx 9.0"}')
    message = r"was made by asyncdbx 9\.0 in format 2.*: upgrade asyncdbx"
    with pytest.raises(StoreError, match=message):
        Folder.open(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "x", "made_by": ""}'])
def test_a_damaged_marker_is_refused(tmp_path: Path, text: str) -> None:
    """A marker that is not ours any more stops the run before anything is written."""
    (tmp_path / "_asyncdbx.json").write_text(text)
    with pytest.raises(StoreError, match="is damaged; restore it"):
        Folder.open(tmp_path)


@pytest.mark.parametrize("name", ["", "missing"])
def test_reading_wants_an_inventory_that_is_there(tmp_path: Path, name: str) -> None:
    """To look at an inventory never makes one."""
    with pytest.raises(StoreError, match="there is no inventory in"):
        Folder.open(tmp_path / name, create=False)
    assert files(tmp_path) == []


@pytest.mark.parametrize("name", ["a[b", "a]b", "a^b", "a\\b", "a%41b", "a\nb", "\udcff"])
def test_a_name_that_delta_tables_cannot_have(tmp_path: Path, name: str) -> None:
    """In the folder itself or above it: a sentence, and nothing is made."""
    for folder in (tmp_path / name, tmp_path / name / "inventory"):
        with pytest.raises(StoreError, match="choose another folder") as caught:
            Folder.open(folder)
        assert str(caught.value).isprintable()
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("name", ["a b", "a#b?", "100%", "a%zz", "*", "ü", "a'b\"", "{a}"])
def test_a_name_that_delta_tables_can_have(tmp_path: Path, name: str) -> None:
    """A listing and a run are written, and read."""
    store = Store(Folder.open(tmp_path / name))
    store.publish("jobs", {"prod": []}, Columns({}), run_id="run")
    store.replace_run(LISTINGS, "run", [])
    assert (store.tables(), store.count("jobs")) == (["jobs"], 0)
    assert store.run_rows(LISTINGS, "run") == []


def test_an_unwritable_folder_is_refused_for_writing_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may not write can still look."""
    Folder.open(tmp_path)
    monkeypatch.setattr(os, "access", lambda _path, mode: not mode & os.W_OK)
    with pytest.raises(StoreError, match="is not writable for this user"):
        Folder.open(tmp_path)
    assert Folder.open(tmp_path, create=False).path == tmp_path


def test_where_things_lie(tmp_path: Path) -> None:
    """Tables lie at the top, what is private in _run; tables() names the first."""
    folder = Folder.open(tmp_path)
    for name in ("jobs", "clusters", "_listings"):
        (folder.table(name) / "_delta_log").mkdir(parents=True)
    assert folder.spool == tmp_path / "_run" / "spool.sqlite"
    assert folder.table("jobs") == tmp_path / "jobs"
    assert folder.tables() == ["clusters", "jobs"]


def test_a_second_run_is_told_who_holds_the_folder(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    """The message names the process and since when."""
    message = rf"is in use by process {holder.pid}, since 2\d\d\d-.* UTC"
    with pytest.raises(LockHeld, match=message), Folder.open(tmp_path).lock():
        pass


def test_the_lock_of_a_dead_process_does_not_block(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    """After kill -9 the next run just starts."""
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with Folder.open(tmp_path).lock():
        assert json.loads((tmp_path / "_run/lock").read_bytes())["pid"] == os.getpid()
    assert (tmp_path / "_run/lock").read_bytes() == b""


def test_the_lock_can_be_held_once_in_one_process_too(tmp_path: Path) -> None:
    """Two runs of one program exclude each other, one after the other they do not."""
    folder = Folder.open(tmp_path)
    with folder.lock(), pytest.raises(LockHeld), folder.lock():
        pass
    with folder.lock():
        pass


@pytest.mark.parametrize(
    ("written", "holder"),
    [
        (b"", "another run"),
        (b"{}", "another run"),
        (b'{"pid": 7, "boot_id": "?", "since": "noon"}', "process 7 on another machine"),
    ],
)
def test_a_holder_that_is_not_known_is_not_invented(
    tmp_path: Path, written: bytes, holder: str
) -> None:
    """A lock whose holder has not written its name, or lives elsewhere, says so."""
    folder = Folder.open(tmp_path)
    with folder.lock():
        (tmp_path / "_run/lock").write_bytes(written)
        with pytest.raises(LockHeld, match=f"is in use by {holder}"), folder.lock():
            pass


def test_a_folder_that_cannot_be_locked_says_so(tmp_path: Path) -> None:
    """Something in the lock's place is a sentence, not a traceback."""
    folder = Folder.open(tmp_path)
    (tmp_path / "_run").touch()
    with pytest.raises(StoreError, match="cannot be locked"), folder.lock():
        pass
