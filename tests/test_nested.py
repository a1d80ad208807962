"""An object whose inner arrays come in pages is put together without loss."""

from typing import Any

import orjson
import pytest

from asyncdbx import catalog
from asyncdbx.errors import BadAnswer
from asyncdbx.fleet.nested import joined

JOB = catalog.endpoint("jobs.get")
RUN = catalog.endpoint("jobs.get_run")


def page(document: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:
    return orjson.dumps(document), document


def tasks(*names: str) -> list[dict[str, str]]:
    return [{"task_key": name} for name in names]


def test_one_page_is_what_the_server_sent() -> None:
    """Byte for byte, however it is spaced."""
    raw = b'{ "job_id" : 1, "settings": {"tasks": []} }'
    assert joined(JOB, [(raw, orjson.loads(raw))]) == (raw, orjson.loads(raw))


def test_inner_arrays_are_joined_in_order() -> None:
    """Those that end early are missing or empty on later pages; all else is the first's."""
    first = {
        "job_id": 11223344556677889,
        "settings": {
            "name": "etl",
            "tasks": tasks("a", "b"),
            "parameters": [{"name": "p"}],
        },
        "next_page_token": "x",
        "has_more": True,
    }
    second = {"job_id": 1, "settings": {"tasks": tasks("c"), "parameters": []},
              "next_page_token": "y"}  # fmt: skip
    third = {"job_id": 1, "settings": {"tasks": tasks("d")}, "has_more": False}
    raw, whole = joined(JOB, [page(first), page(second), page(third)])
    assert orjson.loads(raw) == whole
    assert whole == {
        "job_id": 11223344556677889,
        "settings": {
            "name": "etl",
            "tasks": tasks("a", "b", "c", "d"),
            "parameters": [{"name": "p"}],
        },
        "has_more": False,
    }


def test_the_pages_are_not_changed() -> None:
    """They may be kept by somebody else."""
    first, second = page({"tasks": tasks("a")}), page({"tasks": tasks("b")})
    joined(RUN, [first, second])
    assert first[1] == {"tasks": tasks("a")}
    assert second[1] == {"tasks": tasks("b")}


def test_an_array_that_begins_on_a_later_page_is_there() -> None:
    """Nothing is lost, and nothing is invented where no page has it."""
    _, whole = joined(RUN, [page({"run_id": 1}), page({"tasks": tasks("a")})])
    assert whole == {"run_id": 1, "tasks": tasks("a")}


def test_an_object_that_ends_with_a_token_says_so() -> None:
    """What the last page says of what follows is true of the whole."""
    _, whole = joined(
        RUN, [page({"next_page_token": "x"}), page({"next_page_token": "y", "tasks": []})]
    )
    assert whole == {"next_page_token": "y"}


def test_numbers_beyond_64_bits_keep_their_digits() -> None:
    """Where the fast writer gives up the slow one goes on."""
    big = 2**70
    first = (b"", {"run_id": big, "tasks": tasks("ü")})
    raw, whole = joined(RUN, [first, page({"tasks": tasks("b")})])
    assert whole["run_id"] == big
    assert raw == (
        f'{{"run_id":{big},"tasks":[{{"task_key":"ü"}},{{"task_key":"b"}}]}}'.encode()
    )


@pytest.mark.parametrize(
    ("page_two", "words"),
    [
        ({"settings": "text"}, "settings is no object"),
        ({"settings": [1]}, "settings is no object"),
        ({"settings": {"tasks": "text"}}, r"settings\.tasks is no list"),
        ({"settings": {"tasks": {"a": 1}}}, r"settings\.tasks is no list"),
    ],
)
def test_an_inner_array_of_another_shape_is_refused(page_two: Any, words: str) -> None:
    """It is a bad answer of this call, not an error that ends the run."""
    with pytest.raises(BadAnswer, match=f"^{words}$"):
        joined(JOB, [page({"settings": {"tasks": []}}), page(page_two)])


def test_null_is_an_array_without_elements() -> None:
    """As on a page that has nothing of it."""
    _, whole = joined(
        JOB, [page({"settings": {"tasks": tasks("a")}}), page({"settings": None})]
    )
    assert whole == {"settings": {"tasks": tasks("a")}}
