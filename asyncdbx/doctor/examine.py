"""Examines workspaces side by side: connection, login, services."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from asyncdbx.config import Pat
from asyncdbx.doctor.finding import Answer, Finding
from asyncdbx.doctor.probe import Unreached, probe
from asyncdbx.errors import (
    CallError,
    Denied,
    Disabled,
    NotFound,
    Unauthenticated,
    WorkspaceDown,
)
from asyncdbx.fleet import Fleet, Workspace
from asyncdbx.inventory.resources import RESOURCES
from asyncdbx.inventory.sources import Source

__all__ = ["examine"]

PATIENCE = 3  # time-outs for login and services together


async def examine(
    fleet: Fleet, within: float, done: Callable[[Finding], None] = lambda _: None
) -> list[Finding]:
    """Return what is found out about each workspace of a fleet, in its order.

    Args:
        fleet: Entered.
        within: Seconds for a connection; a host that is dead costs no more, and none
            waits for another.
        done: Told each finding when it is made.
    """

    async def one(workspace: Workspace) -> Finding:
        finding = await _examined(workspace, within)
        done(finding)
        return finding

    return await asyncio.gather(*map(one, fleet))


async def _examined(workspace: Workspace, within: float) -> Finding:
    config = workspace.config
    kind = config.login.kind if config.login is not None else ""
    finding = Finding(workspace.name, config.host, kind or "sdk")
    if config.closed:
        finding.fail("closed", config.closed)
        return finding
    try:
        finding.reached = await probe(config.host, within)
        async with asyncio.timeout(PATIENCE * within):
            await _log_in(workspace, finding)
            await _ask_services(workspace, finding)
    except Unreached as error:
        finding.fail("unreachable", str(error))
    except (Unauthenticated, WorkspaceDown) as error:
        finding.fail("refused", error.message)
    except CallError as error:
        finding.fail("failed", str(error))
    except TimeoutError:
        finding.fail("failed", f"no answer within {PATIENCE * within:g} s")
    else:
        finding.conclude()
    return finding


async def _log_in(workspace: Workspace, finding: Finding) -> None:
    """Find out who we are, and how long that lasts."""
    if workspace.config.scope == "account":
        await workspace.log_in()  # an account says neither who we are nor when it ends
        finding.token_ends = workspace.login_ends_in()
        return
    me = await workspace.call("current_user.me")
    finding.who = str(me.get("displayName") or me.get("userName") or me.get("id"))
    finding.token_ends = workspace.login_ends_in()
    if isinstance(workspace.config.login, Pat):
        await _look_at_tokens(workspace, finding)


async def _look_at_tokens(workspace: Workspace, finding: Finding) -> None:
    """Note when a personal access token ends: nobody says which of ours it is."""
    try:
        tokens = [token async for token in workspace.list("tokens.list")]
    except CallError:
        return  # its end is a nicety
    now = 1000 * time.time()
    ends = [token.get("expiry_time", -1) for token in tokens]
    # Ours works, so it is none of those that have ended; -1 never ends.
    alive = [end for end in ends if isinstance(end, int) and (end < 0 or end > now)]
    if alive and min(alive) > 0:
        finding.token_ends = (min(alive) - now) / 1000
        finding.token_note = f"the first of {len(alive)}" if len(alive) > 1 else ""


async def _ask_services(workspace: Workspace, finding: Finding) -> None:
    """Ask for a little of everything that an inventory would ask for."""
    asked = list(_questions(workspace))
    answers = await asyncio.gather(
        *(_ask(workspace, source, finding) for _, source in asked)
    )
    services: dict[str, Answer] = {}
    for (name, _), answer in zip(asked, answers, strict=True):
        if services.get(name) != "ok":  # one of several sources is enough
            services[name] = answer
    finding.services = services


def _questions(workspace: Workspace) -> Iterator[tuple[str, Source]]:
    for resource in RESOURCES.values():
        if resource.scope == workspace.config.scope:
            for source in resource.sources:
                if not source.follow:
                    yield resource.name, source


async def _ask(workspace: Workspace, source: Source, finding: Finding) -> Answer:
    """Return how a listing's first page is answered; what is on it is not looked at."""
    ticket = workspace.ticket(source.endpoint, _little(workspace, source))
    ticket.decode = lambda _: None
    try:
        await workspace.run(ticket)
    except Denied:
        return "denied"
    except (Disabled, NotFound):
        return "off"
    except (Unauthenticated, WorkspaceDown):
        raise
    except CallError as error:
        finding.problems.append(str(error))
        return "failed"
    return "ok"


def _little(workspace: Workspace, source: Source) -> Mapping[str, Any]:
    """Return a listing's arguments with the smallest page there is."""
    endpoint = workspace.endpoint(source.endpoint)
    wire = endpoint.paging.size if endpoint.paging else ""
    sizes = {**endpoint.query_args, **endpoint.body_args}
    return source.arguments | {name: 1 for name, at in sizes.items() if wire and at == wire}
