"""Scanner and guess: the quick way finds what the sure way finds."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncdbx.json_stream import scanner
from asyncdbx.json_stream.guess import Guess
from asyncdbx.json_stream.parsing import has_wide_int
from asyncdbx.json_stream.scanner import Scanner

TEXT = st.text(max_size=5) | st.sampled_from(
    ['"', "\\", '\\"', "},{", "]", "[", ",", '":"']
)
JSON = st.recursive(
    st.none() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


def cut(text: bytes, sizes: list[int]) -> Iterator[bytes]:
    """Cut ``text`` into chunks of these sizes, over and over."""
    at = number = 0
    while at < len(text):
        size = sizes[number % len(sizes)]
        yield text[at : at + size]
        at, number = at + size, number + 1


@settings(max_examples=400, deadline=None)
@given(
    elements=st.lists(JSON, max_size=6),
    layout=st.sampled_from([{"separators": (",", ":")}, {"indent": 1}, {}]),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=5),
    ascii_only=st.booleans(),
)
def test_a_leap_ends_where_a_walk_ends(
    elements: list[Any], layout: dict[str, Any], sizes: list[int], *, ascii_only: bool
) -> None:
    """In every chunk: the last comma between elements, the state, the array's end."""
    text = json.dumps(elements, ensure_ascii=ascii_only, **layout).encode()[1:]
    walking, leaping = Scanner(), Scanner()
    commas: list[int] = []
    for chunk in cut(text, sizes):
        places = [*walking.walk(chunk)]
        leapt = leaping.leap(chunk)
        ended = bool(places) and chunk[places[-1]] in b"]}"
        commas += places[: -1 if ended else None]
        if ended:
            assert leapt is None
            break
        assert leapt == (places[-1] if places else -1)
        assert state(leaping) == state(walking)
    else:
        pytest.fail("the array has no end")
    assert len(commas) == max(0, len(elements) - 1)


def state(scanner: Scanner) -> tuple[int, bool, bool]:
    """Return what goes on from one chunk to the next."""
    return scanner.depth, scanner._in_string, scanner._escaped


def test_many_levels_are_counted_though_they_are_not_taken_away_one_by_one() -> None:
    """A leap over a thousand levels, in halves and as a whole."""
    text = b"[" * 1000 + b"1" + b"]" * 1000 + b",2"
    whole, halves = Scanner(), Scanner()
    assert whole.leap(text) == 2001
    assert halves.leap(text[:500]) == -1
    assert halves.depth == 500
    assert halves.leap(text[500:]) == 1501


def test_a_stretch_without_structure_is_scanned_once() -> None:
    """The pattern never fails: a failure would be tried again from the next byte."""
    for text in [b" " * 50_000, b'"x"', b"1" * 50_000 + b'"']:
        found = [m.span(1) for m in scanner._STRUCTURE.finditer(text)]
        assert found[0][1] == len(text)


def learnt(text: bytes, comma: int) -> Guess:
    """Return a guess that has learnt from this comma."""
    guess = Guess()
    guess.learn(text, comma)
    return guess


@pytest.mark.parametrize(
    ("text", "mark", "comma"),
    [
        (b'{"path":1},{"path":2}', b'},{"path":', 1),
        (b'{"a": 1} ,\n  {\n "a b" : 2}', b'} ,\n  {\n "a b" :', 2),
        (b'{"a":[{}]},{"b', b"", 0),
        (b"1,2", b"", 0),
        (b"{},1", b"", 0),
        (b'{},{"\\u0061":1}', b"", 0),
    ],
)
def test_a_guess_learns_the_bytes_between_two_objects(
    text: bytes, mark: bytes, comma: int
) -> None:
    """From the bracket to the next one's first key, if that has come and is plain."""
    place = text.index(b",", 7) if text.startswith(b'{"a":[') else text.index(b",")
    guess = learnt(text, place)
    assert (guess.mark, guess.comma) == (mark, comma)


def test_a_wrong_guess_makes_it_sharper() -> None:
    """One more byte in front tells a table from its columns; and no byte helps forever."""
    text = b'{"name":"t","columns":[{"name":1},{"name":2}],"id":"x"},{"name":"u"}'
    right, wrong = text.index(b'},{"name":"u"') + 1, text.index(b'},{"name":2') + 1
    guess = learnt(text, right)
    guess.sharpen(text, right, wrong)
    assert (guess.mark, guess.comma) == (b'"},{"name":', 2)
    guess.sharpen(text, right, right)
    assert (guess.mark, guess.comma) == (b'"},{"name":', 2)


def test_after_failures_a_guess_is_seldom_due() -> None:
    """1, 2, 4 … chances pass; a success shortens the pause again."""
    guess = learnt(b'{"a":1},{"a":2}', 7)
    due: list[int] = []
    for chance in range(200):
        if guess.is_due():
            due.append(chance)
            guess.note(right=False)
    assert [b - a for a, b in itertools.pairwise(due)][:7] == [
        2,
        3,
        5,
        9,
        17,
        33,
        33,
    ]
    while not guess.is_due():
        pass
    guess.note(right=True)
    assert guess.is_due()


LIMITS = [2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 10**300]
POWERS = [sign * 10**n for n in range(22) for sign in (1, -1)]


@pytest.mark.parametrize("number", [*LIMITS, *POWERS], ids=str)
@pytest.mark.parametrize("before", ["", "[", "[1,", '{"a":', '["x", ', "[\n", '["-'])
@pytest.mark.parametrize("shift", range(5))
def test_an_integer_beyond_64_bits_is_seen_wherever_it_stands(
    number: int, before: str, shift: int
) -> None:
    """In a string it does not matter; one that fits may be seen, too, if it is long."""
    text = f"{' ' * shift}{before}{number}".encode()
    wide = not -(2**63) <= number < 2**64
    if before.endswith('"-'):
        assert not has_wide_int(text)
    elif wide:
        assert has_wide_int(text)
    else:
        assert len(str(number)) > 19 or not has_wide_int(text)


def test_times_and_ids_and_hashes_are_no_integers_beyond_64_bits() -> None:
    """Many of them look so at first, and the look at single places gives up in the end."""
    record = b'{"a":1700000000000,"b":"12345678901234567890123","c":123456789012345678},'
    text = record * 999
    assert not has_wide_int(text)
    assert has_wide_int(text + b'{"a":18446744073709551616}')
