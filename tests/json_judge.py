"""What a document means, said by json.loads with its leniencies off."""

import json
import math
from typing import Any


def exactly(value: Any) -> str:
    """Write ``value`` so that 1, 1.0 and True differ."""
    return json.dumps(value)


class Object(dict[str, Any]):
    """A JSON object that remembers whether "files" came twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.twice = [key for key, _ in pairs].count("files") > 1


def finite(number: str) -> float:
    """Refuse what is no number in JSON, and 1e999."""
    if not math.isfinite(float(number)):
        raise ValueError(number)
    return float(number)


def judge(text: bytes) -> tuple[str, str] | None:
    """Read with json.loads and its leniencies off; None if the text is to be refused."""
    try:
        document = json.loads(
            text.decode(),
            object_pairs_hook=Object,
            parse_float=finite,
            parse_constant=finite,
        )
        json.dumps(document, ensure_ascii=False).encode()  # no lone surrogates
        array = document.pop("files", None)
    except (ValueError, AttributeError, TypeError):
        return None
    if document.twice or not isinstance(array, list | None):
        return None
    return exactly(array or []), exactly(document)
