"""RecordStream against json.loads: any document, any chunking, any damage."""

import json
import pickle
import random
import re
import tracemalloc
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from json_judge import exactly, judge

from asyncdbx.json_stream import (
    JsonStreamError,
    NotJson,
    Record,
    RecordStream,
    TooLarge,
    Truncated,
    ValueStream,
    array,
    batches,
    parse_document,
    parsing,
)
from asyncdbx.json_stream.scanner import Scanner

Path = str | tuple[str, ...] | None


KINDS: list[tuple[type[RecordStream | ValueStream], bool]] = [
    (RecordStream, True),
    (RecordStream, False),
    (ValueStream, True),
    (ValueStream, False),
]


def read(
    chunks: Iterable[bytes], path: Path = "files", **caps: Any
) -> tuple[list[Record], dict[str, Any], RecordStream]:
    """Feed ``chunks``; return the records, the rest and the stream.

    Every kind of stream must say the same, with and without guessing.
    """
    told = [*chunks]
    outcomes = [outcome_of(kind(path, guess=guess, **caps), told) for kind, guess in KINDS]
    first = outcomes[0]
    for kind, outcome in zip(KINDS, outcomes, strict=True):
        assert outcome.said == first.said, kind
    if first.error is not None:
        raise first.error
    assert isinstance(first.stream, RecordStream)
    return first.records, first.stream.rest, first.stream


@dataclass
class Outcome:
    """What became of a document."""

    stream: RecordStream | ValueStream
    records: list[Any]
    error: JsonStreamError | None = None

    @property
    def said(self) -> object:
        """All that does not depend on the kind of stream."""
        if self.error is not None:
            return type(self.error), str(self.error)
        raw = isinstance(self.stream, RecordStream)
        meant = values(self.records) if raw else self.records
        return exactly(meant), exactly(self.stream.rest), self.stream.found


def outcome_of(stream: RecordStream | ValueStream, chunks: Iterable[bytes]) -> Outcome:
    """Feed ``chunks`` and note what came of them."""
    try:
        return Outcome(stream, take(stream, chunks))
    except JsonStreamError as error:
        return Outcome(stream, [], error)


def take(stream: RecordStream | ValueStream, chunks: Iterable[bytes]) -> list[Any]:
    """Feed ``chunks`` to their end; return what comes out."""
    batches = [batch for chunk in chunks for batch in stream.feed(chunk)]
    return [record for batch in [*batches, *stream.close()] for record in batch]


def pieces(document: bytes, size: int) -> Iterator[bytes]:
    """Cut ``document`` into chunks of ``size`` bytes."""
    return (document[at : at + size] for at in range(0, len(document), size))


def values(records: list[Record]) -> list[Any]:
    """Return what the records mean."""
    return [value for _, value in records]


# -- what is right comes out whole

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ["files", '"files":[', "},{", "\\", '\\"', "]}", '{"a"', "ä€😀", "\n"]
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
ALIKE = st.lists(
    st.fixed_dictionaries({"path": TEXT, "size": st.integers(), "more": JSON}), max_size=9
)
LAYOUT = st.sampled_from(
    [
        {"separators": (",", ":")},
        {"separators": (",", ":"), "ensure_ascii": False},
        {"indent": 2},
        {"separators": (" \r\n,\t", " : ")},
    ]
)


@settings(max_examples=200, deadline=None)
@given(
    sides=st.lists(
        st.tuples(
            st.sampled_from(["files", "a", 'ä"\\']),
            st.dictionaries(TEXT, JSON, max_size=3),
            st.dictionaries(TEXT, JSON, max_size=3),
        ),
        max_size=3,
    ),
    array=st.lists(JSON, max_size=6) | ALIKE,
    layout=LAYOUT,
    seed=st.integers(0, 2**32),
)
def test_any_document_in_any_chunks_is_what_json_reads(
    sides: list[tuple[str, dict[str, Any], dict[str, Any]]],
    array: list[Any],
    layout: dict[str, Any],
    seed: int,
) -> None:
    """Records and rest are those of json.loads, wherever the array and the cuts are."""
    document: Any = array
    rest: dict[str, Any] = {}
    for depth, (key, before, after) in enumerate(sides):
        after.pop(key, None)
        before.pop(key, None)
        document = {**before, key: document, **after}
        rest = {**before, **({key: rest} if depth else {}), **after}
        for both in before.keys() & after.keys():
            rest[both] = after[both]
    text = json.dumps(document, **layout).encode()
    path = tuple(key for key, _, _ in reversed(sides))

    records, got, stream = read(random_chunks(text, seed), path)

    assert exactly(values(records)) == exactly(array)
    assert exactly(got) == exactly(rest)
    assert (stream.found, stream.count) == (True, len(array))
    raws = [raw for raw, _ in records]
    assert exactly(json.loads(b"[" + b",".join(raws) + b"]")) == exactly(array)
    assert all(raw in text and raw == raw.strip() for raw in raws)


def random_chunks(text: bytes, seed: int) -> Iterator[bytes]:
    """Cut ``text`` at random places; some chunks are empty, many are one byte."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    at = 0
    while at < len(text):
        size = rng.choice([0, 1, 1, 2, 7, 30, 1000])
        yield text[at : at + size]
        at += size


@pytest.mark.parametrize(
    ("document", "path", "expected"),
    [
        (b"{}", "files", ([], {}, False)),
        (b'{"has_more":false}', "files", ([], {"has_more": False}, False)),
        (b'{"files":null,"a":1}', "files", ([], {"a": 1}, True)),
        (b' {"files" : [ ] } \n', "files", ([], {}, True)),
        (
            b'{"a":{"files":[1]},"files":[2],"t":3}',
            "files",
            ([2], {"a": {"files": [1]}, "t": 3}, True),
        ),
        (
            b'{"s":"\\"files\\":[9]","files":[1]}',
            "files",
            ([1], {"s": '"files":[9]'}, True),
        ),
        (b'{"\\u0066iles":[1]}', "files", ([1], {}, True)),
        (
            b'{"a":{"b":[1],"c":2},"b":[3]}',
            "a.b",
            ([1], {"a": {"c": 2}, "b": [3]}, True),
        ),
        (b'{"a":[{"b":[1]}]}', ("a", "b"), ([], {"a": [{"b": [1]}]}, False)),
        (b'{"a":5,"b":[1]}', "a.b", ([], {"a": 5, "b": [1]}, False)),
        (b'{"a.b":[1]}', ("a.b",), ([1], {}, True)),
        (b"[1, [2]]", "", ([1, [2]], {}, True)),
        (b" null ", "", ([], {}, True)),
        (b'{"message":"no"}', "", ([], {"message": "no"}, False)),
        (b'{"files":[1]}', None, ([], {"files": [1]}, False)),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_the_array_is_found_at_its_path_only(
    document: bytes, path: Path, expected: tuple[list[Any], Any, bool], size: int
) -> None:
    """A key in a record, in a string or at another place is not the path."""
    records, rest, stream = read(pieces(document, size), path)
    assert (values(records), rest, stream.found) == expected


@pytest.mark.parametrize("size", [1, 64, 100_000, 10_000_000])
@pytest.mark.parametrize("indent", [None, 1])
def test_a_long_listing_comes_out_the_same_in_chunks_of_any_size(
    size: int, indent: int | None
) -> None:
    """Guessed and scanned records are the same; odd ones between do not disturb."""
    files: list[Any] = [
        {"path": f"/a/{n}", "size": n, "tags": ["x,", {}]} for n in range(1500)
    ]
    files[7:7] = [
        {"other": 1},
        5,
        '},{"path":',
        [{"path": 1}, {"path": 2}],
        {"path": 2**64},
    ]
    files[1000:1000] = [{"path": "x" * 70_000}, {"path": -(2**63) - 1, "size": 0}]
    text = json.dumps({"files": files, "has_more": True}, indent=indent).encode()
    records, rest, _ = read(pieces(text, size))
    assert (values(records), rest) == (files, {"has_more": True})


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_leaves_as_soon_as_the_next_one_begins(kind: Any) -> None:
    """The first does not wait for the second one's end; the last leaves at the end."""
    stream = kind[0]("files", guess=kind[1])
    counts: list[int] = []
    for chunk in (b'{"files":[{"a":1} ', b', {"b"', b':2},{"b":3}', b',{"b":4}', b"]}"):
        for batch in stream.feed(chunk):
            assert batch
        counts.append(stream.count)
    assert counts[:4] == [0, 1, 2, 3]
    assert counts[4] + sum(len(batch) for batch in stream.close()) == 4
    assert (stream.count, stream.rest) == (4, {})


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("last", ["x", 1, "},{", ',"'])
def test_records_whose_parts_look_like_them(indent: int | None, last: Any) -> None:
    """Tables begin with a name, and so do their columns."""
    tables: list[Any] = [
        {
            "name": f"t{n}",
            "columns": [{"name": f"c{c}", "type": last} for c in range(n % 7)],
            "id": f"{n:08x}",
        }
        for n in range(3000)
    ]
    text = json.dumps({"tables": tables, "next_page_token": "x"}, indent=indent).encode()
    for size in (1000, 65536, 10**7):
        records, rest, _ = read(pieces(text, size), "tables")
        assert (values(records), rest) == (tables, {"next_page_token": "x"})


def test_the_first_record_leaves_with_the_first_chunk() -> None:
    """However long the listing is."""
    stream = ValueStream("files")
    chunk = b'{"files":[' + b",".join(b'{"path":"/%d"}' % n for n in range(9000))
    assert next(stream.feed(chunk)) == [{"path": "/0"}]


def test_integers_beyond_64_bits_keep_their_digits() -> None:
    """orjson alone would make two different ids the same float."""
    numbers = [2**63, 2**64 - 1, 2**64, 2**64 + 1, -(2**63), -(2**63) - 1, 10**200, 0.1]
    for number in numbers:
        body = json.dumps(
            {"files": [{"id": n} for n in [1, number, 2]], "t": number}
        ).encode()
        records, rest, _ = read([body])
        assert exactly(values(records)) == exactly([{"id": 1}, {"id": number}, {"id": 2}])
        assert exactly(rest) == exactly({"t": number})
        assert exactly(parse_document(body[:])["t"]) == exactly(number)


# -- what is wrong never passes

DOCUMENTS = [
    b'{"files":[{"p":"a\\"}],","s":-1.5e+3},{"p":"\\u00e4\xc3\xa4"},[1,{}],null],"t":true}',
    b'{ "t" : "x" , "files" : [ { "p" : 1 } , { "p" : 2 } , { "p" : 3 } ] }',
    b'{"files":[],"a":{"files":[1]}}',
    b'{"a":[1,2],"t":null}',
]


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("size", [1, 1000])
def test_a_document_cut_at_any_byte_is_truncated(document: bytes, size: int) -> None:
    """The error names the place of the cut."""
    for end in range(len(document)):
        with pytest.raises(Truncated, match=rf"^byte {end}: "):
            read(pieces(document[:end], size))


def outcome(text: bytes, size: int) -> tuple[str, str] | None:
    """Read with every kind of stream, which must agree; None if they refuse.

    Where several things are wrong, each may name another one.
    """
    found = [
        outcome_of(kind("files", guess=guess), pieces(text, size)) for kind, guess in KINDS
    ]
    refusals = [each.error for each in found if each.error is not None]
    if refusals:
        assert len(refusals) == len(found)
        assert all(0 <= error.offset <= len(text) for error in refusals)
        return None
    assert all(each.said == found[0].said for each in found)
    return exactly(values(found[0].records)), exactly(found[0].stream.rest)


@settings(max_examples=600, deadline=None)
@given(
    document=st.sampled_from(DOCUMENTS),
    places=st.lists(st.integers(0, 10**6), min_size=1, max_size=3),
    byte=st.sampled_from(b'\0\n "\\,:[]{}0-etn\x80\xff') | st.integers(0, 255),
    how=st.sampled_from(["replace", "insert", "delete", "repeat"]),
    size=st.sampled_from([1, 5, 1000]),
)
def test_damage_is_refused_or_read_as_json_reads_it(
    document: bytes, places: list[int], byte: int, how: str, size: int
) -> None:
    """Whatever happened to the bytes, the result is never a shorter list."""
    text = document
    for place in places:
        at = place % (len(text) + 1)
        new = {"delete": b"", "repeat": text[at : at + 9]}.get(how, bytes([byte]))
        text = text[:at] + new + text[at + {"replace": 1, "delete": 3}.get(how, 0) :]
    assert outcome(text, size) == judge(text)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_flipped_bit_is_refused_or_read_as_json_reads_it(document: bytes) -> None:
    """All of them, one at a time."""
    for at in range(len(document)):
        for bit in range(8):
            text = bytearray(document)
            text[at] ^= 1 << bit
            assert outcome(bytes(text), 1000) == judge(bytes(text))


@pytest.mark.parametrize(
    ("document", "error", "message"),
    [
        (b"", Truncated, "byte 0: the document ends too early"),
        (b" \n", Truncated, "byte 2: the document ends too early"),
        (b'{"files":[1', Truncated, "byte 11: the document ends inside the array"),
        (b'{"files":[1],"a":"\xc3', Truncated, "byte 19: the document ends too early"),
        (b"<!DOCTYPE html><a>[1,{2", NotJson, "byte 0: HTML, not JSON"),
        (b"\xef\xbb\xbf{}", JsonStreamError, "byte 0: UTF-8 byte order mark"),
        (b"null", JsonStreamError, "byte 0: the document is no object"),
        (b"[1]", JsonStreamError, "byte 0: the document is no object"),
        (b'{"files":[1]} x', JsonStreamError, "byte 14: unexpected content after"),
        (b'{"files":[1]}{"more":[2]}', JsonStreamError, "byte 13: unexpected content"),
        (b'{"files":[1]}\0', JsonStreamError, "byte 13: unexpected content"),
        (b'{"files":[1],"files":[]}', JsonStreamError, "byte 20: 'files' comes twice"),
        (b'{"files":1,"\\u0066iles":[]}', JsonStreamError, "byte 23: 'files' comes twice"),
        (b'{"files":5}', JsonStreamError, "byte 8: the value of 'files' is no array"),
        (b'{"files":{"a":[]}}', JsonStreamError, "byte 8: the value of 'files' is no"),
        (b'{"files":[1,,2]}', JsonStreamError, "byte 12: a record is missing"),
        (b'{"files":[,]}', JsonStreamError, "byte 10: a record is missing"),
        (b'{"files":[1 ,]}', JsonStreamError, "byte 13: a record is missing"),
        (b'{"files":[1 2]}', JsonStreamError, "byte 12: unexpected content after"),
        (b'{"files":[1}', JsonStreamError, "byte 11: unexpected character"),
        (b'{"files":[1,{"\xc3\xa4":NaN}]}', JsonStreamError, "byte 18: unexpected char"),
        (b'{"files":[1,1e999]}', JsonStreamError, "byte 12: number is infinity"),
        (b'{"files":["\\ud800"]}', JsonStreamError, "byte 11: no low surrogate"),
        (b'{"files":["\xed\xa0\x80"]}', JsonStreamError, "byte 11: str is not valid UTF-8"),
        (b'{"files":[1,"\xff"]}', JsonStreamError, "byte 13: str is not valid UTF-8"),
        (b'{"files":["\x01"]}', JsonStreamError, "byte 11: unexpected control character"),
        (b'{"files":[1],"a":"\xff"}', JsonStreamError, "byte 18: str is not valid UTF-8"),
        (b'{"a":NaN,"files":[1,2,3]}', JsonStreamError, "byte 5: unexpected character"),
        (b'{"files":[1],"a":NaN}', JsonStreamError, "byte 17: unexpected character"),
        (b'{"files":[{"a":1},{"a":2}\0{"a":3},{"a":4}]}', JsonStreamError, "byte 25: "),
        (
            b'{"files":[' + b"[" * 1025 + b"]" * 1025 + b"]}",
            JsonStreamError,
            "byte 10: nested deeper than 1,024 levels",
        ),
        (
            b'{"a":' + b"[" * 1024 + b"]" * 1024 + b"}",
            JsonStreamError,
            "byte 0: nested deeper than 1,024 levels",
        ),
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_bad_input_is_named_with_its_offset(
    document: bytes, error: type[JsonStreamError], message: str, size: int
) -> None:
    """The same error at the same byte, however the bytes arrived."""
    with pytest.raises(error, match=re.escape(message)) as caught:
        read(pieces(document, size))
    assert type(caught.value) is error


def test_brackets_in_html_open_no_array() -> None:
    """A login page is not a bare array because a script in it has one."""
    with pytest.raises(NotJson):
        read([b"<script>[a, b]</script>"], "")


def test_a_bare_array_may_not_be_another_value() -> None:
    """A number is neither an array nor an object without one."""
    with pytest.raises(JsonStreamError, match=r"^byte 0: the document is no object$"):
        read([b"5"], "")


def test_one_record_too_deep_among_many_is_found() -> None:
    """Records that are read in one go are looked at, too."""
    alike = b",".join(b'{"a":%d}' % n for n in range(9))
    deep = b'{"a":' + b"[" * 1024 + b"]" * 1024 + b"}"
    with pytest.raises(
        JsonStreamError, match=r"^byte 73: nested deeper than 1,024 levels$"
    ):
        read([b"[" + alike + b"," + deep + b"," + alike + b"]"], "")


def test_a_thousand_levels_are_let_in() -> None:
    """Brackets in strings or side by side are no depth."""
    deep = json.loads("[" * 900 + '"]["' + "]" * 900)
    wide: list[Any] = [[]] * 5000
    text = orjson.dumps({"files": [1, 2, wide], "a": wide})
    text = text.replace(b"[1,2", b"[1," + b"[" * 900 + b'"]["' + b"]" * 900)
    records, rest, _ = read([text])
    assert values(records) == [1, deep, wide]
    assert rest == {"a": wide}


# -- caps, memory, time


@pytest.mark.parametrize("size", [1, 1000])
def test_a_record_and_the_rest_have_a_cap(size: int) -> None:
    """The record's offset is named; one of just the size passes."""
    files = b'{"files":[{"a":1},{"a":22},{"a":333}]}'
    assert len(read(pieces(files, size), max_record=13)[0]) == 3
    with pytest.raises(TooLarge, match=r"^byte 32: a record has more than 8 bytes$"):
        read(
            pieces(b'{"f":[         {"a":1},{"a":22},{"a":333}]}', size), "f", max_record=8
        )
    with pytest.raises(TooLarge, match=r"what is not in the array has more than 20 bytes$"):
        read(pieces(b'{"files":[1],"next":"' + b"x" * 20 + b'"}', size), max_record=20)


def test_an_endless_record_is_stopped_while_it_comes() -> None:
    """Nothing waits for its end."""
    stream = RecordStream("files", max_record=100)
    assert [*stream.feed(b'{"files":["')] == []
    with pytest.raises(TooLarge, match=r"^byte 10: a record has more than 100 bytes$"):
        [*stream.feed(b"x" * 101)]


def test_the_whole_document_has_a_cap() -> None:
    """The cap itself is still allowed."""
    assert read([b"[1,2", b",3]"], "", max_total=7)[2].count == 3
    with pytest.raises(TooLarge, match=r"^byte 6: more than 6 bytes$"):
        read([b"[1,2", b",3]"], "", max_total=6)


def listing(count: int) -> Iterator[bytes]:
    """A listing that is never whole anywhere, about 80 bytes a record."""
    yield b'{"files":[{"path":"first"}'
    for n in range(0, count, 500):
        yield b"".join(b',{"path":"/%060d","size":%d}' % (i, i) for i in range(n, n + 500))
    yield b"]}"


def test_memory_is_that_of_a_chunk() -> None:
    """Two megabytes go through less than half of one."""
    stream = RecordStream("files")
    tracemalloc.start()
    try:
        for chunk in listing(25_000):
            for _ in stream.feed(chunk):
                pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sum(len(batch) for batch in stream.close()) <= 1
    assert (stream.rest, stream.count) == ({}, 25_001)
    assert peak < 500_000


STRING = b'["' + b"\\\\x" * 20_000 + b'"]'
DEEP = b'[{"a":' + b'[{"x":[' * 60 + b"1,2," * 10_000 + b"3" + b"]}]" * 60 + b"}]"
ODD = b"[" + b'{"a":[{"a":1},{"a":2}]},{"b":"},{"},' * 1500 + b"1]"
LARGE = b'[{"a":1},{"a":[' + b'{"a":1},' * 40_000 + b'{"a":1}]},{"a":2}]'
LATE = b"[" + b'{"a":1},' * 3000 + b'{"a":[{"a":1},{"a":2}]}]'


@pytest.mark.parametrize(
    "document",
    [STRING, DEEP, ODD, LATE, LARGE],
    ids=["string", "deep", "odd", "late", "large"],
)
@pytest.mark.parametrize("size", [1, 1000, 10**6])
@pytest.mark.parametrize("kind", KINDS)
def test_work_is_linear_in_the_bytes(
    monkeypatch: pytest.MonkeyPatch, document: bytes, size: int, kind: Any
) -> None:
    """However the bytes are cut, each is parsed and scanned a few times only."""
    parsed = scanned = 0

    def loads(text: bytes | memoryview) -> Any:
        nonlocal parsed
        parsed += len(text)
        return orjson.loads(text)

    class Counting(Scanner):
        def walk(self, text: bytes) -> Iterator[int]:
            nonlocal scanned
            scanned += len(text)
            return super().walk(text)

        def leap(self, text: bytes) -> int | None:
            nonlocal scanned
            scanned += len(text)
            return super().leap(text)

    monkeypatch.setattr(parsing, "loads", loads)
    monkeypatch.setattr(batches, "loads", loads)
    monkeypatch.setattr(array, "Scanner", Counting)

    stream = kind[0]("", guess=kind[1])
    records = take(stream, pieces(document, size))

    meant = values(records) if kind[0] is RecordStream else records
    assert meant == json.loads(document)
    assert 0.8 < parsed / len(document) < 3
    assert 0 < scanned / len(document) < 4.5


# -- whole bodies


@pytest.mark.parametrize("body", [b"", b" \r\n", b"null", b" null\n", b"{}"])
def test_an_empty_body_is_an_empty_object(body: bytes) -> None:
    """Many POSTs answer so."""
    assert parse_document(body) == {}


@pytest.mark.parametrize("body", [b"[]", b"0", b'"x"', b'{"a":null}', b"false"])
def test_a_body_may_be_any_value(body: bytes) -> None:
    """Nothing but null is taken for an empty object."""
    assert exactly(parse_document(body)) == exactly(json.loads(body))


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"<html>", NotJson),
        (b'{"a":', Truncated),
        (b"{} {}", JsonStreamError),
        (b"NaN", JsonStreamError),
        (b"[" * 1025 + b"]" * 1025, JsonStreamError),
    ],
)
def test_a_body_is_read_as_strictly_as_a_stream(
    body: bytes, error: type[JsonStreamError]
) -> None:
    """Each with its own class."""
    with pytest.raises(error) as caught:
        parse_document(body)
    assert type(caught.value) is error


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 20, 1000])
def test_bad_records_are_left_out_where_the_caller_asks(kind: Any, size: int) -> None:
    """Each is told with its place and its bytes; what is wrong between records is not."""
    bad = [b'{"a":"\xff"}', b"nul", b'{"a":NaN}', b'{"a" 1}', b"[1 2]", b'{"a":"\\ud800"}']
    good = [b'{"a":%d}' % n for n in range(len(bad) + 1)]
    mixed = b" , ".join(b"%s,%s" % pair for pair in zip(good, bad, strict=False))
    document = b'{"files":[' + mixed + b"," + good[-1] + b'],"t":1}'
    told: list[tuple[int, bytes]] = []

    def leave_out(error: JsonStreamError, raw: bytes) -> None:
        told.append((document.index(raw), raw))
        assert document.index(raw) <= error.offset <= document.index(raw) + len(raw)

    stream = kind[0]("files", guess=kind[1], bad_record=leave_out)
    records = take(stream, pieces(document, size))
    meant = values(records) if kind[0] is RecordStream else records
    assert meant == [{"a": n} for n in range(len(good))]
    assert told == [(document.index(raw), raw) for raw in bad]
    assert (stream.count, stream.rest) == (len(good), {"t": 1})

    stream = kind[0]("files", guess=kind[1], bad_record=leave_out)
    with pytest.raises(JsonStreamError, match="a record is missing beside a comma"):
        take(stream, pieces(b'{"files":[1,,2]}', size))


@pytest.mark.parametrize("kind", KINDS)
def test_if_every_record_is_bad_there_are_none(kind: Any) -> None:
    """And no batch of nothing."""
    told: list[bytes] = []
    stream = kind[0]("f", guess=kind[1], bad_record=lambda _, raw: told.append(raw))
    assert take(stream, [b'{"f":[x,y', b",z]}"]) == []
    assert told == [b"x", b"y", b"z"]


def test_without_exact_integers_they_are_what_orjson_makes_of_them() -> None:
    """Floats; the bytes have every digit all the same."""
    body = b'{"files":[{"a":18446744073709551616},{"a":2},{"a":-9223372036854775809}]}'
    stream = ValueStream("files", exact_integers=False)
    assert take(stream, [body]) == [{"a": 2.0**64}, {"a": 2}, {"a": -(2.0**63)}]
    records = take(RecordStream("files", exact_integers=False), [body])
    assert next(raw for raw, _ in records) == b'{"a":18446744073709551616}'
    assert values(records) == [{"a": 2.0**64}, {"a": 2}, {"a": -(2.0**63)}]


def test_an_error_survives_pickling() -> None:
    """Spark sends errors from its workers."""
    error = pickle.loads(pickle.dumps(Truncated(7, "cut")))  # noqa: S301 - our own bytes
    assert (type(error), str(error)) == (Truncated, "byte 7: cut")
