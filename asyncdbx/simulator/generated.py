"""Trees of any number of files that take no memory: each entry follows from its place.

A tree has ``directories``, its root among them, and ``files`` in each. Its shape is that of
a heap: directory ``d``, counted from 0, the root, holds the directories ``30 d + 1`` to
``30 d + 30``, as far as there are so many. The root counts as an entry too, of what it lies
in; so there are ``directories * (files + 1)`` entries.

What a listing says of files is made by the block, up to 1000 of one directory at a time: in
a text that all blocks share, marks stand for what only this block has. Of a size or a time
that is the head; the tail follows from the place in the block. So all files differ, and
none costs much more than sending it. The first file of blocks 0, 1, 2, 4, 8, 16, ... of a
tree is larger than 2^53: so few are that the sizes add up to less than 2^63.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import blake2b
from typing import NamedTuple

import orjson

from asyncdbx.simulator.call import Json, missing
from asyncdbx.simulator.words import BEYOND_DOUBLE, TOPICS

FAN_OUT = 30
BLOCK = 1000  # files
_NAMES = tuple(f"{TOPICS[n % len(TOPICS)]}_{n:02d}" for n in range(FAN_OUT))
_PLACES = {name: place for place, name in enumerate(_NAMES)}
_KEYS = ("path", "is_dir", "file_size", "modification_time")
_SIZE_TAILS = tuple(f"{n * 7919:07d}"[: n % 8] for n in range(BLOCK))
_TIME_TAILS = tuple(f"{n * 997:06d}" for n in range(BLOCK))


class Entry(NamedTuple):
    """A file or a directory.

    Attributes:
        size: In bytes; 0 of a directory.
        time: When it was modified, in epoch milliseconds; 0 of a directory.
    """

    path: str
    is_dir: bool
    size: int
    time: int

    def record(self) -> Json:
        """Return it as DBFS shows it."""
        return dict(zip(_KEYS, self, strict=True))


@dataclass(frozen=True, slots=True)
class Summary:
    r"""What a complete listing comes to.

    Attributes:
        entries: Files and directories.
        bytes: The sum of their sizes.
        digest: The sum, modulo 2^64, of a number for each entry, in whatever order: the
            bytes of ``blake2b(f"{path}\0{size}\0{time}".encode(), digest_size=8)`` as a
            little-endian integer.
    """

    entries: int = 0
    directories: int = 0
    bytes: int = 0
    digest: int = 0

    def __add__(self, other: "Summary") -> "Summary":
        return Summary(
            self.entries + other.entries,
            self.directories + other.directories,
            self.bytes + other.bytes,
            (self.digest + other.digest) % 2**64,
        )


class _Block(NamedTuple):
    """What the files of one block have in common.

    Attributes:
        path: Of each file, but for its last digits.
        large: The size of the first file, if that is not as the others are; else 0.
    """

    path: str
    size: int
    time: int
    large: int

    @classmethod
    def of(cls, number: int, path: str) -> "_Block":
        """Return a block by its number in the whole tree."""
        power_of_two = number & (number - 1) == 0
        large = BEYOND_DOUBLE + 2 * number + 1 if power_of_two else 0
        return cls(path, 1 + number * 7919 % 9999, 1_700_000 + number % 95_000, large)

    def entry(self, place: int) -> Entry:
        """Return one of its files."""
        alike = place or not self.large
        size = int(f"{self.size}{_SIZE_TAILS[place]}") if alike else self.large
        name = f"{self.path}{place:03d}.parquet"
        return Entry(name, False, size, int(f"{self.time}{_TIME_TAILS[place]}"))

    def lines(self, count: int) -> bytes:
        """Return ``count`` of its files as JSON, with commas between them."""
        return (
            _shared_lines(count, self.large)
            .replace(b"\1", self.path.encode())
            .replace(b"\2", b"%d" % self.size)
            .replace(b"\3", b"%d" % self.time)
        )


@lru_cache(maxsize=64)
def _shared_lines(count: int, large: int) -> bytes:
    """Return the lines of any block, with marks for its own path, size and time."""
    sizes = [f"\2{tail}" for tail in _SIZE_TAILS]
    if large:
        sizes[0] = str(large)
    return ",".join(
        f'{{"path":"\1{place:03d}.parquet","is_dir":false,'
        f'"file_size":{sizes[place]},"modification_time":\3{_TIME_TAILS[place]}}}'
        for place in range(count)
    ).encode()


@dataclass(frozen=True)
class GeneratedTree:
    """A tree that hangs at ``root``, an absolute path."""

    root: str
    directories: int
    files: int

    def holds(self, path: str) -> bool:
        """Tell whether a path leads into this tree, whether anything is there or not."""
        return path == self.root or path.startswith(f"{self.root}/")

    def directory(self, path: str) -> int | None:
        """Return the number of a directory, or None if ``path`` is none."""
        number = 0
        for name in path.removeprefix(self.root).split("/")[1:]:
            number = FAN_OUT * number + 1 + _PLACES.get(name, self.directories)
            if number >= self.directories:
                return None
        return number

    def entry(self, path: str) -> Entry:
        """Return a file or a directory.

        Raises:
            Refusal: There is none.
        """
        if self.directory(path) is not None:
            return _directory(path)
        above, _, name = path.rpartition("/")
        directory, digits = self.directory(above), name[len("part-") : -len(".parquet")]
        if directory is not None and digits.isdecimal() and int(digits) < self.files:
            block, place = divmod(int(digits), BLOCK)
            found = self._block(directory, above, block).entry(place)
            if found.path == path:
                return found
        raise missing(f"No file or directory exists on path {path}.")

    def lines(self, directory: int, path: str) -> Iterator[bytes]:
        """Yield what is in a directory as JSON, with commas between the entries.

        A piece has ``BLOCK`` of them at most, and there is none without any.
        """
        below = [_directory(f"{path}/{name}").record() for name in self._names(directory)]
        if below:
            yield orjson.dumps(below)[1:-1]
        for block, count in self._blocks_of(directory, path):
            yield block.lines(count)

    def entries(self) -> Iterator[Entry]:
        """Yield every entry, the root too."""
        for directory in range(self.directories):
            path = self._path(directory)
            yield _directory(path)
            for block, count in self._blocks_of(directory, path):
                for place in range(count):
                    yield block.entry(place)

    @cached_property
    def summary(self) -> Summary:
        """What a complete listing comes to; takes three seconds for a million entries."""
        entries = size = digest = 0
        for entry in self.entries():
            entries += 1
            size += entry.size
            digest += _number_of(entry)
        return Summary(entries, self.directories, size, digest % 2**64)

    def _blocks_of(self, directory: int, path: str) -> Iterator[tuple[_Block, int]]:
        """Yield the blocks of a directory, and how many files each has."""
        for first in range(0, self.files, BLOCK):
            block = self._block(directory, path, first // BLOCK)
            yield block, min(BLOCK, self.files - first)

    def _block(self, directory: int, path: str, block: int) -> _Block:
        blocks = -(-self.files // BLOCK)
        return _Block.of(directory * blocks + block, f"{path}/part-{block:04d}")

    def _names(self, directory: int) -> tuple[str, ...]:
        first = FAN_OUT * directory + 1
        return _NAMES[: max(0, self.directories - first)]

    def _path(self, directory: int) -> str:
        names: list[str] = []
        while directory:
            directory, place = divmod(directory - 1, FAN_OUT)
            names.append(_NAMES[place])
        return "/".join((self.root, *reversed(names)))


Size = tuple[int, int]  # directories, and files in each


def planted(root: str, sizes: Iterable[Size]) -> Iterator[GeneratedTree]:
    """Yield trees at ``root``, ``root-2``, ``root-3`` and so on."""
    for number, (directories, files) in enumerate(sizes, 1):
        place = root if number == 1 else f"{root}-{number}"
        yield GeneratedTree(place, directories, files)


def _directory(path: str) -> Entry:
    return Entry(path, True, 0, 0)


def _number_of(entry: Entry) -> int:
    """Return what an entry adds to a digest."""
    text = f"{entry.path}\0{entry.size}\0{entry.time}".encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little")
