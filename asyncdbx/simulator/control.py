"""A port of its own through which another process looks behind the simulator's answers.

* ``GET /_simulator/fleet``: names, hosts, resources
* ``GET /_simulator/truth?workspace=prod&resource=clusters``: ``[{"parent", "record"}]``
* ``GET /_simulator/generated?workspace=prod``: what listings of its generated trees come
  to: ``{"roots", "entries", "directories", "bytes", "digest"}``, as ``Summary`` says
* ``GET /_simulator/stats[?workspace=prod]``: by workspace and limit group
* ``GET /_simulator/calls[?workspace=prod]``: by workspace, what became of the calls that
  were let through: ``{"accepted", "unheard", "repeated", "most"}``, as ``Calls`` says
* ``POST /_simulator/stop?workspace=dev``, ``/_simulator/dark?workspace=dev``, and
  ``/_simulator/start?workspace=dev``
* ``GET /_simulator/logins?workspace=dev``: how often somebody logged in there
* ``POST /_simulator/revoke?workspace=dev``: its OAuth tokens are no longer let in
* ``POST /_simulator/expire?workspace=dev``: page tokens given out so far are refused
* ``POST /_simulator/quota?workspace=dev``, body ``{"group", "calls", "seconds"}``: so many
  calls in so many seconds from now on
* ``POST /_simulator/faults?workspace=dev``, body ``[{"path_prefix", "kind", "times",
  "argument", "seconds"}]``: what goes wrong from now on, as ``Fault`` says
"""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import orjson
from aiohttp import web
from aiohttp.web_request import BaseRequest

from asyncdbx.simulator.faults import Fault
from asyncdbx.simulator.port import Port
from asyncdbx.simulator.quota import LaneStats, Quota
from asyncdbx.simulator.workspace import SimulatedWorkspace


class ControlPort:
    """Serves the control paths on a loopback port."""

    def __init__(self, workspaces: Sequence[SimulatedWorkspace]) -> None:
        self._workspaces = {workspace.name: workspace for workspace in workspaces}
        self._port = Port(self._serve)

    @property
    def url(self) -> str:
        """Where it listens."""
        return self._port.url

    async def start(self) -> None:
        """Listen on a free port."""
        await self._port.start()

    async def stop(self) -> None:
        """Stop listening."""
        await self._port.stop()

    async def _serve(self, request: BaseRequest) -> web.StreamResponse:
        try:
            answer = await self._answer(request)
        except KeyError as error:
            return web.Response(status=404, text=f"unknown: {error}")
        return web.Response(body=orjson.dumps(answer), content_type="application/json")

    async def _answer(self, request: BaseRequest) -> Any:
        action = request.path.removeprefix("/_simulator/")
        if action in _OF_EACH:
            return {each.name: _OF_EACH[action](each) for each in self._chosen(request)}
        workspace = self._workspaces[request.query.get("workspace", "")]
        if action == "truth":
            return [
                row._asdict() for row in workspace.rows(request.query.get("resource", ""))
            ]
        if action == "generated":
            return await _generated(workspace)
        if action == "logins":
            logins = workspace.logins
            return {"requests": logins.requests, "issued": len(logins.issued)}
        return await _switched(workspace, action, await request.read())

    def _chosen(self, request: BaseRequest) -> list[SimulatedWorkspace]:
        name = request.query.get("workspace")
        return [*self._workspaces.values()] if name is None else [self._workspaces[name]]


async def _generated(workspace: SimulatedWorkspace) -> Any:
    """Count in a thread: meanwhile the workspaces answer, if more slowly."""
    summary = await asyncio.to_thread(workspace.generated)
    roots = [tree.root for tree in workspace.world.trees]
    return {"roots": roots, **asdict(summary)}


async def _switched(workspace: SimulatedWorkspace, action: str, body: bytes) -> Any:
    if action == "stop":
        await workspace.stop()
    elif action == "start":
        await workspace.start()
    elif action == "dark":
        await workspace.go_dark()
    elif action == "revoke":
        workspace.logins.revoke()
    elif action == "expire":
        workspace.expire_page_tokens()
    elif action == "faults":
        workspace.faults[:] = [Fault(**fault) for fault in orjson.loads(body)]
    elif action == "quota":
        wanted = orjson.loads(body)
        quota = Quota(int(wanted["calls"]), int(wanted.get("seconds", 1)))
        workspace.server.desk.change(wanted["group"], quota)
    else:
        raise KeyError(action)
    return {}


def _facts(workspace: SimulatedWorkspace) -> Any:
    return {
        "host": workspace.host,
        "requests": workspace.requests,
        "resources": workspace.resources(),
    }


def _stats(workspace: SimulatedWorkspace) -> Any:
    return {group: lane_json(lane) for group, lane in workspace.stats().items()}


def _calls(workspace: SimulatedWorkspace) -> Any:
    return asdict(workspace.calls())


_OF_EACH = {"fleet": _facts, "stats": _stats, "calls": _calls}


def lane_json(lane: LaneStats) -> Any:
    """Return a lane's stats as JSON: the times as a count per second since the first."""
    counts = [0] * (int(lane.last - lane.first) + 1) if lane.accepted_at else []
    for moment in lane.accepted_at:
        counts[int(moment - lane.first)] += 1
    plain = {key: value for key, value in asdict(lane).items() if key != "accepted_at"}
    derived = {"refused": lane.refused, "utilisation": lane.utilisation()}
    return plain | derived | {"accepted_each_second": counts}
