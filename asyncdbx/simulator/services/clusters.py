"""Clusters: list, get, events, and everything that starts, stops or changes one."""

from collections.abc import Callable, Mapping
from typing import Any

from asyncdbx.simulator import machines
from asyncdbx.simulator.call import Call, Json, Refusal, invalid
from asyncdbx.simulator.machines import IllegalState, Life
from asyncdbx.simulator.paging import Pages, next_body
from asyncdbx.simulator.router import route
from asyncdbx.simulator.services.cluster_seed import (
    NODES,
    RUNTIMES,
    cluster,
    events,
    node_type,
)
from asyncdbx.simulator.words import hexadecimal
from asyncdbx.simulator.world import Row, Service, World, rows

Step = Callable[[Life, float], Life]
_PAGES = Pages("clusters")
_SPEC_ONLY = ("cluster_id", "idempotency_token", "apply_policy_default_values")
_FILTERS = {
    "filter_by.cluster_states": "state",
    "filter_by.cluster_sources": "cluster_source",
    "filter_by.policy_id": "policy_id",
}


def _paths(action: str) -> tuple[str, str]:
    """Return an action under the current version and the one that still works."""
    return f"/api/2.1/clusters/{action}", f"/api/2.0/clusters/{action}"


class Clusters(Service):
    """The clusters of one workspace."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        seeded = (cluster(self.random, number) for number in range(world.count(120)))
        self.records: dict[str, Json] = {record["cluster_id"]: record for record in seeded}
        self._lives: dict[str, Life] = {}
        self._tokens: dict[str, str] = {}
        self._pinned = {id_ for number, id_ in enumerate(self.records) if number % 9 == 0}
        for cluster_id in self._pinned:
            self.records[cluster_id]["pinned_by_user_name"] = "ada.0000@example.com"

    def truth(self) -> Mapping[str, Callable[[], list[Row]]]:
        """Every cluster as list and get show it."""
        return {"clusters": lambda: rows(self.current(self.world.now()))}

    def securables(self) -> Mapping[str, Mapping[str, Any]]:
        """Every cluster has permissions."""
        return {"clusters": self.records}

    def current(self, now: float) -> list[Json]:
        """Return all records, with the states they are in at ``now``."""
        for cluster_id in list(self._lives):
            self._show(cluster_id, now)
        return list(self.records.values())

    @route("GET", *_paths("list"))
    def list_all(self, call: Call) -> Json:
        """Page through clusters, filtered."""
        found = self.current(call.now)
        for argument, key in _FILTERS.items():
            if argument in call.query:
                found = [
                    record for record in found if record.get(key) == call.query[argument]
                ]
        if "filter_by.is_pinned" in call.query:
            wanted = call.flag("filter_by.is_pinned")
            found = [
                record
                for record in found
                if (record["cluster_id"] in self._pinned) is wanted
            ]
        return _PAGES.cut(call, found)

    @route("GET", *_paths("get"))
    def get(self, call: Call) -> Json:
        """Return one cluster; an unknown id is a 400."""
        return self._show(self._known(call), call.now)

    @route("POST", *_paths("events"))
    def events(self, call: Call) -> Json:
        """Page through the events of a cluster by ``next_page``, a complete body."""
        cluster_id = self._known(call)
        happened = events(self.world.random(f"events/{cluster_id}"), cluster_id)
        if call.text("order", "DESC") == "ASC":
            happened.reverse()
        return next_body(call, "events", happened)

    @route("GET", *_paths("spark-versions"))
    def spark_versions(self, call: Call) -> Json:
        """Return the runtimes, in no order."""
        return {"versions": [{"key": key, "name": name} for key, name in RUNTIMES]}

    @route("GET", *_paths("list-node-types"))
    def node_types(self, call: Call) -> Json:
        """Return the node types."""
        return {"node_types": [node_type(*node) for node in NODES]}

    @route("GET", *_paths("list-zones"))
    def zones(self, call: Call) -> Json:
        """Return the zones of a region."""
        return {
            "zones": ["eu-central-1a", "eu-central-1b"],
            "default_zone": "eu-central-1a",
        }

    @route("POST", *_paths("create"))
    def create(self, call: Call) -> Json:
        """Create a cluster; with the token of an active one, return that one."""
        call.text("spark_version")
        token = call.text("idempotency_token", "")
        active = self._tokens.get(token)
        if active in self.records and not self._is(active, "TERMINATED", call.now):
            return {"cluster_id": active}
        cluster_id = f"1123-{len(self.records):06d}-{hexadecimal(self.random, 8)}"
        self.records[cluster_id] = {
            "cluster_id": cluster_id,
            "creator_user_name": "ada.0000@example.com",
            "cluster_source": "API",
            "start_time": int(call.now * 1000),
            **_spec(call.json()),
        }
        if token:
            self._tokens[token] = cluster_id
        self._live(cluster_id, machines.cluster_created(call.now), call.now)
        return {"cluster_id": cluster_id}

    @route("POST", *_paths("start"))
    def start(self, call: Call) -> Json:
        """Start; refused unless TERMINATED."""
        return self._step(call, machines.cluster_started)

    @route("POST", *_paths("restart"))
    def restart(self, call: Call) -> Json:
        """Restart what runs."""
        return self._step(call, machines.cluster_restarted)

    @route("POST", *_paths("delete"))
    def delete(self, call: Call) -> Json:
        """Terminate."""
        return self._step(call, machines.cluster_terminated)

    @route("POST", *_paths("resize"))
    def resize(self, call: Call) -> Json:
        """Resize what runs."""
        self._step(call, machines.cluster_resized)
        self._change(call, {key: call.json()[key] for key in _SIZES if key in call.json()})
        return {}

    @route("POST", *_paths("edit"))
    def edit(self, call: Call) -> Json:
        """Replace the specification; what runs restarts."""
        call.text("spark_version")
        self._refuse_job_cluster(call)
        self._step(call, machines.cluster_edited)
        self._change(call, _spec(call.json()))
        return {}

    @route("POST", *_paths("update"))
    def update(self, call: Call) -> Json:
        """Change the fields that ``update_mask`` names."""
        fields = [name for name in call.text("update_mask").split(",") if "." not in name]
        self._refuse_job_cluster(call)
        self._step(call, machines.cluster_edited)
        given = call.json().get("cluster", {})
        self._change(call, {name: given[name] for name in fields if name in given})
        return {}

    @route("POST", *_paths("permanent-delete"))
    def permanent_delete(self, call: Call) -> Json:
        """Forget a cluster; a pinned one is refused."""
        cluster_id = self._known(call)
        if cluster_id in self._pinned:
            raise invalid(f"Cluster {cluster_id} is pinned. Unpin it before deleting it.")
        del self.records[cluster_id]
        self._lives.pop(cluster_id, None)
        return {}

    @route("POST", *_paths("pin"))
    def pin(self, call: Call) -> Json:
        """Pin: the cluster stays listed."""
        cluster_id = self._known(call)
        self._pinned.add(cluster_id)
        self.records[cluster_id]["pinned_by_user_name"] = "ada.0000@example.com"
        return {}

    @route("POST", *_paths("unpin"))
    def unpin(self, call: Call) -> Json:
        """Unpin."""
        cluster_id = self._known(call)
        self._pinned.discard(cluster_id)
        self.records[cluster_id].pop("pinned_by_user_name", None)
        return {}

    @route("POST", *_paths("change-owner"))
    def change_owner(self, call: Call) -> Json:
        """Give a terminated cluster another owner."""
        cluster_id = self._known(call)
        if not self._is(cluster_id, "TERMINATED", call.now):
            raise Refusal(400, "INVALID_STATE", f"Cluster {cluster_id} must be terminated.")
        self.records[cluster_id]["creator_user_name"] = call.text("owner_username")
        return {}

    def _known(self, call: Call) -> str:
        cluster_id = call.text("cluster_id")
        if cluster_id not in self.records:
            raise invalid(f"Cluster {cluster_id} does not exist")
        return cluster_id

    def _refuse_job_cluster(self, call: Call) -> None:
        cluster_id = self._known(call)
        if self.records[cluster_id]["cluster_source"] == "JOB":
            raise invalid(
                f"Cluster {cluster_id} was created by a job and cannot be edited."
            )

    def _life(self, cluster_id: str) -> Life:
        life = self._lives.get(cluster_id)
        return life or machines.settled(self.records[cluster_id]["state"])

    def _is(self, cluster_id: str, state: str, now: float) -> bool:
        return self._life(cluster_id).state(now) == state

    def _step(self, call: Call, step: Step) -> Json:
        cluster_id = self._known(call)
        try:
            life = step(self._life(cluster_id), call.now)
        except IllegalState as error:
            text = (
                f"Cluster {cluster_id} is in unexpected state {error.state.capitalize()}."
            )
            raise Refusal(400, "INVALID_STATE", text) from None
        self._live(cluster_id, life, call.now)
        return {}

    def _live(self, cluster_id: str, life: Life, now: float) -> None:
        self._lives[cluster_id] = life
        self._show(cluster_id, now)

    def _show(self, cluster_id: str, now: float) -> Json:
        """Bring a record up to ``now``; what has settled is looked at no more."""
        record, life = self.records[cluster_id], self._lives.get(cluster_id)
        if life is not None:
            record["state"] = life.state(now)
            record["state_message"] = ""
            if life.settled(now):
                del self._lives[cluster_id]
        return record

    def _change(self, call: Call, fields: Json) -> None:
        self.records[call.text("cluster_id")].update(fields)


_SIZES = ("num_workers", "autoscale")


def _spec(body: Json) -> Json:
    fields = {key: value for key, value in body.items() if key not in _SPEC_ONLY}
    return {"cluster_name": "", **fields, "spec": fields}
