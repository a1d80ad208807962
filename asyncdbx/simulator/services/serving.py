"""Model serving endpoints: permissions want the id, everything else the name."""

from collections.abc import Callable, Mapping
from typing import Any

from asyncdbx.simulator.call import Call, Json
from asyncdbx.simulator.router import route
from asyncdbx.simulator.words import email, hexadecimal, past
from asyncdbx.simulator.world import Row, Service, World, by, known, rows


class ServingEndpoints(Service):
    """The serving endpoints of one workspace, by name."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.records = by("name", (self._made(number) for number in range(world.count(20))))
        self._ids = {record["id"]: record["name"] for record in self.records.values()}

    def _made(self, number: int) -> Json:
        moment = past(self.random)
        entity = {
            "name": f"m-{number}",
            "entity_name": f"main.ml.m{number}",
            "entity_version": "1",
        }
        return {
            "id": hexadecimal(self.random, 32),
            "name": f"endpoint-{number}",
            "creator": email(number),
            "creation_timestamp": moment,
            "last_updated_timestamp": moment,
            "state": {"ready": "READY", "config_update": "NOT_UPDATING"},
            "config": {"served_entities": [entity]},
            "tags": [{"key": "kosten", "value": "€"}],
            "task": "llm/v1/chat",
        }

    def truth(self) -> Mapping[str, Callable[[], list[Row]]]:
        """Every endpoint."""
        return {"serving_endpoints": lambda: rows(self.records.values())}

    def securables(self) -> Mapping[str, Mapping[str, Any]]:
        """Every endpoint has permissions, by its id."""
        return {"serving-endpoints": self._ids}

    @route("GET", "/api/2.0/serving-endpoints")
    def list_all(self, call: Call) -> Json:
        """List all, in one answer."""
        return {"endpoints": [*self.records.values()]} if self.records else {}

    @route("GET", "/api/2.0/serving-endpoints/{name}")
    def get(self, call: Call) -> Json:
        """Return one by its name."""
        return known(self.records, call.args["name"], "Endpoint")

    @route("DELETE", "/api/2.0/serving-endpoints/{name}")
    def delete(self, call: Call) -> Json:
        """Delete; a second time it does not exist."""
        record = known(self.records, call.args["name"], "Endpoint")
        del self.records[record["name"]], self._ids[record["id"]]
        return {}
