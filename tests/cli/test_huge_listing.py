"""``list`` and ``tree`` while a huge listing arrives: at once, at the reader's pace."""

import asyncio
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from cli_process import started
from cli_ran import Asyncdbx
from scripted_server import Arrival, Script, Server, answer, serve

pytestmark = pytest.mark.wire

HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"


def files(*numbers: int) -> bytes:
    """Return entries of a directory."""
    return b",".join(
        b'{"path":"/%d","is_dir":false,"file_size":%d}' % (n, n) for n in numbers
    )


@contextmanager
def serving(script: Script) -> Iterator[Server]:
    """Run a scripted server in a thread."""
    ready, end = Event(), asyncio.Event()
    servers: list[Server] = []
    loop = asyncio.new_event_loop()

    async def run() -> None:
        async with serve(script) as server:
            servers.append(server)
            ready.set()
            await end.wait()

    thread = Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield servers[0]
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(10)
        loop.close()


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run a script as the workspace of the environment."""

    @contextmanager
    def served(script: Script) -> Iterator[Server]:
        with serving(script) as server:
            monkeypatch.setenv("DATABRICKS_HOST", server.url(""))
            monkeypatch.setenv("DATABRICKS_TOKEN", "dapi0")
            yield server

    return served


@pytest.mark.parametrize(
    "command", [["tree", "dbfs:/"], ["list", "dbfs"]], ids=["tree", "list"]
)
@pytest.mark.parametrize("format_", ["jsonl", "csv"])
def test_the_first_record_is_printed_while_the_rest_is_still_to_come(
    served: Any, tmp_path: Path, command: list[str], format_: str
) -> None:
    """The server sends the second half when the first file has been read from stdout."""
    seen = Event()

    async def script(arrival: Arrival) -> None:
        await arrival.say(HEAD, b'{"files":[', files(1, 2), b',{"path":')
        await asyncio.to_thread(seen.wait, 20)
        await arrival.say(b'"/3","is_dir":false,"file_size":3}]}')

    with served(script), started(*command, "-o", format_, folder=tmp_path) as process:
        assert process.stdout is not None
        first = process.stdout.readline() if format_ == "jsonl" else b""
        while format_ == "csv" and b"/1" not in first:
            first = process.stdout.readline()
        seen.set()
        rest = process.stdout.read().splitlines()
        assert process.wait(20) == 0

    assert b"/1" in first
    assert len(rest) == 2


def test_a_reader_that_takes_nothing_stops_the_server(served: Any, tmp_path: Path) -> None:
    """Tens of megabytes wait at the server, not in memory; then they come, all of them."""
    sent = 0
    blocks = 1_000

    async def script(arrival: Arrival) -> None:
        nonlocal sent
        await arrival.say(HEAD, b'{"files":[', files(0))
        for block in range(blocks):
            piece = b"," + files(*range(1 + block * 1000, 1 + (block + 1) * 1000))
            await arrival.say(piece)
            sent += len(piece)
        await arrival.say(b"]}")

    with served(script), started("tree", "dbfs:/", folder=tmp_path) as process:
        assert process.stdout is not None
        process.stdout.readline()
        before = -1
        while sent != before:
            before = sent
            time.sleep(0.5)
        stopped, memory = sent, resident(process)
        count = 1 + sum(1 for _ in process.stdout)
        assert process.wait(60) == 0

    assert stopped < 20_000_000 < sent
    assert count == 1 + blocks * 1000
    assert memory < 150_000_000


def resident(process: subprocess.Popen[bytes]) -> int:
    """Return the bytes of memory that a process has."""
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * 4096


BAD = b'{"path":"/bad\xff","is_dir":false,"file_size":1}'


def test_a_record_that_is_not_json_ends_its_listing(
    served: Any, asyncdbx: Asyncdbx
) -> None:
    """What is wrong, where; what came before is printed, and it is a failure."""
    body = b'{"files":[' + files(1) + b"," + BAD + b"," + files(2) + b"]}"

    async def script(arrival: Arrival) -> None:
        await arrival.say(answer(body))

    with served(script):
        ran = asyncdbx("list", "dbfs")

    assert ran.code == 1
    assert [line["id"] for line in ran.lines] == ["/1"]
    assert ran.err == (
        "asyncdbx: dbfs.list on 127.0.0.1: byte 66: str is not valid UTF-8: surrogates"
        " not allowed\n"
    )


@pytest.mark.parametrize("command", [["list", "dbfs"], ["tree", "dbfs:/"]])
def test_bad_records_are_left_out_if_that_is_asked_for(
    served: Any, asyncdbx: Asyncdbx, command: list[str]
) -> None:
    """Each is named, once, though the page breaks off and is asked for again."""
    body = b'{"files":[' + files(1) + b"," + BAD + b"," + files(2) + b"," + BAD + b"]}"
    calls = 0

    async def script(arrival: Arrival) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            half = b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + body[:-20]
            await arrival.say(half)
            return
        await arrival.say(answer(body))

    with served(script):
        ran = asyncdbx(*command, "--skip-bad-records", "-o", "jsonl")

    assert ran.code == 3
    assert [line["id"] for line in ran.lines] == ["/1", "/2"]
    words = (
        f"asyncdbx: dbfs.list on 127.0.0.1: a record of {len(BAD)} bytes is left out,"
        " it is no JSON: byte "
    )
    assert [line.startswith(words) for line in ran.err.splitlines()] == [True, True]
    assert "byte 66" in ran.err


def test_integers_of_any_size_keep_their_digits(served: Any, asyncdbx: Asyncdbx) -> None:
    """In the record, and in what is taken from it."""
    size = 2**64 + 1
    body = b'{"files":[{"path":"/x","is_dir":false,"file_size":%d}]}' % size

    async def script(arrival: Arrival) -> None:
        await arrival.say(answer(body))

    with served(script):
        lines = asyncdbx("list", "dbfs").lines
        csv = asyncdbx("tree", "dbfs:/", "-o", "csv").out

    assert lines[0]["record"]["file_size"] == size
    assert f",{size}," in csv
    assert json.dumps(size) in csv
