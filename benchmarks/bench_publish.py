"""Publishing records of any size: time, memory, and whether all are in the table.

    python benchmarks/bench_publish.py [--share 1]

A million records of 200 bytes, 100,000 of 10 kB, 8,000 of 100 kB, and 200 listings of 1,000
small ones in one commit; each made as it is written, and a third of it not compressible.
Each time into a new table in a process of its own, and then once more over it.
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from asyncdbx.inventory.folder import Folder
from asyncdbx.inventory.rows import Block, Columns, Row
from asyncdbx.inventory.store import Store
from benchmarks.common import MB, Targets, print_table, run, script

COLUMNS = Columns({"path": "str", "size": "int64"})
BLOCK = 2**20  # bytes of bodies in a block, or so many thousand records, as the spool has
NOISE = 2**16  # different bits of text that do not compress


class Case(NamedTuple):
    """So many listings of so many records, with bodies of so many bytes."""

    listings: int
    records: int
    size: int


CASES = {
    "small": Case(1, 1_000_000, 200),
    "large": Case(1, 100_000, 10_000),
    "huge": Case(1, 8_000, 100_000),
    "together": Case(200, 1_000, 200),
}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--share", type=float, default=1, help="of the records of each")
    parser.add_argument("--publish", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.publish:
        name, folder = options.publish
        publish(CASES[name], options.share, Path(folder))
        return 0
    targets = Targets()
    rows = [measure(name, options.share, targets) for name in CASES]
    heads = (
        "case",
        "records",
        "of",
        "wall s",
        "CPU s",
        "peak MB",
        "target",
        "lost",
        "target",
    )
    print_table("Publishing, twice", heads, rows)
    return targets.exit_code


def measure(name: str, share: float, targets: Targets) -> tuple[str, ...]:
    case = CASES[name]
    with tempfile.TemporaryDirectory(prefix="asyncdbx-") as folder:
        command = script("bench_publish.py", "--share", share, "--publish", name, folder)
        usage = run(command)
        found = Store(Folder.open(Path(folder))).count("jobs") if usage.code == 0 else 0
    wanted = case.listings * round(case.records * share)
    return (
        name,
        f"{wanted:,}",
        f"{case.size:,} B",
        f"{usage.wall:.1f}",
        f"{usage.cpu:.1f}",
        f"{usage.peak / MB:.0f}",
        targets.at_most(usage.peak / MB, 250),
        f"{wanted - found:,}",
        targets.at_most(abs(wanted - found), 0),
    )


def publish(case: Case, share: float, folder: Path) -> None:
    store = Store(Folder.open(folder))
    for turn in range(2):
        listings = {
            f"workspace {number}": blocks(case, share) for number in range(case.listings)
        }
        store.publish("jobs", listings, COLUMNS, run_id=f"run {turn}")


def blocks(case: Case, share: float) -> Iterator[Block]:
    noise = random.Random(case.size).randbytes(NOISE).hex()
    step = max(1, min(4_000, BLOCK // case.size))
    total = round(case.records * share)
    for start in range(0, total, step):
        numbers = range(start, min(start + step, total))
        yield Block.of(
            Row(f"{each}", None, None, body(each, case.size, noise), 0) for each in numbers
        )


def body(number: int, size: int, noise: str) -> bytes:
    at = number * 7919 % NOISE
    text = noise[at : at + size // 3]
    start = f'{{"path":"/files/{number}","size":{number},"text":"{text}'
    return f'{start:.<{size - 2}}"}}'.encode()


if __name__ == "__main__":
    sys.exit(main())
