"""Records cut out of a JSON document while it is still arriving.

A listing is one object with one long array in it (``{"files": [...], "has_more": ...}``).
A stream takes its bytes as they come, hands out the elements of the array as they become
whole, and keeps the rest. It is pure: no I/O, no clock, no asyncio.

    stream = ValueStream("files")
    for chunk in chunks:
        for files in stream.feed(chunk):
            ...
    for files in stream.close():  # the last ones; raises if the document is not whole
        ...
    stream.rest  # what else was in it

Why a cut can be trusted: guess and scanner only choose where to cut; orjson then reads
every byte, the records between the cuts and the rest with ``[]`` in the array's place. If
all of that is JSON, so was the document; a cut in a wrong place leaves what is not.
"""

from asyncdbx.json_stream.array import BadRecord
from asyncdbx.json_stream.batches import Record
from asyncdbx.json_stream.parsing import (
    JsonStreamError,
    NotJson,
    TooLarge,
    Truncated,
    parse_document,
)
from asyncdbx.json_stream.stream import RecordStream, ValueStream

__all__ = [
    "BadRecord",
    "JsonStreamError",
    "NotJson",
    "Record",
    "RecordStream",
    "TooLarge",
    "Truncated",
    "ValueStream",
    "parse_document",
]
