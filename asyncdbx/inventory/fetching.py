"""Fetch one unit: its listing as it arrives, or its object; what follows comes with it."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast

import orjson

from asyncdbx.errors import BadAnswer, UsageError
from asyncdbx.fleet import Part, RawRecord, Workspace
from asyncdbx.fleet.pages import BadRecord
from asyncdbx.inventory.sources import Resource
from asyncdbx.inventory.spool import Unit
from asyncdbx.inventory.units import Followers, Found, Step, reader

__all__ = ["fetch_unit"]


async def fetch_unit(
    workspace: Workspace,
    resource: Resource,
    unit: Unit,
    followers: Followers,
    *,
    bad_record: BadRecord | None = None,
) -> AsyncGenerator[Part[Found]]:
    """Yield what a unit brings, as it arrives.

    Args:
        workspace: Where.
        resource: The unit's resource.
        unit: May carry a cursor, to go on from.
        followers: Of the chosen resources.
        bad_record: Told of a record that is not JSON, which is then left out.

    Raises:
        CallError: a page did not come, or not whole; those before it stand.
    """
    read = reader(unit, resource, followers)

    def keep(records: list[RawRecord]) -> list[Found]:
        return [read(records, time.time_ns() // 1_000_000)]

    step = Step.parse(unit.step)
    source = resource.sources[step.number]
    arguments = cast("dict[str, Any]", orjson.loads(unit.key))
    try:
        if step.fetch or source.object:
            fetch = source.fetch
            endpoint = fetch.endpoint if step.fetch and fetch else source.endpoint
            async for page in workspace.fetch(endpoint, arguments, unit.cursor):
                found = keep(page.records) if page.records else []
                yield Part(found, True, page.cursor, page.calls, page.throttles)
            return
        parts = workspace.parts(
            source.endpoint, arguments, keep, unit.cursor, bad_record=bad_record
        )
        async with aclosing(parts):
            async for part in parts:
                yield part
    except UsageError as error:
        # Nobody asked for it: a record led here whose id no call can carry ("..", "").
        raise BadAnswer(f"a record leads to a call that cannot be made: {error}") from error
