"""How fast, in how little memory, records are cut out of a listing while it arrives.

    python benchmarks/bench_json_stream.py [--rounds 5] [--scale 1.0]

Needs `pip install -e '.[bench]'`: the other parsers. Takes some five minutes and 2 GB.

What a parser can reach is said by an oracle: orjson, fed with pieces of which it is known
that they are whole. All parsers read the same documents in turns, and are compared within
each round. Memory is measured in a process of its own for each.
"""

import argparse
import dataclasses
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path

from asyncdbx.json_stream import ValueStream
from benchmarks.common import MB, Targets, output, print_table, script
from benchmarks.json_documents import LISTINGS, Listing
from benchmarks.json_parsers import (
    CHUNK,
    FAST,
    ORACLES,
    OURS,
    SCAN,
    WHOLE,
    Document,
    Parser,
    slow,
    stream,
)
from benchmarks.json_socket import profile

SLOW_SHARE = 20  # what takes minutes reads a document that is so many times smaller
WORST = 50 * 2**20  # bytes

# What the oracle and ijson are held against: all give what the parser makes of integers.
BARE = "values, as orjson reads integers"
LEAST = 0.95
LEAST_IJSON = {"flat": 3.5, "nested": 3.5}
LEAST_IJSON_OTHERS = 2.0
# Ours, and an oracle that gives the same and looks for integers beyond 64 bits, too.
ALIKE = {
    "values": "oracle, integers looked at",
    "records: bytes and values": "oracle of records",
}

Times = Mapping[str, list[float]]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="of the documents")
    options = parser.parse_args()
    listings = {
        name: dataclasses.replace(each, count=max(40, int(each.count * options.scale)))
        for name, each in LISTINGS.items()
    }
    targets = Targets()
    compare(listings, options.rounds, targets)
    weigh(listings, targets)
    try_the_worst(options.scale, options.rounds, targets)
    profile(listings["flat"], targets)
    return targets.exit_code


# --- throughput -------------------------------------------------------------------------


def compare(listings: Mapping[str, Listing], rounds: int, targets: Targets) -> None:
    """Print throughput relative to orjson, and ours relative to the oracles."""
    speeds: dict[str, dict[str, str]] = {}
    ratios: list[tuple[str, ...]] = []
    for name, listing in listings.items():
        document = Document(b"".join(listing.chunks(listing.count)), listing.key)
        quick = timed({**ORACLES, **OURS, **SCAN, **FAST}, document, listing.count, rounds)
        slower = timed(WHOLE, document, listing.count, max(1, rounds // 2))
        base = statistics.median(slower["orjson, whole"]) / len(document.text)
        for parser, times in {**quick, **slower}.items():
            relative = base * len(document.text) / statistics.median(times)
            speeds.setdefault(parser, {})[name] = f"{relative:.2f}"
        small = max(20, listing.count // SLOW_SHARE)
        document = Document(b"".join(listing.chunks(small)), listing.key)
        for parser, times in timed(slow(), document, small, 1).items():
            relative = base * len(document.text) / times[0]
            speeds.setdefault(parser, {})[name] = f"{relative:.2f}"
        ratios += judged(name, quick, targets)
    print_table(
        "Throughput relative to orjson.loads of the whole document",
        ("parser", *listings),
        [(parser, *each.values()) for parser, each in speeds.items()],
    )
    print_table(
        "Ours against the oracles and ijson (median of the rounds' ratios)",
        ("document", "ours", "other", "ratio", "target"),
        ratios,
    )


def timed(
    parsers: Mapping[str, Parser], document: Document, count: int, rounds: int
) -> dict[str, list[float]]:
    """Return the seconds that each parser takes, in turns."""
    _ = document.chunks, document.pieces
    times: dict[str, list[float]] = {name: [] for name in parsers}
    for _ in range(rounds):
        for name, parser in parsers.items():
            started = time.perf_counter()
            found = parser(document)
            times[name].append(time.perf_counter() - started)
            assert found == count, f"{name} found {found} of {count} records"
    return times


def ratio(times: Times, ours: str, other: str) -> float:
    """Return how many times as fast ours is, within the same rounds."""
    rounds = zip(times[ours], times[other], strict=True)
    return statistics.median(theirs / mine for mine, theirs in rounds)


def judged(name: str, times: Times, targets: Targets) -> Iterator[tuple[str, ...]]:
    least_ijson = LEAST_IJSON.get(name, LEAST_IJSON_OTHERS)
    for other, least in (("oracle", LEAST), ("ijson yajl2_c", least_ijson)):
        found = ratio(times, BARE, other)
        yield name, BARE, other, f"{found:.2f}", targets.at_least(found, least)
        found = ratio(times, "values", other)
        yield name, "values", other, f"{found:.2f}", ""
    for ours, oracle in ALIKE.items():
        yield name, ours, oracle, f"{ratio(times, ours, oracle):.2f}", ""


# --- memory -----------------------------------------------------------------------------


def weigh(listings: Mapping[str, Listing], targets: Targets) -> None:
    """Print the memory that parsers need, and when the first record is there."""
    rows: list[tuple[str, ...]] = []
    others = ("oracle", "orjson, whole", "msgspec, whole", "jiter, whole", "ijson yajl2_c")
    names = [*OURS, *SCAN, *others[1:]]
    with tempfile.TemporaryDirectory() as folder:
        for name in ("flat", "nested", "deep"):
            listing, file = listings[name], Path(folder, "document")
            with file.open("wb") as writing:
                writing.writelines(listing.chunks(listing.count))
            for parser in names:
                printed = output(script("json_parsers.py", parser, file, listing.key))
                count, growth = map(int, printed.split())
                assert count == listing.count
                judgement = ""
                if parser in OURS:
                    judgement = targets.at_most(growth / MB, 3, " MB")
                rows.append((name, parser, f"{growth / MB:.1f}", judgement))
    print_table(
        "Memory over that of the process that has imported all",
        ("document", "parser", "MB", "target"),
        rows,
    )
    first = {
        name: first_record(Document(b"".join(islice(each.chunks(1000), 3)), each.key))
        for name, each in listings.items()
    }
    print_table(
        "The first record leaves with chunk",
        ("document", "number", "target"),
        [(name, str(n), targets.at_most(n, 1)) for name, n in first.items()],
    )


def first_record(document: Document) -> int:
    """Return the number of the chunk with which the first record leaves."""
    reader = ValueStream(document.key)
    for number, chunk in enumerate(document.chunks, 1):
        if any(reader.feed(chunk)):
            return number
    raise AssertionError("no record has left")


# --- worst cases ------------------------------------------------------------------------


def try_the_worst(scale: float, rounds: int, targets: Targets) -> None:
    """Print how much longer documents take that were made to defeat the guess."""
    size = int(WORST * scale)
    documents: dict[str, tuple[Callable[[], list[bytes]], int]] = {
        "one string": (lambda: in_chunks(a_string(size)), size),
        "one deeply nested record": (lambda: in_chunks(a_nest(size)), size),
        "each guess wrong": (lambda: in_chunks(odd_records(size)), size),
        "chunks of 1 byte": (lambda: in_chunks(odd_records(size // 25), 1), size // 25),
        "flat, in chunks of 1 byte": (lambda: in_chunks(flat(size // 25), 1), size // 25),
    }
    rows: list[tuple[str, ...]] = []
    for name, (make, total) in documents.items():
        document = Document(b"", "files")
        document.chunks = make()
        parsers: dict[str, Parser] = {
            "guess": partial(stream, ValueStream),
            "scan": partial(stream, ValueStream, guess=False),
        }
        count = parsers["scan"](document)
        times = timed_chunks(parsers, document, count, rounds)
        longer = 1 / ratio(times, "guess", "scan")
        speed = total / statistics.median(times["guess"]) / MB
        rows.append((name, f"{speed:.1f}", f"{longer:.2f}", targets.at_most(longer, 1.3)))
    print_table(
        "Time where guesses fail, relative to the exact scanner alone",
        ("document", "MB/s", "times", "target"),
        rows,
    )


def timed_chunks(
    parsers: Mapping[str, Parser], document: Document, count: int, rounds: int
) -> Times:
    times: dict[str, list[float]] = {name: [] for name in parsers}
    for _ in range(rounds):
        for name, parser in parsers.items():
            started = time.perf_counter()
            assert parser(document) == count
            times[name].append(time.perf_counter() - started)
    return times


def in_chunks(pieces: Iterator[bytes], size: int = CHUNK) -> list[bytes]:
    text = b'{"files":[' + b",".join(pieces) + b"]}"
    return [text[at : at + size] for at in range(0, len(text), size)]


def a_string(size: int) -> Iterator[bytes]:
    yield b'{"path":"first"}'
    yield b'{"path":"%s"}' % (b'a, {b}: \\"c\\" ]' * (size // 17))
    yield b'{"path":"last"}'


def a_nest(size: int) -> Iterator[bytes]:
    """Yield an element of 800 levels, with as many side by side as fill the size."""
    text = b'"a, {b}: \\"c\\" ]%s",' % (b"x" * 80)
    deep = (b'{"path":[' + text) * 400 + b"1" + b"]}" * 400
    yield b'{"path":"first"}'
    yield b'{"path":[%s]}' % b",".join([deep] * (size // len(deep)))
    yield b'{"path":"last"}'


def odd_records(size: int) -> Iterator[bytes]:
    """Yield records whose last parts look like records, each with another end."""
    number = 0
    while size > 0:
        parts = b",".join(
            b'{"path":%d,"z":%d}' % (n, number * n % 99_991) for n in range(20)
        )
        text = b'{"path":[%s],"z":%d}' % (parts, number * 7919)
        size -= len(text) + 1
        number += 1
        yield text


def flat(size: int) -> Iterator[bytes]:
    for number in range(size // 60):
        yield b'{"path":"/mnt/landing/part-%08d","file_size":%d}' % (number, number)


if __name__ == "__main__":
    sys.exit(main())
