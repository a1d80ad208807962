"""Pipelines: the list lacks the specification, get has it; updates live and end."""

from collections.abc import Callable, Mapping
from typing import Any

from asyncdbx.simulator import machines
from asyncdbx.simulator.call import Call, Json, Refusal, invalid
from asyncdbx.simulator.machines import Life
from asyncdbx.simulator.paging import Pages
from asyncdbx.simulator.router import route
from asyncdbx.simulator.words import email, past, pick, topic, uuid
from asyncdbx.simulator.world import Row, Service, World, by, known, rows

_PAGES = Pages("statuses", "max_results", 25, 100, over="error", zero="error")
_UPDATES = Pages("updates", "max_results", 25, 100)
_EVENTS = Pages("events", "max_results", 25, 250)
_LISTED = (
    "pipeline_id",
    "state",
    "name",
    "creator_user_name",
    "run_as_user_name",
    "health",
)
_SPECIFICATION = "/api/2.0/pipelines/{pipeline_id}"


class Pipelines(Service):
    """The pipelines of one workspace."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        seeded = (self._pipeline(number) for number in range(world.count(80)))
        self.records = by("pipeline_id", seeded)
        self._lives: dict[str, Life] = {}

    def _pipeline(self, number: int) -> Json:
        pipeline_id, name = uuid(self.random), topic(self.random, number)
        spec: Json = {
            "id": pipeline_id,
            "name": name,
            "catalog": "main",
            "continuous": number % 4 == 0,
            "libraries": [{"notebook": {"path": f"/Pipelines/{number}"}}],
            "clusters": [
                {"label": "default", "autoscale": {"min_workers": 1, "max_workers": 5}}
            ],
            "configuration": {"pipelines.x": "ü"},
            "x_future_option": {"deep": [[1], []]},
        }
        state = pick(self.random, ("IDLE", "RUNNING", "FAILED"), 6, 2, 1)
        return self._made(pipeline_id, spec, email(number), state)

    def _made(self, pipeline_id: str, spec: Json, owner: str, state: str) -> Json:
        updates = [self._update("COMPLETED") for _ in range(self.random.randrange(4))]
        return {
            "pipeline_id": pipeline_id,
            "spec": spec,
            "state": state,
            "name": spec["name"],
            "creator_user_name": owner,
            "run_as_user_name": owner,
            "health": "HEALTHY",
            "last_modified": past(self.random),
            "latest_updates": updates,
        }

    def _update(self, state: str) -> Json:
        moment = f"2026-10-{self.random.randrange(1, 31):02d}T07:00:00.000Z"
        return {"update_id": uuid(self.random), "state": state, "creation_time": moment}

    def truth(self) -> Mapping[str, Callable[[], list[Row]]]:
        """Every pipeline with its specification, as get shows it."""
        return {"pipelines": lambda: rows(self._current(self.world.now()))}

    def securables(self) -> Mapping[str, Mapping[str, Any]]:
        """Every pipeline has permissions."""
        return {"pipelines": self.records}

    @route("GET", "/api/2.0/pipelines")
    def list_all(self, call: Call) -> Json:
        """Page through pipelines without their specifications."""
        page = _PAGES.cut(call, self._current(call.now))
        if "statuses" in page:
            page["statuses"] = [_listed(record) for record in page["statuses"]]
        return page

    @route("GET", _SPECIFICATION)
    def get(self, call: Call) -> Json:
        """Return one pipeline."""
        return self._known(call)

    @route("GET", _SPECIFICATION + "/updates")
    def updates(self, call: Call) -> Json:
        """Page through the updates of a pipeline."""
        return _UPDATES.cut(call, self._known(call)["latest_updates"])

    @route("GET", _SPECIFICATION + "/updates/{update_id}")
    def update_status(self, call: Call) -> Json:
        """Return one update."""
        updates = by("update_id", self._known(call)["latest_updates"])
        return {"update": known(updates, call.args["update_id"], "Update")}

    @route("GET", _SPECIFICATION + "/events")
    def events(self, call: Call) -> Json:
        """Page through events; with a token no other parameter but max_results is taken."""
        others = set(call.query) - {"page_token", "max_results"}
        if "page_token" in call.query and others:
            raise invalid(f"{sorted(others)} may not be given together with page_token.")
        updates = self._known(call)["latest_updates"]
        found = [
            {"id": update["update_id"], "event_type": "update_progress"}
            for update in updates
        ]
        return _EVENTS.cut(call, found)

    @route("POST", "/api/2.0/pipelines")
    def create(self, call: Call) -> Json:
        """Create; without ``allow_duplicate_names`` the name must be new."""
        name = call.text("name")
        taken = any(record["name"] == name for record in self.records.values())
        if taken and not call.flag("allow_duplicate_names"):
            text = f"The pipeline name '{name}' is already used by another pipeline."
            raise Refusal(409, "RESOURCE_CONFLICT", text)
        if call.flag("dry_run"):
            return {"effective_settings": call.json()}
        pipeline_id = uuid(self.random)
        spec = {"id": pipeline_id, **_settings(call)}
        record = self._made(pipeline_id, spec, email(0), "IDLE")
        self.records[pipeline_id] = record | {"latest_updates": []}
        return {"pipeline_id": pipeline_id}

    @route("PUT", _SPECIFICATION)
    def update(self, call: Call) -> Json:
        """Replace the specification, unless it changed since ``expected_last_modified``."""
        record, body = self._known(call), call.json()
        if (
            body.get("expected_last_modified", record["last_modified"])
            != record["last_modified"]
        ):
            raise Refusal(
                409, "RESOURCE_CONFLICT", "The pipeline was modified concurrently."
            )
        record["spec"] = {"id": record["pipeline_id"], **_settings(call)}
        record["name"] = body.get("name", record["name"])
        record["last_modified"] = int(call.now * 1000)
        return {}

    @route("POST", _SPECIFICATION + "/updates")
    def start_update(self, call: Call) -> Json:
        """Start an update; refused while one is active."""
        record = self._known(call)
        if record["pipeline_id"] in self._lives:
            text = (
                f"An active update already exists for pipeline '{record['pipeline_id']}'."
            )
            raise Refusal(409, "RESOURCE_CONFLICT", text)
        update = self._update("QUEUED")
        record["latest_updates"].insert(0, update)
        self._lives[record["pipeline_id"]] = machines.update_started(call.now, 60)
        self._show(record, call.now)
        return {"update_id": update["update_id"]}

    @route("POST", _SPECIFICATION + "/stop")
    def stop(self, call: Call) -> Json:
        """Stop the active update; nothing happens if there is none."""
        record = self._known(call)
        life = self._lives.get(record["pipeline_id"])
        if life is None:
            record["state"] = "IDLE"
        else:
            self._lives[record["pipeline_id"]] = machines.update_stopped(life, call.now)
            self._show(record, call.now)
        return {}

    @route("DELETE", _SPECIFICATION)
    def delete(self, call: Call) -> Json:
        """Delete; a second time it does not exist."""
        pipeline_id = self._known(call)["pipeline_id"]
        del self.records[pipeline_id]
        self._lives.pop(pipeline_id, None)
        return {}

    def _known(self, call: Call) -> Json:
        record = known(self.records, call.args["pipeline_id"], "The specified pipeline")
        self._show(record, call.now)
        return record

    def _current(self, now: float) -> list[Json]:
        for pipeline_id in [*self._lives]:
            self._show(self.records[pipeline_id], now)
        return [*self.records.values()]

    def _show(self, record: Json, now: float) -> None:
        life = self._lives.get(record["pipeline_id"])
        if life is None:
            return
        update = life.state(now)
        record["latest_updates"][0]["state"] = update
        record["state"] = machines.pipeline_state(update)
        if life.settled(now):
            del self._lives[record["pipeline_id"]]


def _listed(record: Json) -> Json:
    updates = record["latest_updates"][:5]
    return {key: record[key] for key in _LISTED} | {"latest_updates": updates}


def _settings(call: Call) -> Json:
    ignored = ("expected_last_modified", "allow_duplicate_names", "dry_run")
    return {key: value for key, value in call.json().items() if key not in ignored}
