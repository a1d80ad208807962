"""Fetch one unit: its listing page by page, or its object; what follows comes with it."""

import time
from collections.abc import AsyncIterator
from typing import Any, cast

import orjson

from asyncdbx.errors import BadAnswer, UsageError
from asyncdbx.fleet import FetchedPage, RawRecord, Workspace
from asyncdbx.inventory.sources import Resource
from asyncdbx.inventory.spool import Unit
from asyncdbx.inventory.units import Followers, Found, Step, read

__all__ = ["fetch_unit"]


async def fetch_unit(
    workspace: Workspace, resource: Resource, unit: Unit, followers: Followers
) -> AsyncIterator[FetchedPage[Found]]:
    """Yield what a unit brings, page by page.

    Args:
        workspace: Where.
        resource: The unit's resource.
        unit: May carry a cursor, to go on from.
        followers: Of the chosen resources.

    Raises:
        CallError: a page did not come; those before it stand.
    """

    def keep(records: list[RawRecord]) -> list[Found]:
        return [read(unit, resource, records, followers, time.time_ns() // 1_000_000)]

    step = Step.parse(unit.step)
    source = resource.sources[step.number]
    arguments = cast("dict[str, Any]", orjson.loads(unit.key))
    try:
        if step.fetch or source.object:
            fetch = source.fetch
            endpoint = fetch.endpoint if step.fetch and fetch else source.endpoint
            page = await workspace.fetch(endpoint, arguments)
            yield FetchedPage(keep(page.records), None, page.calls, page.throttles)
            return
        async for each in workspace.pages_of(source.endpoint, arguments, keep, unit.cursor):
            yield each
    except UsageError as error:
        # Nobody asked for it: a record led here whose id no call can carry ("..", "").
        raise BadAnswer(f"a record leads to a call that cannot be made: {error}") from error
