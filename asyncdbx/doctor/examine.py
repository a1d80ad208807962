"""Examines workspaces side by side: connection, login, services."""

import asyncio
import ssl
import time
from collections.abc import Iterator, Mapping
from typing import Any, cast

from asyncdbx.config import Pat, Sdk
from asyncdbx.doctor.finding import Answer, Finding, State
from asyncdbx.doctor.probe import Unreached, probe
from asyncdbx.errors import (
    ApiError,
    BadAnswer,
    CallError,
    Denied,
    Disabled,
    LoginFailed,
    NotFound,
    Unauthenticated,
    Unreachable,
    WorkspaceDown,
)
from asyncdbx.fleet import Fleet, Workspace
from asyncdbx.inventory.resources import RESOURCES
from asyncdbx.inventory.sources import Source

__all__ = ["examine"]

PATIENCE = 3  # time-outs for a login by the SDK, which may wait for a person
# Of several sources of a resource; what is off in one place may stand in another.
WORST_FIRST: tuple[Answer, ...] = ("failed", "denied", "ok", "off")


async def examine(fleet: Fleet, within: float) -> list[Finding]:
    """Return what is found out about each workspace of a fleet, in its order.

    Args:
        fleet: Entered.
        within: Seconds for a connection; a host that is dead costs no more, and none
            waits for another. How long calls may take is the fleet's business: of many
            workspaces, they wait for one another, and no host is to blame for that.
    """
    tls = ssl.create_default_context()
    return await asyncio.gather(*(_examined(each, within, tls) for each in fleet))


async def _examined(workspace: Workspace, within: float, tls: ssl.SSLContext) -> Finding:
    config = workspace.config
    kind = config.login.kind if config.login is not None else ""
    finding = Finding(workspace.name, config.host, kind or "sdk")
    if config.closed:
        finding.fail("closed", config.closed)
        return finding
    try:
        finding.reached = await probe(config.host, within, tls)
        await _log_in(workspace, finding, PATIENCE * within)
        await _ask_services(workspace, finding)
    except Unreached as error:
        finding.fail("unreachable", str(error))
    except CallError as error:
        finding.fail(_state(error), str(error))
    except TimeoutError:
        finding.fail("failed", f"the login took more than {PATIENCE * within:g} s")
    else:
        finding.conclude()
    return finding


def _state(error: CallError) -> State:
    """Return what a workspace is that does not even say who we are."""
    match error:
        case Unauthenticated() | Denied() | LoginFailed() | ApiError(status=400):
            return "refused"
        case Unreachable() if not isinstance(error, WorkspaceDown):
            return "unreachable"
        case _:
            return "failed"


async def _log_in(workspace: Workspace, finding: Finding, within: float) -> None:
    """Find out who we are, and how long that lasts."""
    by_sdk = isinstance(workspace.config.login, Sdk)
    async with asyncio.timeout(within if by_sdk else None):
        await workspace.log_in()
    finding.token_ends = workspace.login_ends_in()
    if workspace.config.scope == "account":
        return  # it does not say who we are
    me = await workspace.call("current_user.me")
    if not isinstance(me, dict):
        raise BadAnswer("who we are is no JSON object; is that a Databricks host?")
    said = cast("dict[str, Any]", me)
    names = (said.get(key) for key in ("displayName", "userName", "id"))
    finding.who = str(next(filter(None, names), ""))
    if isinstance(workspace.config.login, Pat):
        await _look_at_tokens(workspace, finding)


async def _look_at_tokens(workspace: Workspace, finding: Finding) -> None:
    """Note when a personal access token ends: nobody says which of ours it is."""
    try:
        ends = [_end_of(token) async for token in workspace.list("tokens.list")]
    except CallError:
        return  # its end is a nicety
    now = 1000 * time.time()
    # Ours works, so it is none of those that have ended.
    alive = [end for end in ends if not 0 < end <= now]
    if alive and 0 not in alive:
        finding.token_ends = (min(alive) - now) / 1000
        finding.token_note = f"the first of {len(alive)}" if len(alive) > 1 else ""


def _end_of(token: Any) -> int:
    """Return when a token ends, in milliseconds since 1970; 0 if never, or nobody knows."""
    known = cast("dict[str, Any]", token) if isinstance(token, dict) else {}
    end = known.get("expiry_time")
    return end if isinstance(end, int) and end > 0 else 0


async def _ask_services(workspace: Workspace, finding: Finding) -> None:
    """Ask for a little of everything that an inventory would ask for."""
    asked = list(_questions(workspace))
    answers = await asyncio.gather(
        *(_ask(workspace, source, finding) for _, source in asked)
    )
    services: dict[str, Answer] = {}
    for (name, _), answer in zip(asked, answers, strict=True):
        both = (services.get(name, answer), answer)
        services[name] = min(both, key=WORST_FIRST.index)
    finding.services = services


def _questions(workspace: Workspace) -> Iterator[tuple[str, Source]]:
    for resource in RESOURCES.values():
        if resource.scope == workspace.config.scope:
            for source in resource.sources:
                if not source.follow:
                    yield resource.name, source


async def _ask(workspace: Workspace, source: Source, finding: Finding) -> Answer:
    """Return how a listing's first page is answered."""
    ticket = workspace.ticket(source.endpoint, _little(workspace, source))
    try:
        await workspace.run(ticket)
    except Denied:
        return "denied"
    except (Disabled, NotFound):
        return "off"
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
