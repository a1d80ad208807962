"""Records that are kept nowhere: order, patience, what vanished, what is missing."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import pytest

from asyncdbx.errors import ApiError, BadAnswer, Denied, Disabled, NotFound
from asyncdbx.fleet import Part, Workspace
from asyncdbx.fleet.pages import BadRecord, Keep
from asyncdbx.inventory import stream as streams
from asyncdbx.inventory.resources import RESOURCES
from asyncdbx.inventory.stream import Found, Missing, stream

T = TypeVar("T")


@dataclass
class Config:
    scope: str = "workspace"


@dataclass
class Script:
    """A workspace that answers from a script, a second after it is asked.

    Attributes:
        answers: By endpoint and first argument: pages of records, or an error.
        asked: What was asked for.
    """

    answers: Mapping[tuple[str, Any], Any]
    name: str = "prod"
    config: Config = field(default_factory=Config)
    asked: list[tuple[str, Any]] = field(default_factory=list)

    async def parts(
        self,
        endpoint: str,
        arguments: Mapping[str, Any],
        keep: Keep[T],
        cursor: str | None = None,
        *,
        bad_record: BadRecord | None = None,
    ) -> AsyncGenerator[Part[T]]:
        key = (endpoint, next(iter(arguments.values()), None))
        self.asked.append(key)
        answer = self.answers[key]
        if isinstance(answer, Exception):
            await asyncio.sleep(1)
            raise answer
        for number, page in enumerate(answer, 1):
            await asyncio.sleep(1)
            if isinstance(page, BadAnswer) and bad_record is not None:
                bad_record(page)
                continue
            if isinstance(page, Exception):
                raise page
            cursor = "more" if number < len(answer) else None
            records = [(json.dumps(record).encode(), record) for record in page]
            if records:
                yield Part(keep(records))
            yield Part([], True, cursor, 1, 0)


def _workspace(**answers: Any) -> Script:
    """Return a script with ``dbfs.list`` of paths and ``secrets`` of scopes."""
    pages: dict[tuple[str, Any], Any] = {}
    for name, answer in answers.items():
        kind, _, argument = name.partition("_")
        match kind:
            case "scopes":
                pages["secrets.list_scopes", None] = answer
            case "scope":
                pages["secrets.list_secrets", argument] = answer
            case "dir":
                pages["dbfs.list", f"/{argument}"] = answer
            case _:
                pages["clusters.list", None] = answer
    return Script(pages)


async def _streamed(
    script: Script, *names: str, limit: int | None = None
) -> tuple[list[str], list[Missing], int]:
    """Return ids, what is missing, and how much succeeded."""
    ids: list[str] = []
    missing: list[Missing] = []
    resources = [RESOURCES[name] for name in names]
    async with stream([cast("Workspace", script)], resources, limit=limit) as records:
        async for item in records:
            if isinstance(item, Found):
                ids += [row.id for row in item.rows]
            else:
                missing.append(item)
    return ids, missing, records.succeeded


def _error(kind: type[ApiError]) -> ApiError:
    return kind("no", status=400)


async def test_a_service_that_is_switched_off_half_way_is_missing() -> None:
    """One page came, so the service was there; what should have followed is named."""
    pages = [[{"cluster_id": "1"}], _error(Disabled)]
    ids, missing, _ = await _streamed(_workspace(clusters=pages), "clusters")

    assert ids == ["1"]
    assert [type(each.error) for each in missing] == [Disabled]


@pytest.mark.parametrize("skip", [True, False])
async def test_a_bad_record_is_missing_or_the_end(*, skip: bool) -> None:
    """If it is left out, what comes behind it is given."""
    pages = [[{"cluster_id": "1"}], BadAnswer("no JSON"), [{"cluster_id": "2"}]]
    script = cast("Workspace", _workspace(clusters=pages))
    clusters = [RESOURCES["clusters"]]
    async with stream([script], clusters, skip_bad_records=skip) as records:
        items = [item async for item in records]

    shown = [item.rows[0].id if isinstance(item, Found) else item.error for item in items]
    assert shown == ["1", pages[1], *(["2"] if skip else [])]
    assert records.succeeded == int(skip)


async def test_what_follows_is_asked_at_once() -> None:
    """Two scopes are read side by side: a second for them, a second for their list."""
    script = _workspace(
        scopes=[[{"name": "a"}, {"name": "b"}]],
        scope_a=[[{"key": "x"}]],
        scope_b=[[{"key": "y"}]],
    )

    assert await _streamed(script, "secrets") == (["b/y", "a/x"], [], 3)
    assert asyncio.get_running_loop().time() == 2


async def test_a_resource_that_others_follow_is_asked_for_once() -> None:
    """Also if it is wanted itself."""
    script = _workspace(scopes=[[{"name": "a"}]], scope_a=[[{"key": "x"}]])

    assert await _streamed(script, "secret_scopes", "secrets") == (["a", "a/x"], [], 2)
    assert len(script.asked) == 2


async def test_what_vanished_is_not_missing() -> None:
    """A directory was there, and is deleted before its turn comes."""
    script = _workspace(
        dir_=[[{"path": "/a", "is_dir": True}, {"path": "/b", "is_dir": False}]],
        dir_a=_error(NotFound),
    )

    assert await _streamed(script, "dbfs") == (["/a", "/b"], [], 1)


async def test_what_never_was_there_is_missing() -> None:
    """The root of a tree was not listed by anybody."""
    error = _error(NotFound)
    _, missing, succeeded = await _streamed(_workspace(dir_=error), "dbfs")

    assert missing == [Missing("prod", "dbfs", {}, error)]
    assert succeeded == 0


async def test_a_part_that_failed_is_named() -> None:
    """With the arguments of its call; the rest comes."""
    error = _error(Denied)
    script = _workspace(
        scopes=[[{"name": "a"}, {"name": "b"}]],
        scope_a=error,
        scope_b=[[{"key": "y"}]],
    )

    assert await _streamed(script, "secrets") == (
        ["b/y"],
        [Missing("prod", "secrets", {"scope": "a"}, error)],
        2,
    )


async def test_a_service_that_is_disabled_is_named_at_the_end() -> None:
    """When it is certain that no other has the resource."""
    error = _error(Disabled)
    _, missing, _ = await _streamed(_workspace(clusters=error), "clusters")

    assert missing == [Missing("prod", "clusters", {}, error)]


async def test_a_record_without_what_follows_needs_is_missing() -> None:
    """The error says which."""
    _, missing, _ = await _streamed(_workspace(scopes=[[{"nome": "a"}]]), "secrets")

    assert [str(each.error) for each in missing] == [
        "a record of secrets.list_scopes lacks 'name'"
    ]


async def test_enough_is_enough() -> None:
    """After the first records no more pages are asked for."""
    pages = [[{"cluster_id": "1"}, {"cluster_id": "2"}], [{"cluster_id": "3"}]]
    ids, _, _ = await _streamed(_workspace(clusters=pages), "clusters", limit=1)

    assert ids == ["1"]
    assert asyncio.get_running_loop().time() == 1


async def test_enough_of_one_goes_on_for_those_that_follow() -> None:
    """Scopes beyond the limit still have secrets."""
    script = _workspace(
        scopes=[[{"name": "a"}], [{"name": "b"}]], scope_a=[[]], scope_b=[[{"key": "y"}]]
    )
    ids, _, _ = await _streamed(script, "secret_scopes", "secrets", limit=1)

    assert ids == ["a", "b/y"]


async def test_a_slow_consumer_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more pages are fetched than may wait."""
    monkeypatch.setattr(streams, "AHEAD", 2)
    pages = [[{"cluster_id": str(number)}] for number in range(9)]
    script = cast("Workspace", _workspace(clusters=pages))
    async with stream([script], [RESOURCES["clusters"]]) as records:
        await asyncio.sleep(100)
        first = await anext(records)
        await asyncio.sleep(0)
        rest = [item async for item in records]

    assert isinstance(first, Found)
    assert len(rest) == 8
    # 3 pages in the first 100 s (two wait, one is in hand), 6 more once they are taken.
    assert asyncio.get_running_loop().time() == 106


async def test_leaving_ends_what_is_on_its_way() -> None:
    """Nobody lists on for a consumer that is gone."""
    script = _workspace(clusters=[[{"cluster_id": "1"}], [{"cluster_id": "2"}]])
    async with stream([cast("Workspace", script)], [RESOURCES["clusters"]]) as records:
        await anext(records)

    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_bug_is_raised_where_records_are_taken() -> None:
    """It is no failure of a call."""
    script = _workspace(clusters=ZeroDivisionError())
    with pytest.raises(ExceptionGroup) as caught:
        await _streamed(script, "clusters")

    assert caught.group_contains(ZeroDivisionError)


async def test_the_end_stays_the_end() -> None:
    """As of any iterator."""
    script = cast("Workspace", _workspace(clusters=[]))
    async with stream([script], [RESOURCES["clusters"]]) as records:
        assert [item async for item in records] == []
        assert [item async for item in records] == []
