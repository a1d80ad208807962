"""Jobs API 2.2: the inner arrays of one object are paged, 100 elements at a time."""

from collections.abc import Sequence
from typing import Any

from asyncdbx.simulator.call import Call, Json
from asyncdbx.simulator.paging import Pages

AT_ONCE = 100


def first_page(record: Json, arrays: Sequence[str]) -> Json:
    """Return a record as a list shows it: the first 100 of each array."""
    return {
        key: value[:AT_ONCE] if key in arrays else value for key, value in record.items()
    }


def overflows(record: Json, arrays: Sequence[str]) -> bool:
    """Tell whether any of the arrays has more than a list shows."""
    return any(len(record.get(key, ())) > AT_ONCE for key in arrays)


def cut(call: Call, record: Json, arrays: Sequence[str]) -> tuple[Json, str | None]:
    """Return the record with one page of its arrays, and the token of the next page.

    On later pages a finished array is empty.
    """
    longest: list[Any] = max((record.get(key, []) for key in arrays), key=len)
    pages = Pages("page", size="", default=AT_ONCE, moody=False)
    start = pages.start(call)
    page = {
        key: value[start : start + AT_ONCE] if key in arrays else value
        for key, value in record.items()
    }
    return page, pages.cut(call, longest).get("next_page_token")
