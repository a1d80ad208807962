"""Fuzzes the streams: any bytes in any chunks are refused, or read as json reads them.

    pip install atheris
    python tests/fuzz_json_stream.py -max_total_time=60

Every case goes through both kinds of stream, with and without guessing. The options are
libFuzzer's; ``-runs=N`` counts cases. What fails is written to ``crash-…``; give that file
as an argument to see it again.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["asyncdbx.json_stream"]):
    from asyncdbx.json_stream import JsonStreamError, RecordStream, ValueStream

from json_judge import exactly, judge

SEEDS = (
    b'{"files":[{"p":"a\\"}],","s":-1.5e+3},{"p":"\\u00e4\xc3\xa4"},[1,{}],null],"t":true}',
    b'{ "t" : "x" , "files" : [ { "p" : 1 } , { "p" : 2 } , { "p" : 3 } ] }',
    b'{"files":[{"p":[{"p":1},{"p":2}],"x":"},{"},{"p":[{"p":3},{"p":4}],"x":1},{"p":5}]}',
    b'{"files":[],"a":{"files":[18446744073709551616,-9223372036854775809]}}',
    b'{"files":["a","\\\\","\\"],[","b"],"files2":[[[]]]}',
    b'{"files":[1,2,3,"x",{"a":{"b":[]}},{"a":{"c":{}}}],"next_page_token":"abc"}',
)
WORDS = (
    '"files":[',
    '{"p":',
    '},{"p":',
    "},{",
    "]}",
    '\\"',
    "\\\\",
    "1e9",
    "null",
    "00000",
)
DEEP = 200  # json.loads recurses, and would give up sooner than orjson


def sizes(plan: int) -> Iterator[int]:
    """Yield sizes of chunks: one byte, few, many, or all, as a number says."""
    while True:
        yield (1, 2, 3, 7, 16, 50, 300, 10**9)[plan % 8]
        plan = plan // 8 or 7


def read(stream: RecordStream | ValueStream, text: bytes, plan: int) -> Any:
    """Return what a stream makes of a text; None if it refuses."""
    records: list[Any] = []
    at = 0
    try:
        for size in sizes(plan):
            if at >= len(text):
                break
            for batch in stream.feed(text[at : at + size]):
                assert batch, "an empty batch"
                records += batch
            at += size
        for batch in stream.close():
            records += batch
    except JsonStreamError as error:
        assert 0 <= error.offset <= len(text), error  # noqa: PT017 - checked, not awaited
        return None
    assert stream.count == len(records)
    if isinstance(stream, RecordStream):
        assert all(raw in text for raw, _ in records)
        records = [value for _, value in records]
    return exactly(records), exactly(stream.rest)


def test_one(data: bytes) -> None:
    """Hold every kind of stream against the judge."""
    plan, text = int.from_bytes(data[:2], "little"), data[2:]
    if text.count(b"[") + text.count(b"{") > DEEP:
        return
    expected = judge(text)
    for kind in (RecordStream, ValueStream):
        for guess in (True, False):
            got = read(kind("files", guess=guess), text, plan)
            assert got == expected, (kind, guess, got, expected)


def main() -> None:
    """Run with seeds and words of our own."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder, "corpus")
        corpus.mkdir()
        for number, seed in enumerate(SEEDS):
            for plan in (0, 3, 7, 0o7654):
                data = plan.to_bytes(2, "little") + seed
                (corpus / f"{number}-{plan}").write_bytes(data)
        words = Path(folder, "words")
        quoted = (word.replace("\\", "\\\\").replace('"', '\\"') for word in WORDS)
        words.write_text("".join(f'"{word}"\n' for word in quoted), encoding="ascii")
        options = [f"-dict={words}", "-max_len=400", "-print_final_stats=1"]
        replayed = any(not each.startswith("-") for each in sys.argv[1:])
        folders = [] if replayed else [str(corpus)]
        atheris.Setup([*sys.argv, *options, *folders], test_one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
