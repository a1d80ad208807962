"""SQL warehouses."""

from collections.abc import Callable, Mapping
from typing import Any

from asyncdbx.simulator import machines
from asyncdbx.simulator.call import Call, Json
from asyncdbx.simulator.machines import Life
from asyncdbx.simulator.paging import Pages
from asyncdbx.simulator.router import route
from asyncdbx.simulator.words import email, hexadecimal, pick, topic
from asyncdbx.simulator.world import Row, Service, World, by, known, rows

_PAGES = Pages(
    "warehouses", default=1000, maximum=1000, moody=False
)  # one page in practice
_ALL = "/api/2.0/sql/warehouses"
_ONE = "/api/2.0/sql/warehouses/{id}"


class Warehouses(Service):
    """The SQL warehouses of one workspace."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.records = by("id", (self._made(number) for number in range(world.count(12))))
        self._lives: dict[str, Life] = {}

    def _made(self, number: int) -> Json:
        id_ = hexadecimal(self.random)
        state = pick(self.random, ("RUNNING", "STOPPED"), 1, 2)
        return {
            "id": id_,
            "name": topic(self.random, number),
            "cluster_size": self.random.choice(("2X-Small", "Small", "Large")),
            "min_num_clusters": 1,
            "max_num_clusters": number % 5 + 1,
            "auto_stop_mins": 10,
            "creator_name": email(number),
            "creator_id": 10**15 + number,
            "spot_instance_policy": "COST_OPTIMIZED",
            "enable_photon": True,
            "enable_serverless_compute": number % 2 == 0,
            "warehouse_type": "PRO",
            "num_clusters": int(state == "RUNNING"),
            "state": state,
            "jdbc_url": f"jdbc:spark://127.0.0.1:443/default;httpPath=/sql/1.0/warehouses/{id_}",
            "tags": {"custom_tags": [{"key": "team", "value": "ü"}]},
            "health": {"status": "HEALTHY"},
        }

    def truth(self) -> Mapping[str, Callable[[], list[Row]]]:
        """Every warehouse."""
        return {"warehouses": lambda: rows(self._current(self.world.now()))}

    def securables(self) -> Mapping[str, Mapping[str, Any]]:
        """Every warehouse has permissions."""
        return {"warehouses": self.records}

    @route("GET", _ALL)
    def list_all(self, call: Call) -> Json:
        """List all."""
        return _PAGES.cut(call, self._current(call.now))

    @route("GET", _ONE)
    def get(self, call: Call) -> Json:
        """Return one."""
        return self._known(call)

    @route("GET", "/api/2.0/sql/config/warehouses")
    def configuration(self, call: Call) -> Json:
        """Return what holds for all warehouses of the workspace."""
        return {"security_policy": "DATA_ACCESS_CONTROL", "enabled_warehouse_types": []}

    @route("POST", _ALL)
    def create(self, call: Call) -> Json:
        """Create, and start."""
        made = {**self._made(0), **call.json()}
        self.records[made["id"]] = made
        self._lives[made["id"]] = machines.warehouse_started(
            machines.settled("NEW"), call.now
        )
        self._show(made, call.now)
        return {"id": made["id"]}

    @route("POST", _ONE + "/start")
    def start(self, call: Call) -> Json:
        """Start; nothing happens if it runs."""
        return self._step(call, machines.warehouse_started)

    @route("POST", _ONE + "/stop")
    def stop(self, call: Call) -> Json:
        """Stop; nothing happens if it is off."""
        return self._step(call, machines.warehouse_stopped)

    @route("POST", _ONE + "/edit")
    def edit(self, call: Call) -> Json:
        """Change the given fields."""
        record = self._known(call)
        record.update({key: value for key, value in call.json().items() if key != "id"})
        return {}

    @route("DELETE", _ONE)
    def delete(self, call: Call) -> Json:
        """Delete; a second time it does not exist."""
        id_ = self._known(call)["id"]
        del self.records[id_]
        self._lives.pop(id_, None)
        return {}

    def _step(self, call: Call, step: Callable[[Life, float], Life]) -> Json:
        record = self._known(call)
        life = self._lives.get(record["id"], machines.settled(record["state"]))
        self._lives[record["id"]] = step(life, call.now)
        self._show(record, call.now)
        return {}

    def _known(self, call: Call) -> Json:
        record = known(self.records, call.args["id"], "SQL warehouse")
        self._show(record, call.now)
        return record

    def _current(self, now: float) -> list[Json]:
        for id_ in [*self._lives]:
            self._show(self.records[id_], now)
        return [*self.records.values()]

    def _show(self, record: Json, now: float) -> None:
        life = self._lives.get(record["id"])
        if life is not None:
            record["state"] = life.state(now)
            record["num_clusters"] = int(record["state"] == "RUNNING")
            if life.settled(now):
                del self._lives[record["id"]]
