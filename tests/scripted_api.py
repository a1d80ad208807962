"""A workspace that answers what a test says, for what no simulated one would do."""

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from inventoried import IMPATIENT
from scripted_server import Arrival, answer, serve

from asyncdbx.catalog.limits import Limits
from asyncdbx.config import Pat, WorkspaceConfig
from asyncdbx.config.secret import Secret
from asyncdbx.fleet import Fleet

Reply = tuple[int, Any]
Replies = Callable[[str, dict[str, str]], Reply]
"""Of a path and its arguments, the status and the document; of bytes, as they are."""


def refused(status: int, code: str) -> Reply:
    """Return an error of the API."""
    return status, {"error_code": code, "message": "no"}


@asynccontextmanager
async def scripted_api(replies: Replies) -> AsyncGenerator[Callable[[Limits], Fleet]]:
    """Serve, and give what makes a fleet of the one workspace ``prod``."""

    async def script(arrival: Arrival) -> bool:
        url = urlsplit(arrival.target)
        arguments = dict(parse_qsl(url.query, keep_blank_values=True))
        status, document = replies(url.path, arguments)
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        kind = "Content-Type: application/json"
        await arrival.say(answer(body, f"{status} Word", kind))
        return True

    async with serve(script) as server:
        host = f"http://127.0.0.1:{server.port}"
        config = WorkspaceConfig("prod", host, None, login=Pat(Secret("dapi-x")))
        yield lambda limits: Fleet([config], limits=limits, retry=IMPATIENT)
