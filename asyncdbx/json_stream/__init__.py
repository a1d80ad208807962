"""Records cut out of a JSON document while it is still arriving.

A listing is one object with one long array in it (``{"files": [...], "has_more": ...}``).
``RecordStream`` takes its bytes as they come, hands out the elements of the array as they
become whole, and keeps the rest. It is pure: no I/O, no clock, no asyncio.

Why a cut can be trusted: the scanner only chooses where to cut; orjson then reads every
byte, each record by itself and the rest with ``[]`` in the array's place. If all of that
is JSON, so was the document; and a cut in a wrong place leaves something that is not.
"""

from asyncdbx.json_stream.parsing import (
    JsonStreamError,
    NotJson,
    TooLarge,
    Truncated,
    parse_document,
)
from asyncdbx.json_stream.stream import Record, RecordStream

__all__ = [
    "JsonStreamError",
    "NotJson",
    "Record",
    "RecordStream",
    "TooLarge",
    "Truncated",
    "parse_document",
]
