"""Where a field stands, as it is read and written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdbx.errors import ConfigError
from asyncdbx.look.path import Path, parse_path, path_text

CASES: list[tuple[str, Path]] = [
    ("state", ("state",)),
    ("settings.schedule", ("settings", "schedule")),
    ("tasks[0].notebook_task.source", ("tasks", 0, "notebook_task", "source")),
    ("tasks[*].state", ("tasks", "*", "state")),
    ("config.*[*].state", ("config", "*", "*", "state")),
    ('spark_conf["spark.sql.x"]', ("spark_conf", "spark.sql.x")),
    ('a["it\\"s [1]"][2][3]', ("a", 'it"s [1]', 2, 3)),
    ("urn:ietf:scim.active", ("urn:ietf:scim", "active")),
    ("[0].a", (0, "a")),
    ('["a b"].c', ("a b", "c")),
]


@pytest.mark.parametrize(("text", "path"), CASES)
def test_a_path_is_read(text: str, path: Path) -> None:
    """Dots, places, names in quotes, and what stands for any."""
    assert parse_path(text) == path


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        ".a",
        "a.",
        "a..b",
        "a[",
        "a[]",
        "a[x]",
        "a]b",
        "a[-1]",
        'a["b]',
        "a*",
        'a["\\q"]',
        f"a[{'1' * 5_000}]",
    ],
)
def test_no_path(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(ConfigError):
        parse_path(text)


@given(
    st.lists(
        st.integers(0, 99) | st.text(min_size=1).filter(lambda it: it != "*"), min_size=1
    )
)
def test_what_is_written_is_read_again(steps: list[str | int]) -> None:
    """Whatever the names of fields are."""
    path = tuple(steps)
    assert parse_path(path_text(path)) == path


def test_the_whole_record() -> None:
    """A record need not be an object."""
    assert path_text(()) == "."
