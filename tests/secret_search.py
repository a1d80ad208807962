"""Looks for secrets in whatever a program leaves: output, files, tables, its arguments."""

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deltalake import DeltaTable, QueryBuilder

FIRST_VERSION = f"_delta_log/{0:020}.json"


@dataclass(frozen=True, slots=True)
class Search:
    """Finds secrets.

    Attributes:
        secrets: Each by what it is.
    """

    secrets: Mapping[str, str]

    def in_bytes(self, where: str, data: bytes) -> list[str]:
        """Return what is in there: ``secret in place``."""
        texts = [data, *_unpacked(data)]
        return [
            f"{what} in {where}"
            for what, secret in self.secrets.items()
            if any(secret.encode() in text for text in texts)
        ]

    def below(self, folder: Path, *but: Path) -> list[str]:
        """Return what is in the files of a folder, and in every version of its tables."""
        files = [each for each in folder.rglob("*") if each.is_file() and each not in but]
        found = [
            line for file in files for line in self.in_bytes(str(file), file.read_bytes())
        ]
        for first in folder.rglob(FIRST_VERSION):
            for where, text in _versions(first.parents[1]):
                found += self.in_bytes(where, text.encode())
        return found


def _unpacked(data: bytes) -> Iterator[bytes]:
    if data.startswith(b"\x1f\x8b"):
        yield gzip.decompress(data)


def _versions(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield each version of a table as text: its files are compressed."""
    for version in range(DeltaTable(folder).version() + 1):
        table = DeltaTable(folder, version=version)
        reader = QueryBuilder().register("t", table).execute("SELECT * FROM t")
        yield f"{folder} version {version}", "\n".join(map(_text, reader))


def _text(batch: Any) -> str:
    columns = [batch.column(number).to_pylist() for number in range(batch.num_columns)]
    return "\n".join(str(value) for column in columns for value in column)
