"""A workspace that is called without sockets, on a clock set by hand."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from asyncdbx.simulator import SimulatedWorkspace
from asyncdbx.simulator.call import Call, Reply
from asyncdbx.simulator.desk import parse_query


@dataclass
class Direct:
    """Calls a workspace without sockets; simulated time moves when a test says so."""

    workspace: SimulatedWorkspace
    seconds: float = 1_795_392_000.0
    last: Reply = field(default_factory=Reply)

    def __post_init__(self) -> None:
        self.workspace.world.now = lambda: self.seconds

    def send(self, method: str, path: str, query: str = "", body: Any = None) -> Reply:
        """Send one call and return the whole answer."""
        raw = b"" if body is None else orjson.dumps(body)
        call = Call(method, quote(path), {}, parse_query(query), raw, self.seconds)
        desk = self.workspace.server.desk
        headers = {"Authorization": f"Bearer {self.workspace.token}"}
        admitted = desk.admit(call, headers, 0.0)
        if not isinstance(admitted, Reply):
            admitted.lane.leave()
            admitted = desk.answer(admitted)
        self.last = admitted
        return admitted

    def get(self, path: str, /, **query: Any) -> Any:
        """Return the JSON of a GET."""
        return self._json(self.send("GET", path, urlencode(query)))

    def every(self, path: str, key: str, /, **query: Any) -> list[Any]:
        """Return the items of all pages of a GET."""
        page = self.get(path, **query)
        items: list[Any] = page.get(key, [])
        while page.get("next_page_token"):
            page = self.get(path, **query, page_token=page["next_page_token"])
            items += page.get(key, [])
        return items

    def post(self, path: str, /, **body: Any) -> Any:
        """Return the JSON of a POST."""
        return self._json(self.send("POST", path, body=body))

    def other(self, method: str, path: str, /, **body: Any) -> Any:
        """Return the JSON of a PUT, PATCH or DELETE."""
        return self._json(self.send(method, path, body=body))

    def _json(self, reply: Reply) -> Any:
        return orjson.loads(reply.body) if reply.body else None

    @property
    def status(self) -> int:
        """Status of the last answer."""
        return self.last.status
