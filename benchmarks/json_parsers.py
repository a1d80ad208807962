"""The parsers of bench_json_stream: functions that read a listing and count records.

    python benchmarks/json_parsers.py NAME DOCUMENT KEY

reads a file in a process of its own, in chunks if the parser can, and prints the records
and by how many bytes the memory grew meanwhile.
"""

import gc
import importlib
import io
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from asyncdbx.json_stream import RecordStream, ValueStream
from asyncdbx.json_stream.parsing import has_wide_int

CHUNK = 64 * 1024
Span = tuple[int, int]


@dataclass
class Document:
    """A listing to be read.

    Attributes:
        text: All of it.
        key: Of its list.
    """

    text: bytes
    key: str

    @cached_property
    def chunks(self) -> list[bytes]:
        """It as it would come from a socket."""
        return [self.text[at : at + CHUNK] for at in range(0, len(self.text), CHUNK)]

    def open(self) -> BinaryIO:
        """Return it as a file."""
        return io.BytesIO(self.text)

    @cached_property
    def records(self) -> list[Span]:
        """Where each record is: the generated ones all begin with the same key."""
        start = self.text.index(b"[") + 1
        first = re.compile(rb'\s*\{\s*"\w+":').match(self.text, start)
        assert first is not None
        between = re.compile(rb"\}," + re.escape(first[0]))
        commas = [found.start() + 1 for found in between.finditer(self.text)]
        ends = [*commas, self.text.rindex(b"]")]
        return list(zip([start, *(comma + 1 for comma in commas)], ends, strict=True))

    @cached_property
    def pieces(self) -> list[Span]:
        """Where whole records of 64 KiB together are, or a larger one."""
        found: list[Span] = []
        start, end = self.records[0]
        for record_start, record_end in self.records:
            if record_end - start > CHUNK and record_start > start:
                found.append((start, end))
                start = record_start
            end = record_end
        return [*found, (start, end)]


@dataclass
class FileDocument:
    """A listing in a file, of which no more is held than is asked for.

    Attributes:
        file: Where it is.
        key: Of its list.
    """

    file: Path
    key: str

    @property
    def text(self) -> bytes:
        """All of it."""
        return self.file.read_bytes()

    @property
    def chunks(self) -> Iterator[bytes]:
        """It as it would come from a socket."""
        with self.open() as file:
            while chunk := file.read(CHUNK):
                yield chunk

    def open(self) -> BinaryIO:
        """Return the file."""
        return self.file.open("rb")


AnyDocument = Document | FileDocument
Parser = Callable[[Any], int]  # the oracles need a Document


def stream(
    kind: type[RecordStream | ValueStream], document: AnyDocument, **options: Any
) -> int:
    """Read with a stream of this project."""
    reader = kind(document.key, **options)
    for chunk in document.chunks:
        for _ in reader.feed(chunk):
            pass
    for _ in reader.close():
        pass
    return reader.count


def oracle(document: Document) -> int:
    """Read with orjson what is known to be whole: no parser on top of it can do more."""
    text, count = document.text, 0
    for start, end in document.pieces:
        piece = text[start:end]
        count += len(orjson.loads(b"[" + piece + b"]"))
    return count


def exact_oracle(document: Document) -> int:
    """The same, and look for integers that orjson would make floats of."""
    text, count = document.text, 0
    for start, end in document.pieces:
        array = b"[" + text[start:end] + b"]"
        if not has_wide_int(array):
            count += len(orjson.loads(array))
    return count


def record_oracle(document: Document) -> int:
    """Read each record by itself, its place being known, and look for large integers."""
    text, count = document.text, 0
    places = iter(document.records)
    for start, end in document.pieces:
        if has_wide_int(text[start:end]):
            continue
        records: list[tuple[bytes, Any]] = []
        for first, last in places:
            raw = text[first:last]
            records.append((raw, orjson.loads(raw)))
            if last == end:
                break
        count += len(records)
    return count


def whole(module: str, function: str, document: AnyDocument) -> int:
    """Read all of it at once."""
    load = getattr(importlib.import_module(module), function)
    return len(load(document.text)[document.key])


def without_gc(document: AnyDocument) -> int:
    """Read all of it at once with orjson, with the garbage collector off."""
    gc.disable()
    try:
        return whole("orjson", "loads", document)
    finally:
        gc.enable()


def ijson(backend: str, document: AnyDocument) -> int:
    """Read with ijson's items()."""
    parser: Any = importlib.import_module("ijson").get_backend(backend)
    path = f"{document.key}.item"
    with document.open() as file:
        items = parser.items(file, path, buf_size=CHUNK, use_float=True)
        return sum(1 for _ in items)


def json_stream(document: AnyDocument) -> int:
    """Read with json-stream and its tokenizer in Rust."""
    library: Any = importlib.import_module("json_stream")
    with document.open() as file:
        listing = library.load(file)[document.key]
        return sum(1 for item in listing if library.to_standard_types(item) is not None)


def ijson_backends() -> list[str]:
    """Return the backends of ijson that work here; some need a library of the system."""
    library: Any = importlib.import_module("ijson")
    found: list[str] = []
    for name in library.ALL_BACKENDS:
        try:
            library.get_backend(name)
        except ImportError:
            continue
        found.append(name)
    return found


OURS: dict[str, Parser] = {
    "values": partial(stream, ValueStream),
    "values, as orjson reads integers": partial(stream, ValueStream, exact_integers=False),
    "records: bytes and values": partial(stream, RecordStream),
}
SCAN: dict[str, Parser] = {
    "values, scanner only": partial(stream, ValueStream, guess=False)
}
ORACLES: dict[str, Parser] = {
    "oracle": oracle,
    "oracle, integers looked at": exact_oracle,
    "oracle of records": record_oracle,
}
WHOLE: dict[str, Parser] = {
    "orjson, whole": partial(whole, "orjson", "loads"),
    "orjson, whole, gc off": without_gc,
    "msgspec, whole": partial(whole, "msgspec.json", "decode"),
    "jiter, whole": partial(whole, "jiter", "from_json"),
}
FAST: dict[str, Parser] = {"ijson yajl2_c": partial(ijson, "yajl2_c")}


def slow() -> dict[str, Parser]:
    """Return those that take minutes for the large documents."""
    others = [name for name in ijson_backends() if name != "yajl2_c"]
    return {
        **{f"ijson {name}": partial(ijson, name) for name in others},
        "json-stream": json_stream,
    }


def every() -> dict[str, Parser]:
    """Return all parsers by name."""
    return {**OURS, **SCAN, **ORACLES, **WHOLE, **FAST, **slow()}


def resident(line: str) -> int:
    """Return a line of this process's status, in bytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(rf"^{line}:\s+(\d+) kB$", status, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def main() -> None:
    """Read one document with one parser."""
    name, file, key = sys.argv[1:4]
    parser = every()[name]
    small = Document(b'{"%s":[{"a":1},{"a":2},{"a":[3.5]}]}' % key.encode(), key)
    parser(small)  # what it imports and prepares is not counted
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget the peak
    before = resident("VmRSS")
    count = parser(FileDocument(Path(file), key))
    print(count, resident("VmHWM") - before)


if __name__ == "__main__":
    main()
