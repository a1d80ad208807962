"""Records leave while their page arrives: promptly, at the consumer's pace, each once."""

import asyncio
import json
from contextlib import aclosing
from typing import Any

import pytest
from scripted_server import Arrival, Script, answer, saying
from wire_client import Client, client, first_then, head

from asyncdbx import catalog
from asyncdbx.catalog.paging import Pager
from asyncdbx.errors import BadAnswer, Changed, Unreachable
from asyncdbx.fleet.pages import Part

pytestmark = pytest.mark.wire


def jobs(*ids: int) -> bytes:
    """Return records of a listing."""
    return b", ".join(b'{"job_id": %d, "settings": {"name": "x"}}' % each for each in ids)


def page(*ids: int, token: str = "") -> bytes:
    """Return a whole page."""
    rest = b', "next_page_token": "%s"' % token.encode() if token else b""
    return b'{"jobs": [' + jobs(*ids) + b"]" + rest + b"}"


def cut(*ids: int) -> bytes:
    """Return an answer that breaks off behind the beginning of one more record."""
    return head("Content-Length: 999999") + b'{"jobs": [' + jobs(*ids) + b', {"job_id": '


def ids(records: list[Any], *, raw: bool = True) -> list[int]:
    """Return which jobs they are; raw bytes must mean the same as the value."""
    if raw:
        assert all(json.loads(text) == value for text, value in records)
        records = [value for _, value in records]
    return [record["job_id"] for record in records]


async def all_of(c: Client, *, raw: bool = True) -> tuple[list[int], list[Part[Any]]]:
    """Return the ids of a whole listing, and the parts that end its pages."""
    found: list[int] = []
    ends: list[Part[Any]] = []
    async with aclosing(c.parts(raw=raw)) as parts:
        async for part in parts:
            found += ids(part.records, raw=raw)
            ends += [part] if part.ends_page else []
    return found, ends


async def test_records_are_there_while_the_page_still_arrives() -> None:
    """The server goes on only when the first record has been seen."""
    seen = asyncio.Event()

    async def script(arrival: Arrival) -> None:
        await arrival.say(head("Connection: close"), b'{"jobs": [', jobs(1), b', {"job_id"')
        await seen.wait()
        await arrival.say(b": 2}]}")

    async with client(script) as c, aclosing(c.parts()) as parts:
        first = await anext(parts)
        seen.set()
        rest = [part async for part in parts]

    assert ids(first.records) == [1]
    assert not first.ends_page
    assert [ids(part.records) for part in rest] == [[2], []]
    assert rest[-1].ends_page


@pytest.mark.parametrize("raw", [True, False])
async def test_pages_follow_each_other(*, raw: bool) -> None:
    """Each ends with a part that says where the listing goes on."""
    script = first_then(answer(page(1, 2, token="t")), then=answer(page(3)), keep=True)
    async with client(script) as c:
        found, ends = await all_of(c, raw=raw)

    assert found == [1, 2, 3]
    assert [bool(end.cursor) for end in ends] == [True, False]
    assert [end.calls for end in ends] == [1, 1]


@pytest.mark.parametrize("raw", [True, False])
async def test_a_page_that_breaks_off_goes_on_behind_what_has_left(*, raw: bool) -> None:
    """Nothing twice, nothing lost, though the second attempt was even shorter."""
    many = range(1, 500)
    script = first_then(
        cut(*many[:300]), cut(*many[:100]), cut(*many[:400]), then=answer(page(*many))
    )
    async with client(script) as c:
        found, ends = await all_of(c, raw=raw)

    assert found == [*many]
    assert [end.calls for end in ends] == [4]


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize(
    ("then", "words"),
    [
        (
            page(9, 1, 2, 3, 4),
            "broke off behind 3 records, and when it was asked for again",
        ),
        (
            page(1, 2),
            "broke off behind 3 records, and when it was asked for again it had 2",
        ),
        (page(), "it had 0"),
    ],
)
async def test_a_page_that_is_another_one_when_asked_again_is_an_error(
    then: bytes, words: str, *, raw: bool
) -> None:
    """What has left cannot be taken back, so nobody can say what is whole."""
    script = first_then(cut(1, 2, 3), then=answer(then))
    found: list[int] = []
    async with client(script) as c:
        with pytest.raises(Changed, match=f"^jobs.list on w: .*{words}") as caught:
            async for part in c.parts(raw=raw):
                found += ids(part.records, raw=raw)

    assert found == [1, 2, 3]
    assert caught.value.calls == 2


async def test_a_page_that_never_becomes_whole_is_an_error_behind_its_records() -> None:
    """The records that came are given once, and then the error."""
    found: list[int] = []
    async with client(saying(cut(1, 2))) as c:
        with pytest.raises(Unreachable):
            async for part in c.parts():
                found += ids(part.records)

        assert len(c.server.arrivals) == 6
    assert found == [1, 2]


async def test_an_error_inside_a_200_comes_behind_its_records() -> None:
    """Even if it stands behind the list."""
    body = b'{"jobs": [' + jobs(1) + b'], "error_code": "X", "message": "no"}'
    found: list[int] = []
    async with client(saying(answer(body))) as c:
        with pytest.raises(BadAnswer, match="an error inside a 200: X: no"):
            async for part in c.parts():
                found += ids(part.records)

    assert found == [1]


def flood(sent: list[int], records: int = 200_000) -> Script:
    """Return a script that sends 20 MB, and notes how much has left."""

    async def script(arrival: Arrival) -> None:
        await arrival.say(head("Connection: close"), b'{"jobs": [' + jobs(0))
        for start in range(1, records, 100):
            piece = b"".join(
                b', {"job_id": %d, "x": "%s"}' % (n, b"x" * 80)
                for n in range(start, start + 100)
            )
            await arrival.say(piece)
            sent[0] += len(piece)
        await arrival.say(b"]}")

    return script


async def test_a_slow_consumer_slows_the_server() -> None:
    """While nobody takes records, the socket fills up; then all of them come."""
    sent = [0]
    async with client(flood(sent)) as c, aclosing(c.parts(raw=False)) as parts:
        first = await anext(parts)
        while True:  # until the server has nothing more that it could send
            before = sent[0]
            await asyncio.sleep(0.2)
            if sent[0] == before:
                break
        held = sent[0]
        count = len(first.records)
        async for part in parts:
            count += len(part.records)

    assert held < 15_000_000 < sent[0]
    assert count == 1 + 200_000 - 200_000 % 100


async def test_a_slow_consumer_may_ask_for_more_on_the_same_lane() -> None:
    """Its listing waits for it, in the lane's only place, on the only connection."""

    async def script(arrival: Arrival) -> bool:
        if arrival.target == "/api":
            await flood([0], 20_000)(arrival)
            return False
        await arrival.say(answer(b'{"a": 1}'))
        return True

    answers: list[Any] = []
    async with client(script, connections=1, in_flight=1) as c:
        async with asyncio.timeout(20), aclosing(c.parts(raw=False)) as parts:
            async for part in parts:
                if len(answers) < 20 and part.records:
                    answers.append(await c.call("/one"))
        assert c.queue.lane.in_flight == 0
        assert await c.call("/one") == {"a": 1}

    assert answers == [{"a": 1}] * 20


async def test_leaving_early_ends_the_request() -> None:
    """The connection is closed; the server need not send the rest."""
    sent = [0]
    async with client(flood(sent)) as c:
        async with aclosing(c.parts()) as parts:
            await anext(parts)
        await c.server.until(lambda: c.server.open == 0)
        assert c.queue.lane.in_flight == 0

    assert sent[0] < 15_000_000


async def test_a_bug_in_keep_ends_the_listing() -> None:
    """It is raised where the records are taken."""

    def keep(_: list[Any]) -> list[Any]:
        msg = "a bug"
        raise ZeroDivisionError(msg)

    async with client(saying(answer(page(1)))) as c:
        with pytest.raises(ZeroDivisionError):
            [part async for part in c.parts(keep)]


async def test_a_record_that_stands_under_the_other_name_is_given() -> None:
    """As values too."""
    async with client(saying(answer(b'{"acls": [{"principal": "a"}]}'))) as c:
        c.pager = Pager.start(catalog.endpoint("secrets.list_acls"), {"scope": "s"})
        parts = [part async for part in c.parts(raw=False)]

    assert [part.records for part in parts] == [[{"principal": "a"}], []]
