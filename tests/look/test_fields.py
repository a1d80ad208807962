"""Which fields of two records differ."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdbx.json_stream import parse_document
from asyncdbx.look.fields import ABSENT, ignoring, what_differs
from asyncdbx.look.path import parse_path

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
)
documents = st.dictionaries(
    st.text(max_size=4),
    st.recursive(
        scalars,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.text(max_size=4), inner, max_size=4)
        ),
        max_leaves=12,
    ),
    max_size=4,
)


def differing(before: Any, after: Any, *ignored: str) -> list[tuple[str, Any, Any]]:
    tree = ignoring(map(parse_path, ignored))
    found = what_differs(copy.deepcopy(before), copy.deepcopy(after), tree)
    return [(each.field, each.before, each.after) for each in found]


def test_each_field_with_before_and_after() -> None:
    """Nested, in lists, new and gone."""
    before = {
        "settings": {"name": "a", "tasks": [{"key": "x", "n": 1}, {"key": "y"}]},
        "gone": {"deep": 1},
        "same": [1, {"a": None}],
    }
    after = {
        "settings": {"name": "b", "tasks": [{"key": "x", "n": 2}]},
        "same": [1, {"a": None}],
        "new": None,
    }
    assert differing(before, after) == [
        ("settings.name", "a", "b"),
        ("settings.tasks[0].n", 1, 2),
        ("settings.tasks[1]", {"key": "y"}, ABSENT),
        ("gone", {"deep": 1}, ABSENT),
        ("new", ABSENT, None),
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (1, True),
        (0, False),
        (0, None),
        ("1", 1),
        ([], {}),
        ([], None),
        ({}, ""),
        (2**64, 2**64 + 1),
        (12345678901234567890123, 12345678901234567890124),
        (2**53, 2**53 + 1),
        (10**30, 1e30),
        ("é", "e\u0301"),
    ],
)
def test_values_that_differ(before: Any, after: Any) -> None:
    """True is no 1, an empty list no empty object, and no digit is rounded."""
    assert differing({"a": before}, {"a": after}) == [("a", before, after)]
    assert differing(before, after) != []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"a": 1, "b": [2]}', '{ "b":[2],\n"a":1 }'),
        ('{"a": 1.0}', '{"a": 1}'),
        ('{"a": 1e2}', '{"a": 100}'),
        ('{"a": 123456789012345678901234567890}', '{"a":123456789012345678901234567890}'),
        ('{"a": "\\u00e9"}', '{"a": "é"}'),
        ("{}", "null"),
    ],
)
def test_spelling_is_no_difference(before: str, after: str) -> None:
    """The order of keys, white space, how a number or a letter is written."""
    both = (parse_document(each.encode()) for each in (before, after))
    assert differing(*both) == []


@given(documents)
def test_a_record_does_not_differ_from_itself(document: Any) -> None:
    """Nor from itself with its keys in another order."""
    turned = json.loads(json.dumps(document), object_pairs_hook=lambda it: dict(it[::-1]))
    assert differing(document, turned) == []


def put(document: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """Return a document with another value at a path."""
    if not path:
        return value
    step, *rest = path
    if isinstance(document, dict):
        found = put(document.get(step), tuple(rest), value)
        document = {**document, step: found}
        return {key: each for key, each in document.items() if each is not ABSENT}
    assert isinstance(step, int)
    longer = [*document, None] if step == len(document) else list(document)
    longer[step] = put(longer[step], tuple(rest), value)
    return [each for each in longer if each is not ABSENT]


@given(documents, documents)
def test_the_differences_make_one_of_the_other(before: Any, after: Any) -> None:
    """None is missing, none is invented, and each has both values."""
    made = before
    found = what_differs(copy.deepcopy(before), copy.deepcopy(after), {})
    # From the end: what is gone from a list must not move what stands before it.
    added = [each for each in found if each.before is ABSENT]
    for each in (*reversed([one for one in found if one not in added]), *added):
        made = put(made, parse_path(each.field), each.after)
    assert differing(made, after) == []
    assert (found == []) is (not differing(after, before))


def test_nesting_beyond_what_python_calls() -> None:
    """A record of 1,000 levels is compared like any other."""
    deep = '{"a":' * 1_000 + "1" + "}" * 1_000
    before, after = (
        parse_document(deep.encode()),
        parse_document(deep.replace("1", "2").encode()),
    )
    (found,) = what_differs(before, after, {})
    assert (found.field, found.before, found.after) == (".".join("a" * 1_000), 1, 2)
    same = parse_document(deep.encode())
    assert what_differs(same, parse_document(deep.encode()), {}) == []


@pytest.mark.parametrize(
    ("ignored", "left"),
    [
        ("state", ["tasks[0].id", "tasks[0].state", "tasks[1].state", "x.y"]),
        ("tasks[*].state", ["state", "tasks[0].id", "x.y"]),
        ("tasks[0].state", ["state", "tasks[0].id", "tasks[1].state", "x.y"]),
        ("tasks[0]", ["state", "tasks[1].state", "x.y"]),
        ("tasks[*]", ["state", "x.y"]),
        ("tasks", ["state", "x.y"]),
        ("*.y", ["state", "tasks[0].id", "tasks[0].state", "tasks[1].state"]),
        ("*", []),
        ("x.y.z", ["state", "tasks[0].id", "tasks[0].state", "tasks[1].state", "x.y"]),
        (
            "nowhere[3].at.all",
            ["state", "tasks[0].id", "tasks[0].state", "tasks[1].state", "x.y"],
        ),
    ],
)
def test_what_is_ignored_is_left_out(ignored: str, left: list[str]) -> None:
    """With all that is in it; the other elements of a list keep their places."""
    before = {"state": 1, "tasks": [{"id": 1, "state": 1}, {"state": 1}], "x": {"y": 1}}
    after = {"state": 2, "tasks": [{"id": 2, "state": 2}, {"state": 2}], "x": {"y": 2}}
    assert [field for field, *_ in differing(before, after, ignored)] == left


def test_of_two_patterns_the_shorter_one_holds() -> None:
    """In whatever order they come."""
    for ignored in (("a.b", "a"), ("a", "a.b")):
        assert differing({"a": {"b": 1, "c": 1}}, {"a": {"b": 2, "c": 2}}, *ignored) == []


def test_elements_that_are_ignored_may_be_more_or_fewer() -> None:
    """An empty list is not a list that is not there."""
    assert differing({"a": [1, 2]}, {"a": [3]}, "a[*]") == []
    assert differing({"a": [1, 2]}, {}, "a[*]") == [("a", [], ABSENT)]
