"""What a command costs before it does anything: help, imports, the catalog, sizes.

python benchmarks/bench_cli.py [--rounds 10]
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import asyncdbx
from benchmarks.common import MB, Targets, output, print_table, run

PACKAGE = Path(asyncdbx.__file__).parent
HELP = ["-m", "asyncdbx", "--help"]
MODULES = """
import atexit, json, runpy, sys
names = lambda: sorted({name.partition(".")[0] for name in sys.modules})
atexit.register(lambda: print(json.dumps([len(sys.modules), names()])))
sys.argv = ["asyncdbx", "--help"]
runpy.run_module("asyncdbx", run_name="__main__")
"""
CATALOG = """
import time
import asyncdbx.cli.app
wall, cpu = time.perf_counter(), time.process_time()
from asyncdbx import catalog
catalog.endpoint("clusters.list")
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
print(1000 * wall, 1000 * cpu)
"""
# Each costs more than help may: whoever imports one of them for it makes help slow.
HEAVY = (
    "aiohttp",
    "arro3",
    "asyncio",
    "databricks",
    "deltalake",
    "duckdb",
    "orjson",
    "rich",
    "uvloop",
)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    targets = Targets()
    show_help(rounds, targets)
    show_catalog(rounds, targets)
    show_sizes()
    return targets.exit_code


def show_help(rounds: int, targets: Targets) -> None:
    seconds = [run([sys.executable, *HELP]).cpu for _ in range(rounds)]
    bare = [run([sys.executable, "-c", ""]).cpu for _ in range(rounds)]
    count, names = imported()
    heavy = [name for name in HEAVY if name in names]
    print_table(
        f"asyncdbx --help ({rounds} runs)",
        ("what", "value", "target"),
        [
            (
                "CPU seconds, median",
                f"{median(seconds):.3f}",
                targets.at_most(median(seconds), 0.25),
            ),
            ("CPU seconds, least", f"{min(seconds):.3f}", ""),
            ("of which an empty Python, median", f"{median(bare):.3f}", ""),
            ("modules imported", str(count), ""),
            ("heavy ones among them", ", ".join(heavy) or "0", ""),
        ],
    )


def imported() -> tuple[int, list[str]]:
    """Return how many modules help imports, and the names of their packages."""
    printed = output([sys.executable, "-c", MODULES])
    count, names = json.loads(printed.splitlines()[-1])
    return count, names


def show_catalog(rounds: int, targets: Targets) -> None:
    pairs = [output([sys.executable, "-c", CATALOG]).split() for _ in range(rounds)]
    wall, cpu = (median(map(float, times)) for times in zip(*pairs, strict=True))
    print_table(
        f"The catalog in one command: import and first look-up ({rounds} runs, medians)",
        ("what", "value", "target"),
        [
            ("wall milliseconds", f"{wall:.1f}", targets.at_most(wall, 30)),
            ("CPU milliseconds", f"{cpu:.1f}", ""),
        ],
    )


def show_sizes() -> None:
    catalog = PACKAGE / "catalog" / "endpoints.json"
    files = list(installed(PACKAGE))
    simulator = list(installed(PACKAGE / "simulator"))
    print_table(
        "Installed size, without compiled files",
        ("what", "MB", "files"),
        [
            ("endpoints.json", f"{catalog.stat().st_size / MB:.2f}", "1"),
            ("asyncdbx", f"{size(files):.2f}", str(len(files))),
            ("of which the simulator", f"{size(simulator):.2f}", str(len(simulator))),
        ],
    )


def installed(folder: Path) -> Iterator[Path]:
    for file in folder.rglob("*"):
        if file.is_file() and "__pycache__" not in file.parts:
            yield file


def size(files: list[Path]) -> float:
    return sum(file.stat().st_size for file in files) / MB


if __name__ == "__main__":
    sys.exit(main())
