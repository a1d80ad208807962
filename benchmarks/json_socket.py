"""From socket to records: a listing in gzip over loopback, and who takes the CPU.

python benchmarks/json_socket.py serve FILE | read PORT
"""

import asyncio
import contextlib
import cProfile
import json
import pstats
import sys
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any

import uvloop

from asyncdbx.config import Pat, Secret, WorkspaceConfig
from asyncdbx.fleet import Fleet
from asyncdbx.fleet.pages import whole
from benchmarks.common import Targets, output, percent, print_table, script, serving
from benchmarks.engine_client import no_limits
from benchmarks.json_documents import Listing
from benchmarks.json_parsers import Document, oracle

CUT, ORJSON, ZLIB = "cutting records out", "orjson", "zlib"


def profile(listing: Listing, targets: Targets) -> None:
    """Print who takes the CPU of a client that reads a listing into values."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "listing.gz")
        write(listing, file)
        with serving("json_socket.py", "serve", file) as port:
            shares = json.loads(output(script("json_socket.py", "read", port)))
    seconds, count = shares.pop("seconds"), shares.pop("count")
    assert count == listing.count
    document = Document(b"".join(listing.chunks(listing.count)), listing.key)
    shares[ORJSON] = min(cpu_of_orjson(document) for _ in range(3))
    shares[CUT] -= shares[ORJSON]
    shares["aiohttp, uvloop, sockets, engine, fleet"] = seconds - sum(shares.values())
    ours = shares[CUT] / seconds
    both = ours + shares[ORJSON] / seconds
    print_table(
        f"CPU from socket to values, {count:,} records in gzip: {seconds:.2f} s",
        ("who", "share", "target"),
        [
            *((name, percent(each / seconds), "") for name, each in shares.items()),
            ("the parser: cutting", percent(ours), targets.at_most(ours, 1 / 3)),
            ("the parser: cutting and orjson", percent(both), targets.at_most(both, 1 / 3)),
        ],
    )


def cpu_of_orjson(document: Document) -> float:
    """Return the seconds of CPU that orjson takes for the same records."""
    _ = document.pieces
    started = time.process_time()
    oracle(document)
    return time.process_time() - started


def write(listing: Listing, file: Path) -> None:
    """Write a listing as a server sends it."""
    packer = zlib.compressobj(6, wbits=31)
    with file.open("wb") as packed:
        for chunk in listing.chunks(listing.count):
            packed.write(packer.compress(chunk))
        packed.write(packer.flush())


async def serve(body: bytes) -> None:
    """Answer every request with a packed body."""
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(head.encode() + body)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def read(port: int) -> int:
    """Read the listing to its end and return how many records it had."""
    config = WorkspaceConfig("one", f"http://127.0.0.1:{port}", login=Pat(Secret("dapi0")))
    count = 0
    async with Fleet([config], limits=no_limits()) as fleet:
        parts = fleet["one"].parts("dbfs.list", {"path": "/"}, whole, raw=False)
        async for part in parts:
            count += len(part.records)
    return count


def shares_of(port: int) -> dict[str, Any]:
    """Return the seconds of CPU of a reading, and whose they are.

    The total is measured without the profiler, which makes every call dearer; the shares
    are those of the profile, in which a builtin counts as the function that calls it.
    """
    uvloop.run(read(port))  # imports, connections
    started = time.process_time()
    count = uvloop.run(read(port))
    seconds = time.process_time() - started
    profiler = cProfile.Profile(time.process_time, builtins=False)
    profiler.enable()
    uvloop.run(read(port))
    profiler.disable()
    stats: Any = pstats.Stats(profiler)
    own = {where: times[2] for where, times in stats.stats.items()}
    scale = seconds / sum(own.values())
    return {
        ZLIB: scale * sum(own[at] for at in own if at[2] == "pieces"),
        CUT: scale * sum(own[at] for at in own if "json_stream" in at[0]),
        "seconds": seconds,
        "count": count,
    }


def main() -> None:
    """Serve or read."""
    what, value = sys.argv[1:3]
    if what == "serve":
        uvloop.run(serve(Path(value).read_bytes()))
    else:
        print(json.dumps(shares_of(int(value))))


if __name__ == "__main__":
    main()
